//! The BTF type information in a kernel's image.

use std::ops::Range;

use memchr::memmem::find_iter;

use super::memory::KernelMemory;
use crate::btf::Header;
use crate::terms::Endian;

/// The range of the type information: its section, otherwise the largest part of the file that a BTF header describes in full.
pub(super) fn range(memory: &KernelMemory) -> Option<Range<usize>> {
    if memory.has_sections() {
        return memory.section(".BTF");
    }
    let magic: &[u8] = match memory.endian() {
        Endian::Little => &[0x9f, 0xeb, 1, 0],
        Endian::Big => &[0xeb, 0x9f, 1, 0],
    };
    // The kernel's own type information, which the others are based on, is the largest.
    find_iter(memory.bytes(), magic).filter_map(|at| described(memory, at)).max_by_key(Range::len)
}

/// The range that the header at `at` describes, if the types come first, the strings follow them and end in a NUL.
fn described(memory: &KernelMemory, at: usize) -> Option<Range<usize>> {
    let header = Header::read(memory.bytes().get(at..)?, memory.endian())?;
    let is_long = header.header_len == Header::LONG;
    if header.header_len != Header::SHORT && !is_long
        || header.types_offset != 0
        || header.strings_offset < header.types_len
        || header.types_len == 0
    {
        return None;
    }
    let body = at.checked_add(usize::try_from(header.header_len).ok()?)?;
    let strings_end =
        body.checked_add(usize::try_from(header.strings_offset.checked_add(header.strings_len)?).ok()?)?;
    let layout_end = body.checked_add(usize::try_from(header.layout_offset.checked_add(header.layout_len)?).ok()?)?;
    // Only a layout can lie between the types and the strings.
    let is_adjacent = header.strings_offset == header.types_len || is_long && header.layout_len > 0;
    let end = strings_end.max(layout_end);
    let is_whole =
        is_adjacent && memory.bytes().get(strings_end.checked_sub(1)?) == Some(&0) && end <= memory.bytes().len();
    is_whole.then_some(at..end)
}
