//! The ELF header: every field wrong in turn, and files cut short.

use super::{Case, case, foo};
use crate::ko::{Eh, Image, Profile};

fn set(name: &str, what: &str, field: Eh, value: u64) -> Case {
    case(name, what, foo().patch(move |file| file.set(field, value)))
}

fn edit(name: &str, what: &str, edit: impl Fn(&mut Image) + 'static) -> Case {
    case(name, what, foo().patch(edit))
}

pub fn cases(profile: &Profile) -> Vec<Case> {
    let other_machine = if profile.is_arm64() { 62 } else { 183 };
    let mut cases = vec![
        case("plain", "nothing is wrong", foo()),
        set("type-none", "e_type ET_NONE", Eh::Type, 0),
        set("type-exec", "e_type ET_EXEC", Eh::Type, 2),
        set("type-dyn", "e_type ET_DYN", Eh::Type, 3),
        set("type-core", "e_type ET_CORE", Eh::Type, 4),
        set("type-huge", "e_type ET_HIPROC", Eh::Type, 0xffff),
        set("machine-other", "built for the other 64-bit architecture", Eh::Machine, other_machine),
        set("machine-none", "e_machine 0", Eh::Machine, 0),
        set("machine-386", "e_machine EM_386", Eh::Machine, 3),
        set("machine-arm", "e_machine EM_ARM", Eh::Machine, 40),
        set("machine-ppc64", "e_machine EM_PPC64", Eh::Machine, 21),
        set("machine-riscv", "e_machine EM_RISCV", Eh::Machine, 243),
        set("machine-huge", "e_machine 0xffff", Eh::Machine, 0xffff),
        set("version-0", "e_version is not looked at", Eh::Version, 0),
        set("version-huge", "e_version is not looked at", Eh::Version, 0xffff_ffff),
        set("entry", "e_entry is not looked at", Eh::Entry, 0xdead_beef),
        set("phoff", "e_phoff is not looked at", Eh::Phoff, 0xffff_ffff),
        set("phnum", "e_phnum is not looked at", Eh::Phnum, 7),
        set("phentsize", "e_phentsize is not looked at", Eh::Phentsize, 1),
        set("e-flags", "e_flags is not looked at", Eh::Flags, 0x1234_5678),
        set("ehsize-0", "e_ehsize is not looked at", Eh::Ehsize, 0),
        set("ehsize-huge", "e_ehsize is not looked at", Eh::Ehsize, 0xffff),
        set("shentsize-0", "e_shentsize 0", Eh::Shentsize, 0),
        set("shentsize-32", "e_shentsize of ELF32", Eh::Shentsize, 40),
        set("shentsize-63", "e_shentsize one short", Eh::Shentsize, 63),
        set("shentsize-65", "e_shentsize one long", Eh::Shentsize, 65),
        set("shoff-beyond", "the section table lies beyond the end", Eh::Shoff, 1 << 20),
        set("shoff-4gib", "e_shoff beyond 32 bits", Eh::Shoff, 1 << 32),
        set("shoff-wraps", "e_shoff so large that the end of the table wraps", Eh::Shoff, u64::MAX - 63),
        set("shnum-1", "only section 0", Eh::Shnum, 1),
        set("shnum-huge", "the section table reaches beyond the end", Eh::Shnum, 0xff00),
        set("shnum-ffff", "e_shnum 0xffff", Eh::Shnum, 0xffff),
        set("shstrndx-0", "e_shstrndx SHN_UNDEF", Eh::Shstrndx, 0),
        set("shstrndx-abs", "e_shstrndx SHN_ABS", Eh::Shstrndx, 0xfff1),
        set("shstrndx-xindex", "e_shstrndx SHN_XINDEX", Eh::Shstrndx, 0xffff),
        edit("shnum-plus", "one section more than the file holds", |file| {
            file.set(Eh::Shnum, file.sections() as u64 + 1)
        }),
        edit("shnum-minus", "the last section header, .shstrtab, is not counted", |file| {
            file.set(Eh::Shnum, file.sections() as u64 - 1);
        }),
        edit("shstrndx-shnum", "e_shstrndx one past the last", |file| file.set(Eh::Shstrndx, file.sections() as u64)),
        edit("shstrndx-text", "the section names are in .text", |file| {
            file.set(Eh::Shstrndx, file.section(".text") as u64);
        }),
        edit("shstrndx-symtab", "the section names are in .symtab", |file| {
            file.set(Eh::Shstrndx, file.section(".symtab") as u64);
        }),
        edit("shstrndx-bss", "the section names are in .bss", |file| {
            file.set(Eh::Shstrndx, file.section(".bss") as u64)
        }),
        edit("shoff-end", "the section table begins where the file ends", |file| {
            file.set(Eh::Shoff, file.bytes.len() as u64);
        }),
        edit("shoff-last", "the section table begins at the last byte", |file| {
            file.set(Eh::Shoff, file.bytes.len() as u64 - 1);
        }),
        edit("empty", "an empty file", |file| file.bytes.clear()),
        edit("cut-1", "one byte", |file| file.bytes.truncate(1)),
        edit("cut-10", "ten bytes", |file| file.bytes.truncate(10)),
        edit("cut-63", "one byte short of an ELF header", |file| file.bytes.truncate(63)),
        edit("cut-64", "only an ELF header", |file| file.bytes.truncate(64)),
        edit("cut-half", "half a file", |file| file.bytes.truncate(file.bytes.len() / 2)),
        edit("cut-last", "one byte short", |file| {
            file.bytes.pop();
        }),
        edit("tail", "bytes behind the section table", |file| file.bytes.extend(*b"and so on")),
        edit("zeros", "an ELF header's worth of zeros", |file| file.bytes = vec![0; 64]),
        edit("text", "a text file", |file| {
            file.bytes = b"#!/bin/sh\necho This is not a kernel module at all, not in any way.\n".to_vec()
        }),
    ];
    for (at, name) in ["magic-0", "magic-1", "magic-2", "magic-3"].into_iter().enumerate() {
        cases.push(edit(name, "a byte of the magic number is wrong", move |file| file.bytes[at] ^= 0x20));
    }
    for (at, value, name) in [
        (4, 1, "ident-class-32"),
        (4, 0, "ident-class-0"),
        (5, 2, "ident-big-endian"),
        (6, 0, "ident-version-0"),
        (7, 3, "ident-osabi"),
        (8, 9, "ident-abiversion"),
        (15, 1, "ident-padding"),
    ] {
        cases.push(edit(name, "a byte of e_ident behind the magic number", move |file| file.bytes[at] = value));
    }
    cases
}
