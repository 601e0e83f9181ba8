//! Reads only the parts of a module file that a loader looks at.

use std::fs::File;
use std::io::Result;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::buffer::Buffer;
use crate::elf::{Elf, Header, Section, SectionType};
use crate::terms::{Budget, Claim};

/// A file up to this size is read as a whole: finding its parts would take longer. In bytes.
const SHORT: usize = 64 << 10;
/// A gap up to this size is read together with the parts around it: another system call would take longer.
const GAP: usize = 8 << 10;
/// How many bytes are read at both ends of a section that is not loaded: its header, and the bytes it must end with.
const EDGE: u64 = 64;
/// How many bytes are read at the end of the file, where signatures are.
const END: usize = 4 << 10;

/// Parts of a file, in the order of their offsets.
#[derive(Debug, Default)]
pub(super) struct Parts {
    ranges: Vec<HeldRange>,
    /// The bytes of all parts, one after another.
    bytes: Buffer,
}

/// A range of the file that is in memory.
#[derive(Clone, Copy, Debug)]
struct HeldRange {
    /// Its offset in the file.
    start: usize,
    /// Its offset in [`Parts::bytes`].
    held_at: usize,
    len: usize,
}

impl Parts {
    /// Takes parts with their offsets in the file.
    pub fn of(parts: &[(usize, &[u8])]) -> Self {
        let mut ranges = Vec::with_capacity(parts.len());
        let mut bytes = Vec::with_capacity(parts.iter().map(|(_, part)| part.len()).sum());
        for &(start, part) in parts {
            ranges.push(HeldRange { start, held_at: bytes.len(), len: part.len() });
            bytes.extend_from_slice(part);
        }
        ranges.sort_unstable_by_key(|range| range.start);
        Self { ranges, bytes: Buffer::from(bytes) }
    }

    /// Reads the parts of a file that a loader looks at. A short file is read as a whole; `None` for a longer file that
    /// is not ELF or whose section headers are not inside it.
    ///
    /// # Errors
    /// If the file cannot be read, ends before `len`, or if the parts do not fit into the budget.
    pub fn read(file: &File, len: usize, budget: &Budget) -> Result<Option<(Self, Claim)>> {
        let read = |into: &mut [u8], at: usize| file.read_exact_at(into, at as u64);
        let Some(wanted) = wanted(read, len)? else { return Ok(None) };
        let mut parts = Self { ranges: Vec::with_capacity(wanted.len()), ..Self::default() };
        let size = wanted.iter().map(Range::len).sum();
        let claim = budget.take(size)?;
        let bytes = parts.bytes.of_len(size)?;
        let mut held = 0;
        for range in wanted {
            let range = HeldRange { start: range.start, held_at: held, len: range.len() };
            held += range.len;
            file.read_exact_at(bytes.get_mut(range.held_at..held).unwrap_or_default(), range.start as u64)?;
            parts.ranges.push(range);
        }
        Ok(Some((parts, claim)))
    }

    /// The bytes from a file offset to the end of its part; `None` if the byte at the offset is not in memory.
    pub fn from(&self, offset: usize) -> Option<&[u8]> {
        let behind = self.ranges.partition_point(|range| range.start <= offset);
        let range = self.ranges.get(behind.checked_sub(1)?)?;
        let part = self.bytes.get(range.held_at..range.held_at + range.len)?;
        part.get(offset - range.start..).filter(|rest| !rest.is_empty())
    }
}

/// The ranges of a file that a loader looks at, in order and without overlap; one range for a short file. `None` for a
/// longer file that is not ELF or whose section headers are not inside it. `read` fills a slice from an offset in the file on.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn wanted(read: impl Fn(&mut [u8], usize) -> Result<()>, len: usize) -> Result<Option<Vec<Range<usize>>>> {
    if len <= SHORT {
        return Ok(Some(Vec::from([Range { start: 0, end: len }])));
    }
    let mut head = [0; 64];
    read(&mut head, 0)?;
    let Some((class, endian)) = Elf::ident(&head) else { return Ok(None) };
    let elf = Elf::new(&head, class, endian);
    let Some(header) = elf.header() else { return Ok(None) };
    let size = usize::from(header.e_shnum) * elf.section_header_size();
    let table = usize::try_from(header.e_shoff).unwrap_or(usize::MAX);
    let Some(table_end) = table.checked_add(size).filter(|end| *end <= len) else { return Ok(None) };
    let mut headers = vec![0; size];
    read(&mut headers, table)?;
    let at_start = Header { e_shoff: 0, ..header };
    let sections = Elf::new(&headers, class, endian).sections(&at_start).unwrap_or_default();
    let section_ranges = sections.iter().flat_map(|section| looked_at(section, &sections));
    let mut ranges: Vec<_> = section_ranges.filter_map(|range| within(range, len)).collect();
    ranges.extend([0..head.len(), table..table_end, len.saturating_sub(END)..len]);
    Ok(Some(merged(ranges, GAP)))
}

/// The ranges in order, in which those that overlap or have at most `gap` between them are one.
pub(super) fn merged(mut ranges: Vec<Range<usize>>, gap: usize) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// The range in `usize`; `None` if it is empty or does not end within `len`.
fn within(range: Range<u64>, len: usize) -> Option<Range<usize>> {
    let start = usize::try_from(range.start).ok()?;
    let end = usize::try_from(range.end).ok()?;
    (start < end && end <= len).then_some(start..end)
}

/// The parts of a section that a loader looks at: the whole section if it is a symbol, string or relocation table, is
/// loaded, or is short; the first and last bytes of any other section, such as type information. If a loader needs
/// more, the whole file is read later.
fn looked_at(section: &Section, all: &[Section]) -> [Range<u64>; 2] {
    let end = section.offset.saturating_add(section.size);
    let whole = match section.kind {
        SectionType::NULL | SectionType::NOBITS => return [0..0, 0..0],
        SectionType::SYMTAB | SectionType::STRTAB => true,
        SectionType::REL | SectionType::RELA => {
            let target = usize::try_from(section.info).ok().and_then(|index| all.get(index));
            if !target.is_some_and(Section::is_alloc) {
                return [0..0, 0..0];
            }
            true
        }
        _ => section.is_alloc(),
    };
    if whole || section.size <= 2 * EDGE {
        return [section.offset..end, 0..0];
    }
    [section.offset..section.offset.saturating_add(EDGE), end - EDGE..end]
}
