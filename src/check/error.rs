//! Why modules could not be judged.

use crate::terms::Shown;

/// Why modules could not be judged, or `modprobe` could not find one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModprobeError {
    /// The tree has no such module.
    #[error("module {} not found in the kernel's module tree", Shown(.0))]
    NotFound(String),
    /// A module file cannot be read.
    #[error(transparent)]
    Image(#[from] crate::image::Error),
}
