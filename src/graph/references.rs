//! Every reference that an object makes by relocation.

use std::collections::HashMap;

use super::Place;
use super::tables::{Table, TableKind};
use crate::elf::{Relocation, Section, SectionFlags, Symbol, SymbolPlace, is_relative, is_short};
use crate::image::ModuleElf;

/// A relocation that refers to a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where it applies.
    pub at: Place,
    /// The index of the symbol.
    pub symbol: usize,
    /// What is added to it; where the addend stands in the section's bytes, `None`.
    pub addend: Option<i64>,
    /// Does it count from the place it applies to, as operands of branches do?
    pub relative: bool,
}

/// Where a reference belongs in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The code, or the data, that refers.
    pub place: Place,
    /// The section of the table or of the code out of line through which it does; `None` where it refers by itself.
    pub via: Option<usize>,
}

/// Code that runs in place of other code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Replacement {
    start: u64,
    /// Where it ends, if it stands among other code; `None`: where the next begins.
    end: Option<u64>,
    /// The code it replaces.
    code: Place,
    /// The section that tells of it: its own, if that holds nothing else, or the table.
    via: usize,
}

/// Reads the references of one object.
#[derive(Debug)]
pub struct References<'a> {
    elf: &'a ModuleElf,
    /// By section.
    tables: HashMap<usize, Table>,
    /// By section, in the order of their beginnings.
    replacements: HashMap<usize, Vec<Replacement>>,
}

/// Sections that describe code and data to debuggers and unwinders, or that the final link throws away: what they refer
/// to, the program does not use.
pub(super) fn is_description(name: &[u8]) -> bool {
    let described =
        [".eh_frame", ".orc_unwind", ".ARM.exidx", ".ARM.extab", ".sframe", ".debug", ".discard", ".stack_sizes"];
    described.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}

impl<'a> References<'a> {
    /// Finds the tables of the object.
    pub fn new(elf: &'a ModuleElf) -> Self {
        let mut tables = HashMap::new();
        for section in elf.sections().iter().skip(1).filter(|section| section.is_alloc()) {
            let Some(kind) = elf.section_name(section).and_then(TableKind::of) else { continue };
            let mut pointers = elf.relocations_of(section.index);
            // Headers may name what only others define, also where an entry holds a small number.
            pointers.retain(|relocation| !is_short(elf.e_machine(), relocation.kind));
            let table = Table::new(kind, pointers, section.size, elf.machine());
            tables.extend(table.map(|table| (section.index, table)));
        }
        let mut all = Self { elf, tables, replacements: HashMap::new() };
        all.replacements = all.find_replacements();
        all
    }

    fn find_replacements(&self) -> HashMap<usize, Vec<Replacement>> {
        let mut found: HashMap<usize, Vec<Replacement>> = HashMap::new();
        for (index, table) in &self.tables {
            let Some(name) = table.kind.replacements else { continue };
            for (code, replacement, length) in table.replacements(self.elf, *index) {
                let (code, replacement) = (self.target(*index, code), self.target(*index, replacement));
                let (Some(code), Some(replacement)) = (code, replacement) else { continue };
                let (start, section) = (replacement.offset, self.elf.sections().get(replacement.section));
                let apart = section.and_then(|section| self.elf.section_name(section)) == Some(name.as_bytes());
                let (end, via) = if apart { (None, replacement.section) } else { (start.checked_add(length), *index) };
                if apart || (end.is_some() && table.kind.has_lengths) {
                    found.entry(replacement.section).or_default().push(Replacement { start, end, code, via });
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

    /// All references of sections that occupy memory, those of debug and unwind data left out, in the order of the
    /// sections.
    pub fn all(&self) -> impl Iterator<Item = Reference> + '_ {
        let counts =
            |section: &&Section| section.is_alloc() && !self.elf.section_name(section).is_some_and(is_description);
        let sections = self.elf.sections().iter().skip(1).filter(counts);
        let machine = self.elf.e_machine();
        sections.flat_map(move |section| {
            let relocations = self.elf.relocations_of(section.index);
            // Type 0 is R_*_NONE everywhere: it marks, and writes nothing.
            let relocations = relocations.into_iter().filter(|relocation| relocation.kind != 0);
            relocations.filter_map(move |relocation| {
                let at = Place { section: section.index, offset: relocation.offset };
                let symbol = usize::try_from(relocation.symbol).ok().filter(|symbol| *symbol > 0)?;
                let relative = is_relative(machine, relocation.kind);
                Some(Reference { at, symbol, addend: relocation.addend, relative })
            })
        })
    }

    /// The code or data that a reference at `at` belongs to.
    pub fn site(&self, at: Place) -> Site {
        let table = self.through_table(at).map(|place| Site { place, via: Some(at.section) });
        table.or_else(|| self.through_replacement(at)).unwrap_or(Site { place: at, via: None })
    }

    fn through_table(&self, at: Place) -> Option<Place> {
        let code = self.target(at.section, self.tables.get(&at.section)?.code_of(at.offset)?)?;
        // The code an entry stands for may itself run in place of other code.
        Some(self.through_replacement(code).map_or(code, |site| site.place))
    }

    fn through_replacement(&self, at: Place) -> Option<Site> {
        let replacements = self.replacements.get(&at.section)?;
        let after = replacements.partition_point(|replacement| replacement.start <= at.offset);
        let found = replacements.get(after.checked_sub(1)?)?;
        let within = found.end.is_none_or(|end| at.offset < end);
        within.then_some(Site { place: found.code, via: Some(found.via) })
    }

    /// The place in this object that a pointer in `section` leads to; `None` where its symbol is not defined in it.
    fn target(&self, section: usize, pointer: &Relocation) -> Option<Place> {
        let symbol = self.elf.symbols().get(usize::try_from(pointer.symbol).ok()?)?;
        let start = place_of(symbol)?;
        let addend = pointer.addend.or_else(|| self.addend_in_place(section, pointer.offset))?;
        Some(Place { section: start.section, offset: start.offset.wrapping_add_signed(addend) })
    }

    /// The addend of a relocation that leaves it in the bytes it applies to: 32-bit architectures all, and there a word.
    fn addend_in_place(&self, section: usize, offset: u64) -> Option<i64> {
        let contents = self.elf.contents(self.elf.sections().get(section)?);
        let number = self.elf.format().number(contents, usize::try_from(offset).ok()?, 4)?;
        Some(i64::from(u32::try_from(number).ok()?.cast_signed()))
    }

    /// Is it a place in code?
    pub fn is_code(&self, place: Place) -> bool {
        self.elf.sections().get(place.section).is_some_and(is_code)
    }

    /// What is added to the symbol of a reference.
    pub(super) fn addend(&self, reference: &Reference) -> Option<i64> {
        reference.addend.or_else(|| self.addend_in_place(reference.at.section, reference.at.offset))
    }
}

/// Does a section hold code?
pub(super) const fn is_code(section: &Section) -> bool {
    section.is_alloc() && section.flags & SectionFlags::EXECINSTR != 0 && section.has_contents()
}

/// Where a symbol is defined.
pub(super) fn place_of(symbol: &Symbol) -> Option<Place> {
    let special =
        matches!(symbol.shndx, SymbolPlace::UNDEF | SymbolPlace::ABS | SymbolPlace::COMMON | SymbolPlace::LIVEPATCH);
    (!special).then(|| Place { section: symbol.shndx.into(), offset: symbol.value })
}
