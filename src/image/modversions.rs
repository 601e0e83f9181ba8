//! Symbol versions a module was built with.

use crate::terms::name_hash;

/// The entries of `__versions` (`{ unsigned long crc; char name[64 - sizeof(long)]; }`), or the pairs out of
/// `__version_ext_names` and `__version_ext_crcs`, found by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The names as text, a NUL behind each, in the order of the table.
    names: Vec<u8>,
    /// In order of hash, and of place in the table where hashes are equal.
    entries: Vec<Entry>,
}

/// A version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// A hash of the name, and below it where the name begins.
    key: u64,
    /// In the width of a `long`: the loader compares all of it.
    crc: u64,
}

impl Versions {
    /// Takes symbols, as the text that stands for them, and their versions in the order of their table; of one that is larger
    /// than any kernel loads, the beginning.
    pub fn new<N: AsRef<[u8]>>(versions: impl Iterator<Item = (N, u64)>) -> Self {
        // As many as there may be, of the length that names have.
        let room = versions.size_hint().1.unwrap_or_default().min(1 << 20);
        let (mut names, mut entries) = (Vec::with_capacity(room * 24), Vec::with_capacity(room));
        for (name, crc) in versions {
            let Ok(start) = u32::try_from(names.len()) else { break };
            names.extend_from_slice(name.as_ref());
            names.push(0);
            entries.push(Entry { key: first_key(name.as_ref()) | u64::from(start), crc });
        }
        entries.sort_unstable_by_key(|entry| entry.key);
        names.shrink_to_fit();
        entries.shrink_to_fit();
        Self { names, entries }
    }

    /// The symbols with their versions, in the order of their table.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.start());
        entries.into_iter().map(|entry| {
            let rest = self.names.get(entry.start()..).unwrap_or_default();
            let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
            (std::str::from_utf8(name).unwrap_or_default(), entry.crc)
        })
    }

    /// The version of the first entry of that name, which is the one the kernel takes.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<u64> {
        let name = name.as_ref();
        let first = first_key(name);
        let behind = self.entries.get(self.entries.partition_point(|entry| entry.key < first)..)?;
        let mut of_hash = behind.iter().take_while(|entry| entry.key & HASH == first);
        let is_its_name = |entry: &&Entry| {
            let rest = self.names.get(entry.start()..).and_then(|rest| rest.strip_prefix(name));
            rest.is_some_and(|rest| rest.first() == Some(&0))
        };
        of_hash.find(is_its_name).map(|entry| entry.crc)
    }
}

/// The part of a key that is the hash.
const HASH: u64 = !(u32::MAX as u64);

/// The least key that a name may have.
fn first_key(name: &[u8]) -> u64 {
    name_hash(name) << 32
}

impl Entry {
    fn start(self) -> usize {
        usize::try_from(self.key & !HASH).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_entries_counts() {
        let all = [("b", 1), ("a", 2), ("b", 3), ("a_name_of_length", 4), ("a_name_of_another", 5)];
        let versions = Versions::new(all.into_iter());
        assert_eq!((versions.get("a"), versions.get("b"), versions.get("c")), (Some(2), Some(1), None));
        assert_eq!((versions.get("a_name_of_length"), versions.get("a_name_o")), (Some(4), None));
        assert_eq!(versions.iter().collect::<Vec<_>>(), all);
    }
}
