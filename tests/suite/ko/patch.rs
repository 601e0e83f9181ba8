//! Changes to the finished bytes, for what no honest writer would write.

use gplok::terms::{Arch, Class, Endian};

/// A field of the ELF header.
#[derive(Clone, Copy, Debug)]
pub enum Eh {
    Type,
    Machine,
    Version,
    Entry,
    Phoff,
    Shoff,
    Flags,
    Ehsize,
    Phentsize,
    Phnum,
    Shentsize,
    Shnum,
    Shstrndx,
}

/// A field of a section header.
#[derive(Clone, Copy, Debug)]
pub enum Sh {
    Name,
    Type,
    Flags,
    Addr,
    Offset,
    Size,
    Link,
    Info,
    Addralign,
    Entsize,
}

/// A field of a symbol.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "every field of the format is named, used by a case or not")]
pub enum St {
    Name,
    Info,
    Other,
    Shndx,
    Value,
    Size,
}

/// A field of a relocation.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "every field of the format is named, used by a case or not")]
pub enum Re {
    Offset,
    /// The whole of `r_info`: in ELF64 the symbol in the upper and the type in the lower half.
    Info,
    Addend,
}

/// A finished file, addressed by the names of its parts.
///
/// Parts are found through the headers as they are, so patches that break the headers go last.
pub struct Image {
    pub bytes: Vec<u8>,
    arch: Arch,
}

impl Image {
    pub fn new(bytes: Vec<u8>, arch: Arch) -> Self {
        Self { bytes, arch }
    }

    fn read(&self, at: usize, width: usize) -> u64 {
        let bytes = &self.bytes[at..at + width];
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        match self.arch.endian {
            Endian::Little => bytes.iter().rev().fold(0, fold),
            Endian::Big => bytes.iter().fold(0, fold),
        }
    }

    fn write(&mut self, at: usize, width: usize, value: u64) {
        for i in 0..width {
            let shift = if self.arch.endian == Endian::Little { i } else { width - 1 - i } * 8;
            self.bytes[at + i] = (value >> shift) as u8;
        }
    }

    fn pick(&self, elf32: (usize, usize), elf64: (usize, usize)) -> (usize, usize) {
        if self.arch.class == Class::Elf64 { elf64 } else { elf32 }
    }

    fn eh(&self, field: Eh) -> (usize, usize) {
        let (e32, e64) = match field {
            Eh::Type => ((16, 2), (16, 2)),
            Eh::Machine => ((18, 2), (18, 2)),
            Eh::Version => ((20, 4), (20, 4)),
            Eh::Entry => ((24, 4), (24, 8)),
            Eh::Phoff => ((28, 4), (32, 8)),
            Eh::Shoff => ((32, 4), (40, 8)),
            Eh::Flags => ((36, 4), (48, 4)),
            Eh::Ehsize => ((40, 2), (52, 2)),
            Eh::Phentsize => ((42, 2), (54, 2)),
            Eh::Phnum => ((44, 2), (56, 2)),
            Eh::Shentsize => ((46, 2), (58, 2)),
            Eh::Shnum => ((48, 2), (60, 2)),
            Eh::Shstrndx => ((50, 2), (62, 2)),
        };
        self.pick(e32, e64)
    }

    fn sh(&self, field: Sh) -> (usize, usize) {
        let (e32, e64) = match field {
            Sh::Name => ((0, 4), (0, 4)),
            Sh::Type => ((4, 4), (4, 4)),
            Sh::Flags => ((8, 4), (8, 8)),
            Sh::Addr => ((12, 4), (16, 8)),
            Sh::Offset => ((16, 4), (24, 8)),
            Sh::Size => ((20, 4), (32, 8)),
            Sh::Link => ((24, 4), (40, 4)),
            Sh::Info => ((28, 4), (44, 4)),
            Sh::Addralign => ((32, 4), (48, 8)),
            Sh::Entsize => ((36, 4), (56, 8)),
        };
        self.pick(e32, e64)
    }

    fn st(&self, field: St) -> (usize, usize) {
        let (e32, e64) = match field {
            St::Name => ((0, 4), (0, 4)),
            St::Value => ((4, 4), (8, 8)),
            St::Size => ((8, 4), (16, 8)),
            St::Info => ((12, 1), (4, 1)),
            St::Other => ((13, 1), (5, 1)),
            St::Shndx => ((14, 2), (6, 2)),
        };
        self.pick(e32, e64)
    }

    pub fn get(&self, field: Eh) -> u64 {
        let (at, width) = self.eh(field);
        self.read(at, width)
    }

    pub fn set(&mut self, field: Eh, value: u64) {
        let (at, width) = self.eh(field);
        self.write(at, width, value);
    }

    pub fn sections(&self) -> usize {
        self.get(Eh::Shnum) as usize
    }

    fn header(&self, index: usize) -> usize {
        self.get(Eh::Shoff) as usize + index * self.pick((40, 0), (64, 0)).0
    }

    pub fn section_get(&self, index: usize, field: Sh) -> u64 {
        let (at, width) = self.sh(field);
        self.read(self.header(index) + at, width)
    }

    pub fn section_set(&mut self, index: usize, field: Sh, value: u64) {
        let (at, width) = self.sh(field);
        self.write(self.header(index) + at, width, value);
    }

    /// The first section of a name.
    pub fn section(&self, name: &str) -> usize {
        let names = self.section_get(self.get(Eh::Shstrndx) as usize, Sh::Offset) as usize;
        (1..self.sections())
            .find(|index| {
                let at = names + self.section_get(*index, Sh::Name) as usize;
                self.bytes[at..].starts_with(name.as_bytes()) && self.bytes[at + name.len()] == 0
            })
            .unwrap_or_else(|| panic!("the file has no section {name}"))
    }

    /// Where a section's bytes are in the file.
    pub fn range(&self, name: &str) -> std::ops::Range<usize> {
        let index = self.section(name);
        let start = self.section_get(index, Sh::Offset) as usize;
        start..start + self.section_get(index, Sh::Size) as usize
    }

    pub fn patch(&mut self, name: &str, field: Sh, value: u64) {
        self.section_set(self.section(name), field, value);
    }

    /// The index of a symbol, by name.
    pub fn symbol_index(&self, name: &str) -> u64 {
        ((self.symbol(name) - self.range(".symtab").start) / self.pick((16, 0), (24, 0)).0) as u64
    }

    /// The file offset of a symbol's entry, by name.
    fn symbol(&self, name: &str) -> usize {
        let width = self.pick((16, 0), (24, 0)).0;
        let strings = self.range(".strtab").start;
        let (name_at, name_width) = self.st(St::Name);
        self.range(".symtab")
            .step_by(width)
            .find(|at| {
                let text = strings + self.read(at + name_at, name_width) as usize;
                self.bytes[text..].starts_with(name.as_bytes()) && self.bytes[text + name.len()] == 0
            })
            .unwrap_or_else(|| panic!("the file has no symbol {name}"))
    }

    pub fn symbol_set(&mut self, name: &str, field: St, value: u64) {
        let (at, width) = self.st(field);
        self.write(self.symbol(name) + at, width, value);
    }

    /// The file offset of a field of one relocation of an ELF64 `SHT_RELA` section.
    fn reloc(&self, section: &str, index: usize, field: Re) -> usize {
        let field = match field {
            Re::Offset => 0,
            Re::Info => 8,
            Re::Addend => 16,
        };
        self.range(section).start + index * 24 + field
    }

    pub fn reloc_get(&self, section: &str, index: usize, field: Re) -> u64 {
        self.read(self.reloc(section, index, field), 8)
    }

    pub fn reloc_set(&mut self, section: &str, index: usize, field: Re, value: u64) {
        self.write(self.reloc(section, index, field), 8, value);
    }

    /// Appends a copy of a section's header to the table, which moves to the end of the file.
    pub fn duplicate_header(&mut self, name: &str) {
        let width = self.pick((40, 0), (64, 0)).0;
        let (table, count) = (self.get(Eh::Shoff) as usize, self.sections());
        let copy = self.header(self.section(name));
        let mut headers = self.bytes[table..table + count * width].to_vec();
        headers.extend_from_slice(&self.bytes[copy..copy + width]);
        while !self.bytes.len().is_multiple_of(8) {
            self.bytes.push(0);
        }
        let at = self.bytes.len() as u64;
        self.bytes.extend(headers);
        self.set(Eh::Shoff, at);
        self.set(Eh::Shnum, count as u64 + 1);
    }
}
