//! The size of a structure, out of the type information of a kernel: Documentation/bpf/btf.rst, include/uapi/linux/btf.h.

use std::ops::Range;

use memchr::memmem::{find, find_iter};

use super::memory::Memory;

const MAGIC: u64 = 0xeb9f;
const HEADER: usize = 24;
const STRUCT: u64 = 4;

/// Where the type information lies: its section, or wherever a header of it describes as many bytes as follow.
pub(super) fn place(memory: &Memory) -> Option<Range<usize>> {
    if memory.has_sections() {
        return memory.section(".BTF");
    }
    let magic: &[u8] = &match memory.endian() {
        crate::terms::Endian::Little => [0x9f, 0xeb, 1, 0, 24, 0, 0, 0],
        crate::terms::Endian::Big => [0xeb, 0x9f, 1, 0, 0, 0, 0, 24],
    };
    let whole = |at: usize| {
        let field = |number: usize| usize::try_from(memory.number(at + number * 4, 4)?).ok();
        let (types, length, strings, size) = (field(2)?, field(3)?, field(4)?, field(5)?);
        let end = at.checked_add(HEADER)?.checked_add(strings)?.checked_add(size)?;
        let good = types == 0 && strings == length && length > 0 && memory.bytes().get(end - 1) == Some(&0);
        good.then_some(at..end)
    };
    // The kernel's own is the largest: it describes the others.
    find_iter(memory.bytes(), magic).filter_map(whole).max_by_key(Range::len)
}

/// `sizeof(struct NAME)`; `None` when there is no such structure, or several of different sizes.
pub(super) fn struct_size(memory: &Memory, btf: &Range<usize>, name: &str) -> Option<u64> {
    let number = |at: usize, width: usize| memory.number(at, width).filter(|_| at + width <= btf.end);
    let field = |index: usize| usize::try_from(number(btf.start + index * 4, 4)?).ok();
    if number(btf.start, 2)? != MAGIC {
        return None;
    }
    let body = btf.start.checked_add(field(1)?)?;
    let (types, types_length) = (body.checked_add(field(2)?)?, field(3)?);
    let strings = memory.bytes().get(body.checked_add(field(4)?)?..btf.end)?;
    let strings = strings.get(..field(5)?).unwrap_or(strings);
    // Strings are there once each, the empty one first.
    let wanted = u64::try_from(find(strings, format!("\0{name}\0").as_bytes())? + 1).ok()?;
    let end = types.checked_add(types_length)?.min(btf.end);
    let (mut at, mut found) = (types, None);
    while at < end {
        let (name, info, size) = (number(at, 4)?, number(at + 4, 4)?, number(at + 8, 4)?);
        let (kind, members) = ((info >> 24) & 0x1f, usize::try_from(info & 0xffff).ok()?);
        if kind == STRUCT && name == wanted {
            if found.is_some_and(|found| found != size) {
                return None;
            }
            found = Some(size);
        }
        at = at.checked_add(12)?.checked_add(behind(kind, members)?)?;
    }
    found
}

/// How many bytes follow the record of a type.
fn behind(kind: u64, members: usize) -> Option<usize> {
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
