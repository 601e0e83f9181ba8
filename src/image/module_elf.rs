//! One reading of a module's bytes: sections, symbols, strings.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::loose_symbols::LooseSymbols;
use super::{Bytes, Modinfo, Versions};
use crate::elf::{Elf, Header, Relocation, Section, SectionType, Symbol};
use crate::terms::{Class, ElfMachine, Endian, ExportedSymbol, name_hash};

/// A module's bytes, read in a class and byte order.
///
/// Strings are read as the kernel reads them: from their offset to the next NUL of the file, whatever section that lies
/// in; of one longer than 1,024 bytes only so much, for no name that a kernel knows is longer, no line of its log either,
/// and a file could make every name as long as itself. Bytes that are not printable ASCII stand as `\xNN`, as `/dev/kmsg`
/// shows them.
///
/// What a load has asked for is kept, so that the next one does not need the file again.
#[derive(Debug)]
pub struct ModuleElf {
    pub(super) bytes: Bytes,
    class: Class,
    endian: Endian,
    header: Option<Header>,
    sections: Vec<Section>,
    /// Of the section's names, in their order; names that are not there have one, too.
    name_hashes: Vec<u64>,
    all_sections_named: bool,
    distinct_names: bool,
    symbols: OnceLock<Vec<Symbol>>,
    pub(super) loose: OnceLock<LooseSymbols>,
    /// The sections that are relocated, each with one that relocates it, in order.
    relocating: OnceLock<Vec<(usize, usize)>>,
    last_nul: OnceLock<Option<usize>>,
    kept: Kept,
}

/// What loads ask for again and again.
#[derive(Debug, Default)]
struct Kept {
    modinfo: OnceLock<Arc<Modinfo>>,
    versions: OnceLock<Option<Arc<Versions>>>,
    extended_versions: OnceLock<Option<Arc<Versions>>>,
    version_counts: OnceLock<(usize, usize)>,
    exports: OnceLock<Arc<Vec<ExportedSymbol>>>,
    all_symbols_named: OnceLock<bool>,
    names_in_strtab: OnceLock<bool>,
    this_module_name: OnceLock<Option<Arc<str>>>,
    this_module_functions: OnceLock<[bool; 2]>,
    has_whole_btf: OnceLock<bool>,
}

/// The section that becomes `struct module`.
pub const THIS_MODULE: &str = ".gnu.linkonce.this_module";

/// How much of a string is read: the kernel's own names end at 512 bytes (KSYM_NAME_LEN), its log's lines at 1024.
const MAX_STRING: usize = 1024;

/// Bytes as text: printable ASCII as it is, everything else and the backslash as `\xNN`.
pub fn escaped(bytes: &[u8]) -> String {
    as_text(bytes).into_owned()
}

/// The same, without a copy where nothing is to be changed.
pub fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    if is_plain(bytes)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        match byte {
            b' '..=b'~' if *byte != b'\\' => text.push(char::from(*byte)),
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    Cow::Owned(text)
}

/// The same as bytes: of most names nothing more is ever asked.
fn text_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(bytes) { Cow::Borrowed(bytes) } else { Cow::Owned(escaped(bytes).into_bytes()) }
}

/// Are these the bytes of the text they stand for?
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    // All of them are looked at, several at once.
    bytes.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~') & (*byte != b'\\'))
}

impl ModuleElf {
    pub(super) fn new(bytes: Bytes, class: Class, endian: Endian) -> Self {
        let over = |bytes| Elf::new(bytes, class, endian);
        let size = over(&[]).header_size();
        let header = over(bytes.tail(0, size)).header();
        let sections = header.as_ref().and_then(|header| {
            let size = usize::from(header.e_shnum) * over(&[]).section_header_size();
            let table = bytes.get(header.e_shoff..header.e_shoff.checked_add(u64::try_from(size).ok()?)?)?;
            over(table).sections(&Header { e_shoff: 0, ..header.clone() })
        });
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
        let names = elf.sections.iter().map(|section| elf.section_name(section).map(name_hash));
        let names: Vec<_> = names.collect();
        elf.all_sections_named = names.iter().skip(1).all(Option::is_some);
        elf.distinct_names = are_distinct(names.iter().skip(1).copied());
        elf.name_hashes = names.into_iter().map(|hash| hash.unwrap_or_default()).collect();
        elf
    }

    pub(super) fn is_reading_of(&self, bytes: &Bytes, class: Class, endian: Endian) -> bool {
        self.class == class && self.endian == endian && self.bytes.is_same(bytes)
    }

    /// Replaces the bytes by fewer of them, and frees the tables that can be read again. What loads ask for is kept.
    pub(super) fn reduce(&mut self, bytes: Bytes) {
        self.bytes = bytes;
        self.symbols = OnceLock::new();
        self.relocating = OnceLock::new();
    }

    /// The parts of the file that are looked at too often to be read again: the names of sections, and around them.
    pub(super) fn often_read(&self) -> Vec<Range<u64>> {
        let table = self.shstrtab().filter(|table| table.size < 1 << 16);
        let range = table.map(|table| table.offset.saturating_sub(1)..table.offset.saturating_add(table.size));
        let ends = self.strtab().filter(|table| table.size > 0).map(|table| {
            let last = table.offset.saturating_add(table.size - 1);
            [table.offset..table.offset.saturating_add(1), last..last.saturating_add(1)]
        });
        range.into_iter().chain(ends.into_iter().flatten()).collect()
    }

    /// A reader in its class and byte order, over no bytes.
    pub const fn format(&self) -> Elf<'static> {
        Elf::new(&[], self.class, self.endian)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The string at an offset of the file, without its NUL; `None` beyond the end or without a NUL.
    pub fn string(&self, offset: u64) -> Option<&[u8]> {
        let offset = usize::try_from(offset).ok().filter(|offset| *offset <= self.bytes.len())?;
        let within = |bytes: &'_ [u8]| memchr::memchr(0, bytes.get(..MAX_STRING).unwrap_or(bytes));
        let part = self.bytes.tail(offset, 1);
        if let Some(end) = within(part) {
            return part.get(..end);
        }
        let near = self.bytes.tail(offset, MAX_STRING);
        match within(near) {
            Some(end) => near.get(..end),
            None => {
                let last = self.last_nul.get_or_init(|| memchr::memrchr(0, self.bytes.whole()));
                last.is_some_and(|last| last >= offset).then(|| near.get(..MAX_STRING).unwrap_or(near))
            }
        }
    }

    /// The file header, if there is room for one.
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// `e_machine`; 0 without a header.
    pub fn e_machine(&self) -> u16 {
        self.header.as_ref().map_or(0, |header| header.e_machine)
    }

    /// The architecture, if it is one gplok knows.
    pub fn machine(&self) -> Option<ElfMachine> {
        ElfMachine::from_e_machine(self.e_machine())
    }

    /// The section headers; none when the table does not lie inside the file.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section name table's header.
    pub fn shstrtab(&self) -> Option<&Section> {
        self.sections.get(usize::from(self.header()?.e_shstrndx))
    }

    /// The name of a section; `None` when it lies outside the file.
    pub fn section_name(&self, section: &Section) -> Option<&[u8]> {
        self.string(self.shstrtab()?.offset.checked_add(section.name.into())?)
    }

    /// The name of a section as text.
    pub fn section_text(&self, section: &Section) -> String {
        escaped(self.section_name(section).unwrap_or_default())
    }

    /// Do the names of all sections lie within the file?
    pub const fn are_sections_named(&self) -> bool {
        self.all_sections_named
    }

    /// Have all sections names of their own?
    pub const fn has_distinct_names(&self) -> bool {
        self.distinct_names
    }

    /// All sections of that name.
    pub fn sections_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Section> {
        self.hashed(name_hash(name.as_bytes()))
            .filter(move |section| self.section_name(section) == Some(name.as_bytes()))
    }

    /// Mirrors `find_sec()`: the first section of that name that has `SHF_ALLOC`.
    pub fn find_sec(&self, name: &str) -> Option<&Section> {
        let named = |section: &&Section| section.is_alloc() && self.section_name(section) == Some(name.as_bytes());
        self.hashed(name_hash(name.as_bytes())).find(named)
    }

    /// The sections whose names have that hash.
    fn hashed(&self, hash: u64) -> impl Iterator<Item = &Section> {
        let same = self.sections.iter().zip(&self.name_hashes).skip(1).filter(move |(_, other)| **other == hash);
        same.map(|(section, _)| section)
    }

    /// The bytes of a section; none when they do not lie inside the file.
    pub fn contents(&self, section: &Section) -> &[u8] {
        let end = section.offset.checked_add(section.size);
        let contents = end.filter(|_| section.kind != SectionType::NOBITS);
        contents.and_then(|end| self.bytes.get(section.offset..end)).unwrap_or_default()
    }

    /// The symbol table the loader uses: the first of its type.
    pub fn symtab(&self) -> Option<&Section> {
        self.sections.iter().skip(1).find(|section| section.kind == SectionType::SYMTAB)
    }

    /// The string table of the symbol table.
    pub fn strtab(&self) -> Option<&Section> {
        self.sections.get(usize::try_from(self.symtab()?.link).ok()?)
    }

    /// The symbols, in order.
    pub fn symbols(&self) -> &[Symbol] {
        let read = || self.symtab().map(|table| self.format().symbols_in(self.contents(table))).unwrap_or_default();
        self.symbols.get_or_init(read)
    }

    /// The name of a symbol; `None` when it lies outside the file.
    pub fn symbol_name(&self, symbol: &Symbol) -> Option<&[u8]> {
        self.string(self.strtab()?.offset.checked_add(symbol.name.into())?)
    }

    /// The name of a symbol as text.
    pub fn symbol_text(&self, symbol: &Symbol) -> String {
        escaped(self.symbol_name(symbol).unwrap_or_default())
    }

    /// Do the names of all symbols lie within the file?
    pub fn are_symbols_named(&self) -> bool {
        let ends = |table: &Section| self.contents(table).last() == Some(&0);
        let named = || {
            self.are_names_in_strtab() && self.strtab().is_some_and(ends)
                || self.symbols().iter().all(|symbol| self.symbol_name(symbol).is_some())
        };
        *self.kept.all_symbols_named.get_or_init(named)
    }

    /// Do the names of all symbols begin within the string table?
    pub fn are_names_in_strtab(&self) -> bool {
        let size = self.strtab().map_or(0, |table| table.size);
        let inside = || self.symbols().iter().all(|symbol| u64::from(symbol.name) < size);
        *self.kept.names_in_strtab.get_or_init(inside)
    }

    /// The relocations that apply to a section which occupies memory, of all sections that hold any for it, in order: not
    /// more than the file has room for, unless sections lie over each other.
    pub fn relocations_of(&self, section: usize) -> Vec<Relocation> {
        const SMALLEST: usize = 8;
        let room = self.bytes.len() / SMALLEST;
        let mut all = Vec::new();
        let relocating = self.relocating();
        let first = relocating.partition_point(|(target, _)| *target < section);
        let of_it = relocating.get(first..).unwrap_or_default().iter().take_while(|(target, _)| *target == section);
        for section in of_it.filter_map(|(_, index)| self.sections.get(*index)) {
            if all.len() >= room {
                break;
            }
            all.extend(self.relocations(section));
        }
        all
    }

    fn relocating(&self) -> &[(usize, usize)] {
        self.relocating.get_or_init(|| {
            let relocates = |section: &&Section| matches!(section.kind, SectionType::REL | SectionType::RELA);
            let of = |section: &Section| {
                let target = usize::try_from(section.info).ok()?;
                self.sections.get(target).filter(|target| target.is_alloc())?;
                Some((target, section.index))
            };
            let mut all: Vec<_> = self.sections.iter().filter(relocates).filter_map(of).collect();
            all.sort_unstable();
            all
        })
    }

    /// The entries of one relocation section.
    pub fn relocations(&self, section: &Section) -> Vec<Relocation> {
        self.format().relocations_in(self.contents(section), section, self.e_machine())
    }

    /// `.modinfo`, of the first section of that name.
    pub fn modinfo(&self) -> &Arc<Modinfo> {
        self.kept.modinfo.get_or_init(|| {
            let section = self.find_sec(".modinfo").or_else(|| self.sections_named(".modinfo").next());
            Arc::new(Modinfo::new(section.map(|section| self.contents(section)).unwrap_or_default()))
        })
    }

    /// The name field of `struct module` in that section: behind the state and the list head.
    pub fn this_module_name(&self, section: &Section) -> Option<Arc<str>> {
        let read = || {
            let (offset, limit) = (3 * self.class.word(), self.class.module_name_len());
            let at = usize::try_from(section.offset.checked_add(u64::try_from(offset).ok()?)?).ok()?;
            let rest = (at <= self.bytes.len()).then(|| self.bytes.tail(at, limit))?;
            let field = rest.get(..limit).unwrap_or(rest);
            Some(as_text(field.split(|byte| *byte == 0).next().unwrap_or_default()).into())
        };
        self.once_of_this_module(&self.kept.this_module_name, section, read)
    }

    /// Has it an init function, and an exit function? It has where a relocation of that section, `struct module`, says so.
    pub fn has_init_and_exit(&self, section: &Section) -> [bool; 2] {
        let read = || {
            let (relocations, symbols) = (self.relocations_of(section.index), self.symbols());
            let target = |relocation: &Relocation| symbols.get(usize::try_from(relocation.symbol).ok()?);
            ["init_module", "cleanup_module"].map(|symbol| {
                let named = |target: &Symbol| self.symbol_name(target) == Some(symbol.as_bytes());
                relocations.iter().any(|relocation| target(relocation).is_some_and(named))
            })
        };
        self.once_of_this_module(&self.kept.this_module_functions, section, read)
    }

    /// Keeps what is read of the section that nearly every loader takes for `struct module`.
    fn once_of_this_module<T: Clone>(&self, kept: &OnceLock<T>, section: &Section, read: impl FnOnce() -> T) -> T {
        match self.find_sec(THIS_MODULE) {
            Some(first) if first.index == section.index => kept.get_or_init(read).clone(),
            _ => read(),
        }
    }

    /// The entries of `__versions`; `None` without that section. A name without NUL runs on, as the kernel's comparison does.
    pub fn symbol_versions(&self) -> Option<&Arc<Versions>> {
        let read = || {
            let section = self.find_sec("__versions")?;
            let (word, bytes) = (self.class.word(), self.contents(section));
            let version = |index: usize| {
                let name = section.offset.checked_add(u64::try_from(index * 64 + word).ok()?)?;
                Some((text_bytes(self.string(name)?), self.format().number(bytes, index * 64, word)?))
            };
            Some(Arc::new(Versions::new((0..bytes.len() / 64).filter_map(version))))
        };
        self.kept.versions.get_or_init(read).as_ref()
    }

    /// The pairs of `__version_ext_names` and `__version_ext_crcs`; `None` without both sections.
    pub fn extended_versions(&self) -> Option<&Arc<Versions>> {
        let read = || {
            let (names, crcs) = self.find_sec("__version_ext_names").zip(self.find_sec("__version_ext_crcs"))?;
            let crcs = self.contents(crcs);
            let numbers = (0..crcs.len() / 4).filter_map(|index| self.format().number(crcs, index * 4, 4));
            let names = self.contents(names).split(|byte| *byte == 0).map(text_bytes);
            Some(Arc::new(Versions::new(names.zip(numbers))))
        };
        self.kept.extended_versions.get_or_init(read).as_ref()
    }

    /// How many names and how many numbers these sections have.
    pub fn extended_version_counts(&self) -> (usize, usize) {
        *self.kept.version_counts.get_or_init(|| {
            let contents = |name| self.find_sec(name).map(|section| self.contents(section)).unwrap_or_default();
            let names = contents("__version_ext_names").iter().filter(|byte| **byte == 0).count();
            (names, contents("__version_ext_crcs").len() / 4)
        })
    }

    /// Every export, with the layout its own tables have: what the file says, not what a kernel would see.
    pub fn exports(&self) -> &Arc<Vec<ExportedSymbol>> {
        self.kept.exports.get_or_init(|| Arc::new(self.read_exports()))
    }

    /// Has it type information that its header describes? `judge` says so of the section, once.
    pub(crate) fn has_whole_btf(&self, judge: impl FnOnce() -> bool) -> bool {
        *self.kept.has_whole_btf.get_or_init(judge)
    }
}

/// Is none of the hashes there twice? Nor is any absent.
fn are_distinct(hashes: impl Iterator<Item = Option<u64>>) -> bool {
    let Some(mut hashes) = hashes.collect::<Option<Vec<_>>>() else { return false };
    hashes.sort_unstable();
    hashes.is_sorted_by(|one, other| one < other)
}
