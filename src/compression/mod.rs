//! Decompressors for modules, packages and kernel images, with limits on memory or on the size of the output; and those of the
//! kernel, for modules that it decompresses itself.

mod blocks;
mod decoder;
mod error;
mod format;
mod kernel;
mod lz4;
mod lzo;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
mod xz;

pub use decoder::{DECOMPRESSED_LIMIT, decompress, decompress_payload, decompress_section, decompressor};
pub use error::CompressionError;
pub use format::{Compression, lacks_size};
pub use kernel::{KernelDecompressFault, KernelNeeds, kernel_decompress, kernel_needs, kernel_wants};
