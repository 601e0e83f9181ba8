//! An object, or a whole kernel, laid out in one address space: what lies where, under which name, and what its code does.

use std::borrow::Cow;
use std::ops::Range;

use super::references::{is_code, is_description, place_of};
use super::steps::{Relocated, Spot, Step, steps};
use super::symbols::names_place;
use crate::elf::{Section, Symbol, SymbolBinding, SymbolKind, is_relative};
use crate::image::ModuleElf;
use crate::kernel::KernelImage;
use crate::terms::ElfMachine;

/// How far the sections of an object that is not linked lie apart: no section of a module is larger.
const APART: u64 = 1 << 32;
/// How much of one piece of data is searched for pointers.
const MAX_DATA: u64 = 1 << 16;
/// How many symbols before an address are asked whether they cover it.
const NEAR: usize = 16;

/// A name for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    /// Where it is.
    pub address: u64,
    /// How many bytes it covers; of a kernel image up to the next symbol.
    pub size: u64,
    /// The name.
    pub name: Cow<'a, str>,
    /// Is it seen outside of its own source file?
    pub global: bool,
    /// Does it name code?
    pub code: bool,
}

#[derive(Debug)]
struct Region<'a> {
    address: u64,
    bytes: &'a [u8],
}

/// The bytes of an object by address, and what is known of them.
#[derive(Debug)]
pub struct AddressSpace<'a> {
    machine: ElfMachine,
    regions: Vec<Region<'a>>,
    /// In order of address; of several at one address the best is the last.
    labels: Vec<Label<'a>>,
    /// In order of address.
    relocated: Vec<Relocated>,
    undefined: Vec<String>,
    /// From the place of a jump label to where it may lead; in order.
    jump_labels: Vec<(u64, u64)>,
    /// Do words of memory hold addresses without a relocation?
    linked: bool,
}

impl<'a> AddressSpace<'a> {
    /// An object that is not linked; its sections get addresses far from each other. `None` for an architecture that is not
    /// known.
    pub fn of_object(elf: &'a ModuleElf) -> Option<Self> {
        let machine = elf.machine()?;
        let sections = || elf.sections().iter().skip(1).filter(|section| section.is_alloc() && section.size < APART);
        let held = sections().filter(|section| section.has_contents());
        let regions = held.map(|section| Region { address: base(section.index), bytes: elf.contents(section) });
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
            let is_described = elf.section_name(section).is_some_and(is_description);
            if !is_described {
                space.relocate(elf, section, &mut spots);
            }
        }
        let table = sections().find(|section| elf.section_name(section) == Some(b"__jump_table"));
        let table = table.map(|table| base(table.index)..base(table.index) + table.size);
        space.jump_labels = table.map(|table| space.read_jump_labels(table)).unwrap_or_default();
        Some(space)
    }

    /// A kernel image, as far as its symbols tell where it lies. `None` where they do not, or of an architecture that is not
    /// known.
    pub fn of_kernel(image: &'a KernelImage) -> Option<Self> {
        let machine = image.arch()?.machine;
        let symbols = image.symbols()?;
        let pieces = image.pieces()?.into_iter();
        let regions: Vec<Region<'_>> = pieces.map(|(address, bytes)| Region { address, bytes }).collect();
        let label = |symbol: crate::kernel::KernelSymbol<'a>| Label {
            address: symbol.address,
            size: symbol.size,
            name: Cow::Borrowed(symbol.name),
            global: symbol.kind.is_ascii_uppercase() || matches!(symbol.kind, 'w' | 'v'),
            code: matches!(symbol.kind, 't' | 'T' | 'w' | 'W'),
        };
        let mut space = Self {
            machine,
            regions,
            labels: symbols.iter().map(label).collect(),
            relocated: Vec::new(),
            undefined: Vec::new(),
            jump_labels: Vec::new(),
            linked: true,
        };
        space.labels.sort_by_key(|label| (label.address, label.code, label.global));
        let ends = symbols.address_of("__start___jump_table").zip(symbols.address_of("__stop___jump_table"));
        space.jump_labels = ends.map(|(start, stop)| space.read_jump_labels(start..stop)).unwrap_or_default();
        Some(space)
    }

    fn relocate(&mut self, elf: &ModuleElf, section: &Section, spots: &mut [Option<Spot>]) {
        let mut relocations = elf.relocations_of(section.index);
        relocations.retain(|relocation| relocation.kind != 0);
        relocations.sort_by_key(|relocation| relocation.offset);
        for relocation in relocations {
            let Some(index) = usize::try_from(relocation.symbol).ok().filter(|index| *index > 0) else { continue };
            let (Some(symbol), Some(known)) = (elf.symbols().get(index), spots.get_mut(index)) else { continue };
            let spot = *known.get_or_insert_with(|| match place_of(symbol) {
                Some(place) => Spot::Address(base(place.section).wrapping_add(place.offset)),
                None => {
                    self.undefined.push(elf.symbol_text(symbol));
                    Spot::Undefined(self.undefined.len() - 1)
                }
            });
            // Where addends stand in the bytes, code is not read either.
            let Some(addend) = relocation.addend else { continue };
            let relative = is_relative(elf.e_machine(), relocation.kind);
            let at = base(section.index).wrapping_add(relocation.offset);
            self.relocated.push(Relocated { at, symbol: spot, addend, relative });
        }
    }

    /// `struct jump_entry` since 4.20: code and target as distances of 32 bits, the key as one of 64; before, three pointers.
    fn read_jump_labels(&self, table: Range<u64>) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        let relative = |at: u64| match self.relocation(at) {
            Some(relocation) => relocation.symbol.plus(relocation.addend).address(),
            None if self.linked => {
                let distance = u32::from_le_bytes(self.bytes(at..at.checked_add(4)?)?.try_into().ok()?).cast_signed();
                Some(at.wrapping_add_signed(distance.into()))
            }
            None => None,
        };
        for (size, word) in [(16, 4), (24, 8)] {
            if !table.end.checked_sub(table.start).is_some_and(|bytes| bytes.is_multiple_of(size)) {
                continue;
            }
            let entries = (table.start..table.end).step_by(usize::try_from(size).unwrap_or(usize::MAX));
            let pointer = |at| if word == 4 { relative(at) } else { self.pointer(at).and_then(Spot::address) };
            let all: Option<Vec<_>> =
                entries.map(|at| pointer(at).zip(at.checked_add(word).and_then(pointer))).collect();
            if let Some(all) = all {
                found = all;
                break;
            }
        }
        found.sort_unstable();
        found
    }

    /// The machine its code runs on.
    pub const fn machine(&self) -> ElfMachine {
        self.machine
    }

    /// Every name, in order of address.
    pub fn labels(&self) -> &[Label<'a>] {
        &self.labels
    }

    /// The symbols that it uses and does not define.
    pub fn undefined(&self) -> &[String] {
        &self.undefined
    }

    /// The address of a place in a section.
    pub const fn address(section: usize, offset: u64) -> u64 {
        base(section).wrapping_add(offset)
    }

    /// All names of an address.
    pub fn names(&self, address: u64) -> &[Label<'a>] {
        let start = self.labels.partition_point(|label| label.address < address);
        let end = self.labels.partition_point(|label| label.address <= address);
        self.labels.get(start..end).unwrap_or_default()
    }

    /// What covers an address.
    pub fn covering(&self, address: u64) -> Option<&Label<'a>> {
        let end = self.labels.partition_point(|label| label.address <= address);
        let near = self.labels.get(..end)?.iter().rev().take(NEAR);
        let covers = |label: &&Label<'_>| address - label.address < label.size.max(1);
        near.clone().find(covers).or_else(|| near.clone().find(|label| label.size == 0))
    }

    /// The function that begins at an address: its name and where it ends.
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

    /// The bytes of a range of addresses, if all are there.
    pub fn bytes(&self, range: Range<u64>) -> Option<&'a [u8]> {
        let region = self.region(range.start)?;
        let start = usize::try_from(range.start - region.address).ok()?;
        let end = usize::try_from(range.end.checked_sub(region.address)?).ok()?;
        region.bytes.get(start..end)
    }

    fn region(&self, address: u64) -> Option<&Region<'a>> {
        let inside = |region: &&Region<'_>| address.wrapping_sub(region.address) < region.bytes.len() as u64;
        self.regions.iter().find(inside)
    }

    /// What the code of a range of addresses does.
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

    /// Is the number the address of something here? Of an object that is not linked, none is.
    pub fn is_address(&self, number: u64) -> bool {
        self.linked && number != 0 && self.region(number).is_some()
    }

    /// What the pointer at an address points to.
    pub fn pointer(&self, at: u64) -> Option<Spot> {
        if let Some(relocation) = self.relocation(at) {
            return Some(relocation.symbol.plus(relocation.addend));
        }
        let word = u64::from_le_bytes(self.bytes(at..at.checked_add(8)?)?.try_into().ok()?);
        (self.linked && word != 0).then_some(Spot::Address(word))
    }

    /// The pointers that stand in a range of addresses; in a kernel, of a long one in its first part.
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

    /// The string at an address.
    pub fn string(&self, at: u64) -> Option<&'a [u8]> {
        let region = self.region(at)?;
        let rest = region.bytes.get(usize::try_from(at - region.address).ok()?..)?;
        rest.get(..memchr::memchr(0, rest)?)
    }

    /// Where the jump labels in a range of addresses may lead: each with its own place.
    pub fn jump_labels(&self, range: Range<u64>) -> &[(u64, u64)] {
        let start = self.jump_labels.partition_point(|(code, _)| *code < range.start);
        let end = self.jump_labels.partition_point(|(code, _)| *code < range.end);
        self.jump_labels.get(start..end).unwrap_or_default()
    }
}

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
