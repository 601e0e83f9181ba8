//! ELF bytes as records: the only room that names the `object` crate.
//!
//! Class and byte order are erased: every field is widened to one Rust type. Reading is lenient: it records what is there and
//! does not validate it. Every offset from the file is checked against the bounds before it is followed.

mod compressed;
mod debug_relocation;
mod names;
mod records;
mod relocation_name;

pub use compressed::{CompressedSection, SectionCompression};
pub use debug_relocation::{DebugField, DebugRelocation, is_relative, is_short};
pub use names::{SectionFlags, SectionType, SymbolBinding, SymbolKind, SymbolPlace, SymbolVisibility};
pub use records::{Header, Load, Relocation, Section, Symbol};
pub use relocation_name::relocation_name;

use object::elf as raw;
use object::read::ReadRef;
use object::{Endianness, LittleEndian, pod::Pod};

use crate::terms::{Class, Endian};

/// The bytes of an ELF file, with the class and byte order to read them in.
///
/// The caller gives both, because the kernel reads a module in its own class and byte order, whatever `e_ident` says.
#[derive(Clone, Copy, Debug)]
pub struct Elf<'data> {
    data: &'data [u8],
    class: Class,
    endian: Endian,
}

impl<'data> Elf<'data> {
    /// Reads `data` as `class` and `endian`.
    pub const fn new(data: &'data [u8], class: Class, endian: Endian) -> Self {
        Self { data, class, endian }
    }

    /// The class and byte order in `e_ident`; `None` if either is invalid.
    pub fn ident(data: &[u8]) -> Option<(Class, Endian)> {
        let class = match *data.get(4)? {
            raw::ELFCLASS32 => Class::Elf32,
            raw::ELFCLASS64 => Class::Elf64,
            _ => return None,
        };
        let endian = match *data.get(5)? {
            raw::ELFDATA2LSB => Endian::Little,
            raw::ELFDATA2MSB => Endian::Big,
            _ => return None,
        };
        Some((class, endian))
    }

    /// The bytes.
    pub const fn data(self) -> &'data [u8] {
        self.data
    }

    /// The class that the bytes are read in.
    pub const fn class(self) -> Class {
        self.class
    }

    /// The byte order that the bytes are read in.
    pub const fn endian(self) -> Endian {
        self.endian
    }

    /// `sizeof(Elf_Ehdr)`.
    pub const fn header_size(self) -> usize {
        match self.class {
            Class::Elf32 => size_of::<raw::FileHeader32<Endianness>>(),
            Class::Elf64 => size_of::<raw::FileHeader64<Endianness>>(),
        }
    }

    /// `sizeof(Elf_Shdr)`.
    pub const fn section_header_size(self) -> usize {
        match self.class {
            Class::Elf32 => size_of::<raw::SectionHeader32<Endianness>>(),
            Class::Elf64 => size_of::<raw::SectionHeader64<Endianness>>(),
        }
    }

    /// `sizeof(Elf_Sym)`.
    pub const fn symbol_size(self) -> usize {
        match self.class {
            Class::Elf32 => size_of::<raw::Sym32<Endianness>>(),
            Class::Elf64 => size_of::<raw::Sym64<Endianness>>(),
        }
    }

    const fn order(self) -> Endianness {
        match self.endian {
            Endian::Little => Endianness::Little,
            Endian::Big => Endianness::Big,
        }
    }

    /// The file header, if the file is long enough to hold one.
    pub fn header(self) -> Option<Header> {
        match self.class {
            Class::Elf32 => self.read::<raw::FileHeader32<Endianness>>(0).map(|h| Header::read(h, self.order())),
            Class::Elf64 => self.read::<raw::FileHeader64<Endianness>>(0).map(|h| Header::read(h, self.order())),
        }
    }

    /// The section headers at `e_shoff`; `None` if they do not lie inside the file.
    pub fn sections(self, header: &Header) -> Option<Vec<Section>> {
        let offset = header.e_shoff;
        let count = usize::from(header.e_shnum);
        let order = self.order();
        Some(match self.class {
            Class::Elf32 => Section::read_all(self.slice::<raw::SectionHeader32<Endianness>>(offset, count)?, order),
            Class::Elf64 => Section::read_all(self.slice::<raw::SectionHeader64<Endianness>>(offset, count)?, order),
        })
    }

    /// The parts of the file that are loaded into memory (`PT_LOAD`); empty if the program headers do not lie inside the file.
    pub fn loads(self, header: &Header) -> Vec<Load> {
        let offset = header.e_phoff;
        let count = usize::from(header.e_phnum);
        let order = self.order();
        let loads = match self.class {
            Class::Elf32 => {
                self.slice::<raw::ProgramHeader32<Endianness>>(offset, count).map(|all| Load::read_all(all, order))
            }
            Class::Elf64 => {
                self.slice::<raw::ProgramHeader64<Endianness>>(offset, count).map(|all| Load::read_all(all, order))
            }
        };
        loads.unwrap_or_default()
    }

    /// The bytes of a section; `None` if they do not lie inside the file, empty for `SHT_NOBITS`.
    pub fn contents(self, section: &Section) -> Option<&'data [u8]> {
        if section.kind == SectionType::NOBITS {
            return Some(&[]);
        }
        self.data.read_bytes_at(section.offset, section.size).ok()
    }

    /// The symbols of a symbol table; empty if it does not lie inside the file.
    pub fn symbols(self, table: &Section) -> Vec<Symbol> {
        self.symbols_in(self.contents(table).unwrap_or_default())
    }

    /// The symbols in the bytes of a symbol table.
    pub fn symbols_in(self, bytes: &[u8]) -> Vec<Symbol> {
        match self.class {
            Class::Elf32 => Symbol::read_all(whole::<raw::Sym32<Endianness>>(bytes), self.order()),
            Class::Elf64 => Symbol::read_all(whole::<raw::Sym64<Endianness>>(bytes), self.order()),
        }
    }

    /// The relocations in the bytes of a section of type `SHT_REL` or `SHT_RELA`.
    ///
    /// `e_machine` is needed because little-endian mips64 has its own layout of `r_info`.
    pub fn relocations_in(self, bytes: &[u8], section: &Section, e_machine: u16) -> Vec<Relocation> {
        let order = self.order();
        let mips64el = e_machine == raw::EM_MIPS && self.class == Class::Elf64 && self.endian == Endian::Little;
        let rela = section.kind == SectionType::RELA;
        match (self.class, rela) {
            (Class::Elf32, true) => Relocation::read_rela(whole::<raw::Rela32<Endianness>>(bytes), order, false),
            (Class::Elf64, true) => Relocation::read_rela(whole::<raw::Rela64<Endianness>>(bytes), order, mips64el),
            (Class::Elf32, false) => Relocation::read_rel(whole::<raw::Rel32<Endianness>>(bytes), order),
            (Class::Elf64, false) => Relocation::read_rel(whole::<raw::Rel64<Endianness>>(bytes), order),
        }
    }

    /// The unsigned number of `width` bytes (at most 8) at `offset` of `bytes`.
    pub fn number(self, bytes: &[u8], offset: usize, width: usize) -> Option<u64> {
        let field = bytes.get(offset..offset.checked_add(width)?)?;
        let push = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        Some(match self.endian {
            Endian::Big => field.iter().fold(0, push),
            Endian::Little => field.iter().rev().fold(0, push),
        })
    }

    fn read<T: Pod>(self, offset: u64) -> Option<&'data T> {
        self.data.read_at::<T>(offset).ok()
    }

    fn slice<T: Pod>(self, offset: u64, count: usize) -> Option<&'data [T]> {
        self.data.read_slice_at::<T>(offset, count).ok()
    }
}

/// The relocations in the bytes of a section of type `SHT_RELA` of a 64-bit little-endian object that is not mips. No list of them
/// is built.
pub fn rela64_le(bytes: &[u8]) -> impl Iterator<Item = Relocation> {
    whole::<raw::Rela64<LittleEndian>>(bytes).iter().map(|rela| Relocation::of_rela(rela, LittleEndian, false))
}

/// All whole records of `bytes`. A remainder shorter than a record is ignored, as with the kernel's divisions.
fn whole<T: Pod>(bytes: &[u8]) -> &[T] {
    object::pod::slice_from_bytes::<T>(bytes, bytes.len() / size_of::<T>()).map_or(&[], |(records, _)| records)
}

impl Header {
    fn read<H: object::read::elf::FileHeader<Endian = Endianness>>(header: &H, order: Endianness) -> Self {
        let ident = header.e_ident();
        Self {
            magic: ident.magic,
            e_type: header.e_type(order),
            e_machine: header.e_machine(order),
            e_entry: header.e_entry(order).into(),
            e_phoff: header.e_phoff(order).into(),
            e_phnum: header.e_phnum(order),
            e_shoff: header.e_shoff(order).into(),
            e_flags: header.e_flags(order),
            e_shentsize: header.e_shentsize(order),
            e_shnum: header.e_shnum(order),
            e_shstrndx: header.e_shstrndx(order),
        }
    }
}
