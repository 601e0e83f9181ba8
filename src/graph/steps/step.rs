//! What one instruction does: registers, memory, and where control goes next.

/// A general-purpose register, by the number that the architecture gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register(pub u8);

/// Something with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spot {
    /// Here, in this address space.
    Address(u64),
    /// A symbol that this object does not define, by index.
    Undefined(usize),
}

impl Spot {
    /// So many bytes further. A place in something that is not here is that thing.
    #[must_use]
    pub const fn plus(self, distance: i64) -> Self {
        match self {
            Self::Address(address) => Self::Address(address.wrapping_add_signed(distance)),
            Self::Undefined(_) => self,
        }
    }

    /// The address, of what is here.
    pub const fn address(self) -> Option<u64> {
        match self {
            Self::Address(address) => Some(address),
            Self::Undefined(_) => None,
        }
    }
}

/// Words of memory beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// At a known place.
    At(Spot),
    /// Where a register says.
    In(Register),
}

/// Where a jump or a call leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a known place.
    To(Spot),
    /// To what a register holds.
    Through(Register),
    /// To what a word of memory at a known place holds.
    Pointer(Spot),
    /// To what a word of memory holds, at a distance from a register.
    Field(Register, i64),
    /// To what one of several words holds.
    Element(Table),
    /// Elsewhere.
    Unknown,
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing that counts: padding, hints, marks where jumps may land.
    Nothing,
    /// Copies a register, with a constant added.
    Copy {
        /// Written.
        to: Register,
        /// Read.
        from: Register,
        /// What is added.
        offset: i64,
    },
    /// Sets a register to a number.
    Constant {
        /// Written.
        to: Register,
        /// The number.
        value: i64,
    },
    /// Sets a register to the address of something.
    Address {
        /// Written.
        to: Register,
        /// What.
        of: Spot,
    },
    /// Reads memory at a distance from a register.
    Load {
        /// Written.
        to: Register,
        /// Where the address is.
        base: Register,
        /// What is added to it.
        offset: i64,
    },
    /// Reads memory at a known place.
    LoadAt {
        /// Written.
        to: Register,
        /// Where.
        from: Spot,
    },
    /// Reads one of several words of memory: that of a table which a register chooses.
    Element {
        /// Written.
        to: Register,
        /// The table, or where its address is.
        of: Table,
    },
    /// Writes a register, or a number (`None`), to memory at a distance from a register.
    Store {
        /// Where the address is.
        base: Register,
        /// What is added to it.
        offset: i64,
        /// What is written.
        value: Option<Register>,
    },
    /// Sets a register to what is made of another, and perhaps of more.
    Derive {
        /// Written.
        to: Register,
        /// Read.
        from: Register,
    },
    /// Changes a register or memory in another way.
    Compute {
        /// The register that is changed; `None`: memory, or a register of another kind.
        to: Option<Register>,
    },
    /// Compares, and changes nothing.
    Compare,
    /// Calls.
    Call(Way),
    /// Jumps, always.
    Jump(Way),
    /// Jumps to a known place, or goes on.
    Branch(Spot),
    /// Returns.
    Return,
    /// Ends in an exception: `BUG()`, and what stands behind calls that do not return.
    Trap,
}

/// One thing that one instruction does; what does two (`push`, `ldp`) is two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The address of the instruction.
    pub at: u64,
    /// What it does.
    pub action: Action,
}

/// A place that a relocation fills in, as far as the reader of instructions needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocated {
    /// The address of the bytes that are filled in.
    pub at: u64,
    /// The symbol's own address, or which undefined one it is.
    pub symbol: Spot,
    /// What is added to it.
    pub addend: i64,
    /// Does it count from the place it stands at?
    pub relative: bool,
}

/// The registers of one architecture that calls give a meaning to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convention {
    /// Those that arguments stand in, in order.
    pub arguments: &'static [Register],
    /// The one that the result stands in.
    pub result: Register,
    /// The stack pointer.
    pub stack: Register,
    /// Those that a call leaves as they were.
    pub preserved: &'static [Register],
    /// How many registers there are.
    pub count: usize,
}
