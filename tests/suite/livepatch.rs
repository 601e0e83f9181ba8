//! Live patches: relocations that refer to symbols of the kernel and of loaded modules, exported or not.

use std::sync::Arc;

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Insmod, Machine};
use gplok::terms::Errno;
use gplok::verdict::{Missing, Outcome, Verdict};
use object::elf::{SHF_ALLOC, SHF_EXECINSTR, SHF_INFO_LINK, SHF_WRITE, SHT_PROGBITS, STB_GLOBAL, STT_FUNC, STT_OBJECT};

use crate::ko::{Ko, Place, Section, Sh, Symbol};
use crate::made::Made;

pub const SHN_LIVEPATCH: u16 = 0xff20;
pub const SHF_RELA_LIVEPATCH: u64 = 0x0010_0000;
pub const R_X86_64_64: u32 = 1;

/// A symbol that is resolved when the patch is loaded.
pub fn klp_symbol(name: &str) -> Symbol {
    Symbol::new(name, STB_GLOBAL, STT_OBJECT, Place::Index(SHN_LIVEPATCH), 0)
}

/// A live patch whose data refers to these symbols, in relocations of a section of that name.
pub fn patch_with(name: &str, section: &'static str, symbols: &[&str], kind: u32) -> Ko {
    let size = symbols.len().max(1) * 8;
    let mut data = Section::new(".data.klp", SHF_ALLOC | SHF_WRITE, 8, vec![0; size]);
    for (index, symbol) in symbols.iter().enumerate() {
        data = data.reloc(index as u64 * 8, symbol, kind, 0);
    }
    let mut ko = Ko::new(name).tag("livepatch", "Y").section(data);
    for symbol in symbols.iter().filter(|name| name.starts_with(".klp") || name.starts_with("lp_")) {
        ko = ko.symbol(klp_symbol(symbol));
    }
    // The writer names relocation sections. An empty section puts the other name into the table of names.
    ko.section(Section::new(section, 0, 1, []).kind(SHT_PROGBITS)).patch(move |image| {
        let named = image.section_get(image.section(section), Sh::Name);
        let flags = u64::from(SHF_ALLOC | SHF_INFO_LINK) | SHF_RELA_LIVEPATCH;
        image.patch(".rela.data.klp", Sh::Flags, flags);
        image.patch(".rela.data.klp", Sh::Name, named);
    })
}

pub fn patch(name: &str, symbols: &[&str]) -> Ko {
    patch_with(name, ".klp.rela.vmlinux..data.klp", symbols, R_X86_64_64)
}

/// A module with functions: one name is unique, another is not, and one function is gone after init.
pub fn target(name: &str) -> Ko {
    let function = |name: &str, value| Symbol::new(name, STB_GLOBAL, STT_FUNC, Place::Section(".text".into()), value);
    Ko::new(name)
        .export("tgt_exported")
        .section(Section::new(".init.text", SHF_ALLOC | SHF_EXECINSTR, 16, [0xc3; 16]))
        .symbol(function("once", 0))
        .symbol(function("twice", 0))
        .symbol(function("twice", 0))
        .symbol(Symbol::new("early", STB_GLOBAL, STT_FUNC, Place::Section(".init.text".into()), 0))
}

const KALLSYMS: &str = "0000000000000000 A at_zero\n0000000000001000 A per_cpu\n\
    ffffffff81000000 T _text\nffffffff81000100 t unique\nffffffff81000200 t twin\nffffffff81000300 t twin\n\
    ffffffff82000000 R __start___ksymtab\nffffffff82000000 r __ksymtab_printk\nffffffff8200000c R __stop___ksymtab\n\
    ffffffff83000000 t unique\t[other]\n";

/// A kernel with live patching, and with its symbols, if they are given.
fn kernel(made: Made, kallsyms: Option<&str>) -> (Made, Arc<Kernel>) {
    let made = made.config("LIVEPATCH").config("KALLSYMS_ALL");
    let folder = tempfile::tempdir().expect("a folder");
    made.write(folder.path());
    let mut paths = vec![folder.path().to_owned()];
    if let Some(kallsyms) = kallsyms {
        paths.push(folder.path().join("kallsyms"));
        std::fs::write(&paths[1], kallsyms).expect("written");
    }
    let kernel = Arc::new(Kernel::open(&paths).unwrap_or_else(|error| panic!("{error}")));
    // The tree is read while the folder is there.
    let _ = kernel.struct_module_size();
    (made, kernel)
}

fn insmod(machine: &mut Machine, made: &Made, ko: &Ko) -> Verdict {
    let image = Image::from_bytes(format!("{}.ko", ko.name()), ko.build(&made.profile)).expect("not compressed");
    machine.insmod(&image, &Insmod::default())
}

/// What the kernel says about the symbol, or that it takes the patch.
fn said(verdict: &Verdict) -> String {
    match &verdict.outcome {
        Outcome::Loads => "loads".to_owned(),
        Outcome::Refused { errno, .. } => {
            let line = verdict.log.last().map(|line| line.text.to_string()).unwrap_or_default();
            format!("{errno} {}", line.trim_start_matches("livepatch: "))
        }
        other => format!("{other:?}"),
    }
}

fn judged(made: &Made, kernel: &Arc<Kernel>, ko: &Ko) -> String {
    said(&insmod(&mut Machine::boot(Arc::clone(kernel), Cmdline::default()), made, ko))
}

// Symbols need no export: their name and their number among those of that name decide.
#[test]
fn symbols_of_the_kernel_are_counted() {
    let (made, kernel) = kernel(Made::new("6.12.0"), Some(KALLSYMS));
    let expected = [
        ("unique,0", "loads"),
        ("unique,1", "loads"),
        ("unique,2", "EINVAL symbol position 2 for symbol 'unique' in object 'vmlinux' not found"),
        ("twin,0", "EINVAL unresolvable ambiguity for symbol 'twin' in object '(null)'"),
        ("twin,1", "loads"),
        ("twin,2", "loads"),
        ("twin,3", "EINVAL symbol position 3 for symbol 'twin' in object 'vmlinux' not found"),
        ("gone,0", "EINVAL symbol 'gone' not found in symbol table"),
        ("gone,7", "EINVAL symbol 'gone' not found in symbol table"),
        ("per_cpu,0", "loads"),
        ("at_zero,0", "EINVAL symbol 'at_zero' not found in symbol table"),
        ("unique", "EINVAL symbol .klp.sym.vmlinux.unique has an incorrectly formatted name"),
    ];
    for (symbol, answer) in expected {
        let symbol = format!(".klp.sym.vmlinux.{symbol}");
        assert_eq!(judged(&made, &kernel, &patch("lp", &[&symbol])), answer, "{symbol}");
        let two = judged(&made, &kernel, &patch("lp", &[".klp.sym.vmlinux._text,1", &symbol]));
        assert_eq!(two, answer, "{symbol}, after a good one");
    }
}

// `/proc/kallsyms` hides the addresses from most users. Names and numbers are there.
#[test]
fn hidden_addresses_still_tell_the_symbols() {
    let hidden: String = KALLSYMS.lines().map(|line| format!("{}{}\n", "0".repeat(16), &line[16..])).collect();
    let (made, kernel) = kernel(Made::new("6.12.0"), Some(&hidden));
    assert_eq!(judged(&made, &kernel, &patch("lp", &[".klp.sym.vmlinux.twin,2"])), "loads");
    let gone = judged(&made, &kernel, &patch("lp", &[".klp.sym.vmlinux.gone,0"]));
    assert_eq!(gone, "EINVAL symbol 'gone' not found in symbol table");
}

#[test]
fn names_of_sections_and_symbols_are_checked() {
    let (made, kernel) = kernel(Made::new("6.12.0"), Some(KALLSYMS));
    let good = ".klp.sym.vmlinux.unique,0";
    for (section, symbols, answer) in [
        (".klp.rela.vmlinux", good, "loads"),
        (".klp.rela.", good, "EINVAL section .klp.rela. has an incorrectly formatted name"),
        (".klp.rel", good, "EINVAL section .klp.rel has an incorrectly formatted name"),
        // Relocations for a module wait for it.
        (".klp.rela.ext4..data.klp", ".klp.sym.ext4.gone,0", "loads"),
        (".klp.rela.vmlinux.x", "printk", "EINVAL symbol printk is not marked as a livepatch symbol"),
        (".klp.rela.vmlinux.x", "lp_odd", "EINVAL symbol lp_odd has an incorrectly formatted name"),
    ] {
        let ko = patch_with("lp", section, &[symbols], R_X86_64_64).needs("printk");
        assert_eq!(judged(&made, &kernel, &ko), answer, "{section} {symbols}");
    }
    let long = format!(".klp.sym.vmlinux.{},0", "n".repeat(128));
    let answer = judged(&made, &kernel, &patch("lp", &[&long]));
    assert!(answer.ends_with("not found in symbol table"), "{answer}");
    let (made, kernel) = self::kernel(Made::new("5.15.0"), Some(KALLSYMS));
    let answer = judged(&made, &kernel, &patch("lp", &[&long]));
    assert!(answer.ends_with("has an incorrectly formatted name"), "{answer}");
}

// Before 5.8 such relocations are left to klp_enable_patch(), which only the module's own code calls.
#[test]
fn old_kernels_do_not_look_at_load_time() {
    for (release, loads) in [("5.7.0", true), ("5.8.0", false)] {
        let (made, kernel) = kernel(Made::new(release), Some(KALLSYMS));
        let answer = judged(&made, &kernel, &patch("lp", &[".klp.sym.vmlinux.gone,0"]));
        assert_eq!(answer == "loads", loads, "{release}: {answer}");
    }
}

// Symbols of a module are those that stay in memory with it, while it is loaded.
#[test]
fn symbols_of_loaded_modules_are_found() {
    let (made, kernel) = kernel(Made::new("6.12.0"), Some(KALLSYMS));
    let mut machine = Machine::boot(kernel, Cmdline::default());
    let try_symbol = |machine: &mut Machine, symbol: &str| {
        let answer = said(&insmod(machine, &made, &patch("lp", &[&format!(".klp.sym.tgt.{symbol}")])));
        machine.rmmod("lp");
        answer
    };
    assert_eq!(try_symbol(&mut machine, "once,0"), "EINVAL symbol 'once' not found in symbol table");
    assert_eq!(insmod(&mut machine, &made, &target("tgt")).outcome, Outcome::Loads);
    for (symbol, answer) in [
        ("once,0", "loads"),
        ("once,2", "EINVAL symbol position 2 for symbol 'once' in object 'tgt' not found"),
        ("twice,0", "EINVAL unresolvable ambiguity for symbol 'twice' in object 'tgt'"),
        ("twice,2", "loads"),
        ("early,0", "EINVAL symbol 'early' not found in symbol table"),
        ("tgt_exported,0", "loads"),
        ("unique,0", "EINVAL symbol 'unique' not found in symbol table"),
    ] {
        assert_eq!(try_symbol(&mut machine, symbol), answer, "{symbol}");
    }
    machine.rmmod("tgt");
    assert_eq!(try_symbol(&mut machine, "once,0"), "EINVAL symbol 'once' not found in symbol table");
}

// Without the kernel's symbols the verdict is open, and names them, not the exports that were given.
#[test]
fn unknown_symbols_are_asked_for() {
    let (made, kernel) = kernel(Made::new("6.12.0"), None);
    let verdict = insmod(
        &mut Machine::boot(kernel, Cmdline::default()),
        &made,
        &patch("lp", &[".klp.sym.vmlinux.unique,0", ".klp.sym.vmlinux.gone,0"]),
    );
    assert_eq!(verdict.outcome, Outcome::Undetermined);
    assert_eq!(verdict.missing, [Missing::Symbols("vmlinux".into())]);
    assert_eq!(verdict.outcome.errno(), None::<Errno>);
}

// A patch that is loaded earlier may patch a module when that is loaded, and have it refused. Only the patch's code shows it.
#[test]
fn a_patch_may_refuse_a_module_that_it_names() {
    let (made, kernel) = kernel(Made::new("6.12.0").export_gpl("klp_enable_patch"), Some(KALLSYMS));
    let section = ".klp.rela.tgt..data.klp";
    let names = Section::new(".rodata.str1.1", SHF_ALLOC, 1, *b"a b\0by_name\0");
    let lp = patch_with("lp", section, &[".klp.sym.tgt.once,0"], R_X86_64_64).section(names).needs("klp_enable_patch");
    let mut machine = Machine::boot(kernel, Cmdline::default());
    assert_eq!(insmod(&mut machine, &made, &lp).outcome, Outcome::Loads);
    assert_eq!(insmod(&mut machine, &made, &target("other")).outcome, Outcome::Loads);
    for name in ["tgt", "by_name"] {
        let verdict = insmod(&mut machine.clone(), &made, &Ko::new(name));
        let missing = vec![Missing::LivePatch { patch: "lp".to_owned(), module: Some(name.to_owned()) }];
        assert_eq!((verdict.outcome, verdict.missing), (Outcome::Undetermined, missing), "{name}");
    }
}

// An enabled patch holds its module. A module that registers no patch is not held, and patches nothing.
#[test]
fn an_enabled_patch_is_not_unloaded() {
    let (made, kernel) = kernel(Made::new("6.12.0").export_gpl("klp_enable_patch"), Some(KALLSYMS));
    let lp = |name: &str| patch_with(name, ".klp.rela.tgt..data.klp", &[".klp.sym.tgt.once,0"], R_X86_64_64);
    let mut machine = Machine::boot(kernel, Cmdline::default());
    assert_eq!(insmod(&mut machine, &made, &lp("lp").needs("klp_enable_patch")).outcome, Outcome::Loads);
    let verdict = machine.clone().rmmod("lp");
    let missing = vec![Missing::LivePatch { patch: "lp".to_owned(), module: None }];
    assert_eq!((verdict.outcome, verdict.missing), (Outcome::Undetermined, missing));
    assert_eq!(insmod(&mut machine, &made, &Ko::new("tgt")).outcome, Outcome::Undetermined);
    let mut machine = Machine::boot(Arc::clone(&self::kernel(made.clone(), Some(KALLSYMS)).1), Cmdline::default());
    assert_eq!(insmod(&mut machine, &made, &lp("quiet")).outcome, Outcome::Loads);
    assert_eq!(insmod(&mut machine, &made, &Ko::new("tgt")).outcome, Outcome::Loads);
    assert_eq!(machine.rmmod("quiet").outcome, Outcome::Loads);
}

// Link-time optimization by Clang appends suffixes, which some releases do not compare.
#[test]
fn names_with_suffixes_are_open_where_clang_optimized() {
    let kallsyms = KALLSYMS.replace("t twin\n", "t twin.llvm.1\n").replace("t unique\t", "t unique.cold\t");
    let lp = |symbol: &str| patch("lp", &[&format!(".klp.sym.vmlinux.{symbol},0")]);
    let (made, plain) = kernel(Made::new("6.12.0"), Some(&kallsyms));
    let judge = |kernel: &Arc<Kernel>, symbol: &str| {
        insmod(&mut Machine::boot(Arc::clone(kernel), Cmdline::default()), &made, &lp(symbol)).outcome
    };
    assert_eq!(judge(&plain, "twin").errno(), Some(Errno::EINVAL));
    let (_, optimized) = kernel(Made::new("6.12.0").config("LTO_CLANG"), Some(&kallsyms));
    assert_eq!(judge(&optimized, "_text"), Outcome::Loads);
    assert_eq!(judge(&optimized, "twin"), Outcome::Undetermined);
    assert_eq!(judge(&optimized, "twin.llvm.1"), Outcome::Undetermined);
}
