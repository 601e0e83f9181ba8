//! The states that a chain of modules may leave, combined from the states that each of them may leave.

use std::sync::Arc;

use crate::check::after::After;
use crate::check::shape::{agree, are_like, newest};
use crate::load::{LoadedModule, MAX_WORLDS, World};
use crate::terms::Taints;

/// How many states of the needed modules are followed. A module's own questions multiply them, up to [`MAX_WORLDS`].
const MAX_STATES: usize = MAX_WORLDS / 4;

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
pub(super) struct States {
    /// Those with as many modules as possible.
    pub most: Vec<World>,
    /// Those with as few modules as possible, as far as they differ.
    pub least: Vec<World>,
}

impl States {
    /// Combines the states that each module may leave; `None` if there are too many.
    pub fn of(first: &[World], all: &[Arc<After>]) -> Option<Self> {
        let boot = |world: &World| Boot { world: world.clone(), modules: Vec::with_capacity(all.len()) };
        let most = followed(first.iter().map(boot).collect(), all, true)?;
        let may_be_refused = all.iter().flat_map(|after| &after.worlds).any(|world| newest(world).is_none());
        let least = if may_be_refused { followed(first.iter().map(boot).collect(), all, false)? } else { Vec::new() };
        let is_new = |boot: &Boot<'_>| {
            !most.iter().any(|known| known.is_like(boot) && known.world.has_calendars_of(&boot.world))
        };
        let least: Vec<_> = least.into_iter().filter(is_new).collect();
        let worlds = |boots: Vec<Boot<'_>>| boots.into_iter().map(Boot::into_world).collect();
        Some(Self { least: worlds(least), most: worlds(most) })
    }
}

/// Combines boots with the states in which the modules are `loaded`, or are not, wherever there is the choice; `None` if there are
/// too many.
fn followed<'a>(mut boots: Vec<Boot<'a>>, all: &'a [Arc<After>], loaded: bool) -> Option<Vec<Boot<'a>>> {
    let mut next = Vec::with_capacity(boots.len());
    let mut worlds = Vec::new();
    for after in all {
        let is_wanted = |world: &World| newest(world).is_some() == loaded;
        let has_choice = |world: &World| {
            let mut wanted = after.worlds.iter().filter(|other| is_wanted(other));
            wanted.any(|other| other.answers == world.answers && other.has_calendars_of(world))
        };
        worlds.clear();
        worlds.extend(after.worlds.iter().filter(|world| is_wanted(world) || !has_choice(world)));
        for boot in boots.drain(..) {
            boot.behind(&worlds, &mut next);
        }
        std::mem::swap(&mut boots, &mut next);
        if boots.len() > MAX_STATES {
            return None;
        }
    }
    Some(boots)
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
