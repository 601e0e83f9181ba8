//! Groups of findings with one cause. Each group is one paragraph: forty symbols of one module that is not loaded are one
//! problem.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hasher as _};

use super::compiler_symbols::{CompilerSymbol, explaining};
use crate::terms::{ExportKind, License};
use crate::verdict::{Absent, Cause, Code, Finding, Stage};

/// Findings that share one sentence.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Group<'a> {
    /// Their code.
    pub code: Code,
    /// The stage that made them.
    pub stage: Stage,
    /// Whether the kernel reaches the stage.
    pub reached: bool,
    /// The findings, in the order of the verdict; never empty.
    pub findings: Vec<&'a Finding>,
}

/// What findings must share, in addition to code, stage and `reached`, to be in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
enum GroupKey<'a> {
    /// Nothing else: all findings of the code are in one group.
    Nothing,
    /// A name.
    Name(&'a str),
    /// A number.
    Number(u64),
    /// Why a symbol is missing: the exporter that was refused, what compilers use the symbol for, and whether a crate of another
    /// hash has it.
    Missing(Option<&'a str>, Option<&'static str>, bool),
    /// The export and the license: exporter, kind, license, and the module that the taint is inherited from.
    Gpl(&'a str, ExportKind, Option<&'a License>, Option<&'a str>),
    /// Why the exporter cannot be loaded from the tree.
    Absent(&'a Absent),
    /// All facts: only equal findings are in one group.
    Whole(&'a Cause),
}

impl GroupKey<'_> {
    /// Equal keys have equal digests.
    fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        // A digest takes any text.
        _ = write!(digest, "{self:?}");
        digest.0.finish()
    }
}

/// A hash of a text.
#[derive(Default)]
struct Digest(DefaultHasher);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// Groups findings by cause. The groups whose stage the kernel reaches come first, then the others; each part is in the order
/// of the stages, and within a stage in the order of the verdict.
pub fn groups(findings: &[Finding]) -> Vec<Group<'_>> {
    let mut keyed: Vec<(GroupKey<'_>, Group<'_>)> = Vec::new();
    let mut places: HashMap<_, Vec<usize>> = HashMap::new();
    for finding in findings {
        let key = group_key(&finding.cause);
        let facts = (finding.code(), finding.stage, finding.reached);
        let alike = places.entry((facts, key.digest())).or_default();
        let place = alike.iter().copied().find(|place| keyed.get(*place).is_some_and(|(known, _)| *known == key));
        match place.and_then(|place| keyed.get_mut(place)) {
            Some((_, group)) => group.findings.push(finding),
            None => {
                alike.push(keyed.len());
                let (code, stage, reached) = facts;
                keyed.push((key, Group { code, stage, reached, findings: vec![finding] }));
            }
        }
    }
    let mut groups: Vec<_> = keyed.into_iter().map(|(_, group)| group).collect();
    groups.sort_by_key(|group| (!group.reached, group.stage));
    groups
}

fn group_key(cause: &Cause) -> GroupKey<'_> {
    match cause {
        Cause::GplOnlySymbol { exporter, kind, license, inherited_from, .. } => {
            GroupKey::Gpl(exporter, *kind, license.as_ref(), inherited_from.as_deref())
        }
        Cause::ExporterNotLoaded { absent: Some(absent), .. } => GroupKey::Absent(absent),
        Cause::MissingSymbol { symbol, refused_exporter, namesake, absent } => {
            match explaining(symbol, absent.as_deref()) {
                Some(absent) => GroupKey::Absent(absent),
                None => {
                    let purpose = CompilerSymbol::purpose_of(symbol);
                    GroupKey::Missing(refused_exporter.as_deref(), purpose, namesake.is_some())
                }
            }
        }
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
