//! Uses in place, and uses that only a table knows of.

use gplok::terms::Arch;
use object::elf::{SHF_ALLOC, SHF_EXECINSTR};

use super::{BARE, CALL, KEY, module, uses_of, x86_64};
use crate::ko::{Does, Elf, Function, JumpTable, Ko, Profile, Section, Source, Unit, refer, section_symbol};

/// Where a table points: the offset in it, a symbol or section, and how far behind that.
type Pointer = (u64, &'static str, i64);

/// `foo_read` with two plain instructions, and DWARF: what tables refer to has a line.
fn plain() -> Ko {
    let read = Function::new("foo_read", 10).step(12, &[], Does::Nothing).step(13, &[], Does::Nothing);
    Ko::new("foo").source(Source::new(&[Unit::new("/build/foo", "main.c").function(read)]).dwarf(5))
}

/// Adds a section of `size` bytes, in which 32-bit distances stand.
fn section(ko: Ko, name: &'static str, flags: u32, size: usize, pointers: &'static [Pointer]) -> Ko {
    ko.tweak_for(move |elf, profile| {
        let mut section = Section::new(name, SHF_ALLOC | flags, 4, vec![0; size]);
        for (offset, target, addend) in pointers {
            refer_to(elf, target);
            refer(&mut section, profile, (*offset, 4), target, profile.prel32(), *addend);
        }
        elf.sections.push(section);
    })
}

fn refer_to(elf: &mut Elf, target: &str) {
    if elf.find(target).is_some() {
        section_symbol(elf, target);
    }
}

fn table(ko: Ko, name: &'static str, size: usize, pointers: &'static [Pointer]) -> Ko {
    section(ko, name, 0, size, pointers)
}

/// The operand of a call, and a pointer that no symbol names.
#[test]
fn uses_in_place() {
    let source = Source::new(&[super::unit()]).dwarf(5);
    assert_eq!(uses_of("__put_page", &module(source), &x86_64()), [CALL]);
    let ko = Ko::new("foo").needs("printk").needs("kfree").needs("printk");
    assert_eq!(uses_of("printk", &ko, &x86_64()), [".data+0x0: ", ".data+0x10: "]);
    assert!(uses_of("vfree", &ko, &x86_64()).is_empty());
}

/// Both forms that entries of a jump table have had, with the addend beside the relocation and in the place itself.
#[test]
fn jump_labels_on_every_architecture() {
    for jumps in [JumpTable::Words, JumpTable::Distances] {
        for arch in [Arch::X86_64, Arch::I386] {
            let source = Source::new(&[super::unit()]).jumps(jumps).dwarf(5);
            let found = uses_of("devmap_key", &module(source), &Profile::synthetic(arch));
            assert_eq!(found, [KEY], "{arch} {jumps:?}");
        }
        let source = Source::new(&[super::unit()]).jumps(jumps).dwarf(5);
        let ko = module(source);
        let arm64 = Profile::synthetic(Arch::ARM64);
        assert_eq!(uses_of("devmap_key", &ko, &arm64), [KEY], "arm64 {jumps:?}");
        // A branch is one word, and its operand is not apart from it.
        assert_eq!(uses_of("__put_page", &ko, &arm64), [CALL.replace("0x59", "0x58")], "arm64 {jumps:?}");
    }
}

/// Each entry stands for its own code, and what is used twice is told twice.
#[test]
fn every_entry_of_a_jump_table() {
    let ask = |name, line| Function::new(name, line).step(line + 1, &[], Does::Asks("key"));
    let unit =
        Unit::new("/build/foo", "main.c").function(ask("one", 10)).function(ask("two", 20).section(".init.text"));
    let ko = Ko::new("foo").uses("key").source(Source::new(&[unit]).dwarf(5));
    let expected = [".text+0x48 (__jump_table): one main.c:11", ".init.text+0x8 (__jump_table): two main.c:21"];
    assert_eq!(uses_of("key", &ko, &x86_64()), expected);
}

/// `struct static_call_site { code, key }`: the key may carry flags in its lowest bits.
#[test]
fn static_calls() {
    let sites = &[(0, ".text", 0x48), (4, "__SCK__might_resched", 0), (8, ".text", 0x50), (12, "__SCK__cond", 1)];
    let ko = plain().uses("__SCK__might_resched").uses("__SCK__cond");
    let ko = table(ko, ".static_call_sites", 16, sites);
    let found = |symbol| uses_of(symbol, &ko, &x86_64());
    assert_eq!(found("__SCK__might_resched"), [".text+0x48 (.static_call_sites): foo_read main.c:12"]);
    assert_eq!(found("__SCK__cond"), [".text+0x50 (.static_call_sites): foo_read main.c:13"]);
}

/// What runs in place of other code is a use by that code: `struct alt_instr { code, replacement, … }`.
#[test]
fn alternatives() {
    let ko = plain().uses("clear_page_erms").uses("clear_page_rep").uses("boot_cpu_data");
    // Calls of five bytes, one behind the other.
    let ko = section(
        ko,
        ".altinstr_replacement",
        SHF_EXECINSTR,
        10,
        &[(1, "clear_page_erms", -4), (6, "clear_page_rep", -4)],
    );
    let entries =
        &[(0, ".text", 0x48), (4, ".altinstr_replacement", 0), (12, ".text", 0x50), (16, ".altinstr_replacement", 5)];
    let ko = table(ko, ".altinstructions", 24, entries);
    let found = |symbol| uses_of(symbol, &ko, &x86_64());
    assert_eq!(found("clear_page_erms"), [".text+0x48 (.altinstr_replacement): foo_read main.c:12"]);
    assert_eq!(found("clear_page_rep"), [".text+0x50 (.altinstr_replacement): foo_read main.c:13"]);
}

/// On arm64 a function may make the replacement: the table names it.
#[test]
fn alternatives_that_a_function_makes() {
    let entries = &[(0, ".text", 0x50), (4, "kvm_patch_vector_branch", 0)];
    let ko = table(plain().uses("kvm_patch_vector_branch"), ".altinstructions", 12, entries);
    let found = uses_of("kvm_patch_vector_branch", &ko, &Profile::synthetic(Arch::ARM64));
    assert_eq!(found, [".text+0x50 (.altinstructions): foo_read main.c:13"]);
}

/// Before 5.17 x86 had code to go on with in `.fixup`, and before 5.16 a pointer to the handler.
#[test]
fn exceptions() {
    let ko = plain().uses("ex_handler_default").uses("warn_fixed");
    let ko = section(ko, ".fixup", SHF_EXECINSTR, 8, &[(1, "warn_fixed", -4)]);
    let entries = &[
        (0, ".text", 0x48),
        (4, ".fixup", 0),
        (8, "ex_handler_default", 0),
        (12, ".text", 0x50),
        (16, ".fixup", 5),
        (20, "ex_handler_default", 0),
    ];
    let ko = table(ko, "__ex_table", 24, entries);
    let found = |symbol| uses_of(symbol, &ko, &x86_64());
    let handled = [".text+0x48 (__ex_table): foo_read main.c:12", ".text+0x50 (__ex_table): foo_read main.c:13"];
    assert_eq!(found("ex_handler_default"), handled);
    assert_eq!(found("warn_fixed"), [".text+0x48 (.fixup): foo_read main.c:12"]);
}

/// Without handlers an entry has two pointers, and a number or nothing behind them.
#[test]
fn exceptions_without_handlers() {
    let entries = &[(0, ".text", 0x48), (4, ".fixup", 0), (12, ".text", 0x50), (16, ".fixup", 4)];
    for arch in [Arch::X86_64, Arch::ARM64] {
        let ko = section(plain().uses("warn_fixed"), ".fixup", SHF_EXECINSTR, 8, &[(4, "warn_fixed", 0)]);
        let found = uses_of("warn_fixed", &table(ko, "__ex_table", 24, entries), &Profile::synthetic(arch));
        assert_eq!(found, [".text+0x50 (.fixup): foo_read main.c:13"], "{arch}");
    }
}

/// An instruction that may fault stands in a replacement itself.
#[test]
fn exceptions_in_alternatives() {
    let ko = section(plain().uses("ex_handler_default"), ".altinstr_replacement", SHF_EXECINSTR, 8, &[]);
    let ko = table(ko, ".altinstructions", 12, &[(0, ".text", 0x50), (4, ".altinstr_replacement", 0)]);
    let entries = &[(0, ".altinstr_replacement", 3), (4, ".text", 0x58), (8, "ex_handler_default", 0)];
    let found = uses_of("ex_handler_default", &table(ko, "__ex_table", 12, entries), &x86_64());
    assert_eq!(found, [".text+0x50 (__ex_table): foo_read main.c:13"]);
}

/// Where entries are not all alike nobody knows what belongs together: the use is where it stands.
#[test]
fn a_table_that_is_not_regular_stands_for_itself() {
    let shapes: [(usize, &'static [Pointer]); 4] = [
        // The second entry lacks its key.
        (16, &[(0, ".text", 0x48), (4, "key", 0), (8, ".text", 0x50)]),
        // The second begins a word late.
        (24, &[(0, ".text", 0x48), (4, "key", 0), (16, ".text", 0x50), (20, "key", 0)]),
        // The size is none of two entries.
        (17, &[(0, ".text", 0x48), (4, "key", 0), (8, ".text", 0x50), (12, "key", 0)]),
        // The first has something in front.
        (16, &[(4, ".text", 0x48), (8, "key", 0)]),
    ];
    for (size, pointers) in shapes {
        let ko = table(plain().uses("key"), ".static_call_sites", size, pointers);
        let expected: Vec<_> = pointers.iter().filter(|(_, symbol, _)| *symbol == "key").map(|(at, _, _)| at).collect();
        let expected: Vec<_> = expected.iter().map(|at| format!(".static_call_sites+{at:#x}: ")).collect();
        assert_eq!(uses_of("key", &ko, &x86_64()), expected);
    }
}

/// An entry whose code the module does not define says nothing about code.
#[test]
fn a_table_that_points_out_of_the_module_stands_for_itself() {
    let ko =
        table(plain().uses("key").uses("elsewhere"), ".static_call_sites", 8, &[(0, "elsewhere", 0), (4, "key", 0)]);
    assert_eq!(uses_of("key", &ko, &x86_64()), [".static_call_sites+0x4: "]);
}

/// Unwinders and debuggers only read about it, what the final link discards is never there, and R_*_NONE writes nothing.
#[test]
fn descriptions_are_no_uses() {
    let ko = plain().uses("__gxx_personality").uses("printk");
    let names =
        [".eh_frame", ".orc_unwind", ".orc_unwind_ip", ".discard.reachable", ".discard.addressable", ".ARM.exidx"];
    let ko = names.into_iter().fold(ko, |ko, name| table(ko, name, 8, &[(4, "__gxx_personality", 0)]));
    assert!(uses_of("__gxx_personality", &ko, &x86_64()).is_empty());
    let none = ko.tweak(|elf| {
        let text = elf.section(".text").clone();
        *elf.section(".text") = text.reloc(0x48, "printk", 0, 0);
    });
    assert!(uses_of("printk", &none, &x86_64()).is_empty());
}

/// Without debug information the function is known.
#[test]
fn functions_without_debug_information() {
    let ko = module(Source::new(&[super::unit()]));
    for arch in [Arch::X86_64, Arch::I386] {
        let profile = Profile::synthetic(arch);
        assert_eq!([uses_of("devmap_key", &ko, &profile), uses_of("__put_page", &ko, &profile)].concat(), BARE);
    }
    let verdict = super::verdict_on(ko.build(&x86_64()), &["__put_page"]);
    let inside = verdict.findings[0].uses()[0].inside.as_ref().expect("it lies in a function");
    assert_eq!((inside.name.as_str(), inside.offset, inside.size), ("foo_read", 0x19, 40));
    assert_eq!(verdict.debug_info, gplok::verdict::DebugInfo::Absent);
}
