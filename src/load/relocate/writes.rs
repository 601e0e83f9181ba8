//! The bytes that earlier relocations wrote to a section.

use std::collections::HashMap;

use super::span::Span;

/// What is known about the bytes at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bytes {
    /// All are zero.
    Zero,
    /// At least one is not zero.
    Nonzero,
    /// It depends on addresses.
    Unsure,
}

/// One write of a relocation: the low `width` bytes of one of the values in `value`.
#[derive(Clone, Copy, Debug)]
struct Write {
    offset: u64,
    width: u32,
    value: Span,
    /// Whether the bytes as a whole are not zero, even if no single byte is known.
    nonzero: bool,
}

/// The writes to one section.
///
/// Relocations nearly always are in ascending order and do not overlap: `ascending` holds their writes. `late` holds
/// the other writes byte by byte, and takes precedence over `ascending`.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    ascending: Vec<Write>,
    /// The end of the highest write so far.
    high: u64,
    late: HashMap<u64, Bytes>,
}

impl Write {
    /// What is known about the byte at `offset`, which the write must cover.
    fn byte(&self, offset: u64) -> Bytes {
        let Some((low, high)) = self.value.low_bits(self.width * 8) else { return Bytes::Unsure };
        let shift = u32::try_from(offset - self.offset).unwrap_or(0) * 8;
        let low = low >> shift;
        let high = high >> shift;
        // If the higher bytes are equal in every possible value, this byte ranges from that of `low` to that of `high`.
        if low >> 8 != high >> 8 {
            Bytes::Unsure
        } else if low & 0xff > 0 {
            Bytes::Nonzero
        } else if high & 0xff == 0 {
            Bytes::Zero
        } else {
            Bytes::Unsure
        }
    }

    fn end(&self) -> u64 {
        self.offset.saturating_add(self.width.into())
    }

    const fn covers(&self, offset: u64) -> bool {
        self.offset <= offset && offset - self.offset < self.width as u64
    }
}

impl Writes {
    /// Records a write of `width` bytes (at most 8) inside the section; `nonzero` says that not all of them can be
    /// zero.
    pub(super) fn write(&mut self, offset: u64, width: u32, value: Span, nonzero: bool) {
        let write = Write { offset, width, value, nonzero };
        let end = offset.saturating_add(width.into());
        if offset >= self.high {
            self.ascending.push(write);
        } else {
            self.late.extend((offset..end).map(|at| (at, write.byte(at))));
        }
        self.high = self.high.max(end);
    }

    /// Notes bytes that are not zero before any relocation.
    pub(super) fn fill(&mut self, offset: u64, width: u64) {
        let end = offset.saturating_add(width);
        self.late.extend((offset..end).map(|at| (at, Bytes::Nonzero)));
        self.high = self.high.max(end);
    }

    /// What is known about the bytes at a place: those written last, else those in the file; a section without contents
    /// is zero.
    pub(super) fn bytes(&self, contents: &[u8], offset: u64, width: u32) -> Bytes {
        let end = offset.saturating_add(width.into());
        if offset >= self.high {
            return if range(contents, offset, end).iter().all(|byte| *byte == 0) {
                Bytes::Zero
            } else {
                Bytes::Nonzero
            };
        }
        let first = self.ascending.partition_point(|write| write.offset < offset);
        let whole = self.ascending.get(first..).unwrap_or_default().iter().take_while(|write| write.end() <= end);
        if whole.filter(|write| write.nonzero).any(|write| self.is_intact(write)) {
            return Bytes::Nonzero;
        }
        (offset..end).map(|at| self.byte(contents, at)).fold(Bytes::Zero, |all, one| match (all, one) {
            (Bytes::Nonzero, _) | (_, Bytes::Nonzero) => Bytes::Nonzero,
            (Bytes::Unsure, _) | (_, Bytes::Unsure) => Bytes::Unsure,
            (Bytes::Zero, Bytes::Zero) => Bytes::Zero,
        })
    }

    /// Returns whether no later write covers any byte of this one.
    fn is_intact(&self, write: &Write) -> bool {
        (write.offset..write.end()).all(|at| !self.late.contains_key(&at))
    }

    /// What is known about the byte at `at`.
    fn byte(&self, contents: &[u8], at: u64) -> Bytes {
        let before = self.ascending.partition_point(|write| write.offset <= at).checked_sub(1);
        let listed = before.and_then(|index| self.ascending.get(index)).filter(|write| write.covers(at));
        match (self.late.get(&at), listed) {
            (Some(late), _) => *late,
            (None, Some(write)) => write.byte(at),
            (None, None) if range(contents, at, at + 1).iter().all(|byte| *byte == 0) => Bytes::Zero,
            (None, None) => Bytes::Nonzero,
        }
    }
}

/// The part of a range that lies inside `contents`.
fn range(contents: &[u8], start: u64, end: u64) -> &[u8] {
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(contents.len());
    contents.get(index(start)..index(end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_writes_cover_earlier_ones() {
        let mut writes = Writes::default();
        assert_eq!(writes.bytes(&[0, 0, 7], 0, 4), Bytes::Nonzero);
        writes.write(0, 4, Span::exact(0), false);
        assert_eq!(writes.bytes(&[0, 0, 7], 0, 4), Bytes::Zero);
        writes.write(2, 4, Span::exact(0x0100), false);
        assert_eq!(writes.bytes(&[], 0, 4), Bytes::Nonzero);
        assert_eq!(writes.bytes(&[], 0, 3), Bytes::Zero);
        writes.write(4, 8, Span::exact(0), false);
        assert_eq!(writes.bytes(&[], 3, 8), Bytes::Nonzero);
        assert_eq!(writes.bytes(&[], 4, 8), Bytes::Zero);
    }

    /// The upper bytes of a module's address are known not to be zero, although the address is not known.
    #[test]
    fn an_unknown_address_has_known_bytes() {
        let mut writes = Writes::default();
        writes.write(0, 8, Span::between(0xffff_ffff_a000_0000, 0xffff_ffff_ff00_0000), false);
        writes.write(8, 4, Span::ANY, false);
        assert_eq!(writes.bytes(&[], 0, 8), Bytes::Nonzero);
        assert_eq!(writes.bytes(&[], 3, 1), Bytes::Nonzero);
        assert_eq!(writes.bytes(&[], 0, 3), Bytes::Unsure);
        assert_eq!(writes.bytes(&[], 8, 4), Bytes::Unsure);
        assert_eq!(writes.bytes(&[], 12, 4), Bytes::Zero);
        writes.write(12, 4, Span::ANY, true);
        assert_eq!(writes.bytes(&[], 12, 4), Bytes::Nonzero);
        assert_eq!(writes.bytes(&[], 12, 3), Bytes::Unsure);
    }
}
