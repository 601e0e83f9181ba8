//! Decompressors for modules, packages and kernel images, with limits on memory or on the size of the output.

mod blocks;
mod decoder;
mod error;
mod format;
mod lz4;
mod lzo;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
mod xz;

pub(crate) use decoder::first_stream;
pub use decoder::{DECOMPRESSED_LIMIT, decompress, decompress_payload, decompress_section, decompressor};
pub use error::CompressionError;
pub use format::Compression;
