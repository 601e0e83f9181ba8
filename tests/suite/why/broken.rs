//! Debug information that is broken: the verdict stays as it was, and so does what the symbol table knows.

use gplok::check::check;
use gplok::load::{Cmdline, Insmod};
use gplok::verdict::{DebugInfo, Verdict};
use gplok::why::{Lookup, explain};

use super::{BARE, CALL, KEY, TYPES, module, uses, verdict_on, x86_64};
use crate::ko::{Does, Elf, Function, Ko, Source, Type, Unit, Variable};
use crate::made::Made;

const BOTH: [&str; 2] = ["devmap_key", "__put_page"];

fn spoilt(spoil: impl Fn(&mut Elf) + 'static) -> Verdict {
    let verdict = verdict_on(module(Source::new(&[super::unit()]).dwarf(5)).tweak(spoil).build(&x86_64()), &BOTH);
    let places: Vec<_> = verdict.findings.iter().flat_map(|finding| finding.uses()).map(|place| place.offset).collect();
    assert_eq!(places, [0x48, 0x59]);
    verdict
}

fn unusable(verdict: &Verdict) {
    assert!(matches!(verdict.debug_info, DebugInfo::Unusable { .. }), "{:?}", verdict.debug_info);
    assert_eq!(uses(verdict), BARE);
}

/// Whatever becomes of its debug information, the kernel treats a module alike.
#[test]
fn the_answer_does_not_depend_on_debug_information() {
    let made = Made::new("6.1.0").export_gpl("devmap_key");
    let (kernel, _folder) = made.open();
    let answer = |ko: Ko| {
        let image = made.image(&ko.license("CDDL"));
        let verdicts = check(&kernel, &Cmdline::default(), std::slice::from_ref(&image), &Insmod::default());
        let mut verdict = verdicts.expect("the tree can be read").remove(0);
        explain(&mut verdict, &image, &kernel, &Lookup::default()).expect("no file is asked for");
        assert!(verdict.findings.iter().all(|finding| finding.symbol().is_none() || finding.uses().len() == 1));
        let causes: Vec<_> = verdict.findings.into_iter().map(|finding| finding.cause).collect();
        (verdict.outcome, verdict.log, verdict.kernel_tainted, causes)
    };
    let plain = answer(module(Source::new(&[super::unit()])));
    assert_eq!(plain.0.errno(), Some(gplok::terms::Errno::ENOENT));
    let described = || module(Source::new(&[super::unit()]).dwarf(5));
    assert_eq!(answer(described()), plain);
    for name in [".debug_info", ".debug_abbrev", ".debug_line", ".debug_str", ".debug_rnglists"] {
        let spoil = |data: &mut Vec<u8>| data.iter_mut().step_by(3).for_each(|byte| *byte ^= 0xff);
        assert_eq!(answer(described().tweak(move |elf| spoil(&mut elf.section(name).data))), plain, "{name}");
    }
}

/// The unit says how long it is.
#[test]
fn truncated_units() {
    unusable(&spoilt(|elf| {
        let data = &mut elf.section(".debug_info").data;
        data.truncate(data.len() / 2);
    }));
}

/// Without abbreviations, or with some that mean nothing, no entry can be read.
#[test]
fn absurd_abbreviations() {
    let spoilt = [
        spoilt(|elf| elf.section(".debug_abbrev").data.clear()),
        spoilt(|elf| elf.section(".debug_abbrev").data.fill(0xff)),
        // A form that does not exist, of the first attribute.
        spoilt(|elf| elf.section(".debug_abbrev").data[4] = 0x7f),
    ];
    for verdict in spoilt {
        assert!(!matches!(verdict.debug_info, DebugInfo::Absent | DebugInfo::Unread));
        assert_eq!(uses(&verdict), BARE);
    }
}

/// Lines are gone, but who was inlined where is not.
#[test]
fn lines_that_are_broken() {
    let verdict = spoilt(|elf| elf.section(".debug_line").data.truncate(20));
    assert!(!matches!(verdict.debug_info, DebugInfo::Absent | DebugInfo::Unread));
}

/// Whatever names the text may have, there is none.
#[test]
fn texts_that_are_gone() {
    let verdict = spoilt(|elf| elf.section(".debug_str").data.clear());
    assert!(!matches!(verdict.debug_info, DebugInfo::Absent | DebugInfo::Unread));
}

/// A relocation of debug information is a plain address; any other is not guessed at.
#[test]
fn a_relocation_that_is_none_of_debug_information() {
    let verdict = spoilt(|elf| elf.section(".debug_info").relocs[0].kind = 4);
    unusable(&verdict);
    let DebugInfo::Unusable { what, .. } = verdict.debug_info else { unreachable!("it is unusable") };
    assert!(what.starts_with("section .debug_info: relocation of type 4 at offset "), "{what}");
}

/// Relocations of places outside the section change nothing.
#[test]
fn relocations_out_of_bounds() {
    let verdict = spoilt(|elf| {
        let info = elf.section(".debug_info").clone();
        *elf.section(".debug_info") = info.reloc(u64::MAX - 2, ".text", 1, 0).reloc(1 << 40, ".text", 10, -1);
    });
    assert_eq!(uses(&verdict), [KEY, CALL]);
}

/// Every section of debug information cut short at every byte: there is no panic and no end without an answer, and the
/// uses stay where they are.
#[test]
fn every_prefix_of_every_section() {
    for version in [4, 5] {
        let hook = Variable::new("hook", 7, 8, Type::Function).pointer(0, "__put_page");
        let ko = module(Source::new(&[super::unit().variable(hook)]).dwarf(version));
        let sections = ["abbrev", "info", "line", "line_str", "ranges", "rnglists", "str"];
        for name in sections.map(|name| format!(".debug_{name}")) {
            let lengths = std::rc::Rc::new(std::cell::Cell::new(0));
            let (seen, wanted) = (std::rc::Rc::clone(&lengths), name.clone());
            ko.clone()
                .tweak(move |elf| seen.set(elf.find(&wanted).map_or(0, |section| section.data.len())))
                .build(&x86_64());
            for length in 0..lengths.get() {
                let name = name.clone();
                let cut = ko.clone().tweak(move |elf| elf.section(&name).data.truncate(length)).build(&x86_64());
                let verdict = crate::hostile::ends(move || verdict_on(cut, &["__put_page"]));
                assert_eq!(verdict.findings[0].uses().len(), 2, "DWARF {version}, {length} bytes");
            }
        }
    }
}

fn data(variable: Variable) -> Vec<String> {
    let source = Source::new(&[Unit::new("/build/foo", "main.c").includes(TYPES).variable(variable)]).dwarf(5);
    uses(&verdict_on(Ko::new("foo").uses("helper").source(source).build(&x86_64()), &["helper"]))
}

/// Sizes, counts and offsets that no address space holds.
#[test]
fn huge_counts() {
    let bounds = [vec![u64::MAX, u64::MAX], vec![1 << 33, 1 << 33], vec![1; 500]];
    for bound in bounds {
        let array = Type::Array(Box::new(Type::Long), bound);
        data(Variable::new("huge", 5, 16, array.clone()).pointer(8, "helper"));
        let members = vec![(Some("far"), u64::MAX, Type::Long), (Some("huge"), 0, array)];
        data(Variable::new("holds", 5, 16, Type::Struct(Some("holds"), u64::MAX, members)).pointer(8, "helper"));
    }
}

/// Types that never end.
#[test]
fn types_in_themselves() {
    let in_itself = Type::Struct(Some("ring"), 16, vec![(Some("next"), 0, Type::Itself)]);
    let found = data(Variable::new("ring", 5, 16, in_itself).pointer(8, "helper"));
    assert!(found[0].starts_with(".rodata+0x8: struct ring ring.next.next"), "{found:?}");
    let of_itself = Type::Array(Box::new(Type::Itself), vec![2]);
    data(Variable::new("coil", 5, 16, of_itself).pointer(8, "helper"));
    let named_itself = Type::Typedef("echo", Box::new(Type::Itself));
    data(Variable::new("echo", 5, 16, named_itself).pointer(8, "helper"));
    // Every array holds as many of the one around it.
    let widening = Type::Array(Box::new(Type::Array(Box::new(Type::Itself), vec![1 << 40])), vec![1 << 40]);
    data(Variable::new("wide", 5, 16, widening).pointer(8, "helper"));
}

/// Of two source files one is described well.
#[test]
fn a_broken_unit_takes_no_other_with_it() {
    let hook = |name, line| Variable::new(name, line, 8, Type::Function).pointer(0, "helper");
    let unit = |file, name| Unit::new("/build/foo", file).includes(TYPES).variable(hook(name, 7));
    let source = Source::new(&[unit("a.c", "first"), unit("b.c", "second")]).dwarf(5);
    let ko = Ko::new("foo").uses("helper").source(source).tweak(|elf| {
        // The variable is the last entry; behind it stand the ends of the list and of the unit.
        let data = &mut elf.section(".debug_info").data;
        let end = data.len();
        data[end - 40..].fill(0xff);
    });
    let found = uses(&verdict_on(ko.build(&x86_64()), &["helper"]));
    assert_eq!(found, [".rodata+0x0: first+0x0 a.c:7", ".rodata+0x8: second+0x0"]);
}

/// Inlined calls within inlined calls, deeper than any stack.
#[test]
fn inlined_calls_that_are_nested_without_end() {
    let work = || {
        let frames = vec![("deep", "include/linux/mm.h", 9); 20_000];
        let function = Function::new("foo_read", 10).step(12, &frames, Does::Calls("__put_page"));
        let unit = Unit::new("/src", "main.c").function(function);
        let bytes = module(Source::new(&[unit])).build(&x86_64());
        // The reader has no more room than any thread has.
        std::thread::spawn(move || uses(&verdict_on(bytes, &["__put_page"])).len()).join().expect("it ends")
    };
    // The builder nests likewise.
    let builder = std::thread::Builder::new().stack_size(2 << 30).spawn(work).expect("there is room");
    assert_eq!(builder.join().expect("it is built"), 1);
}
