//! The entries that a policy judges.

use std::fmt;

use crate::impact::{Answer, ChangeClass, ExportChange};
use crate::kernel::KernelExport;
use crate::terms::Shown;

/// A reason for which a pipeline may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// An export changed in this way.
    Change(ChangeClass),
    /// A module has this answer.
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

/// One change of one export, for a single module or for any; or the answer for a single module.
#[derive(Clone, Debug)]
pub struct PolicyEntry<'a> {
    /// The kind of change, or the answer.
    pub concern: Concern,
    /// The module that is affected; empty if the exports are compared without modules.
    pub module: &'a str,
    /// The module's license.
    pub license: Option<&'a str>,
    /// The change; `None` for an answer.
    pub change: Option<&'a ExportChange<'a>>,
}

impl<'a> PolicyEntry<'a> {
    /// The entries of a change, one for each of its classes.
    pub fn of_change(
        change: &'a ExportChange<'a>,
        module: &'a str,
        license: Option<&'a str>,
    ) -> impl Iterator<Item = Self> {
        let entry = move |class| Self { concern: Concern::Change(class), module, license, change: Some(change) };
        change.classes.iter().map(entry)
    }

    /// The earlier export, or the later one if the symbol is new. Rules match this one, as in suse-kabi-tools.
    pub(super) fn export(&self) -> Option<&KernelExport<'a>> {
        self.change?.known()
    }

    /// The columns that identify the entry in a baseline: concern, module, symbol, and the new value where it matters.
    /// CRCs are left out, because they differ between any two kernels.
    pub(super) fn key(&self) -> [String; 4] {
        let after = self.change.and_then(|change| change.after.as_ref());
        let detail = match self.concern {
            Concern::Change(ChangeClass::NamespaceChanged) => {
                after.and_then(|export| export.namespace.as_ref()).map(ToString::to_string)
            }
            Concern::Change(ChangeClass::ExporterMoved) => after.map(|export| export.exporter.to_owned()),
            _ => None,
        };
        let symbol = self.change.map_or("", |change| change.symbol.as_ref());
        let detail = detail.unwrap_or_default();
        // A name must begin neither a line nor a column of the file.
        [&self.concern.to_string(), self.module, symbol, &detail].map(|column| Shown(column).to_string())
    }
}
