//! What a pipeline is to fail on: classes of changes, rules that tolerate some, and a baseline of what is known.

mod baseline;
mod entry;
mod rules;

pub use baseline::Baseline;
pub use entry::{Concern, Entry};
pub use rules::{Rule, Rules, RulesError, RulesErrorKind};

use super::ChangeClass;

/// What fails.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The classes and answers that fail, unless a rule or the baseline lets them pass.
    pub fail_on: Vec<Concern>,
    /// Rules; the first that fits decides.
    pub rules: Rules,
    /// What is known.
    pub baseline: Baseline,
}

/// How an entry stands with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It fails.
    Fails,
    /// Nothing asks to fail on it.
    Allowed,
    /// A rule lets it pass.
    Tolerated,
    /// It is in the baseline.
    Known,
}

/// What a policy says to all entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged<'p> {
    /// How each entry stands, in their order.
    pub standings: Vec<Standing>,
    /// Rules that no entry met.
    pub unused: Vec<&'p Rule>,
}

impl Judged<'_> {
    /// How many stand so.
    pub fn number(&self, standing: Standing) -> usize {
        self.standings.iter().filter(|known| **known == standing).count()
    }
}

impl Policy {
    /// The classes that fail where only rules or a baseline were given: those that can hurt a module.
    pub fn harmful() -> Vec<Concern> {
        ChangeClass::ALL.into_iter().filter(|class| class.is_harmful()).map(Concern::Change).collect()
    }

    /// Judges entries.
    pub fn judge(&self, entries: &[Entry<'_>]) -> Judged<'_> {
        let mut used = vec![false; self.rules.all().len()];
        let standings = entries.iter().map(|entry| {
            let rule = self.rules.first(entry);
            if let Some(place) = rule.and_then(|(index, _)| used.get_mut(index)) {
                *place = true;
            }
            self.standing(entry, rule.map(|(_, rule)| rule))
        });
        let standings = standings.collect();
        let unused = self.rules.all().iter().zip(used).filter(|(_, used)| !used).map(|(rule, _)| rule).collect();
        Judged { standings, unused }
    }

    fn standing(&self, entry: &Entry<'_>, rule: Option<&Rule>) -> Standing {
        if rule.is_some_and(|rule| rule.passes) {
            return Standing::Tolerated;
        }
        if !rule.is_some_and(Rule::names_classes) && !self.fail_on.contains(&entry.concern) {
            return Standing::Allowed;
        }
        if self.baseline.has(entry) { Standing::Known } else { Standing::Fails }
    }
}
