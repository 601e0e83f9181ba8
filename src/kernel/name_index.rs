//! A hash index of names that does not copy them.

use crate::terms::name_hash;

/// A hash table of entry numbers. The caller keeps the names and compares them.
///
/// The table keeps 32 bits of each name's hash and returns only entries with the hash of the name, so a lookup usually touches
/// the table, one entry and that entry's name. However many entries have one name, adding one takes the same time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NameIndex {
    /// The number of slots is a power of two, and at least half of them are free. A hash lies in its home slot or in the next
    /// free one after it, with the last entry pushed that has it.
    slots: Vec<Slot>,
    /// The entries whose hash an earlier entry has too, each with the last such entry before it, in ascending order. Few names
    /// are listed twice.
    before: Vec<(u32, u32)>,
    /// The number of entries, and of different hashes.
    len: u32,
    used: usize,
}

/// The hash of an entry's name, and the entry's number plus one; 0 in a free slot.
type Slot = (u32, u32);

const FREE: Slot = (0, 0);

impl NameIndex {
    /// An empty index with room for about `entries` entries.
    pub fn with_capacity(entries: usize) -> Self {
        Self { slots: vec![FREE; entries.max(8).next_power_of_two() * 2], ..Self::default() }
    }

    /// Adds the next entry. Entries are numbered from 0 in the order of pushing.
    pub fn push(&mut self, name: &str) {
        if self.used >= self.slots.len() / 2 {
            let larger = vec![FREE; self.slots.len().max(8) * 2];
            let entries = std::mem::replace(&mut self.slots, larger);
            entries.into_iter().filter(|slot| *slot != FREE).for_each(|slot| _ = self.put(slot));
        }
        self.len = self.len.saturating_add(1);
        match self.put((short(name_hash(name.as_bytes())), self.len)) {
            FREE => self.used += 1,
            (_, before) => self.before.push((self.len, before)),
        }
    }

    /// Puts an entry into the slot of its hash. Returns what was there.
    fn put(&mut self, entry: Slot) -> Slot {
        let mut at = self.home(entry.0);
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == FREE || slot.0 == entry.0 {
                return std::mem::replace(slot, entry);
            }
            at = self.next(at);
        }
        FREE
    }

    /// The entries that may have the name with this [`name_hash`], the last one pushed first.
    pub fn candidates(&self, hash: u64) -> impl Iterator<Item = usize> {
        let hash = short(hash);
        let mut at = self.home(hash);
        while self.slots.get(at).is_some_and(|slot| *slot != FREE && slot.0 != hash) {
            at = self.next(at);
        }
        let last = self.slots.get(at).map(|(_, entry)| *entry).filter(|entry| *entry != 0);
        let entries = std::iter::successors(last, |entry| self.entry_before(*entry));
        entries.filter_map(|entry| usize::try_from(entry - 1).ok())
    }

    /// The last entry before this one that has its hash.
    fn entry_before(&self, entry: u32) -> Option<u32> {
        let place = self.before.binary_search_by_key(&entry, |(entry, _)| *entry).ok()?;
        self.before.get(place).map(|(_, before)| *before)
    }

    /// The entry in the home slot of a name with this [`name_hash`], if any. A caller that looks up several names can use it to load
    /// memory ahead.
    pub fn first(&self, hash: u64) -> Option<usize> {
        let (_, entry) = *self.slots.get(self.home(short(hash)))?;
        usize::try_from(entry.checked_sub(1)?).ok()
    }

    fn home(&self, hash: u32) -> usize {
        usize::try_from(hash).unwrap_or_default() & self.slots.len().wrapping_sub(1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & self.slots.len().wrapping_sub(1)
    }
}

/// The part of a hash that the table keeps.
fn short(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_and_the_last_of_a_name_comes_first() {
        let names: Vec<String> = (0..1000).map(|number| format!("name_{}", number % 700)).collect();
        for capacity in [0, 100, 1000] {
            let mut index = NameIndex::with_capacity(capacity);
            names.iter().for_each(|name| index.push(name));
            for name in &names {
                let found = index.candidates(name_hash(name.as_bytes())).filter(|place| names[*place] == *name);
                let all = (0..names.len()).rev().filter(|place| names[*place] == *name);
                assert_eq!(found.collect::<Vec<_>>(), all.collect::<Vec<_>>());
            }
            assert_eq!(index.candidates(name_hash(b"another")).filter(|place| names[*place] == "another").count(), 0);
        }
        assert_eq!(NameIndex::default().candidates(name_hash(b"a")).count(), 0);
    }
}
