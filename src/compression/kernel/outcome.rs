//! The result of decompression by the kernel: what it needs for it, or why it fails.

use crate::terms::OverBudget;

/// What the kernel needs so that it decompresses a file to the contents that user space sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelNeeds {
    /// Options of its configuration, without `CONFIG_`: decoders of filters.
    pub options: Vec<&'static str>,
    /// The memory that its decoder allocates at once, in bytes.
    pub memory: u64,
}

/// Why the kernel cannot decompress a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelDecompressFault {
    /// The kernel prints this line and returns EINVAL.
    Refused {
        /// The line.
        line: String,
        /// Why, in words that follow the name of the format.
        why: String,
    },
    /// The contents are larger than gplok decompresses, which says nothing about the kernel.
    Limit,
}

impl From<OverBudget> for KernelDecompressFault {
    fn from(_: OverBudget) -> Self {
        Self::Limit
    }
}

impl KernelDecompressFault {
    pub(super) fn status(status: i32, why: impl Into<String>) -> Self {
        Self::Refused { line: format!("decompression failed with status {status}"), why: why.into() }
    }
}

pub(super) type KernelResult<T> = Result<T, KernelDecompressFault>;
