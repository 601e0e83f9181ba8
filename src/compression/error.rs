//! Why compressed data cannot be decompressed.

use super::Compression;
use crate::terms::Shown;

/// Compressed data could not be decompressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// The data is broken or truncated.
    #[error("broken {compression} data after {produced} bytes of output: {}", Shown(source))]
    Broken {
        /// The format.
        compression: Compression,
        /// The number of bytes decompressed before the error.
        produced: usize,
        /// The decompressor's own error.
        source: std::io::Error,
    },
    /// The data is not known to be broken, but decompressing it takes more memory than there is, than gplok uses for it, or than
    /// is left of its budget ([`Budget`](crate::terms::Budget)).
    #[error("{compression} data that cannot be decompressed in memory: {}", Shown(source))]
    Memory {
        /// The format.
        compression: Compression,
        /// The decompressor's own error.
        source: std::io::Error,
    },
    /// The output is larger than the limit.
    #[error("{compression} data grows beyond {limit} bytes")]
    TooLarge {
        /// The format.
        compression: Compression,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The output is larger than that of any real file of this size.
    #[error(
        "{compression} data grows beyond {limit} bytes, more than {ratio} times its size: a larger --max-memory allows that"
    )]
    OutOfProportion {
        /// The format.
        compression: Compression,
        /// How many times as large as its input the output may be.
        ratio: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}
