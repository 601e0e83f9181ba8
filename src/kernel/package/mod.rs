//! The packages that distributions ship kernels in. A package is read as a stream: nothing is installed, and memory holds one
//! buffer of it at a time.

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
pub(super) use format::PackageFormat;
pub use format::{is_package, package_around};
pub(super) use store::PackageStore;
