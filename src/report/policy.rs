//! How a policy has judged: what fails, and which rules are of no use.

use std::fmt::Write as _;

use serde::Serialize;

use super::Palette;
use super::wording::{count, list, printable};
use crate::impact::policy::{PolicyEntry, PolicyResult, PolicyVerdicts};

/// Names shown of one kind of failure.
const NAMES: usize = 8;

/// What a policy says, for reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PolicyReport {
    /// Does anything fail?
    pub failed: bool,
    /// What fails.
    pub failures: Vec<Failure>,
    /// How much a rule lets pass.
    pub tolerated: usize,
    /// How much is in the baseline.
    pub known: usize,
    /// What it is to fail on and of which nobody knows whether it is so.
    pub not_known: Vec<String>,
    /// Rules that nothing met, with their lines.
    pub unused_rules: Vec<String>,
}

/// One thing that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The class of changes, or the answer.
    pub what: String,
    /// The module; `None` where none is asked about.
    pub module: Option<String>,
    /// The symbol; `None` for an answer.
    pub symbol: Option<String>,
}

impl PolicyReport {
    /// Out of the judgement over entries.
    pub fn new(judged: &PolicyVerdicts<'_>, entries: &[PolicyEntry<'_>]) -> Self {
        let failing = entries.iter().zip(&judged.standings).filter(|(_, standing)| **standing == PolicyResult::Fails);
        let failure = |entry: &PolicyEntry<'_>| Failure {
            what: entry.concern.to_string(),
            module: Some(entry.module.to_owned()).filter(|module| !module.is_empty()),
            symbol: entry.change.map(|change| change.symbol.to_string()),
        };
        let failures: Vec<_> = failing.map(|(entry, _)| failure(entry)).collect();
        let rule = |rule: &&crate::impact::policy::PolicyRule| format!("line {}: {}", rule.line, rule.text);
        Self {
            failed: !failures.is_empty(),
            failures,
            tolerated: judged.number(PolicyResult::Tolerated),
            known: judged.number(PolicyResult::Known),
            not_known: Vec::new(),
            unused_rules: judged.unused.iter().map(rule).collect(),
        }
    }

    /// Takes what fails for known.
    pub fn accept(&mut self) {
        self.known += self.failures.len();
        self.failures.clear();
        self.failed = false;
    }

    /// For people.
    pub fn human(&self, palette: &Palette) -> String {
        let mut text = String::new();
        let (style, answer) = match self.failed {
            true => (palette.answer_bad, count(self.failures.len(), "failure", "failures")),
            false if !self.not_known.is_empty() => (palette.answer_unknown, "nothing fails that is known".to_owned()),
            false => (palette.answer_good, "nothing fails".to_owned()),
        };
        let passed = [(self.tolerated, "let pass by rules"), (self.known, "in the baseline")];
        let passed = passed.iter().filter(|(number, _)| *number > 0).map(|(number, why)| format!(", {number} {why}"));
        let _ = writeln!(text, "\npolicy: {}{}", palette.paint(style, &answer), passed.collect::<String>());
        let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
        for failure in &self.failures {
            let names = [failure.module.as_deref(), failure.symbol.as_deref()];
            let name = names.into_iter().flatten().collect::<Vec<_>>().join(": ");
            match kinds.iter_mut().find(|(what, _)| *what == failure.what) {
                Some((_, names)) => names.push(name),
                None => kinds.push((&failure.what, vec![name])),
            }
        }
        for (what, names) in kinds {
            let _ = writeln!(text, "  {what}: {}", printable(&list(&names, NAMES)));
        }
        for what in &self.not_known {
            let _ = writeln!(text, "  not known: {}", printable(what));
        }
        for rule in &self.unused_rules {
            let _ = writeln!(text, "  a rule that nothing meets: {}", printable(rule));
        }
        text
    }
}
