//! Reads the debug sections of an object: decompresses and relocates them.

use std::borrow::Cow;
use std::collections::HashMap;

use gimli::{EndianSlice, RunTimeEndian, SectionId};

use super::bases::Bases;
use super::error::DwarfError;
pub(super) use super::units::Slice;
use super::units::{self, Tables};
use crate::compression::{DECOMPRESSED_LIMIT, decompress_section};
use crate::elf::{DebugField, DebugRelocation, Section, SectionType, Symbol, SymbolPlace};
use crate::graph::Place;
use crate::image::ModuleElf;
use crate::terms::{Claim, Endian, parallel};

/// The sections that hold lines, inlined calls and variables.
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

/// A unit whose debug information lies in a `.dwo` file (`CONFIG_DEBUG_INFO_SPLIT`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitUnit {
    /// The folder that the compiler ran in.
    pub folder: Option<String>,
    /// The path of the file, relative to the folder or absolute.
    pub path: String,
}

/// The debug sections of one object, and of the files its units were split into.
#[derive(Debug)]
pub struct DebugSections<'a> {
    endian: RunTimeEndian,
    sections: HashMap<SectionId, Cow<'a, [u8]>>,
    bases: Bases,
    split: HashMap<String, HashMap<SectionId, Vec<u8>>>,
    /// The contents of all sections that are not those of the file.
    claim: Claim,
}

impl<'a> DebugSections<'a> {
    /// Reads the debug sections of an object; `None` if it has none.
    ///
    /// # Errors
    /// When a section cannot be decompressed or relocated, or when all of them do not fit into the budget of the file.
    pub fn read(elf: &'a ModuleElf) -> Result<Option<Self>, DwarfError> {
        let bases = Bases::new(elf);
        let found = NEEDED.iter().filter_map(|id| Some((*id, find(elf, id.name())?)));
        let found: Vec<_> = found.collect();
        if !found.iter().any(|(id, _)| *id == SectionId::DebugInfo) {
            return Ok(None);
        }
        let relocations = relocation_sections(elf);
        let mut claim = elf.bytes().budget().hold(0);
        for (_, section) in &found {
            count(elf, section, relocations.contains_key(&section.index), &mut claim)?;
        }
        let contents = parallel::map(&found, |(id, section)| {
            let mut bytes = plain(elf, section)?;
            for relocating in relocations.get(&section.index).into_iter().flatten() {
                relocate(elf, &bases, section, relocating, bytes.to_mut())?;
            }
            Ok((*id, bytes))
        });
        let sections = contents.into_iter().collect::<Result<_, DwarfError>>()?;
        let endian = match elf.format().endian() {
            Endian::Little => RunTimeEndian::Little,
            Endian::Big => RunTimeEndian::Big,
        };
        let this = Self { endian, sections, bases, split: HashMap::new(), claim: Claim::default() };
        this.count_units(&this.sections, &mut claim)?;
        Ok(Some(Self { claim, ..this }))
    }

    /// Counts the units in some sections, as large as they are once they are read.
    fn count_units<B: AsRef<[u8]>>(
        &self,
        sections: &HashMap<SectionId, B>,
        claim: &mut Claim,
    ) -> Result<(), DwarfError> {
        let slice = |id: SectionId| EndianSlice::new(sections.get(&id).map_or(&[], AsRef::as_ref), self.endian);
        let tables = Tables { abbreviations: slice(SectionId::DebugAbbrev), lines: slice(SectionId::DebugLine) };
        let size = units::size(self.unshared(sections), &tables)?;
        let section = SectionId::DebugInfo.name().to_owned();
        claim.grow(size).map_err(|error| DwarfError::Section { section, what: error.to_string() })
    }

    /// Adds a file of split debug information that a unit names as `path`.
    ///
    /// # Errors
    /// When a section cannot be decompressed or does not fit into the budget.
    pub fn add_split(&mut self, path: &str, elf: &ModuleElf) -> Result<(), DwarfError> {
        let mut sections = HashMap::new();
        for id in NEEDED {
            let Some(section) = id.dwo_name().and_then(|name| find(elf, name)) else { continue };
            count(elf, section, true, &mut self.claim)?;
            sections.insert(id, plain(elf, section)?.into_owned());
        }
        let mut claim = std::mem::take(&mut self.claim);
        let counted = self.count_units(&sections, &mut claim);
        self.claim = claim;
        counted?;
        self.split.insert(path.to_owned(), sections);
        Ok(())
    }

    /// The units whose debug information lies in files of their own; none for most objects. Broken units are skipped.
    pub fn split_units(&self) -> Vec<SplitUnit> {
        let dwarf = self.dwarf();
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            let Ok(unit) = dwarf.unit(header) else { continue };
            let Ok(Some(path)) = unit.dwo_name() else { continue };
            let Ok(path) = dwarf.attr_string(&unit, path) else { continue };
            let folder = unit.comp_dir.as_ref().map(|folder| folder.to_string_lossy().into_owned());
            units.push(SplitUnit { folder, path: path.to_string_lossy().into_owned() });
        }
        units
    }

    /// The address that the debug information has for a place.
    pub(super) fn address(&self, place: Place) -> Option<u64> {
        self.bases.address(place)
    }

    /// The debug information of the object.
    pub(super) fn dwarf(&self) -> gimli::Dwarf<Slice<'_>> {
        self.view(&self.sections)
    }

    /// The debug information of the file that a split unit names as `path`. It lacks the sections that it shares with
    /// the object.
    pub(super) fn split_dwarf(&self, path: &str) -> Option<gimli::Dwarf<Slice<'_>>> {
        self.split.get(path).map(|sections| self.view(sections))
    }

    /// Sections in the form that gimli reads, with the tables that units share. The units were counted before.
    fn view<'s, B: AsRef<[u8]>>(&self, sections: &'s HashMap<SectionId, B>) -> gimli::Dwarf<Slice<'s>> {
        let mut dwarf = self.unshared(sections);
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        dwarf
    }

    /// Sections in the form that gimli reads.
    fn unshared<'s, B: AsRef<[u8]>>(&self, sections: &'s HashMap<SectionId, B>) -> gimli::Dwarf<Slice<'s>> {
        let slice = |id: SectionId| EndianSlice::new(sections.get(&id).map_or(&[], AsRef::as_ref), self.endian);
        gimli::DwarfSections::load(|id| Ok::<_, ()>(slice(id))).unwrap_or_default().borrow(|section| *section)
    }
}

/// The section with that name, or with the name that old toolchains give to a compressed one (`.zdebug_*`).
fn find<'e>(elf: &'e ModuleElf, name: &str) -> Option<&'e Section> {
    let older = name.strip_prefix(".debug_").map(|rest| format!(".zdebug_{rest}"));
    elf.sections().iter().skip(1).find(|section| {
        let own = elf.section_name(section).unwrap_or_default();
        section.has_contents()
            && (own == name.as_bytes() || older.as_deref().is_some_and(|older| own == older.as_bytes()))
    })
}

/// Counts the contents of a section, unless they are those of the file: they are compressed, or copied (`is_copied`) to be changed.
fn count(elf: &ModuleElf, section: &Section, is_copied: bool, claim: &mut Claim) -> Result<(), DwarfError> {
    let contents = elf.contents(section);
    let name = elf.section_name(section).unwrap_or_default();
    let size = match elf.format().compressed(section, contents, name) {
        // Of more than that nothing is decompressed.
        Some(compressed) => match usize::try_from(compressed.size) {
            Ok(size) if size <= DECOMPRESSED_LIMIT => size,
            _ => return Ok(()),
        },
        None if is_copied => contents.len(),
        None => return Ok(()),
    };
    let fault = |what: String| DwarfError::Section { section: elf.section_text(section), what };
    claim.grow(size).map_err(|error| fault(error.to_string()))
}

/// The contents of a section, decompressed if necessary. They are counted before.
fn plain<'e>(elf: &'e ModuleElf, section: &Section) -> Result<Cow<'e, [u8]>, DwarfError> {
    let name = elf.section_name(section).unwrap_or_default();
    match elf.format().compressed(section, elf.contents(section), name) {
        None => Ok(Cow::Borrowed(elf.contents(section))),
        Some(compressed) => {
            let bytes = decompress_section(&compressed);
            bytes.map(Cow::Owned).map_err(|what| DwarfError::Section { section: elf.section_text(section), what })
        }
    }
}

/// The relocation sections, by the section they apply to. If those of one section have more bytes than the file, some
/// overlap, and the rest is left out.
fn relocation_sections(elf: &ModuleElf) -> HashMap<usize, Vec<&Section>> {
    let file_size = u64::try_from(elf.bytes().len()).unwrap_or(u64::MAX);
    let mut all: HashMap<usize, (u64, Vec<&Section>)> = HashMap::new();
    for section in elf.sections() {
        if !matches!(section.kind, SectionType::REL | SectionType::RELA) {
            continue;
        }
        let Ok(target) = usize::try_from(section.info) else { continue };
        let (taken, sections) = all.entry(target).or_default();
        *taken = taken.saturating_add(section.size);
        if *taken <= file_size {
            sections.push(section);
        }
    }
    all.into_iter().map(|(target, (_, sections))| (target, sections)).collect()
}

/// Applies the relocations of one relocation section to the bytes of a debug section.
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
    for relocation in elf.relocations(relocating) {
        let Some(action) = DebugRelocation::new(machine, relocation.kind) else {
            return Err(DwarfError::Relocation {
                section: elf.section_text(section),
                kind: relocation.kind,
                offset: relocation.offset,
            });
        };
        let (DebugRelocation::Set(field) | DebugRelocation::Add(field) | DebugRelocation::Sub(field)) = action else {
            continue;
        };
        let symbol = usize::try_from(relocation.symbol).ok().and_then(|index| symbols.get(index));
        let start = usize::try_from(relocation.offset).unwrap_or(usize::MAX);
        // A field with an undefined symbol stays 0, and readers skip it.
        let Some(target) = symbol.and_then(|symbol| address_of(symbol, bases)) else { continue };
        let Some(at) = field_at(bytes, start, field) else { continue };
        let before = number(at, field, little);
        let operand = target.wrapping_add_signed(relocation.addend.unwrap_or(0));
        let after = match action {
            DebugRelocation::Set(_) if relocation.addend.is_none() => before.wrapping_add(operand),
            DebugRelocation::Set(_) => operand,
            DebugRelocation::Add(_) => before.wrapping_add(operand),
            _ => before.wrapping_sub(operand),
        };
        write(at, field, after, little);
    }
    Ok(())
}

/// The address of a symbol; `None` if the object does not define it.
fn address_of(symbol: &Symbol, bases: &Bases) -> Option<u64> {
    match symbol.shndx {
        SymbolPlace::UNDEF | SymbolPlace::COMMON => None,
        SymbolPlace::ABS => Some(symbol.value),
        index => Some(symbol.value.wrapping_add(bases.of(index.into()).unwrap_or(0))),
    }
}

/// The bytes of a field.
fn field_at(bytes: &mut [u8], start: usize, field: DebugField) -> Option<&mut [u8]> {
    let rest = bytes.get_mut(start..)?;
    let length = match field {
        DebugField::Bytes(width) => width,
        DebugField::LowSix => 1,
        // No 64-bit number is longer.
        DebugField::Uleb128 => rest.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1,
    };
    rest.get_mut(..length)
}

/// The number in a field.
fn number(bytes: &[u8], field: DebugField, little: bool) -> u64 {
    let push = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
    match field {
        DebugField::LowSix => bytes.first().map_or(0, |byte| u64::from(byte & 0x3f)),
        DebugField::Uleb128 => bytes.iter().rev().fold(0, |value, byte| (value << 7) | u64::from(byte & 0x7f)),
        DebugField::Bytes(_) if little => bytes.iter().rev().fold(0, push),
        DebugField::Bytes(_) => bytes.iter().fold(0, push),
    }
}

/// Writes the lowest bits of a number, as many as the field holds.
fn write(bytes: &mut [u8], field: DebugField, number: u64, little: bool) {
    let low = number.to_le_bytes();
    match field {
        DebugField::LowSix => {
            if let (Some(to), [from, ..]) = (bytes.first_mut(), low) {
                *to = (*to & 0xc0) | (from & 0x3f);
            }
        }
        DebugField::Uleb128 => {
            let mut left = number;
            for to in bytes {
                let [from, ..] = left.to_le_bytes();
                *to = (*to & 0x80) | (from & 0x7f);
                left >>= 7;
            }
        }
        DebugField::Bytes(_) if little => bytes.iter_mut().zip(low).for_each(|(to, from)| *to = from),
        DebugField::Bytes(_) => bytes.iter_mut().rev().zip(low).for_each(|(to, from)| *to = from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As binutils writes lengths of RISC-V code: the end is set, then the start is subtracted.
    #[test]
    fn a_distance_in_uleb128_keeps_its_length() {
        let mut bytes = [0xff, 0x80, 0x80, 0x00, 0xff];
        for (subtract, address) in [(false, 0x1234_5678_9abc_u64), (true, 0x1234_5678_8abc)] {
            let at = field_at(&mut bytes, 1, DebugField::Uleb128).expect("it ends");
            let before = number(at, DebugField::Uleb128, true);
            let after = if subtract { before.wrapping_sub(address) } else { address };
            write(at, DebugField::Uleb128, after, true);
        }
        assert_eq!(bytes, [0xff, 0x80, 0xa0, 0x00, 0xff]);
        assert!(field_at(&mut [0x80, 0x80], 0, DebugField::Uleb128).is_none());
    }

    #[test]
    fn six_bits_leave_the_others() {
        let mut bytes = [0x41];
        let at = field_at(&mut bytes, 0, DebugField::LowSix).expect("it is there");
        let before = number(at, DebugField::LowSix, true);
        write(at, DebugField::LowSix, before.wrapping_sub(3), true);
        assert_eq!(bytes, [0x7e]);
    }
}
