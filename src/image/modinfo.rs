//! `.modinfo`: what a module says of itself.

use serde::Serialize;

/// The `tag=value` strings of a module, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Modinfo(Vec<(String, String)>);

impl Modinfo {
    pub(super) fn new(entries: Vec<(String, String)>) -> Self {
        Self(entries)
    }

    /// The first value of `tag`: mirrors `get_modinfo()`, which takes the first match.
    pub fn get(&self, tag: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == tag).map(|(_, value)| value.as_str())
    }

    /// Every value of `tag`.
    pub fn all<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == tag).map(|(_, value)| value.as_str())
    }

    /// Is there a `tag`, whatever its value?
    pub fn has(&self, tag: &str) -> bool {
        self.get(tag).is_some()
    }

    /// All of it.
    pub fn entries(&self) -> &[(String, String)] {
        &self.0
    }
}
