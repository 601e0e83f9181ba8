//! Stages that one attempt at a call has passed in silence, and another need not run again.
//!
//! The attempts at one call differ in the answers to what is not known. Most of them differ in the fate of the signature
//! alone, on which few stages depend.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crate::load::cache::premise::Premise;
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

#[derive(Debug, Default)]
struct PassedStages {
    stages: Vec<PassedStage>,
    /// The premises of all of them, in one piece of memory.
    premises: Vec<Premise>,
}

/// A stage that succeeded, printed nothing, found nothing and left the kernel's state as it was.
#[derive(Debug)]
struct PassedStage {
    /// Its position in the order of stages.
    position: usize,
    /// Where its premises are.
    premises: Range<usize>,
    effect: Effect,
}

/// How many results are kept of one stage.
const KEPT: usize = 3;

impl Passed {
    /// The effect of the stage at a position, if another attempt has passed it. `holds` decides whether its premises hold.
    pub(in crate::load) fn get(&self, position: usize, holds: impl Fn(&[Premise]) -> bool) -> Option<Effect> {
        let passed = self.0.borrow();
        let known = passed.stages.iter().find(|known| {
            let premises = passed.premises.get(known.premises.clone());
            known.position == position && premises.is_some_and(&holds)
        })?;
        Some(known.effect.clone())
    }

    /// Keeps that the stage at a position was passed. `recorded` adds its premises to those of the other stages and returns
    /// its effect; it returns `None` if the stage must not be skipped.
    pub(in crate::load) fn keep(&self, position: usize, recorded: impl FnOnce(&mut Vec<Premise>) -> Option<Effect>) {
        let PassedStages { stages, premises } = &mut *self.0.borrow_mut();
        if stages.iter().filter(|known| known.position == position).count() >= KEPT {
            return;
        }
        let start = premises.len();
        if let Some(effect) = recorded(premises) {
            stages.push(PassedStage { position, premises: start..premises.len(), effect });
        }
    }
}
