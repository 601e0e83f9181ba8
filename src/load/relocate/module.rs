//! The module as `apply_relocations()` receives it: laid out, with resolved symbols, and with addresses known only as
//! spans.

use super::memory::Memory;
use super::span::Span;
use super::writes::Writes;
use crate::elf::{self, Relocation, SectionFlags};
use crate::history::Behaviour;
use crate::kernel::ConfigOption;
use crate::terms::{Arch, Class, Errno};
use crate::verdict::{Cause, KernelLine, LogLevel, Missing};

/// An access further than this outside its section or table is assumed to fault: no memory of the module, and hardly
/// any other memory, is that far away. Recorded: a symbol index 24 MiB past the symbol table is a page fault.
const FAR: u64 = 16 << 20;

/// An addend up to this size is assumed to stay within the kernel's image or the module that exports the symbol.
const SMALL: u64 = 1 << 20;

/// The facts about the kernel that an outcome depends on. Each function returns the caller's error if the fact is not
/// known.
pub struct Facts<'k, E> {
    /// Returns whether the kernel has a dated behaviour.
    pub has: &'k mut dyn FnMut(Behaviour) -> Result<bool, E>,
    /// Returns whether a configuration option is set.
    pub config: &'k mut dyn FnMut(ConfigOption) -> Result<bool, E>,
}

/// A symbol's value after `simplify_symbols()` (kernel/module/main.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolValue {
    /// A number: `SHN_ABS`, an unresolved weak symbol (zero), a livepatch symbol's raw value.
    Absolute(u64),
    /// `st_value` bytes into a section of the module.
    InModule {
        /// The section's index.
        section: usize,
        /// `st_value` as the file has it.
        offset: u64,
    },
    /// `st_value` bytes into the module's per-CPU section, whose "address" is not an address in memory.
    Percpu {
        /// `st_value` as the file has it.
        offset: u64,
    },
    /// Exported by the kernel or by another module; it may be a per-CPU symbol.
    Exported,
    /// In the kernel's image, and no per-CPU symbol.
    InImage,
}

/// A symbol with its value.
#[derive(Clone, Copy, Debug)]
pub struct Symbol<'a> {
    /// Its name as the kernel log shows it.
    pub name: &'a str,
    /// Its value.
    pub value: SymbolValue,
    /// Whether its binding is `STB_WEAK`.
    pub weak: bool,
    /// Whether it is undefined in the module's file.
    pub undefined: bool,
}

/// A section of the module.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Its name.
    pub name: &'a str,
    /// `sh_flags` as the loader sees them at this stage: without `SHF_ALLOC` in `.modinfo`, `__versions` and per-CPU
    /// data.
    pub flags: u64,
    /// `sh_size`.
    pub size: u64,
    /// `sh_addralign`.
    pub align: u64,
    /// Its bytes in the file; empty for `SHT_NOBITS`, which the kernel fills with zeros.
    pub contents: &'a [u8],
}

/// A relocation section.
#[derive(Clone, Copy, Debug)]
pub struct RelocationSection<'a> {
    /// Its index, which some kernel messages contain.
    pub index: usize,
    /// The index of the section it applies to (`sh_info`).
    pub target: usize,
    /// Whether it is `SHT_RELA` rather than `SHT_REL`.
    pub rela: bool,
    /// Its entries.
    pub entries: &'a [Relocation],
}

/// The outcome of a stage of the loader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The stage succeeds.
    Applied,
    /// The kernel rejects the module.
    Refused {
        /// The error that the stage returns.
        errno: Errno,
        /// The lines that the kernel prints.
        lines: Vec<KernelLine>,
        /// Why it rejects the module.
        cause: Cause,
    },
    /// The kernel accesses memory that it must not access; the text says which.
    Crash(String),
    /// The outcome depends on a fact that is not known.
    Undetermined(Missing),
}

/// A module that is being relocated. Its addresses are nominal: they belong to one layout that the kernel might choose.
#[derive(Clone, Debug)]
pub struct Module<'a> {
    pub(super) name: &'a str,
    pub(super) arch: Arch,
    pub(super) sections: Vec<Section<'a>>,
    pub(super) symbols: Vec<Symbol<'a>>,
    addresses: Vec<u64>,
    writes: Vec<Writes>,
    /// The largest possible distance between two addresses of one allocation, in bytes.
    extent: u64,
    /// Whether it has both `.plt` and `.init.plt`.
    pub(super) has_plt: bool,
}

/// A symbol's value plus the addend: S + A.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    /// The value in the nominal layout.
    pub(super) nominal: u64,
    /// The possible values in any layout.
    pub(super) span: Span,
    referent: Referent,
}

/// The memory that a value points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Referent {
    /// `at` bytes into section `index` of the module.
    Section { index: usize, at: u64 },
    /// The kernel or another module.
    Exported,
    /// Not known.
    Unknown,
}

/// How far an access lies outside its section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// It lies inside.
    Inside,
    /// It reads or writes memory next to the section, whose contents are not known.
    Near,
    /// It is so far away that it faults.
    Far,
}

impl<'a> Section<'a> {
    /// Takes the fields from the section header in the file.
    pub const fn new(name: &'a str, header: &elf::Section, contents: &'a [u8]) -> Self {
        Self { name, flags: header.flags, size: header.size, align: header.align, contents }
    }

    pub(super) const fn is_alloc(&self) -> bool {
        self.flags & SectionFlags::ALLOC != 0
    }

    pub(super) const fn is_executable(&self) -> bool {
        self.flags & SectionFlags::EXECINSTR != 0
    }

    /// The index of its allocation, in the order of `layout_sections()` since 6.4: code, data and read-only data, then
    /// init code, init data and read-only init data. In every kernel the sections of one allocation lie close together.
    fn allocation(&self) -> usize {
        let kind = if self.is_executable() {
            0
        } else if self.flags & SectionFlags::WRITE != 0 {
            1
        } else {
            2
        };
        kind + if self.name.starts_with(".init") { 3 } else { 0 }
    }
}

/// Returns the nominal addresses of the sections. `code_apart` places the code in a block of large pages.
fn addresses(arch: Arch, sections: &[Section<'_>], code_apart: bool) -> Vec<u64> {
    const PAGE: u64 = 0x1000;
    let nominal = Memory::of(arch).nominal.0;
    // A large page has 2 MiB: the code goes to the one after the data's.
    let code = if code_apart { (nominal & !0x1f_ffff).wrapping_add(0x20_0000) } else { nominal };
    let mut addresses = vec![0; sections.len()];
    let mut next_code = code;
    let mut next_data = nominal;
    for allocation in 0..6 {
        let is_code = allocation % 3 == 0;
        let first = if is_code && code_apart { next_code } else { next_data };
        let mut next = first;
        for (section, address) in sections.iter().zip(&mut addresses) {
            if section.is_alloc() && section.allocation() == allocation {
                let align = section.align.max(1);
                next = next.wrapping_add(align.wrapping_sub(next % align) % align);
                *address = next;
                next = next.wrapping_add(section.size);
            }
        }
        // An allocation consists of whole pages; a guard page follows it, except in a block of large pages.
        let guard = if is_code && code_apart { 0 } else { PAGE };
        next = if next == first { first } else { next.wrapping_add(PAGE - 1 + guard) & !(PAGE - 1) };
        if is_code && code_apart {
            next_code = next;
        } else {
            next_data = next;
        }
    }
    addresses
}

impl<'a> Module<'a> {
    /// Lays out a module. `name` is `mod->name` as the kernel log shows it; sections and symbols are in the order of
    /// their indices.
    pub fn new(name: &'a str, arch: Arch, sections: Vec<Section<'a>>, symbols: Vec<Symbol<'a>>) -> Self {
        let addresses = addresses(arch, &sections, false);
        let writes = vec![Writes::default(); sections.len()];
        let extent = extent(&sections);
        let has = |name| sections.iter().any(|section| section.name == name);
        let has_plt = has(".plt") && has(".init.plt");
        Self { name, arch, sections, symbols, addresses, writes, extent, has_plt }
    }

    /// Gives a symbol another value.
    pub fn set_symbol_value(&mut self, index: usize, value: SymbolValue) {
        if let Some(symbol) = self.symbols.get_mut(index) {
            symbol.value = value;
        }
    }

    /// Moves the code to a separate block, as on x86-64 since its executable memory is allocated in large pages.
    #[must_use]
    pub fn with_code_apart(mut self) -> Self {
        self.addresses = addresses(self.arch, &self.sections, true);
        self
    }

    /// Notes that `width` bytes of a section are not zero, whatever the file has there: the loader has written to them.
    pub fn fill(&mut self, section: usize, offset: u64, width: u64) {
        if let Some(writes) = self.writes.get_mut(section) {
            writes.fill(offset, width);
        }
    }

    /// The symbol of an entry; `None` if its index lies beyond the symbol table.
    pub(super) fn symbol(&self, entry: &Relocation) -> Option<Symbol<'a>> {
        self.symbols.get(usize::try_from(entry.symbol).ok()?).copied()
    }

    /// The outcome of reading a symbol beyond the end of the symbol table.
    pub(super) fn beyond_symbols(&self, entry: &Relocation) -> Judgement {
        let size: u64 = if self.arch.class == Class::Elf64 { 24 } else { 16 };
        let behind = u64::from(entry.symbol).saturating_sub(self.symbols.len() as u64).saturating_mul(size);
        if behind > FAR {
            Judgement::Crash(format!("symbol {}, {behind} bytes behind the symbol table", entry.symbol))
        } else {
            Judgement::symbol_memory()
        }
    }

    /// Returns whether the symbol's value is an error number. Mirrors `IS_ERR_VALUE()` (include/linux/err.h): the
    /// topmost 4095 values are.
    pub(super) const fn is_error_value(&self, symbol: Symbol<'_>) -> bool {
        match (symbol.value, self.arch.class) {
            (SymbolValue::Absolute(number), Class::Elf64) => number > u64::MAX - 4095,
            (SymbolValue::Absolute(number), Class::Elf32) => number & 0xffff_ffff > 0xffff_ffff - 4095,
            _ => false,
        }
    }

    /// The value of a symbol plus an addend: S + A.
    pub(super) fn value(&self, symbol: SymbolValue, addend: u64) -> Value {
        let memory = Memory::of(self.arch);
        let small = addend.wrapping_add(SMALL) <= 2 * SMALL;
        match symbol {
            SymbolValue::Absolute(number) => {
                let number = number.wrapping_add(addend);
                Value { nominal: number, span: Span::exact(number), referent: Referent::Unknown }
            }
            SymbolValue::InModule { section, offset } => {
                let at = offset.wrapping_add(addend);
                let region = if self.is_alloc(section) { memory.modules } else { memory.copy };
                let address = self.addresses.get(section).copied().unwrap_or(0);
                let referent = Referent::Section { index: section, at };
                Value { nominal: address.wrapping_add(at), span: region.plus(at), referent }
            }
            SymbolValue::InImage => {
                let referent = if small { Referent::Exported } else { Referent::Unknown };
                Value { nominal: memory.nominal.1.wrapping_add(addend), span: memory.image.plus(addend), referent }
            }
            // A per-CPU "address" is relative to `__per_cpu_start`, which lies near the image or, on x86-64 up to 6.14,
            // near zero. Elsewhere, per-CPU memory for modules is reserved directly after that of the image.
            SymbolValue::Percpu { .. } | SymbolValue::Exported => {
                let offset = if let SymbolValue::Percpu { offset } = symbol { offset } else { 0 };
                let more = offset.wrapping_add(addend);
                let referent = if small && offset <= SMALL { Referent::Exported } else { Referent::Unknown };
                Value { nominal: memory.nominal.1.wrapping_add(more), span: memory.exported.plus(more), referent }
            }
        }
    }

    /// The nominal address of `offset` in section `target`.
    pub(super) fn address(&self, target: usize, offset: u64) -> u64 {
        self.addresses.get(target).copied().unwrap_or(0).wrapping_add(offset)
    }

    /// S + A - P, the distance of a value from the place at `offset` in section `target`.
    pub(super) fn distance(&self, value: Value, target: usize, offset: u64) -> Span {
        let memory = Memory::of(self.arch);
        let loaded = self.is_alloc(target);
        let window = memory.window.filter(|_| loaded);
        let close = match value.referent {
            Referent::Section { index, at } if index == target => return Span::exact(at.wrapping_sub(offset)),
            Referent::Section { index, at } if self.is_alloc(index) && self.is_around(index, at) => {
                let same = loaded && self.allocation(index) == self.allocation(target);
                if same { Some(self.extent) } else { window }
            }
            Referent::Exported => window,
            _ => None,
        };
        let place = if loaded { memory.modules } else { memory.copy };
        close.map_or_else(|| value.span.minus(place.plus(offset)), Span::around_zero)
    }

    /// Returns whether S + A certainly differs from every address in section `target`, so that S + A - P is not zero.
    pub(super) fn is_elsewhere(&self, value: Value, target: usize) -> bool {
        match value.referent {
            Referent::Section { index, at } => {
                index != target && self.sections.get(index).is_some_and(|section| at < section.size)
            }
            Referent::Exported => true,
            Referent::Unknown => false,
        }
    }

    /// Returns whether the value points into a loaded section of this module.
    pub(super) fn is_own(&self, value: Value) -> bool {
        matches!(value.referent, Referent::Section { index, at } if self.is_alloc(index) && self.is_around(index, at))
    }

    /// Returns whether the value's symbol belongs to section `target`.
    pub(super) fn is_inside(&self, value: Value, target: usize) -> bool {
        matches!(value.referent, Referent::Section { index, .. } if index == target)
    }

    /// Returns whether the value points into the kernel or another module.
    pub(super) fn is_exported(value: Value) -> bool {
        value.referent == Referent::Exported
    }

    /// The outcome of an access to `width` bytes at `offset` in section `target`; `None` if the bytes lie inside the
    /// section, or if `width` is 0.
    pub(super) fn outside(&self, target: usize, offset: u64, width: u32) -> Option<Judgement> {
        if width == 0 {
            return None;
        }
        let size = self.sections.get(target).map_or(0, |section| section.size);
        match self.reach(size, offset, width) {
            Reach::Inside => None,
            Reach::Near => Some(Judgement::Undetermined(Missing::Memory(self.section_name(target)))),
            Reach::Far => {
                let name = self.section_name(target);
                Some(Judgement::Crash(format!("offset {offset:#x} of {name}, which has {size:#x} bytes")))
            }
        }
    }

    fn reach(&self, size: u64, offset: u64, width: u32) -> Reach {
        if offset.checked_add(width.into()).is_some_and(|end| end <= size) {
            return Reach::Inside;
        }
        let below = match self.arch.class {
            Class::Elf64 => offset.wrapping_neg(),
            Class::Elf32 => offset.wrapping_neg() & 0xffff_ffff,
        };
        if offset.saturating_sub(size).min(below) > FAR { Reach::Far } else { Reach::Near }
    }

    /// The writes recorded for a section, and the section's bytes in the file.
    pub(super) fn writes(&mut self, target: usize) -> Option<(&mut Writes, &'a [u8])> {
        Some((self.writes.get_mut(target)?, self.sections.get(target)?.contents))
    }

    /// The name of a section; its number if there is no such section.
    pub(super) fn section_name(&self, index: usize) -> String {
        self.sections.get(index).map_or_else(|| format!("section {index}"), |section| section.name.to_owned())
    }

    /// The number of symbols.
    pub(super) const fn symbols(&self) -> usize {
        self.symbols.len()
    }

    pub(super) fn is_alloc(&self, index: usize) -> bool {
        self.sections.get(index).is_some_and(Section::is_alloc)
    }

    fn allocation(&self, index: usize) -> Option<usize> {
        self.sections.get(index).map(Section::allocation)
    }

    /// Returns whether offset `at` lies in a section or close to it, like the end of an array or the `- 4` of a call.
    fn is_around(&self, index: usize, at: u64) -> bool {
        const CLOSE: u64 = 0x1000;
        self.sections.get(index).is_some_and(|section| at.wrapping_add(CLOSE) <= section.size.saturating_add(2 * CLOSE))
    }
}

/// An upper bound of the length of any allocation, in bytes. The loader itself makes room for PLTs, which take less
/// than four times the size of the code that calls through them.
fn extent(sections: &[Section<'_>]) -> u64 {
    sections.iter().filter(|section| section.is_alloc()).fold(0x4000, |sum: u64, section| {
        let times = if section.is_executable() { 5 } else { 1 };
        sum.saturating_add(section.size.saturating_mul(times)).saturating_add(section.align)
    })
}

impl Judgement {
    /// A rejection with lines of one log level.
    pub(super) fn refused(errno: Errno, level: LogLevel, lines: &[String], cause: Cause) -> Self {
        let lines = lines.iter().map(|line| KernelLine::new(level, line.as_str())).collect();
        Self::Refused { errno, lines, cause }
    }

    /// A rejection with one line of log level `err`.
    pub(super) fn error(errno: Errno, line: String, cause: Cause) -> Self {
        Self::refused(errno, LogLevel::Err, &[line], cause)
    }

    /// Undetermined: the outcome depends on the memory after the symbol table.
    pub(super) fn symbol_memory() -> Self {
        Self::Undetermined(Missing::Memory("symbol table".into()))
    }

    /// Undetermined: the outcome depends on addresses.
    pub(super) const fn addresses() -> Self {
        Self::Undetermined(Missing::Addresses)
    }
}
