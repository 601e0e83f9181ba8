//! The debug sections of an object, decompressed and relocated.

use std::borrow::Cow;
use std::collections::HashMap;

use gimli::{EndianSlice, RunTimeEndian, SectionId};
use rayon::prelude::*;

use super::bases::Bases;
use super::error::DwarfError;
use crate::compression::decompress_section;
use crate::elf::{DebugRelocation, Section, SectionType, Symbol, SymbolPlace};
use crate::graph::Place;
use crate::image::ModuleElf;
use crate::terms::Endian;

/// The sections that lines, chains and variables are read from.
const NEEDED: [SectionId; 11] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
    SectionId::DebugTypes,
    SectionId::DebugLoc,
];

/// What gimli reads from.
pub(super) type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// The debug sections of one object, and of the files its units were split into.
#[derive(Debug)]
pub struct DebugSections<'a> {
    endian: RunTimeEndian,
    sections: HashMap<SectionId, Cow<'a, [u8]>>,
    bases: Bases,
    split: HashMap<String, HashMap<SectionId, Vec<u8>>>,
}

impl<'a> DebugSections<'a> {
    /// Reads the debug sections of an object; `None` where there are none.
    ///
    /// # Errors
    /// When a section cannot be decompressed or relocated.
    pub fn read(elf: &'a ModuleElf) -> Result<Option<Self>, DwarfError> {
        let bases = Bases::new(elf);
        let found = |id: &SectionId| find(elf, id.name()).map(|section| (*id, section));
        let found: Vec<_> = NEEDED.iter().filter_map(found).collect();
        if !found.iter().any(|(id, _)| *id == SectionId::DebugInfo) {
            return Ok(None);
        }
        let relocations = relocation_sections(elf);
        let contents = found.into_par_iter().map(|(id, section)| {
            let mut bytes = plain(elf, section)?;
            for relocating in relocations.get(&section.index).into_iter().flatten() {
                relocate(elf, &bases, section, relocating, bytes.to_mut())?;
            }
            Ok((id, bytes))
        });
        let sections = contents.collect::<Result<_, DwarfError>>()?;
        let endian = match elf.format().endian() {
            Endian::Little => RunTimeEndian::Little,
            Endian::Big => RunTimeEndian::Big,
        };
        Ok(Some(Self { endian, sections, bases, split: HashMap::new() }))
    }

    /// Adds the file that a split unit names as `path`.
    ///
    /// # Errors
    /// When a section cannot be decompressed.
    pub fn add_split(&mut self, path: &str, elf: &ModuleElf) -> Result<(), DwarfError> {
        let mut sections = HashMap::new();
        for id in NEEDED {
            let Some(section) = id.dwo_name().and_then(|name| find(elf, name)) else { continue };
            sections.insert(id, plain(elf, section)?.into_owned());
        }
        self.split.insert(path.to_owned(), sections);
        Ok(())
    }

    /// The address that the debug information has for a place.
    pub(super) fn address(&self, place: Place) -> Option<u64> {
        self.bases.address(place)
    }

    pub(super) fn dwarf(&self) -> gimli::Dwarf<Slice<'_>> {
        self.view(&self.sections)
    }

    /// The debug information of the file that a split unit names as `path`; it lacks what it shares with the object.
    pub(super) fn split_dwarf(&self, path: &str) -> Option<gimli::Dwarf<Slice<'_>>> {
        self.split.get(path).map(|sections| self.view(sections))
    }

    fn view<'s, B: AsRef<[u8]>>(&self, sections: &'s HashMap<SectionId, B>) -> gimli::Dwarf<Slice<'s>> {
        let slice = |id: SectionId| EndianSlice::new(sections.get(&id).map_or(&[], AsRef::as_ref), self.endian);
        gimli::DwarfSections::load(|id| Ok::<_, ()>(slice(id))).unwrap_or_default().borrow(|section| *section)
    }
}

/// The section of that name, or of its name when compressed the older way.
fn find<'e>(elf: &'e ModuleElf, name: &str) -> Option<&'e Section> {
    let older = name.strip_prefix(".debug_").map(|rest| format!(".zdebug_{rest}"));
    let named = |section: &&Section| {
        let own = elf.section_name(section).unwrap_or_default();
        section.has_contents()
            && (own == name.as_bytes() || older.as_deref().is_some_and(|older| own == older.as_bytes()))
    };
    elf.sections().iter().skip(1).find(named)
}

fn plain<'e>(elf: &'e ModuleElf, section: &Section) -> Result<Cow<'e, [u8]>, DwarfError> {
    let name = elf.section_name(section).unwrap_or_default();
    match elf.format().compressed(section, elf.contents(section), name) {
        None => Ok(Cow::Borrowed(elf.contents(section))),
        Some(compressed) => {
            let fail = |what| DwarfError::Section { section: elf.section_text(section), what };
            decompress_section(&compressed).map(Cow::Owned).map_err(fail)
        }
    }
}

/// The relocation sections, by the section they apply to: not more than the file has room for, unless they lie over each
/// other.
fn relocation_sections(elf: &ModuleElf) -> HashMap<usize, Vec<&Section>> {
    let room = u64::try_from(elf.bytes().len()).unwrap_or(u64::MAX);
    let mut all: HashMap<usize, (u64, Vec<&Section>)> = HashMap::new();
    let relocating = |section: &&Section| matches!(section.kind, SectionType::REL | SectionType::RELA);
    for section in elf.sections().iter().filter(relocating) {
        let Ok(target) = usize::try_from(section.info) else { continue };
        let (taken, sections) = all.entry(target).or_default();
        *taken = taken.saturating_add(section.size);
        if *taken <= room {
            sections.push(section);
        }
    }
    all.into_iter().map(|(target, (_, sections))| (target, sections)).collect()
}

fn relocate(
    elf: &ModuleElf,
    bases: &Bases,
    section: &Section,
    relocating: &Section,
    bytes: &mut [u8],
) -> Result<(), DwarfError> {
    let machine = elf.e_machine();
    let little = elf.format().endian() == Endian::Little;
    let symbols = elf.symbols();
    // Where a symbol is; what the object does not define stays 0, and readers pass over it.
    let value = |symbol: &Symbol| match symbol.shndx {
        SymbolPlace::UNDEF | SymbolPlace::COMMON => None,
        SymbolPlace::ABS => Some(symbol.value),
        index => Some(symbol.value.wrapping_add(bases.of(index.into()).unwrap_or(0))),
    };
    for relocation in elf.relocations(relocating) {
        let unknown = || DwarfError::Relocation {
            section: elf.section_text(section),
            kind: relocation.kind,
            offset: relocation.offset,
        };
        let action = DebugRelocation::new(machine, relocation.kind).ok_or_else(unknown)?;
        let (DebugRelocation::Set(width) | DebugRelocation::Add(width) | DebugRelocation::Sub(width)) = action else {
            continue;
        };
        let symbol = usize::try_from(relocation.symbol).ok().and_then(|index| symbols.get(index));
        let start = usize::try_from(relocation.offset).unwrap_or(usize::MAX);
        let (Some(target), Some(field)) =
            (symbol.and_then(value), start.checked_add(width).and_then(|end| bytes.get_mut(start..end)))
        else {
            continue;
        };
        let before = number(field, little);
        let operand = target.wrapping_add_signed(relocation.addend.unwrap_or(0));
        let after = match action {
            DebugRelocation::Set(_) if relocation.addend.is_none() => before.wrapping_add(operand),
            DebugRelocation::Set(_) => operand,
            DebugRelocation::Add(_) => before.wrapping_add(operand),
            _ => before.wrapping_sub(operand),
        };
        write(field, after, little);
    }
    Ok(())
}

fn number(field: &[u8], little: bool) -> u64 {
    let push = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
    if little { field.iter().rev().fold(0, push) } else { field.iter().fold(0, push) }
}

/// Writes the lowest bytes of a number, as many as there is room for.
fn write(field: &mut [u8], number: u64, little: bool) {
    let bytes = number.to_le_bytes();
    let low = bytes.iter().take(field.len());
    if little {
        field.iter_mut().zip(low).for_each(|(to, from)| *to = *from);
    } else {
        field.iter_mut().rev().zip(low).for_each(|(to, from)| *to = *from);
    }
}
