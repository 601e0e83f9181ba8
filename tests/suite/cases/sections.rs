//! Section headers, the sections the loader looks for, and their contents.

use object::elf::{
    SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_DYNSYM, SHT_NOBITS, SHT_NOTE, SHT_PROGBITS, SHT_STRTAB, SHT_SYMTAB,
};

use super::{Case, case, foo};
use crate::ko::{Eh, Image, Ko, Profile, Section, Sh};

const WRITE: u64 = SHF_WRITE as u64;
const ALLOC: u64 = SHF_ALLOC as u64;
const EXEC: u64 = SHF_EXECINSTR as u64;

fn edit(name: &str, what: &str, edit: impl Fn(&mut Image) + 'static) -> Case {
    case(name, what, foo().patch(edit))
}

fn set(name: &str, what: &str, section: &'static str, field: Sh, value: u64) -> Case {
    edit(name, what, move |file| file.patch(section, field, value))
}

fn zero(name: &str, what: &str, field: Sh, value: u64) -> Case {
    edit(name, what, move |file| file.section_set(0, field, value))
}

fn flags(name: &str, what: &str, section: &'static str, add: u64) -> Case {
    edit(name, what, move |file| {
        let index = file.section(section);
        file.section_set(index, Sh::Flags, file.section_get(index, Sh::Flags) | add);
    })
}

/// Section 0, bounds, names, the string and symbol tables.
pub fn tables(_: &Profile) -> Vec<Case> {
    let names = ".shstrtab";
    let mut cases = vec![
        zero("zero-type", "section 0 is no SHT_NULL", Sh::Type, 1),
        zero("zero-size", "section 0 has a size, as when there are 65280 sections", Sh::Size, 1),
        zero("zero-addr", "section 0 has an address", Sh::Addr, 0x1000),
        zero("zero-flags", "section 0 has flags", Sh::Flags, ALLOC),
        zero("zero-flags-wx", "section 0 is writable and executable", Sh::Flags, WRITE | EXEC),
        zero("zero-offset", "section 0 has an offset", Sh::Offset, 1 << 40),
        zero("zero-link", "section 0 has a link", Sh::Link, 7),
        zero("zero-name", "section 0 has a name", Sh::Name, 1),
        set("names-type", "the section names are in PROGBITS", names, Sh::Type, u64::from(SHT_PROGBITS)),
        set("names-nobits", "the section names are in NOBITS", names, Sh::Type, u64::from(SHT_NOBITS)),
        set("names-null", "the section names are in a NULL section", names, Sh::Type, 0),
        set("names-alloc", "the section names are loaded too", names, Sh::Flags, ALLOC),
        set("names-offset", "the section names lie beyond the end", names, Sh::Offset, 1 << 30),
        set("names-wrap", "the end of the section names wraps", names, Sh::Offset, u64::MAX - 3),
        set("names-huge", "the section names are larger than the file", names, Sh::Size, 1 << 30),
        edit("names-unended", "the section names lack the last NUL", |file| {
            let end = file.range(".shstrtab").end;
            file.bytes[end - 1] = b'x';
        }),
        edit("names-short", "the section names are cut to 20 bytes", |file| {
            let start = file.range(".shstrtab").start;
            file.bytes[start + 19] = 0;
            file.patch(".shstrtab", Sh::Size, 20);
        }),
        set("text-offset", ".text lies beyond the end", ".text", Sh::Offset, 1 << 30),
        set("text-size", ".text is larger than the file", ".text", Sh::Size, 1 << 20),
        set("text-wrap", "the end of .text wraps", ".text", Sh::Offset, u64::MAX - 7),
        set("text-negative", ".text has a negative size", ".text", Sh::Size, u64::MAX),
        set("text-name", ".text has a name beyond the names", ".text", Sh::Name, 0x00ff_ffff),
        set("text-name-edge", ".text has a name far beyond the names", ".text", Sh::Name, 0xffff_ffff),
        set("comment-name", "a section that is not loaded has a name beyond the names", ".comment", Sh::Name, 0x200),
        set("comment-offset", "a section that is not loaded lies beyond the end", ".comment", Sh::Offset, 1 << 30),
        set("comment-size", "a section that is not loaded is larger than the file", ".comment", Sh::Size, 1 << 30),
        set("bss-name", "a NOBITS section has a name beyond the names", ".bss", Sh::Name, 0x00ff_ffff),
        set("bss-offset", "the place of a NOBITS section does not matter", ".bss", Sh::Offset, 1 << 40),
        set("bss-64k", "64 KiB of zeros", ".bss", Sh::Size, 0x1_0000),
        set("null-garbage", "a NULL section may say anything", ".comment", Sh::Type, 0),
        edit("text-ends-file", "a section may end exactly where the file ends", |file| {
            let index = file.section(".comment");
            let rest = file.bytes.len() as u64 - file.section_get(index, Sh::Offset);
            file.section_set(index, Sh::Size, rest);
        }),
        edit("text-past-file", "a section may not end one byte later", |file| {
            let index = file.section(".comment");
            let rest = file.bytes.len() as u64 - file.section_get(index, Sh::Offset);
            file.section_set(index, Sh::Size, rest + 1);
        }),
        set("symtab-link-0", "the symbol table has no string table", ".symtab", Sh::Link, 0),
        set("symtab-link-huge", "the symbol table's string table is no section", ".symtab", Sh::Link, 999),
        edit("symtab-link-shnum", "the symbol table's string table is one past the last section", |file| {
            file.patch(".symtab", Sh::Link, file.sections() as u64);
        }),
        edit("symtab-link-comment", "the symbol table's string table is PROGBITS", |file| {
            file.patch(".strtab", Sh::Type, u64::from(SHT_PROGBITS));
        }),
        set("symtab-entsize", "sh_entsize of the symbol table is not looked at", ".symtab", Sh::Entsize, 7),
        set("symtab-info", "sh_info of the symbol table is not looked at", ".symtab", Sh::Info, 0),
        set("symtab-dynsym", "the only symbol table is a SHT_DYNSYM", ".symtab", Sh::Type, u64::from(SHT_DYNSYM)),
        set("symtab-progbits", "stripped: no symbol table", ".symtab", Sh::Type, u64::from(SHT_PROGBITS)),
        set("symtab-offset", "the symbol table lies beyond the end", ".symtab", Sh::Offset, 1 << 30),
        set("symtab-alloc", "the symbol table is loaded", ".symtab", Sh::Flags, ALLOC),
        edit("symtab-twice", "two symbol tables", |file| file.duplicate_header(".symtab")),
        case(
            "symtab-empty",
            "a symbol table with only the null symbol",
            Ko::new("foo").no_init().no_exit().patch(|file| {
                file.patch(".symtab", Sh::Size, 24);
            }),
        ),
        edit("symtab-odd", "a symbol table of a length that is no multiple of a symbol", |file| {
            let index = file.section(".symtab");
            file.section_set(index, Sh::Size, file.section_get(index, Sh::Size) - 23);
        }),
        set("strtab-note", "the symbol names are in a NOTE", ".strtab", Sh::Type, u64::from(SHT_NOTE)),
        set("strtab-offset", "the symbol names lie beyond the end", ".strtab", Sh::Offset, 1 << 30),
        edit("strtab-leading", "the symbol names do not begin with NUL", |file| {
            let start = file.range(".strtab").start;
            file.bytes[start] = b'x';
        }),
        edit("strtab-unended", "the symbol names lack the last NUL", |file| {
            let end = file.range(".strtab").end;
            file.bytes[end - 1] = b'x';
        }),
        case(
            "strtab-second",
            "a second string table does no harm",
            foo().section(Section::new(".more", 0, 1, *b"\0a\0").kind(SHT_STRTAB)),
        ),
        case(
            "many",
            "two hundred sections more",
            (0..200).fold(foo(), |ko, n| ko.section(Section::new(&format!(".extra.{n}"), 0, 1, [0]))),
        ),
        case(
            "symtab-none",
            "two sections say they are symbol tables, one of them empty",
            foo().section(Section::new(".symtab2", 0, 8, []).kind(SHT_SYMTAB)),
        ),
    ];
    for (name, size) in [("align-0", 0), ("align-3", 3), ("align-4096", 4096), ("align-64k", 0x1_0000)] {
        cases.push(set(name, "sh_addralign of .data", ".data", Sh::Addralign, size));
    }
    cases.push(set("addr", "an address before loading", ".data", Sh::Addr, 0x1234_5000));
    cases.push(edit("shstrndx-strtab", "the section names are looked up among the symbol names", |file| {
        let index = file.section(".strtab") as u64;
        file.set(Eh::Shstrndx, index);
    }));
    cases
}

/// `.gnu.linkonce.this_module`, `.modinfo` and other sections the loader knows by name.
pub fn known(profile: &Profile) -> Vec<Case> {
    let this = ".gnu.linkonce.this_module";
    let mut cases = vec![
        case("this-none", "no this_module", foo().tweak(move |elf| elf.remove(this))),
        case(
            "this-renamed",
            "this_module by another name",
            foo().tweak(move |elf| rename(elf, this, ".gnu.linkonce.that_module")),
        ),
        case(
            "this-none-info-none",
            "neither this_module nor .modinfo",
            foo().tweak(move |elf| {
                elf.remove(this);
                elf.remove(".modinfo");
            }),
        ),
        case(
            "this-none-name-none",
            "no this_module, and modinfo without a name",
            foo().no_tag("name").tweak(move |elf| elf.remove(this)),
        ),
        set("this-not-alloc", "this_module is not loaded", this, Sh::Flags, WRITE),
        edit("this-twice", "two this_module", move |file| file.duplicate_header(this)),
        case(
            "this-larger",
            "this_module is 64 bytes larger",
            foo().tweak(move |elf| elf.section(this).data.extend([0; 64])),
        ),
        case(
            "this-smaller",
            "this_module is one byte smaller",
            foo().tweak(move |elf| {
                elf.section(this).data.pop();
            }),
        ),
        case("this-name-full", "the name in this_module fills its room", Ko::new(&"n".repeat(55))),
        case("info-none", "no .modinfo", foo().tweak(|elf| elf.remove(".modinfo"))),
        case("info-renamed", ".modinfo by another name", foo().tweak(|elf| rename(elf, ".modinfo", ".modinfos"))),
        case("info-empty", "an empty .modinfo", foo().tweak(|elf| elf.section(".modinfo").data.clear())),
        set("info-not-alloc", ".modinfo is not loaded", ".modinfo", Sh::Flags, 0),
        edit("info-twice", "two .modinfo, the same", |file| file.duplicate_header(".modinfo")),
        case(
            "info-two",
            "two .modinfo, the second of another licence and not loaded",
            foo().tweak(|elf| {
                let second = Section::new(".modinfo", 0, 1, *b"license=Proprietary\0");
                elf.sections.push(second);
            }),
        ),
        case(
            "info-second-first",
            "two .modinfo, the first of them empty",
            foo().tweak(|elf| {
                elf.sections.insert(0, Section::new(".modinfo", SHF_ALLOC, 1, []));
            }),
        ),
        case(
            "versions-not-alloc",
            "__versions is not loaded, as modprobe --force leaves it",
            foo().versions().patch(|file| {
                file.patch("__versions", Sh::Flags, 0);
            }),
        ),
        case(
            "obsparm",
            "parameters of the days of 2.4",
            foo().section(Section::new("__obsparm", SHF_ALLOC, 8, [0; 64])),
        ),
        case("obsparm-not-alloc", "the same, not loaded", foo().section(Section::new("__obsparm", 0, 8, [0; 64]))),
        case("obsparm-empty", "the same, empty", foo().section(Section::new("__obsparm", SHF_ALLOC, 8, []))),
        case(
            "ctors",
            "constructors of one kind",
            foo().section(Section::new(".ctors", SHF_ALLOC | SHF_WRITE, 8, [0; 8])),
        ),
        case(
            "init-array",
            "constructors of the other kind",
            foo().section(Section::new(".init_array", SHF_ALLOC | SHF_WRITE, 8, [0; 8])),
        ),
        case(
            "ctors-both",
            "constructors of both kinds",
            foo().section(Section::new(".ctors", SHF_ALLOC | SHF_WRITE, 8, [0; 8])).section(Section::new(
                ".init_array",
                SHF_ALLOC | SHF_WRITE,
                8,
                [0; 8],
            )),
        ),
        case(
            "init-sections",
            "code and data that are thrown away",
            foo()
                .section(Section::new(".init.text", SHF_ALLOC | SHF_EXECINSTR, 16, profile.returning(0)))
                .section(Section::new(".init.data", SHF_ALLOC | SHF_WRITE, 8, [0; 16]))
                .section(Section::new(".init.rodata", SHF_ALLOC, 8, [0; 16])),
        ),
        case(
            "exit-sections",
            "code that is only for unloading",
            foo().section(Section::new(".exit.text", SHF_ALLOC | SHF_EXECINSTR, 16, profile.returning(0))),
        ),
        case(
            "ro-after-init",
            "data that is read-only after init",
            foo().section(Section::new(".data..ro_after_init", SHF_ALLOC | SHF_WRITE, 8, [0; 16])),
        ),
        case(
            "note",
            "a note",
            foo().section(
                Section::new(
                    ".note.gnu.build-id",
                    SHF_ALLOC,
                    4,
                    [4_u32.to_le_bytes(), 4_u32.to_le_bytes(), 3_u32.to_le_bytes(), *b"GNU\0", *b"id!!"].concat(),
                )
                .kind(SHT_NOTE),
            ),
        ),
        case("btf-junk", "type information that is none", foo().section(Section::new(".BTF", 0, 1, [7; 64]))),
        case("btf-empty", "empty type information", foo().section(Section::new(".BTF", 0, 1, []))),
        case("btf-header", "type information with only a header", foo().section(Section::new(".BTF", 0, 1, btf()))),
        case(
            "btf-alloc",
            "type information that is loaded",
            foo().section(Section::new(".BTF", SHF_ALLOC, 1, [7; 64])),
        ),
        case(
            "discard",
            "a section for modpost",
            foo().section(Section::new(".discard.addressable", SHF_ALLOC | SHF_WRITE, 8, [0; 8])),
        ),
        case("gnu-lto", "a section of LTO", foo().section(Section::new(".gnu.lto_.symtab", 0, 1, [0; 8]))),
        case(
            "ksymtab-unmerged",
            "a module that was not linked with module.lds: its exports are not found",
            foo().section(Section::new("___ksymtab+foo_a", SHF_ALLOC, 4, [0; 12])),
        ),
    ];
    for (name, size, align) in [
        ("percpu", 64, 8),
        ("percpu-empty", 0, 8),
        ("percpu-page", 64, 4096),
        ("percpu-align", 64, 8192),
        ("percpu-4k", 4000, 8),
        ("percpu-huge", 1 << 20, 8),
        ("percpu-huge-align", 1 << 20, 1 << 14),
    ] {
        cases.push(case(
            name,
            format!("per-CPU data of {size} bytes, aligned to {align}"),
            foo().section(if size < 1 << 20 {
                Section::new(".data..percpu", SHF_ALLOC | SHF_WRITE, align, vec![0; size])
            } else {
                Section::nobits(".data..percpu", SHF_ALLOC | SHF_WRITE, align, size as u64)
            }),
        ));
    }
    cases.extend([
        flags("wx-text", ".text is writable", ".text", WRITE),
        flags("wx-data", ".data is executable", ".data", EXEC),
        flags("wx-this", "this_module is executable", this, EXEC),
        flags("wx-comment", "a section that is not loaded is writable and executable", ".comment", WRITE | EXEC),
        flags("wx-bss", ".bss is executable", ".bss", EXEC),
        flags("wx-symtab", "the symbol table is writable and executable", ".symtab", WRITE | EXEC),
        flags("x-modinfo", ".modinfo is executable", ".modinfo", EXEC),
        flags("w-modinfo", ".modinfo is writable", ".modinfo", WRITE),
        flags("tls", ".data is for threads", ".data", 0x400),
        flags("compressed", ".data says it is compressed", ".data", 0x800),
        flags("exclude", ".data is to be excluded", ".data", 0x8000_0000),
        flags("os-flags", ".data has flags of an operating system", ".data", 0x0ff0_0000),
        flags("info-link", ".data has the flags I and L", ".data", 0xc0),
    ]);
    cases
}

fn rename(elf: &mut crate::ko::Elf, from: &str, to: &str) {
    elf.section(from).name = to.to_owned();
    for symbol in &mut elf.symbols {
        if symbol.place == crate::ko::Place::Section(from.to_owned()) {
            symbol.place = crate::ko::Place::Section(to.to_owned());
        }
    }
}

/// BTF: magic, version, flags, header length, then offset and length of the types and of the strings; no types here.
fn btf() -> Vec<u8> {
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    for word in [24_u32, 0, 0, 0, 1] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.push(0);
    bytes
}
