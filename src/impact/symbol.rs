//! How a symbol that a module needs differs between two kernels.

use serde::Serialize;

use super::{ExportChange, Successor};
use crate::verdict::{Finding, Use};

/// What the later kernel changes about one symbol that a module needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SymbolImpact<'a> {
    /// How both kernels export the symbol. `classes` is empty if both kernels withhold the symbol in the same way.
    pub change: ExportChange<'a>,
    /// The finding that withholds the symbol from a new build of the module; `None` if there is none.
    pub blocked: Option<Finding>,
    /// Whether a new build of the module still needs the symbol.
    pub fate: Fate,
    /// The prototypes in the headers of both kernels, if they differ.
    pub prototypes: Option<Prototypes>,
    /// Where the module uses the symbol. Filled only for a withheld symbol or one whose prototype differs.
    pub uses: Vec<Use>,
    /// The inline functions and macros of the earlier kernel's headers that bring the symbol in, or may do so.
    pub through: Vec<String>,
    /// Exports of the later kernel that may replace the symbol.
    pub successors: Vec<Successor>,
}

impl SymbolImpact<'_> {
    /// Returns whether there is anything to report about the symbol.
    pub(super) fn says_something(&self) -> bool {
        self.blocked.is_some() || !self.change.classes.is_empty() || self.prototypes.is_some()
    }

    /// Returns whether the kernel withholds the symbol and, as far as is known, a new build still needs it.
    pub fn is_lost(&self) -> bool {
        self.blocked.is_some() && self.fate == Fate::Stays
    }
}

/// Whether the source still needs a symbol when it is built against the later kernel's headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fate {
    /// The source still needs the symbol.
    Stays,
    /// What brought the symbol in now brings in something else, or nothing.
    Replaced(SymbolReplacement),
    /// Not known.
    Open {
        /// What would tell.
        wanting: Wanting,
    },
}

/// What replaces the need for a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SymbolReplacement {
    /// A compiler option brings the symbol in, and the later kernel is built with other options.
    Compiler,
    /// The later headers define the name themselves.
    Definition {
        /// Whether it is a macro; otherwise it is an inline function.
        is_macro: bool,
        /// The header.
        file: String,
        /// The line in the header.
        line: u32,
    },
    /// The symbol came in through inline functions or macros, which the later headers still have.
    Headers,
}

/// What would show whether a new build still needs a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wanting {
    /// The headers of the earlier kernel.
    HeadersBefore,
    /// The headers of the later kernel.
    HeadersAfter,
    /// The source itself: whether it names the symbol, or a macro or inline function that does.
    Source,
}

/// The differing prototypes of a function, or declarations of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Prototypes {
    /// The declaration in the earlier headers.
    pub before: String,
    /// The declaration in the later headers.
    pub after: String,
    /// Whether the number of parameters differs, so that no existing call compiles.
    pub other_number: bool,
    /// Whether the module's own source certainly calls the function.
    pub called: bool,
}
