//! What one attempt at a system call has gone through in silence need not be gone through again by another that differs from it
//! in the signature's fate alone.

use std::cell::RefCell;
use std::sync::Arc;

use crate::load::run::{Resolution, Run};
use crate::load::state::{Info, World};
use crate::verdict::{Missing, Stage};

/// The stages that look at nothing which hangs on the signature: no taint, no line said once a boot. Where they go well and say
/// nothing, they change nothing, either.
const BLIND: [Stage; 6] = [
    Stage::CheckModstructVersion,
    Stage::ModuleEnforceRwxSections,
    Stage::ApplyRelocations,
    Stage::CompleteFormation,
    Stage::PrepareComing,
    Stage::ModSysfsSetup,
];

/// What the attempts at one call have in common.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    gone: RefCell<Option<Gone>>,
    /// What came of resolving all symbols, where nothing was to be said of it.
    pub resolved: RefCell<Option<Resolution>>,
}

/// What an attempt has gone through.
#[derive(Debug)]
struct Gone {
    world: World,
    /// How much of the file the loader had.
    len: usize,
    info: Info,
    stages: Vec<Stage>,
}

impl Gone {
    /// May this run take for granted what that one has found?
    fn holds_for(&self, run: &Run<'_>) -> bool {
        let of_signature = |missing: &Missing| matches!(missing, Missing::Signer(_) | Missing::SignatureMatch);
        let (own, other) = (&self.world, &run.world);
        let modules = own.state.modules.iter().zip(other.state.modules.iter());
        !run.surveying
            && self.len == run.bytes.len()
            && own.calendar == other.calendar
            && own.state.modules.len() == other.state.modules.len()
            && modules.into_iter().all(|(one, other)| Arc::ptr_eq(one, other))
            && {
                let answers = other.answers.iter().filter(|(missing, _)| !of_signature(missing));
                own.answers.iter().filter(|(missing, _)| !of_signature(missing)).eq(answers)
            }
    }

    /// The same, once symbols are resolved: all of them.
    fn fits(&self, run: &Run<'_>) -> bool {
        run.info.as_ref().is_some_and(|info| info.unresolved.is_empty()) && self.holds_for(run)
    }
}

impl Passed {
    /// What the ELF checks gathered, where they went well.
    pub fn info(&self, run: &Run<'_>) -> Option<Info> {
        let gone = self.gone.borrow();
        let gone = gone.as_ref().filter(|gone| gone.holds_for(run))?;
        Some(Info { sig_ok: run.sig_ok, ..gone.info.clone() })
    }

    /// Has a stage gone well already?
    pub fn has(&self, run: &Run<'_>, stage: Stage) -> bool {
        let gone = self.gone.borrow();
        BLIND.contains(&stage) && gone.as_ref().is_some_and(|gone| gone.stages.contains(&stage) && gone.fits(run))
    }

    /// Keeps that one has, and said nothing.
    pub fn keep(&self, run: &Run<'_>, stage: Stage) {
        if let (Stage::ElfValidity, false, Some(info)) = (stage, run.surveying, &run.info) {
            let (world, info) = (run.world.clone(), info.clone());
            *self.gone.borrow_mut() = Some(Gone { world, len: run.bytes.len(), info, stages: Vec::new() });
        }
        if BLIND.contains(&stage)
            && let Some(gone) = self.gone.borrow_mut().as_mut().filter(|gone| gone.fits(run))
        {
            gone.stages.push(stage);
        }
    }
}
