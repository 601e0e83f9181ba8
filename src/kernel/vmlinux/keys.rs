//! The certificates compiled into a kernel: `system_certificate_list` (certs/system_certificates.S). The kernel loads them into
//! the keyring that module signatures are verified with.

use super::kallsyms::Kallsyms;
use super::memory::KernelMemory;
use crate::x509::Certificate;

/// The largest list that is read. The certificates of any distribution are smaller.
const MAX_SIZE: u64 = 1 << 20;

/// The certificates that the symbols enclose; `None` if those are not whole certificates.
pub(super) fn by_symbols(memory: &KernelMemory, symbols: &Kallsyms) -> Option<Vec<Certificate>> {
    let start = memory.offset_of(symbols.address_of("system_certificate_list")?)?;
    let size = memory.offset_of(symbols.address_of("system_certificate_list_size")?)?;
    let size = memory.number(size, memory.word()).filter(|size| *size <= MAX_SIZE)?;
    let list = memory.bytes().get(start..start.checked_add(usize::try_from(size).ok()?)?)?;
    let parts = certificates_in(list);
    let is_whole = parts.iter().map(|part| part.len()).sum::<usize>() == list.len();
    is_whole.then(|| parsed(&parts))
}

/// Parses certificates. One that cannot be parsed is skipped, as the kernel does with a message (`load_certificate_list()`,
/// certs/common.c).
fn parsed(parts: &[&[u8]]) -> Vec<Certificate> {
    parts.iter().filter_map(|part| Certificate::parse_all(part).ok()).flatten().collect()
}

/// The list in an image without symbols. It starts at a multiple of 8, and certificates follow each other. At the next multiple
/// of 8 follow the size of the list and the size of its first certificate (`module_cert_size`, since 5.13; in an older kernel
/// the list cannot be distinguished from that of revoked keys). `None` unless there is exactly one such list.
pub(super) fn by_shape(memory: &KernelMemory) -> Option<Vec<Certificate>> {
    let bytes = memory.bytes();
    let mut lists = memchr::memmem::find_iter(bytes, &[0x30, 0x82]).filter(|at| at % 8 == 0).filter_map(|start| {
        let rest = bytes.get(start..)?;
        let rest = rest.get(..usize::try_from(MAX_SIZE).ok()?).unwrap_or(rest);
        let parts = certificates_in(rest);
        let mut size = 0;
        let first = u64::try_from(parts.first()?.len()).ok()?;
        parts.iter().find_map(|part| {
            size += part.len();
            let end = (start + size).next_multiple_of(8);
            let is_list = memory.number(end, 8) == u64::try_from(size).ok()
                && matches!(memory.number(end + 8, 8), Some(own) if own == first || own == 0);
            is_list.then_some(start..start + size)
        })
    });
    let list = lists.next()?;
    if lists.next().is_some() {
        return None;
    }
    Some(parsed(&certificates_in(bytes.get(list)?)))
}

/// The encoded certificates at the beginning of `bytes`: each is a SEQUENCE with a length of two bytes.
fn certificates_in(bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let [0x30, 0x82, high, low, ..] = rest {
        let Some((part, after)) = rest.split_at_checked(4 + usize::from(u16::from_be_bytes([*high, *low]))) else {
            break;
        };
        parts.push(part);
        rest = after;
    }
    parts
}
