//! Symbol versions a module was built with.

use std::cmp::Ordering;

/// The entries of `__versions` (`{ unsigned long crc; char name[64 - sizeof(long)]; }`), or the pairs out of
/// `__version_ext_names` and `__version_ext_crcs`, found by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The names, a NUL behind each.
    names: String,
    /// In order of name, and of place in the table where names are equal.
    entries: Vec<Entry>,
}

/// A version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The first bytes of the name, as a number in the order of names.
    beginning: u64,
    /// In the width of a `long`: the loader compares all of it.
    crc: u64,
    /// Where the name begins.
    start: u32,
    /// The place in the table.
    place: u32,
}

impl Versions {
    /// Takes symbols and their versions in the order of their table; of one that is larger than any kernel loads, the
    /// beginning.
    pub fn new<N: AsRef<str>>(versions: impl Iterator<Item = (N, u64)>) -> Self {
        // As many as there may be, of the length that names have.
        let room = versions.size_hint().1.unwrap_or_default().min(1 << 20);
        let (mut names, mut entries) = (String::with_capacity(room * 24), Vec::with_capacity(room));
        for (place, (name, crc)) in (0..u32::MAX).zip(versions) {
            let Ok(start) = u32::try_from(names.len()) else { break };
            names.push_str(name.as_ref());
            names.push('\0');
            entries.push(Entry { beginning: beginning(name.as_ref()), crc, start, place });
        }
        entries.sort_unstable_by(|one, other| {
            let whole = || one.name(&names).cmp(&other.name(&names)).then(one.place.cmp(&other.place));
            one.beginning.cmp(&other.beginning).then_with(whole)
        });
        names.shrink_to_fit();
        entries.shrink_to_fit();
        Self { names, entries }
    }

    /// The symbols with their versions, in the order of their table.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.place);
        entries.into_iter().map(|entry| (entry.name(&self.names).unwrap_or_default(), entry.crc))
    }

    /// The version of the first entry of that name, which is the one the kernel takes.
    pub fn get(&self, name: &str) -> Option<u64> {
        let wanted = beginning(name);
        let is_before = |entry: &Entry| match entry.beginning.cmp(&wanted) {
            Ordering::Equal => entry.name(&self.names) < Some(name),
            order => order == Ordering::Less,
        };
        let found = self.entries.get(self.entries.partition_point(is_before))?;
        (found.name(&self.names) == Some(name)).then_some(found.crc)
    }
}

/// The first eight bytes.
fn beginning(name: &str) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(name.as_bytes()).for_each(|(place, byte)| *place = *byte);
    u64::from_be_bytes(first)
}

impl Entry {
    fn name(self, names: &str) -> Option<&str> {
        let rest = names.get(usize::try_from(self.start).ok()?..)?;
        rest.get(..memchr::memchr(0, rest.as_bytes())?)
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
