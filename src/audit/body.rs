//! What one function does: how much work of its own, and what it calls with which arguments.

use crate::graph::Spot;

/// Where the arguments of a call come from, the simplest source first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Arguments {
    /// The caller's own arguments, unchanged and in order.
    Straight,
    /// The caller's own arguments in another order, or with constants added to the list.
    Arranged,
    /// Fields of what the caller's arguments point to, or addresses inside it.
    Derived,
    /// At least one is the address of something that belongs to the wrapper.
    Bound,
    /// At least one comes from elsewhere.
    Own,
}

/// How a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum How {
    /// By a call instruction.
    Call,
    /// By a jump that leaves the function.
    TailCall,
    /// Through a pointer that is stored in data.
    Pointer,
    /// Not called: the function takes its address, or refers to data that holds the address.
    Address,
}

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The address of the instruction.
    pub at: u64,
    /// What is called; `None` if only running the code would tell.
    pub callee: Option<Spot>,
    /// How it is called.
    pub how: How,
    /// Where the arguments come from.
    pub arguments: Arguments,
    /// Whether the function returns the result of this call.
    pub result: bool,
    /// The first argument, if it is a known address.
    pub first: Option<Spot>,
}

/// What a function does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// How many instructions read, write, compute or compare something, apart from passing arguments on.
    pub own: usize,
    /// Whether it contains a loop.
    pub loops: bool,
    /// Its calls, in order of address.
    pub calls: Vec<Call>,
    /// The addresses that it takes, each with the address of the instruction.
    pub addresses: Vec<(u64, Spot)>,
}
