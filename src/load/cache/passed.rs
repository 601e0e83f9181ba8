//! Stages that one attempt at a call has passed in silence, and another need not run again.
//!
//! The attempts at one call differ in the answers to what is not known. Most of them differ in the fate of the signature
//! alone, on which few stages depend.

use std::cell::RefCell;
use std::sync::Arc;

use crate::load::cache::premise::Premises;
use crate::load::state::Info;
use crate::terms::Taints;

/// What a stage changed about the module.
#[derive(Clone, Debug)]
pub(in crate::load) struct Effect {
    /// The module's information afterwards, if it changed.
    pub info: Option<Arc<Info>>,
    /// The module's taints afterwards, if they changed.
    pub taints: Option<Taints>,
}

/// The stages passed so far by attempts at one call.
#[derive(Debug, Default)]
pub(crate) struct Passed(RefCell<PassedStages>);

#[derive(Debug)]
struct PassedStages {
    stages: Vec<PassedStage>,
    /// For each position, the place in `stages` of the first result that is kept, counted from 1; 0 for none.
    first: [u8; POSITIONS],
}

/// A stage that succeeded, printed nothing, found nothing and left the kernel's state as it was.
#[derive(Debug)]
struct PassedStage {
    /// The place of the next result for the same position, counted from 1; 0 for none.
    next: u8,
    premises: Premises,
    effect: Effect,
}

/// How many results are kept of one stage.
const KEPT: usize = 3;

/// Positions from here on are not kept.
const POSITIONS: usize = 64;

impl Default for PassedStages {
    fn default() -> Self {
        Self { stages: Vec::new(), first: [0; POSITIONS] }
    }
}

impl PassedStages {
    /// The results that are kept of the stage at a position, the last one first.
    fn at(&self, position: usize) -> impl Iterator<Item = &PassedStage> {
        let at = |place: u8| self.stages.get(usize::from(place).checked_sub(1)?);
        std::iter::successors(self.first.get(position).and_then(|first| at(*first)), move |stage| at(stage.next))
    }
}

impl Passed {
    /// The effect of the stage at a position, if another attempt has passed it. `holds` decides whether its premises hold.
    pub(in crate::load) fn get(&self, position: usize, holds: impl Fn(&Premises) -> bool) -> Option<Effect> {
        let passed = self.0.borrow();
        let known = passed.at(position).find(|known| holds(&known.premises))?;
        Some(known.effect.clone())
    }

    /// Keeps that the stage at a position was passed. `recorded` returns its premises and its effect; it returns `None` if the
    /// stage must not be skipped.
    pub(in crate::load) fn keep(&self, position: usize, recorded: impl FnOnce() -> Option<(Premises, Effect)>) {
        let mut passed = self.0.borrow_mut();
        if passed.at(position).count() >= KEPT {
            return;
        }
        let PassedStages { stages, first } = &mut *passed;
        let (Some(first), Ok(place)) = (first.get_mut(position), u8::try_from(stages.len() + 1)) else { return };
        if stages.is_empty() {
            // Most modules pass every stage once.
            stages.reserve(24);
        }
        if let Some((premises, effect)) = recorded() {
            stages.push(PassedStage { next: *first, premises, effect });
            *first = place;
        }
    }
}
