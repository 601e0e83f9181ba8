//! The certificates compiled into a kernel: `system_certificate_list` (certs/system_certificates.S), which fills the keyring
//! that module signatures are verified with.

use super::kallsyms::Kallsyms;
use super::memory::Memory;
use crate::x509::Certificate;

/// More than all certificates of a distribution together have.
const MAX_SIZE: u64 = 1 << 20;

/// The certificates between their symbols; `None` when those do not enclose whole certificates.
pub(super) fn by_symbols(memory: &Memory, symbols: &Kallsyms) -> Option<Vec<Certificate>> {
    let start = memory.offset_of(symbols.address_of("system_certificate_list")?)?;
    let size = memory.offset_of(symbols.address_of("system_certificate_list_size")?)?;
    let size = memory.number(size, memory.word()).filter(|size| *size <= MAX_SIZE)?;
    let list = memory.bytes().get(start..start.checked_add(usize::try_from(size).ok()?)?)?;
    let parts = certificates_in(list);
    let whole = parts.iter().map(|part| part.len()).sum::<usize>() == list.len();
    whole.then(|| parsed(&parts))
}

/// One that the kernel could not parse is passed over, as it does with a message (`load_certificate_list()`, certs/common.c).
fn parsed(parts: &[&[u8]]) -> Vec<Certificate> {
    parts.iter().filter_map(|part| Certificate::parse_all(part).ok()).flatten().collect()
}

/// The list without a name for it: certificates one behind the other from a place divisible by eight on, followed, at the next
/// such place, by how many bytes they are, and by how many the first of them is (`module_cert_size`, since 5.13: a kernel
/// before that does not tell its list from that of revoked keys).
pub(super) fn by_shape(memory: &Memory) -> Option<Vec<Certificate>> {
    let bytes = memory.bytes();
    let mut lists = memchr::memmem::find_iter(bytes, &[0x30, 0x82]).filter(|at| at % 8 == 0).filter_map(|start| {
        let rest = bytes.get(start..)?;
        let rest = rest.get(..usize::try_from(MAX_SIZE).ok()?).unwrap_or(rest);
        let parts = certificates_in(rest);
        let mut size = 0;
        let first = u64::try_from(parts.first()?.len()).ok()?;
        parts.iter().find_map(|part| {
            size += part.len();
            let behind = (start + size).next_multiple_of(8);
            let number = |at| memory.number(at, 8);
            let told = number(behind) == u64::try_from(size).ok()
                && matches!(number(behind + 8), Some(own) if own == first || own == 0);
            told.then_some(start..start + size)
        })
    });
    let list = lists.next()?;
    let only = lists.next().is_none();
    only.then(|| Some(parsed(&certificates_in(bytes.get(list)?)))).flatten()
}

/// The encoded certificates at the beginning of some bytes: each a SEQUENCE with a length of two bytes.
fn certificates_in(bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let [0x30, 0x82, high, low, ..] = rest {
        let Some((part, behind)) = rest.split_at_checked(4 + usize::from(u16::from_be_bytes([*high, *low]))) else {
            break;
        };
        parts.push(part);
        rest = behind;
    }
    parts
}
