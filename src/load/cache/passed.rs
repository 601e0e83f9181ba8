//! Stages that one attempt at a call has passed in silence, and another need not run again.
//!
//! The attempts at one call differ in the answers to what is not known. Most of them differ in the fate of the signature
//! alone, on which few stages depend.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crate::load::cache::premise::Premise;
use crate::load::run::Run;
use crate::load::state::Info;
use crate::terms::Taints;

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
    /// What it made of the module's information, if it changed it.
    info: Option<Arc<Info>>,
    /// The taints it left the module with, if it changed them.
    taints: Option<Taints>,
}

/// How many results are kept of one stage.
const KEPT: usize = 3;

impl Passed {
    /// Skips the stage at a position if another attempt has passed it under the same premises. The effect on the module is
    /// taken over. Returns whether it was skipped.
    pub fn skip(&self, run: &mut Run<'_>, position: usize) -> bool {
        let passed = self.0.borrow();
        let holds = |known: &&PassedStage| {
            let premises = passed.premises.get(known.premises.clone());
            known.position == position && premises.is_some_and(|premises| run.holds(premises))
        };
        let Some(known) = passed.stages.iter().find(holds) else { return false };
        run.take_over(known.info.as_ref(), known.taints);
        true
    }

    /// Keeps that the stage at a position was passed.
    pub fn keep(&self, run: &Run<'_>, position: usize) {
        let PassedStages { stages, premises } = &mut *self.0.borrow_mut();
        if stages.iter().filter(|known| known.position == position).count() >= KEPT {
            return;
        }
        let start = premises.len();
        if let Some((info, taints)) = run.recorded(premises) {
            stages.push(PassedStage { position, premises: start..premises.len(), info, taints });
        }
    }
}
