//! Relocation entries for every architecture: values that fit, values that do not, and values that depend on addresses.

use super::*;
use crate::elf::{Relocation, SectionFlags, SectionType};
use crate::history::{Backports, Behaviour, Calendar};
use crate::kernel::ConfigOption;
use crate::terms::{Arch, Class, ElfMachine, Endian, KernelVersion};
use crate::verdict::Missing;

const CODE: u64 = SectionFlags::ALLOC | SectionFlags::EXECINSTR;
const DATA: u64 = SectionFlags::ALLOC | SectionFlags::WRITE;

const TEXT: usize = 1;
const DATA_SECTION: usize = 2;
const DEBUG: usize = 3;

const LOCAL: u32 = 1;
const NEIGHBOUR: u32 = 2;
const EXPORTED: u32 = 3;
const PERCPU: u32 = 4;
const NOTHING: u32 = 5;
const MINUS_ONE: u32 = 6;
const IN_DEBUG: u32 = 7;

/// Bytes 8 and 9 are not zero.
const CONTENTS: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0];

fn section(name: &'static str, flags: u64, contents: &'static [u8]) -> Section<'static> {
    Section { name, flags, size: 0x1000, align: 16, contents }
}

fn module(arch: Arch) -> Module<'static> {
    let symbol = |name, value| Symbol { name, value, weak: false, undefined: matches!(value, SymbolValue::Exported) };
    let sections = vec![
        Section { size: 0, ..section("", 0, &[]) },
        section(".text", CODE, CONTENTS),
        section(".data", DATA, &[]),
        section(".debug", 0, &[]),
        section(".plt", CODE, &[]),
        section(".init.plt", CODE, &[]),
    ];
    let symbols = vec![
        symbol("", SymbolValue::Absolute(0)),
        symbol("local", SymbolValue::InModule { section: TEXT, offset: 0x100 }),
        symbol("neighbour", SymbolValue::InModule { section: DATA_SECTION, offset: 0x20 }),
        symbol("printk", SymbolValue::Exported),
        symbol("percpu", SymbolValue::Percpu { offset: 8 }),
        symbol("nothing", SymbolValue::Absolute(0)),
        symbol("minus_one", SymbolValue::Absolute(u64::MAX)),
        symbol("in_debug", SymbolValue::InModule { section: DEBUG, offset: 0 }),
    ];
    Module::new("foo", arch, sections, symbols)
}

fn entry(offset: u64, kind: u32, symbol: u32, addend: i64) -> Relocation {
    Relocation { offset, symbol, kind, addend: Some(addend) }
}

fn judge_at(arch: Arch, version: (u16, u16, u16), entries: &[Relocation]) -> Judgement {
    let version = KernelVersion::new(version.0, version.1, version.2);
    let calendar =
        Calendar { version, patch_known: true, distribution: None, backports: Backports::Listed, otherwise: None };
    let mut has = |behaviour: Behaviour| calendar.has(behaviour).ok_or(Missing::Behaviour(behaviour));
    let mut config = |option: ConfigOption| Err(Missing::Config(option));
    let relocations = RelocationSection { index: 9, target: TEXT, rela: arch.machine != ElfMachine::I386, entries };
    apply(&mut module(arch), &relocations, &mut Facts { has: &mut has, config: &mut config })
        .unwrap_or_else(Judgement::Undetermined)
}

fn judge(arch: Arch, entries: &[Relocation]) -> Judgement {
    judge_at(arch, (7, 3, 0), entries)
}

/// A short text for an outcome, with the first line that the kernel prints.
fn word(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Applied => "applied".into(),
        Judgement::Refused { errno, lines, .. } => {
            format!("{errno} {}", lines.first().map_or("(silent)".to_owned(), ToString::to_string))
        }
        Judgement::Crash(_) => "crash".into(),
        Judgement::Undetermined(missing) => missing.word(),
    }
}

#[track_caller]
fn check(arch: Arch, table: &[(u32, u32, i64, &str)]) {
    for (kind, symbol, addend, expected) in table {
        let judgement = judge(arch, &[entry(0x20, *kind, *symbol, *addend)]);
        assert_eq!(word(&judgement), *expected, "type {kind} symbol {symbol} addend {addend:#x}");
    }
}

const fn arch(machine: ElfMachine, class: Class, endian: Endian) -> Arch {
    Arch { machine, class, endian }
}

#[test]
fn x86_64_checks_32_bit_values_and_nothing_else() {
    let overflow =
        |kind, value: &str| format!("ENOEXEC module: overflow in relocation type {kind} val {value} sec 9 idx 0");
    check(
        Arch::X86_64,
        &[
            (0, EXPORTED, 0, "applied"),
            (1, EXPORTED, 0, "applied"),
            (1, NEIGHBOUR, i64::MIN, "applied"),
            (2, EXPORTED, 1 << 40, "applied"),
            (4, EXPORTED, -4, "applied"),
            (24, LOCAL, 0, "applied"),
            (10, NOTHING, 0xffff_ffff, "applied"),
            (10, LOCAL, 0, &overflow(10, "ffffffffc0201100")),
            (10, MINUS_ONE, 0, &overflow(10, "ffffffffffffffff")),
            // A per-CPU symbol of an older kernel would fit.
            (10, EXPORTED, 0, "addresses"),
            (10, PERCPU, 0, "addresses"),
            (11, EXPORTED, -8, "applied"),
            (11, PERCPU, 0, "applied"),
            (11, NEIGHBOUR, 0, "applied"),
            (11, NOTHING, 0, "applied"),
            (11, MINUS_ONE, 0, "applied"),
            (11, NOTHING, 1 << 31, &overflow(11, "80000000")),
            (11, EXPORTED, 1 << 40, &overflow(11, "ff81200000")),
            (11, IN_DEBUG, 0, &overflow(11, "0")),
            (9, EXPORTED, 0, "ENOEXEC module: foo: Unknown rela relocation: 9"),
            (42, 1 << 20, 0, "memory:symbol table"),
            (1, 8, 0, "memory:symbol table"),
            (1, 1 << 20, 0, "crash"),
            (0, 1 << 20, 0, "memory:symbol table"),
        ],
    );
    let old = judge_at(Arch::X86_64, (4, 19, 0), &[entry(0, 24, LOCAL, 0)]);
    assert_eq!(word(&old), "ENOEXEC module: foo: Unknown rela relocation: 24");
}

#[test]
fn x86_64_overflow_is_two_lines() {
    let Judgement::Refused { lines, .. } = judge_at(Arch::X86_64, (6, 12, 0), &[entry(0, 11, NOTHING, 1 << 40)]) else {
        panic!("not refused")
    };
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "module: overflow in relocation type 11 val 10000000000",
            "module: `foo' likely not compiled with -mcmodel=kernel",
        ]
    );
}

/// The recorded messages: 5.10 and 6.1 print the value before they subtract the place, 6.12 prints it afterwards, and
/// 7.3 also prints the entry's number.
#[test]
fn x86_64_targets_must_be_zero() {
    let line = |version| word(&judge_at(Arch::X86_64, version, &[entry(8, 2, LOCAL, 0)]));
    let tail = "relocation target, existing value is nonzero for";
    assert_eq!(
        line((6, 1, 0)),
        format!(
            "ENOEXEC module: x86/modules: Skipping invalid {tail} type 2, loc (____ptrval____), val ffffffffc0201100"
        )
    );
    assert_eq!(
        line((6, 12, 0)),
        format!("ENOEXEC module: x86/modules: Invalid {tail} type 2, loc (____ptrval____), val f8")
    );
    assert_eq!(
        line((7, 3, 0)),
        format!("ENOEXEC module: x86/modules: Invalid {tail} sec 9, idx 0, type 2, loc ffffffffc0201008, val f8")
    );
    assert_eq!(line((6, 3, 0)), "behaviour:x86.range_first");
    assert_eq!(judge(Arch::X86_64, &[entry(10, 2, LOCAL, 0)]), Judgement::Applied);
    assert_ne!(judge(Arch::X86_64, &[entry(5, 2, LOCAL, 0)]), Judgement::Applied);
}

#[test]
fn x86_64_checks_range_and_target_in_the_order_of_the_version() {
    let both = [entry(8, 10, LOCAL, 0)];
    assert!(word(&judge_at(Arch::X86_64, (6, 1, 0), &both)).contains("Skipping invalid"));
    assert!(word(&judge_at(Arch::X86_64, (6, 12, 0), &both)).contains("overflow"));
}

#[test]
fn x86_64_sees_earlier_writes() {
    let twice = |kind, symbol, addend| {
        let entries = [entry(0x20, kind, symbol, addend), entry(0x20, kind, symbol, addend)];
        word(&judge(Arch::X86_64, &entries))
    };
    assert!(twice(1, LOCAL, 0).contains("idx 1"));
    assert!(twice(1, EXPORTED, 0).contains("addresses"));
    assert!(twice(11, LOCAL, 0).contains("idx 1"));
    assert!(twice(2, LOCAL, 0).contains("idx 1"));
    assert!(twice(4, EXPORTED, -4).contains("idx 1"));
    assert!(twice(2, NEIGHBOUR, -4).contains("idx 1"));
    assert_eq!(twice(1, NOTHING, 0), "applied");
    // The symbol is the place itself: the distance is zero.
    assert_eq!(twice(2, LOCAL, -0xe0), "applied");
    let overlapping = [entry(0x20, 1, LOCAL, 0), entry(0x27, 1, LOCAL, 0)];
    assert!(word(&judge(Arch::X86_64, &overlapping)).contains("idx 1"));
}

#[test]
fn a_place_outside_its_section_is_undetermined_or_crashes() {
    for (offset, expected) in [
        (0xffc, "applied"),
        (0xffd, "memory:.text"),
        (u64::MAX, "memory:.text"),
        (1 << 40, "crash"),
        (1 << 63, "crash"),
    ] {
        assert_eq!(word(&judge(Arch::X86_64, &[entry(offset, 2, LOCAL, 0)])), expected, "{offset:#x}");
        assert_eq!(word(&judge(Arch::ARM64, &[entry(offset, 264, LOCAL, 0)])), expected, "{offset:#x}");
    }
    // Since 6.4 the range is checked before the place is accessed.
    assert!(word(&judge(Arch::X86_64, &[entry(1 << 40, 10, LOCAL, 0)])).contains("overflow"));
    assert_eq!(word(&judge_at(Arch::X86_64, (6, 1, 0), &[entry(1 << 40, 10, LOCAL, 0)])), "crash");
}

#[test]
fn i386_has_three_types() {
    check(
        Arch::I386,
        &[
            (1, EXPORTED, 0, "applied"),
            (2, LOCAL, 0, "applied"),
            (4, EXPORTED, 0, "applied"),
            (0, EXPORTED, 0, "ENOEXEC module: foo: Unknown relocation: 0"),
            (10, EXPORTED, 0, "ENOEXEC module: foo: Unknown relocation: 10"),
            (1, 1 << 23, 0, "crash"),
        ],
    );
    let old = judge_at(Arch::I386, (5, 9, 0), &[entry(0, 4, EXPORTED, 0)]);
    assert_eq!(word(&old), "ENOEXEC module: foo: Unknown relocation: 4");
}

#[test]
fn arm64_checks_every_range() {
    let overflow =
        |kind, value: &str| format!("ENOEXEC Modules: module foo: overflow in relocation type {kind} val {value}");
    check(
        Arch::ARM64,
        &[
            (0, EXPORTED, 0, "applied"),
            (256, EXPORTED, 0, "applied"),
            (257, EXPORTED, 0, "applied"),
            (258, EXPORTED, 0, &overflow(258, "ffff800079000000")),
            (258, NOTHING, 0xffff_ffff, "applied"),
            (258, MINUS_ONE, 0, &overflow(258, "ffffffffffffffff")),
            (259, NOTHING, 0xffff, "applied"),
            (259, NOTHING, 0x1_0000, &overflow(259, "10000")),
            (260, NOTHING, 0, "applied"),
            (261, EXPORTED, 0, "applied"),
            (261, NEIGHBOUR, 4, "applied"),
            (261, NOTHING, 0, &overflow(261, "0")),
            (262, LOCAL, 0x7f00, "applied"),
            (262, LOCAL, 0x7f20, &overflow(262, "ffff80007a008020")),
            (262, EXPORTED, 0, "addresses"),
            // The move groups MOVW_UABS and MOVW_SABS.
            (263, NOTHING, 0xffff, "applied"),
            (263, NOTHING, 0x1_0000, &overflow(263, "10000")),
            (264, EXPORTED, 0, "applied"),
            (265, MINUS_ONE, 0, &overflow(265, "ffffffffffffffff")),
            (267, NOTHING, 0xffff_ffff_ffff, "applied"),
            (267, EXPORTED, 0, &overflow(267, "ffff800079000000")),
            (269, EXPORTED, 0, "applied"),
            (270, MINUS_ONE, -0xffff, "applied"),
            (270, MINUS_ONE, -0x1_0000, &overflow(270, "fffffffffffeffff")),
            (271, NOTHING, 0x1_0000_0000, &overflow(271, "100000000")),
            (272, MINUS_ONE, 0, "applied"),
            (287, LOCAL, 0, "applied"),
            (289, EXPORTED, 0, "applied"),
            (293, EXPORTED, 0, "applied"),
            // Addresses of code and data.
            (273, LOCAL, 0, "applied"),
            (273, EXPORTED, 0, "addresses"),
            (274, LOCAL, 1 << 20, "ENOEXEC Modules: module foo: overflow in relocation type 274 val ffff80007a100100"),
            (275, EXPORTED, 0, "applied"),
            (275, PERCPU, 0, "applied"),
            (275, NEIGHBOUR, 0, "applied"),
            (275, NOTHING, 0, &overflow(275, "0")),
            (276, NOTHING, 0, "applied"),
            (277, EXPORTED, 0, "applied"),
            (299, EXPORTED, 0, "applied"),
            (279, LOCAL, 0x7f00, "applied"),
            (279, LOCAL, 0x8000, &overflow(279, "ffff80007a008100")),
            (280, LOCAL, 0, "applied"),
            // Calls use a PLT.
            (282, EXPORTED, 0, "applied"),
            (283, EXPORTED, 1 << 30, "applied"),
            (283, NOTHING, 0, "applied"),
            (283, LOCAL, 0, "applied"),
            (283, LOCAL, 1 << 30, "addresses"),
            (5, EXPORTED, 0, "ENOEXEC Modules: module foo: unsupported RELA relocation: 5"),
            (281, EXPORTED, 0, "ENOEXEC Modules: module foo: unsupported RELA relocation: 281"),
            (261, 1 << 20, 0, "crash"),
        ],
    );
}

#[test]
fn arm64_ranges_depend_on_the_version() {
    let minus_one = [entry(0x20, 258, MINUS_ONE, 0)];
    assert_eq!(word(&judge_at(Arch::ARM64, (4, 19, 0), &minus_one)), "applied");
    assert_eq!(
        word(&judge_at(Arch::ARM64, (5, 10, 0), &minus_one)),
        "ENOEXEC module foo: overflow in relocation type 258 val ffffffffffffffff"
    );
}

/// On a processor with erratum 843419 the loader replaces an ADRP in the last two words of a page, and the replacement
/// reaches every address.
#[test]
fn arm64_erratum_843419_is_undetermined() {
    assert_eq!(word(&judge(Arch::ARM64, &[entry(0xff8, 275, NOTHING, 0)])), "addresses");
}

#[test]
fn other_architectures_know_their_types() {
    let arm = arch(ElfMachine::Arm, Class::Elf32, Endian::Little);
    check(
        arm,
        &[
            (0, EXPORTED, 0, "applied"),
            (2, EXPORTED, 0, "applied"),
            (3, EXPORTED, 0, "applied"),
            (28, EXPORTED, 0, "applied"),
            (28, LOCAL, 0, "applied"),
            (10, EXPORTED, 0, "config:CONFIG_THUMB2_KERNEL"),
            (99, EXPORTED, 0, "ENOEXEC foo: unknown relocation: 99"),
            (2, 8, 0, "memory:symbol table"),
            (2, 9, 0, "ENOEXEC foo: section 9 reloc 0: bad relocation sym offset"),
        ],
    );
    assert_eq!(
        word(&judge(arm, &[entry(0xffd, 2, LOCAL, 0)])),
        "ENOEXEC foo: section 9 reloc 0 sym 'local': out of bounds relocation, offset 4093 size 4096"
    );
    check(
        arch(ElfMachine::Riscv, Class::Elf64, Endian::Little),
        &[
            (1, NOTHING, 5, "applied"),
            (1, NEIGHBOUR, 0, "EINVAL foo: value ffffffff01003020 out of range for 32-bit field"),
            (19, EXPORTED, 0, "applied"),
            (23, EXPORTED, 0, "applied"),
            (23, LOCAL, 0, "applied"),
            (24, LOCAL, 0, "EINVAL foo: Can not find HI20 relocation information"),
            (26, EXPORTED, 0, "config:CONFIG_CMODEL_MEDLOW"),
            (43, LOCAL, 0, "EINVAL foo: The unexpected relocation type 'R_RISCV_ALIGN' from PC = (____ptrval____)"),
            (54, LOCAL, 0, "applied"),
            (0, LOCAL, 0, "EINVAL foo: Unknown relocation type 0"),
            (2, MINUS_ONE, 0, "ENOENT foo: Unknown symbol minus_one"),
        ],
    );
    let pair = [entry(0x100, 23, EXPORTED, 0), entry(0x104, 24, LOCAL, 0)];
    assert_eq!(judge(arch(ElfMachine::Riscv, Class::Elf64, Endian::Little), &pair), Judgement::Applied);
    check(
        arch(ElfMachine::Ppc64, Class::Elf64, Endian::Little),
        &[
            (38, EXPORTED, 0, "applied"),
            (10, EXPORTED, 0, "applied"),
            (10, LOCAL, 0, "applied"),
            (10, LOCAL, 1 << 26, "ENOEXEC module_64: foo: REL24 67109088 out of range!"),
            (50, LOCAL, 0, "config:CONFIG_PPC_KERNEL_PCREL"),
            (200, LOCAL, 0, "ENOEXEC module_64: foo: Unknown ADD relocation: 200"),
        ],
    );
    check(
        arch(ElfMachine::Ppc, Class::Elf32, Endian::Big),
        &[
            (6, EXPORTED, 0, "applied"),
            (10, EXPORTED, 0, "applied"),
            (2, EXPORTED, 0, "ENOEXEC module_32: foo: unknown ADD relocation: 2"),
        ],
    );
    check(
        arch(ElfMachine::S390, Class::Elf64, Endian::Big),
        &[
            (22, EXPORTED, 0, "applied"),
            (20, EXPORTED, 2, "applied"),
            (26, EXPORTED, 2, "applied"),
            (19, NEIGHBOUR, 2, "applied"),
            (19, LOCAL, 3, "ENOEXEC module foo: relocation error for symbol local (r_type 19, value 0xe3)"),
            (3, NOTHING, 0x1_0000, "ENOEXEC module foo: relocation error for symbol nothing (r_type 3, value 0x10000)"),
            (12, EXPORTED, 0, "ENOEXEC (silent)"),
            (62, EXPORTED, 0, "ENOEXEC module foo: unknown relocation: 62"),
            (5, NEIGHBOUR, 0, "applied"),
            (6, LOCAL, 0, "applied"),
            (
                6,
                LOCAL,
                0x7fff_ffff,
                "ENOEXEC module foo: relocation error for symbol local (r_type 6, value 0x7fffffff)",
            ),
            (27, EXPORTED, 0, "ENOEXEC module foo: relocation error for symbol printk (r_type 27, value 0x0)"),
            (26, LOCAL, 1, "ENOEXEC module foo: relocation error for symbol local (r_type 26, value 0x1)"),
        ],
    );
    check(
        arch(ElfMachine::Loongarch, Class::Elf64, Endian::Little),
        &[
            (2, EXPORTED, 0, "applied"),
            (66, EXPORTED, 0, "applied"),
            (99, EXPORTED, 0, "applied"),
            (83, EXPORTED, 0, "EINVAL kmod: foo: Unsupport relocation type 83, please add its support."),
            (53, EXPORTED, 0, "EINVAL kmod: foo: Unsupport relocation type 53"),
            (120, EXPORTED, 0, "EINVAL kmod: foo: Unknown relocation type 120"),
            (23, EXPORTED, 0, "applied"),
            (24, EXPORTED, 0, "ENOEXEC (silent)"),
            (35, EXPORTED, 0, "ENOEXEC (silent)"),
            (38, EXPORTED, 0, "ENOEXEC (silent)"),
        ],
    );
    check(
        arch(ElfMachine::Mips, Class::Elf32, Endian::Big),
        &[
            (2, EXPORTED, 0, "applied"),
            (5, EXPORTED, 0, "applied"),
            (4, LOCAL, 0, "applied"),
            (4, EXPORTED, 0, "addresses"),
            (9, LOCAL, 0, "EINVAL foo: Unknown relocation type 9"),
        ],
    );
}

/// No number in a file may cause a panic.
#[test]
fn hostile_numbers_do_not_panic() {
    let numbers = [0, 1, 7, 0x7fff_ffff, 0xffff_ffff, 1 << 63, u64::MAX - 3, u64::MAX];
    for machine in ElfMachine::ALL {
        for class in [Class::Elf32, Class::Elf64] {
            for kind in (0..320).chain([u32::MAX]) {
                for offset in numbers {
                    for symbol in [0, LOCAL, EXPORTED, PERCPU, MINUS_ONE, u32::MAX] {
                        let entries = [entry(offset, kind, symbol, offset.cast_signed())];
                        judge(arch(machine, class, Endian::Little), &entries);
                    }
                }
            }
        }
    }
    let sections = vec![Section { name: "", flags: DATA, size: u64::MAX, align: u64::MAX, contents: &[] }; 3];
    let symbols =
        vec![Symbol { name: "", value: SymbolValue::Percpu { offset: u64::MAX }, weak: true, undefined: true }];
    let mut module = Module::new("", Arch::X86_64, sections, symbols);
    let entries = [entry(u64::MAX - 8, 1, 0, i64::MIN), entry(u64::MAX - 8, 1, 0, i64::MAX)];
    let relocations = RelocationSection { index: 1, target: 0, rela: true, entries: &entries };
    let mut has = |_: Behaviour| Ok::<_, ()>(true);
    let mut config = |_: ConfigOption| Ok(true);
    let mut facts = Facts { has: &mut has, config: &mut config };
    assert!(apply(&mut module, &relocations, &mut facts).is_ok());
    let beyond = RelocationSection { target: 77, ..relocations };
    assert!(apply(&mut module, &beyond, &mut facts).is_ok());
}

#[test]
fn missing_arch_sections_are_rejected() {
    let frob = |machine, names: &[&str]| {
        let sections: Vec<_> = std::iter::once(("", SectionType::NULL))
            .chain(names.iter().map(|name| (*name, if *name == ".symtab" { SectionType::SYMTAB } else { 1 })))
            .collect();
        let mut has = |_: Behaviour| Ok::<_, ()>(true);
        let mut config = |_: ConfigOption| Ok(true);
        let facts = &mut Facts { has: &mut has, config: &mut config };
        let judgement = module_frob_arch_sections("foo", arch(machine, Class::Elf64, Endian::Little), &sections, facts);
        word(&judgement.expect("every fact is known"))
    };
    assert_eq!(frob(ElfMachine::X86_64, &[]), "applied");
    assert_eq!(frob(ElfMachine::Arm64, &[".plt", ".init.plt", ".symtab"]), "applied");
    assert_eq!(frob(ElfMachine::Arm64, &[".plt", ".symtab"]), "ENOEXEC foo: module PLT section(s) missing");
    assert_eq!(frob(ElfMachine::Arm64, &[".plt", ".init.plt"]), "ENOEXEC foo: module symtab section missing");
    assert_eq!(frob(ElfMachine::Arm, &[".symtab"]), "ENOEXEC foo: module PLT section(s) missing");
    assert_eq!(frob(ElfMachine::Riscv, &[".plt", ".got"]), "ENOEXEC foo: module GOT.PLT section(s) missing");
    assert_eq!(frob(ElfMachine::Loongarch, &[".got", ".plt"]), "ENOEXEC foo: module PLT.IDX section(s) missing");
    assert_eq!(frob(ElfMachine::Ppc64, &[".toc"]), "ENOEXEC module_64: foo: doesn't contain .stubs.");
    assert_eq!(frob(ElfMachine::Ppc64, &[".stubs", ".toc"]), "applied");
}
