//! What loading a module leaves, for the modules that need it.

use std::sync::Arc;

use crate::load::{Judged, LoadedModule, RefusedExporter, World};
use crate::terms::Taint;
use crate::verdict::{Outcome, Verdict};

/// The result of loading a module after the modules that it needs.
pub(super) struct After {
    pub verdict: Verdict,
    /// The states that the boot may be in afterwards: with the module loaded, and without it where it may be refused.
    pub worlds: Vec<World>,
    /// The exports that are missing if the module is refused.
    pub refused: Option<Arc<RefusedExporter>>,
    /// Whether it leaves nothing but a loaded module and taints, whatever else is loaded.
    pub is_plain: bool,
    /// Whether states were left out, because there were too many.
    pub in_part: bool,
}

impl After {
    pub fn new(Judged { verdict, mut worlds, exports, in_part }: Judged) -> Self {
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

/// Returns whether two modules make no difference to others: of its taints, only the proprietary one does.
pub(super) fn are_like(one: &LoadedModule, other: &LoadedModule) -> bool {
    one.taints.has(Taint::ProprietaryModule) == other.taints.has(Taint::ProprietaryModule) && one.is_alike(other)
}

/// Returns whether two states after loading a module combine with others in the same way (see `Boot::joined` in states.rs), except
/// for their calendars.
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
pub(super) fn newest(world: &World) -> Option<&Arc<LoadedModule>> {
    world.state.modules.first().filter(|_| world.last == Some(Outcome::Loads))
}
