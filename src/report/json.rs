//! The documents in JSON; their schema is `testdata/schema/gplok-1.schema.json`.

use serde::Serialize;
use serde_json::Value;

use super::entry::{Entry, KernelSummary, Op};
use super::modpost::modpost_line;
use super::sentence::sentence;
use crate::terms::{Errno, Taints};
use crate::verdict::{Candidate, Cause, Code, DebugInfo, Finding, KernelLine, LineText, Missing, Outcome, Stage, Use};
use crate::why::{Elsewhere, SymbolUse};

/// The name of the schema. It changes only when a reader of the old schema would misread a document.
pub(super) const SCHEMA: &str = "gplok/1";

/// One document: a kernel, and what it would do with modules. `serde_json` writes it.
#[derive(Clone, Debug, Serialize)]
pub struct Document<'a> {
    schema: &'static str,
    kernel: &'a KernelSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    modules: Option<Vec<ModuleDocument<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<ModuleDocument<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<&'a SymbolUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere: Option<&'a [Elsewhere]>,
}

/// The document of `check`: modules that were checked independently of each other.
pub fn modules_document<'a>(entries: &[Entry<'a>], kernel: &'a KernelSummary) -> Document<'a> {
    Document {
        schema: SCHEMA,
        kernel,
        modules: Some(items(entries, kernel)),
        steps: None,
        asked: None,
        elsewhere: None,
    }
}

/// The document of `simulate`: the steps of one boot, in order.
pub fn steps_document<'a>(entries: &[Entry<'a>], kernel: &'a KernelSummary) -> Document<'a> {
    Document {
        schema: SCHEMA,
        kernel,
        modules: None,
        steps: Some(items(entries, kernel)),
        asked: None,
        elsewhere: None,
    }
}

/// The document of `why`: that of `check` for one module, the symbol that the user named if it has no finding, and how other
/// kernels treat the symbols.
pub fn why_document<'a>(
    entry: &Entry<'a>,
    asked: Option<&'a SymbolUse>,
    elsewhere: &'a [Elsewhere],
    kernel: &'a KernelSummary,
) -> Document<'a> {
    Document { asked, elsewhere: Some(elsewhere), ..modules_document(std::slice::from_ref(entry), kernel) }
}

/// One module and its verdict.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ModuleDocument<'a> {
    op: Op,
    path: Option<&'a str>,
    name: &'a str,
    outcome: &'static str,
    errno: Option<Errno>,
    stage: Option<Stage>,
    crash: Option<&'a str>,
    log: &'a [KernelLine],
    module_taints: Taints,
    kernel_tainted: u32,
    missing: &'a [Missing],
    never_loads: bool,
    #[serde(skip_serializing_if = "<[Errno]>::is_empty")]
    errnos: &'a [Errno],
    inferred: &'a [String],
    debug_info: &'a DebugInfo,
    findings: Vec<FindingDocument<'a>>,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FindingDocument<'a> {
    code: Code,
    symbol: Option<&'a str>,
    stage: Stage,
    cause: String,
    fix: String,
    reached: bool,
    kernel_line: Option<&'a LineText>,
    modpost: Option<String>,
    uses: &'a [Use],
    candidates: &'a [Candidate],
    incidents: &'a [u32],
    facts: Value,
}

fn items<'a>(entries: &[Entry<'a>], kernel: &KernelSummary) -> Vec<ModuleDocument<'a>> {
    entries.iter().map(|entry| item(entry, kernel)).collect()
}

/// An entry in the form of documents.
pub(super) fn item<'a>(entry: &Entry<'a>, kernel: &KernelSummary) -> ModuleDocument<'a> {
    let verdict = entry.verdict;
    let crash = match &verdict.outcome {
        Outcome::Crash { why, .. } => Some(why.as_str()),
        _ => None,
    };
    ModuleDocument {
        op: entry.op,
        path: entry.path,
        name: &verdict.name,
        outcome: verdict.outcome.word(),
        errno: verdict.outcome.errno(),
        stage: verdict.outcome.stage(),
        crash,
        log: &verdict.log,
        module_taints: verdict.module_taints,
        kernel_tainted: verdict.kernel_tainted.number(),
        missing: &verdict.missing,
        never_loads: verdict.never_loads,
        errnos: &verdict.errnos,
        inferred: &verdict.inferred,
        debug_info: &verdict.debug_info,
        findings: verdict.findings.iter().map(|finding| found(finding, &verdict.name, kernel)).collect(),
    }
}

/// A finding in the form of documents.
pub(super) fn found<'a>(finding: &'a Finding, module: &str, kernel: &KernelSummary) -> FindingDocument<'a> {
    let sentence = sentence(finding, module, kernel);
    FindingDocument {
        code: finding.code(),
        symbol: finding.symbol(),
        stage: finding.stage,
        cause: sentence.cause(),
        fix: sentence.fix,
        reached: finding.reached,
        kernel_line: finding.kernel_line.as_ref(),
        modpost: modpost_line(&finding.cause, module, kernel),
        uses: finding.uses(),
        candidates: finding.candidates(),
        incidents: finding.incidents(),
        facts: facts(&finding.cause),
    }
}

/// The fields of the cause, without its code. A cause is a map of plain values, whose conversion to JSON cannot fail.
fn facts(cause: &Cause) -> Value {
    let mut facts = serde_json::to_value(cause).unwrap_or_default();
    if let Some(map) = facts.as_object_mut() {
        map.remove("code");
    }
    facts
}
