//! `.modinfo`: the `tag=value` strings that describe a module.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Serialize, Serializer};

use super::text::{as_text, is_plain_or};

/// The `tag=value` strings of a module, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modinfo {
    text: String,
    entries: Vec<Entry>,
    /// The indices of the entries that are the first with their tag, at most [`MAX_TAGS`].
    firsts: Vec<usize>,
    /// The values of `import_ns`.
    namespaces: HashSet<String>,
}

/// The offsets in the text of an entry's beginning, of its `=`, and of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    start: usize,
    equals: usize,
    end: usize,
}

/// How many different tags are found without a search through all entries. A module has about ten.
const MAX_TAGS: usize = 64;

impl Serialize for Modinfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

impl Modinfo {
    /// Reads the section: strings `tag=value`, each followed by one or more NULs (include/linux/module.h,
    /// `MODULE_INFO`).
    pub(super) fn new(section: &[u8]) -> Self {
        let mut modinfo = Self { text: String::with_capacity(section.len()), ..Self::default() };
        let mut last: Option<Entry> = None;
        // Checked once for all strings: most modules have hundreds of them, and none needs escaping.
        let plain = std::str::from_utf8(section).ok().filter(|_| is_plain_or(section, 0));
        let mut read = 0;
        for end in memchr::memchr_iter(0, section).chain([section.len()]) {
            let range = std::mem::replace(&mut read, end + 1)..end;
            let string = match plain {
                Some(plain) => Cow::Borrowed(plain.get(range).unwrap_or_default()),
                None => as_text(section.get(range).unwrap_or_default()),
            };
            let start = modinfo.text.len();
            if let Some(equals) = memchr::memchr(b'=', string.as_bytes()) {
                // Comparing with the previous tag first is quick for hundreds of consecutive aliases.
                let before = last.and_then(|last| modinfo.text.get(last.start..last.equals));
                if modinfo.firsts.len() < MAX_TAGS
                    && let Some(tag) = string.get(..equals)
                    && before != Some(tag)
                    && !modinfo.has(tag)
                {
                    modinfo.firsts.push(modinfo.entries.len());
                }
                modinfo.text.push_str(&string);
                let entry = Entry { start, equals: start + equals, end: start + string.len() };
                modinfo.entries.push(entry);
                last = Some(entry);
            }
        }
        modinfo.text.shrink_to_fit();
        modinfo.entries.shrink_to_fit();
        modinfo.namespaces = modinfo.all("import_ns").map(str::to_owned).collect();
        modinfo
    }

    /// The first value of `tag`. Mirrors `get_modinfo()` (kernel/module/main.c), which takes the first match.
    pub fn get(&self, tag: &str) -> Option<&str> {
        let text = self.text.as_bytes();
        let has_tag = |entry: &Entry| text.get(entry.start..entry.equals) == Some(tag.as_bytes());
        // Most other tags have another length.
        let named = |entry: &&Entry| entry.equals - entry.start == tag.len() && has_tag(entry);
        let mut firsts = self.firsts.iter().filter_map(|index| self.entries.get(*index));
        // With too many different tags, the entries after the last of `firsts` are searched.
        let rest = self.firsts.get(MAX_TAGS - 1).and_then(|last| self.entries.get(last + 1..)).unwrap_or_default();
        let entry = firsts.find(named).or_else(|| rest.iter().find(named))?;
        self.text.get(entry.equals + 1..entry.end)
    }

    /// The release at the beginning of `vermagic`: the kernel that the module was built for.
    pub(crate) fn release(&self) -> Option<&str> {
        self.get("vermagic")?.split(' ').next()
    }

    /// All values of `tag`, in order.
    pub fn all<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries().filter(move |(name, _)| *name == tag).map(|(_, value)| value)
    }

    /// Returns whether there is a `tag` with any value.
    pub fn has(&self, tag: &str) -> bool {
        self.get(tag).is_some()
    }

    /// Returns whether the module imports a namespace: whether it has `import_ns` with this value.
    pub fn imports_namespace(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace)
    }

    /// All entries as tag and value, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |start, end| self.text.get(start..end).unwrap_or_default();
        self.entries.iter().map(move |entry| (text(entry.start, entry.equals), text(entry.equals + 1, entry.end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One string that needs escaping changes nothing about the others.
    #[test]
    fn strings_are_read_alike_whether_all_are_plain_or_not() {
        let plain = Modinfo::new(b"license=GPL\0no tag\0\0alias=one\0alias=two\0=empty\0open=end");
        let entries = [("license", "GPL"), ("alias", "one"), ("alias", "two"), ("", "empty"), ("open", "end")];
        assert_eq!(plain.entries().collect::<Vec<_>>(), entries);
        let mixed = Modinfo::new(b"license=GPL\0no tag\0\0alias=one\0alias=two\0=empty\0open=end\0x=\xff\\");
        assert_eq!(mixed.entries().collect::<Vec<_>>(), [&entries[..], &[("x", "\\xff\\x5c")]].concat());
        assert_eq!((mixed.get("alias"), plain.get("no tag")), (Some("one"), None));
    }
}
