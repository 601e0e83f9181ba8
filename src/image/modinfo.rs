//! `.modinfo`: what a module says of itself.

use std::collections::HashSet;

use serde::{Serialize, Serializer};

use super::module_elf::as_text;

/// The `tag=value` strings of a module, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modinfo {
    text: String,
    entries: Vec<Entry>,
    namespaces: HashSet<String>,
}

/// Where an entry stands in the text, and its `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    start: usize,
    equals: usize,
    end: usize,
}

impl Serialize for Modinfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

impl Modinfo {
    /// Reads the section: `tag=value` NUL, with more NULs between them allowed (include/linux/module.h, `MODULE_INFO`).
    pub(super) fn new(section: &[u8]) -> Self {
        let mut modinfo = Self::default();
        for string in section.split(|byte| *byte == 0) {
            let start = modinfo.text.len();
            let string = as_text(string);
            if let Some(equals) = string.find('=') {
                modinfo.text.push_str(&string);
                modinfo.entries.push(Entry { start, equals: start + equals, end: start + string.len() });
            }
        }
        modinfo.namespaces = modinfo.all("import_ns").map(str::to_owned).collect();
        modinfo
    }

    /// The first value of `tag`: mirrors `get_modinfo()`, which takes the first match.
    pub fn get(&self, tag: &str) -> Option<&str> {
        self.entries().find(|(name, _)| *name == tag).map(|(_, value)| value)
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
