//! What can keep a kernel image from being read.

/// A kernel image could not be read.
#[derive(Debug, thiserror::Error)]
#[error("at offset {offset:#x}: {kind}")]
pub struct ImageError {
    /// Where in the file, or in what was unpacked out of it.
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
pub enum ImageErrorKind {
    /// The file ends within a header.
    #[error("the file ends within {0}")]
    Truncated(&'static str),
    /// A header points beyond the end.
    #[error("the {what} ends at {end:#x}, but the file has {have:#x} bytes")]
    Outside {
        /// What it points to.
        what: &'static str,
        /// Where that ends.
        end: usize,
        /// How long the file is.
        have: usize,
    },
    /// None of the compressions that kernels are packed with.
    #[error("compressed in an unknown way: it begins with {0:02x?}")]
    UnknownCompression(Vec<u8>),
    /// Broken compressed data.
    #[error("{0}")]
    Compressed(crate::compression::CompressionError),
    /// Nothing that is packed.
    #[error("no compressed kernel in it")]
    NoPayload,
    /// A relocatable object.
    #[error("a module or another object to be linked, not a kernel")]
    Relocatable,
    /// Something that does not call itself Linux.
    #[error("it has no banner \"Linux version …\": not a Linux kernel")]
    NoBanner,
    /// Neither a kernel nor a container of one.
    #[error("neither a kernel nor a boot image with one")]
    Unknown,
    /// Containers in containers.
    #[error("more than {0} containers in each other")]
    TooDeep(usize),
}
