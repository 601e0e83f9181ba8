//! What registers and the stack hold while a function runs, as far as it comes from its arguments.

use std::collections::BTreeMap;

use crate::graph::{Convention, Register, Spot};

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// An argument, untouched.
    Argument(u8),
    /// Made of arguments: a field of what one points to, an address inside it.
    OfArguments,
    Constant(i64),
    Address(Spot),
    /// An address that is counted from a known one.
    Inside(Spot),
    /// What stands in memory at a known place.
    Held(Spot),
    /// One of the words that stand in memory at a known place.
    Element(Spot),
    /// The address of a word on the stack, from where the stack pointer was at the beginning.
    Stack(i64),
    /// What the call at this address gave.
    Result(u64),
    /// Left behind by a call.
    Lost,
    Other,
}

/// What the registers and the stack hold at one place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub registers: Vec<Value>,
    pub stack: BTreeMap<i64, Value>,
}

impl State {
    pub fn at_entry(convention: &Convention) -> Self {
        let mut state = Self { registers: vec![Value::Other; convention.count], stack: BTreeMap::new() };
        for (number, register) in (0..).zip(convention.arguments) {
            state.set(*register, Value::Argument(number));
        }
        state.set(convention.stack, Value::Stack(0));
        state
    }

    pub fn get(&self, register: Register) -> Value {
        self.registers.get(usize::from(register.0)).copied().unwrap_or(Value::Other)
    }

    pub fn set(&mut self, register: Register, value: Value) {
        if let Some(known) = self.registers.get_mut(usize::from(register.0)) {
            *known = value;
        }
    }

    /// What holds whichever way was taken; true when it is less than before.
    pub fn join(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for (known, new) in self.registers.iter_mut().zip(&other.registers) {
            *known = known.or(*new);
        }
        self.stack.retain(|place, value| other.stack.get(place) == Some(value));
        *self != before
    }
}

impl Value {
    /// What becomes of it in a computation.
    pub const fn computed(self) -> Self {
        match self {
            Self::Argument(_) | Self::OfArguments => Self::OfArguments,
            Self::Address(spot) | Self::Inside(spot) => Self::Inside(spot),
            _ => Self::Other,
        }
    }

    pub const fn is_of_arguments(self) -> bool {
        matches!(self, Self::Argument(_) | Self::OfArguments)
    }

    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            _ if self == other => self,
            (Self::Constant(_), _) if other.is_of_arguments() => Self::OfArguments,
            (_, Self::Constant(_)) if self.is_of_arguments() => Self::OfArguments,
            _ if self.is_of_arguments() && other.is_of_arguments() => Self::OfArguments,
            (Self::Lost, _) | (_, Self::Lost) => Self::Lost,
            _ => Self::Other,
        }
    }

    pub fn plus(self, offset: i64) -> Self {
        match self {
            _ if offset == 0 => self,
            Self::Argument(_) => Self::OfArguments,
            Self::Constant(number) => Self::Constant(number.wrapping_add(offset)),
            Self::Address(spot) => Self::Address(spot.plus(offset)),
            Self::Inside(spot) => Self::Inside(spot.plus(offset)),
            Self::Stack(place) => Self::Stack(place.wrapping_add(offset)),
            Self::Held(_) | Self::Element(_) | Self::Result(_) => Self::Other,
            Self::OfArguments | Self::Lost | Self::Other => self,
        }
    }
}
