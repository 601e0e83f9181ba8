//! The packages that distributions ship kernels in, read as streams: nothing is installed, and memory holds one buffer.

mod deb;
mod decompressed;
mod entry;
mod error;
mod format;
mod rpm;
mod sparse;
mod store;
mod tar;
#[cfg(test)]
mod tests;

pub use error::PackageError;
pub(super) use format::Format;
pub(super) use store::PackageStore;
