//! The ELF symbol table of a kernel that was not stripped.

use super::kallsyms::Kallsyms;
use super::memory::Memory;
use crate::elf::{Elf, Section, SectionFlags, SectionType, Symbol, SymbolKind};

/// The symbols of functions, data and sections' boundaries, in order of address; `None` when there are none.
pub(super) fn read(memory: &Memory) -> Option<Kallsyms> {
    if !memory.has_sections() {
        return None;
    }
    let elf = Elf::new(memory.bytes(), memory.class(), memory.endian());
    let sections = elf.sections(&elf.header()?)?;
    let table = sections.iter().find(|section| section.kind == SectionType::SYMTAB)?;
    let names = elf.contents(sections.get(usize::try_from(table.link).ok()?)?)?;
    let name = |symbol: &Symbol| {
        let rest = names.get(usize::try_from(symbol.name).ok()?..)?;
        std::str::from_utf8(rest.get(..rest.iter().position(|byte| *byte == 0)?)?).ok()
    };
    let wanted = |symbol: &Symbol| {
        let named = name(symbol).filter(|name| !name.is_empty() && !name.starts_with(".L"))?;
        let known = !symbol.is_undefined() && !matches!(symbol.kind(), SymbolKind::SECTION | SymbolKind::FILE);
        known.then(|| (symbol.value, letter(symbol, sections.get(usize::from(symbol.shndx))), named))
    };
    let mut symbols: Vec<_> = elf.symbols(table).iter().filter_map(wanted).collect();
    symbols.sort_by_key(|(address, ..)| *address);
    let mut all = Kallsyms::default();
    for (address, kind, name) in symbols {
        all.push(address, kind, name)?;
    }
    (!all.is_empty()).then_some(all)
}

/// The letter `nm` prints: absolute, code, uninitialised, writable or read-only data; small when local.
fn letter(symbol: &Symbol, section: Option<&Section>) -> char {
    let letter = match section {
        None => 'A',
        Some(section) if section.flags & SectionFlags::EXECINSTR != 0 => 'T',
        Some(section) if section.kind == SectionType::NOBITS => 'B',
        Some(section) if section.flags & SectionFlags::WRITE != 0 => 'D',
        Some(_) => 'R',
    };
    if symbol.is_weak() {
        'W'
    } else if symbol.is_local() {
        letter.to_ascii_lowercase()
    } else {
        letter
    }
}
