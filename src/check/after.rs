//! What loading a module leaves, for the modules that need it.

use std::sync::Arc;

use super::shape::{Shape, Shapes, are_like, newest};
use crate::load::{Judged, LoadedModule, RefusedExporter, World};
use crate::terms::ExportedSymbol;
use crate::verdict::{Cause, Missing, Outcome, Verdict};

/// The largest number of questions, and of answers, that are carried along for the modules that need this one.
const MOST_QUESTIONS: usize = 64;

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
    /// Bytes of per-CPU data that it holds where it is loaded.
    pub percpu: u64,
    pub shape: Shape,
}

impl After {
    /// `announced` is the module's name by its file.
    pub fn new(
        Judged { verdict, mut worlds, exports, in_part }: Judged,
        number: usize,
        announced: &str,
        shapes: &Shapes,
    ) -> Self {
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
        let mut worlds = distinct;
        for world in &mut worlds {
            keep_newest(world);
            limit_questions(world);
        }
        let modules = || worlds.iter().filter_map(newest);
        let is_plain = worlds.iter().all(leaves_nothing_else)
            && verdict.name == announced
            && modules().all(|module| is_plain_module(module, &exports))
            && !matches!(verdict.outcome, Outcome::Crash { .. })
            && !verdict.findings.iter().any(|finding| matches!(finding.cause, Cause::DuplicateExport { .. }));
        let percpu = modules().map(|module| module.percpu).max().unwrap_or_default();
        let is_refused = verdict.outcome != Outcome::Loads;
        let refused =
            if is_refused { RefusedExporter::new(&verdict.name, Some(number), exports).map(Arc::new) } else { None };
        let shape = shapes.of(&worlds);
        Self { verdict, worlds, refused, is_plain, in_part, percpu, shape }
    }

    /// Returns whether the module is certainly refused.
    pub fn is_refused(&self) -> bool {
        matches!(self.verdict.outcome, Outcome::Refused { .. })
    }
}

/// Drops all modules but the one that was loaded last, which alone is combined with others.
fn keep_newest(world: &mut World) {
    let newest = newest(world).cloned();
    world.state.modules = Arc::new(newest.into_iter().collect());
}

/// Keeps the first of very many questions. Of a chain of modules that each ask one, the last would have all.
fn limit_questions(world: &mut World) {
    if world.because.len() > MOST_QUESTIONS {
        let kept = world.because.iter().take(MOST_QUESTIONS - 1).cloned();
        world.because = Arc::new(kept.chain([Missing::TooMany]).collect());
    }
}

/// Returns whether the kernel's state holds nothing that modules are asked for one by one.
fn leaves_nothing_else(world: &World) -> bool {
    world.state.held.is_none() && world.state.percpu_warnings == 0 && world.answers.len() <= MOST_QUESTIONS
}

/// Returns whether a module can be found by the exports that its file announces, and patches no others.
fn is_plain_module(module: &LoadedModule, announced: &[ExportedSymbol]) -> bool {
    let mut announced = announced.iter();
    let mut entries = module.exports.iter().flat_map(|table| &table.entries);
    let is_announced = entries.all(|entry| announced.any(|export| export.name == entry.symbol.name));
    is_announced && module.patches.is_none()
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
