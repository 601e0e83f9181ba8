//! Decompressors for modules, packages and kernel images, with limits on memory or on the size of the output; and those of the
//! kernel, for modules that it decompresses itself.

mod blocks;
mod busybox;
mod complaints;
mod decoder;
mod error;
mod format;
mod kernel;
mod kmod;
mod lz4;
mod lzo;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
mod xz;

pub use busybox::{XzForBusyBox, xz_for_busybox};
pub use complaints::{DEPMOD_READS, KMOD_READS, complaints};
pub use decoder::{
    DECOMPRESSED_LIMIT, decompress, decompress_module, decompress_payload, decompress_section, decompressor,
};
pub use error::CompressionError;
pub use format::Compression;
pub use kernel::{KernelDecompressFault, KernelNeeds, kernel_decompress, kernel_needs, kernel_wants};
pub use kmod::{NotAtOnce, not_at_once};
