//! What of all modules that a module needs, directly or not, makes a difference to it.

use std::collections::{HashMap, HashSet};

use super::after::After;
use super::shape::Shape;
use crate::terms::ByNumber;

/// The largest number of refused modules for which a module that needs them is blamed.
pub(super) const MOST_BLAMED: usize = 64;

/// The largest number of modules whose effects are told apart, besides those with the effects of another one.
const MOST_DIFFERENT: usize = 64;

/// The modules that a module needs, directly or not, as far as they make a difference to it, each after those that it needs itself.
///
/// These lists are bounded: in a chain, all modules together need as many others as the square of their number.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Those whose effects have to be combined: at least one of all that have equal effects.
    pub different: Vec<usize>,
    /// The first of those that are not loaded.
    pub refused: Vec<usize>,
    /// Whether the effects of some cannot be combined, or are too many.
    pub is_apart: bool,
}

/// What a module does to those that need it.
pub(super) struct Effect<'a> {
    pub module: usize,
    pub after: &'a After,
    /// Whether something about the module itself makes a difference to modules that use no symbol of it.
    pub is_special: bool,
    /// Whether it cannot be combined with others.
    pub is_apart: bool,
}

/// A [`Reach`] under construction.
pub(super) struct Gathered {
    reach: Reach,
    blamed: HashSet<usize, ByNumber>,
    met: HashSet<usize, ByNumber>,
    /// How many modules of each shape are among those that are different.
    shapes: HashMap<Shape, usize, ByNumber>,
    /// How many modules with equal effects are kept.
    alike: usize,
}

impl Gathered {
    /// Of the modules with equal effects, so many are kept.
    pub fn new(alike: usize) -> Self {
        let (reach, blamed) = (Reach::default(), HashSet::default());
        Self { reach, blamed, met: HashSet::default(), shapes: HashMap::default(), alike }
    }

    /// Adds what a needed module needs.
    pub fn add_reach<'a>(&mut self, reach: &Reach, effect: impl Fn(usize) -> Option<Effect<'a>>) {
        self.reach.is_apart |= reach.is_apart;
        for refused in &reach.refused {
            self.blame(*refused);
        }
        if !self.reach.is_apart {
            reach.different.iter().filter_map(|module| effect(*module)).for_each(|effect| self.add_effect(&effect));
        }
    }

    /// Adds a needed module.
    pub fn add(&mut self, effect: &Effect<'_>) {
        self.reach.is_apart |= effect.is_apart || !effect.after.is_plain;
        if effect.after.is_refused() {
            self.blame(effect.module);
        }
        self.add_effect(effect);
    }

    fn blame(&mut self, module: usize) {
        if self.reach.refused.len() < MOST_BLAMED * self.alike && self.blamed.insert(module) {
            self.reach.refused.push(module);
        }
    }

    fn add_effect(&mut self, effect: &Effect<'_>) {
        let known = self.shapes.entry(effect.after.shape).or_default();
        if (*known < self.alike || effect.is_special) && self.met.insert(effect.module) {
            *known += 1;
            self.reach.different.push(effect.module);
            self.reach.is_apart |= self.reach.different.len() > MOST_DIFFERENT * self.alike;
        }
    }

    pub fn finish(self) -> Reach {
        self.reach
    }
}

impl Reach {
    /// What a module needs of what its group needs: all but itself.
    pub fn without(&self, module: usize) -> Self {
        let others = |all: &[usize]| all.iter().copied().filter(|other| *other != module).collect::<Vec<_>>();
        let mut refused = others(&self.refused);
        refused.truncate(MOST_BLAMED);
        Self { different: others(&self.different), refused, is_apart: self.is_apart }
    }
}
