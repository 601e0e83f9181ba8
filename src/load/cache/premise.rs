//! What a result depended on, recorded while it was computed.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::kernel::ConfigOption;
use crate::load::loaded::LoadedModule;
use crate::load::state::{Info, Once};
use crate::terms::{Taint, Taints};
use crate::verdict::Missing;

/// One thing that an attempt was asked, and its answer. A cached result holds for another attempt that gives every one of its
/// premises the same answer.
///
/// Only what can differ between two attempts at one call, or between two calls on one machine, is a premise. The kernel, the
/// command line, the file and the arguments of the call are not: a cache has them in its key, or lives no longer than they do.
#[derive(Clone, Debug)]
pub(in crate::load) enum Premise {
    /// The answer to a question about an unknown fact.
    Answer(Missing, bool),
    /// The question has no answer, and is taken for answered with yes, because the module is refused already.
    Assumed(Missing),
    /// What the calendar says of a dated behaviour.
    Behaviour(Behaviour, Option<bool>),
    /// What the distribution is known to set, where no configuration was given.
    DistributionConfig(ConfigOption, Option<bool>),
    /// The modules that are loaded.
    Modules(Arc<Vec<Arc<LoadedModule>>>),
    /// Whether a line was printed during this boot.
    Printed(Once, bool),
    /// Whether the kernel has a taint.
    KernelTaint(Taint, bool),
    /// The taints of the module so far.
    ModuleTaints(Taints),
    /// Whether the module has a taint so far.
    ModuleTaint(Taint, bool),
    /// Whether the signature was found good.
    SignatureOk(bool),
    /// Whether the module was changed to force it.
    Mangled(bool),
    /// What earlier stages gathered of the module.
    Info(Option<Arc<Info>>),
    /// How many bytes of the file are left: the loader cuts a signature off.
    Len(usize),
    /// Whether the module is refused already.
    Surveying(bool),
}

impl PartialEq for Premise {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Answer(one, answer), Self::Answer(other, same)) => answer == same && one == other,
            (Self::Assumed(one), Self::Assumed(other)) => one == other,
            (Self::Behaviour(one, has), Self::Behaviour(other, same)) => has == same && one == other,
            (Self::DistributionConfig(one, set), Self::DistributionConfig(other, same)) => set == same && one == other,
            (Self::Modules(one), Self::Modules(other)) => are_same_modules(one, other),
            (Self::Printed(one, printed), Self::Printed(other, same)) => printed == same && one == other,
            (Self::KernelTaint(one, has), Self::KernelTaint(other, same)) => has == same && one == other,
            (Self::ModuleTaints(one), Self::ModuleTaints(other)) => one == other,
            (Self::ModuleTaint(one, has), Self::ModuleTaint(other, same)) => has == same && one == other,
            (Self::SignatureOk(one), Self::SignatureOk(other)) | (Self::Mangled(one), Self::Mangled(other)) => {
                one == other
            }
            (Self::Info(one), Self::Info(other)) => is_same_info(one.as_ref(), other.as_ref()),
            (Self::Len(one), Self::Len(other)) => one == other,
            (Self::Surveying(one), Self::Surveying(other)) => one == other,
            _ => false,
        }
    }
}

/// Returns whether two lists hold the very same modules. Worlds that were put together have lists of their own.
pub(in crate::load) fn are_same_modules(
    one: &Arc<Vec<Arc<LoadedModule>>>,
    other: &Arc<Vec<Arc<LoadedModule>>>,
) -> bool {
    Arc::ptr_eq(one, other)
        || (one.len() == other.len() && one.iter().zip(other.iter()).all(|(one, other)| Arc::ptr_eq(one, other)))
}

/// Returns whether both are the very same value: an attempt that skips a stage takes over the value which that stage made.
pub(in crate::load) fn is_same_info(one: Option<&Arc<Info>>, other: Option<&Arc<Info>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// The premises of the stage that is running, in the order in which they were met.
#[derive(Debug, Default)]
pub(in crate::load) struct Recording {
    premises: Vec<Premise>,
    /// Where the innermost cached computation began.
    start: usize,
    /// How many cached computations are running.
    depth: usize,
    /// The stage has replaced the module's information: what it reads of that from now on is its own.
    pub owns_info: bool,
    /// The stage has added taints to the module: likewise.
    pub owns_taints: bool,
    /// The stage has changed the kernel's state.
    pub changed_kernel: bool,
}

/// How far back an equal premise is looked for before one is added. Stages ask the same few things for every symbol.
const LOOK_BACK: usize = 8;

impl Recording {
    /// Forgets the last stage, and begins with another.
    pub fn begin(&mut self) {
        self.premises.clear();
        self.start = 0;
        self.depth = 0;
        self.owns_info = false;
        self.owns_taints = false;
        self.changed_kernel = false;
    }

    /// Begins a computation inside the stage whose result will be cached on its own. Returns what [`Recording::leave`] needs.
    pub fn enter(&mut self) -> usize {
        self.depth += 1;
        std::mem::replace(&mut self.start, self.premises.len())
    }

    /// Ends that computation and returns its premises. They are premises of the stage, too.
    pub fn leave(&mut self, outer: usize) -> Vec<Premise> {
        self.depth = self.depth.saturating_sub(1);
        let start = std::mem::replace(&mut self.start, outer);
        self.premises.get(start..).unwrap_or_default().to_vec()
    }

    /// Returns whether a cached computation is running.
    pub const fn is_inside(&self) -> bool {
        self.depth > 0
    }

    /// Looks for something in the last premises of the innermost computation.
    pub fn find<T>(&self, wanted: impl Fn(&Premise) -> Option<T>) -> Option<T> {
        let known = self.premises.get(self.start..).unwrap_or_default();
        known.iter().rev().take(LOOK_BACK).find_map(wanted)
    }

    /// Returns whether one of the last premises of the innermost computation is this one.
    pub fn knows(&self, is_it: impl Fn(&Premise) -> bool) -> bool {
        self.find(|premise| is_it(premise).then_some(())).is_some()
    }

    pub fn add(&mut self, premise: Premise) {
        let kind = std::mem::discriminant(&premise);
        if !self.knows(|known| std::mem::discriminant(known) == kind && *known == premise) {
            if self.premises.is_empty() {
                self.premises.reserve(32);
            }
            self.premises.push(premise);
        }
    }

    /// Adds the premises of a cached result. One that is known already does no harm.
    pub fn extend(&mut self, premises: &[Premise]) {
        self.premises.extend_from_slice(premises);
    }

    pub fn premises(&self) -> &[Premise] {
        &self.premises
    }
}
