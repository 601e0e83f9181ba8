//! Finding one of many names in a text without copying any.

use crate::terms::name_hash;

/// A hash table of entry numbers. Whoever asks compares the names: a part of each name's hash keeps most others away, so that
/// looking one up touches the table, one entry and its name, and hardly ever anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NameIndex {
    /// A power of two of them, at least half of them free; each entry stands behind or at the slot its hash names, with none
    /// free between them. Of entries with the same hash the last comes first.
    slots: Vec<Slot>,
    len: u32,
}

/// The hash of an entry's name, and one more than its number; 0 where none is.
type Slot = (u32, u32);

const FREE: Slot = (0, 0);

impl NameIndex {
    /// An empty index for about so many entries.
    pub fn with_capacity(entries: usize) -> Self {
        Self { slots: vec![FREE; entries.max(8).next_power_of_two() * 2], len: 0 }
    }

    /// Adds the next entry: entries are numbered from 0 in the order they come.
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

    /// Puts an entry where its hash says; those there move on by one.
    fn put(&mut self, mut moved: Slot) {
        let mut at = self.home(moved.0);
        while let Some(slot) = self.slots.get_mut(at)
            && moved != FREE
        {
            std::mem::swap(slot, &mut moved);
            at = self.behind(at);
        }
    }

    /// The entries that may have that name, the last first.
    pub fn candidates(&self, name: &[u8]) -> impl Iterator<Item = usize> {
        let hash = hash(name);
        let mut at = self.home(hash);
        let slots = std::iter::from_fn(move || {
            let slot = *self.slots.get(at)?;
            at = self.behind(at);
            (slot != FREE).then_some(slot)
        });
        slots.filter(move |(other, _)| *other == hash).filter_map(|(_, entry)| usize::try_from(entry - 1).ok())
    }

    /// The entry that a name's own slot holds, if any: who asks for several names one after another has the tables at hand
    /// by the time each is looked up.
    pub fn first(&self, name: &[u8]) -> Option<usize> {
        let (_, entry) = *self.slots.get(self.home(hash(name)))?;
        usize::try_from(entry.checked_sub(1)?).ok()
    }

    fn home(&self, hash: u32) -> usize {
        usize::try_from(hash).unwrap_or_default() & self.slots.len().wrapping_sub(1)
    }

    fn behind(&self, at: usize) -> usize {
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
    fn every_entry_is_found_the_last_of_a_name_first() {
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
