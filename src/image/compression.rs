//! The compressions modules are shipped in, told by their magic.

use std::fmt;
use std::io::Read;

use serde::Serialize;

use super::ErrorKind;

/// The largest module gplok decompresses: 512 MiB. The largest real ones, graphics drivers with debug information, stay
/// below 200 MiB.
pub const DECOMPRESSED_LIMIT: usize = 512 << 20;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// Tells it by the first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

/// Undoes a compression, in memory proportional to what comes out and never more than [`DECOMPRESSED_LIMIT`].
///
/// # Errors
/// When the data is broken, cut short, or grows beyond the limit.
pub fn decompress(compression: Compression, bytes: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let broken = |source| ErrorKind::Compressed { compression, produced: 0, source };
    let reader: Box<dyn Read + '_> = match compression {
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        // A dictionary may ask for memory long before there is output: bound it as xz itself does by default for files
        // made with its highest preset (64 MiB of dictionary), with room to spare.
        Compression::Xz => Box::new(liblzma::read::XzDecoder::new_stream(
            bytes,
            liblzma::stream::Stream::new_stream_decoder(256 << 20, liblzma::stream::CONCATENATED)
                .map_err(|error| broken(error.into()))?,
        )),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
            decoder.window_log_max(27).map_err(broken)?;
            Box::new(decoder)
        }
    };
    let mut contents = Vec::with_capacity(bytes.len().saturating_mul(4).min(DECOMPRESSED_LIMIT));
    let result = reader.take(DECOMPRESSED_LIMIT as u64 + 1).read_to_end(&mut contents);
    if contents.len() > DECOMPRESSED_LIMIT {
        return Err(ErrorKind::TooLarge { compression, limit: DECOMPRESSED_LIMIT });
    }
    match result {
        Ok(_) => Ok(contents),
        Err(source) => Err(ErrorKind::Compressed { compression, produced: contents.len(), source }),
    }
}

/// Undoes the first stream only; never more than [`DECOMPRESSED_LIMIT`].
pub(super) fn first_stream(compression: Compression, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    let limit = DECOMPRESSED_LIMIT as u64;
    match compression {
        Compression::Gzip => flate2::read::GzDecoder::new(bytes).take(limit).read_to_end(&mut contents)?,
        Compression::Xz => liblzma::read::XzDecoder::new(bytes).take(limit).read_to_end(&mut contents)?,
        Compression::Zstd => {
            zstd::stream::read::Decoder::with_buffer(bytes)?.single_frame().take(limit).read_to_end(&mut contents)?
        }
    };
    Ok(contents)
}
