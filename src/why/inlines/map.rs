//! The inline map as a data structure, which `gplok inlines` writes and reads as JSON.

use serde::{Deserialize, Serialize};

use crate::probe::SkippedHeader;

/// The symbols that the inline functions of one kernel's headers need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InlineMap {
    /// Every inline function that compiles out of line, sorted by file and line.
    pub inlines: Vec<Inline>,
    /// The inline functions that do not. What they need is not known.
    pub dropped: Vec<DroppedInline>,
    /// Headers that do not compile.
    #[serde(default)]
    pub skipped: Vec<SkippedHeader>,
}

/// One inline function.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Inline {
    /// Its name.
    pub name: String,
    /// The header that defines it, relative to the kernel's tree, if known.
    pub file: Option<String>,
    /// The line in the header.
    pub line: Option<u32>,
    /// The GPL-only symbols that it needs.
    pub gpl_only: Vec<String>,
    /// The symbols that it needs and that no module exports.
    pub unexported: Vec<String>,
    /// The symbols that it needs and that are exported in a namespace.
    pub namespaced: Vec<String>,
    /// The path from it to the first restricted symbol, through inline functions.
    pub path: Vec<String>,
    /// The paths from it to the other restricted symbols.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_paths: Vec<Vec<String>>,
    /// Every symbol it needs from the kernel. Empty if none of them is restricted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Whether something is left out: it may need more symbols than are listed, or its paths are longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_part: bool,
}

impl Inline {
    /// The restricted symbols, which not every module gets, each once.
    pub fn restricted(&self) -> impl Iterator<Item = &str> {
        let namespaced = self.namespaced.iter().filter(|symbol| !self.gpl_only.contains(symbol));
        self.gpl_only.iter().chain(&self.unexported).chain(namespaced).map(String::as_str)
    }

    /// The path from it to a symbol.
    pub fn path_to(&self, symbol: &str) -> Option<&[String]> {
        let paths = std::iter::once(&self.path).chain(&self.other_paths);
        paths.map(Vec::as_slice).find(|path| path.last().is_some_and(|last| last == symbol))
    }
}

/// An inline function that does not compile out of line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DroppedInline {
    /// Its name.
    pub name: String,
    /// The header that defines it, if known.
    pub file: Option<String>,
    /// The line in the header.
    pub line: Option<u32>,
    /// Why it does not.
    pub why: String,
}
