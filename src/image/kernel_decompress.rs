//! Decompression as the kernel's own decompressors do it: stricter than user space in one thing, laxer in another.

use crate::compression::{Compression, first_stream};

/// What goes wrong, as kernel/module/decompress.c sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelDecompressFault {
    /// The data ends too early.
    Truncated,
    /// An integrity check that the kernel does not know: of xz it has CRC32 only, while `xz` itself writes CRC64.
    UnsupportedCheck,
    /// The data is broken.
    Broken,
}

/// Undoes a compression as the kernel does: the first stream counts, and what follows it is passed over.
///
/// # Errors
/// When the kernel would not.
pub fn kernel_decompress(compression: Compression, bytes: &[u8]) -> Result<Vec<u8>, KernelDecompressFault> {
    // Stream flags follow the magic: a zero byte, then the kind of check (0 none, 1 CRC32).
    if compression == Compression::Xz && bytes.get(7).is_some_and(|check| *check > 1) {
        return Err(KernelDecompressFault::UnsupportedCheck);
    }
    first_stream(compression, bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => KernelDecompressFault::Truncated,
        _ => KernelDecompressFault::Broken,
    })
}
