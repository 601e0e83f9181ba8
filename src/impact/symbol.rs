//! One symbol that a module needs, on two kernels.

use serde::Serialize;

use super::{ExportChange, Successor};
use crate::verdict::{Finding, Use};

/// What another kernel does to one symbol that a module needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolImpact<'a> {
    /// How it is exported, before and after. Where a symbol is blocked on both kernels alike, no class is set.
    pub change: ExportChange<'a>,
    /// What keeps the symbol from the module, were it built again; `None` where nothing does.
    pub blocked: Option<Finding>,
    /// What becomes of the need for it in another build.
    pub fate: Fate,
    /// Its prototype in the headers of both kernels, where they differ.
    pub prototypes: Option<Prototypes>,
    /// Where the module uses it; only of what is blocked, or whose prototype differs.
    pub uses: Vec<Use>,
    /// The inlines and macros of the earlier kernel's headers that bring it in, or may do so.
    pub through: Vec<String>,
    /// Exports that may stand for it now.
    pub successors: Vec<Successor>,
}

impl SymbolImpact<'_> {
    /// Is there anything to say of it?
    pub(super) fn says_something(&self) -> bool {
        self.blocked.is_some() || !self.change.classes.is_empty() || self.prototypes.is_some()
    }

    /// Is it kept from the module, and does the module go on needing it, as far as is known?
    pub fn is_lost(&self) -> bool {
        self.blocked.is_some() && self.fate == Fate::Stays
    }
}

/// What becomes of the need for a symbol when the source is built against the later kernel's headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Fate {
    /// The source, as it was built, needs it there too.
    Stays,
    /// What brought it in brings something else in now, or nothing.
    Replaced(Replacement),
    /// That cannot be told.
    Open {
        /// What would tell.
        wanting: Wanting,
    },
}

/// What stands in the place of a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Replacement {
    /// The compiler's options bring it in, and the later kernel's are others.
    Compiler,
    /// The headers define the name themselves now.
    Definition {
        /// As a macro, or as an inline function?
        is_macro: bool,
        /// The header.
        file: String,
        /// The line there.
        line: u32,
    },
    /// It came through inlines or macros, which the later headers still have.
    Headers,
}

/// What would tell what becomes of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanting {
    /// The headers of the earlier kernel.
    HeadersBefore,
    /// The headers of the later kernel.
    HeadersAfter,
    /// The source itself: whether it names the symbol, or a macro or inline that does.
    Source,
}

/// The prototypes of a function, or declarations of data, that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prototypes {
    /// In the earlier headers.
    pub before: String,
    /// In the later headers.
    pub after: String,
    /// Does the number of parameters differ, so that no call of it compiles as it was?
    pub other_number: bool,
    /// Does the module's own source call it, for certain?
    pub called: bool,
}
