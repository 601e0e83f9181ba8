//! One reading of a module's bytes: sections, symbols, strings.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use super::{Bytes, ExtendedVersion, Modinfo, Version, Versions};
use crate::elf::{Elf, Header, Relocation, Section, SectionType, Symbol};
use crate::terms::{Class, ElfMachine, Endian};

/// A module's bytes, read in a class and byte order.
///
/// Strings are read as the kernel reads them: from their offset to the next NUL of the file, whatever section that lies
/// in; of one longer than 1,024 bytes only so much, for no name that a kernel knows is longer, no line of its log either,
/// and a file could make every name as long as itself. Bytes that are not printable ASCII stand as `\xNN`, as `/dev/kmsg`
/// shows them.
#[derive(Debug)]
pub struct ModuleElf {
    bytes: Bytes,
    class: Class,
    endian: Endian,
    header: Option<Header>,
    sections: Vec<Section>,
    symbols: OnceLock<Vec<Symbol>>,
    /// The relocation sections of each section.
    relocating: OnceLock<HashMap<usize, Vec<usize>>>,
    modinfo: OnceLock<Arc<Modinfo>>,
    versions: OnceLock<Option<Arc<Versions>>>,
    last_nul: OnceLock<Option<usize>>,
    all_named: OnceLock<bool>,
}

/// How much of a string is read: the kernel's own names end at 512 bytes (KSYM_NAME_LEN), its log's lines at 1024.
const MAX_STRING: usize = 1024;

/// Bytes as text: printable ASCII as it is, everything else and the backslash as `\xNN`.
pub fn escaped(bytes: &[u8]) -> String {
    as_text(bytes).into_owned()
}

/// The same, without a copy where nothing is to be changed.
pub fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\')
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

impl ModuleElf {
    pub(super) fn new(bytes: Bytes, class: Class, endian: Endian) -> Self {
        let elf = Elf::new(&bytes, class, endian);
        let header = elf.header();
        let sections = header.as_ref().and_then(|header| elf.sections(header)).unwrap_or_default();
        let (symbols, relocating, modinfo, versions) = Default::default();
        let (last_nul, all_named) = Default::default();
        Self { bytes, class, endian, header, sections, symbols, relocating, modinfo, versions, last_nul, all_named }
    }

    pub(super) fn is_reading_of(&self, bytes: &Bytes, class: Class, endian: Endian) -> bool {
        self.class == class && self.endian == endian && self.bytes.is_same(bytes)
    }

    /// The ELF reader over its bytes.
    pub fn elf(&self) -> Elf<'_> {
        Elf::new(&self.bytes, self.class, self.endian)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The string at an offset of the file, without its NUL; `None` beyond the end or without a NUL.
    pub fn string(&self, offset: u64) -> Option<&[u8]> {
        let offset = usize::try_from(offset).ok()?;
        let rest = self.bytes.get(offset..)?;
        let near = rest.get(..MAX_STRING).unwrap_or(rest);
        match near.iter().position(|byte| *byte == 0) {
            Some(end) => near.get(..end),
            None => {
                let last = self.last_nul.get_or_init(|| self.bytes.iter().rposition(|byte| *byte == 0));
                last.is_some_and(|last| last >= offset).then_some(near)
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

    /// All sections of that name.
    pub fn sections_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Section> {
        let named = move |section: &&Section| self.section_name(section) == Some(name.as_bytes());
        self.sections.iter().skip(1).filter(named)
    }

    /// Mirrors `find_sec()`: the first section of that name that has `SHF_ALLOC`.
    pub fn find_sec(&self, name: &str) -> Option<&Section> {
        let named = |section: &&Section| section.is_alloc() && self.section_name(section) == Some(name.as_bytes());
        self.sections.iter().skip(1).find(named)
    }

    /// The bytes of a section, as far as they lie inside the file.
    pub fn contents(&self, section: &Section) -> &[u8] {
        self.elf().contents(section).unwrap_or_default()
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
        self.symbols.get_or_init(|| self.symtab().map(|table| self.elf().symbols(table)).unwrap_or_default())
    }

    /// The name of a symbol; `None` when it lies outside the file.
    pub fn symbol_name(&self, symbol: &Symbol) -> Option<&[u8]> {
        self.string(self.strtab()?.offset.checked_add(symbol.name.into())?)
    }

    /// Do the names of all symbols lie within the file?
    pub fn are_symbols_named(&self) -> bool {
        *self.all_named.get_or_init(|| self.symbols().iter().all(|symbol| self.symbol_name(symbol).is_some()))
    }

    /// The name of a symbol as text.
    pub fn symbol_text(&self, symbol: &Symbol) -> String {
        escaped(self.symbol_name(symbol).unwrap_or_default())
    }

    /// The relocations that apply to a section which occupies memory, of all sections that hold any for it, in order: not
    /// more than the file has room for, unless sections lie over each other.
    pub fn relocations_of(&self, section: usize) -> Vec<Relocation> {
        const SMALLEST: usize = 8;
        let room = self.bytes.len() / SMALLEST;
        let mut all = Vec::new();
        let sections = self.relocating().get(&section).map_or(&[][..], Vec::as_slice);
        for section in sections.iter().filter_map(|index| self.sections.get(*index)) {
            if all.len() >= room {
                break;
            }
            all.extend(self.relocations(section));
        }
        all
    }

    fn relocating(&self) -> &HashMap<usize, Vec<usize>> {
        self.relocating.get_or_init(|| {
            let mut all: HashMap<usize, Vec<usize>> = HashMap::new();
            for section in &self.sections {
                let target = usize::try_from(section.info).ok();
                let target = target.filter(|target| self.sections.get(*target).is_some_and(Section::is_alloc));
                if let Some(target) = target.filter(|_| matches!(section.kind, SectionType::REL | SectionType::RELA)) {
                    all.entry(target).or_default().push(section.index);
                }
            }
            all
        })
    }

    /// The entries of one relocation section.
    pub fn relocations(&self, section: &Section) -> Vec<Relocation> {
        self.elf().relocations(section, self.e_machine())
    }

    /// `.modinfo`, of the first section of that name.
    pub fn modinfo(&self) -> &Arc<Modinfo> {
        self.modinfo.get_or_init(|| Arc::new(Modinfo::new(self.read_modinfo())))
    }

    // "tag=value" NUL, with more NULs between them allowed (include/linux/module.h, MODULE_INFO).
    fn read_modinfo(&self) -> Vec<(String, String)> {
        let section = self.find_sec(".modinfo").or_else(|| self.sections_named(".modinfo").next());
        let Some(bytes) = section.map(|section| self.contents(section)) else { return Vec::new() };
        let strings = bytes.split(|byte| *byte == 0).map(escaped);
        strings.filter_map(|text| text.split_once('=').map(|(tag, value)| (tag.to_owned(), value.to_owned()))).collect()
    }

    /// The name field of `struct module` in `.gnu.linkonce.this_module`: behind the state and the list head.
    pub fn this_module_name(&self, section: &Section) -> Option<String> {
        let (offset, limit) = (3 * self.class.word(), self.class.module_name_len());
        let at = section.offset.checked_add(u64::try_from(offset).ok()?)?;
        let rest = self.bytes.get(usize::try_from(at).ok()?..)?;
        let field = rest.get(..limit).unwrap_or(rest);
        Some(escaped(field.split(|byte| *byte == 0).next().unwrap_or_default()))
    }

    /// Is there a relocation of `this_module` against `symbol` (`init_module`, `cleanup_module`)?
    pub fn this_module_refers_to(&self, section: &Section, symbol: &str) -> bool {
        self.relocations_of(section.index).iter().any(|relocation| {
            let symbols = self.symbols();
            let target = usize::try_from(relocation.symbol).ok().and_then(|index| symbols.get(index));
            target.is_some_and(|target| self.symbol_name(target) == Some(symbol.as_bytes()))
        })
    }

    /// The entries of `__versions`; `None` without that section.
    pub fn symbol_versions(&self) -> Option<&Arc<Versions>> {
        let read = || self.find_sec("__versions").map(|section| Arc::new(Versions::new(self.versions(section))));
        self.versions.get_or_init(read).as_ref()
    }

    /// The entries of a `__versions` section. A name without NUL runs on, as the kernel's comparison does.
    pub fn versions(&self, section: &Section) -> Vec<Version> {
        let (word, bytes) = (self.class.word(), self.contents(section));
        let entries = 0..bytes.len() / 64;
        let read = |index: usize| {
            let name = section.offset.checked_add(u64::try_from(index * 64 + word).ok()?)?;
            let name = escaped(self.string(name)?);
            Some(Version { name, crc: self.elf().number(bytes, index * 64, word)? })
        };
        entries.filter_map(read).collect()
    }

    /// The pairs of `__version_ext_names` and `__version_ext_crcs`.
    pub fn extended_versions(&self, names: &Section, crcs: &Section) -> Vec<ExtendedVersion> {
        let crcs = self.contents(crcs);
        let numbers = (0..crcs.len() / 4).filter_map(|index| self.elf().number(crcs, index * 4, 4));
        let strings = self.contents(names).split(|byte| *byte == 0).map(escaped);
        let crc = |number: u64| u32::try_from(number).unwrap_or_default();
        strings.zip(numbers).map(|(name, number)| ExtendedVersion { name, crc: crc(number) }).collect()
    }
}
