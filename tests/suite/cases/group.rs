//! Modules loaded together, and how a group becomes steps.

use super::Case;
use crate::ko::{Ko, Profile};
use crate::oracle::{Op, Step};

/// Modules loaded one after another into one kernel. At the end of each group all are unloaded, the last first.
pub struct Group {
    pub name: &'static str,
    pub what: &'static str,
    moves: Vec<Move>,
}

enum Move {
    Load(Box<Case>),
    Unload(&'static str),
}

pub fn group(name: &'static str, what: &'static str) -> Group {
    Group { name, what, moves: Vec::new() }
}

impl Group {
    pub fn load(mut self, ko: Ko) -> Self {
        let name = format!("{}/{}", self.name, ko.name());
        self.moves.push(Move::Load(Box::new(super::case(name, self.what, ko))));
        self
    }

    /// Changes how the module loaded last is loaded.
    pub fn with(mut self, flags: u32, args: &str) -> Self {
        if let Some(Move::Load(case)) = self.moves.last_mut() {
            case.flags = flags;
            args.clone_into(&mut case.args);
        }
        self
    }

    pub fn unload(mut self, name: &'static str) -> Self {
        self.moves.push(Move::Unload(name));
        self
    }

    pub fn modules(&self) -> usize {
        self.moves.iter().filter(|step| matches!(step, Move::Load(_))).count()
    }

    pub fn steps(&self, profile: &Profile) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for step in &self.moves {
            match step {
                Move::Load(case) => {
                    steps.push(case.step(profile));
                    names.retain(|loaded| *loaded != case.ko.name());
                    names.push(case.ko.name());
                }
                Move::Unload(name) => {
                    steps.push(Step::unload(Op::Rmmod, name));
                    names.retain(|loaded| loaded != name);
                }
            }
        }
        steps.extend(names.iter().rev().map(|name| Step::unload(Op::Rmmod, name)));
        steps
    }
}
