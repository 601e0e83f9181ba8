//! Compares two audits, of an earlier and a later kernel.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Audit, AuditFinding};
use crate::terms::ExportKind;

/// How the export of a new finding was exported in the earlier audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Was {
    /// It was not exported.
    Absent,
    /// It was GPL-only: a wrapper has become plain.
    GplOnly,
    /// It was plain, as it is now: it was no wrapper then, or the symbol it wraps was not restricted.
    Plain,
    /// The finding is not about an export.
    NoExport,
}

/// An export whose kind differs between two audits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindChange {
    /// Its name.
    pub export: String,
    /// Its kind in the earlier audit.
    pub from: ExportKind,
    /// Its kind in the later audit.
    pub to: ExportKind,
}

/// How an audit differs from an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditDiff<'a> {
    /// Findings that only the later audit has, in the order of the later audit.
    pub new: Vec<(&'a AuditFinding, Was)>,
    /// Findings that only the earlier audit has, in the order of the earlier audit.
    pub gone: Vec<&'a AuditFinding>,
    /// Exports whose kind has changed, in order of name.
    pub kinds: Vec<KindChange>,
}

impl<'a> AuditDiff<'a> {
    /// Compares two audits. Findings are matched by what they are about, in whatever file they are.
    pub fn between(earlier: &'a Audit, later: &'a Audit) -> Self {
        let known: BTreeSet<_> = earlier.findings.iter().map(|finding| earlier.key(finding)).collect();
        let still: BTreeSet<_> = later.findings.iter().map(|finding| later.key(finding)).collect();
        let before = kinds(earlier);
        let after = kinds(later);
        let new = later.findings.iter().filter(|finding| !known.contains(&later.key(finding)));
        let changed = after.iter().filter_map(|(export, to)| {
            let from = *before.get(export)?;
            (from != *to).then(|| KindChange { export: (*export).to_owned(), from, to: *to })
        });
        Self {
            new: new.map(|finding| (finding, Was::of(finding, &before))).collect(),
            gone: earlier.findings.iter().filter(|finding| !still.contains(&earlier.key(finding))).collect(),
            kinds: changed.collect(),
        }
    }
}

impl Was {
    /// `before` are the exports of the earlier audit.
    fn of(finding: &AuditFinding, before: &BTreeMap<&str, ExportKind>) -> Self {
        let Some(export) = &finding.export else { return Self::NoExport };
        match before.get(export.as_str()) {
            None => Self::Absent,
            Some(kind) if kind.is_gpl_only() => Self::GplOnly,
            Some(_) => Self::Plain,
        }
    }
}

/// Every export of an audit's objects. Of several with one name, the first counts.
fn kinds(audit: &Audit) -> BTreeMap<&str, ExportKind> {
    let exports = audit.objects.iter().rev().flat_map(|object| object.exports.iter().rev());
    exports.map(|(name, kind)| (name.as_str(), *kind)).collect()
}
