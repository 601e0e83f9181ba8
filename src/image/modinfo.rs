//! `.modinfo`: the `tag=value` strings that describe a module.

use std::collections::HashSet;

use serde::{Serialize, Serializer};

use super::text::as_text;

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
        for string in section.split(|byte| *byte == 0) {
            let start = modinfo.text.len();
            let string = as_text(string);
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
        let named = |entry: &&Entry| self.text.get(entry.start..entry.equals) == Some(tag);
        let mut firsts = self.firsts.iter().filter_map(|index| self.entries.get(*index));
        // With too many different tags, the entries after the last of `firsts` are searched.
        let rest = self.firsts.get(MAX_TAGS - 1).and_then(|last| self.entries.get(last + 1..)).unwrap_or_default();
        let entry = firsts.find(named).or_else(|| rest.iter().find(named))?;
        self.text.get(entry.equals + 1..entry.end)
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
