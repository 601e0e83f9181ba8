//! A module's export tables, in every layout there has been.

use super::ModuleElf;
use super::module_elf::escaped;
use crate::elf::{Relocation, Section, SymbolPlace};
use crate::terms::{Crc, ExportKind, ExportedSymbol, Namespace};

/// The export tables, in the order the loader searches them, with the tables of their CRCs.
///
/// The last three are gone since 5.12, `__ksymtab_gpl` since 7.1.
pub const TABLES: [(ExportKind, &str, &str); 5] = [
    (ExportKind::Plain, "__ksymtab", "__kcrctab"),
    (ExportKind::Gpl, "__ksymtab_gpl", "__kcrctab_gpl"),
    (ExportKind::GplFuture, "__ksymtab_gpl_future", "__kcrctab_gpl_future"),
    (ExportKind::Unused, "__ksymtab_unused", "__kcrctab_unused"),
    (ExportKind::UnusedGpl, "__ksymtab_unused_gpl", "__kcrctab_unused_gpl"),
];

/// How many entries of a table are read. The kernel itself exports some 15,000 symbols, and no module a tenth of that.
const MAX_ENTRIES: usize = 1 << 16;

/// The layout of `struct kernel_symbol` (include/linux/export-internal.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryLayout {
    /// 32-bit relative references (x86 and arm64 since 4.19) instead of pointers.
    pub prel32: bool,
    /// With a namespace field (since 5.4).
    pub namespaces: bool,
    /// CRC entries are self-relative references (`CONFIG_MODULE_REL_CRCS`, up to 5.18).
    pub rel_crcs: bool,
}

impl EntryLayout {
    /// Bytes of one field.
    pub const fn field(self, word: usize) -> usize {
        if self.prel32 { 4 } else { word }
    }

    /// Bytes of one entry.
    pub const fn size(self, word: usize) -> usize {
        self.field(word) * if self.namespaces { 3 } else { 2 }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportEntry {
    /// The symbol with kind, CRC and namespace.
    pub symbol: ExportedSymbol,
    /// The bytes of its name: what the loader's binary search compares.
    pub raw_name: Vec<u8>,
    /// The section and offset of the symbol itself, if its relocation tells.
    pub value: Option<(usize, u64)>,
}

/// One export table of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportTable {
    /// The kind its section stands for.
    pub kind: ExportKind,
    /// Its section's name.
    pub section: &'static str,
    /// Has it CRCs?
    pub has_crcs: bool,
    /// The entries, in the order of the table.
    pub entries: Vec<ExportEntry>,
}

/// Looks up what a relocation refers to by its place.
struct Places<'a> {
    elf: &'a ModuleElf,
    /// In order of place.
    relocations: Vec<Relocation>,
    section: &'a Section,
}

impl<'a> Places<'a> {
    fn new(elf: &'a ModuleElf, section: &'a Section) -> Self {
        let mut relocations = elf.relocations_of(section.index);
        relocations.sort_by_key(|relocation| relocation.offset);
        Self { elf, section, relocations }
    }

    /// Section and offset that the field at `offset` refers to.
    fn target(&self, offset: usize, width: usize) -> Option<(usize, u64)> {
        let place = u64::try_from(offset).ok()?;
        // Of several the last counts.
        let behind = self.relocations.partition_point(|relocation| relocation.offset <= place);
        let relocation = self.relocations.get(behind.checked_sub(1)?).filter(|last| last.offset == place)?;
        let symbol = self.elf.symbols().get(usize::try_from(relocation.symbol).ok()?)?;
        let implicit = || self.elf.format().number(self.elf.contents(self.section), offset, width);
        let addend = relocation.addend.map_or_else(implicit, |addend| Some(addend.cast_unsigned()))?;
        Some((usize::from(symbol.shndx), symbol.value.wrapping_add(addend)))
    }

    /// The string that the field at `offset` refers to; the field's own bytes where nothing relocates it.
    fn string(&self, offset: usize, width: usize) -> Option<&'a [u8]> {
        let (index, offset) = match self.target(offset, width) {
            Some(target) => target,
            None => (self.section.index, u64::try_from(offset).ok()?),
        };
        let section = self.elf.sections().get(index)?;
        self.elf.string(section.offset.checked_add(offset)?)
    }
}

/// Can it be the name of a symbol? With the wrong layout code is read as one.
fn is_name(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_graphic)
}

impl ModuleElf {
    /// The layout its own export tables have, told by the distance of their relocations; `None` without exports.
    pub fn announced_layout(&self) -> Option<EntryLayout> {
        let (_, table, _) = TABLES.iter().find(|(_, name, _)| self.find_sec(name).is_some_and(|s| s.size > 0))?;
        let section = self.find_sec(table)?;
        let mut offsets: Vec<_> =
            self.relocations_of(section.index).iter().map(|relocation| relocation.offset).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let word = u64::try_from(self.format().class().word()).ok()?;
        let distances = offsets.iter().zip(offsets.iter().skip(1)).map(|(low, high)| high - low);
        // Any other distance is of a damaged table.
        let field = distances.filter(|distance| [4, word].contains(distance)).min().unwrap_or(word);
        let prel32 = field == 4 && (word == 8 || self.header().is_some_and(|header| header.e_machine == 3));
        let strings = |fields: u64| {
            let places = Places::new(self, section);
            let size = usize::try_from(fields * field).unwrap_or(usize::MAX);
            let count = self.contents(section).len().checked_div(size).unwrap_or_default();
            let name = usize::try_from(field).unwrap_or_default();
            section.size % (fields * field) == 0
                && (0..count).all(|index| places.string(index * size + name, name).is_some_and(is_name))
        };
        Some(EntryLayout { prel32, namespaces: strings(3), rel_crcs: false })
    }

    /// Reads one of [`TABLES`]; `None` when the section is not there.
    pub fn export_table(&self, kind: ExportKind, layout: EntryLayout) -> Option<ExportTable> {
        let (_, section_name, crcs_name) = TABLES.into_iter().find(|(table, ..)| *table == kind)?;
        let section = self.find_sec(section_name)?;
        let crcs = self.find_sec(crcs_name);
        let (places, word) = (Places::new(self, section), self.format().class().word());
        let (field, size) = (layout.field(word), layout.size(word));
        let count = (self.contents(section).len() / size).min(MAX_ENTRIES);
        let crc_places = crcs.map(|crcs| Places::new(self, crcs));
        let read = |index: usize| {
            let at = index * size;
            let raw_name = places.string(at + field, field).unwrap_or_default().to_vec();
            let namespace = layout.namespaces.then(|| places.string(at + 2 * field, field)).flatten().map(escaped);
            let crc = crc_places.as_ref().and_then(|places| self.crc(places, index, layout.rel_crcs));
            let namespace = namespace.and_then(|text| Namespace::new(&text));
            let symbol = ExportedSymbol { name: escaped(&raw_name), kind, crc, namespace };
            ExportEntry { symbol, raw_name, value: places.target(at, field) }
        };
        let entries = (0..count).map(read).collect();
        Some(ExportTable { kind, section: section_name, has_crcs: crcs.is_some(), entries })
    }

    // A CRC stands in the table itself (since 5.19), or is the value of an absolute symbol `__crc_NAME` (before), or, with
    // relative CRCs, lies where the entry points.
    fn crc(&self, places: &Places<'_>, index: usize, relative: bool) -> Option<Crc> {
        let bytes = self.contents(places.section);
        let number = match places.target(index * 4, 4) {
            None => self.format().number(bytes, index * 4, 4)?,
            Some((shndx, value)) if relative && shndx != usize::from(SymbolPlace::ABS) => {
                let target = self.contents(self.sections().get(shndx)?);
                self.format().number(target, usize::try_from(value).ok()?, 4)?
            }
            Some((_, value)) => value & u64::from(u32::MAX),
        };
        u32::try_from(number).ok().map(Crc)
    }

    pub(super) fn read_exports(&self) -> Vec<ExportedSymbol> {
        let Some(layout) = self.announced_layout() else { return Vec::new() };
        let tables = TABLES.iter().filter_map(|(kind, ..)| self.export_table(*kind, layout));
        let mut exports: Vec<_> = tables.flat_map(|table| table.entries).map(|entry| entry.symbol).collect();
        if let Some(flags) = self.find_sec("__kflagstab").map(|section| self.contents(section)) {
            for (export, flag) in exports.iter_mut().zip(flags) {
                export.kind = if flag & 1 == 0 { ExportKind::Plain } else { ExportKind::Gpl };
            }
        }
        exports
    }
}
