//! From findings to sentences.

use serde::Serialize;

use super::entry::KernelSummary;
use super::findings::wording;
use super::printable::printable;
use super::topic::{Because, Topic, Wording};
use super::wording::NameList;
use crate::verdict::{Cause, Finding};

/// What to say about a finding, or about several with one cause. The texts have no final full stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sentence {
    /// What is the case.
    pub what: String,
    /// The text between `what` and `why`: `, and `, `, but `, `, so ` or `: `.
    pub link: &'static str,
    /// Why that matters to the kernel.
    pub why: String,
    /// What to do about it.
    pub fix: String,
}

impl Sentence {
    /// What and why in one sentence.
    pub fn cause(&self) -> String {
        format!("{}{}{}", self.what, self.link, self.why)
    }
}

/// The sentence for one finding about `module`.
pub fn sentence(finding: &Finding, module: &str, kernel: &KernelSummary) -> Sentence {
    compose(&finding.cause, &[finding], module, kernel, false)
}

/// The sentence for findings of one cause, as [`groups`](super::groups) sorts them. Long lists of names are cut short,
/// except where each name needs a decision of its own (GPL-only and missing symbols). `None` for no findings.
pub fn group_sentence(group: &[&Finding], module: &str, kernel: &KernelSummary) -> Option<Sentence> {
    let first = group.first()?;
    let each_counts = matches!(first.cause, Cause::GplOnlySymbol { .. } | Cause::MissingSymbol { .. });
    Some(compose(&first.cause, group, module, kernel, !each_counts))
}

fn compose(cause: &Cause, group: &[&Finding], module: &str, kernel: &KernelSummary, capped: bool) -> Sentence {
    let names = NameList::new(group.iter().filter_map(|finding| subject(&finding.cause)), capped);
    let topic = Topic { group, names, module, kernel };
    let Wording { because: Because { what, link, why }, fix } = wording(cause, &topic);
    Sentence { what: printable(what), link, why: printable(why), fix: printable(fix) }
}

/// The name in a cause by which its group lists it.
fn subject(cause: &Cause) -> Option<&str> {
    match cause {
        Cause::RelocationOverflow { section, .. }
        | Cause::UnknownRelocation { section, .. }
        | Cause::RelocationTarget { section, .. }
        | Cause::RelocationKind { section }
        | Cause::WritableExecutable { section, .. }
        | Cause::NoExportVersions { section, .. } => Some(section),
        Cause::UnknownParameter { parameter } | Cause::InvalidParameter { parameter, .. } => Some(parameter),
        Cause::ImportsModuleNamespace { namespace } => Some(namespace),
        other => other.symbol(),
    }
}
