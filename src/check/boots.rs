//! A boot for every module, in which what it needs is loaded before it.
//!
//! Each module is judged once. What comes of loading one depends on the modules it needs and on what they leave behind, and
//! on no others: so the boots of those it needs are put together, instead of being made again for each that needs them.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use crate::check::needs::Modules;
use crate::image::Image;
use crate::load::{Insmod, Judged, LoadedModule, MAX_WORLDS, Machine, RefusedExporter, World};
use crate::terms::{Taint, Taints};
use crate::verdict::{Cause, Finding, Missing, Outcome, Stage, Verdict};

/// Modules with this much per-CPU memory together have room for it in every kernel, however they are aligned.
const SURE_PERCPU: u64 = 2 << 10;

/// The modules, and what is known of each already.
pub(super) struct Boots<'a> {
    first: Machine,
    insmod: &'a Insmod,
    modules: Modules<'a>,
    known: Vec<OnceLock<Arc<After>>>,
}

/// What comes of loading a module behind those it needs.
struct After {
    verdict: Verdict,
    /// The states a boot may be in then. Where the module may be loaded or not, those in which it is.
    worlds: Vec<World>,
    /// Where it may be refused: what it exports then all the same.
    refused: Option<Arc<RefusedExporter>>,
    /// Is all that it leaves behind a module and taints, whatever else is loaded?
    is_plain: bool,
}

impl<'a> Boots<'a> {
    /// `known` is what has come of loading modules that need no other, in order.
    pub fn new(first: Machine, insmod: &'a Insmod, modules: Modules<'a>, known: Vec<Option<Judged>>) -> Self {
        let after = |known: Option<Judged>| Some(Arc::new(After::new(known?)));
        let known = known.into_iter().map(after).chain(std::iter::repeat(None)).take(modules.len());
        let known = known.map(|after| after.map_or_else(OnceLock::new, OnceLock::from)).collect();
        Self { first, insmod, modules, known }
    }

    /// The modules that were taken from the kernel's tree.
    pub fn own(&self) -> impl Iterator<Item = &Image> {
        self.modules.own()
    }

    /// What is left once all are judged. There is much of it, and giving it back takes a while.
    pub fn left(self) -> impl Send + 'static {
        (self.first, self.known)
    }

    /// Loads what the module needs, and then itself.
    pub fn judge(&self, index: usize) -> Verdict {
        let chain = self.modules.chain(index);
        let (own, before) = chain.split_last().map_or((index, &[][..]), |(own, before)| (*own, before));
        let mut verdict = match self.after_all(before) {
            Some(before_it) if self.fit_together(own, before, &before_it) => {
                let mut verdict = match Arc::try_unwrap(self.after(own, &before_it)) {
                    Ok(after) => after.verdict,
                    // Others need it, too.
                    Err(shared) => shared.verdict.clone(),
                };
                before_it.iter().for_each(|dependency| hang_on(&mut verdict, &dependency.verdict));
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

    /// What comes of loading each of a chain of modules; `None` where they need each other.
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

    /// What comes of loading one module, given what has come of those it needs.
    fn after(&self, module: usize, needed: &[Arc<After>]) -> Arc<After> {
        let judge = || {
            let mut machine = self.first.clone();
            needed.iter().filter_map(|after| after.refused.clone()).for_each(|exporter| machine.refuse(exporter));
            let too_many = machine.with_worlds(|first| put_together(first, needed));
            let mut verdict = self.load(&mut machine, module);
            if too_many {
                verdict.outcome = Outcome::Undetermined;
                verdict.missing.push(Missing::TooMany);
            }
            let elf = self.modules.image(module).and_then(Image::as_announced);
            let exports = elf.map(|elf| Arc::clone(elf.exports())).unwrap_or_default();
            Arc::new(After::new(Judged { verdict, worlds: machine.into_worlds(), exports }))
        };
        match self.known.get(module).filter(|known| self.modules.is_needed(module) || known.get().is_some()) {
            Some(known) => Arc::clone(known.get_or_init(judge)),
            None => judge(),
        }
    }

    fn load(&self, machine: &mut Machine, module: usize) -> Verdict {
        let Some(image) = self.modules.image(module) else { return Verdict::new("", Outcome::Undetermined) };
        match self.modules.is_given(module) {
            true => machine.insmod(image, self.insmod),
            false => machine.insmod(image, &Insmod::default()),
        }
    }

    /// Is a boot of these modules what their own boots are together?
    fn fit_together(&self, own: usize, before: &[usize], after: &[Arc<After>]) -> bool {
        let mut names = HashSet::new();
        let percpu = |after: &Arc<After>| after.worlds.iter().filter_map(newest).map(|module| module.percpu).max();
        after.iter().all(|after| after.is_plain && names.insert(after.verdict.name.as_str()))
            && after.iter().filter_map(percpu).sum::<u64>() <= SURE_PERCPU
            && !before.iter().chain([&own]).any(|module| self.modules.is_rival(*module))
    }

    /// The same on one boot, the long way.
    fn one_by_one(&self, chain: &[usize]) -> Verdict {
        let mut machine = self.first.clone();
        let mut verdicts: Vec<_> = chain.iter().map(|module| self.load(&mut machine, *module)).collect();
        let last = verdicts.pop().unwrap_or_else(|| Verdict::new("", Outcome::Undetermined));
        blamed(last, verdicts.iter())
    }
}

impl After {
    fn new(Judged { verdict, mut worlds, exports }: Judged) -> Self {
        let is_loaded = |world: &World| world.last == Some(Outcome::Loads);
        if worlds.iter().any(is_loaded) {
            worlds.retain(is_loaded);
        }
        // The taints of a module are nobody else's affair, unless it is a proprietary one.
        let first = worlds.first().and_then(newest).cloned();
        for world in worlds.iter_mut().skip(1) {
            let alike = newest(world).zip(first.as_ref()).is_some_and(|(module, first)| {
                let proprietary = |module: &LoadedModule| module.taints.has(Taint::ProprietaryModule);
                proprietary(module) == proprietary(first) && module.is_alike(first)
            });
            if let (true, Some(first), Some(module)) =
                (alike, &first, Arc::make_mut(&mut world.state.modules).first_mut())
            {
                *module = Arc::clone(first);
            }
        }
        let is_plain = worlds.iter().all(|world| world.state.held.is_none() && world.state.percpu_warnings == 0)
            && !matches!(verdict.outcome, Outcome::Crash { .. });
        let is_refused = verdict.outcome != Outcome::Loads;
        let refused = if is_refused { RefusedExporter::new(&verdict.name, exports).map(Arc::new) } else { None };
        Self { verdict, worlds, refused, is_plain }
    }
}

/// The module a world has loaded last.
fn newest(world: &World) -> Option<&Arc<LoadedModule>> {
    world.state.modules.first().filter(|_| world.last == Some(Outcome::Loads))
}

/// A boot in which some modules are loaded: its state but for them, and the modules, the oldest first.
#[derive(Clone)]
struct Boot<'a> {
    world: World,
    modules: Vec<&'a Arc<LoadedModule>>,
}

/// The states of a boot in which all of these modules are loaded, and whether there are too many to follow.
fn put_together(first: &[World], all: &[Arc<After>]) -> (Vec<World>, bool) {
    let boot = |world: &World| Boot { world: world.clone(), modules: Vec::with_capacity(all.len()) };
    let mut boots: Vec<_> = first.iter().map(boot).collect();
    for after in all {
        let mut next = Vec::with_capacity(boots.len());
        boots.into_iter().for_each(|boot| boot.behind(&after.worlds, &mut next));
        if next.len() > MAX_WORLDS {
            return (first.to_vec(), true);
        }
        boots = next;
    }
    (boots.into_iter().map(Boot::into_world).collect(), false)
}

/// Can both be of one boot?
fn agree(one: &World, other: &World) -> bool {
    let same_answers =
        || one.answers.iter().all(|(question, answer)| other.answers.get(question).is_none_or(|own| own == answer));
    one.calendar == other.calendar && (Arc::ptr_eq(&one.answers, &other.answers) || same_answers())
}

impl<'a> Boot<'a> {
    /// Adds to `next`, which is in order of shape, what comes of this boot with each of those states that may be its own.
    fn behind(self, worlds: &'a [World], next: &mut Vec<Self>) {
        let mut add = |boot: Self| {
            if let Err(place) = next.binary_search_by(|known| known.by_shape(&boot)) {
                next.insert(place, boot);
            }
        };
        let Some(last) = worlds.iter().rposition(|world| agree(&self.world, world)) else { return };
        for world in worlds.iter().take(last).filter(|world| agree(&self.world, world)) {
            add(self.clone().joined(world));
        }
        if let Some(world) = worlds.get(last) {
            add(self.joined(world));
        }
    }

    fn joined(mut self, other: &'a World) -> Self {
        let World { answers, state, because, .. } = &mut self.world;
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

    /// In the order of what tells states apart, for the modules that are loaded then.
    fn by_shape(&self, other: &Self) -> Ordering {
        let shape = |boot: &Self| (boot.world.state.tainted.number(), boot.world.state.once);
        let proprietary = |module: &&Arc<LoadedModule>| module.taints.has(Taint::ProprietaryModule);
        let modules = || self.modules.iter().rev().map(proprietary).cmp(other.modules.iter().rev().map(proprietary));
        let answers = || self.world.answers.cmp(&other.world.answers);
        shape(self).cmp(&shape(other)).then_with(answers).then_with(modules)
    }

    fn into_world(mut self) -> World {
        let modules = self.modules.into_iter().rev().chain(self.world.state.modules.iter()).cloned().collect();
        self.world.state.modules = Arc::new(modules);
        self.world.last = None;
        self.world
    }
}

/// A module it needs may be loaded or not: what was said of this one holds if it is.
fn hang_on(verdict: &mut Verdict, dependency: &Verdict) {
    if dependency.outcome != Outcome::Undetermined || dependency.never_loads {
        return;
    }
    let early = verdict.outcome.stage().is_some_and(|stage| stage < Stage::SimplifySymbols);
    if early {
        return;
    }
    let lacks = |finding: &Finding| {
        finding.reached
            && finding.refuses()
            && matches!(finding.cause, Cause::MissingSymbol { refused_exporter: None, .. })
    };
    let refused = matches!(verdict.outcome, Outcome::Refused { .. }) || verdict.never_loads;
    verdict.never_loads = refused && verdict.findings.iter().any(lacks);
    verdict.outcome = Outcome::Undetermined;
    let missing = dependency.missing.iter().filter(|missing| !verdict.missing.contains(missing));
    let missing: Vec<_> = missing.cloned().collect();
    verdict.missing.extend(missing);
}

/// A module that was refused names those it needed that were refused before it.
pub(super) fn blamed<'a>(mut verdict: Verdict, before: impl DoubleEndedIterator<Item = &'a Verdict>) -> Verdict {
    if !matches!(verdict.outcome, Outcome::Loads) {
        before.rev().for_each(|dependency| verdict.blame(dependency));
    }
    verdict
}
