//! Questions that an attempt meets and goes on from.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::load::state::World;
use crate::verdict::Missing;

/// The answers to what no file tells.
type Answers = Arc<BTreeMap<Missing, bool>>;

/// The questions that an attempt has met and answered with yes. The attempt goes on as if its world had that answer from the
/// beginning; for each of them another attempt follows, which begins in a world with the answer no.
#[derive(Debug)]
pub(in crate::load) struct Forks {
    /// The answers by now: those of the world that the attempt began in, and those given since.
    answers: RefCell<Answers>,
    /// The questions, each with the answers before it.
    met: RefCell<Vec<(Answers, Missing)>>,
    /// How many more may be met. At one more the attempt ends, and is repeated with each answer.
    left: Cell<usize>,
}

impl Forks {
    pub fn new(world: &World, most: usize) -> Self {
        Self { answers: RefCell::new(Arc::clone(&world.answers)), met: RefCell::default(), left: Cell::new(most) }
    }

    /// The answer to a question by now.
    pub fn answer(&self, question: &Missing) -> Option<bool> {
        self.answers.borrow().get(question).copied()
    }

    /// Answers a question with yes; returns whether it may.
    pub fn meet(&self, question: &Missing) -> bool {
        let Some(left) = self.left.get().checked_sub(1) else { return false };
        self.left.set(left);
        let mut answers = self.answers.borrow_mut();
        self.met.borrow_mut().push((Arc::clone(&answers), question.clone()));
        Arc::make_mut(&mut answers).insert(question.clone(), true);
        true
    }

    /// The answers by now.
    pub fn answers(&self) -> Answers {
        Arc::clone(&self.answers.borrow())
    }

    /// The worlds in which the questions are answered with no. `world` is the one that the attempt began in.
    pub fn others(self, world: &World) -> impl Iterator<Item = World> {
        let met = self.met.into_inner().into_iter();
        met.map(|(answers, question)| World { answers, ..world.clone() }.with_answer(&question, false))
    }
}
