//! A hash index of names that does not copy them.

use crate::terms::name_hash;

/// A hash table of entry numbers. The caller keeps the names and compares them.
///
/// The table keeps 32 bits of each name's hash and returns only entries with the hash of the name, so a lookup usually touches
/// the table, one entry and that entry's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NameIndex {
    /// The number of slots is a power of two, and at least half of them are free. An entry lies in its home slot, which its
    /// hash gives, or in the next free one after it. Of entries with equal hashes the last one pushed comes first.
    slots: Vec<Slot>,
    len: u32,
}

/// The hash of an entry's name, and the entry's number plus one; 0 in a free slot.
type Slot = (u32, u32);

const FREE: Slot = (0, 0);

impl NameIndex {
    /// An empty index with room for about `entries` entries.
    pub fn with_capacity(entries: usize) -> Self {
        Self { slots: vec![FREE; entries.max(8).next_power_of_two() * 2], len: 0 }
    }

    /// Adds the next entry. Entries are numbered from 0 in the order of pushing.
    pub fn push(&mut self, name: &str) {
        if usize::try_from(self.len).unwrap_or(usize::MAX) >= self.slots.len() / 2 {
            let larger = vec![FREE; self.slots.len().max(8) * 2];
            let mut entries = std::mem::replace(&mut self.slots, larger);
            entries.retain(|slot| *slot != FREE);
            entries.sort_unstable_by_key(|(_, entry)| *entry);
            entries.into_iter().for_each(|slot| self.put(slot));
        }
        self.len = self.len.saturating_add(1);
        self.put((hash(name.as_bytes()), self.len));
    }

    /// Puts an entry into its home slot, and moves each entry in the way to the next slot.
    fn put(&mut self, mut moved: Slot) {
        let mut at = self.home(moved.0);
        while let Some(slot) = self.slots.get_mut(at)
            && moved != FREE
        {
            std::mem::swap(slot, &mut moved);
            at = self.next(at);
        }
    }

    /// The entries that may have a name, the last one pushed first.
    pub fn candidates(&self, name: &[u8]) -> impl Iterator<Item = usize> {
        let hash = hash(name);
        let mut at = self.home(hash);
        let slots = std::iter::from_fn(move || {
            let slot = *self.slots.get(at)?;
            at = self.next(at);
            (slot != FREE).then_some(slot)
        });
        slots.filter(move |(other, _)| *other == hash).filter_map(|(_, entry)| usize::try_from(entry - 1).ok())
    }

    /// The entry in a name's home slot, if any. A caller that looks up several names can use it to load memory ahead.
    pub fn first(&self, name: &[u8]) -> Option<usize> {
        let (_, entry) = *self.slots.get(self.home(hash(name)))?;
        usize::try_from(entry.checked_sub(1)?).ok()
    }

    fn home(&self, hash: u32) -> usize {
        usize::try_from(hash).unwrap_or_default() & self.slots.len().wrapping_sub(1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & self.slots.len().wrapping_sub(1)
    }
}

fn hash(name: &[u8]) -> u32 {
    u32::try_from(name_hash(name) & u64::from(u32::MAX)).unwrap_or_default()
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
                let found = index.candidates(name.as_bytes()).filter(|place| names[*place] == *name);
                let all = (0..names.len()).rev().filter(|place| names[*place] == *name);
                assert_eq!(found.collect::<Vec<_>>(), all.collect::<Vec<_>>());
            }
            assert_eq!(index.candidates(b"another").filter(|place| names[*place] == "another").count(), 0);
        }
        assert_eq!(NameIndex::default().candidates(b"a").count(), 0);
    }
}
