//! A boot for every module, in which the modules that it needs are loaded first.
//!
//! Each module is judged once. The result of loading a module depends only on the modules that it needs and on the state they
//! leave. So the boots of the needed modules are combined instead of being repeated for every module that needs them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use crate::check::after::After;
use crate::check::modprobe::insmod_beside;
use crate::check::needs::Modules;
use crate::check::order::Turn;
use crate::check::reach::{Effect, Gathered, MOST_BLAMED, Reach};
use crate::check::shape::Shapes;
use crate::check::states::States;
use crate::image::{Error, Image};
use crate::load::{ExportersByName, Insmod, Judged, Machine, World, followed_in_part};
use crate::terms::{ByNumber, Taints, parallel};
use crate::verdict::{Cause, Finding, Missing, Outcome, Stage, Verdict};

/// Modules that need at most this much per-CPU memory in sum find room for it in every kernel, however they are aligned.
const SURE_PERCPU: u64 = 2 << 10;

/// How many modules are loaded one after another for the verdict on one. Beyond that, only the modules that export its symbols are
/// looked at, and the verdict is not certain. No module of a distribution needs half as many.
const MOST_IN_CHAIN: usize = 128;

/// The modules to judge, and the results so far.
pub(super) struct Boots<'a> {
    first: Machine,
    insmod: &'a Insmod,
    modules: Modules<'a>,
    known: Vec<OnceLock<Arc<After>>>,
    /// The results of modules of a group that were loaded without the others of the group.
    alone: BTreeMap<usize, OnceLock<Arc<After>>>,
    /// What the needed modules need.
    reaches: Vec<OnceLock<Reach>>,
    /// What the modules of groups of several need, and these modules themselves, by the number of the group.
    groups: BTreeMap<usize, OnceLock<Reach>>,
    shapes: Shapes,
    /// Which modules export a name. Only modules that need very many others are looked up in it.
    exporters: OnceLock<Arc<ExportersByName>>,
    /// The errors of modules that had to be read once more and could not be, by number.
    faults: Mutex<BTreeMap<usize, Error>>,
    /// Held by threads that read a module once more.
    reading: RwLock<()>,
}

impl<'a> Boots<'a> {
    /// `judged` holds the results of modules that need no other, with their numbers.
    pub fn new(first: Machine, insmod: &'a Insmod, modules: Modules<'a>, judged: Vec<(usize, Judged)>) -> Self {
        let shapes = Shapes::default();
        let known: Vec<_> = (0..modules.len()).map(|_| OnceLock::new()).collect();
        parallel::map_into(judged, |(module, judged)| {
            let after = After::new(judged, module, &modules.name(module), &shapes);
            known.get(module).map(|known| known.set(Arc::new(after)).is_ok())
        });
        let reaches = (0..modules.len()).map(|_| OnceLock::new()).collect();
        let circular = || modules.order().groups().filter(|(_, group)| group.len() > 1);
        let alone = circular().flat_map(|(_, group)| group).map(|module| (*module, OnceLock::new())).collect();
        let groups = circular().map(|(number, _)| (number, OnceLock::new())).collect();
        let exporters = OnceLock::new();
        let (faults, reading) = (Mutex::default(), RwLock::default());
        Self { first, insmod, modules, known, alone, reaches, groups, shapes, exporters, faults, reading }
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

    /// Judges the modules that have no verdict yet, each on a boot on which the modules that it needs are loaded first.
    pub fn judge(&self, verdicts: &mut [Option<Verdict>]) {
        let is_wanted = |module: usize| verdicts.get(module).is_some_and(Option::is_none);
        let judged: Vec<_> = verdicts.iter().map(|_| OnceLock::new()).collect();
        if self.first.memo().is_enabled() {
            for mut turns in self.modules.order().turns() {
                turns.retain(|turn| self.modules.is_needed(turn.module) || (!turn.is_first && is_wanted(turn.module)));
                parallel::map(&turns, |turn| {
                    let verdict = self.take_turn(*turn)?;
                    judged.get(turn.module)?.set(verdict).ok()
                });
            }
        } else {
            let wanted: Vec<_> = (0..verdicts.len()).filter(|module| is_wanted(*module)).collect();
            parallel::map(&wanted, |module| judged.get(*module)?.set(self.judge_alone(*module)).ok());
        }
        for (verdict, judged) in verdicts.iter_mut().zip(judged) {
            if verdict.is_none() {
                *verdict = judged.into_inner();
            }
        }
    }

    /// The verdict on a module, without the results of any other.
    fn judge_alone(&self, module: usize) -> Verdict {
        let turn = Turn { module, is_first: false };
        let chain = self.modules.order().chain(turn, usize::MAX).unwrap_or_default();
        self.completed(module, self.one_by_one(&chain).0)
    }

    /// Adds to a verdict what is found without loading the module.
    fn completed(&self, module: usize, mut verdict: Verdict) -> Verdict {
        if let Some(modules) = self.modules.cycle(module) {
            verdict.findings.insert(0, Finding::new(Stage::SimplifySymbols, Cause::DependencyCycle { modules }));
        }
        for (symbol, module) in self.modules.rivals(module) {
            verdict
                .findings
                .push(Finding::new(Stage::CompleteFormation, Cause::RivalExport { symbol: symbol.into(), module }));
        }
        verdict
    }

    /// Loads a module after those that it needs, all of which have had their turns. Returns the verdict if it is the last turn.
    fn take_turn(&self, turn: Turn) -> Option<Verdict> {
        let Turn { module, is_first } = turn;
        let reach = self.reach(module, is_first);
        let known = self.known.get(module).and_then(OnceLock::get).cloned();
        let (judged, is_blamed) = match known {
            Some(after) => (after, false),
            None => {
                let (judged, is_blamed) = self.load_after(turn, &reach);
                (Arc::new(After::new(judged, module, &self.modules.name(module), &self.shapes)), is_blamed)
            }
        };
        if is_first {
            self.alone.get(&module)?.set(judged).ok();
            return None;
        }
        let refused = reach.refused.iter().filter(|_| !is_blamed);
        let refused: Vec<_> = refused.filter_map(|refused| self.after_before(*refused, module)).collect();
        if self.modules.is_needed(module) {
            self.known.get(module)?.set(Arc::clone(&judged)).ok();
            self.reaches.get(module)?.set(reach).ok();
        }
        let verdict = match Arc::try_unwrap(judged) {
            Ok(after) => after.verdict,
            // Other modules need this one, too.
            Err(shared) => shared.verdict.clone(),
        };
        let verdict = blamed(verdict, refused.iter().map(|after| &after.verdict));
        Some(self.completed(module, verdict))
    }

    /// The result of loading a module before another one, which is loaded for the last time.
    fn after_before(&self, module: usize, other: usize) -> Option<&Arc<After>> {
        let order = self.modules.order();
        let is_of_group = order.group_of(module) == order.group_of(other);
        if is_of_group { self.alone.get(&module)?.get() } else { self.known.get(module)?.get() }
    }

    /// What a module needs. In its first turn it is loaded without the others of its group.
    fn reach(&self, module: usize, is_first: bool) -> Reach {
        let order = self.modules.order();
        if !is_first && let Some(of_group) = self.groups.get(&order.group_of(module)) {
            let all = || {
                let mut gathered = Gathered::new(2);
                for member in order.group(order.group_of(module)) {
                    self.gather(&mut gathered, order.outside(*member));
                    let after = self.alone.get(member).and_then(OnceLock::get);
                    after.into_iter().for_each(|after| gathered.add(&self.effect(*member, after)));
                }
                gathered.finish()
            };
            return of_group.get_or_init(all).without(module);
        }
        let mut gathered = Gathered::new(1);
        self.gather(&mut gathered, order.outside(module));
        gathered.finish()
    }

    /// Adds needed modules, and what they need.
    fn gather(&self, gathered: &mut Gathered, needs: impl Iterator<Item = usize>) {
        let effect = |module: usize| Some(self.effect(module, self.known.get(module)?.get()?));
        for need in needs {
            let of_group = self.groups.get(&self.modules.order().group_of(need));
            let reach = of_group.or_else(|| self.reaches.get(need)).and_then(OnceLock::get);
            reach.into_iter().for_each(|reach| gathered.add_reach(reach, effect));
            effect(need).into_iter().for_each(|effect| gathered.add(&effect));
        }
    }

    fn effect<'b>(&'b self, module: usize, after: &'b Arc<After>) -> Effect<'b> {
        let is_special = after.percpu > 0 || self.modules.has_namesake(module);
        Effect { module, after, is_special, is_apart: self.modules.is_rival(module) }
    }

    /// Loads a module after those that it needs. Returns whether it is blamed for these already.
    fn load_after(&self, turn: Turn, reach: &Reach) -> (Judged, bool) {
        let Turn { module, is_first } = turn;
        let order = self.modules.order();
        let direct: Vec<_> = if is_first { order.outside(module).collect() } else { order.before(module).to_vec() };
        let mut met: HashSet<_, ByNumber> = reach.different.iter().copied().collect();
        let others = direct.into_iter().filter(|need| met.insert(*need));
        let needed = reach.different.iter().copied().chain(others);
        let needed: Vec<_> = needed.filter_map(|need| self.after_before(need, module).cloned()).collect();
        if self.can_be_combined(module, reach, &needed) {
            return (self.after_combined(module, &needed, false), false);
        }
        match order.chain(turn, MOST_IN_CHAIN) {
            Some(chain) => {
                let (verdict, machine) = self.one_by_one(&chain);
                (self.judged(module, verdict, machine, false), true)
            }
            None => (self.after_combined(module, &needed, true), false),
        }
    }

    fn judged(&self, module: usize, verdict: Verdict, machine: Machine, in_part: bool) -> Judged {
        let elf = self.modules.image(module).and_then(Image::as_announced);
        let exports = elf.map(|elf| Arc::clone(elf.exports())).unwrap_or_default();
        let (worlds, left_out) = machine.into_worlds();
        Judged { verdict, worlds, exports, in_part: in_part || left_out }
    }

    /// Loads a module in the states that the modules that it needs may leave; `in_part` if there may be others.
    fn after_combined(&self, module: usize, needed: &[Arc<After>], in_part: bool) -> Judged {
        let mut in_part = in_part || needed.iter().any(|after| after.in_part);
        let States { mut most, least } = States::of(self.first.worlds(), needed).unwrap_or_else(|| {
            in_part = true;
            States { most: self.first.worlds().to_vec(), least: Vec::new() }
        });
        if !least.is_empty() && !most.is_empty() {
            let (machine, verdict) = self.load_in(most.clone(), module, needed, in_part);
            if self.is_settled(&machine, &verdict, &least) {
                return self.judged(module, verdict, machine, in_part);
            }
        }
        most.extend(least);
        let (machine, mut verdict) = self.load_in(most, module, needed, in_part);
        if in_part {
            let worlds = needed.iter().flat_map(|after| &after.worlds);
            let questions = worlds.flat_map(|world| world.because.iter().cloned());
            // Where the states that were followed differ already, the others change nothing.
            let is_open = verdict.outcome == Outcome::Undetermined && !verdict.missing.contains(&Missing::TooMany);
            followed_in_part(&mut verdict, questions, self.first.certain_taints());
            verdict.missing.retain(|missing| !is_open || *missing != Missing::TooMany);
        }
        self.judged(module, verdict, machine, in_part)
    }

    /// Loads a module in these states.
    fn load_in(&self, states: Vec<World>, module: usize, needed: &[Arc<After>], in_part: bool) -> (Machine, Verdict) {
        let exporters = (needed.len() > ExportersByName::FEW && !in_part)
            .then(|| Arc::clone(self.exporters.get_or_init(|| self.modules.exporters())));
        let mut machine = self.first.in_states(states).numbered(module, exporters);
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

    /// Returns whether a boot on which a module is loaded after those that it needs equals the combination of their own boots.
    fn can_be_combined(&self, module: usize, reach: &Reach, needed: &[Arc<After>]) -> bool {
        let mut names: Vec<_> = needed.iter().map(|after| after.verdict.name.as_str()).collect();
        names.sort_unstable();
        !reach.is_apart
            && !self.modules.is_rival(module)
            && !self.modules.is_odd(module)
            && names.is_sorted_by(|one, other| one < other)
            && ask_alike(needed)
            && needed.iter().map(|after| after.percpu).sum::<u64>() <= SURE_PERCPU
    }

    /// Loads a chain of modules one after another on one boot. Returns the verdict on the last, and the boot.
    fn one_by_one(&self, chain: &[usize]) -> (Verdict, Machine) {
        let mut machine = self.first.clone();
        let mut verdicts: Vec<_> = chain.iter().map(|module| self.load(&mut machine, *module)).collect();
        let last = verdicts.pop().unwrap_or_else(|| Verdict::new("", Outcome::Undetermined));
        (blamed(last, verdicts.iter()), machine)
    }
}

/// Returns whether all modules that depend on unknown facts depend on the same ones. On a single boot a module is not asked what an
/// earlier one has settled, so boots with different questions say different things of what is missing.
fn ask_alike(after: &[Arc<After>]) -> bool {
    let mut answers = after.iter().flat_map(|after| &after.worlds).map(|world| &world.answers);
    let Some(first) = answers.clone().find(|answers| !answers.is_empty()) else { return true };
    answers.all(|answers| answers.is_empty() || answers.keys().eq(first.keys()))
}

/// Adds to the verdict on a refused module the first of the needed modules that were refused before it, unless a stage refuses it
/// that does not look at other modules.
pub(super) fn blamed<'a>(mut verdict: Verdict, before: impl Iterator<Item = &'a Verdict>) -> Verdict {
    let is_by_itself = verdict.outcome.stage().is_some_and(|stage| stage < Stage::SimplifySymbols);
    if verdict.outcome != Outcome::Loads && !is_by_itself {
        let refused = before.filter(|dependency| dependency.outcome.errno().is_some());
        refused
            .take(MOST_BLAMED)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .for_each(|dependency| verdict.blame(dependency));
    }
    verdict
}
