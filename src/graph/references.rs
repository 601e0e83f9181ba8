//! The references that an object makes by relocations.

use std::collections::HashMap;

use super::Place;
use super::tables::{Table, TableKind};
use crate::elf::{Relocation, Section, SectionFlags, Symbol, SymbolPlace, is_relative, is_short};
use crate::image::ModuleElf;

/// A relocation that refers to a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The place that it applies to.
    pub at: Place,
    /// The index of the symbol.
    pub symbol: usize,
    /// What is added to the symbol; `None` if the addend is stored in the section's bytes.
    pub addend: Option<i64>,
    /// Whether it is relative to the place it applies to, as operands of branches are.
    pub relative: bool,
}

/// The code or data of the program that a reference belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The code or data that makes the reference.
    pub place: Place,
    /// The section of the table or replacement code that holds the reference; `None` if the code or data holds it
    /// itself.
    pub via: Option<usize>,
}

/// Code that may run in place of other code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Replacement {
    /// The offset where it begins.
    start: u64,
    /// The offset where it ends, if other code follows; `None` if it ends where the next replacement begins.
    end: Option<u64>,
    /// The code it replaces.
    code: Place,
    /// The section that the reference is found through: the replacement's own if it holds only replacements, or else
    /// the table.
    via: usize,
}

/// The references of one object.
#[derive(Debug)]
pub struct References<'a> {
    elf: &'a ModuleElf,
    /// By index of the section.
    tables: HashMap<usize, Table>,
    /// By index of the section, sorted by start.
    replacements: HashMap<usize, Vec<Replacement>>,
}

/// Returns whether a section describes code and data for debuggers and unwinders, or is discarded by the final link.
/// The program does not use what such sections refer to.
pub(super) fn is_description(name: &[u8]) -> bool {
    const PREFIXES: [&str; 8] =
        [".eh_frame", ".orc_unwind", ".ARM.exidx", ".ARM.extab", ".sframe", ".debug", ".discard", ".stack_sizes"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}

impl<'a> References<'a> {
    /// Finds the tables of the object.
    pub fn new(elf: &'a ModuleElf) -> Self {
        let mut tables = HashMap::new();
        for section in elf.sections().iter().skip(1).filter(|section| section.is_alloc()) {
            let Some(kind) = elf.section_name(section).and_then(TableKind::of) else { continue };
            let mut pointers = elf.relocations_of(section.index);
            // The kernel's headers may write a symbol that another object defines into a field for a small number. Its
            // relocation is not one of the entry's pointers.
            pointers.retain(|relocation| !is_short(elf.e_machine(), relocation.kind));
            let table = Table::new(kind, pointers, section.size, elf.machine());
            tables.extend(table.map(|table| (section.index, table)));
        }
        let mut references = Self { elf, tables, replacements: HashMap::new() };
        references.replacements = references.find_replacements();
        references
    }

    /// The replacements that the tables tell of.
    fn find_replacements(&self) -> HashMap<usize, Vec<Replacement>> {
        let mut found: HashMap<usize, Vec<Replacement>> = HashMap::new();
        for (index, table) in &self.tables {
            let Some(name) = table.kind.replacements else { continue };
            for (code, replacement, length) in table.replacements(self.elf, *index) {
                let Some(code) = self.target(*index, code) else { continue };
                let Some(replacement) = self.target(*index, replacement) else { continue };
                let start = replacement.offset;
                let section = self.elf.sections().get(replacement.section);
                let is_apart = section.and_then(|section| self.elf.section_name(section)) == Some(name.as_bytes());
                let replacements = found.entry(replacement.section).or_default();
                if is_apart {
                    replacements.push(Replacement { start, end: None, code, via: replacement.section });
                } else if let Some(end) = start.checked_add(length).filter(|_| table.kind.has_lengths) {
                    replacements.push(Replacement { start, end: Some(end), code, via: *index });
                }
            }
        }
        found.values_mut().for_each(|replacements| replacements.sort_unstable());
        found
    }

    /// The object.
    pub const fn elf(&self) -> &'a ModuleElf {
        self.elf
    }

    /// All references of sections that occupy memory, except debug and unwind data, in the order of the sections.
    pub fn all(&self) -> impl Iterator<Item = Reference> + '_ {
        let sections = self.elf.sections().iter().skip(1).filter(|section| section.is_alloc());
        let sections = sections.filter(|section| !self.elf.section_name(section).is_some_and(is_description));
        let machine = self.elf.e_machine();
        sections.flat_map(move |section| {
            let relocations = self.elf.relocations_of(section.index);
            // Type 0 is R_*_NONE on every architecture: it is a mark, and writes nothing.
            let relocations = relocations.into_iter().filter(|relocation| relocation.kind != 0);
            relocations.filter_map(move |relocation| {
                let at = Place { section: section.index, offset: relocation.offset };
                let symbol = usize::try_from(relocation.symbol).ok().filter(|symbol| *symbol > 0)?;
                let relative = is_relative(machine, relocation.kind);
                Some(Reference { at, symbol, addend: relocation.addend, relative })
            })
        })
    }

    /// The code or data that the reference at a place belongs to.
    pub fn site(&self, at: Place) -> Site {
        let table = self.through_table(at).map(|place| Site { place, via: Some(at.section) });
        table.or_else(|| self.through_replacement(at)).unwrap_or(Site { place: at, via: None })
    }

    /// The code that an entry of a table belongs to.
    fn through_table(&self, at: Place) -> Option<Place> {
        let code = self.target(at.section, self.tables.get(&at.section)?.code_of(at.offset)?)?;
        // That code may itself be a replacement of other code.
        Some(self.through_replacement(code).map_or(code, |site| site.place))
    }

    /// The code that a place in replacement code replaces.
    fn through_replacement(&self, at: Place) -> Option<Site> {
        let replacements = self.replacements.get(&at.section)?;
        let after = replacements.partition_point(|replacement| replacement.start <= at.offset);
        let found = replacements.get(after.checked_sub(1)?)?;
        let within = found.end.is_none_or(|end| at.offset < end);
        within.then_some(Site { place: found.code, via: Some(found.via) })
    }

    /// The place in this object that a pointer in `section` leads to; `None` if the object does not define its symbol.
    fn target(&self, section: usize, pointer: &Relocation) -> Option<Place> {
        let symbol = self.elf.symbols().get(usize::try_from(pointer.symbol).ok()?)?;
        let start = place_of(symbol)?;
        let addend = pointer.addend.or_else(|| self.addend_in_place(section, pointer.offset))?;
        Some(Place { section: start.section, offset: start.offset.wrapping_add_signed(addend) })
    }

    /// The addend that is stored in the bytes a relocation applies to. Only 32-bit architectures do that, so it is 4
    /// bytes.
    fn addend_in_place(&self, section: usize, offset: u64) -> Option<i64> {
        let contents = self.elf.contents(self.elf.sections().get(section)?);
        let number = self.elf.format().number(contents, usize::try_from(offset).ok()?, 4)?;
        Some(i64::from(u32::try_from(number).ok()?.cast_signed()))
    }

    /// Returns whether a place lies in code.
    pub fn is_code(&self, place: Place) -> bool {
        self.elf.sections().get(place.section).is_some_and(is_code)
    }

    /// What is added to the symbol of a reference.
    pub(super) fn addend(&self, reference: &Reference) -> Option<i64> {
        reference.addend.or_else(|| self.addend_in_place(reference.at.section, reference.at.offset))
    }
}

/// Returns whether a section holds code.
pub(super) const fn is_code(section: &Section) -> bool {
    section.is_alloc() && section.flags & SectionFlags::EXECINSTR != 0 && section.has_contents()
}

/// Where a symbol is defined; `None` if no section of the object holds it.
pub(super) fn place_of(symbol: &Symbol) -> Option<Place> {
    match symbol.shndx {
        SymbolPlace::UNDEF | SymbolPlace::ABS | SymbolPlace::COMMON | SymbolPlace::LIVEPATCH => None,
        section => Some(Place { section: section.into(), offset: symbol.value }),
    }
}
