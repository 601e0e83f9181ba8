//! The kernel's gzip decoder: `module_gzip_decompress()` (kernel/module/decompress.c) and lib/zlib_inflate.

use flate2::{Decompress, FlushDecompress, Status};

use super::outcome::{KernelDecompressFault, KernelNeeds, KernelResult};
use crate::compression::decoder::DECOMPRESSED_LIMIT;
use crate::terms::{Budget, CountedBytes};

const FIXED: usize = 10;
const FLAGS: usize = 3;
const FLAG_NAME: u8 = 8;
/// Values that `zlib_inflate()` returns (include/linux/zlib.h).
const DATA_ERROR: i32 = -3;
const BUF_ERROR: i32 = -5;
/// The step in which the output grows.
const STEP: usize = 1 << 20;

/// The kernel reads what user space reads if the header has nothing but a name and the file is one member.
pub(super) fn needs(stored: &[u8]) -> Option<KernelNeeds> {
    header_len(stored)?;
    let plain = stored.get(FLAGS).is_some_and(|flags| flags & !FLAG_NAME == 0);
    let again = memchr::memmem::find(stored.get(1..)?, &[0x1f, 0x8b, 8]);
    (plain && again.is_none()).then(KernelNeeds::default)
}

/// Mirrors `module_gzip_header_len()`: it skips a name, and nothing else that a header may have.
fn header_len(stored: &[u8]) -> Option<usize> {
    let rest = stored.get(FIXED..).filter(|_| stored.starts_with(&[0x1f, 0x8b, 8]))?;
    if stored.get(FLAGS).is_some_and(|flags| flags & FLAG_NAME != 0) {
        return Some(FIXED + memchr::memchr(0, rest)? + 1);
    }
    Some(FIXED)
}

pub(super) fn decompress(stored: &[u8], budget: &Budget) -> KernelResult<CountedBytes> {
    let Some(data) = header_len(stored).and_then(|len| stored.get(len..)) else {
        let line = "not a gzip compressed module".to_owned();
        return Err(KernelDecompressFault::Refused { line, why: "has a header that the kernel does not take".into() });
    };
    let mut inflate = Decompress::new(false);
    let mut contents = Vec::new();
    let mut claim = budget.hold(0);
    loop {
        let read = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
        let before = contents.len();
        claim.grow_to(contents.len() + STEP)?;
        contents.reserve(STEP);
        let input = data.get(read..).unwrap_or_default();
        match inflate.decompress_vec(input, &mut contents, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return Ok(CountedBytes::new(contents, claim)),
            Ok(_) if contents.len() > DECOMPRESSED_LIMIT => return Err(KernelDecompressFault::Limit),
            Ok(_) if contents.len() == before && inflate.total_in() == read as u64 => {
                return Err(KernelDecompressFault::status(BUF_ERROR, "is cut short"));
            }
            Ok(_) => {}
            Err(_) => return Err(KernelDecompressFault::status(DATA_ERROR, damage(stored))),
        }
    }
}

fn damage(stored: &[u8]) -> &'static str {
    match stored.get(FLAGS) {
        Some(flags) if flags & !FLAG_NAME != 0 => {
            "has an extra field, a comment or a check in its header, which the kernel takes for data"
        }
        _ => "is damaged",
    }
}
