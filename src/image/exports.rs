//! A module's export tables, in every layout that kernels have used.

use super::ModuleElf;
use super::module_elf::MAX_STRING;
use super::text::escaped;
use crate::elf::{Relocation, Section, SymbolPlace};
use crate::terms::{Crc, ExportKind, ExportedSymbol, NameFilter, Namespace};

/// The export tables in the order in which the loader searches them, each with its table of CRCs.
///
/// The last three were removed in 5.12, `__ksymtab_gpl` in 7.1.
pub const TABLES: [(ExportKind, &str, &str); 5] = [
    (ExportKind::Plain, "__ksymtab", "__kcrctab"),
    (ExportKind::Gpl, "__ksymtab_gpl", "__kcrctab_gpl"),
    (ExportKind::GplFuture, "__ksymtab_gpl_future", "__kcrctab_gpl_future"),
    (ExportKind::Unused, "__ksymtab_unused", "__kcrctab_unused"),
    (ExportKind::UnusedGpl, "__ksymtab_unused_gpl", "__kcrctab_unused_gpl"),
];

/// How many entries of a table are read at most. The kernel itself exports about 15,000 symbols, and no module a tenth
/// of that.
const MAX_ENTRIES: usize = 1 << 14;
/// How many bytes of names and namespaces are read for one table at most. Names may overlap in the file, and have up to 1,024 bytes.
const MAX_TEXT: usize = 4 << 20;
/// The size of the smallest entry in bytes.
const SMALLEST_ENTRY: usize = 8;
/// What an export takes beside its texts, in all lists that it gets into, in bytes.
const EXPORT: usize = 512;
/// In how many such lists its texts are.
const TEXTS: usize = 4;

/// The layout of `struct kernel_symbol` (include/linux/export-internal.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryLayout {
    /// Whether fields are 32-bit relative references (x86 and arm64 since 4.19) instead of pointers.
    pub prel32: bool,
    /// Whether entries have a namespace field (since 5.4).
    pub namespaces: bool,
    /// Whether CRC entries are self-relative references (`CONFIG_MODULE_REL_CRCS`, up to 5.18).
    pub rel_crcs: bool,
}

impl EntryLayout {
    /// The size of a field in bytes; `word` is the size of a pointer.
    pub const fn field(self, word: usize) -> usize {
        if self.prel32 { 4 } else { word }
    }

    /// The size of an entry in bytes; `word` is the size of a pointer.
    pub const fn size(self, word: usize) -> usize {
        self.field(word) * if self.namespaces { 3 } else { 2 }
    }
}

/// One entry of an export table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportEntry {
    /// The symbol with its kind, CRC and namespace.
    pub symbol: ExportedSymbol,
    /// The bytes of its name, if they are not those of its text.
    unescaped_name: Option<Vec<u8>>,
    /// The section index and offset of the symbol itself; `None` if no relocation refers to it.
    pub value: Option<(usize, u64)>,
}

impl ExportEntry {
    /// An entry with the name that its symbol has.
    pub const fn new(symbol: ExportedSymbol) -> Self {
        Self { symbol, unescaped_name: None, value: None }
    }

    /// The bytes of its name, which the loader's binary search compares.
    pub fn raw_name(&self) -> &[u8] {
        self.unescaped_name.as_deref().unwrap_or(self.symbol.name.as_bytes())
    }
}

/// One export table of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportTable {
    /// The kind of export that its section holds.
    pub kind: ExportKind,
    /// The name of its section.
    pub section: &'static str,
    /// Whether the module has a table of CRCs for it.
    pub has_crcs: bool,
    /// The entries in the order of the table.
    pub entries: Vec<ExportEntry>,
    /// Whether relocations write over its versions or kinds, so that the kernel does not find there what the file has.
    pub is_overwritten: bool,
    /// Which names it may have.
    names: NameFilter,
}

impl ExportTable {
    /// A table with these entries.
    pub fn new(kind: ExportKind, section: &'static str, has_crcs: bool, entries: Vec<ExportEntry>) -> Self {
        let names = NameFilter::of(entries.iter().map(ExportEntry::raw_name));
        Self { kind, section, has_crcs, entries, is_overwritten: false, names }
    }

    /// Returns `false` if no entry has the name with this [`name_hash`]. Most tables do not have most names.
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        self.names.may_have(hash)
    }
}

/// Why what a module exports is not known: see [`ModuleElf::exports_too_many`].
pub(crate) const TOO_MANY_EXPORTS: &str =
    "it exports more than gplok reads: 16,384 symbols, or 4 MiB of names and namespaces, of one license";

/// The references in a section, found by the offset of the field that holds them.
struct References<'a> {
    elf: &'a ModuleElf,
    /// In the order of their offsets.
    relocations: Vec<Relocation>,
    section: &'a Section,
}

impl<'a> References<'a> {
    fn new(elf: &'a ModuleElf, section: &'a Section) -> Self {
        let mut relocations = elf.relocations_of(section.index);
        relocations.sort_by_key(|relocation| relocation.offset);
        Self { elf, section, relocations }
    }

    /// The section index and offset that the field at `offset` refers to; `None` if nothing relocates it.
    fn target(&self, offset: usize, width: usize) -> Option<(usize, u64)> {
        let place = u64::try_from(offset).ok()?;
        // The last relocation of a field takes effect.
        let behind = self.relocations.partition_point(|relocation| relocation.offset <= place);
        let relocation = self.relocations.get(behind.checked_sub(1)?).filter(|last| last.offset == place)?;
        let symbol = self.elf.symbols().get(usize::try_from(relocation.symbol).ok()?)?;
        let addend = match relocation.addend {
            Some(addend) => addend.cast_unsigned(),
            None => self.elf.format().number(self.elf.contents(self.section), offset, width)?,
        };
        Some((usize::from(symbol.shndx), symbol.value.wrapping_add(addend)))
    }

    /// The string that the field at `offset` refers to; the bytes of the field itself if nothing relocates it.
    fn string(&self, offset: usize, width: usize) -> Option<&'a [u8]> {
        let (index, offset) = match self.target(offset, width) {
            Some(target) => target,
            None => (self.section.index, u64::try_from(offset).ok()?),
        };
        let section = self.elf.sections().get(index)?;
        self.elf.string(section.offset.checked_add(offset)?)
    }
}

/// Returns whether a text can be the name of a symbol. In the wrong layout, code is read as names.
fn is_name(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_graphic)
}

impl ModuleElf {
    /// The layout of the module's own export tables, determined from the distances between their relocations; `None`
    /// without exports.
    pub fn announced_layout(&self) -> Option<EntryLayout> {
        let mut tables = TABLES.iter().filter_map(|(_, name, _)| self.find_sec(name));
        let section = tables.find(|section| section.size > 0)?;
        let mut offsets: Vec<_> =
            self.relocations_of(section.index).iter().map(|relocation| relocation.offset).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let word = u64::try_from(self.format().class().word()).ok()?;
        let distances = offsets.iter().zip(offsets.iter().skip(1)).map(|(low, high)| high - low);
        // Any other distance belongs to a damaged table.
        let field = distances.filter(|distance| [4, word].contains(distance)).min().unwrap_or(word);
        let prel32 = field == 4 && (word == 8 || self.header().is_some_and(|header| header.e_machine == 3));
        let namespaces = self.has_names_in_threes(section, field);
        Some(EntryLayout { prel32, namespaces, rel_crcs: false })
    }

    /// Returns whether an export table consists of entries with three fields of `field` bytes, the second of which
    /// always refers to a name.
    fn has_names_in_threes(&self, section: &Section, field: u64) -> bool {
        let references = References::new(self, section);
        let size = usize::try_from(3 * field).unwrap_or(usize::MAX);
        let count = self.contents(section).len().checked_div(size).unwrap_or_default();
        let name = usize::try_from(field).unwrap_or_default();
        section.size.is_multiple_of(3 * field)
            && (0..count).all(|index| references.string(index * size + name, name).is_some_and(is_name))
    }

    /// Reads one of [`TABLES`]; `None` if the module does not have its section.
    pub fn export_table(&self, kind: ExportKind, layout: EntryLayout) -> Option<ExportTable> {
        let (_, section_name, crcs_name) = TABLES.into_iter().find(|(table, ..)| *table == kind)?;
        let section = self.find_sec(section_name)?;
        let crcs = self.find_sec(crcs_name);
        let references = References::new(self, section);
        let word = self.format().class().word();
        let field = layout.field(word);
        let size = layout.size(word);
        let count = (self.contents(section).len() / size).min(MAX_ENTRIES);
        let crc_references = crcs.map(|crcs| References::new(self, crcs));
        let mut entries = Vec::with_capacity(count);
        let mut text = 0;
        for index in 0..count {
            let at = index * size;
            let raw_name = references.string(at + field, field).unwrap_or_default();
            let namespace = if layout.namespaces { references.string(at + 2 * field, field) } else { None };
            text += raw_name.len() + namespace.map_or(0, <[u8]>::len);
            if text > MAX_TEXT {
                break;
            }
            let namespace = namespace.and_then(|text| Namespace::new(&escaped(text)));
            let crc = crc_references.as_ref().and_then(|references| self.crc(references, index, layout.rel_crcs));
            let symbol = ExportedSymbol { name: escaped(raw_name), kind, crc, namespace };
            let unescaped_name = (symbol.name.as_bytes() != raw_name).then(|| raw_name.to_vec());
            entries.push(ExportEntry { symbol, unescaped_name, value: references.target(at, field) });
        }
        Some(ExportTable::new(kind, section_name, crcs.is_some(), entries))
    }

    /// Reads a CRC. The number is in the table itself (since 5.19), or is the value of an absolute symbol `__crc_NAME`
    /// (before), or, with relative CRCs, is where the entry points.
    fn crc(&self, crcs: &References<'_>, index: usize, relative: bool) -> Option<Crc> {
        let bytes = self.contents(crcs.section);
        let number = match crcs.target(index * 4, 4) {
            None => self.format().number(bytes, index * 4, 4)?,
            Some((shndx, value)) if relative && shndx != usize::from(SymbolPlace::ABS) => {
                let target = self.contents(self.sections().get(shndx)?);
                self.format().number(target, usize::try_from(value).ok()?, 4)?
            }
            Some((_, value)) => value & u64::from(u32::MAX),
        };
        u32::try_from(number).ok().map(Crc)
    }

    /// Returns whether an export table holds more than is read of it: so many entries, or texts in sum.
    pub(super) fn has_too_many_exports(&self) -> bool {
        let Some(layout) = self.announced_layout() else { return false };
        let field = layout.field(self.format().class().word());
        TABLES.iter().filter_map(|(_, name, _)| self.find_sec(name)).any(|section| {
            let len = self.contents(section).len();
            if len / SMALLEST_ENTRY > MAX_ENTRIES {
                return true;
            }
            // As many fields as fit may refer to texts.
            let fields = len / field;
            if fields.saturating_mul(MAX_STRING) <= MAX_TEXT {
                return false;
            }
            let references = References::new(self, section);
            let texts = (0..fields).filter_map(|index| references.string(index * field, field));
            texts.map(<[u8]>::len).sum::<usize>() > MAX_TEXT
        })
    }

    /// What exports take in memory, with what is kept of them in other lists, in bytes.
    pub(super) fn size_of_exports(exports: &[ExportedSymbol]) -> usize {
        let space = |export: &ExportedSymbol| export.namespace.as_ref().map_or(0, |namespace| namespace.as_str().len());
        exports.iter().map(|export| EXPORT + TEXTS * (export.name.len() + space(export))).sum()
    }

    /// Reads all export tables in the layout that they have in the file. The flags of `__kflagstab` decide the kinds,
    /// if there are any.
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
