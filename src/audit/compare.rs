//! What an audit finds that it did not find of an earlier kernel.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Audit, AuditFinding};
use crate::terms::ExportKind;

/// How the export of a new finding was exported before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Was {
    /// It was not.
    Absent,
    /// It was GPL-only: a wrapper that became plain.
    GplOnly,
    /// As it is now; then it did not hand on, or what it hands on was not restricted.
    Plain,
    /// The finding is not about an export.
    NoExport,
}

/// An export of both whose kind differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindChange {
    /// Its name.
    pub export: String,
    /// How it was exported.
    pub from: ExportKind,
    /// How it is.
    pub to: ExportKind,
}

/// How an audit differs from an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditDiff<'a> {
    /// Findings that were not there before, in the order of the later audit.
    pub new: Vec<(&'a AuditFinding, Was)>,
    /// Findings that are no longer there, in the order of the earlier audit.
    pub gone: Vec<&'a AuditFinding>,
    /// Exports whose kind has changed, in order of name.
    pub kinds: Vec<KindChange>,
}

impl<'a> AuditDiff<'a> {
    /// Compares two audits. Findings are told apart by code, export and symbol, whatever file they stand in; those about a module,
    /// and no export of it, by the module's name as well.
    pub fn between(earlier: &'a Audit, later: &'a Audit) -> Self {
        let known: BTreeSet<_> = earlier.findings.iter().map(|finding| earlier.key(finding)).collect();
        let still: BTreeSet<_> = later.findings.iter().map(|finding| later.key(finding)).collect();
        let (before, after) = (kinds(earlier), kinds(later));
        let was = |finding: &AuditFinding| match &finding.export {
            None => Was::NoExport,
            Some(export) => match before.get(export.as_str()) {
                None => Was::Absent,
                Some(kind) if kind.is_gpl_only() => Was::GplOnly,
                Some(_) => Was::Plain,
            },
        };
        let new = later.findings.iter().filter(|finding| !known.contains(&later.key(finding)));
        let changed = after.iter().filter_map(|(export, to)| {
            let from = *before.get(export)?;
            (from != *to).then(|| KindChange { export: (*export).to_owned(), from, to: *to })
        });
        Self {
            new: new.map(|finding| (finding, was(finding))).collect(),
            gone: earlier.findings.iter().filter(|finding| !still.contains(&earlier.key(finding))).collect(),
            kinds: changed.collect(),
        }
    }
}

/// Every export of an audit's objects; of several of one name the first.
fn kinds(audit: &Audit) -> BTreeMap<&str, ExportKind> {
    let exports = audit.objects.iter().rev().flat_map(|object| object.exports.iter().rev());
    exports.map(|(name, kind)| (name.as_str(), *kind)).collect()
}
