//! Two other readers look at what the builder wrote.

use std::collections::HashSet;

use gplok::terms::{Arch, Class, ElfMachine, Endian};
use object::read::elf::{FileHeader, SectionHeader, Sym};

use crate::cases;
use crate::ko::{KERNELS, Ko, Place, Profile, Section, Sh, Source, Symbol};

/// Name, type, flags, offset, size, link and info of a section.
type SectionFacts = (String, u32, u64, u64, u64, u32, u32);
/// Name, info, section index and value of a symbol.
type SymbolFacts = (String, u8, usize, u64);

fn by_object<E: FileHeader<Endian = object::Endianness>>(bytes: &[u8]) -> (Vec<SectionFacts>, Vec<SymbolFacts>) {
    let header = E::parse(bytes).expect("object reads the header");
    let endian = header.endian().expect("object knows the byte order");
    let sections = header.sections(endian, bytes).expect("object reads the sections");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let facts = sections
        .iter()
        .map(|section| {
            (
                text(sections.section_name(endian, section).expect("object reads section names")),
                section.sh_type(endian),
                section.sh_flags(endian).into(),
                section.sh_offset(endian).into(),
                section.sh_size(endian).into(),
                section.sh_link(endian),
                section.sh_info(endian),
            )
        })
        .collect();
    let symbols = sections.symbols(endian, bytes, object::elf::SHT_SYMTAB).expect("object reads the symbols");
    let symbols = symbols
        .iter()
        .map(|symbol| {
            let name = text(symbol.name(endian, symbols.strings()).expect("object reads symbol names"));
            (name, symbol.st_info(), usize::from(symbol.st_shndx(endian)), symbol.st_value(endian).into())
        })
        .collect();
    (facts, symbols)
}

fn by_goblin(bytes: &[u8]) -> (Vec<SectionFacts>, Vec<SymbolFacts>) {
    let elf = goblin::elf::Elf::parse(bytes).expect("goblin reads the file");
    let sections = elf
        .section_headers
        .iter()
        .map(|section| {
            let name = elf.shdr_strtab.get_at(section.sh_name).expect("goblin reads section names").to_owned();
            (
                name,
                section.sh_type,
                section.sh_flags,
                section.sh_offset,
                section.sh_size,
                section.sh_link,
                section.sh_info,
            )
        })
        .collect();
    let symbols = elf
        .syms
        .iter()
        .map(|symbol| {
            let name = elf.strtab.get_at(symbol.st_name).expect("goblin reads symbol names").to_owned();
            (name, symbol.st_info, symbol.st_shndx, symbol.st_value)
        })
        .collect();
    (sections, symbols)
}

fn agree(name: &str, profile: &Profile, bytes: &[u8]) {
    let read = match profile.arch.class {
        Class::Elf64 => by_object::<object::elf::FileHeader64<object::Endianness>>(bytes),
        Class::Elf32 => by_object::<object::elf::FileHeader32<object::Endianness>>(bytes),
    };
    assert_eq!(read, by_goblin(bytes), "{name} for {}", profile.version);
}

/// A module with a bit of everything.
fn everything() -> Ko {
    Ko::new("foo")
        .needs("kfree")
        .needs_weak("nosuch")
        .export("foo_b")
        .export_gpl("foo_a")
        .namespace("FOO")
        .import_ns("BAR")
        .param("n", "param_ops_int")
        .versions()
        .ext_versions()
        .section(Section::nobits(".data..percpu", 3, 8, 64))
        .symbol(Symbol::new("absolute", 0, 0, Place::Index(0xfff1), 0x1234))
}

/// goblin and object read the same sections and symbols, of every architecture.
#[test]
fn readers_agree_on_every_architecture() {
    let arch = |machine, class, endian| Arch { machine, class, endian };
    let other = [
        Arch::X86_64,
        Arch::I386,
        Arch::ARM64,
        arch(ElfMachine::Arm, Class::Elf32, Endian::Little),
        arch(ElfMachine::Riscv, Class::Elf64, Endian::Little),
        arch(ElfMachine::Ppc64, Class::Elf64, Endian::Big),
        arch(ElfMachine::Ppc64, Class::Elf64, Endian::Little),
        arch(ElfMachine::Ppc, Class::Elf32, Endian::Big),
        arch(ElfMachine::S390, Class::Elf64, Endian::Big),
        arch(ElfMachine::Loongarch, Class::Elf64, Endian::Little),
        arch(ElfMachine::Mips, Class::Elf32, Endian::Big),
        arch(ElfMachine::Mips, Class::Elf64, Endian::Little),
    ];
    for arch in other {
        let profile = Profile::synthetic(arch);
        agree("everything", &profile, &everything().build(&profile));
    }
}

/// Modules with debug information are as well-formed.
#[test]
fn readers_agree_on_debug_information() {
    for arch in [Arch::X86_64, Arch::I386, Arch::ARM64] {
        for version in [4, 5] {
            let profile = Profile::synthetic(arch);
            let ko = crate::why::module(Source::new(&[crate::why::unit()]).dwarf(version));
            agree("debug information", &profile, &ko.build(&profile));
        }
    }
}

/// goblin and object read the same sections and symbols in every case that no patch has broken.
#[test]
fn readers_agree_on_every_well_formed_case() {
    for version in KERNELS {
        let profile = Profile::load(version);
        agree("everything", &profile, &everything().build(&profile));
        let mut count = 0;
        for case in
            cases::topics(&profile).iter().flat_map(|topic| &topic.cases).filter(|case| case.ko.is_well_formed())
        {
            // With two symbol tables everybody may choose.
            if case.name != "symtab-none" {
                agree(&case.name, &profile, &case.ko.build(&profile));
                count += 1;
            }
        }
        assert!(count > 300, "{version}: only {count} well-formed cases");
    }
}

/// The profiles say what the kernels' own files say.
#[test]
fn profiles_fit_their_kernels() {
    for version in KERNELS {
        let profile = Profile::load(version);
        assert!(profile.vermagic.starts_with(&format!("{} ", profile.release)), "{version}");
        assert_eq!(profile.vermagic.contains("modversions "), profile.modversions(), "{version}");
        assert_eq!(profile.crcs.contains_key("module_layout"), profile.modversions(), "{version}");
        let config = std::fs::read_to_string(Profile::folder(version).join("config")).expect("the config is there");
        assert_eq!(config.contains("CONFIG_MODVERSIONS=y"), profile.modversions(), "{version}");
    }
}

/// Enough cases, each with its own name and its story, and few modules that are the same twice.
#[test]
fn cases_are_many_and_distinct() {
    for version in KERNELS {
        let profile = Profile::load(version);
        let topics = cases::topics(&profile);
        for topic in &topics {
            let mut names = HashSet::new();
            for case in &topic.cases {
                assert!(names.insert(&case.name), "{} is twice in {}", case.name, topic.name);
                assert!(!case.what.is_empty(), "{} has no story", case.name);
            }
        }
        let modules: HashSet<Vec<u8>> =
            topics.iter().flat_map(|t| &t.cases).map(|case| case.ko.build(&profile)).collect();
        assert!(modules.len() >= 400, "{version}: only {} distinct modules", modules.len());

        let themes = cases::groups(&profile);
        let groups: Vec<_> = themes.iter().flat_map(|(_, groups)| groups).collect();
        let names: HashSet<_> = groups.iter().map(|group| group.name).collect();
        assert_eq!(names.len(), groups.len(), "a group's name is twice");
        assert!(groups.len() >= 60, "{version}: only {} groups", groups.len());
        assert!(groups.iter().all(|group| (1..=6).contains(&group.modules()) && !group.what.is_empty()));
    }
}

/// The header of a patched section says what the patch said.
#[test]
fn patches_reach_their_field() {
    for version in KERNELS {
        let profile = Profile::load(version);
        let bytes = Ko::new("foo").patch(|file| file.patch(".text", Sh::Entsize, 0x1234)).build(&profile);
        let elf = goblin::elf::Elf::parse(&bytes).expect("goblin reads the file");
        let text = elf.section_headers.iter().find(|section| elf.shdr_strtab.get_at(section.sh_name) == Some(".text"));
        assert_eq!(text.expect("there is a .text").sh_entsize, 0x1234);
    }
}
