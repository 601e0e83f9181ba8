//! The result of a policy: what fails, and which rules match nothing.

use serde::Serialize;

use super::palette::Palette;
use super::printable::Printable;
use super::wording::{count, list};
use crate::impact::policy::{PolicyEntry, PolicyResult, PolicyVerdicts};

/// How many names of one kind of failure the text shows.
const NAMES: usize = 8;

/// The result of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PolicyReport {
    /// Whether anything fails.
    pub failed: bool,
    /// What fails.
    pub failures: Vec<PolicyFailure>,
    /// How many entries rules let pass.
    pub tolerated: usize,
    /// How many entries are in the baseline.
    pub known: usize,
    /// Conditions to fail on that could not be determined.
    pub not_known: Vec<String>,
    /// Rules that match nothing, with their lines.
    pub unused_rules: Vec<String>,
}

/// One thing that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyFailure {
    /// The class of changes, or the answer.
    pub what: String,
    /// The module; `None` where the policy is about no module.
    pub module: Option<String>,
    /// The symbol of a change; `None` for an answer.
    pub symbol: Option<String>,
}

impl From<&PolicyEntry<'_>> for PolicyFailure {
    fn from(entry: &PolicyEntry<'_>) -> Self {
        Self {
            what: entry.concern.to_string(),
            module: Some(entry.module.to_owned()).filter(|module| !module.is_empty()),
            symbol: entry.change.map(|change| change.symbol.to_string()),
        }
    }
}

impl PolicyReport {
    /// The report for what a policy judged about `entries`.
    pub fn new(judged: &PolicyVerdicts<'_>, entries: &[PolicyEntry<'_>]) -> Self {
        let failing = entries.iter().zip(&judged.standings).filter(|(_, standing)| **standing == PolicyResult::Fails);
        let failures: Vec<_> = failing.map(|(entry, _)| PolicyFailure::from(entry)).collect();
        let unused = judged.unused.iter().map(|rule| format!("line {}: {}", rule.line, rule.text));
        Self {
            failed: !failures.is_empty(),
            failures,
            tolerated: judged.number(PolicyResult::Tolerated),
            known: judged.number(PolicyResult::Known),
            not_known: Vec::new(),
            unused_rules: unused.collect(),
        }
    }

    /// Counts the failures as known, so that nothing fails.
    pub fn accept(&mut self) {
        self.known += self.failures.len();
        self.failures.clear();
        self.failed = false;
    }

    /// The report as text.
    pub fn human(&self, palette: &Palette) -> Printable {
        let mut text = Printable::default();
        let (style, answer) = if self.failed {
            (palette.answer_bad, count(self.failures.len(), "failure", "failures"))
        } else if !self.not_known.is_empty() {
            (palette.answer_unknown, "nothing that is known fails".to_owned())
        } else {
            (palette.answer_good, "nothing fails".to_owned())
        };
        let passed = [(self.tolerated, "let pass by rules"), (self.known, "in the baseline")];
        let passed = passed.iter().filter(|(number, _)| *number > 0).map(|(number, why)| format!(", {number} {why}"));
        text.end();
        text.text("policy: ").painted(palette, style, answer).line(passed.collect::<String>());
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
            text.line(format_args!("  {what}: {}", list(&names, NAMES)));
        }
        for what in &self.not_known {
            text.line(format_args!("  not known: {what}"));
        }
        for rule in &self.unused_rules {
            text.line(format_args!("  a rule that matches nothing: {rule}"));
        }
        text
    }
}
