//! Parts of a module file: the sections that a loader looks at, found by seeking.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};
use std::ops::Range;

use crate::elf::{Elf, Header, Section, SectionType};

/// A gap shorter than this is read with what lies around it: another system call takes longer.
const GAP: usize = 8 << 10;
/// The bytes at both ends of a section that is not loaded: headers, and what a section has to end with.
const EDGE: u64 = 64;
/// The end of the file, where signatures are.
const END: usize = 4 << 10;

/// Parts of a file, in order of place.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<(usize, Vec<u8>)>);

impl Parts {
    /// These, each with its place.
    pub fn of<'a>(parts: impl Iterator<Item = (usize, &'a [u8])>) -> Self {
        let mut parts: Vec<_> = parts.map(|(start, bytes)| (start, bytes.to_vec())).collect();
        parts.sort_unstable_by_key(|(start, _)| *start);
        Self(parts)
    }

    /// Reads what a loader looks at; nothing of a file that is no ELF file.
    pub fn read(mut file: &File, len: usize) -> Result<Self> {
        let mut parts = Vec::new();
        for Range { start, end } in wanted(file, len)?.unwrap_or_default() {
            file.seek(SeekFrom::Start(start as u64))?;
            let mut bytes = Vec::with_capacity(end - start);
            file.take((end - start) as u64).read_to_end(&mut bytes)?;
            parts.push((start, bytes));
        }
        Ok(Self(parts))
    }

    /// What there is from an offset on.
    pub fn from(&self, offset: usize) -> Option<&[u8]> {
        let behind = self.0.partition_point(|(start, _)| *start <= offset);
        let (start, bytes) = self.0.get(behind.checked_sub(1)?)?;
        bytes.get(offset - start..).filter(|rest| !rest.is_empty())
    }
}

/// The ranges of a file that hold what a loader looks at, in order and apart; `None` when it is no ELF file.
fn wanted(mut file: &File, len: usize) -> Result<Option<Vec<Range<usize>>>> {
    let mut head = [0; 64];
    file.read_exact(&mut head)?;
    let Some((elf, header)) = Elf::ident(&head).and_then(|(class, endian)| {
        let elf = Elf::new(&head, class, endian);
        Some((elf, elf.header()?))
    }) else {
        return Ok(None);
    };
    let size = usize::from(header.e_shnum) * elf.section_header_size();
    let table = usize::try_from(header.e_shoff).unwrap_or(usize::MAX);
    let Some(table_end) = table.checked_add(size).filter(|end| *end <= len) else { return Ok(None) };
    let mut headers = vec![0; size];
    file.seek(SeekFrom::Start(header.e_shoff))?;
    file.read_exact(&mut headers)?;
    let at_start = Header { e_shoff: 0, ..header };
    let sections = Elf::new(&headers, elf.class(), elf.endian()).sections(&at_start).unwrap_or_default();
    let inside = |range: Range<u64>| {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        (start < end && end <= len).then_some(start..end)
    };
    let mut ranges: Vec<_> =
        sections.iter().flat_map(|section| looked_at(section, &sections)).filter_map(inside).collect();
    ranges.extend([0..head.len(), table..table_end, len.saturating_sub(END)..len]);
    ranges.sort_unstable_by_key(|range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP) => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    Ok(Some(apart))
}

/// The parts of a section that a loader looks at: all of what is loaded and of the tables beside it; of anything else, such as
/// type information, its first and last bytes. Where that is wrong, the whole file is read in the end.
fn looked_at(section: &Section, all: &[Section]) -> [Range<u64>; 2] {
    let end = section.offset.saturating_add(section.size);
    let is_loaded = match section.kind {
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
    if is_loaded || section.size <= 2 * EDGE {
        return [section.offset..end, 0..0];
    }
    [section.offset..section.offset.saturating_add(EDGE), end - EDGE..end]
}
