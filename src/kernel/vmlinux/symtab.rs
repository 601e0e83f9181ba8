//! The ELF symbol table of a kernel that was not stripped.

use super::kallsyms::Kallsyms;
use super::memory::KernelMemory;
use crate::elf::{Elf, Section, SectionFlags, SectionType, Symbol, SymbolKind};

/// The symbols of functions, data and boundaries of sections, in order of address; `None` if there are none.
pub(super) fn read(memory: &KernelMemory) -> Option<Kallsyms> {
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
    let mut symbols = Vec::new();
    for symbol in elf.symbols(table) {
        let is_listed = !symbol.is_undefined() && !matches!(symbol.kind(), SymbolKind::SECTION | SymbolKind::FILE);
        if is_listed
            && let Some(name) = name(&symbol)
            && !name.is_empty()
            && !name.starts_with(".L")
        {
            symbols.push((symbol.value, letter(&symbol, sections.get(usize::from(symbol.shndx))), name));
        }
    }
    symbols.sort_by_key(|(address, ..)| *address);
    let mut all = Kallsyms::default();
    for (address, kind, name) in symbols {
        all.push(address, kind, name)?;
    }
    (!all.is_empty()).then_some(all)
}

/// The letter that `nm` prints: absolute, code, uninitialized, writable or read-only data; lower case for a local symbol.
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
