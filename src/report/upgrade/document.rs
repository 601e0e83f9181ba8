//! The effects of another kernel as a document in JSON.

use serde::Serialize;

use crate::history::Behaviour;
use crate::impact::{
    Answer, ExportDiff, Fate, ModuleImpact, Prototypes, Successor, SymbolImpact, Totals, Uncompared, Upgrade, Wanting,
};
use crate::report::diff::Change;
use crate::report::entry::{Entry, KernelSummary, Op};
use crate::report::json::{FindingDocument, ModuleDocument, SCHEMA, found, item};
use crate::report::policy::PolicyReport;
use crate::terms::License;
use crate::verdict::Use;
use crate::why::inlines::Inline;

/// The effects of another kernel on modules, as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct UpgradeDocument<'a> {
    schema: &'static str,
    from: &'a KernelSummary,
    to: &'a KernelSummary,
    modules: Vec<ModuleItem<'a>>,
    rules: Vec<RuleItem>,
    uncompared: &'a [Uncompared],
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<Diff<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a PolicyReport>,
}

/// All exports that differ.
#[derive(Clone, Debug, Serialize)]
struct Diff<'a> {
    totals: Totals,
    changes: Vec<Change<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct ModuleItem<'a> {
    path: String,
    name: &'a str,
    licenses: &'a [License],
    answer: Answer,
    binary: ModuleDocument<'a>,
    rebuilt: Option<ModuleDocument<'a>>,
    needs_signature: bool,
    symbols: Vec<SymbolItem<'a>>,
    rules: Vec<&'static str>,
    inlines: &'a [Inline],
    gone_inlines: &'a [String],
    inlines_unknown: bool,
    wanting: Vec<Wanting>,
}

#[derive(Clone, Debug, Serialize)]
struct SymbolItem<'a> {
    #[serde(flatten)]
    change: Change<'a>,
    blocked: Option<FindingDocument<'a>>,
    fate: &'a Fate,
    prototypes: Option<&'a Prototypes>,
    uses: &'a [Use],
    through: &'a [String],
    successors: &'a [Successor],
}

/// A behaviour of the loader that only one of the kernels has.
#[derive(Clone, Debug, Serialize)]
struct RuleItem {
    rule: &'static str,
    sentence: &'static str,
    after: bool,
}

impl RuleItem {
    fn new(behaviour: Behaviour, after: bool) -> Self {
        Self { rule: behaviour.name(), sentence: behaviour.sentence().trim(), after }
    }
}

/// The document of `upgrade`; with `diff`, also all differences between the exports of the two kernels.
pub fn upgrade_document<'a>(
    upgrade: &'a Upgrade<'_>,
    diff: Option<&'a ExportDiff<'_>>,
    from: &'a KernelSummary,
    to: &'a KernelSummary,
    policy: Option<&'a PolicyReport>,
) -> UpgradeDocument<'a> {
    UpgradeDocument {
        schema: SCHEMA,
        from,
        to,
        modules: upgrade.modules.iter().map(|impact| module(impact, to)).collect(),
        rules: upgrade.rules.iter().map(|(rule, after)| RuleItem::new(*rule, *after)).collect(),
        uncompared: &upgrade.uncompared,
        diff: diff.map(|diff| Diff { totals: diff.totals(), changes: diff.changes.iter().map(Change::from).collect() }),
        policy,
    }
}

fn module<'a>(impact: &'a ModuleImpact<'_>, to: &KernelSummary) -> ModuleItem<'a> {
    let judged = |verdict| item(&Entry { op: Op::Insmod, path: None, verdict }, to);
    ModuleItem {
        path: impact.path.to_string_lossy().into_owned(),
        name: &impact.binary.name,
        licenses: &impact.licenses,
        answer: impact.answer,
        binary: judged(&impact.binary),
        rebuilt: impact.rebuilt.as_ref().map(judged),
        needs_signature: impact.needs_signature,
        symbols: impact.symbols.iter().map(|symbol| self::symbol(symbol, &impact.binary.name, to)).collect(),
        rules: impact.rules.iter().map(|rule| rule.name()).collect(),
        inlines: &impact.inlines,
        gone_inlines: &impact.gone_inlines,
        inlines_unknown: impact.inlines_unknown,
        wanting: impact.wanting().into_iter().collect(),
    }
}

fn symbol<'a>(impact: &'a SymbolImpact<'_>, module: &str, to: &KernelSummary) -> SymbolItem<'a> {
    SymbolItem {
        change: Change::from(&impact.change),
        blocked: impact.blocked.as_ref().map(|finding| found(finding, module, to)),
        fate: &impact.fate,
        prototypes: impact.prototypes.as_ref(),
        uses: &impact.uses,
        through: &impact.through,
        successors: &impact.successors,
    }
}
