//! Parts of a module file: the sections that a loader looks at, found by seeking.

use std::fs::File;
use std::io::Result;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::buffer::Buffer;
use crate::elf::{Elf, Header, Section, SectionType};

/// A file no longer than this is read at once: looking for its parts would take longer.
const SHORT: usize = 64 << 10;
/// A gap shorter than this is read with what lies around it: another system call takes longer.
const GAP: usize = 8 << 10;
/// The bytes at both ends of a section that is not loaded: headers, and what a section has to end with.
const EDGE: u64 = 64;
/// The end of the file, where signatures are.
const END: usize = 4 << 10;

/// Parts of a file, in order of place.
#[derive(Debug, Default)]
pub(super) struct Parts {
    places: Vec<Place>,
    bytes: Buffer,
}

/// Where a part stands in the file, where in memory, and its length.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    kept: usize,
    len: usize,
}

impl Parts {
    /// These, each with its place.
    pub fn of<'a>(parts: impl Iterator<Item = (usize, &'a [u8])>) -> Self {
        let (mut places, mut bytes) = (Vec::new(), Vec::new());
        for (start, part) in parts {
            places.push(Place { start, kept: bytes.len(), len: part.len() });
            bytes.extend_from_slice(part);
        }
        places.sort_unstable_by_key(|place| place.start);
        bytes.shrink_to_fit();
        Self { places, bytes: Buffer::from(bytes) }
    }

    /// Reads the parts of a file that a loader looks at: all of a short file. `None` for a longer one that is not ELF or has no
    /// section headers.
    pub fn read(file: &File, len: usize) -> Result<Option<Self>> {
        let Some(wanted) = wanted(file, len)? else { return Ok(None) };
        let mut parts = Self { places: Vec::with_capacity(wanted.len()), ..Self::default() };
        let bytes = parts.bytes.of_len(wanted.iter().map(Range::len).sum());
        let mut kept = 0;
        for range in wanted {
            let place = Place { start: range.start, kept, len: range.len() };
            kept += place.len;
            file.read_exact_at(bytes.get_mut(place.kept..kept).unwrap_or_default(), place.start as u64)?;
            parts.places.push(place);
        }
        Ok(Some(parts))
    }

    /// What there is from an offset on.
    pub fn from(&self, offset: usize) -> Option<&[u8]> {
        let behind = self.places.partition_point(|place| place.start <= offset);
        let place = self.places.get(behind.checked_sub(1)?)?;
        let part = self.bytes.get(place.kept..place.kept + place.len)?;
        part.get(offset - place.start..).filter(|rest| !rest.is_empty())
    }
}

/// The ranges of a file that hold what a loader looks at, in order and without overlap; all of a short file. `None` for a
/// longer one that is not ELF or has no section headers.
fn wanted(file: &File, len: usize) -> Result<Option<Vec<Range<usize>>>> {
    if len <= SHORT {
        return Ok(Some(Vec::from([Range { start: 0, end: len }])));
    }
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0)?;
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
    file.read_exact_at(&mut headers, header.e_shoff)?;
    let at_start = Header { e_shoff: 0, ..header };
    let sections = Elf::new(&headers, elf.class(), elf.endian()).sections(&at_start).unwrap_or_default();
    let inside = |range: Range<u64>| {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        (start < end && end <= len).then_some(start..end)
    };
    let looked_at = sections.iter().flat_map(|section| looked_at(section, &sections));
    let mut ranges: Vec<_> = looked_at.filter_map(inside).collect();
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

/// The parts of a section that a loader looks at: all of the tables and of what is loaded or short; of anything else,
/// such as type information, its first and last bytes. Where that is wrong, the whole file is read in the end.
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
