//! The symbol versions that a module was built with.

use crate::terms::{HashedName, name_hash};

/// The entries of `__versions` (`{ unsigned long crc; char name[64 - sizeof(long)]; }`), or the pairs from
/// `__version_ext_names` and `__version_ext_crcs`, for look-up by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The names as text, each followed by a NUL, in the order of the table.
    names: Vec<u8>,
    /// Sorted by the hash of the name; entries with equal hashes are in the order of the table.
    entries: Vec<Entry>,
}

/// The version of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The name's hash in the upper 32 bits, and the offset of the name in `names` in the lower.
    key: u64,
    /// The number as a `long`: the loader compares the full width.
    crc: u64,
}

impl Versions {
    /// Takes the names of symbols, as text, and their versions, in the order of their table. Of a table with more than
    /// 4 GiB of names, which no kernel loads, only the beginning is taken.
    pub fn new<N: AsRef<[u8]>>(versions: impl Iterator<Item = (N, u64)>) -> Self {
        // The largest possible number of entries, with names of an average length.
        let room = versions.size_hint().1.unwrap_or_default().min(1 << 20);
        let mut names = Vec::with_capacity(room * 24);
        let mut entries = Vec::with_capacity(room);
        for (name, crc) in versions {
            let Ok(start) = u32::try_from(names.len()) else { break };
            names.extend_from_slice(name.as_ref());
            names.push(0);
            entries.push(Entry { key: first_key(name_hash(name.as_ref())) | u64::from(start), crc });
        }
        entries.sort_unstable_by_key(|entry| entry.key);
        names.shrink_to_fit();
        entries.shrink_to_fit();
        Self { names, entries }
    }

    /// The names and versions in the order of the table.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.start());
        entries.into_iter().map(|entry| {
            let rest = self.names.get(entry.start()..).unwrap_or_default();
            let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
            (std::str::from_utf8(name).unwrap_or_default(), entry.crc)
        })
    }

    /// The version in the first entry with a name. The kernel, too, takes the first.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<u64> {
        self.get_hashed(name.as_ref().into())
    }

    /// Like [`Versions::get`].
    pub(crate) fn get_hashed(&self, HashedName { name, hash }: HashedName<'_>) -> Option<u64> {
        let first = first_key(hash);
        let behind = self.entries.get(self.entries.partition_point(|entry| entry.key < first)..)?;
        let mut of_hash = behind.iter().take_while(|entry| entry.key & HASH == first);
        of_hash.find(|entry| self.is_name_of(name, entry)).map(|entry| entry.crc)
    }

    fn is_name_of(&self, name: &[u8], entry: &Entry) -> bool {
        let rest = self.names.get(entry.start()..).and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }
}

/// The bits of a key that hold the hash.
const HASH: u64 = !(u32::MAX as u64);

/// The smallest key of an entry whose name has this hash.
const fn first_key(hash: u64) -> u64 {
    hash << 32
}

impl Entry {
    /// The offset of the name.
    fn start(self) -> usize {
        usize::try_from(self.key & !HASH).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_with_a_name_is_found() {
        let all = [("b", 1), ("a", 2), ("b", 3), ("a_name_of_length", 4), ("a_name_of_another", 5)];
        let versions = Versions::new(all.into_iter());
        assert_eq!((versions.get("a"), versions.get("b"), versions.get("c")), (Some(2), Some(1), None));
        assert_eq!((versions.get("a_name_of_length"), versions.get("a_name_o")), (Some(4), None));
        assert_eq!(versions.iter().collect::<Vec<_>>(), all);
    }
}
