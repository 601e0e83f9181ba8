//! Decompression as the kernel does it in `finit_module()` (kernel/module/decompress.c). Its decoders know fewer options than
//! those of user space, read the first stream only, and say in other words what is wrong.

mod gzip;
mod outcome;
mod xz;
mod zstd;

pub use outcome::{KernelDecompressFault, KernelNeeds};

use self::outcome::KernelResult;
use super::Compression;
use crate::terms::{Budget, CountedBytes};

/// Returns what the kernel needs to decompress `stored` to the contents that user space has decompressed without an error, as
/// far as that can be told without decompressing it again. `None` if the kernel may read something else, or nothing.
pub fn kernel_needs(compression: Compression, stored: &[u8]) -> Option<KernelNeeds> {
    match compression {
        Compression::Xz => xz::needs(stored),
        Compression::Gzip => gzip::needs(stored),
        Compression::Zstd => zstd::needs(stored),
        _ => None,
    }
}

/// The options and the memory that the kernel may need to decompress a file, whatever comes of it.
pub fn kernel_wants(compression: Compression, stored: &[u8]) -> KernelNeeds {
    match compression {
        Compression::Xz => xz::wants(stored),
        Compression::Zstd => zstd::needs(stored).unwrap_or_default(),
        _ => KernelNeeds::default(),
    }
}

/// Decompresses a file as the kernel does. `lacking` are the options among [`KernelNeeds::options`] that it is built without.
///
/// # Errors
/// If the kernel cannot decompress it, or if the contents exceed the budget.
pub fn kernel_decompress(
    compression: Compression,
    stored: &[u8],
    lacking: &[&str],
    budget: &Budget,
) -> KernelResult<CountedBytes> {
    match compression {
        Compression::Xz => xz::decompress(stored, lacking, budget),
        Compression::Gzip => gzip::decompress(stored, budget),
        Compression::Zstd => zstd::decompress(stored, budget),
        _ => Err(KernelDecompressFault::Refused { line: String::new(), why: "is no format of modules".into() }),
    }
}

#[cfg(test)]
mod tests;
