//! Symbol versions a module was built with.

use serde::Serialize;

/// An entry of `__versions`: `{ unsigned long crc; char name[64 - sizeof(long)]; }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The symbol.
    pub name: String,
    /// Its version, in the width of a `long`: the loader compares all of it.
    pub crc: u64,
}

/// A pair out of `__version_ext_names` and `__version_ext_crcs`, which stand in the same order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExtendedVersion {
    /// The symbol.
    pub name: String,
    /// Its version.
    pub crc: u32,
}

/// Versions in their order, found by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    entries: Vec<Version>,
    /// The places of the entries in order of name, and of place where names are equal.
    by_name: Vec<u32>,
}

impl Versions {
    /// Takes entries in the order of their table.
    pub fn new(entries: Vec<Version>) -> Self {
        let mut by_name: Vec<u32> = (0..).take(entries.len()).collect();
        let name =
            |place: &u32| usize::try_from(*place).ok().and_then(|place| entries.get(place)).map(|e| e.name.as_str());
        by_name.sort_by(|one, other| name(one).cmp(&name(other)));
        Self { entries, by_name }
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Version] {
        &self.entries
    }

    /// The version of the first entry of that name, which is the one the kernel takes.
    pub fn get(&self, name: &str) -> Option<u64> {
        let entry = |place: u32| usize::try_from(place).ok().and_then(|place| self.entries.get(place));
        let first = self.by_name.partition_point(|place| entry(*place).is_some_and(|entry| entry.name.as_str() < name));
        let found = self.by_name.get(first).and_then(|place| entry(*place));
        found.filter(|entry| entry.name == name).map(|entry| entry.crc)
    }
}

impl From<Vec<ExtendedVersion>> for Versions {
    fn from(versions: Vec<ExtendedVersion>) -> Self {
        let wide = |version: ExtendedVersion| Version { name: version.name, crc: version.crc.into() };
        Self::new(versions.into_iter().map(wide).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_entries_counts() {
        let entry = |name: &str, crc| Version { name: name.to_owned(), crc };
        let versions = Versions::new(vec![entry("b", 1), entry("a", 2), entry("b", 3)]);
        assert_eq!((versions.get("a"), versions.get("b"), versions.get("c")), (Some(2), Some(1), None));
    }
}
