//! A relocatable object as a list of sections and symbols, and how it is written.

use object::elf;
use object::write::elf::{FileHeader, Rel, SectionHeader, SectionIndex, Sym, SymbolIndex, Writer};

use super::profile::Profile;

/// What a relocation or a symbol is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Undefined,
    Section(String),
    /// Any `st_shndx`.
    Index(u16),
}

#[derive(Clone, Debug)]
pub struct Symbol {
    /// What relocations call it by; that of a section is not written.
    pub name: String,
    pub bind: u8,
    pub kind: u8,
    pub other: u8,
    pub place: Place,
    pub value: u64,
    pub size: u64,
}

impl Symbol {
    pub fn new(name: &str, bind: u8, kind: u8, place: Place, value: u64) -> Self {
        Self { name: name.to_owned(), bind, kind, other: 0, place, value, size: 0 }
    }

    pub fn undefined(name: &str, bind: u8) -> Self {
        Self::new(name, bind, elf::STT_NOTYPE, Place::Undefined, 0)
    }
}

#[derive(Clone, Debug)]
pub struct Reloc {
    pub offset: u64,
    pub symbol: String,
    pub kind: u32,
    pub addend: i64,
}

#[derive(Clone, Debug)]
pub struct Section {
    pub name: String,
    pub kind: u32,
    pub flags: u64,
    pub addr: u64,
    pub align: u64,
    pub entsize: u64,
    pub data: Vec<u8>,
    /// For `SHT_NOBITS`, whose data is empty.
    pub size: u64,
    pub relocs: Vec<Reloc>,
}

impl Section {
    pub fn new(name: &str, flags: u32, align: u64, data: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            kind: elf::SHT_PROGBITS,
            flags: u64::from(flags),
            addr: 0,
            align,
            entsize: 0,
            data: data.into(),
            size: 0,
            relocs: Vec::new(),
        }
    }

    pub fn kind(mut self, kind: u32) -> Self {
        self.kind = kind;
        self
    }

    pub fn nobits(name: &str, flags: u32, align: u64, size: u64) -> Self {
        let mut section = Self::new(name, flags, align, []).kind(elf::SHT_NOBITS);
        section.size = size;
        section
    }

    pub fn reloc(mut self, offset: u64, symbol: &str, kind: u32, addend: i64) -> Self {
        self.relocs.push(Reloc { offset, symbol: symbol.to_owned(), kind, addend });
        self
    }
}

/// The object before it is bytes: sections and symbols in file order, without those the writer adds itself.
#[derive(Clone, Debug)]
pub struct Elf {
    pub e_flags: u32,
    pub sections: Vec<Section>,
    pub symbols: Vec<Symbol>,
}

impl Elf {
    pub fn find(&mut self, name: &str) -> Option<&mut Section> {
        self.sections.iter_mut().find(|section| section.name == name)
    }

    pub fn section(&mut self, name: &str) -> &mut Section {
        self.find(name).unwrap_or_else(|| panic!("the module has no section {name}"))
    }

    pub fn remove(&mut self, name: &str) {
        self.sections.retain(|section| section.name != name);
        self.symbols.retain(|symbol| symbol.place != Place::Section(name.to_owned()));
        let kept: Vec<String> = self.symbols.iter().map(|symbol| symbol.name.clone()).collect();
        for section in &mut self.sections {
            section.relocs.retain(|reloc| kept.contains(&reloc.symbol));
        }
    }

    /// The file. Relocation sections follow all others, then come the symbol table and the string tables.
    pub fn write(&self, profile: &Profile) -> Vec<u8> {
        let mut bytes = Vec::new();
        let endian = if profile.little() { object::Endianness::Little } else { object::Endianness::Big };
        let is_64 = profile.arch.class == gplok::terms::Class::Elf64;
        let rela = profile.is_rela();
        let rel_names: Vec<String> =
            self.sections.iter().map(|s| format!("{}{}", if rela { ".rela" } else { ".rel" }, s.name)).collect();
        let mut w = Writer::new(endian, is_64, &mut bytes);
        w.reserve_file_header();
        w.reserve_null_section_index();

        let mut indices: Vec<SectionIndex> = Vec::new();
        let mut names = Vec::new();
        let mut offsets = Vec::new();
        for section in &self.sections {
            names.push(w.add_section_name(section.name.as_bytes()));
            indices.push(w.reserve_section_index());
            offsets.push(w.reserve(section.data.len(), section.align.clamp(1, 64) as usize));
        }
        let index_of = |name: &str| self.sections.iter().position(|s| s.name == name).map(|at| indices[at]);

        // Local symbols come first in every symbol table.
        let mut order: Vec<usize> = (0..self.symbols.len()).collect();
        order.sort_by_key(|at| self.symbols[*at].bind != elf::STB_LOCAL);
        w.reserve_null_symbol_index();
        let mut symbol_names = vec![None; self.symbols.len()];
        let mut symbol_indices = vec![SymbolIndex(0); self.symbols.len()];
        for at in &order {
            let symbol = &self.symbols[*at];
            let named = !symbol.name.is_empty() && symbol.kind != elf::STT_SECTION;
            symbol_names[*at] = named.then(|| w.add_string(symbol.name.as_bytes()));
            symbol_indices[*at] = w.reserve_symbol_index(None);
        }
        let symbol_index =
            |name: &str| self.symbols.iter().position(|s| s.name == name).map_or(0, |at| symbol_indices[at].0);

        let mut rel_headers = Vec::new();
        for (at, section) in self.sections.iter().enumerate().filter(|(_, section)| !section.relocs.is_empty()) {
            let name = w.add_section_name(rel_names[at].as_bytes());
            w.reserve_section_index();
            rel_headers.push((at, name, w.reserve_relocations(section.relocs.len(), rela)));
        }
        w.reserve_symtab_section_index();
        w.reserve_strtab_section_index();
        w.reserve_shstrtab_section_index();
        w.reserve_symtab();
        w.reserve_strtab();
        w.reserve_shstrtab();
        w.reserve_section_headers();

        w.write_file_header(&FileHeader {
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            e_type: elf::ET_REL,
            e_machine: profile.arch.machine.e_machine(),
            e_entry: 0,
            e_flags: self.e_flags,
        })
        .expect("a vector can grow");
        for (section, offset) in self.sections.iter().zip(&offsets) {
            w.pad_until(*offset);
            w.write(&section.data);
        }
        for (at, _, _) in &rel_headers {
            w.write_align_relocation();
            for reloc in &self.sections[*at].relocs {
                w.write_relocation(
                    rela,
                    &Rel {
                        r_offset: reloc.offset,
                        r_sym: symbol_index(&reloc.symbol),
                        r_type: reloc.kind,
                        r_addend: reloc.addend,
                    },
                );
            }
        }
        w.write_null_symbol();
        for at in &order {
            let symbol = &self.symbols[*at];
            let (section, st_shndx) = match &symbol.place {
                Place::Undefined => (None, elf::SHN_UNDEF),
                Place::Index(index) => (None, *index),
                Place::Section(name) => {
                    (Some(index_of(name).unwrap_or_else(|| panic!("no section {name} for {}", symbol.name))), 0)
                }
            };
            w.write_symbol(&Sym {
                name: symbol_names[*at],
                section,
                st_info: symbol.bind << 4 | symbol.kind,
                st_other: symbol.other,
                st_shndx,
                st_value: symbol.value,
                st_size: symbol.size,
            });
        }
        w.write_strtab();
        w.write_shstrtab();
        w.write_null_section_header();
        for ((section, name), offset) in self.sections.iter().zip(&names).zip(&offsets) {
            let sh_size = if section.kind == elf::SHT_NOBITS { section.size } else { section.data.len() as u64 };
            w.write_section_header(&SectionHeader {
                name: Some(*name),
                sh_type: section.kind,
                sh_flags: section.flags,
                sh_addr: section.addr,
                sh_offset: *offset as u64,
                sh_size,
                sh_link: 0,
                sh_info: 0,
                sh_addralign: section.align,
                sh_entsize: section.entsize,
            });
        }
        let symtab = SectionIndex(1 + (self.sections.len() + rel_headers.len()) as u32);
        for (at, name, offset) in &rel_headers {
            w.write_relocation_section_header(
                *name,
                indices[*at],
                symtab,
                *offset,
                self.sections[*at].relocs.len(),
                rela,
            );
        }
        let locals = self.symbols.iter().filter(|symbol| symbol.bind == elf::STB_LOCAL).count() as u32;
        w.write_symtab_section_header(locals + 1);
        w.write_strtab_section_header();
        w.write_shstrtab_section_header();
        bytes
    }
}
