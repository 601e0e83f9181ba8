//! The policy of a pipeline: the classes of changes to fail on, rules that tolerate some changes, and a baseline of
//! known ones.

mod baseline;
mod entry;
mod rules;

pub use baseline::Baseline;
pub use entry::{Concern, PolicyEntry};
pub use rules::{PolicyRule, Rules, RulesError, RulesErrorKind};

use super::ChangeClass;

/// A policy.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The classes and answers that fail unless a rule or the baseline lets them pass.
    pub fail_on: Vec<Concern>,
    /// The rules; the first one that matches an entry decides.
    pub rules: Rules,
    /// The entries that are known.
    pub baseline: Baseline,
}

/// The result of judging one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyResult {
    /// It fails.
    Fails,
    /// The policy does not fail on its concern.
    Allowed,
    /// A rule lets it pass.
    Tolerated,
    /// It is in the baseline.
    Known,
}

/// The results for all entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVerdicts<'p> {
    /// The result for each entry, in order.
    pub standings: Vec<PolicyResult>,
    /// The rules that matched no entry.
    pub unused: Vec<&'p PolicyRule>,
}

impl PolicyVerdicts<'_> {
    /// The number of entries with this result.
    pub fn number(&self, standing: PolicyResult) -> usize {
        self.standings.iter().filter(|known| **known == standing).count()
    }
}

impl Policy {
    /// The classes to fail on if only rules or a baseline are given: those that can break a module.
    pub fn harmful() -> Vec<Concern> {
        ChangeClass::ALL.into_iter().filter(|class| class.is_harmful()).map(Concern::Change).collect()
    }

    /// Judges all entries.
    pub fn judge(&self, entries: &[PolicyEntry<'_>]) -> PolicyVerdicts<'_> {
        let mut used = vec![false; self.rules.all().len()];
        let mut standings = Vec::with_capacity(entries.len());
        for entry in entries {
            let rule = self.rules.first(entry);
            if let Some(used) = rule.and_then(|(index, _)| used.get_mut(index)) {
                *used = true;
            }
            standings.push(self.standing(entry, rule.map(|(_, rule)| rule)));
        }
        let unused = self.rules.all().iter().zip(used).filter(|(_, used)| !used).map(|(rule, _)| rule).collect();
        PolicyVerdicts { standings, unused }
    }

    fn standing(&self, entry: &PolicyEntry<'_>, rule: Option<&PolicyRule>) -> PolicyResult {
        if rule.is_some_and(|rule| rule.passes) {
            return PolicyResult::Tolerated;
        }
        if !rule.is_some_and(PolicyRule::names_classes) && !self.fail_on.contains(&entry.concern) {
            return PolicyResult::Allowed;
        }
        if self.baseline.has(entry) { PolicyResult::Known } else { PolicyResult::Fails }
    }
}
