//! What one function does with what it is given: how much work of its own, and what it calls with which arguments.

use crate::graph::Spot;

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
