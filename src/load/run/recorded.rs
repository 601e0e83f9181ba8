//! What an attempt records of the answers it got, and what it takes over from results that are kept.

use std::convert::Infallible;
use std::hash::Hash;

use super::Run;
use crate::load::cache::memo::{Kept, Reading};
use crate::load::cache::passed::Effect;
use crate::load::cache::premise::{Premise, are_same_modules, is_same_info};
use crate::load::state::Differing;
use crate::verdict::Stage;

impl Run<'_> {
    /// Returns whether a result will be kept that depends on what is asked now.
    fn records(&self) -> bool {
        self.call.memo.is_enabled() && (self.has_followers || self.recording.borrow().is_inside())
    }

    pub(super) fn record(&self, premise: impl FnOnce() -> Premise) {
        if self.records() {
            self.recording.borrow_mut().add(premise());
        }
    }

    /// Returns whether the premises of a cached result hold. If they do, this attempt depends on them from now on.
    pub(in crate::load) fn adopts(&self, premises: &[Premise]) -> bool {
        let holds = self.holds(premises);
        if holds && self.records() {
            self.recording.borrow_mut().extend(premises);
        }
        if holds {
            for premise in premises {
                if let Premise::Answer(missing, _) = premise {
                    self.note_asked(missing);
                }
            }
        }
        holds
    }

    /// The result for a key: the one that is kept, or a new one, which is kept. Nothing is kept under no key.
    pub(in crate::load) fn cached<K: Eq + Hash, V: Clone>(
        &self,
        kept: &Kept<K, V>,
        key: Option<K>,
        compute: impl FnOnce() -> V,
    ) -> V {
        let Ok(value) = self.try_cached::<_, _, Infallible>(kept, key, || Ok(compute()));
        value
    }

    /// Like [`Run::cached`], for a computation that may fail. Failures are not kept.
    pub(in crate::load) fn try_cached<K: Eq + Hash, V: Clone, E>(
        &self,
        kept: &Kept<K, V>,
        key: Option<K>,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        let Some(key) = key.filter(|_| self.call.memo.is_enabled()) else { return compute() };
        if let Some(known) = kept.get(&key, |premises| self.adopts(premises)) {
            return Ok(known);
        }
        let outer = self.enter();
        let computed = compute();
        let premises = self.leave(outer);
        let value = computed?;
        self.keep(kept, key, premises, value.clone());
        Ok(value)
    }

    /// Keeps a result, unless it holds for a part of the possible releases only. It is then computed again for each part.
    pub(in crate::load) fn keep<K: Eq + Hash, V: Clone>(
        &self,
        kept: &Kept<K, V>,
        key: K,
        premises: Vec<Premise>,
        value: V,
    ) {
        if self.differing.get().is_none() {
            kept.keep(key, premises, value);
        }
    }

    /// Which bytes of the image the loader has; `None` for bytes that are not the image's own.
    pub(in crate::load) fn reading(&self) -> Option<Reading> {
        Reading::of(self.bytes(), self.image)
    }

    /// Begins a computation whose premises are wanted. Returns what [`Run::leave`] needs.
    pub(in crate::load) fn enter(&self) -> usize {
        self.recording.borrow_mut().enter()
    }

    /// Ends that computation and returns its premises.
    pub(in crate::load) fn leave(&self, outer: usize) -> Vec<Premise> {
        self.recording.borrow_mut().leave(outer)
    }

    /// Begins to record a stage.
    pub(in crate::load) fn begin(&mut self, stage: Stage) {
        self.stage = stage;
        self.recording.get_mut().begin();
    }

    /// The effect of the stage that has just ended; its premises are added to `premises`. `None` if it changed the kernel's
    /// state.
    pub(in crate::load) fn recorded(&self, premises: &mut Vec<Premise>) -> Option<Effect> {
        let recording = self.recording.borrow();
        if recording.changed_kernel {
            return None;
        }
        premises.extend_from_slice(recording.premises());
        let info = if recording.owns_info { self.info.clone() } else { None };
        Some(Effect { info, taints: recording.owns_taints.then_some(self.taints) })
    }

    /// Takes over the effect of a stage that is skipped.
    pub(in crate::load) fn take_over(&mut self, effect: Effect) {
        self.info = effect.info.or(self.info.take());
        self.taints = effect.taints.unwrap_or(self.taints);
    }

    /// Returns whether all of these premises hold for this attempt.
    pub(in crate::load) fn holds(&self, premises: &[Premise]) -> bool {
        premises.iter().all(|premise| match premise {
            Premise::Answer(missing, answer) => self.world.answers.get(missing) == Some(answer),
            Premise::Assumed(missing) => self.surveying && !self.world.answers.contains_key(missing),
            Premise::Behaviour(behaviour, has) => self.all_say(Differing::Behaviour(*behaviour), *has),
            Premise::DistributionConfig(option, set) => self.all_say(Differing::DistributionConfig(*option), *set),
            Premise::Modules(modules) => are_same_modules(&self.world.state.modules, modules),
            Premise::Printed(line, printed) => self.world.state.once.has(*line) == *printed,
            Premise::KernelTaint(taint, has) => self.world.state.tainted.has(*taint) == *has,
            Premise::ModuleTaints(taints) => self.taints == *taints,
            Premise::ModuleTaint(taint, has) => self.taints.has(*taint) == *has,
            Premise::SignatureOk(ok) => self.sig_ok == *ok,
            Premise::Mangled(mangled) => self.mangled == *mangled,
            Premise::Info(info) => is_same_info(self.info.as_ref(), info.as_ref()),
            Premise::Len(len) => self.bytes.len() == *len,
            Premise::Surveying(surveying) => self.surveying == *surveying,
        })
    }

    /// Returns whether a stage is kept as passed, for other attempts.
    pub(in crate::load) const fn may_keep(&self) -> bool {
        self.may_skip() && self.has_followers
    }

    /// Returns whether a stage may be skipped: not past a refusal.
    pub(in crate::load) const fn may_skip(&self) -> bool {
        self.call.memo.is_enabled() && !self.surveying
    }
}
