//! Functions and variables of a module, described as a compiler describes them to a debugger.
//!
//! What an instruction does and the chain of inlined calls it belongs to are said together, in the order in which
//! gplok reports them; [`super::dwarf`] makes debug information of it.

use gplok::terms::{Class, ElfMachine};
use object::elf::{SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, STB_GLOBAL, STB_LOCAL, STT_FUNC, STT_OBJECT, STT_SECTION};

use super::elf::{Elf, Place, Section, Symbol};
use super::profile::Profile;
use super::{Ko, dwarf};

/// Bytes of an instruction, with what pads it.
pub(super) const STEP: u64 = 8;

/// A function that was inlined, or a place in one: its name, the file as the compiler was given it, the line at work.
pub type Frame = (&'static str, &'static str, u64);

/// What an instruction refers to.
#[derive(Clone, Debug)]
pub enum Does {
    Nothing,
    Calls(&'static str),
    /// Is a `nop` that a static key may turn into a jump: only `__jump_table` names the key.
    Asks(&'static str),
}

#[derive(Clone, Debug)]
pub struct Step {
    pub does: Does,
    /// Innermost first, without the function out of line.
    pub inlined: Vec<Frame>,
    /// The line of the function out of line.
    pub line: u64,
}

/// A function out of line.
#[derive(Clone, Debug)]
pub struct Function {
    pub name: &'static str,
    pub section: &'static str,
    /// Where it is declared.
    pub line: u64,
    pub steps: Vec<Step>,
}

impl Function {
    pub fn new(name: &'static str, line: u64) -> Self {
        Self { name, section: ".text", line, steps: Vec::new() }
    }

    pub fn section(mut self, section: &'static str) -> Self {
        self.section = section;
        self
    }

    pub fn step(mut self, line: u64, inlined: &[Frame], does: Does) -> Self {
        self.steps.push(Step { does, inlined: inlined.to_vec(), line });
        self
    }

    /// An instruction to begin with, its steps, and the return.
    pub fn size(&self) -> u64 {
        STEP * (self.steps.len() as u64 + 2)
    }
}

/// A type of C.
#[derive(Clone, Debug)]
pub enum Type {
    Long,
    /// A pointer to a function.
    Function,
    /// Name, if it has one, and size; of the members name, offset and type.
    Struct(Option<&'static str>, u64, Vec<(Option<&'static str>, u64, Self)>),
    Union(Option<&'static str>, u64, Vec<(Option<&'static str>, u64, Self)>),
    /// With the bounds of its dimensions.
    Array(Box<Self>, Vec<u64>),
    Const(Box<Self>),
    Typedef(&'static str, Box<Self>),
    /// The structure or array that contains it, which no compiler writes.
    Itself,
}

/// A variable of the module.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: &'static str,
    pub section: &'static str,
    pub size: u64,
    pub line: u64,
    pub kind: Type,
    /// The line of a declaration before it, as `extern` makes one.
    pub announced: Option<u64>,
    /// Offsets and the symbols whose address is there.
    pub pointers: Vec<(u64, &'static str)>,
}

impl Variable {
    pub fn new(name: &'static str, line: u64, size: u64, kind: Type) -> Self {
        Self { name, section: ".rodata", size, line, kind, announced: None, pointers: Vec::new() }
    }

    pub fn announced(mut self, line: u64) -> Self {
        self.announced = Some(line);
        self
    }

    pub fn pointer(mut self, offset: u64, symbol: &'static str) -> Self {
        self.pointers.push((offset, symbol));
        self
    }
}

/// A source file, and what the compiler made of it.
#[derive(Clone, Debug)]
pub struct Unit {
    pub folder: &'static str,
    pub file: &'static str,
    /// Headers that lend no code.
    pub includes: Vec<&'static str>,
    pub functions: Vec<Function>,
    pub variables: Vec<Variable>,
}

impl Unit {
    pub fn new(folder: &'static str, file: &'static str) -> Self {
        Self { folder, file, includes: Vec::new(), functions: Vec::new(), variables: Vec::new() }
    }

    pub fn includes(mut self, header: &'static str) -> Self {
        self.includes.push(header);
        self
    }

    pub fn function(mut self, function: Function) -> Self {
        self.functions.push(function);
        self
    }

    pub fn variable(mut self, variable: Variable) -> Self {
        self.variables.push(variable);
        self
    }
}

/// How the entries of `__jump_table` are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JumpTable {
    /// Three pointers.
    Words,
    /// Two distances of 32 bits and one of a word (x86 and arm64, from 4.20).
    Distances,
}

/// All code and data of a module beside what [`Ko`] gives it.
#[derive(Clone, Debug)]
pub struct Source {
    units: Vec<Unit>,
    jumps: JumpTable,
    /// The version of DWARF; `None` leaves debug information out.
    dwarf: Option<u16>,
}

impl Source {
    pub fn new(units: &[Unit]) -> Self {
        Self { units: units.to_vec(), jumps: JumpTable::Distances, dwarf: None }
    }

    pub fn jumps(mut self, form: JumpTable) -> Self {
        self.jumps = form;
        self
    }

    pub fn dwarf(mut self, version: u16) -> Self {
        self.dwarf = Some(version);
        self
    }

    fn add_to(&self, elf: &mut Elf, profile: &Profile) {
        let mut placed = Vec::new();
        for unit in &self.units {
            let functions = unit.functions.iter().map(|function| self.function(elf, profile, function)).collect();
            let variables = unit.variables.iter().map(|variable| data(elf, profile, variable)).collect();
            placed.push(dwarf::Placed { unit, functions, variables });
        }
        if let Some(version) = self.dwarf {
            dwarf::describe(elf, profile, version, &placed);
        }
    }

    /// Lays a function out after those of its section, and returns its offset.
    fn function(&self, elf: &mut Elf, profile: &Profile, function: &Function) -> u64 {
        let start = begin(elf, function.section, SHF_ALLOC | SHF_EXECINSTR, 16);
        let mut symbol =
            Symbol::new(function.name, STB_GLOBAL, STT_FUNC, Place::Section(function.section.to_owned()), start);
        symbol.size = function.size();
        // What is exported has a body that does nothing until here.
        match elf.symbols.iter_mut().find(|known| known.name == function.name) {
            Some(exported) => *exported = symbol,
            None => elf.symbols.push(symbol),
        }
        elf.section(function.section).data.extend(padded(profile, &[]));
        for step in &function.steps {
            let at = elf.section(function.section).data.len() as u64;
            match step.does {
                Does::Nothing => elf.section(function.section).data.extend(padded(profile, &[])),
                Does::Calls(symbol) => call(elf.section(function.section), profile, symbol),
                Does::Asks(key) => {
                    elf.section(function.section).data.extend(padded(profile, &[0x0f, 0x1f, 0x44, 0, 0]));
                    self.jump(elf, profile, function.section, at, key);
                }
            }
        }
        elf.section(function.section).data.extend(padded(profile, &[0xc3]));
        start
    }

    /// `struct jump_entry { code, target, key }`.
    fn jump(&self, elf: &mut Elf, profile: &Profile, section: &'static str, at: u64, key: &str) {
        let entry = begin(elf, "__jump_table", SHF_ALLOC | SHF_WRITE, 8);
        section_symbol(elf, section);
        let (pointer, word) = profile.pointer();
        let fields = match self.jumps {
            JumpTable::Words => [(pointer, word); 3],
            JumpTable::Distances => [(profile.prel32(), 4), (profile.prel32(), 4), (distance(profile), word)],
        };
        let table = elf.section("__jump_table");
        let mut offset = entry;
        for ((kind, width), (symbol, addend)) in
            fields.into_iter().zip([(section, at as i64), (section, (at + STEP) as i64), (key, 0)])
        {
            table.data.resize((offset as usize) + width, 0);
            refer(table, profile, (offset, width), symbol, kind, addend);
            offset += width as u64;
        }
    }
}

impl Ko {
    /// Adds functions and variables with what they refer to, and their debug information.
    pub fn source(self, source: Source) -> Self {
        self.tweak_for(move |elf, profile| source.add_to(elf, profile))
    }
}

/// The end of a section, aligned; made if it is not there.
fn begin(elf: &mut Elf, name: &str, flags: u32, align: u64) -> u64 {
    if elf.find(name).is_none() {
        elf.sections.push(Section::new(name, flags, align, []));
    }
    let data = &mut elf.section(name).data;
    data.resize(data.len().next_multiple_of(align as usize), 0);
    data.len() as u64
}

/// Adds the section symbol of a section, as assemblers do. It has no name in the file.
pub fn section_symbol(elf: &mut Elf, section: &str) {
    if elf.symbols.iter().all(|symbol| symbol.name != section) {
        elf.symbols.push(Symbol::new(section, STB_LOCAL, STT_SECTION, Place::Section(section.to_owned()), 0));
    }
}

/// A reference, its addend where the architecture keeps it.
pub fn refer(
    section: &mut Section,
    profile: &Profile,
    (offset, width): (u64, usize),
    symbol: &str,
    kind: u32,
    addend: i64,
) {
    if !profile.is_rela() {
        let (start, low) = (offset as usize, addend.to_le_bytes());
        section.data[start..start + width].copy_from_slice(&low[..width]);
    }
    *section = section.clone().reloc(offset, symbol, kind, addend);
}

/// A variable in its section, and where.
fn data(elf: &mut Elf, profile: &Profile, variable: &Variable) -> u64 {
    let start = begin(elf, variable.section, SHF_ALLOC, 8);
    let place = Place::Section(variable.section.to_owned());
    let mut symbol = Symbol::new(variable.name, STB_LOCAL, STT_OBJECT, place, start);
    symbol.size = variable.size;
    elf.symbols.push(symbol);
    let (kind, width) = profile.pointer();
    let section = elf.section(variable.section);
    section.data.resize((start + variable.size) as usize, 0);
    for (offset, symbol) in &variable.pointers {
        refer(section, profile, (start + offset, width), symbol, kind, 0);
    }
    start
}

/// An instruction and what fills the step. Of architectures other than x86 only `nop` is written: the code is read, and
/// not run.
fn padded(profile: &Profile, instruction: &[u8]) -> Vec<u8> {
    match profile.arch.machine {
        ElfMachine::X86_64 | ElfMachine::I386 => {
            let mut step = instruction.to_vec();
            step.resize(STEP as usize, 0x90);
            step
        }
        ElfMachine::Arm64 => 0xd503_201f_u32.to_le_bytes().repeat(2),
        _ => vec![0; STEP as usize],
    }
}

fn call(section: &mut Section, profile: &Profile, symbol: &str) {
    let at = section.data.len() as u64;
    section.data.extend(padded(profile, &[0xe8, 0, 0, 0, 0]));
    let (offset, kind, addend) = match profile.arch.machine {
        // R_X86_64_PLT32, R_386_PC32, R_AARCH64_CALL26.
        ElfMachine::X86_64 => (at + 1, 4, -4),
        ElfMachine::I386 => (at + 1, 2, -4),
        ElfMachine::Arm64 => (at, 283, 0),
        _ => (at, profile.pointer().0, 0),
    };
    refer(section, profile, (offset, 4), symbol, kind, addend);
}

/// The relocation that stores a distance as wide as a word.
fn distance(profile: &Profile) -> u32 {
    match (profile.arch.machine, profile.arch.class) {
        // R_X86_64_PC64, R_AARCH64_PREL64.
        (ElfMachine::X86_64, Class::Elf64) => 24,
        (ElfMachine::Arm64, _) => 260,
        _ => profile.prel32(),
    }
}
