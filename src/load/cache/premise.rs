//! What a result depended on, recorded while it was computed.

use std::ops::{BitAnd, BitOr, Not, Shl};
use std::sync::Arc;

use crate::history::Behaviour;
use crate::kernel::ConfigOption;
use crate::load::loaded::LoadedModule;
use crate::load::state::Info;
use crate::terms::Taints;
use crate::verdict::Missing;

/// What an attempt was asked, and its answers. A cached result holds for another attempt that gives the same answers.
///
/// Only what can differ between two attempts at one call, or between two calls on one machine, is a premise. The kernel, the
/// command line, the file and the arguments of the call are not: a cache has them in its key, or lives no longer than they do.
///
/// Each question has one answer while a result is computed that is kept: a stage that changes the kernel's state is not kept, and
/// of the module's information and taints only what was there before the stage changed them is a premise.
#[derive(Clone, Debug, Default)]
pub(in crate::load) struct Premises {
    /// What the calendar says of dated behaviours.
    pub behaviours: Asked<u128>,
    /// The behaviours among them of which the calendar does not know.
    pub open: u128,
    /// Which lines were printed that are printed once in a boot.
    pub lines: Asked<u8>,
    /// Which taints the kernel has.
    pub kernel_taints: Asked<u32>,
    /// The taints of the module so far.
    pub module_taints: Option<Taints>,
    /// Whether the module is proprietary so far.
    pub is_proprietary: Option<bool>,
    /// Whether the signature was found good.
    pub sig_ok: Option<bool>,
    /// Whether the module was changed to force it.
    pub mangled: Option<bool>,
    /// Whether the module is refused already.
    pub surveying: Option<bool>,
    /// How many bytes of the file are left: the loader cuts a signature off.
    pub len: Option<usize>,
    /// What earlier stages gathered of the module.
    pub info: Option<Option<Arc<Info>>>,
    /// The modules that are loaded.
    pub modules: Option<Arc<Vec<Arc<LoadedModule>>>>,
    pub questions: Vec<Question>,
}

/// What was asked about a fact that no file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) enum Question {
    /// It was answered.
    Answered(Missing, bool),
    /// It has no answer, and is taken for answered with yes, because the module is refused already.
    Assumed(Missing),
    /// What the distribution is known to set, where no configuration was given.
    DistributionConfig(ConfigOption, Option<bool>),
}

/// Which things were asked for, and which of those there are. Each is a bit of `B`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::load) struct Asked<B> {
    asked: B,
    has: B,
}

/// The bits of [`Asked`].
pub(in crate::load) trait Bits:
    Copy
    + Default
    + PartialEq
    + From<u8>
    + Shl<u32, Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + Not<Output = Self>
{
}

impl Bits for u8 {}
impl Bits for u32 {}
impl Bits for u128 {}

const _: () = assert!(Behaviour::ALL.len() <= 128, "each behaviour is a bit of `Asked`");

impl<B: Bits> Asked<B> {
    pub fn add(&mut self, bit: impl Into<u32>, has: bool) {
        let bit = B::from(1) << bit.into();
        self.asked = self.asked | bit;
        self.has = self.has | if has { bit } else { B::default() };
    }

    /// Adds what is not asked for yet.
    fn extend(&mut self, other: Self) {
        let new = other.asked & !self.asked;
        self.asked = self.asked | new;
        self.has = self.has | (other.has & new);
    }

    /// Returns whether a set has the same of what was asked for.
    pub fn holds_for(self, set: B) -> bool {
        self.asked & set == self.has
    }
}

impl Premises {
    /// Adds what the calendar says of a behaviour.
    pub fn add_behaviour(&mut self, behaviour: Behaviour, answer: Option<bool>) {
        self.behaviours.add(behaviour as u32, answer == Some(true));
        if answer.is_none() {
            self.open |= 1 << behaviour as u32;
        }
    }

    /// What the calendar said of a behaviour; `None` if it was not asked.
    pub const fn behaviour(&self, behaviour: Behaviour) -> Option<Option<bool>> {
        let bit = 1 << behaviour as u32;
        if self.behaviours.asked & bit == 0 {
            return None;
        }
        Some(if self.open & bit == 0 { Some(self.behaviours.has & bit != 0) } else { None })
    }

    /// The behaviours that the calendar was asked for, and what it said.
    pub fn behaviours(&self) -> impl Iterator<Item = (Behaviour, Option<bool>)> {
        let mut left = self.behaviours.asked;
        std::iter::from_fn(move || {
            let next = Behaviour::ALL.get(usize::try_from(left.trailing_zeros()).ok()?)?;
            left &= left - 1;
            Some((*next, self.behaviour(*next)?))
        })
    }

    pub fn add_question(&mut self, question: Question) {
        if !self.questions.contains(&question) {
            self.questions.push(question);
        }
    }

    /// Adds the premises of a cached result.
    pub fn extend(&mut self, other: &Self) {
        let Self { behaviours, open, lines, kernel_taints, .. } = *other;
        self.open |= open & !self.behaviours.asked;
        self.behaviours.extend(behaviours);
        self.lines.extend(lines);
        self.kernel_taints.extend(kernel_taints);
        self.module_taints = self.module_taints.or(other.module_taints);
        self.is_proprietary = self.is_proprietary.or(other.is_proprietary);
        self.sig_ok = self.sig_ok.or(other.sig_ok);
        self.mangled = self.mangled.or(other.mangled);
        self.surveying = self.surveying.or(other.surveying);
        self.len = self.len.or(other.len);
        if self.info.is_none() {
            self.info.clone_from(&other.info);
        }
        if self.modules.is_none() {
            self.modules.clone_from(&other.modules);
        }
        for question in &other.questions {
            self.add_question(question.clone());
        }
    }
}

impl PartialEq for Premises {
    fn eq(&self, other: &Self) -> bool {
        let Self { behaviours, open, lines, kernel_taints, module_taints, is_proprietary, sig_ok, .. } = self;
        let Self { mangled, surveying, len, info, modules, questions, .. } = self;
        let is_same_info = match (info, &other.info) {
            (Some(one), Some(other)) => is_same_info(one.as_ref(), other.as_ref()),
            (one, other) => one.is_none() && other.is_none(),
        };
        let are_same_modules = match (modules, &other.modules) {
            (Some(one), Some(other)) => are_same_modules(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        is_same_info
            && are_same_modules
            && *behaviours == other.behaviours
            && *open == other.open
            && *lines == other.lines
            && *kernel_taints == other.kernel_taints
            && *module_taints == other.module_taints
            && *is_proprietary == other.is_proprietary
            && *sig_ok == other.sig_ok
            && *mangled == other.mangled
            && *surveying == other.surveying
            && *len == other.len
            && *questions == other.questions
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

/// The premises of the stage that is running.
#[derive(Debug, Default)]
pub(in crate::load) struct Recording {
    /// Those of the innermost computation whose result will be cached.
    pub premises: Premises,
    /// How many cached computations are running.
    depth: usize,
    /// The stage has replaced the module's information: what it reads of that from now on is its own.
    pub owns_info: bool,
    /// The stage has added taints to the module: likewise.
    pub owns_taints: bool,
    /// The stage has changed the kernel's state.
    pub changed_kernel: bool,
    /// Recording began within the stage.
    pub is_in_part: bool,
}

impl Recording {
    /// Begins a computation inside the stage whose result will be cached on its own. Returns what [`Recording::leave`] needs.
    pub fn enter(&mut self) -> Premises {
        self.depth += 1;
        std::mem::take(&mut self.premises)
    }

    /// Ends that computation and returns its premises. They are premises of what surrounds it, too.
    pub fn leave(&mut self, outer: Premises) -> Premises {
        self.depth = self.depth.saturating_sub(1);
        let inner = std::mem::replace(&mut self.premises, outer);
        self.premises.extend(&inner);
        inner
    }

    /// Returns whether a cached computation is running.
    pub const fn is_inside(&self) -> bool {
        self.depth > 0
    }
}
