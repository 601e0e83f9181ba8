//! The bytes of a module in memory: all of them, or only the parts that a loader looks at.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::parts::{Parts, merged};
use crate::terms::{Budget, Claim, CountedBytes};

/// Shared bytes, or a prefix of them: the loader cuts off a signature without copying.
///
/// It is possible that only parts of a file are in memory. Nothing here reads a file. A range that is inside the file
/// but not in memory is answered with `None` or with no bytes, never with zeros, and [`Bytes::lacked`] returns `true`
/// from then on: a caller must then discard what it computed from these bytes and compute it again from the whole file.
#[derive(Clone, Debug, Default)]
pub struct Bytes {
    source: Arc<Source>,
    len: usize,
}

#[derive(Debug, Default)]
struct Source {
    held: Held,
    /// Set once a range was asked for that is not in memory.
    lacked: AtomicBool,
    /// What is in memory, counted in a budget.
    claim: Claim,
}

/// What is in memory.
#[derive(Debug)]
enum Held {
    All(Vec<u8>),
    Parts(Parts),
}

impl Default for Held {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Bytes {
    /// Parts of a file that is `len` bytes long.
    pub(super) fn partial(len: usize, parts: Parts, claim: Claim) -> Self {
        Self { source: Arc::new(Source { held: Held::Parts(parts), lacked: AtomicBool::new(false), claim }), len }
    }

    /// The budget that they are counted in.
    pub(crate) fn budget(&self) -> Budget {
        self.source.claim.budget()
    }

    /// Copies some ranges, and omits those that are not in memory.
    pub(super) fn reduced(&self, ranges: &[Range<u64>]) -> Self {
        let is_held = |range: &Range<usize>| {
            let held = self.held(range.start).unwrap_or_default();
            range.end.checked_sub(range.start).is_some_and(|len| len <= held.len())
        };
        let ranges = ranges.iter().filter_map(|range| {
            let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
            is_held(&range).then_some(range)
        });
        // Ranges that overlap become one: a shorter one would hide what lies behind it in the other.
        let kept = merged(ranges.collect(), 0);
        let parts = kept.iter().filter_map(|range| Some((range.start, self.held(range.start)?.get(..range.len())?)));
        let parts: Vec<_> = parts.collect();
        let size = kept.iter().map(Range::len).sum();
        Self::partial(self.len, Parts::of(&parts), self.budget().hold(size))
    }

    /// The number of bytes, in memory or not.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns whether all of the bytes are in memory.
    pub fn is_whole(&self) -> bool {
        self.held(0).unwrap_or_default().len() == self.len
    }

    /// Returns whether a range was asked for that is not in memory. What was computed from these bytes is then invalid.
    pub fn lacked(&self) -> bool {
        self.source.lacked.load(Ordering::Relaxed)
    }

    /// The bytes of a range of file offsets; `None` if it is not inside the bytes or not in memory.
    pub fn get(&self, range: Range<u64>) -> Option<&[u8]> {
        self.part(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }

    /// The bytes of a range; `None` if it is not inside the bytes or not in memory.
    pub fn part(&self, range: Range<usize>) -> Option<&[u8]> {
        if range.end > self.len || range.start > range.end {
            return None;
        }
        if range.is_empty() {
            return Some(&[]);
        }
        let part = self.held(range.start).and_then(|rest| rest.get(..range.len()));
        if part.is_none() {
            self.note_lack();
        }
        part
    }

    /// All bytes; an empty slice if not all of them are in memory.
    pub fn whole(&self) -> &[u8] {
        let held = self.held(0).unwrap_or_default();
        if held.len() < self.len {
            self.note_lack();
            return &[];
        }
        held
    }

    /// The bytes in memory from `offset` to the first gap. The caller needs `least` bytes, or all up to the end if
    /// there are fewer; if not that many are in memory, this is noted as for any other range.
    pub(crate) fn tail(&self, offset: usize, least: usize) -> &[u8] {
        let tail = self.held(offset).unwrap_or_default();
        if tail.len() < least.min(self.len.saturating_sub(offset)) {
            self.note_lack();
        }
        tail
    }

    /// The bytes in memory from `offset` to the first gap; `None` beyond the end, or if the first byte is not in
    /// memory.
    fn held(&self, offset: usize) -> Option<&[u8]> {
        let left = self.len.checked_sub(offset)?;
        let held = match &self.source.held {
            Held::All(bytes) => bytes.get(offset..)?,
            Held::Parts(parts) => parts.from(offset)?,
        };
        held.get(..held.len().min(left))
    }

    fn note_lack(&self) {
        self.source.lacked.store(true, Ordering::Relaxed);
    }

    /// The first `len` bytes; all bytes if there are fewer.
    #[must_use]
    pub fn prefix(&self, len: usize) -> Self {
        Self { source: Arc::clone(&self.source), len: self.len.min(len) }
    }

    /// Returns whether these bytes share memory with `other` and are a prefix of it.
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.len <= other.len
    }

    /// Returns whether these bytes share memory with `other` and have its length.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.len == other.len
    }
}

impl From<CountedBytes> for Bytes {
    fn from(bytes: CountedBytes) -> Self {
        let (bytes, claim) = bytes.into_parts();
        let len = bytes.len();
        Self { source: Arc::new(Source { held: Held::All(bytes), lacked: AtomicBool::new(false), claim }), len }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        CountedBytes::from(bytes).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_not_in_memory_are_never_answered_with_other_bytes() {
        let whole = Bytes::from((0..=99).collect::<Vec<u8>>());
        let bytes = whole.reduced(&[10..20, 50..60]);
        assert_eq!((bytes.len(), bytes.is_whole()), (100, false));
        assert_eq!(bytes.part(12..14), Some(&[12, 13][..]));
        assert_eq!(bytes.get(50..60), Some(&(50..60).collect::<Vec<u8>>()[..]));
        assert_eq!(bytes.part(98..101), None);
        assert_eq!(bytes.tail(55, 1), [55, 56, 57, 58, 59]);
        assert!(!bytes.lacked(), "all of that was in memory, or outside the file");
        assert_eq!(bytes.part(18..22), None);
        assert!(bytes.lacked());
    }

    #[test]
    fn a_prefix_hides_the_bytes_after_it() {
        let bytes = Bytes::from(vec![1, 2, 3, 4]).prefix(3);
        assert_eq!((bytes.whole(), bytes.part(2..4), bytes.tail(2, 9)), (&[1, 2, 3][..], None, &[3][..]));
        assert!(!bytes.lacked());
        assert!(bytes.reduced(&[0..2, 3..4]).whole().is_empty());
    }
}
