//! An object or a whole kernel in one address space: its bytes, its names, and what its code does.

use std::borrow::Cow;
use std::ops::Range;

use super::references::{is_code, is_description, place_of};
use super::steps::{Relocated, Spot, Step, steps};
use super::symbols::names_place;
use crate::elf::{Section, Symbol, SymbolBinding, SymbolKind, is_relative};
use crate::image::ModuleElf;
use crate::kernel::KernelImage;
use crate::terms::ElfMachine;

/// How far apart the sections of an object that is not linked are placed. No section of a module is larger.
const APART: u64 = 1 << 32;
/// How many bytes of one piece of data are searched for pointers.
const MAX_DATA: u64 = 1 << 16;
/// How many symbols before an address are tested for covering it.
const NEAR: usize = 16;

/// A name for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    /// The address.
    pub address: u64,
    /// How many bytes it covers. In a kernel image, those up to the next symbol.
    pub size: u64,
    /// The name.
    pub name: Cow<'a, str>,
    /// Whether it is visible outside of its own source file.
    pub global: bool,
    /// Whether it names code.
    pub code: bool,
}

/// Bytes that follow each other in the address space.
#[derive(Debug)]
struct Region<'a> {
    address: u64,
    bytes: &'a [u8],
}

/// The bytes of an object or a kernel by address, with names, relocations and jump labels.
#[derive(Debug)]
pub struct AddressSpace<'a> {
    machine: ElfMachine,
    regions: Vec<Region<'a>>,
    /// Sorted by address. Of several at one address, the best name is the last.
    labels: Vec<Label<'a>>,
    /// Sorted by address.
    relocated: Vec<Relocated>,
    undefined: Vec<String>,
    /// The address of each jump label and the address it may jump to; sorted.
    jump_labels: Vec<(u64, u64)>,
    /// Whether words in memory hold addresses without a relocation.
    linked: bool,
}

impl<'a> AddressSpace<'a> {
    /// Lays out an object that is not linked. Its sections get addresses far apart. `None` if its architecture is
    /// unknown.
    pub fn of_object(elf: &'a ModuleElf) -> Option<Self> {
        let machine = elf.machine()?;
        let sections = || elf.sections().iter().skip(1).filter(|section| section.is_alloc() && section.size < APART);
        let with_contents = sections().filter(|section| section.has_contents());
        let regions =
            with_contents.map(|section| Region { address: base(section.index), bytes: elf.contents(section) });
        let mut space = Self {
            machine,
            regions: regions.collect(),
            labels: elf.symbols().iter().skip(1).filter_map(|symbol| label(elf, symbol)).collect(),
            relocated: Vec::new(),
            undefined: Vec::new(),
            jump_labels: Vec::new(),
            linked: false,
        };
        space.labels.sort_by_key(|label| (label.address, label.size > 0, label.global));
        let mut spots = vec![None; elf.symbols().len()];
        for section in sections() {
            if !elf.section_name(section).is_some_and(is_description) {
                space.relocate(elf, section, &mut spots);
            }
        }
        if let Some(table) = sections().find(|section| elf.section_name(section) == Some(b"__jump_table")) {
            let start = base(table.index);
            space.jump_labels = space.read_jump_labels(start..start + table.size);
        }
        Some(space)
    }

    /// Lays out a kernel image. `None` if its symbols do not tell where it lies, or if its architecture is unknown.
    pub fn of_kernel(image: &'a KernelImage) -> Option<Self> {
        let machine = image.arch()?.machine;
        let symbols = image.symbols()?;
        let pieces = image.pieces()?.into_iter();
        let regions: Vec<Region<'_>> = pieces.map(|(address, bytes)| Region { address, bytes }).collect();
        let labels = symbols.iter().map(|symbol| Label {
            address: symbol.address,
            size: symbol.size,
            name: Cow::Borrowed(symbol.name),
            global: symbol.kind.is_ascii_uppercase() || matches!(symbol.kind, 'w' | 'v'),
            code: matches!(symbol.kind, 't' | 'T' | 'w' | 'W'),
        });
        let mut space = Self {
            machine,
            regions,
            labels: labels.collect(),
            relocated: Vec::new(),
            undefined: Vec::new(),
            jump_labels: Vec::new(),
            linked: true,
        };
        space.labels.sort_by_key(|label| (label.address, label.code, label.global));
        let start = symbols.address_of("__start___jump_table");
        let stop = symbols.address_of("__stop___jump_table");
        if let (Some(start), Some(stop)) = (start, stop) {
            space.jump_labels = space.read_jump_labels(start..stop);
        }
        Some(space)
    }

    /// Adds the relocations of a section. `spots` holds the spots of the symbols that earlier relocations named, by
    /// index.
    fn relocate(&mut self, elf: &ModuleElf, section: &Section, spots: &mut [Option<Spot>]) {
        let mut relocations = elf.relocations_of(section.index);
        relocations.retain(|relocation| relocation.kind != 0);
        relocations.sort_by_key(|relocation| relocation.offset);
        for relocation in relocations {
            let Some(index) = usize::try_from(relocation.symbol).ok().filter(|index| *index > 0) else { continue };
            let Some(symbol) = elf.symbols().get(index) else { continue };
            let Some(known) = spots.get_mut(index) else { continue };
            let spot = *known.get_or_insert_with(|| match place_of(symbol) {
                Some(place) => Spot::Address(base(place.section).wrapping_add(place.offset)),
                None => {
                    self.undefined.push(elf.symbol_text(symbol));
                    Spot::Undefined(self.undefined.len() - 1)
                }
            });
            // Code of the architectures that store addends in the bytes is not read either.
            let Some(addend) = relocation.addend else { continue };
            let relative = is_relative(elf.e_machine(), relocation.kind);
            let at = base(section.index).wrapping_add(relocation.offset);
            self.relocated.push(Relocated { at, symbol: spot, addend, relative });
        }
    }

    /// Reads a table of `struct jump_entry`. Since 4.20, an entry has the code and the target as 32-bit distances and
    /// the key as a 64-bit one; before, it had three pointers. A table that can be read both ways is read the first
    /// way.
    fn read_jump_labels(&self, table: Range<u64>) -> Vec<(u64, u64)> {
        let Some(size) = table.end.checked_sub(table.start) else { return Vec::new() };
        let mut found = None;
        if size.is_multiple_of(16) {
            let mut entries = table.clone().step_by(16);
            found = entries.try_fold(Vec::new(), |mut all, at| {
                all.push((self.distance(at)?, self.distance(at.checked_add(4)?)?));
                Some(all)
            });
        }
        if found.is_none() && size.is_multiple_of(24) {
            let mut entries = table.step_by(24);
            found = entries.try_fold(Vec::new(), |mut all, at| {
                all.push((self.pointer(at)?.address()?, self.pointer(at.checked_add(8)?)?.address()?));
                Some(all)
            });
        }
        let mut found = found.unwrap_or_default();
        found.sort_unstable();
        found
    }

    /// The address that a 32-bit distance leads to, counted from where it is stored.
    fn distance(&self, at: u64) -> Option<u64> {
        match self.relocation(at) {
            Some(relocation) => relocation.symbol.plus(relocation.addend).address(),
            None if self.linked => {
                let distance = u32::from_le_bytes(self.bytes(at..at.checked_add(4)?)?.try_into().ok()?).cast_signed();
                Some(at.wrapping_add_signed(distance.into()))
            }
            None => None,
        }
    }

    /// The machine its code runs on.
    pub const fn machine(&self) -> ElfMachine {
        self.machine
    }

    /// Every name, sorted by address.
    pub fn labels(&self) -> &[Label<'a>] {
        &self.labels
    }

    /// The names of the undefined symbols; [`Spot::Undefined`] is an index into them.
    pub fn undefined(&self) -> &[String] {
        &self.undefined
    }

    /// The address of a place in a section.
    pub const fn address(section: usize, offset: u64) -> u64 {
        base(section).wrapping_add(offset)
    }

    /// All names of an address, the best last.
    pub fn names(&self, address: u64) -> &[Label<'a>] {
        let start = self.labels.partition_point(|label| label.address < address);
        let end = self.labels.partition_point(|label| label.address <= address);
        self.labels.get(start..end).unwrap_or_default()
    }

    /// The label that covers an address, or, if none does, the last one of unknown size before it.
    pub fn covering(&self, address: u64) -> Option<&Label<'a>> {
        let end = self.labels.partition_point(|label| label.address <= address);
        let near = self.labels.get(..end)?.iter().rev().take(NEAR);
        let covering = near.clone().find(|label| address - label.address < label.size.max(1));
        covering.or_else(|| near.clone().find(|label| label.size == 0))
    }

    /// The function that begins at an address: its label, and the address where it ends.
    pub fn function(&self, address: u64) -> Option<(&Label<'a>, u64)> {
        let label = self.names(address).iter().rev().find(|label| label.code)?;
        let end = match label.size {
            0 => {
                let next = self.labels.partition_point(|label| label.address <= address);
                let next = self.labels.get(next).map_or(u64::MAX, |next| next.address);
                let region = self.region(address)?;
                next.min(region.address.saturating_add(region.bytes.len() as u64))
            }
            size => address.saturating_add(size),
        };
        Some((label, end))
    }

    /// The bytes of a range of addresses; `None` if some are missing.
    pub fn bytes(&self, range: Range<u64>) -> Option<&'a [u8]> {
        let region = self.region(range.start)?;
        let start = usize::try_from(range.start - region.address).ok()?;
        let end = usize::try_from(range.end.checked_sub(region.address)?).ok()?;
        region.bytes.get(start..end)
    }

    fn region(&self, address: u64) -> Option<&Region<'a>> {
        self.regions.iter().find(|region| address.wrapping_sub(region.address) < region.bytes.len() as u64)
    }

    /// What the code in a range of addresses does, step by step.
    pub fn steps(&self, range: Range<u64>) -> Vec<Step> {
        let first = self.relocated.partition_point(|relocation| relocation.at < range.start);
        let after = self.relocated.partition_point(|relocation| relocation.at < range.end);
        let relocated = self.relocated.get(first..after).unwrap_or_default();
        self.bytes(range.clone()).map_or_else(Vec::new, |code| steps(self.machine, code, range.start, relocated))
    }

    fn relocation(&self, at: u64) -> Option<&Relocated> {
        let index = self.relocated.binary_search_by_key(&at, |relocation| relocation.at).ok()?;
        self.relocated.get(index)
    }

    /// Returns whether a number is the address of something in this space. In an object that is not linked, no number
    /// is.
    pub fn is_address(&self, number: u64) -> bool {
        self.linked && number != 0 && self.region(number).is_some()
    }

    /// The target of the pointer that is stored at an address.
    pub fn pointer(&self, at: u64) -> Option<Spot> {
        if let Some(relocation) = self.relocation(at) {
            return Some(relocation.symbol.plus(relocation.addend));
        }
        let word = u64::from_le_bytes(self.bytes(at..at.checked_add(8)?)?.try_into().ok()?);
        (self.linked && word != 0).then_some(Spot::Address(word))
    }

    /// The pointers stored in a range of addresses, each with its own address. In a kernel, only the first `MAX_DATA`
    /// bytes are searched.
    pub fn pointers(&self, range: Range<u64>) -> Vec<(u64, Spot)> {
        if self.linked {
            let range = range.start..range.end.min(range.start.saturating_add(MAX_DATA));
            let first = range.start.checked_next_multiple_of(8).unwrap_or(range.end);
            let words = (first..range.end.saturating_sub(7)).step_by(8);
            return words.filter_map(|at| Some((at, self.pointer(at)?))).collect();
        }
        let first = self.relocated.partition_point(|relocation| relocation.at < range.start);
        let inside = self.relocated.get(first..).unwrap_or_default().iter().take_while(|known| known.at < range.end);
        inside.map(|relocation| (relocation.at, relocation.symbol.plus(relocation.addend))).collect()
    }

    /// The string at an address, without its zero byte.
    pub fn string(&self, at: u64) -> Option<&'a [u8]> {
        let region = self.region(at)?;
        let rest = region.bytes.get(usize::try_from(at - region.address).ok()?..)?;
        rest.get(..memchr::memchr(0, rest)?)
    }

    /// The jump labels in a range of addresses: the address of each, and the address it may jump to.
    pub fn jump_labels(&self, range: Range<u64>) -> &[(u64, u64)] {
        let start = self.jump_labels.partition_point(|(code, _)| *code < range.start);
        let end = self.jump_labels.partition_point(|(code, _)| *code < range.end);
        self.jump_labels.get(start..end).unwrap_or_default()
    }
}

/// The address that a section of an object begins at.
const fn base(section: usize) -> u64 {
    (section as u64 + 1).wrapping_mul(APART)
}

fn label<'a>(elf: &'a ModuleElf, symbol: &Symbol) -> Option<Label<'a>> {
    let place = place_of(symbol)?;
    let section = elf.sections().get(place.section).filter(|section| section.is_alloc())?;
    let is_named = elf.symbol_name(symbol).is_some_and(|name| !name.is_empty());
    (is_named && names_place(elf, symbol)).then(|| Label {
        address: base(place.section).wrapping_add(place.offset),
        size: symbol.size,
        name: Cow::Owned(elf.symbol_text(symbol)),
        global: symbol.info >> 4 != SymbolBinding::LOCAL,
        code: is_code(section) && symbol.kind() != SymbolKind::OBJECT,
    })
}
