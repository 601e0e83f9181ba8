//! Finding one of many names in a text without copying any.

use crate::terms::name_hash;

/// No entry.
const NONE: u32 = u32::MAX;

/// A hash table of entry numbers: entries whose names share a slot are chained, the last first. Whoever asks compares
/// the names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NameIndex {
    heads: Vec<u32>,
    next: Vec<u32>,
}

impl NameIndex {
    /// An empty index for about so many entries.
    pub fn with_capacity(entries: usize) -> Self {
        Self { heads: vec![NONE; entries.max(8).next_power_of_two() * 2], next: Vec::with_capacity(entries) }
    }

    /// Adds the next entry: entries are numbered from 0 in the order they come.
    pub fn push(&mut self, name: &str) {
        let entry = u32::try_from(self.next.len()).unwrap_or(NONE);
        let slot = self.slot(name);
        let before = self.heads.get_mut(slot).map_or(NONE, |head| std::mem::replace(head, entry));
        self.next.push(before);
    }

    /// The entries that may have that name.
    pub fn candidates(&self, name: &str) -> impl Iterator<Item = usize> {
        let index = |entry: u32| usize::try_from(entry).ok().filter(|_| entry != NONE);
        let first = self.heads.get(self.slot(name)).copied().and_then(index);
        std::iter::successors(first, move |entry| self.next.get(*entry).copied().and_then(index))
    }

    fn slot(&self, name: &str) -> usize {
        let low = name_hash(name.as_bytes()) & u64::from(u32::MAX);
        usize::try_from(low).unwrap_or_default() & self.heads.len().saturating_sub(1)
    }
}
