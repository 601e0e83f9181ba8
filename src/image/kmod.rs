//! What kmod's tools read from a module file: its links to other modules (`libkmod/libkmod-elf.c` of kmod 34).

use std::collections::HashSet;

use super::module_elf::ModuleElf;
use super::text::escaped;
use super::{Fault, Image};
use crate::compression::{Compression, DEPMOD_READS, KMOD_READS};
use crate::elf::{Elf, Symbol, SymbolPlace};
use crate::terms::Errno;

/// A symbol that a module exports or needs, as kmod reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmodSymbol {
    /// Its name.
    pub name: String,
    /// Its version; 0 without one.
    pub crc: u64,
    /// Whether the module does without it.
    pub is_weak: bool,
}

/// What kmod says of compressed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmodComplaint {
    /// The kind of compression.
    pub compression: Compression,
    /// The rest of the line.
    pub says: &'static str,
}

/// The links of a module to others, as kmod reads them. kmod does not know licenses, namespaces and extended versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KmodLinks {
    /// The symbols that it exports.
    pub exports: Vec<KmodSymbol>,
    /// The symbols that it needs: the undefined ones, then those that only its versions name, such as `module_layout`.
    pub imports: Vec<KmodSymbol>,
    /// Why kmod cannot read the file: `ENOEXEC` or `EINVAL`, or the error of the operating system.
    pub fault: Option<Errno>,
    /// Why gplok did not read the file, although kmod may: what it links to is not known then.
    pub unread: Option<String>,
    /// What kmod 34 says of compressed data that it cannot read, each time that depmod reads the file.
    pub complaints: Option<[KmodComplaint; DEPMOD_READS]>,
}

impl KmodLinks {
    /// Reads the links of a module. Of a file whose names overlap so much that they are longer than the file, a part of the names
    /// is left out.
    pub fn of(image: &Image) -> Self {
        let not_at_once = image.not_at_once();
        if let Some(why) = unread(image) {
            return Self { unread: Some(why.to_owned()), ..Self::default() };
        }
        let fault = if not_at_once.is_some() { Some(Errno::EINVAL) } else { fault(image) };
        let Some(elf) = image.as_announced().filter(|_| fault.is_none()) else {
            return Self { fault, complaints: complaints(image), ..Self::default() };
        };
        let room = elf.bytes().len();
        Self { exports: within(exports(&elf), room), imports: imports(&elf, room), ..Self::default() }
    }
}

fn complaints(image: &Image) -> Option<[KmodComplaint; DEPMOD_READS]> {
    let (compression, complaints) = image.complaints()?;
    Some(complaints.map(|says| KmodComplaint { compression, says }))
}

/// The first symbols, as many as have names that are no longer together than `room`.
fn within(symbols: impl Iterator<Item = KmodSymbol>, room: usize) -> Vec<KmodSymbol> {
    let mut length = 0_usize;
    let fitting = symbols.take_while(|symbol| {
        length = length.saturating_add(symbol.name.len());
        length <= room
    });
    fitting.collect()
}

/// Why gplok did not read a file for a reason of its own, such as a limit of memory.
fn unread(image: &Image) -> Option<&str> {
    match image.fault()? {
        Fault::Unread(why) if system_error(why).is_none() => Some(why),
        // kmod maps a file of any length.
        Fault::TooLong(why) => Some(why),
        _ => None,
    }
}

/// The error of the operating system that a text ends with.
fn system_error(why: &str) -> Option<Errno> {
    let (_, number) = why.rsplit_once("(os error ")?;
    Errno::from_number(number.strip_suffix(')')?.parse().ok()?)
}

/// Mirrors `kmod_elf_new()`: why it does not take the file.
fn fault(image: &Image) -> Option<Errno> {
    match image.fault() {
        Some(Fault::Unread(why)) => return system_error(why),
        Some(Fault::Broken(_) | Fault::TooLong(_)) => return Some(Errno::EINVAL),
        None => {}
    }
    let bytes = image.contents();
    if bytes.len() < KMOD_READS && image.compression().is_none() {
        return Some(Errno::EINVAL);
    }
    let head = bytes.tail(0, 64);
    if bytes.len() <= 16 || !head.starts_with(b"\x7fELF") {
        return Some(Errno::ENOEXEC);
    }
    let (class, endian) = match Elf::ident(head) {
        Some(ident) => ident,
        None => return Some(Errno::EINVAL),
    };
    let elf = Elf::new(head, class, endian);
    let Some(header) = elf.header() else { return Some(Errno::EINVAL) };
    let table = u64::from(header.e_shnum).saturating_mul(elf.section_header_size() as u64);
    let len = bytes.len() as u64;
    let is_inside = |offset: u64, size: u64| offset.checked_add(size).is_some_and(|end| end <= len);
    if usize::from(header.e_shentsize) != elf.section_header_size() || !is_inside(header.e_shoff, table) {
        return Some(Errno::EINVAL);
    }
    let read = image.reading(bytes, class, endian);
    let names = read.shstrtab().filter(|names| names.index != 0 && is_inside(names.offset, names.size));
    let last = names.and_then(|names| names.offset.checked_add(names.size.checked_sub(1)?));
    let ends_with_nul = last.is_some_and(|last| bytes.get(last..last + 1) == Some(&[0]));
    if ends_with_nul { None } else { Some(Errno::EINVAL) }
}

/// Mirrors `kmod_elf_get_symbols()`: the symbols with a `__crc_` symbol; if there is none, the strings of the export tables, among
/// them namespaces.
fn exports(elf: &ModuleElf) -> impl Iterator<Item = KmodSymbol> {
    let symbols = if elf.are_names_in_strtab() { elf.symbols() } else { &[] };
    let versioned = symbols.iter().skip(1).filter_map(|symbol| {
        let name = elf.symbol_name(symbol)?.strip_prefix(b"__crc_")?;
        Some(KmodSymbol { name: escaped(name), crc: crc(elf, symbol), is_weak: false })
    });
    let mut versioned = versioned.peekable();
    let strings = match versioned.peek() {
        None => elf.sections_named("__ksymtab_strings").next().map(|section| elf.contents(section)),
        Some(_) => None,
    };
    let strings = strings.unwrap_or_default().split(|byte| *byte == 0).filter(|name| !name.is_empty());
    versioned.chain(strings.map(|name| KmodSymbol { name: escaped(name), crc: 0, is_weak: false }))
}

/// Mirrors `kmod_elf_resolve_crc()`: the value of an absolute symbol, or the number that any other refers to.
fn crc(elf: &ModuleElf, symbol: &Symbol) -> u64 {
    if matches!(symbol.shndx, SymbolPlace::ABS | SymbolPlace::UNDEF) {
        return symbol.value;
    }
    let number = elf.sections().get(usize::from(symbol.shndx)).and_then(|section| {
        let at = usize::try_from(symbol.value).ok()?;
        elf.format().number(elf.contents(section), at, 4)
    });
    number.unwrap_or(u64::MAX)
}

/// Mirrors `kmod_elf_get_dependency_symbols()`.
fn imports(elf: &ModuleElf, room: usize) -> Vec<KmodSymbol> {
    const ENTRY: u64 = 64;
    let is_table = elf.find_sec("__versions").is_some_and(|section| section.size.is_multiple_of(ENTRY));
    let versions = elf.symbol_versions().filter(|_| is_table);
    let undefined = elf.undefined_symbols().filter_map(|loose| {
        let name = elf.loose_name(loose).filter(|name| !name.is_empty()).map(escaped)?;
        let crc = versions.and_then(|versions| versions.get(&name)).unwrap_or_default();
        Some(KmodSymbol { name, crc, is_weak: loose.is_weak() })
    });
    let mut all = within(undefined, room);
    let mut met: HashSet<String> =
        all.iter().filter(|_| versions.is_some()).map(|symbol| symbol.name.clone()).collect();
    // Of several entries for a name, only the first counts as met.
    let unmet = versions.into_iter().flat_map(|versions| versions.iter()).filter(|(name, _)| !met.remove(*name));
    let unmet = unmet.map(|(name, crc)| KmodSymbol { name: name.to_owned(), crc, is_weak: false });
    all.extend(unmet);
    all
}
