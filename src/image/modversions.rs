//! Symbol versions a module was built with.

/// The entries of `__versions` (`{ unsigned long crc; char name[64 - sizeof(long)]; }`), or the pairs out of
/// `__version_ext_names` and `__version_ext_crcs`: in their order, found by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    names: String,
    entries: Vec<Entry>,
    /// The places of the entries in order of name, and of place where names are equal.
    by_name: Vec<u32>,
}

/// A version, in the width of a `long`: the loader compares all of it; and the place of the symbol's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    start: usize,
    len: usize,
    crc: u64,
}

impl Versions {
    /// Takes symbols and their versions in the order of their table.
    pub fn new<N: AsRef<str>>(versions: impl Iterator<Item = (N, u64)>) -> Self {
        let (mut names, mut entries) = (String::new(), Vec::new());
        for (name, crc) in versions {
            entries.push(Entry { start: names.len(), len: name.as_ref().len(), crc });
            names.push_str(name.as_ref());
        }
        let mut by_name: Vec<u32> = (0..).take(entries.len()).collect();
        let name = |place: &u32| usize::try_from(*place).ok().and_then(|place| entries.get(place)?.name(&names));
        by_name.sort_by(|one, other| name(one).cmp(&name(other)));
        Self { names, entries, by_name }
    }

    /// The symbols with their versions, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.entries.iter().map(|entry| (entry.name(&self.names).unwrap_or_default(), entry.crc))
    }

    /// The version of the first entry of that name, which is the one the kernel takes.
    pub fn get(&self, name: &str) -> Option<u64> {
        let entry = |place: u32| usize::try_from(place).ok().and_then(|place| self.entries.get(place));
        let named = |place: u32| entry(place).and_then(|entry| entry.name(&self.names));
        let first = self.by_name.partition_point(|place| named(*place).is_some_and(|other| other < name));
        let found = *self.by_name.get(first)?;
        entry(found).filter(|_| named(found) == Some(name)).map(|entry| entry.crc)
    }
}

impl Entry {
    fn name(self, names: &str) -> Option<&str> {
        names.get(self.start..self.start + self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_entries_counts() {
        let versions = Versions::new([("b", 1), ("a", 2), ("b", 3)].into_iter());
        assert_eq!((versions.get("a"), versions.get("b"), versions.get("c")), (Some(2), Some(1), None));
        assert_eq!(versions.iter().collect::<Vec<_>>(), [("b", 1), ("a", 2), ("b", 3)]);
    }
}
