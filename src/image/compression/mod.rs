//! The compressions that modules, kernel images and packages are shipped in, told by their magic.

mod blocks;
mod decoder;
mod format;
mod lz4;
mod lzo;
#[cfg(test)]
mod tests;
mod xz;

pub(super) use decoder::first_stream;
pub use decoder::{DECOMPRESSED_LIMIT, decompress, decompress_payload, decompress_section, decompressor};
pub use format::Compression;
