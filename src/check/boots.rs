//! A boot for every module, in which the modules that it needs are loaded first.
//!
//! Each module is judged once. The result of loading a module depends only on the modules that it needs and on the state they
//! leave. So the boots of the needed modules are combined instead of being repeated for every module that needs them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::check::needs::Modules;
use crate::image::{Error, Image};
use crate::load::{Insmod, Judged, LoadedModule, MAX_WORLDS, Machine, RefusedExporter, World, followed_in_part};
use crate::terms::{Taint, Taints};
use crate::verdict::{Cause, Finding, Missing, Outcome, Stage, Verdict};

/// Modules that need at most this much per-CPU memory in sum find room for it in every kernel, however they are aligned.
const SURE_PERCPU: u64 = 2 << 10;

/// How many states of the needed modules are followed. A module's own questions multiply them, up to [`MAX_WORLDS`].
const MAX_STATES: usize = MAX_WORLDS / 4;

/// The modules to judge, and the results so far.
pub(super) struct Boots<'a> {
    first: Machine,
    insmod: &'a Insmod,
    modules: Modules<'a>,
    known: Vec<OnceLock<Arc<After>>>,
    /// The errors of modules that had to be read once more and could not be, by number.
    faults: Mutex<BTreeMap<usize, Error>>,
}

/// The result of loading a module after the modules that it needs.
struct After {
    verdict: Verdict,
    /// The states that the boot may be in afterwards: with the module loaded, and without it where it may be refused.
    worlds: Vec<World>,
    /// The exports that are missing if the module is refused.
    refused: Option<Arc<RefusedExporter>>,
    /// Whether it leaves nothing but a loaded module and taints, whatever else is loaded.
    is_plain: bool,
    /// Whether states were left out, because there were too many.
    in_part: bool,
}

impl<'a> Boots<'a> {
    /// `known` holds the results of modules that need no other, in the order of the modules.
    pub fn new(first: Machine, insmod: &'a Insmod, modules: Modules<'a>, known: Vec<Option<Judged>>) -> Self {
        let after = |known: Option<Judged>| Some(Arc::new(After::new(known?)));
        let known = known.into_iter().map(after).chain(std::iter::repeat(None)).take(modules.len());
        let known = known.map(|after| after.map_or_else(OnceLock::new, OnceLock::from)).collect();
        Self { first, insmod, modules, known, faults: Mutex::default() }
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
                        && state.calendars.iter().all(|calendar| world.calendars.contains(calendar))
                };
                machine.worlds().iter().any(covers)
            })
    }

    fn load(&self, machine: &mut Machine, module: usize) -> Verdict {
        let Some(image) = self.modules.image(module) else { return Verdict::new("", Outcome::Undetermined) };
        let plain = Insmod::default();
        let insmod = if self.modules.is_given(module) { self.insmod } else { &plain };
        super::modprobe::insmod(machine, image, insmod).unwrap_or_else(|fault| {
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

impl After {
    fn new(Judged { verdict, mut worlds, exports, in_part }: Judged) -> Self {
        // No other module depends on the taints of a module, except on the proprietary taint.
        let first = worlds.iter().find_map(newest).cloned();
        for world in &mut worlds {
            let alike = newest(world).zip(first.as_ref()).is_some_and(|(module, first)| are_like(module, first));
            if let (true, Some(first), Some(module)) =
                (alike, &first, Arc::make_mut(&mut world.state.modules).first_mut())
            {
                *module = Arc::clone(first);
            }
        }
        // States that differ in earlier modules only make no difference here.
        let mut distinct: Vec<World> = Vec::with_capacity(worlds.len());
        for world in worlds {
            match distinct.iter_mut().find(|known| makes_no_difference(known, &world)) {
                Some(known) => known.add_calendars(&world),
                None => distinct.push(world),
            }
        }
        let worlds = distinct;
        let is_plain = worlds.iter().all(|world| world.state.held.is_none() && world.state.percpu_warnings == 0)
            && !matches!(verdict.outcome, Outcome::Crash { .. });
        let is_refused = verdict.outcome != Outcome::Loads;
        let refused = if is_refused { RefusedExporter::new(&verdict.name, exports).map(Arc::new) } else { None };
        Self { verdict, worlds, refused, is_plain, in_part }
    }
}

/// Returns whether all modules that depend on unknown facts depend on the same ones. On a single boot a module is not asked what an
/// earlier one has settled, so boots with different questions say different things of what is missing.
fn ask_alike(after: &[Arc<After>]) -> bool {
    let mut answers = after.iter().flat_map(|after| &after.worlds).map(|world| &world.answers);
    let Some(first) = answers.clone().find(|answers| !answers.is_empty()) else { return true };
    answers.all(|answers| answers.is_empty() || answers.keys().eq(first.keys()))
}

/// Returns whether two modules make no difference to others: of its taints, only the proprietary one does.
fn are_like(one: &LoadedModule, other: &LoadedModule) -> bool {
    one.taints.has(Taint::ProprietaryModule) == other.taints.has(Taint::ProprietaryModule) && one.is_alike(other)
}

/// Returns whether two states after loading a module, of which the first may get the calendars of both, combine with others in
/// the same way: see [`Boot::joined`].
fn makes_no_difference(one: &World, other: &World) -> bool {
    let is_same_module = match (newest(one), newest(other)) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    is_same_module
        && one.answers == other.answers
        && one.because == other.because
        && one.state.tainted == other.state.tainted
        && one.state.once == other.state.once
        && one.state.held == other.state.held
        && one.state.percpu_warnings == other.state.percpu_warnings
}

/// The module that was loaded last in a world.
fn newest(world: &World) -> Option<&Arc<LoadedModule>> {
    world.state.modules.first().filter(|_| world.last == Some(Outcome::Loads))
}

/// A boot under construction: its state without the modules, and the loaded modules, the oldest first.
#[derive(Clone)]
struct Boot<'a> {
    world: World,
    modules: Vec<&'a Arc<LoadedModule>>,
}

/// The states that a chain of modules may leave.
///
/// With each set of answers and for each release, two states are enough: the one in which all modules are loaded that may be
/// loaded, and the one in which all are refused that may be refused. A module that is loaded in one and refused in the other is
/// undetermined, whatever it does in the states between. A line or a taint is certain only if both have it.
struct States {
    /// Those with as many modules as possible.
    most: Vec<World>,
    /// Those with as few modules as possible, as far as they differ.
    least: Vec<World>,
}

impl States {
    /// Combines the states that each module may leave; `None` if there are too many.
    fn of(first: &[World], all: &[Arc<After>]) -> Option<Self> {
        let boot = |world: &World| Boot { world: world.clone(), modules: Vec::with_capacity(all.len()) };
        let most = followed(first.iter().map(boot).collect(), all, true)?;
        let may_be_refused = all.iter().flat_map(|after| &after.worlds).any(|world| newest(world).is_none());
        let least = if may_be_refused { followed(first.iter().map(boot).collect(), all, false)? } else { Vec::new() };
        let is_new = |boot: &Boot<'_>| !most.iter().any(|known| known.is_like(boot) && known.has_calendars_of(boot));
        let least: Vec<_> = least.into_iter().filter(is_new).collect();
        let worlds = |boots: Vec<Boot<'_>>| boots.into_iter().map(Boot::into_world).collect();
        Some(Self { least: worlds(least), most: worlds(most) })
    }
}

/// Combines boots with the states in which the modules are `loaded`, or are not, wherever there is the choice; `None` if there are
/// too many.
fn followed<'a>(mut boots: Vec<Boot<'a>>, all: &'a [Arc<After>], loaded: bool) -> Option<Vec<Boot<'a>>> {
    for after in all {
        let is_wanted = |world: &World| newest(world).is_some() == loaded;
        let has_choice = |world: &World| {
            let covers = |other: &&World| {
                is_wanted(other)
                    && other.answers == world.answers
                    && world.calendars.iter().all(|calendar| other.calendars.contains(calendar))
            };
            after.worlds.iter().any(|other| covers(&other))
        };
        let worlds: Vec<_> = after.worlds.iter().filter(|world| is_wanted(world) || !has_choice(world)).collect();
        let mut next = Vec::with_capacity(boots.len());
        for boot in boots {
            boot.behind(&worlds, &mut next);
        }
        boots = next;
        if boots.len() > MAX_STATES {
            return None;
        }
    }
    Some(boots)
}

/// Returns whether two states can be states of one boot.
fn agree(one: &World, other: &World) -> bool {
    let same_answers =
        || one.answers.iter().all(|(question, answer)| other.answers.get(question).is_none_or(|own| own == answer));
    one.calendars.iter().any(|calendar| other.calendars.contains(calendar))
        && (Arc::ptr_eq(&one.answers, &other.answers) || same_answers())
}

impl<'a> Boot<'a> {
    /// Combines this boot with each state that agrees with it, and adds the results to `next`. The order is that in which a
    /// single boot meets the states: verdicts name the first of several that are equally good.
    fn behind(self, worlds: &[&'a World], next: &mut Vec<Self>) {
        let Some(last) = worlds.iter().rposition(|world| agree(&self.world, world)) else { return };
        for world in worlds.iter().take(last).filter(|world| agree(&self.world, world)) {
            self.clone().joined(world).add_to(next);
        }
        if let Some(world) = worlds.get(last) {
            self.joined(world).add_to(next);
        }
    }

    fn has_calendars_of(&self, other: &Self) -> bool {
        other.world.calendars.iter().all(|calendar| self.world.calendars.contains(calendar))
    }

    /// Adds this boot to others, unless one of them makes no difference to it.
    fn add_to(self, boots: &mut Vec<Self>) {
        match boots.iter_mut().find(|known| known.is_like(&self)) {
            Some(known) => known.world.add_calendars(&self.world),
            None => boots.push(self),
        }
    }

    fn joined(mut self, other: &'a World) -> Self {
        let World { answers, calendars, state, because, .. } = &mut self.world;
        if !Arc::ptr_eq(calendars, &other.calendars) && *calendars != other.calendars {
            *calendars = calendars.iter().filter(|calendar| other.calendars.contains(calendar)).copied().collect();
        }
        self.modules.extend(newest(other));
        state.tainted = Taints::from_number(state.tainted.number() | other.state.tainted.number());
        state.once.join(other.state.once);
        if answers.is_empty() {
            *answers = Arc::clone(&other.answers);
        } else if !Arc::ptr_eq(answers, &other.answers) {
            for (question, answer) in other.answers.iter() {
                if !answers.contains_key(question) {
                    Arc::make_mut(answers).insert(question.clone(), *answer);
                }
            }
        }
        if !other.because.is_subset(because) {
            Arc::make_mut(because).extend(other.because.iter().cloned());
        }
        self
    }

    /// Returns whether two boots are equal for a module that is loaded next, except for their calendars.
    fn is_like(&self, other: &Self) -> bool {
        let world = &self.world;
        let other_world = &other.world;
        world.state.tainted == other_world.state.tainted
            && world.state.once == other_world.state.once
            && self.modules.len() == other.modules.len()
            && self
                .modules
                .iter()
                .zip(&other.modules)
                .all(|(one, other)| Arc::ptr_eq(one, other) || are_like(one, other))
            && world.answers == other_world.answers
    }

    fn into_world(mut self) -> World {
        let modules = self.modules.into_iter().rev().chain(self.world.state.modules.iter()).cloned().collect();
        self.world.state.modules = Arc::new(modules);
        self.world.last = None;
        self.world
    }
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
