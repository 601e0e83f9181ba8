//! `.modinfo`: what a module says of itself.

use std::collections::HashSet;

use serde::{Serialize, Serializer};

/// The `tag=value` strings of a module, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modinfo {
    entries: Vec<(String, String)>,
    namespaces: HashSet<String>,
}

impl Serialize for Modinfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl Modinfo {
    pub(super) fn new(entries: Vec<(String, String)>) -> Self {
        let namespaces = entries.iter().filter(|(tag, _)| tag == "import_ns").map(|(_, value)| value.clone()).collect();
        Self { entries, namespaces }
    }

    /// The first value of `tag`: mirrors `get_modinfo()`, which takes the first match.
    pub fn get(&self, tag: &str) -> Option<&str> {
        self.entries.iter().find(|(name, _)| name == tag).map(|(_, value)| value.as_str())
    }

    /// Every value of `tag`.
    pub fn all<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter(move |(name, _)| name == tag).map(|(_, value)| value.as_str())
    }

    /// Is there a `tag`, whatever its value?
    pub fn has(&self, tag: &str) -> bool {
        self.get(tag).is_some()
    }

    /// Has it an `import_ns` of this value?
    pub fn imports_namespace(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace)
    }

    /// All of it.
    pub fn entries(&self) -> &[(String, String)] {
        &self.entries
    }
}
