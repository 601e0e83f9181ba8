//! The size of a structure, from the BTF type information of a kernel (Documentation/bpf/btf.rst, include/uapi/linux/btf.h).

use std::ops::Range;

use memchr::memmem::{find, find_iter};

use super::memory::KernelMemory;

const MAGIC: u64 = 0xeb9f;
const HEADER: usize = 24;
const STRUCT: u64 = 4;

/// The range of the type information: its section, otherwise the largest part of the file that a BTF header describes in full.
pub(super) fn range(memory: &KernelMemory) -> Option<Range<usize>> {
    if memory.has_sections() {
        return memory.section(".BTF");
    }
    let magic: &[u8] = &match memory.endian() {
        crate::terms::Endian::Little => [0x9f, 0xeb, 1, 0, 24, 0, 0, 0],
        crate::terms::Endian::Big => [0xeb, 0x9f, 1, 0, 0, 0, 0, 24],
    };
    // The kernel's own type information, which the others are based on, is the largest.
    find_iter(memory.bytes(), magic).filter_map(|at| described(memory, at)).max_by_key(Range::len)
}

/// The range that the header at `at` describes, if the types come first, the strings follow them and end in a NUL.
fn described(memory: &KernelMemory, at: usize) -> Option<Range<usize>> {
    let field = |number: usize| usize::try_from(memory.number(at + number * 4, 4)?).ok();
    let types = field(2)?;
    let length = field(3)?;
    let strings = field(4)?;
    let end = at.checked_add(HEADER)?.checked_add(strings)?.checked_add(field(5)?)?;
    let is_whole = types == 0 && strings == length && length > 0 && memory.bytes().get(end - 1) == Some(&0);
    is_whole.then_some(at..end)
}

/// `sizeof(struct NAME)` in bytes; `None` if there is no such structure, or several of different sizes.
pub(super) fn struct_size(memory: &KernelMemory, btf: &Range<usize>, name: &str) -> Option<u64> {
    let number = |at: usize, width: usize| memory.number(at, width).filter(|_| at + width <= btf.end);
    let field = |index: usize| usize::try_from(number(btf.start + index * 4, 4)?).ok();
    if number(btf.start, 2)? != MAGIC {
        return None;
    }
    let body = btf.start.checked_add(field(1)?)?;
    let types = body.checked_add(field(2)?)?;
    let types_length = field(3)?;
    let strings = memory.bytes().get(body.checked_add(field(4)?)?..btf.end)?;
    let strings = strings.get(..field(5)?).unwrap_or(strings);
    // The table holds each string once, and the empty string first.
    let wanted = u64::try_from(find(strings, format!("\0{name}\0").as_bytes())? + 1).ok()?;
    let end = types.checked_add(types_length)?.min(btf.end);
    let mut at = types;
    let mut found = None;
    while at < end {
        let name = number(at, 4)?;
        let info = number(at + 4, 4)?;
        let size = number(at + 8, 4)?;
        let kind = (info >> 24) & 0x1f;
        let members = usize::try_from(info & 0xffff).ok()?;
        if kind == STRUCT && name == wanted {
            if found.is_some_and(|found| found != size) {
                return None;
            }
            found = Some(size);
        }
        at = at.checked_add(12)?.checked_add(trailing_size(kind, members)?)?;
    }
    found
}

/// The number of bytes that follow the record of a type; `None` for an unknown kind.
fn trailing_size(kind: u64, members: usize) -> Option<usize> {
    Some(match kind {
        // Pointer, forward, typedef, the qualifiers, function, float, type tag.
        2 | 7..=12 | 16 | 18 => 0,
        // Integer, variable, declaration tag.
        1 | 14 | 17 => 4,
        // Array.
        3 => 12,
        // Structure, union, section, 64-bit enumeration.
        4 | 5 | 15 | 19 => 12 * members,
        // Enumeration, prototype.
        6 | 13 => 8 * members,
        _ => return None,
    })
}
