//! `struct module` as the file has it, in the section `.gnu.linkonce.this_module`.

use crate::elf::Symbol;

/// A function of a module that the kernel calls by the address in `struct module`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModuleFunction {
    /// `init`.
    Init,
    /// `exit`.
    Exit,
}

/// A place in `struct module` that a relocation fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThisModulePlace {
    /// Its offset in bytes.
    pub offset: u64,
    /// The type of the relocation.
    pub kind: u32,
    /// The index of its symbol.
    pub index: u32,
    /// Its symbol; `None` if the index lies beyond the symbol table.
    pub symbol: Option<Symbol>,
    /// Its addend: of the entry, or if the entry has none, the word in the bytes of the place.
    pub addend: u64,
    /// The function whose address the relocation writes; `None` for anything else.
    pub function: Option<ModuleFunction>,
    /// Whether the symbol of the init function, and that of the exit function, lie where the written address leads.
    pub begins: [bool; 2],
    /// What the name of its symbol's section says.
    pub section: NamedSection,
}

/// What the name of a section says about code in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedSection {
    /// `.init*`: the kernel frees it after the init function has run.
    Init,
    /// `.opd`: descriptors of functions, in big-endian code for ppc64.
    Descriptors,
    /// Any other name, or no section.
    Other,
}

/// What a file stores in `struct module`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThisModule {
    /// The places that relocations fill: the first [`MOST`](Self::MOST).
    pub places: Vec<ThisModulePlace>,
    /// The offsets of the bytes that are not zero, apart from the name and from the words that relocations fill: the first
    /// [`MOST_FILLED`](Self::MOST_FILLED), in ascending order.
    pub filled: Vec<u64>,
}

impl ThisModule {
    /// How many places are read at most. Modules have two.
    pub const MOST: usize = 256;

    /// How many bytes that are not zero are noted at most. `struct module` is shorter.
    pub const MOST_FILLED: usize = 4096;

    /// Where the address of a function is, in bytes; `None` if the module does not have the function.
    pub fn offset_of(&self, function: ModuleFunction) -> Option<u64> {
        self.places.iter().find(|place| place.function == Some(function)).map(|place| place.offset)
    }

    /// Returns whether the file has zeros in the `width` bytes at an offset, which neither belong to the name nor are filled by a
    /// relocation.
    pub fn is_zero_at(&self, offset: u64, width: u64) -> bool {
        let end = offset.saturating_add(width);
        self.filled.len() < Self::MOST_FILLED && !self.filled.iter().any(|at| (offset..end).contains(at))
    }
}

impl ModuleFunction {
    /// Both, in the order of the fields.
    pub const ALL: [Self; 2] = [Self::Init, Self::Exit];

    /// Returns whether a place holds the address at which the build's symbol for this function lies.
    pub const fn begins_at(self, place: &ThisModulePlace) -> bool {
        let [init, exit] = place.begins;
        match self {
            Self::Init => init,
            Self::Exit => exit,
        }
    }

    /// The field of `struct module`.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Exit => "exit",
        }
    }

    /// The symbol to which the build binds the function.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Init => "init_module",
            Self::Exit => "cleanup_module",
        }
    }
}
