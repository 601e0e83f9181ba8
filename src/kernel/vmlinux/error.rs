//! Why a kernel image cannot be read.

/// A kernel image could not be read.
#[derive(Debug, thiserror::Error)]
#[error("at offset {offset:#x}: {kind}")]
pub struct ImageError {
    /// The offset in the file, or in the data unpacked from it.
    pub offset: usize,
    /// What is wrong.
    pub kind: ImageErrorKind,
}

impl ImageError {
    pub(super) const fn new(offset: usize, kind: ImageErrorKind) -> Self {
        Self { offset, kind }
    }
}

/// What is wrong with a kernel image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageErrorKind {
    /// The file ends within a header.
    #[error("the file ends within {0}")]
    Truncated(&'static str),
    /// A header points beyond the end.
    #[error("the {what} ends at {end:#x}, but the file has {have:#x} bytes")]
    Outside {
        /// The part that the header describes.
        what: &'static str,
        /// The offset of its end.
        end: usize,
        /// The size of the file.
        have: usize,
    },
    /// The payload is compressed in none of the formats that kernels use.
    #[error("compressed in an unknown way: it begins with {0:02x?}")]
    UnknownCompression(Vec<u8>),
    /// The payload cannot be decompressed.
    #[error("{0}")]
    Compressed(crate::compression::CompressionError),
    /// The container holds no compressed data.
    #[error("no compressed kernel in it")]
    NoPayload,
    /// The file is a relocatable object.
    #[error("a module or another object to be linked, not a kernel")]
    Relocatable,
    /// The file has no Linux banner.
    #[error("it has no banner \"Linux version …\": not a Linux kernel")]
    NoBanner,
    /// The file is neither a kernel nor a container of one.
    #[error("neither a kernel nor a boot image with one")]
    Unknown,
    /// Too many containers within each other.
    #[error("more than {0} containers in each other")]
    TooDeep(usize),
}
