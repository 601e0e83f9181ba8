//! The constants of the ELF specification that the loader tests.

use object::elf as raw;

/// The values of `sh_type`.
#[derive(Clone, Copy, Debug)]
pub enum SectionType {}

#[allow(missing_docs, reason = "the names are those of the ELF specification")]
impl SectionType {
    pub const NULL: u32 = raw::SHT_NULL;
    pub const PROGBITS: u32 = raw::SHT_PROGBITS;
    pub const SYMTAB: u32 = raw::SHT_SYMTAB;
    pub const STRTAB: u32 = raw::SHT_STRTAB;
    pub const RELA: u32 = raw::SHT_RELA;
    pub const NOTE: u32 = raw::SHT_NOTE;
    pub const NOBITS: u32 = raw::SHT_NOBITS;
    pub const REL: u32 = raw::SHT_REL;
}

/// The bits of `sh_flags`.
#[derive(Clone, Copy, Debug)]
pub enum SectionFlags {}

#[allow(missing_docs, reason = "the names are those of the ELF specification")]
impl SectionFlags {
    pub const WRITE: u64 = raw::SHF_WRITE as u64;
    pub const ALLOC: u64 = raw::SHF_ALLOC as u64;
    pub const EXECINSTR: u64 = raw::SHF_EXECINSTR as u64;
    pub const COMPRESSED: u64 = raw::SHF_COMPRESSED as u64;
    /// The kernel's own flag for relocations that livepatch applies (include/uapi/linux/elf.h).
    pub const RELA_LIVEPATCH: u64 = 0x0010_0000;
}

/// The values of a symbol's binding.
#[derive(Clone, Copy, Debug)]
pub enum SymbolBinding {}

#[allow(missing_docs, reason = "the names are those of the ELF specification")]
impl SymbolBinding {
    pub const LOCAL: u8 = raw::STB_LOCAL;
    pub const GLOBAL: u8 = raw::STB_GLOBAL;
    pub const WEAK: u8 = raw::STB_WEAK;
}

/// The special values of `st_shndx`.
#[derive(Clone, Copy, Debug)]
pub enum SymbolPlace {}

#[allow(missing_docs, reason = "the names are those of the ELF specification")]
impl SymbolPlace {
    pub const UNDEF: u16 = raw::SHN_UNDEF;
    pub const ABS: u16 = raw::SHN_ABS;
    pub const COMMON: u16 = raw::SHN_COMMON;
    /// The kernel's own value for a symbol that livepatch resolves (include/uapi/linux/elf.h).
    pub const LIVEPATCH: u16 = 0xff20;
}

/// The values of a symbol's type.
#[derive(Clone, Copy, Debug)]
pub enum SymbolKind {}

#[allow(missing_docs, reason = "the names are those of the ELF specification")]
impl SymbolKind {
    pub const NOTYPE: u8 = raw::STT_NOTYPE;
    pub const OBJECT: u8 = raw::STT_OBJECT;
    pub const FUNC: u8 = raw::STT_FUNC;
    pub const SECTION: u8 = raw::STT_SECTION;
    pub const FILE: u8 = raw::STT_FILE;
}

/// The values of a symbol's visibility.
#[derive(Clone, Copy, Debug)]
pub enum SymbolVisibility {}

#[allow(missing_docs, reason = "the names are those of the ELF specification")]
impl SymbolVisibility {
    pub const INTERNAL: u8 = raw::STV_INTERNAL;
}
