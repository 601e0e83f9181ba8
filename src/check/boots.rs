//! A boot for every module, in which the modules that it needs are loaded first.
//!
//! Each module is judged once. The result of loading a module depends only on the modules that it needs and on the state they
//! leave. So the boots of the needed modules are combined instead of being repeated for every module that needs them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use crate::check::after::{After, newest};
use crate::check::modprobe::insmod_beside;
use crate::check::needs::Modules;
use crate::check::states::States;
use crate::image::{Error, Image};
use crate::load::{Insmod, Judged, Machine, World, followed_in_part};
use crate::terms::Taints;
use crate::verdict::{Cause, Finding, Missing, Outcome, Stage, Verdict};

/// Modules that need at most this much per-CPU memory in sum find room for it in every kernel, however they are aligned.
const SURE_PERCPU: u64 = 2 << 10;

/// The modules to judge, and the results so far.
pub(super) struct Boots<'a> {
    first: Machine,
    insmod: &'a Insmod,
    modules: Modules<'a>,
    known: Vec<OnceLock<Arc<After>>>,
    /// The errors of modules that had to be read once more and could not be, by number.
    faults: Mutex<BTreeMap<usize, Error>>,
    /// Held by threads that read a module once more.
    reading: RwLock<()>,
}

impl<'a> Boots<'a> {
    /// `known` holds the results of modules that need no other, in the order of the modules.
    pub fn new(first: Machine, insmod: &'a Insmod, modules: Modules<'a>, known: Vec<Option<Judged>>) -> Self {
        let after = |known: Option<Judged>| Some(Arc::new(After::new(known?)));
        let known = known.into_iter().map(after).chain(std::iter::repeat(None)).take(modules.len());
        let known = known.map(|after| after.map_or_else(OnceLock::new, OnceLock::from)).collect();
        Self { first, insmod, modules, known, faults: Mutex::default(), reading: RwLock::default() }
    }

    /// Ends after all modules were judged. Returns the memory that is left, so that the caller can defer freeing it.
    ///
    /// # Errors
    /// When a module had to be read once more and could not be: no verdict holds then.
    pub fn end(self) -> Result<impl Send + 'static, Error> {
        let faults = self.faults.into_inner().unwrap_or_else(PoisonError::into_inner);
        match faults.into_values().next() {
            Some(fault) => Err(fault),
            None => Ok((self.first, self.known)),
        }
    }

    /// Loads the modules that a module needs, and then the module.
    pub fn judge(&self, index: usize) -> Verdict {
        let chain = self.modules.chain(index);
        let (own, before) = chain.split_last().map_or((index, &[][..]), |(own, before)| (*own, before));
        let mut verdict = match self.after_all(before).filter(|_| self.first.memo().is_enabled()) {
            Some(before_it) if self.can_be_combined(own, before, &before_it) => {
                let verdict = match Arc::try_unwrap(self.after(own, &before_it)) {
                    Ok(after) => after.verdict,
                    // Other modules need this one, too.
                    Err(shared) => shared.verdict.clone(),
                };
                blamed(verdict, before_it.iter().map(|after| &after.verdict))
            }
            together => {
                let mut verdict = self.one_by_one(&chain);
                if together.is_none()
                    && let Some(modules) = self.modules.cycle(index)
                {
                    verdict
                        .findings
                        .insert(0, Finding::new(Stage::SimplifySymbols, Cause::DependencyCycle { modules }));
                }
                verdict
            }
        };
        for (symbol, module) in self.modules.rivals(index) {
            verdict
                .findings
                .push(Finding::new(Stage::CompleteFormation, Cause::RivalExport { symbol: symbol.into(), module }));
        }
        verdict
    }

    /// The results of loading each module of a chain; `None` if the modules need each other.
    fn after_all(&self, chain: &[usize]) -> Option<Vec<Arc<After>>> {
        let mut done: Vec<(usize, Arc<After>)> = Vec::with_capacity(chain.len());
        for module in chain {
            if let Some(known) = self.known.get(*module).and_then(OnceLock::get) {
                done.push((*module, Arc::clone(known)));
                continue;
            }
            let own_chain = self.modules.chain(*module);
            let (_, needed) = own_chain.split_last()?;
            let of =
                |needed: &usize| done.iter().find(|(module, _)| module == needed).map(|(_, after)| Arc::clone(after));
            let needed: Vec<_> = needed.iter().map(of).collect::<Option<_>>()?;
            done.push((*module, self.after(*module, &needed)));
        }
        Some(done.into_iter().map(|(_, after)| after).collect())
    }

    /// The result of loading one module after the modules that it needs.
    fn after(&self, module: usize, needed: &[Arc<After>]) -> Arc<After> {
        let judge = || {
            let (after, verdict, in_part) = self.after_combined(module, needed);
            let elf = self.modules.image(module).and_then(Image::as_announced);
            let exports = elf.map(|elf| Arc::clone(elf.exports())).unwrap_or_default();
            let (worlds, left_out) = after.into_worlds();
            Arc::new(After::new(Judged { verdict, worlds, exports, in_part: in_part || left_out }))
        };
        match self.known.get(module).filter(|known| self.modules.is_needed(module) || known.get().is_some()) {
            Some(known) => Arc::clone(known.get_or_init(judge)),
            None => judge(),
        }
    }

    /// Loads a module in the states that the modules that it needs may leave. Returns also whether some were left out.
    fn after_combined(&self, module: usize, needed: &[Arc<After>]) -> (Machine, Verdict, bool) {
        let mut in_part = needed.iter().any(|after| after.in_part);
        let States { mut most, least } = States::of(self.first.worlds(), needed).unwrap_or_else(|| {
            in_part = true;
            States { most: self.first.worlds().to_vec(), least: Vec::new() }
        });
        if !least.is_empty() && !most.is_empty() {
            let (machine, verdict) = self.load_in(most.clone(), module, needed);
            if self.is_settled(&machine, &verdict, &least) {
                return (machine, verdict, in_part);
            }
        }
        most.extend(least);
        let (machine, mut verdict) = self.load_in(most, module, needed);
        if in_part {
            let worlds = needed.iter().flat_map(|after| &after.worlds);
            let questions = worlds.flat_map(|world| world.because.iter().cloned());
            // Where the states that were followed differ already, the others change nothing.
            let is_open = verdict.outcome == Outcome::Undetermined && !verdict.missing.contains(&Missing::TooMany);
            followed_in_part(&mut verdict, questions, self.first.certain_taints());
            verdict.missing.retain(|missing| !is_open || *missing != Missing::TooMany);
        }
        (machine, verdict, in_part)
    }

    /// Loads a module in these states.
    fn load_in(&self, states: Vec<World>, module: usize, needed: &[Arc<After>]) -> (Machine, Verdict) {
        let mut machine = self.first.in_states(states);
        needed.iter().filter_map(|after| after.refused.clone()).for_each(|exporter| machine.refuse(exporter));
        let verdict = self.load(&mut machine, module);
        (machine, verdict)
    }

    /// Returns whether the states in which needed modules are refused change nothing: the module may be refused with their answers
    /// anyway, it may also load, and no line and no taint is certain.
    fn is_settled(&self, machine: &Machine, verdict: &Verdict, refused: &[World]) -> bool {
        let may_load = verdict.outcome == Outcome::Undetermined
            && !verdict.never_loads
            && !verdict.missing.contains(&Missing::TooMany);
        let claims_nothing = verdict.log.is_empty()
            && verdict.module_taints == Taints::NONE
            && verdict.kernel_tainted == self.first.certain_taints();
        may_load
            && claims_nothing
            && refused.iter().all(|state| {
                let covers = |world: &World| {
                    world.last != Some(Outcome::Loads)
                        && world.answers == state.answers
                        && world.has_calendars_of(state)
                };
                machine.worlds().iter().any(covers)
            })
    }

    fn load(&self, machine: &mut Machine, module: usize) -> Verdict {
        let Some(image) = self.modules.image(module) else { return Verdict::new("", Outcome::Undetermined) };
        let plain = Insmod::default();
        let insmod = if self.modules.is_given(module) { self.insmod } else { &plain };
        insmod_beside(machine, image, insmod, &self.reading).unwrap_or_else(|fault| {
            self.faults.lock().unwrap_or_else(PoisonError::into_inner).insert(module, fault);
            Verdict::new("", Outcome::Undetermined)
        })
    }

    /// Returns whether a boot with these modules equals the combination of their own boots.
    fn can_be_combined(&self, own: usize, before: &[usize], after: &[Arc<After>]) -> bool {
        let mut names = HashSet::new();
        let percpu = |after: &Arc<After>| after.worlds.iter().filter_map(newest).map(|module| module.percpu).max();
        after.iter().all(|after| after.is_plain && names.insert(after.verdict.name.as_str()))
            && ask_alike(after)
            && after.iter().filter_map(percpu).sum::<u64>() <= SURE_PERCPU
            && !before.iter().chain([&own]).any(|module| self.modules.is_rival(*module))
    }

    /// Loads a chain of modules one after another on one boot.
    fn one_by_one(&self, chain: &[usize]) -> Verdict {
        let mut machine = self.first.clone();
        let mut verdicts: Vec<_> = chain.iter().map(|module| self.load(&mut machine, *module)).collect();
        let last = verdicts.pop().unwrap_or_else(|| Verdict::new("", Outcome::Undetermined));
        blamed(last, verdicts.iter())
    }
}

/// Returns whether all modules that depend on unknown facts depend on the same ones. On a single boot a module is not asked what an
/// earlier one has settled, so boots with different questions say different things of what is missing.
fn ask_alike(after: &[Arc<After>]) -> bool {
    let mut answers = after.iter().flat_map(|after| &after.worlds).map(|world| &world.answers);
    let Some(first) = answers.clone().find(|answers| !answers.is_empty()) else { return true };
    answers.all(|answers| answers.is_empty() || answers.keys().eq(first.keys()))
}

/// Adds to the verdict on a refused module the needed modules that were refused before it, unless a stage refuses it that does not
/// look at other modules.
pub(super) fn blamed<'a>(mut verdict: Verdict, before: impl DoubleEndedIterator<Item = &'a Verdict>) -> Verdict {
    let is_by_itself = verdict.outcome.stage().is_some_and(|stage| stage < Stage::SimplifySymbols);
    if verdict.outcome != Outcome::Loads && !is_by_itself {
        before.rev().for_each(|dependency| verdict.blame(dependency));
    }
    verdict
}
