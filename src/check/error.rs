//! Why modules could not be judged.

/// Why modules could not be judged, or `modprobe` could not find one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModprobeError {
    /// The tree has no such module.
    #[error("module {0} not found in the kernel's module tree")]
    NotFound(String),
    /// A module file cannot be read.
    #[error(transparent)]
    Image(#[from] crate::image::Error),
}
