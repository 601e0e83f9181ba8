//! ELF records, widened to one type for both classes.

use object::Endianness;
use object::read::elf::{ProgramHeader, Rel, Rela, SectionHeader, Sym};

use super::names::{SectionFlags, SymbolBinding, SymbolPlace};

/// The fields of the file header that the loader reads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the ELF specification")]
pub struct Header {
    pub magic: [u8; 4],
    pub e_type: u16,
    pub e_machine: u16,
    pub e_entry: u64,
    pub e_phoff: u64,
    pub e_phnum: u16,
    pub e_shoff: u64,
    pub e_flags: u32,
    pub e_shentsize: u16,
    pub e_shnum: u16,
    pub e_shstrndx: u16,
}

impl Header {
    /// Returns whether the file is a relocatable object (`ET_REL`).
    pub const fn is_relocatable(&self) -> bool {
        self.e_type == object::elf::ET_REL
    }
}

/// A section header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its index in the section header table.
    pub index: usize,
    /// `sh_name`: offset into the section name table.
    pub name: u32,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    /// `sh_addr`.
    pub addr: u64,
    /// `sh_offset`.
    pub offset: u64,
    /// `sh_size`.
    pub size: u64,
    /// `sh_link`.
    pub link: u32,
    /// `sh_info`.
    pub info: u32,
    /// `sh_addralign`.
    pub align: u64,
}

impl Section {
    /// Returns whether the section occupies memory when loaded (`SHF_ALLOC`).
    pub const fn is_alloc(&self) -> bool {
        self.flags & SectionFlags::ALLOC != 0
    }

    /// Returns whether the section has contents in the file (neither `SHT_NULL` nor `SHT_NOBITS`).
    pub const fn has_contents(&self) -> bool {
        !matches!(self.kind, super::SectionType::NULL | super::SectionType::NOBITS)
    }

    pub(super) fn read_all<S: SectionHeader<Endian = Endianness>>(headers: &[S], order: Endianness) -> Vec<Self> {
        headers
            .iter()
            .enumerate()
            .map(|(index, header)| Self {
                index,
                name: header.sh_name(order),
                kind: header.sh_type(order),
                flags: header.sh_flags(order).into(),
                addr: header.sh_addr(order).into(),
                offset: header.sh_offset(order).into(),
                size: header.sh_size(order).into(),
                link: header.sh_link(order),
                info: header.sh_info(order),
                align: header.sh_addralign(order).into(),
            })
            .collect()
    }
}

/// A part of the file that is loaded into memory: a program header of type `PT_LOAD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// `p_vaddr`.
    pub address: u64,
    /// `p_offset`.
    pub offset: u64,
    /// `p_filesz`.
    pub file_size: u64,
}

impl Load {
    pub(super) fn read_all<P: ProgramHeader<Endian = Endianness>>(headers: &[P], order: Endianness) -> Vec<Self> {
        let loaded = headers.iter().filter(|header| header.p_type(order) == object::elf::PT_LOAD);
        loaded
            .map(|header| Self {
                address: header.p_vaddr(order).into(),
                offset: header.p_offset(order).into(),
                file_size: header.p_filesz(order).into(),
            })
            .collect()
    }
}

/// An entry of the symbol table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// `st_name`: offset into the string table.
    pub name: u32,
    /// `st_info`.
    pub info: u8,
    /// `st_other`.
    pub other: u8,
    /// `st_shndx`.
    pub shndx: u16,
    /// `st_value`.
    pub value: u64,
    /// `st_size`.
    pub size: u64,
}

impl Symbol {
    /// Returns whether the symbol is weak (`STB_WEAK`): a weak undefined symbol may stay unresolved.
    pub const fn is_weak(&self) -> bool {
        self.info >> 4 == SymbolBinding::WEAK
    }

    /// Returns whether the symbol is local to the object (`STB_LOCAL`).
    pub const fn is_local(&self) -> bool {
        self.info >> 4 == SymbolBinding::LOCAL
    }

    /// Returns whether the symbol is undefined (`SHN_UNDEF`).
    pub const fn is_undefined(&self) -> bool {
        self.shndx == SymbolPlace::UNDEF
    }

    /// `STT_*`: the low four bits of `st_info`.
    pub const fn kind(&self) -> u8 {
        self.info & 0xf
    }

    /// `STV_*`: the low two bits of `st_other`.
    pub const fn visibility(&self) -> u8 {
        self.other & 0x3
    }

    pub(super) fn read_all<S: Sym<Endian = Endianness>>(symbols: &[S], order: Endianness) -> Vec<Self> {
        symbols
            .iter()
            .map(|symbol| Self {
                name: symbol.st_name(order),
                info: symbol.st_info(),
                other: symbol.st_other(),
                shndx: symbol.st_shndx(order),
                value: symbol.st_value(order).into(),
                size: symbol.st_size(order).into(),
            })
            .collect()
    }
}

/// A relocation entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// `r_offset`: the offset in the section that it applies to.
    pub offset: u64,
    /// The index of the symbol.
    pub symbol: u32,
    /// The type, whose meaning depends on the architecture.
    pub kind: u32,
    /// The addend; `None` if it is in the bytes that the relocation applies to (`SHT_REL`).
    pub addend: Option<i64>,
}

impl Relocation {
    pub(super) fn read_rela<R: Rela<Endian = Endianness>>(all: &[R], order: Endianness, mips64el: bool) -> Vec<Self> {
        all.iter().map(|rela| Self::of_rela(rela, order, mips64el)).collect()
    }

    #[inline]
    pub(super) fn of_rela<R: Rela>(rela: &R, order: R::Endian, mips64el: bool) -> Self {
        Self {
            offset: rela.r_offset(order).into(),
            symbol: rela.r_sym(order, mips64el),
            kind: rela.r_type(order, mips64el),
            addend: Some(rela.r_addend(order).into()),
        }
    }

    pub(super) fn read_rel<R: Rel<Endian = Endianness>>(all: &[R], order: Endianness) -> Vec<Self> {
        all.iter()
            .map(|rel| Self {
                offset: rel.r_offset(order).into(),
                symbol: rel.r_sym(order),
                kind: rel.r_type(order),
                addend: None,
            })
            .collect()
    }
}
