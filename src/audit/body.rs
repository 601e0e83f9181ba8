//! What one function does with what it is given: how much work of its own, and what it calls with which arguments.

use super::flow::FlowReader;
use crate::graph::{Action, AddressSpace, Register, Spot, Step, Way, convention};

/// How many bytes of a function are read: the largest of a kernel have 20,000.
const MAX_BYTES: u64 = 1 << 15;

/// How the arguments of a call come from those of its caller, the plainest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arguments {
    /// As they came.
    Straight,
    /// As they came, with numbers behind or between them, or in another order.
    Arranged,
    /// Fields of what they point to, or addresses inside it.
    Derived,
    /// One of them is fixed: the address of something of the wrapper's own.
    Bound,
    /// Also others.
    Own,
}

/// How a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// A call.
    Call,
    /// A jump that leaves the function.
    TailCall,
    /// Through a pointer that stands in data.
    Pointer,
    /// Not called: its address is taken, or stands in data that is referred to.
    Address,
}

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The address of the instruction.
    pub at: u64,
    /// What is called; `None` where only running it would tell.
    pub callee: Option<Spot>,
    /// How.
    pub how: How,
    /// What is handed on.
    pub arguments: Arguments,
    /// Is what it gives what the function gives?
    pub result: bool,
    /// The number or address in the first argument's register, if it is one.
    pub first: Option<Spot>,
}

/// What a function does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Instructions that read, write, compute or compare something, besides handing on.
    pub own: usize,
    /// Does it go back to what it has done already?
    pub loops: bool,
    /// What it calls, in order of address.
    pub calls: Vec<Call>,
    /// The places of which it takes the address.
    pub addresses: Vec<(u64, Spot)>,
}

impl Body {
    /// Reads the function that begins at `start`; `None` where no function is known to.
    pub fn read(space: &AddressSpace<'_>, start: u64) -> Option<Self> {
        let (label, end) = space.function(start)?;
        let convention = convention(space.machine())?;
        let whole = start..end.min(start.saturating_add(MAX_BYTES));
        let mut steps = space.steps(whole.clone());
        let own = own(&steps, convention.stack);
        let mut ranges = Vec::from([whole]);
        // What the compiler has put out of the way belongs to it: name.cold, reached by jumps.
        let cold = format!("{}.cold", label.name);
        let piece = |step: &Step| {
            let (Action::Jump(Way::To(Spot::Address(to))) | Action::Branch(Spot::Address(to))) = step.action else {
                return None;
            };
            let piece = space.covering(to).filter(|piece| piece.code && piece.name.starts_with(&cold))?;
            let (_, end) = space.function(piece.address)?;
            Some(piece.address..end.min(piece.address.saturating_add(MAX_BYTES)))
        };
        let mut pieces: Vec<_> = steps.iter().filter_map(piece).collect();
        pieces.sort_by_key(|piece| piece.start);
        pieces.dedup();
        for piece in pieces {
            steps.extend(space.steps(piece.clone()));
            ranges.push(piece);
        }
        let mut body = Self { own, ..Self::default() };
        FlowReader { space, convention, ranges, steps }.follow(&mut body);
        Some(body)
    }
}

/// Counts what is neither handing on nor the frame that functions put up and take down.
fn own(steps: &[Step], stack: Register) -> usize {
    let works = |action: Action| {
        matches!(
            action,
            Action::Load { .. }
                | Action::LoadAt { .. }
                | Action::Element { .. }
                | Action::Derive { .. }
                | Action::Store { .. }
                | Action::Compute { .. }
                | Action::Compare
        )
    };
    let framed = |action: Action| match action {
        Action::Load { base, .. } | Action::Store { base, .. } => base == stack,
        _ => false,
    };
    let mut own = 0;
    let mut last = None;
    for step in steps {
        // An instruction of several steps counts once.
        if works(step.action) && !framed(step.action) && last != Some(step.at) {
            own += 1;
            last = Some(step.at);
        }
    }
    own
}
