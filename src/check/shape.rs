//! Comparing the states that modules leave.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::history::Calendar;
use crate::load::{LoadedModule, Printed, World};
use crate::terms::{Taint, Taints};
use crate::verdict::{Missing, Outcome};

/// The largest number of states that are compared with those of other modules.
const MOST_COMPARED: usize = 16;

/// A number for the states that a module may leave, apart from the module itself. Of modules with equal numbers one can stand for the
/// others where boots are combined.
pub(super) type Shape = u64;

/// One state, without the module.
#[derive(PartialEq, Eq, Hash)]
struct StateShape {
    answers: Arc<BTreeMap<Missing, bool>>,
    because: Arc<BTreeSet<Missing>>,
    calendars: Arc<[Calendar]>,
    tainted: Taints,
    once: Printed,
    /// The number of the first state in which a module that makes no difference to this one is loaded, if one is loaded.
    loaded: Option<usize>,
}

/// The shapes that were met.
#[derive(Default)]
pub(super) struct Shapes(Mutex<Known>);

#[derive(Default)]
struct Known {
    shapes: HashMap<Vec<StateShape>, Shape>,
    /// How many numbers were given.
    given: Shape,
}

impl Shapes {
    /// The number of the shape of these states.
    pub fn of(&self, worlds: &[World]) -> Shape {
        let shape =
            exclude_each_other(worlds).then(|| worlds.iter().map(|world| StateShape::of(world, worlds)).collect());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = known.given;
        if let Some(shape) = shape {
            match known.shapes.entry(shape) {
                Entry::Occupied(entry) => return *entry.get(),
                Entry::Vacant(entry) => _ = entry.insert(new),
            }
        }
        known.given += 1;
        new
    }
}

/// Returns whether no boot can be in two of these states. Only then do two modules with equal states go through them together.
fn exclude_each_other(worlds: &[World]) -> bool {
    let after = |place: usize| worlds.get(place + 1..).unwrap_or_default();
    worlds.len() <= MOST_COMPARED
        && worlds.iter().enumerate().all(|(place, one)| !after(place).iter().any(|other| agree(one, other)))
}

impl StateShape {
    fn of(world: &World, all: &[World]) -> Self {
        let loaded = newest(world).and_then(|module| {
            all.iter().position(|other| {
                newest(other).is_some_and(|other| Arc::ptr_eq(module, other) || are_like(module, other))
            })
        });
        Self {
            answers: Arc::clone(&world.answers),
            because: Arc::clone(&world.because),
            calendars: Arc::clone(&world.calendars),
            tainted: world.state.tainted,
            once: world.state.once,
            loaded,
        }
    }
}

/// Returns whether two modules make no difference to others: of its taints, only the proprietary one does.
pub(super) fn are_like(one: &LoadedModule, other: &LoadedModule) -> bool {
    one.taints.has(Taint::ProprietaryModule) == other.taints.has(Taint::ProprietaryModule) && one.is_alike(other)
}

/// The module that was loaded last in a world.
pub(super) fn newest(world: &World) -> Option<&Arc<LoadedModule>> {
    world.state.modules.first().filter(|_| world.last == Some(Outcome::Loads))
}

/// Returns whether two states can be states of one boot.
pub(super) fn agree(one: &World, other: &World) -> bool {
    let same_answers =
        || one.answers.iter().all(|(question, answer)| other.answers.get(question).is_none_or(|own| own == answer));
    one.calendars.iter().any(|calendar| other.calendars.contains(calendar))
        && (Arc::ptr_eq(&one.answers, &other.answers) || same_answers())
}
