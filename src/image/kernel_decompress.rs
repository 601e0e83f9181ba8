//! Decompression like the kernel's own decompressors, which know fewer integrity checks than user space and ignore what
//! follows the first stream.

use crate::compression::{Compression, first_stream};

/// Why decompression fails, as kernel/module/decompress.c distinguishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelDecompressFault {
    /// The data ends too early.
    Truncated,
    /// The data has an integrity check that the kernel does not know: for xz it only knows CRC32, while `xz` itself
    /// writes CRC64 by default.
    UnsupportedCheck,
    /// The data is broken.
    Broken,
}

/// Decompresses the first stream and ignores what follows it, as the kernel does.
///
/// # Errors
/// If the kernel cannot decompress the bytes.
pub fn kernel_decompress(compression: Compression, bytes: &[u8]) -> Result<Vec<u8>, KernelDecompressFault> {
    // Stream flags follow the magic: a zero byte, then the kind of check (0 for none, 1 for CRC32).
    if compression == Compression::Xz && bytes.get(7).is_some_and(|check| *check > 1) {
        return Err(KernelDecompressFault::UnsupportedCheck);
    }
    first_stream(compression, bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => KernelDecompressFault::Truncated,
        _ => KernelDecompressFault::Broken,
    })
}
