//! The values of registers and of the stack while a function runs, as far as they can be known without running it.

use std::collections::BTreeMap;

use crate::graph::{Convention, Register, Spot};

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// An argument, unchanged; by its number.
    Argument(u8),
    /// Computed from arguments: a field of what one points to, or an address inside it.
    OfArguments,
    /// A number.
    Constant(i64),
    /// The address of something.
    Address(Spot),
    /// An address at an unknown offset from a known one.
    Inside(Spot),
    /// The word in memory at a known address.
    Held(Spot),
    /// One of the words of a table at a known address.
    Element(Spot),
    /// The address of a word on the stack, as an offset from the stack pointer at entry.
    Stack(i64),
    /// The result of the call at this address.
    Result(u64),
    /// Overwritten by a call.
    Lost,
    /// Unknown.
    Other,
}

/// The values of the registers and of the stack at one instruction.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub registers: Vec<Value>,
    /// By offset from the stack pointer at entry.
    pub stack: BTreeMap<i64, Value>,
}

impl State {
    /// The state when the function is called: its arguments and the stack pointer are known.
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

    /// Keeps only what holds on both paths that meet here; returns whether that changed the state.
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
    /// The result of a computation with this value.
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

    /// What is known of a value that is one of two.
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

    /// The value with a constant added.
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
