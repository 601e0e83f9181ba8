//! The module as `apply_relocations()` finds it: laid out, its symbols resolved, its addresses known only in spans.

use super::memory::Memory;
use super::span::Span;
use super::writes::Writes;
use crate::elf::{self, Relocation, SectionFlags};
use crate::history::Behaviour;
use crate::kernel::ConfigOption;
use crate::terms::{Arch, Class, Errno};
use crate::verdict::{Cause, KernelLine, LogLevel, Missing};

/// Beyond this distance nothing of the module's own memory can lie, and hardly anything of another's: what the loader
/// touches there faults. Recorded: a symbol index 24 MiB behind the symbol table is a page fault.
const FAR: u64 = 16 << 20;

/// An addend this small leaves an address in what its symbol belongs to: the kernel's image or another module.
const SMALL: u64 = 1 << 20;

/// How the kernel answers questions; the caller's error says that it is not known.
pub struct Facts<'k, E> {
    /// Has it a dated behaviour?
    pub has: &'k mut dyn FnMut(Behaviour) -> Result<bool, E>,
    /// Is a configuration option set?
    pub config: &'k mut dyn FnMut(ConfigOption) -> Result<bool, E>,
}

/// Where a symbol's value stands once `simplify_symbols()` (kernel/module/main.c) is done.
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
    /// `st_value` bytes into the module's per-CPU section, whose "address" is not one of memory.
    Percpu {
        /// `st_value` as the file has it.
        offset: u64,
    },
    /// Exported by the kernel or by another module; perhaps a per-CPU symbol.
    Exported,
}

/// A symbol with its value.
#[derive(Clone, Copy, Debug)]
pub struct Symbol<'a> {
    /// Its name, as the log would show it.
    pub name: &'a str,
    /// Its value.
    pub value: SymbolValue,
    /// `STB_WEAK`?
    pub weak: bool,
    /// Was it undefined in the module?
    pub undefined: bool,
}

/// A section of the module.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Its name.
    pub name: &'a str,
    /// `sh_flags` as the loader sees them here: `SHF_ALLOC` is gone from `.modinfo`, `__versions` and per-CPU data.
    pub flags: u64,
    /// `sh_size`.
    pub size: u64,
    /// `sh_addralign`.
    pub align: u64,
    /// The bytes in the file; empty for `SHT_NOBITS`, which the kernel fills with zeros.
    pub contents: &'a [u8],
}

/// A relocation section.
#[derive(Clone, Copy, Debug)]
pub struct RelocationSection<'a> {
    /// Its index, which some messages name.
    pub index: usize,
    /// The index of the section it applies to (`sh_info`).
    pub target: usize,
    /// `SHT_RELA`, not `SHT_REL`?
    pub rela: bool,
    /// Its entries.
    pub entries: &'a [Relocation],
}

/// What becomes of a stage of the loader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It goes through.
    Applied,
    /// The module is refused.
    Refused {
        /// The error number.
        errno: Errno,
        /// What the kernel prints.
        lines: Vec<KernelLine>,
        /// What was found.
        cause: Cause,
    },
    /// The kernel touches memory it must not: what it touches.
    Crash(String),
    /// It depends on a fact that is not at hand.
    Undetermined(Missing),
}

/// The module. Addresses in it are nominal: one layout that the kernel might have chosen.
#[derive(Clone, Debug)]
pub struct Module<'a> {
    pub(super) name: &'a str,
    pub(super) arch: Arch,
    pub(super) sections: Vec<Section<'a>>,
    pub(super) symbols: Vec<Symbol<'a>>,
    addresses: Vec<u64>,
    writes: Vec<Writes>,
    /// No two addresses of one allocation are further apart.
    extent: u64,
    /// Has it both sections for PLTs?
    pub(super) has_plt: bool,
}

/// A symbol's value with its addend: S + A.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    /// With the nominal layout.
    pub(super) nominal: u64,
    /// With any layout.
    pub(super) span: Span,
    home: Home,
}

/// What a value points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    /// So far into a section of the module.
    Section { index: usize, at: u64 },
    /// The kernel or another module.
    Exported,
    /// Nothing known.
    Nowhere,
}

/// Can the loader reach a place without harm?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Inside,
    Near,
    Far,
}

impl<'a> Section<'a> {
    /// From the header in the file.
    pub const fn new(name: &'a str, header: &elf::Section, contents: &'a [u8]) -> Self {
        Self { name, flags: header.flags, size: header.size, align: header.align, contents }
    }

    pub(super) const fn is_alloc(&self) -> bool {
        self.flags & SectionFlags::ALLOC != 0
    }

    pub(super) const fn is_executable(&self) -> bool {
        self.flags & SectionFlags::EXECINSTR != 0
    }

    /// Which allocation it goes to, in the order of `layout_sections()` since 6.4: code, data, read-only data; then the
    /// same of what is thrown away after init. Sections of one allocation lie close together in every kernel.
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

/// The nominal addresses of the sections.
fn addresses(arch: Arch, sections: &[Section<'_>], code_apart: bool) -> Vec<u64> {
    const PAGE: u64 = 0x1000;
    let nominal = Memory::of(arch).nominal.0;
    // Large pages of 2 MiB: the block behind the one that data goes to.
    let code = if code_apart { (nominal & !0x1f_ffff).wrapping_add(0x20_0000) } else { nominal };
    let mut addresses = vec![0; sections.len()];
    let (mut of_code, mut of_data) = (code, nominal);
    for allocation in 0..6 {
        let is_code = allocation % 3 == 0;
        let first = if is_code && code_apart { of_code } else { of_data };
        let mut next = first;
        for (section, address) in sections.iter().zip(&mut addresses) {
            if section.is_alloc() && section.allocation() == allocation {
                let align = section.align.max(1);
                next = next.wrapping_add(align.wrapping_sub(next % align) % align);
                *address = next;
                next = next.wrapping_add(section.size);
            }
        }
        // Allocations are whole pages, with a guard page behind but in a block of large pages.
        let guard = if is_code && code_apart { 0 } else { PAGE };
        next = if next == first { first } else { next.wrapping_add(PAGE - 1 + guard) & !(PAGE - 1) };
        if is_code && code_apart {
            of_code = next
        } else {
            of_data = next
        };
    }
    addresses
}

impl<'a> Module<'a> {
    /// Lays the module out. `name` is `mod->name` as the log would show it; sections and symbols stand at their indices.
    pub fn new(name: &'a str, arch: Arch, sections: Vec<Section<'a>>, symbols: Vec<Symbol<'a>>) -> Self {
        let addresses = addresses(arch, &sections, false);
        let writes = vec![Writes::default(); sections.len()];
        let extent = extent(&sections);
        let has = |name| sections.iter().any(|section| section.name == name);
        let has_plt = has(".plt") && has(".init.plt");
        Self { name, arch, sections, symbols, addresses, writes, extent, has_plt }
    }

    /// The same, with the code in a block of its own, as x86-64 has it since its executable memory comes in large pages.
    #[must_use]
    pub fn with_code_apart(mut self) -> Self {
        self.addresses = addresses(self.arch, &self.sections, true);
        self
    }

    /// The symbol of an entry.
    pub(super) fn symbol(&self, entry: &Relocation) -> Option<Symbol<'a>> {
        self.symbols.get(usize::try_from(entry.symbol).ok()?).copied()
    }

    /// What comes of reading a symbol behind the end of the table.
    pub(super) fn beyond_symbols(&self, entry: &Relocation) -> Judgement {
        let size: u64 = if self.arch.class == Class::Elf64 { 24 } else { 16 };
        let behind = u64::from(entry.symbol).saturating_sub(self.symbols.len() as u64).saturating_mul(size);
        if behind > FAR {
            Judgement::Crash(format!("symbol {}, {behind} bytes behind the symbol table", entry.symbol))
        } else {
            Judgement::symbol_memory()
        }
    }

    /// Is the symbol's value an error number? Mirrors `IS_ERR_VALUE()`: one of the topmost 4095.
    pub(super) const fn is_error_value(&self, symbol: Symbol<'_>) -> bool {
        match (symbol.value, self.arch.class) {
            (SymbolValue::Absolute(number), Class::Elf64) => number > u64::MAX - 4095,
            (SymbolValue::Absolute(number), Class::Elf32) => number & 0xffff_ffff > 0xffff_ffff - 4095,
            _ => false,
        }
    }

    /// S + A.
    pub(super) fn value(&self, symbol: SymbolValue, addend: u64) -> Value {
        let memory = Memory::of(self.arch);
        let small = addend.wrapping_add(SMALL) <= 2 * SMALL;
        match symbol {
            SymbolValue::Absolute(number) => {
                let number = number.wrapping_add(addend);
                Value { nominal: number, span: Span::exact(number), home: Home::Nowhere }
            }
            SymbolValue::InModule { section, offset } => {
                let at = offset.wrapping_add(addend);
                let region = if self.is_alloc(section) { memory.modules } else { memory.copy };
                let address = self.addresses.get(section).copied().unwrap_or(0);
                let home = Home::Section { index: section, at };
                Value { nominal: address.wrapping_add(at), span: region.plus(at), home }
            }
            // A per-CPU "address" is an offset from `__per_cpu_start`: one near the image or, on x86-64 up to 6.14, near
            // zero. Elsewhere modules' per-CPU memory is reserved right behind the image's own.
            SymbolValue::Percpu { .. } | SymbolValue::Exported => {
                let offset = if let SymbolValue::Percpu { offset } = symbol { offset } else { 0 };
                let more = offset.wrapping_add(addend);
                let home = if small && offset <= SMALL { Home::Exported } else { Home::Nowhere };
                Value { nominal: memory.nominal.1.wrapping_add(more), span: memory.exported.plus(more), home }
            }
        }
    }

    /// The nominal address of a place.
    pub(super) fn address(&self, target: usize, offset: u64) -> u64 {
        self.addresses.get(target).copied().unwrap_or(0).wrapping_add(offset)
    }

    /// S + A - P, for a place inside its section.
    pub(super) fn distance(&self, value: Value, target: usize, offset: u64) -> Span {
        let memory = Memory::of(self.arch);
        let loaded = self.is_alloc(target);
        let window = memory.window.filter(|_| loaded);
        let close = match value.home {
            Home::Section { index, at } if index == target => return Span::exact(at.wrapping_sub(offset)),
            Home::Section { index, at } if self.is_alloc(index) && self.is_around(index, at) => {
                let same = loaded && self.allocation(index) == self.allocation(target);
                if same { Some(self.extent) } else { window }
            }
            Home::Exported => window,
            _ => None,
        };
        let place = if loaded { memory.modules } else { memory.copy };
        close.map_or_else(|| value.span.minus(place.plus(offset)), Span::around_zero)
    }

    /// Is S + A surely not the place itself?
    pub(super) fn is_elsewhere(&self, value: Value, target: usize) -> bool {
        match value.home {
            Home::Section { index, at } => {
                index != target && self.sections.get(index).is_some_and(|section| at < section.size)
            }
            Home::Exported => true,
            Home::Nowhere => false,
        }
    }

    /// Does the value point into the module's own memory that is loaded?
    pub(super) fn is_own(&self, value: Value) -> bool {
        matches!(value.home, Home::Section { index, at } if self.is_alloc(index) && self.is_around(index, at))
    }

    /// Is the value reckoned from a symbol of that section?
    pub(super) fn is_inside(&self, value: Value, target: usize) -> bool {
        matches!(value.home, Home::Section { index, .. } if index == target)
    }

    /// Does the value point into the kernel or another module?
    pub(super) fn is_exported(value: Value) -> bool {
        value.home == Home::Exported
    }

    /// What comes of touching `width` bytes at the place of an entry; `None` when they lie inside the section, and
    /// when nothing is touched.
    pub(super) fn outside(&self, target: usize, offset: u64, width: u32) -> Option<Judgement> {
        if width == 0 {
            return None;
        }
        let size = self.sections.get(target).map_or(0, |section| section.size);
        let name = || self.section_name(target);
        match self.reach(size, offset, width) {
            Reach::Inside => None,
            Reach::Near => Some(Judgement::Undetermined(Missing::Memory(name()))),
            Reach::Far => {
                Some(Judgement::Crash(format!("offset {offset:#x} of {}, which has {size:#x} bytes", name())))
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

    /// The writes to a section, and its bytes in the file.
    pub(super) fn writes(&mut self, target: usize) -> Option<(&mut Writes, &'a [u8])> {
        Some((self.writes.get_mut(target)?, self.sections.get(target)?.contents))
    }

    /// The name of a section.
    pub(super) fn section_name(&self, index: usize) -> String {
        self.sections.get(index).map_or_else(|| format!("section {index}"), |section| section.name.to_owned())
    }

    pub(super) fn is_alloc(&self, index: usize) -> bool {
        self.sections.get(index).is_some_and(Section::is_alloc)
    }

    fn allocation(&self, index: usize) -> Option<usize> {
        self.sections.get(index).map(Section::allocation)
    }

    /// Is it in a section or close to one, as the end of an array or the `- 4` of a call is?
    fn is_around(&self, index: usize, at: u64) -> bool {
        const CLOSE: u64 = 0x1000;
        self.sections.get(index).is_some_and(|section| at.wrapping_add(CLOSE) <= section.size.saturating_add(2 * CLOSE))
    }
}

/// The length of the longest allocation, or more. PLTs, which the loader itself makes room for, take less than four times
/// the code whose calls they serve.
fn extent(sections: &[Section<'_>]) -> u64 {
    sections.iter().filter(|section| section.is_alloc()).fold(0x4000, |sum: u64, section| {
        let times = if section.is_executable() { 5 } else { 1 };
        sum.saturating_add(section.size.saturating_mul(times)).saturating_add(section.align)
    })
}

impl Judgement {
    /// A refusal with lines of one level.
    pub(super) fn refused(errno: Errno, level: LogLevel, lines: &[String], cause: Cause) -> Self {
        let lines = lines.iter().map(|line| KernelLine::new(level, line.as_str())).collect();
        Self::Refused { errno, lines, cause }
    }

    /// A refusal with one line of level `err`.
    pub(super) fn error(errno: Errno, line: String, cause: Cause) -> Self {
        Self::refused(errno, LogLevel::Err, &[line], cause)
    }

    /// It depends on the memory behind the symbol table.
    pub(super) fn symbol_memory() -> Self {
        Self::Undetermined(Missing::Memory("symbol table".into()))
    }

    /// It depends on where the kernel puts things.
    pub(super) const fn addresses() -> Self {
        Self::Undetermined(Missing::Addresses)
    }
}
