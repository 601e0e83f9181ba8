//! All types and strings of one kernel.

use super::header::Header;
use super::record::{Record, Width};
use crate::terms::Endian;

/// Where the types of a table begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    header: Header,
    endian: Endian,
    width: Width,
    /// The offset of each type among the types; type 1 is the first.
    starts: Vec<u32>,
}

/// The types and strings of a kernel. They are based on no others.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    index: &'a Index,
}

impl Index {
    /// Finds the types in type information; `None` if it is cut short or has a type of an unknown kind.
    pub fn of(bytes: &[u8], endian: Endian) -> Option<Self> {
        let header = Header::read(bytes, endian).filter(|header| header.magic == Header::MAGIC)?;
        // Both came with one change, and tools write the long header since.
        let width = if header.header_len < Header::LONG { Width::Narrow } else { Width::Wide };
        let mut index = Self { header, endian, width, starts: Vec::new() };
        index.strings_in(bytes)?;
        let types = index.types_in(bytes)?;
        let mut at = 0;
        while at < types.len() {
            let record = Record::read(types.get(at..)?, endian, width)?;
            index.starts.push(u32::try_from(at).ok()?);
            at = at.checked_add(Record::LEN)?.checked_add(record.rest_len()?)?;
        }
        (at == types.len()).then_some(index)
    }

    fn part<'a>(&self, bytes: &'a [u8], offset: u32, len: u32) -> Option<&'a [u8]> {
        let start = usize::try_from(self.header.header_len.checked_add(offset)?).ok()?;
        bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    }

    fn types_in<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.part(bytes, self.header.types_offset, self.header.types_len)
    }

    fn strings_in<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.part(bytes, self.header.strings_offset, self.header.strings_len)
    }
}

impl<'a> Table<'a> {
    /// The table of type information and its index.
    pub fn new(bytes: &'a [u8], index: &'a Index) -> Self {
        let types = index.types_in(bytes).unwrap_or_default();
        Self { types, strings: index.strings_in(bytes).unwrap_or_default(), index }
    }

    /// The number of types, with `void`, which has the number 0.
    pub fn count(self) -> u32 {
        u32::try_from(self.index.starts.len()).map_or(u32::MAX, |len| len.saturating_add(1))
    }

    /// A type; `None` for `void` and beyond the last type.
    pub fn get(self, id: u32) -> Option<Record<'a>> {
        let start = *self.index.starts.get(usize::try_from(id.checked_sub(1)?).ok()?)?;
        Record::read(self.types.get(usize::try_from(start).ok()?..)?, self.index.endian, self.index.width)
    }

    /// The types, each with its number.
    pub fn types(self) -> impl Iterator<Item = (u32, Record<'a>)> {
        (1..self.count()).filter_map(move |id| Some((id, self.get(id)?)))
    }

    /// The length of all strings in bytes.
    pub fn strings_len(self) -> u32 {
        self.index.header.strings_len
    }

    /// The string at an offset, without its NUL; `None` beyond the end.
    pub fn string(self, offset: u32) -> Option<&'a [u8]> {
        let rest = self.strings.get(usize::try_from(offset).ok()?..).filter(|rest| !rest.is_empty())?;
        rest.get(..memchr::memchr(0, rest).unwrap_or(rest.len()))
    }

    /// The byte order.
    pub fn endian(self) -> Endian {
        self.index.endian
    }
}
