//! A module's bytes read as ELF in one class and byte order: sections, symbols, strings.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::loose_symbols::{LooseSymbol, LooseSymbols};
use super::text::{escaped, text_bytes};
use super::this_module::ThisModule;
use super::{Bytes, Modinfo, Versions};
use crate::elf::{Elf, Header, Relocation, Section, SectionType, Symbol};
use crate::terms::{Class, ElfMachine, Endian, ExportedSymbol, name_hash};

/// A module's bytes, read in a class and byte order.
///
/// Strings are read as the kernel reads them: from their offset to the next NUL in the file, in whatever section that
/// NUL is. Of a longer string only the first 1,024 bytes are read: no name in a kernel and no line of its log is
/// longer, and a file could otherwise make every name as long as the file. In text, bytes that are not printable ASCII
/// appear as `\xNN`, as in `/dev/kmsg`.
///
/// What a load asks for is cached, so that the next load does not need the file again.
#[derive(Debug)]
pub struct ModuleElf {
    pub(super) bytes: Bytes,
    class: Class,
    endian: Endian,
    header: Option<Header>,
    sections: Vec<Section>,
    /// The hashes of the sections' names, in the order of the sections; 0 for a name outside the file.
    name_hashes: Vec<u64>,
    all_sections_named: bool,
    distinct_names: bool,
    symbols: OnceLock<Vec<Symbol>>,
    loose: OnceLock<LooseSymbols>,
    /// Pairs of a section that is relocated and a relocation section for it, sorted.
    relocating: OnceLock<Vec<(usize, usize)>>,
    last_nul: OnceLock<Option<usize>>,
    pub(super) kept: Kept,
}

/// Cached results that every load asks for. Reducing the bytes does not discard them.
#[derive(Debug, Default)]
pub(super) struct Kept {
    modinfo: OnceLock<Arc<Modinfo>>,
    versions: OnceLock<Option<Arc<Versions>>>,
    extended_versions: OnceLock<Option<Arc<Versions>>>,
    version_counts: OnceLock<(usize, usize)>,
    exports: OnceLock<Arc<Vec<ExportedSymbol>>>,
    has_too_many_exports: OnceLock<bool>,
    all_symbols_named: OnceLock<bool>,
    names_in_strtab: OnceLock<bool>,
    pub(super) is_randomized: OnceLock<bool>,
    pub(super) this_module_name: OnceLock<Option<Arc<str>>>,
    pub(super) this_module: OnceLock<Arc<ThisModule>>,
}

/// How much memory the tags of `.modinfo` and the versions of symbols take, as a multiple of their sections.
const TEXTS: usize = 2;

/// The section that becomes `struct module`.
pub const THIS_MODULE: &str = ".gnu.linkonce.this_module";

/// How many bytes of a string are read: the kernel's names are at most 512 bytes long (`KSYM_NAME_LEN`), the lines of
/// its log 1,024.
pub(super) const MAX_STRING: usize = 1024;

impl ModuleElf {
    pub(super) fn new(bytes: Bytes, class: Class, endian: Endian) -> Self {
        let header_size = Elf::new(&[], class, endian).header_size();
        let header = Elf::new(bytes.tail(0, header_size), class, endian).header();
        let sections = header.as_ref().and_then(|header| read_sections(&bytes, header, class, endian));
        let mut elf = Self {
            bytes,
            class,
            endian,
            header,
            sections: sections.unwrap_or_default(),
            name_hashes: Vec::new(),
            all_sections_named: true,
            distinct_names: true,
            symbols: OnceLock::new(),
            loose: OnceLock::new(),
            relocating: OnceLock::new(),
            last_nul: OnceLock::new(),
            kept: Kept::default(),
        };
        let names = elf.names_in(elf.shstrtab());
        let hashes: Vec<_> = elf.sections.iter().map(|section| names.at(section.name).map(name_hash)).collect();
        elf.all_sections_named = hashes.iter().skip(1).all(Option::is_some);
        elf.distinct_names = are_distinct(hashes.iter().skip(1).copied());
        elf.name_hashes = hashes.iter().map(|hash| hash.unwrap_or_default()).collect();
        elf
    }

    /// Returns whether this is `bytes` read in that class and byte order.
    pub(super) fn is_reading_of(&self, bytes: &Bytes, class: Class, endian: Endian) -> bool {
        self.class == class && self.endian == endian && self.bytes.is_same(bytes)
    }

    /// Replaces the bytes by a copy of fewer parts, and frees the tables that can be read again. Cached results are
    /// kept.
    pub(super) fn reduce(&mut self, bytes: Bytes) {
        self.bytes = bytes;
        self.symbols = OnceLock::new();
        self.relocating = OnceLock::new();
    }

    /// The ranges of the file that are needed too often to be read again: the names of sections and the byte before
    /// them, and the first and last byte of the string table.
    pub(super) fn often_read(&self) -> Vec<Range<u64>> {
        let table = self.shstrtab().filter(|table| table.size < 1 << 16);
        let range = table.map(|table| table.offset.saturating_sub(1)..table.offset.saturating_add(table.size));
        let ends = self.strtab().filter(|table| table.size > 0).map(|table| {
            let last = table.offset.saturating_add(table.size - 1);
            [table.offset..table.offset.saturating_add(1), last..last.saturating_add(1)]
        });
        range.into_iter().chain(ends.into_iter().flatten()).collect()
    }

    /// A reader without bytes, in the class and byte order of this module.
    pub const fn format(&self) -> Elf<'static> {
        Elf::new(&[], self.class, self.endian)
    }

    /// The bytes that were read.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The string at a file offset, without its NUL, at most 1,024 bytes long; `None` beyond the end of the file, or if
    /// no NUL follows in it.
    pub fn string(&self, offset: u64) -> Option<&[u8]> {
        let offset = usize::try_from(offset).ok().filter(|offset| *offset <= self.bytes.len())?;
        let part = self.bytes.tail(offset, 1);
        if let Some(end) = find_nul(part) {
            return part.get(..end);
        }
        let near = self.bytes.tail(offset, MAX_STRING);
        match find_nul(near) {
            Some(end) => near.get(..end),
            None => {
                let last = self.last_nul.get_or_init(|| memchr::memrchr(0, self.bytes.whole()));
                last.is_some_and(|last| last >= offset).then(|| near.get(..MAX_STRING).unwrap_or(near))
            }
        }
    }

    /// The names in a string table, for a loop over many of them.
    fn names_in<'a>(&'a self, table: Option<&Section>) -> Names<'a> {
        let start = table.map(|table| table.offset);
        let held = start.and_then(|start| usize::try_from(start).ok()).map(|start| self.bytes.tail(start, 0));
        Names { elf: self, start, held: held.unwrap_or_default() }
    }

    /// The ELF header; `None` if the file is shorter.
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// `e_machine`; 0 without an ELF header.
    pub fn e_machine(&self) -> u16 {
        self.header.as_ref().map_or(0, |header| header.e_machine)
    }

    /// The architecture; `None` if gplok does not know it.
    pub fn machine(&self) -> Option<ElfMachine> {
        ElfMachine::from_e_machine(self.e_machine())
    }

    /// The section headers; empty if the table is not inside the file.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The header of the section name table.
    pub fn shstrtab(&self) -> Option<&Section> {
        self.sections.get(usize::from(self.header()?.e_shstrndx))
    }

    /// The name of a section; `None` if it is outside the file.
    pub fn section_name(&self, section: &Section) -> Option<&[u8]> {
        self.string(self.shstrtab()?.offset.checked_add(section.name.into())?)
    }

    /// The name of a section as text.
    pub fn section_text(&self, section: &Section) -> String {
        escaped(self.section_name(section).unwrap_or_default())
    }

    /// Returns whether the names of all sections are inside the file.
    pub const fn are_sections_named(&self) -> bool {
        self.all_sections_named
    }

    /// Returns whether all sections have names, and no two have the same one. May return `false` if two names only
    /// share a hash.
    pub const fn has_distinct_names(&self) -> bool {
        self.distinct_names
    }

    /// All sections with a name, in order.
    pub fn sections_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Section> {
        self.hashed(name_hash(name.as_bytes())).filter(move |section| self.is_named(section, name))
    }

    /// Mirrors `find_sec()` (kernel/module/main.c): the first section with a name and with `SHF_ALLOC`.
    pub fn find_sec(&self, name: &str) -> Option<&Section> {
        self.hashed(name_hash(name.as_bytes())).find(|section| section.is_alloc() && self.is_named(section, name))
    }

    /// Returns whether a section has a name.
    fn is_named(&self, section: &Section, name: &str) -> bool {
        let start = self.shstrtab().and_then(|table| table.offset.checked_add(section.name.into()));
        let start = start.and_then(|start| usize::try_from(start).ok()).filter(|start| *start <= self.bytes.len());
        let Some(start) = start else { return false };
        // Names are short: this compares without a search for the NUL behind the name.
        let bytes = self.bytes.tail(start, name.len() + 1);
        bytes.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }

    /// The sections whose names have a hash.
    fn hashed(&self, hash: u64) -> impl Iterator<Item = &Section> {
        let hashes = self.name_hashes.iter().enumerate().skip(1);
        hashes.filter(move |(_, other)| **other == hash).filter_map(|(index, _)| self.sections.get(index))
    }

    /// The bytes of a section; empty if they are not inside the file, or not in memory.
    pub fn contents(&self, section: &Section) -> &[u8] {
        let end = section.offset.checked_add(section.size);
        let contents = end.filter(|_| section.kind != SectionType::NOBITS);
        contents.and_then(|end| self.bytes.get(section.offset..end)).unwrap_or_default()
    }

    /// The symbol table that the loader uses: the first section of type `SHT_SYMTAB`.
    pub fn symtab(&self) -> Option<&Section> {
        self.sections.iter().skip(1).find(|section| section.kind == SectionType::SYMTAB)
    }

    /// The string table of the symbol table.
    pub fn strtab(&self) -> Option<&Section> {
        self.sections.get(usize::try_from(self.symtab()?.link).ok()?)
    }

    /// All symbols, in order.
    pub fn symbols(&self) -> &[Symbol] {
        self.symbols.get_or_init(|| match self.symtab() {
            Some(table) => self.format().symbols_in(self.contents(table)),
            None => Vec::new(),
        })
    }

    /// The name of a symbol; `None` if it is outside the file.
    pub fn symbol_name(&self, symbol: &Symbol) -> Option<&[u8]> {
        self.string(self.strtab()?.offset.checked_add(symbol.name.into())?)
    }

    /// The name of a symbol as text.
    pub fn symbol_text(&self, symbol: &Symbol) -> String {
        escaped(self.symbol_name(symbol).unwrap_or_default())
    }

    /// Returns whether the names of all symbols are inside the file.
    pub fn are_symbols_named(&self) -> bool {
        *self.kept.all_symbols_named.get_or_init(|| {
            self.are_names_in_strtab() && self.strtab().is_some_and(|table| self.contents(table).last() == Some(&0))
                || self.symbols().iter().all(|symbol| self.symbol_name(symbol).is_some())
        })
    }

    /// Returns whether the names of all symbols begin inside the string table.
    pub fn are_names_in_strtab(&self) -> bool {
        let size = self.strtab().map_or(0, |table| table.size);
        *self.kept.names_in_strtab.get_or_init(|| self.symbols().iter().all(|symbol| u64::from(symbol.name) < size))
    }

    /// The relocations for a section with `SHF_ALLOC`, from all relocation sections for it, in order. Reading stops
    /// after the relocation section that reaches as many entries as the file has room for: only overlapping sections
    /// hold more.
    pub fn relocations_of(&self, section: usize) -> Vec<Relocation> {
        const SMALLEST: usize = 8;
        let room = self.bytes.len() / SMALLEST;
        let mut all = Vec::new();
        let relocating = self.relocating();
        let first = relocating.partition_point(|(target, _)| *target < section);
        let pairs = relocating.get(first..).unwrap_or_default().iter().take_while(|(target, _)| *target == section);
        for section in pairs.filter_map(|(_, index)| self.sections.get(*index)) {
            if all.len() >= room {
                break;
            }
            all.extend(self.relocations(section));
        }
        all
    }

    fn relocating(&self) -> &[(usize, usize)] {
        self.relocating.get_or_init(|| {
            let mut pairs = Vec::new();
            for section in &self.sections {
                if matches!(section.kind, SectionType::REL | SectionType::RELA)
                    && let Ok(target) = usize::try_from(section.info)
                    && self.sections.get(target).is_some_and(Section::is_alloc)
                {
                    pairs.push((target, section.index));
                }
            }
            pairs.sort_unstable();
            pairs
        })
    }

    /// The entries of one relocation section.
    pub fn relocations(&self, section: &Section) -> Vec<Relocation> {
        self.format().relocations_in(self.contents(section), section, self.e_machine())
    }

    /// The contents of `.modinfo`, if they were asked for before. Reads nothing.
    pub fn modinfo_if_read(&self) -> Option<&Arc<Modinfo>> {
        self.kept.modinfo.get()
    }

    /// The contents of `.modinfo`: of the first section with this name and `SHF_ALLOC`, else of the first with this
    /// name.
    pub fn modinfo(&self) -> &Arc<Modinfo> {
        self.kept.modinfo.get_or_init(|| {
            let section = self.find_sec(".modinfo").or_else(|| self.sections_named(".modinfo").next());
            Arc::new(Modinfo::new(section.map(|section| self.contents(section)).unwrap_or_default()))
        })
    }

    /// The entries of `__versions`; `None` without that section. A name without a NUL continues into the following
    /// bytes, as it does for the kernel's comparison.
    pub fn symbol_versions(&self) -> Option<&Arc<Versions>> {
        self.kept.versions.get_or_init(|| self.read_symbol_versions()).as_ref()
    }

    fn read_symbol_versions(&self) -> Option<Arc<Versions>> {
        const ENTRY: usize = 64;
        let section = self.find_sec("__versions")?;
        let word = self.class.word();
        let bytes = self.contents(section);
        let versions = (0..bytes.len() / ENTRY).filter_map(|index| {
            let start = index * ENTRY + word;
            let inside = bytes.get(start..(index + 1) * ENTRY)?;
            let name = match memchr::memchr(0, inside) {
                Some(end) => inside.get(..end)?,
                None => self.string(section.offset.checked_add(u64::try_from(start).ok()?)?)?,
            };
            Some((text_bytes(name), self.format().number(bytes, index * ENTRY, word)?))
        });
        Some(Arc::new(Versions::new(versions)))
    }

    /// The pairs of `__version_ext_names` and `__version_ext_crcs`; `None` without both sections.
    pub fn extended_versions(&self) -> Option<&Arc<Versions>> {
        self.kept.extended_versions.get_or_init(|| self.read_extended_versions()).as_ref()
    }

    fn read_extended_versions(&self) -> Option<Arc<Versions>> {
        let names = self.find_sec("__version_ext_names")?;
        let crcs = self.contents(self.find_sec("__version_ext_crcs")?);
        let numbers = (0..crcs.len() / 4).filter_map(|index| self.format().number(crcs, index * 4, 4));
        let names = self.contents(names).split(|byte| *byte == 0).map(text_bytes);
        Some(Arc::new(Versions::new(names.zip(numbers))))
    }

    /// How many names `__version_ext_names` has, and how many numbers `__version_ext_crcs` has.
    pub fn extended_version_counts(&self) -> (usize, usize) {
        *self.kept.version_counts.get_or_init(|| {
            let contents = |name| self.find_sec(name).map(|section| self.contents(section)).unwrap_or_default();
            let names = contents("__version_ext_names").iter().filter(|byte| **byte == 0).count();
            (names, contents("__version_ext_crcs").len() / 4)
        })
    }

    /// All exports, read in the layout that the tables in the file have. A kernel with another layout reads other
    /// exports.
    pub fn exports(&self) -> &Arc<Vec<ExportedSymbol>> {
        self.kept.exports.get_or_init(|| Arc::new(self.read_exports()))
    }

    /// Returns whether an export table holds more than gplok reads of it.
    pub fn exports_too_many(&self) -> bool {
        *self.kept.has_too_many_exports.get_or_init(|| self.has_too_many_exports())
    }

    /// What stays in memory of the module once its file is freed, with what so many verdicts may say of it, in bytes.
    pub(super) fn size_of_kept(&self, verdicts: usize) -> usize {
        let texts = [".modinfo", "__versions", "__version_ext_names", "__version_ext_crcs"];
        let texts = texts.iter().flat_map(|name| self.sections_named(name)).map(|section| self.contents(section).len());
        let sections = self.sections.len().saturating_mul(size_of::<Section>() + size_of::<u64>());
        let kept = texts.fold(sections, |sum, len| sum.saturating_add(len.saturating_mul(TEXTS)));
        kept.saturating_add(Self::size_of_exports(self.exports())).saturating_add(self.loose().size(verdicts))
    }
}

/// The names in one string table.
struct Names<'a> {
    elf: &'a ModuleElf,
    /// The file offset of the table; `None` without a table.
    start: Option<u64>,
    /// The bytes from there to the first gap, or to the end of the file.
    held: &'a [u8],
}

impl<'a> Names<'a> {
    /// The name at an offset in the table, as [`ModuleElf::string`] reads it.
    fn at(&self, offset: u32) -> Option<&'a [u8]> {
        let held = usize::try_from(offset).ok().and_then(|offset| self.held.get(offset..));
        match held.and_then(|held| held.get(..find_nul(held)?)) {
            Some(name) => Some(name),
            None => self.elf.string(self.start?.checked_add(offset.into())?),
        }
    }
}

/// Reads the section headers; `None` if the table is not inside the file, or not in memory.
fn read_sections(bytes: &Bytes, header: &Header, class: Class, endian: Endian) -> Option<Vec<Section>> {
    let size = usize::from(header.e_shnum) * Elf::new(&[], class, endian).section_header_size();
    let end = header.e_shoff.checked_add(u64::try_from(size).ok()?)?;
    let table = bytes.get(header.e_shoff..end)?;
    Elf::new(table, class, endian).sections(&Header { e_shoff: 0, ..header.clone() })
}

/// The offset of the first NUL among the bytes that are read of a string.
fn find_nul(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(0, bytes.get(..MAX_STRING).unwrap_or(bytes))
}

/// Returns whether every hash is present and no two are equal.
fn are_distinct(hashes: impl Iterator<Item = Option<u64>>) -> bool {
    let Some(mut hashes) = hashes.collect::<Option<Vec<_>>>() else { return false };
    hashes.sort_unstable();
    hashes.is_sorted_by(|one, other| one < other)
}

impl ModuleElf {
    /// The symbols that the loader must resolve or reject, in the order of the symbol table.
    pub fn loose_symbols(&self) -> &[LooseSymbol] {
        self.loose().symbols()
    }

    /// Returns whether findings about all loose symbols would take too much memory.
    pub fn needs_too_many(&self) -> bool {
        self.loose().are_too_many()
    }

    /// The name of a loose symbol; `None` if it is outside the file.
    pub fn loose_name(&self, loose: &LooseSymbol) -> Option<&[u8]> {
        match self.loose().name(loose) {
            Ok(name) => name,
            Err(name) => self.string(self.strtab()?.offset.checked_add(name.into())?),
        }
    }

    /// The undefined symbols, in the order of the symbol table, which is the order of resolution.
    pub fn undefined_symbols(&self) -> impl Iterator<Item = &LooseSymbol> {
        self.loose_symbols().iter().filter(|loose| loose.is_undefined())
    }

    fn loose(&self) -> &LooseSymbols {
        self.loose.get_or_init(|| {
            let names = self.names_in(self.strtab());
            let name = |symbol: &Symbol| names.at(symbol.name);
            LooseSymbols::read(self.symbols(), self.sections().len(), self.bytes.len(), name)
        })
    }
}
