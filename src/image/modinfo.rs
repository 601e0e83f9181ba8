//! `.modinfo`: what a module says of itself.

use std::collections::HashSet;

use serde::{Serialize, Serializer};

use super::module_elf::as_text;

/// The `tag=value` strings of a module, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modinfo {
    text: String,
    entries: Vec<Entry>,
    /// The places of the entries that are the first of their tags.
    firsts: Vec<usize>,
    namespaces: HashSet<String>,
}

/// Where an entry stands in the text, and its `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    start: usize,
    equals: usize,
    end: usize,
}

/// How many tags are told apart quickly. A module has some ten.
const MAX_TAGS: usize = 64;

impl Serialize for Modinfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

impl Modinfo {
    /// Reads the section: `tag=value` NUL, with more NULs between them allowed (include/linux/module.h, `MODULE_INFO`).
    pub(super) fn new(section: &[u8]) -> Self {
        let mut modinfo = Self { text: String::with_capacity(section.len()), ..Self::default() };
        let mut last: Option<Entry> = None;
        for string in section.split(|byte| *byte == 0) {
            let start = modinfo.text.len();
            let string = as_text(string);
            if let Some(equals) = memchr::memchr(b'=', string.as_bytes()) {
                // Hundreds may be aliases, one behind the other.
                let before = last.and_then(|last| modinfo.text.get(last.start..last.equals));
                let is_new = |tag: &str| before != Some(tag) && !modinfo.has(tag);
                if modinfo.firsts.len() < MAX_TAGS && string.get(..equals).is_some_and(is_new) {
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

    /// The first value of `tag`: mirrors `get_modinfo()`, which takes the first match.
    pub fn get(&self, tag: &str) -> Option<&str> {
        let named = |entry: &&Entry| self.text.get(entry.start..entry.equals) == Some(tag);
        let mut firsts = self.firsts.iter().filter_map(|place| self.entries.get(*place));
        // Where there are too many tags to look at, the rest is looked through.
        let rest = self.firsts.get(MAX_TAGS - 1).and_then(|last| self.entries.get(last + 1..)).unwrap_or_default();
        let entry = firsts.find(named).or_else(|| rest.iter().find(named))?;
        self.text.get(entry.equals + 1..entry.end)
    }

    /// Every value of `tag`.
    pub fn all<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries().filter(move |(name, _)| *name == tag).map(|(_, value)| value)
    }

    /// Is there a `tag`, whatever its value?
    pub fn has(&self, tag: &str) -> bool {
        self.get(tag).is_some()
    }

    /// Has it an `import_ns` of this value?
    pub fn imports_namespace(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace)
    }

    /// All of it: tags and values.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |start, end| self.text.get(start..end).unwrap_or_default();
        self.entries.iter().map(move |entry| (text(entry.start, entry.equals), text(entry.equals + 1, entry.end)))
    }
}
