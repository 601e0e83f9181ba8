//! Relocations: every type, every range, on zero and on other bytes.

use object::elf::{SHF_ALLOC, SHF_WRITE, SHT_REL, SHT_RELA};

use super::{Case, case, foo};
use crate::ko::{Ko, Place, Profile, Re, Section, Sh, Symbol};

/// A module with one relocation in a data section of its own.
fn one(symbol: &str, kind: u32, addend: i64) -> Ko {
    target(symbol, kind, addend, 0)
}

fn target(symbol: &str, kind: u32, addend: i64, bytes: u8) -> Ko {
    foo().section(Section::new(".data.target", SHF_ALLOC | SHF_WRITE, 16, [bytes; 32]).reloc(8, symbol, kind, addend))
}

/// An absolute symbol: makes ranges exact.
fn absolute(value: u64, kind: u32) -> Ko {
    let bar = Symbol::new("bar", 0, 0, Place::Index(object::elf::SHN_ABS), value);
    one("bar", kind, 0).symbol(bar)
}

pub fn cases(profile: &Profile) -> Vec<Case> {
    let (pointer, _) = profile.pointer();
    let mut cases =
        vec![
            case("pointer", "a pointer to a function of the module", one("init_module", pointer, 0)),
            case("pointer-kernel", "a pointer to a function of the kernel", one("kfree", pointer, 0)),
            case("pointer-addend", "a pointer somewhere behind a symbol", one("init_module", pointer, 1 << 50)),
            case("pointer-negative", "a pointer somewhere before a symbol", one("init_module", pointer, -64)),
            case(
                "pointer-weak",
                "a pointer to a weak symbol that is nowhere",
                one("nosuch", pointer, 0).needs_weak("nosuch"),
            ),
            case("pointer-nonzero", "a pointer over bytes that are not zero", target("init_module", pointer, 0, 0x5a)),
            case(
                "pointer-twice",
                "the same place relocated twice",
                foo().section(
                    Section::new(".data.target", SHF_ALLOC | SHF_WRITE, 16, [0; 32])
                        .reloc(8, "init_module", pointer, 0)
                        .reloc(8, "init_module", pointer, 0),
                ),
            ),
            case(
                "not-loaded",
                "an unknown type in a section that is not loaded",
                foo().section(Section::new(".debug_info", 0, 1, [0; 32]).reloc(0, "init_module", 200, 0)),
            ),
            case(
                "not-loaded-unknown-symbol",
                "an unknown symbol that only debugging refers to",
                foo()
                    .symbol(Symbol::undefined("nosuch", 1))
                    .section(Section::new(".debug_info", 0, 1, [0; 32]).reloc(0, "nosuch", pointer, 0)),
            ),
            case(
                "info-beyond",
                "relocations for a section that does not exist",
                one("init_module", 200, 0).patch(|file| file.patch(".rela.data.target", Sh::Info, 999)),
            ),
            case(
                "info-0",
                "relocations for section 0",
                one("init_module", 200, 0).patch(|file| file.patch(".rela.data.target", Sh::Info, 0)),
            ),
            case(
                "rel",
                "relocations without addends, where addends are the rule",
                one("init_module", pointer, 0).patch(|file| file.patch(".rela.data.target", Sh::Type, SHT_REL.into())),
            ),
            case(
                "rel-empty",
                "the same, empty",
                one("init_module", pointer, 0).patch(|file| {
                    file.patch(".rela.data.target", Sh::Type, SHT_REL.into());
                    file.patch(".rela.data.target", Sh::Size, 0);
                }),
            ),
            case(
                "rel-not-loaded",
                "the same for a section that is not loaded",
                foo()
                    .section(Section::new(".debug_info", 0, 1, [0; 32]).reloc(0, "init_module", pointer, 0))
                    .patch(|file| file.patch(".rela.debug_info", Sh::Type, SHT_REL.into())),
            ),
            case(
                "rela-odd",
                "half a relocation at the end",
                one("init_module", pointer, 0).patch(|file| {
                    file.patch(".rela.data.target", Sh::Size, 23);
                }),
            ),
            case(
                "rela-entsize",
                "sh_entsize of relocations is not looked at",
                one("init_module", pointer, 0).patch(|file| file.patch(".rela.data.target", Sh::Entsize, 7)),
            ),
            case(
                "rela-link",
                "sh_link of relocations is not looked at",
                one("init_module", pointer, 0).patch(|file| file.patch(".rela.data.target", Sh::Link, 0)),
            ),
            case(
                "rela-livepatch",
                "relocations for the live patcher",
                one("init_module", 200, 0).patch(|file| {
                    file.patch(".rela.data.target", Sh::Flags, 0x0010_0000);
                }),
            ),
            case(
                "symbol-0",
                "a relocation against no symbol",
                one("init_module", pointer, 0).patch(move |file| {
                    file.reloc_set(".rela.data.target", 0, Re::Info, u64::from(pointer));
                }),
            ),
            case(
                "bad-after-unknown",
                "an unknown symbol comes before a bad relocation",
                one("init_module", 200, 0).needs("nosuch"),
            ),
            case(
                "bad-two",
                "two sections with bad relocations",
                one("init_module", 200, 0).section(
                    Section::new(".data.second", SHF_ALLOC | SHF_WRITE, 8, [0; 8]).reloc(0, "init_module", 201, 0),
                ),
            ),
            case(
                "bad-then-duplicate",
                "a bad relocation comes before a duplicate export",
                one("init_module", 200, 0).export("vfree"),
            ),
            case(
                "bad-percpu",
                "an unknown type in per-CPU data",
                foo().section(Section::new(".data..percpu", SHF_ALLOC | SHF_WRITE, 8, [0; 32]).reloc(
                    0,
                    "init_module",
                    200,
                    0,
                )),
            ),
            case(
                "percpu-pointer",
                "a pointer in per-CPU data",
                foo().section(Section::new(".data..percpu", SHF_ALLOC | SHF_WRITE, 8, [0; 32]).reloc(
                    0,
                    "init_module",
                    pointer,
                    0,
                )),
            ),
            case(
                "percpu-symbol",
                "a pointer to per-CPU data",
                one("bar", pointer, 0)
                    .section(Section::nobits(".data..percpu", SHF_ALLOC | SHF_WRITE, 8, 32))
                    .symbol(Symbol::new("bar", 0, 1, Place::Section(".data..percpu".to_owned()), 0)),
            ),
            case(
                "rela-as-data",
                "a relocation section that is loaded",
                one("init_module", pointer, 0).patch(|file| {
                    file.patch(".rela.data.target", Sh::Flags, 2);
                    file.patch(".rela.data.target", Sh::Type, SHT_RELA.into());
                }),
            ),
        ];
    if profile.is_arm64() {
        arm64(&mut cases)
    } else {
        x86_64(&mut cases)
    }
    cases
}

fn x86_64(cases: &mut Vec<Case>) {
    for kind in 0..44 {
        cases.push(case(
            format!("type-{kind}"),
            format!("type {kind} against a function of the module"),
            one("init_module", kind, 0),
        ));
    }
    for kind in [100, 250, 255, 0x1_0000] {
        cases.push(case(format!("type-{kind}"), "a type nobody knows", one("init_module", kind, 0)));
    }
    for (kind, name) in [(1, "64"), (2, "pc32"), (4, "plt32"), (10, "32"), (11, "32s"), (24, "pc64")] {
        for bytes in [1_u8, 0xff] {
            cases.push(case(
                format!("nonzero-{name}-{bytes:x}"),
                format!("type {kind} over bytes {bytes:#x}"),
                target("init_module", kind, 0, bytes),
            ));
        }
        cases.push(case(
            format!("addend-{name}"),
            format!("type {kind} with a large addend"),
            one("init_module", kind, 1 << 40),
        ));
        cases.push(case(
            format!("minus-{name}"),
            format!("type {kind} with a negative addend"),
            one("init_module", kind, -(1 << 33)),
        ));
        cases.push(case(
            format!("kernel-{name}"),
            format!("type {kind} against a function of the kernel"),
            one("kfree", kind, 0),
        ));
        cases.push(case(
            format!("weak-{name}"),
            format!("type {kind} against a weak symbol that is nowhere"),
            one("nosuch", kind, 0).needs_weak("nosuch"),
        ));
    }
    for (kind, name) in [(10, "32"), (11, "32s")] {
        for value in
            [0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_8000_0000, 0xffff_ffff_7fff_ffff]
        {
            cases.push(case(
                format!("range-{name}-{value:x}"),
                format!("type {kind} of {value:#x}"),
                absolute(value, kind),
            ));
        }
        cases.push(case(
            format!("nonzero-range-{name}"),
            "out of range, and over bytes that are not zero",
            target("init_module", kind, 1 << 40, 7),
        ));
    }
    cases.push(case("none-nonzero", "type 0 over bytes that are not zero", target("init_module", 0, 0, 9)));
}

fn arm64(cases: &mut Vec<Case>) {
    // Data, then instructions, then what the kernel does not do: GOT, TLS, dynamic.
    let known = [0, 256, 257, 258, 259, 260, 261, 262];
    let instructions = 263..=315;
    let dynamic = [512, 513, 560, 573, 1024, 1025, 1027, 1030, 1032];
    for kind in known.into_iter().chain(instructions).chain([1, 2, 100, 255]).chain(dynamic) {
        cases.push(case(
            format!("type-{kind}"),
            format!("type {kind} against a function of the module"),
            one("init_module", kind, 0),
        ));
    }
    for (kind, name) in [
        (257, "abs64"),
        (258, "abs32"),
        (259, "abs16"),
        (260, "prel64"),
        (261, "prel32"),
        (262, "prel16"),
        (275, "adr-page"),
        (283, "call26"),
        (282, "jump26"),
    ] {
        cases.push(case(
            format!("nonzero-{name}"),
            format!("type {kind} over bytes that are not zero"),
            target("init_module", kind, 0, 1),
        ));
        cases.push(case(
            format!("addend-{name}"),
            format!("type {kind} with a large addend"),
            one("init_module", kind, 1 << 40),
        ));
        cases.push(case(
            format!("kernel-{name}"),
            format!("type {kind} against a function of the kernel"),
            one("kfree", kind, 0),
        ));
        cases.push(case(
            format!("weak-{name}"),
            format!("type {kind} against a weak symbol that is nowhere"),
            one("nosuch", kind, 0).needs_weak("nosuch"),
        ));
    }
    for (kind, name, values) in [
        (
            258,
            "abs32",
            [0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_8000_0000, 0xffff_ffff_7fff_ffff],
        ),
        (259, "abs16", [0x7fff, 0x8000, 0xffff, 0x1_0000, 0xffff_ffff_ffff_8000, 0xffff_ffff_ffff_7fff]),
    ] {
        for value in values {
            cases.push(case(
                format!("range-{name}-{value:x}"),
                format!("type {kind} of {value:#x}"),
                absolute(value, kind),
            ));
        }
    }
    for section in [".plt", ".init.plt", ".text.ftrace_trampoline", ".init.text.ftrace_trampoline"] {
        let name = section.trim_start_matches('.').replace('.', "-");
        cases.push(case(format!("no-{name}"), format!("no {section}"), foo().tweak(move |elf| elf.remove(section))));
    }
    cases.push(case(
        "no-plts",
        "no .plt of either kind",
        foo().tweak(|elf| {
            elf.remove(".plt");
            elf.remove(".init.plt");
        }),
    ));
    cases.push(case(
        "no-plt-unknown",
        "a missing .plt comes before unknown symbols",
        foo().needs("nosuch").tweak(|elf| elf.remove(".plt")),
    ));
}
