//! What an attempt records of the answers it got, and what it takes over from results that are kept.

use std::convert::Infallible;
use std::hash::Hash;

use super::Run;
use crate::load::cache::memo::{Kept, Reading};
use crate::load::cache::passed::Effect;
use crate::load::cache::premise::{Premises, Question, Recording, are_same_modules, is_same_info};
use crate::load::state::Differing;
use crate::terms::Taint;
use crate::verdict::Stage;

impl Run<'_> {
    /// Returns whether a result will be kept that depends on what is asked now.
    fn records(&self) -> bool {
        self.call.memo.is_enabled() && (self.has_followers.get() || self.recording.borrow().is_inside())
    }

    /// Adds a premise, if a result will be kept that depends on it.
    pub(super) fn record(&self, add: impl FnOnce(&mut Premises)) {
        if self.records() {
            add(&mut self.recording.borrow_mut().premises);
        }
    }

    /// Returns whether the premises of a cached result hold. If they do, this attempt depends on them from now on.
    pub(in crate::load) fn adopts(&self, premises: &Premises) -> bool {
        let holds = self.holds(premises);
        if holds {
            self.record(|own| own.extend(premises));
            for question in &premises.questions {
                if let Question::Answered(missing, _) = question {
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
        premises: Premises,
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
    pub(in crate::load) fn enter(&self) -> Premises {
        self.recording.borrow_mut().enter()
    }

    /// Ends that computation and returns its premises.
    pub(in crate::load) fn leave(&self, outer: Premises) -> Premises {
        self.recording.borrow_mut().leave(outer)
    }

    /// Begins to record a stage.
    pub(in crate::load) fn begin(&mut self, stage: Stage) {
        self.stage = stage;
        *self.recording.get_mut() = Recording::default();
    }

    /// The premises and the effect of the stage that has just ended. `None` if it changed the kernel's state, or if not all
    /// premises were recorded.
    pub(in crate::load) fn recorded(&self) -> Option<(Premises, Effect)> {
        let mut recording = self.recording.borrow_mut();
        if recording.changed_kernel || recording.is_in_part {
            return None;
        }
        let info = if recording.owns_info { self.info.clone() } else { None };
        let effect = Effect { info, taints: recording.owns_taints.then_some(self.taints) };
        Some((std::mem::take(&mut recording.premises), effect))
    }

    /// Takes over the effect of a stage that is skipped.
    pub(in crate::load) fn take_over(&mut self, effect: Effect) {
        self.info = effect.info.or(self.info.take());
        self.taints = effect.taints.unwrap_or(self.taints);
    }

    /// Returns whether all of these premises hold for this attempt.
    pub(in crate::load) fn holds(&self, premises: &Premises) -> bool {
        let state = &self.world.state;
        premises.len.is_none_or(|len| len == self.bytes.len())
            && premises.sig_ok.is_none_or(|ok| ok == self.sig_ok)
            && premises.mangled.is_none_or(|mangled| mangled == self.mangled)
            && premises.surveying.is_none_or(|surveying| surveying == self.surveying)
            && premises.module_taints.is_none_or(|taints| taints == self.taints)
            && premises.is_proprietary.is_none_or(|is| is == self.taints.has(Taint::ProprietaryModule))
            && premises.kernel_taints.holds_for(state.tainted.number())
            && premises.lines.holds_for(state.once.bits())
            && premises.info.as_ref().is_none_or(|info| is_same_info(self.info.as_ref(), info.as_ref()))
            && premises.modules.as_ref().is_none_or(|modules| are_same_modules(&state.modules, modules))
            && premises.questions.iter().all(|question| self.answers_alike(question))
            && premises.behaviours().all(|(behaviour, has)| self.all_say(Differing::Behaviour(behaviour), has))
    }

    fn answers_alike(&self, question: &Question) -> bool {
        match question {
            Question::Answered(missing, answer) => self.forks.answer(missing) == Some(*answer),
            Question::Assumed(missing) => self.surveying && self.forks.answer(missing).is_none(),
            Question::DistributionConfig(option, set) => self.all_say(Differing::DistributionConfig(*option), *set),
        }
    }

    /// Returns whether a stage is kept as passed, for other attempts.
    pub(in crate::load) fn may_keep(&self) -> bool {
        self.may_skip() && self.has_followers.get()
    }

    /// Returns whether a stage may be skipped: not past a refusal.
    pub(in crate::load) const fn may_skip(&self) -> bool {
        self.call.memo.is_enabled() && !self.surveying
    }
}
