//! The map itself, as it is written and read.

use serde::{Deserialize, Serialize};

use crate::probe::SkippedHeader;

/// What the inlines of one kernel's headers need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InlineMap {
    /// Every inline that stands alone, by name and file.
    pub inlines: Vec<Inline>,
    /// Those that do not: of them nothing is known.
    pub dropped: Vec<DroppedInline>,
    /// Headers that do not compile.
    #[serde(default)]
    pub skipped: Vec<SkippedHeader>,
}

/// One inline.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Inline {
    /// Its name.
    pub name: String,
    /// The header that defines it, relative to the kernel's tree, if known.
    pub file: Option<String>,
    /// The line there.
    pub line: Option<u32>,
    /// GPL-only symbols that it needs.
    pub gpl_only: Vec<String>,
    /// Symbols that it needs and nobody exports.
    pub unexported: Vec<String>,
    /// Symbols that it needs and that stand in a namespace.
    pub namespaced: Vec<String>,
    /// From it to the first of these, through inlines.
    pub path: Vec<String>,
    /// From it to each of the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_paths: Vec<Vec<String>>,
    /// Everything it needs of the kernel, where it needs one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

impl Inline {
    /// The symbols that not every module gets, each once.
    pub fn restricted(&self) -> impl Iterator<Item = &str> {
        let namespaced = self.namespaced.iter().filter(|symbol| !self.gpl_only.contains(symbol));
        self.gpl_only.iter().chain(&self.unexported).chain(namespaced).map(String::as_str)
    }

    /// From it to a symbol.
    pub fn path_to(&self, symbol: &str) -> Option<&[String]> {
        let paths = std::iter::once(&self.path).chain(&self.other_paths);
        paths.map(Vec::as_slice).find(|path| path.last().is_some_and(|last| last == symbol))
    }
}

/// An inline that does not stand alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DroppedInline {
    /// Its name.
    pub name: String,
    /// The header that defines it, if known.
    pub file: Option<String>,
    /// The line there.
    pub line: Option<u32>,
    /// Why it does not.
    pub why: String,
}
