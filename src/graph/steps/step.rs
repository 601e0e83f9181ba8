//! What one instruction does: registers, memory, and where control goes next.

/// A general-purpose register, by its number in the architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register(pub u8);

/// What an address refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spot {
    /// A place in this address space.
    Address(u64),
    /// A symbol that the object does not define, by index.
    Undefined(usize),
}

impl Spot {
    /// The spot that lies `distance` bytes further. An undefined symbol stays the same.
    #[must_use]
    pub const fn plus(self, distance: i64) -> Self {
        match self {
            Self::Address(address) => Self::Address(address.wrapping_add_signed(distance)),
            Self::Undefined(_) => self,
        }
    }

    /// The address; `None` for an undefined symbol.
    pub const fn address(self) -> Option<u64> {
        match self {
            Self::Address(address) => Some(address),
            Self::Undefined(_) => None,
        }
    }
}

/// A table of words in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// A table at a known address.
    At(Spot),
    /// A table whose address is in a register.
    In(Register),
}

/// The target of a jump or a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A known address.
    To(Spot),
    /// The address in a register.
    Through(Register),
    /// The pointer stored at a known address.
    Pointer(Spot),
    /// The pointer stored at an offset from a register.
    Field(Register, i64),
    /// One of the pointers of a table.
    Element(Table),
    /// Unknown.
    Unknown,
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing of interest: padding, hints, marks where indirect jumps may land.
    Nothing,
    /// Copies a register, with a constant added.
    Copy {
        /// Written.
        to: Register,
        /// Read.
        from: Register,
        /// The constant that is added.
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
        /// What it is the address of.
        of: Spot,
    },
    /// Reads memory at an offset from a register.
    Load {
        /// Written.
        to: Register,
        /// The register with the base address.
        base: Register,
        /// The offset from it, in bytes.
        offset: i64,
    },
    /// Reads memory at a known address.
    LoadAt {
        /// Written.
        to: Register,
        /// The address.
        from: Spot,
    },
    /// Reads a word of a table, at an index in a register.
    Element {
        /// Written.
        to: Register,
        /// The table.
        of: Table,
    },
    /// Writes to memory at an offset from a register.
    Store {
        /// The register with the base address.
        base: Register,
        /// The offset from it, in bytes.
        offset: i64,
        /// The register that is written; `None` for a number.
        value: Option<Register>,
    },
    /// Sets a register to a value computed from another register, and perhaps from more.
    Derive {
        /// Written.
        to: Register,
        /// Read.
        from: Register,
    },
    /// Changes a register or memory in another way.
    Compute {
        /// The register that is changed; `None` for memory, or for a register that is not a general-purpose one.
        to: Option<Register>,
    },
    /// Compares, and changes only flags.
    Compare,
    /// Calls.
    Call(Way),
    /// Jumps unconditionally.
    Jump(Way),
    /// Jumps to a known address or continues with the next instruction.
    Branch(Spot),
    /// Returns.
    Return,
    /// Raises an exception: `BUG()`, and the code after calls that do not return.
    Trap,
}

/// One action of an instruction. An instruction with two actions (`push`, `ldp`) is two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The address of the instruction.
    pub at: u64,
    /// What it does.
    pub action: Action,
}

/// A place in code that a relocation fills in, as far as decoding needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocated {
    /// The address of the bytes that are filled in.
    pub at: u64,
    /// The symbol: its address, or its index if it is undefined.
    pub symbol: Spot,
    /// What is added to the symbol's address.
    pub addend: i64,
    /// Whether it is relative to its own address.
    pub relative: bool,
}

/// The calling convention of one architecture: which registers have a meaning in calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convention {
    /// The registers that hold the arguments, in order.
    pub arguments: &'static [Register],
    /// The register that holds the result.
    pub result: Register,
    /// The stack pointer.
    pub stack: Register,
    /// The registers that a call preserves.
    pub preserved: &'static [Register],
    /// How many registers there are.
    pub count: usize,
}
