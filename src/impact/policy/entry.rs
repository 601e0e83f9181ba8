//! What policies are asked about.

use std::fmt;

use crate::impact::{Answer, ChangeClass, ExportChange};
use crate::kernel::KernelExport;

/// What a pipeline may be concerned about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// A change of exports.
    Change(ChangeClass),
    /// What becomes of a module.
    Answer(Answer),
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(class) => class.fmt(f),
            Self::Answer(answer) => answer.fmt(f),
        }
    }
}

/// One change of one export, for one module or for all; or the answer for one module.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// What it is.
    pub concern: Concern,
    /// The module it matters to; empty where none is asked about.
    pub module: &'a str,
    /// The module's licence.
    pub license: Option<&'a str>,
    /// The change; `None` for an answer.
    pub change: Option<&'a ExportChange<'a>>,
}

impl<'a> Entry<'a> {
    /// The entries of a change, one for each of its classes.
    pub fn of_change(
        change: &'a ExportChange<'a>,
        module: &'a str,
        license: Option<&'a str>,
    ) -> impl Iterator<Item = Self> {
        let entry = move |class| Self { concern: Concern::Change(class), module, license, change: Some(change) };
        change.classes.iter().map(entry)
    }

    /// How the symbol was exported; where it is new, how it is. Rules look at that, as suse-kabi-tools does.
    pub(super) fn export(&self) -> Option<&KernelExport<'a>> {
        self.change?.known()
    }

    /// What tells it from others, in a baseline: what, module, symbol, and what it has become where that matters. Versions do
    /// not: they differ from every kernel to the next.
    pub(super) fn key(&self) -> [String; 4] {
        let after = self.change.and_then(|change| change.after.as_ref());
        let detail = match self.concern {
            Concern::Change(ChangeClass::NamespaceChanged) => {
                after.and_then(|export| export.namespace.as_ref()).map(ToString::to_string)
            }
            Concern::Change(ChangeClass::OwnerMoved) => after.map(|export| export.exporter.to_owned()),
            _ => None,
        };
        let symbol = self.change.map_or("", |change| change.symbol.as_ref());
        [self.concern.to_string(), self.module.to_owned(), symbol.to_owned(), detail.unwrap_or_default()]
    }
}
