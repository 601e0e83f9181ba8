//! Findings of one cause belong into one paragraph: forty symbols that one missing module would export are one problem.

use crate::terms::{ExportKind, License};
use crate::verdict::{Cause, Code, Finding, Stage};

/// Findings that one sentence covers.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// What they all are.
    pub code: Code,
    /// The stage that found them.
    pub stage: Stage,
    /// Does the kernel get this far?
    pub reached: bool,
    /// The findings, in the order of the verdict; never empty.
    pub findings: Vec<&'a Finding>,
}

/// What findings must share, beside code, stage and `reached`, to be one paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
enum GroupKey<'a> {
    /// The code says it all.
    Nothing,
    /// A name.
    Name(&'a str),
    /// A number.
    Number(u64),
    /// A name or none.
    Maybe(Option<&'a str>),
    /// The export and the licence that do not go together.
    Gpl(&'a str, ExportKind, Option<&'a License>, Option<&'a str>),
    /// Every finding is a paragraph of its own unless it is the same again.
    Whole(&'a Cause),
}

/// Groups findings by cause: those the kernel reaches first, then those behind the stage that refused; in each part by
/// stage, and within a stage in the order of the verdict.
pub fn groups(findings: &[Finding]) -> Vec<Group<'_>> {
    let mut keyed: Vec<(GroupKey<'_>, Group<'_>)> = Vec::new();
    for finding in findings {
        let shared = shared(&finding.cause);
        let same = keyed.iter_mut().find(|(key, group)| {
            let place = (group.code, group.stage, group.reached);
            place == (finding.code(), finding.stage, finding.reached) && *key == shared
        });
        match same {
            Some((_, group)) => group.findings.push(finding),
            None => {
                let (code, stage, reached) = (finding.code(), finding.stage, finding.reached);
                keyed.push((shared, Group { code, stage, reached, findings: vec![finding] }));
            }
        }
    }
    let mut groups: Vec<_> = keyed.into_iter().map(|(_, group)| group).collect();
    groups.sort_by_key(|group| (!group.reached, group.stage));
    groups
}

fn shared(cause: &Cause) -> GroupKey<'_> {
    match cause {
        Cause::GplOnlySymbol { exporter, kind, license, inherited_from, .. } => {
            GroupKey::Gpl(exporter, *kind, license.as_ref(), inherited_from.as_deref())
        }
        Cause::MissingSymbol { refused_exporter, .. } => GroupKey::Maybe(refused_exporter.as_deref()),
        Cause::ExporterNotLoaded { exporter, .. }
        | Cause::ExporterNotLive { exporter, .. }
        | Cause::InheritedTaint { exporter, .. }
        | Cause::GplOnlyWithProprietary { exporter, .. } => GroupKey::Name(exporter),
        Cause::NamespaceNotImported { namespace, .. } => GroupKey::Name(namespace.as_str()),
        Cause::NoSymbolVersion { fatal, .. } => GroupKey::Number(u64::from(*fatal)),
        Cause::DuplicateExport { exporter, .. } => GroupKey::Name(exporter),
        Cause::RivalExport { module, .. } => GroupKey::Name(module),
        Cause::RelocationOverflow { kind, .. }
        | Cause::UnknownRelocation { kind, .. }
        | Cause::RelocationTarget { kind, .. } => GroupKey::Number(u64::from(*kind)),
        Cause::NoExportVersions { forced, .. } => GroupKey::Number(u64::from(*forced)),
        Cause::SymbolVersion { .. }
        | Cause::GplFutureSymbol { .. }
        | Cause::UnusedSymbol { .. }
        | Cause::CommonSymbol { .. }
        | Cause::SymbolSection { .. }
        | Cause::WritableExecutable { .. }
        | Cause::RelocationKind { .. }
        | Cause::UnknownParameter { .. }
        | Cause::ImportsModuleNamespace { .. } => GroupKey::Nothing,
        other => GroupKey::Whole(other),
    }
}
