//! Files with very many of one thing: the work grows with their number, not with its square. Each test ends within seconds, and would
//! take minutes if something were compared with everything.

use std::path::Path;
use std::sync::Arc;

use gplok::check::{Check, DepmodLine, depmod};
use gplok::image::{Image, KmodLinks};
use gplok::kernel::{Exports, Kernel};
use gplok::load::{Cmdline, Machine};
use gplok::report::groups;
use gplok::terms::Errno;
use gplok::verdict::{Absent, Cause, Finding, Missing, Outcome, Stage, Verdict};
use gplok::why::inlines::InlineMap;

use crate::hostile::ends;
use crate::ko::{Ko, Symbol};
use crate::made::Made;

/// A `Module.symvers` that lists one symbol again and again: the last row comes first.
#[test]
fn a_symbol_is_listed_many_times() {
    const ROWS: usize = 500_000;
    let rows = (0..ROWS).map(|row| format!("0x{row:08x}\tsame\tvmlinux\tEXPORT_SYMBOL\t\n"));
    let exports = ends(move || Exports::parse(rows.collect::<String>()).expect("good rows"));
    assert!(exports.find("same").is_some());
    assert_eq!(exports.positions("same").next(), Some(ROWS - 1));
    assert_eq!(exports.named("same").count(), exports.rows().len());
}

/// Functions of which each calls the next, and the last a symbol: each has a path, and long ones are cut.
#[test]
fn inline_functions_call_each_other_in_a_row() {
    const FUNCTIONS: usize = 40_000;
    let function = |at: usize| {
        let next = at + 1;
        format!("\t.type f{at},@function\nf{at}:\n\tcall f{next}\n\t.size f{at},.-f{at}\n")
    };
    let text = "\t.text\n".to_owned() + &(0..FUNCTIONS).map(function).collect::<String>();
    let map = ends(move || InlineMap::of_assembly(&text, &Exports::default()).expect("assembly"));
    let symbol = format!("f{FUNCTIONS}");
    assert_eq!(map.inlines.len(), FUNCTIONS);
    for inline in &map.inlines {
        let begins = inline.path.first() == Some(&inline.name);
        assert!(begins && inline.path.last() == Some(&symbol) && inline.unexported == [symbol.clone()]);
        assert!(inline.path.len() <= 32 && inline.in_part == inline.path.contains(&"…".to_owned()));
    }
    assert_eq!(map.inlines.iter().filter(|inline| !inline.in_part).count(), 31);
}

/// Functions of which each needs a symbol of its own, and the functions after it: their lists are cut.
#[test]
fn inline_functions_need_very_many_symbols() {
    let function = |at: usize| {
        let next = at + 1;
        format!("\t.type f{at},@function\nf{at}:\n\tcall s{at}\n\tcall f{next}\n\t.size f{at},.-f{at}\n")
    };
    let text = "\t.text\n".to_owned() + &(0..5_000).map(function).collect::<String>();
    let map = ends(move || InlineMap::of_assembly(&text, &Exports::default()).expect("assembly"));
    assert!(map.inlines.iter().all(|inline| inline.unexported.len() <= 64 && inline.needs.len() <= 256));
    let last = map.inlines.iter().find(|inline| inline.name == "f4999").expect("the last function");
    assert_eq!((last.unexported.as_slice(), last.in_part), (&["f5000".to_owned(), "s4999".to_owned()][..], false));
}

/// The verdicts on modules that each export one symbol, and need those of other modules.
fn judged(modules: usize, needs: impl Fn(usize) -> Vec<usize>) -> Vec<Verdict> {
    let made = Made::new("6.1.0");
    let (kernel, _folder) = made.open();
    let image = |number: usize| {
        let ko = Ko::new(&format!("m{number}")).export(&format!("f{number}"));
        let ko = needs(number).into_iter().fold(ko, |ko, other| ko.needs(&format!("f{other}")));
        Image::from_bytes_raw(format!("m{number}.ko"), ko.build(&made.profile))
    };
    let images: Vec<_> = (0..modules).map(image).collect();
    ends(move || Check::new(&kernel).images(&images).expect("no file is read"))
}

/// The refused modules for which a verdict blames.
fn blamed(verdict: &Verdict) -> Vec<&str> {
    let mut names = Vec::new();
    for finding in &verdict.findings {
        if let Cause::DependencyRefused { dependency, .. } = &finding.cause {
            names.push(dependency.as_str());
        }
    }
    names
}

/// Modules of which each needs the one before: each is judged once.
#[test]
fn modules_need_each_other_in_a_row() {
    let verdicts = judged(2_000, |number| Vec::from_iter(number.checked_sub(1)));
    assert!(verdicts.iter().all(|verdict| verdict.outcome == Outcome::Loads));
}

/// The first of a row of modules is refused, and so are all others: the first refused ones are named.
#[test]
fn a_row_of_modules_is_refused() {
    let verdicts = judged(2_000, |number| vec![number.checked_sub(1).unwrap_or(9_999)]);
    for (number, verdict) in verdicts.iter().enumerate() {
        assert_eq!(verdict.outcome.errno(), Some(Errno::ENOENT));
        let names: Vec<_> = (0..number.min(64)).map(|other| format!("m{other}")).collect();
        assert_eq!(blamed(verdict), names);
    }
}

/// Modules in one large cycle: of the cycle, a part is named.
#[test]
fn modules_need_each_other_in_a_circle() {
    const MODULES: usize = 1_500;
    let verdicts = judged(MODULES, |number| vec![(number + 1) % MODULES]);
    for (number, verdict) in verdicts.iter().enumerate() {
        let next = (number + 1) % MODULES;
        assert_eq!(verdict.outcome.errno(), Some(Errno::ENOENT));
        assert_eq!(blamed(verdict).len(), 64);
        let Some(Cause::DependencyCycle { modules }) = verdict.findings.first().map(|finding| &finding.cause) else {
            panic!("no cycle: {verdict:?}")
        };
        let named: Vec<_> = (0..32).map(|more| format!("m{}", (number + more) % MODULES)).collect();
        assert_eq!((&modules[..32], &modules[32..]), (&named[..], &["…".to_owned()][..]));
        let is_named = |cause: &Cause| match cause {
            Cause::MissingSymbol { symbol, refused_exporter, .. } => {
                **symbol == format!("f{next}") && refused_exporter.as_deref() == Some(&*format!("m{next}"))
            }
            _ => false,
        };
        assert!(verdict.findings.iter().any(|finding| is_named(&finding.cause)), "{verdict:?}");
    }
}

/// Modules of which each needs all others.
#[test]
fn modules_all_need_each_other() {
    let verdicts = judged(150, |number| (0..150).filter(|other| *other != number).collect());
    for verdict in &verdicts {
        assert_eq!(verdict.outcome.errno(), Some(Errno::ENOENT));
        let first = verdict.findings.first().map(|finding| &finding.cause);
        assert!(matches!(first, Some(Cause::DependencyCycle { modules }) if modules.len() == 2), "{first:?}");
        assert_eq!(verdict.log.len(), 149);
    }
}

/// Modules of which each needs all before it.
#[test]
fn modules_need_all_before_them() {
    let verdicts = judged(200, |number| (0..number).collect());
    assert!(verdicts.iter().all(|verdict| verdict.outcome == Outcome::Loads));
}

/// A kernel in whose tree each module needs the one before it.
fn row_in_tree(modules: usize) -> tempfile::TempDir {
    let made = Made::new("6.1.0");
    let folder = tempfile::tempdir().expect("a folder");
    made.write(folder.path());
    for number in 0..modules {
        let ko = Ko::new(&format!("m{number}")).intree().export(&format!("f{number}"));
        let ko = number.checked_sub(1).iter().fold(ko, |ko, other| ko.needs(&format!("f{other}")));
        std::fs::write(folder.path().join(format!("kernel/m{number}.ko")), ko.build(&made.profile)).expect("written");
    }
    folder
}

/// A module that needs a row of modules, which modprobe loads one by one: more than a limit on their depth would allow.
#[test]
fn modprobe_loads_a_row_of_modules() {
    const MODULES: usize = 200;
    let folder = row_in_tree(MODULES);
    let kernel = Arc::new(Kernel::open(&[folder.path()]).expect("a kernel with its tree"));
    let mut machine = Machine::boot(kernel, Cmdline::default());
    let verdicts = machine.modprobe(&format!("m{}", MODULES - 1)).expect("the tree has it");
    let names: Vec<_> = verdicts.iter().map(|verdict| verdict.name.clone()).collect();
    assert_eq!(names, (0..MODULES).map(|number| format!("m{number}")).collect::<Vec<_>>());
    assert!(verdicts.iter().all(|verdict| verdict.outcome == Outcome::Loads));
}

/// Two rows of modules: each of the second needs symbols of all of the first, and the first of these are refused.
#[test]
fn modules_need_all_of_a_row() {
    let verdicts = judged(200, |number| match number {
        0..20 => vec![9_999],
        20..100 => Vec::new(),
        _ => (0..100).collect(),
    });
    for verdict in &verdicts[100..] {
        assert_eq!(verdict.outcome.errno(), Some(Errno::ENOENT));
        assert_eq!(blamed(verdict).len(), 20);
        let missing = verdict.findings.iter().filter_map(|finding| match &finding.cause {
            Cause::MissingSymbol { refused_exporter, .. } => refused_exporter.as_deref(),
            _ => None,
        });
        assert_eq!(missing.collect::<Vec<_>>(), blamed(verdict));
    }
}

/// Two lists of exports with very many rows of one symbol, of which the second has one row more.
#[test]
fn a_symbol_is_listed_many_times_in_two_lists() {
    const ROWS: usize = 60_000;
    let folder = tempfile::tempdir().expect("a folder");
    let paths = [("one", ROWS), ("other", ROWS + 1)].map(|(name, rows)| {
        let path = folder.path().join(name).with_extension("symvers");
        let row =
            |row| format!("0x00000001\tsame\tm{row}\tEXPORT_SYMBOL\t\n0x00000002\town\tvmlinux\tEXPORT_SYMBOL\t\n");
        std::fs::write(&path, (0..rows).map(row).collect::<String>()).expect("written");
        path
    });
    let kernel = ends(move || Kernel::open(&paths).expect("two lists of one kernel"));
    assert_eq!(kernel.conflicts(), []);
    let exports = kernel.exports().expect("a list");
    assert_eq!(exports.owned_by("m0", "same").and_then(|row| row.crc).map(|crc| crc.0), Some(1));
    assert_eq!(exports.rows().len(), 2 * ROWS + 2);
}

/// The lines of depmod about modules that each export one symbol, and need those of other modules.
fn linked(modules: usize, needs: impl Fn(usize) -> Vec<usize>) -> Vec<DepmodLine> {
    let made = Made::new("6.1.0");
    let (kernel, _folder) = made.open();
    let links = |number: usize| {
        let ko = Ko::new(&format!("m{number}")).export(&format!("f{number}"));
        let ko = needs(number).into_iter().fold(ko, |ko, other| ko.needs(&format!("f{other}")));
        let path = format!("m{number}.ko");
        let links = KmodLinks::of(&Image::from_bytes_raw(&path, ko.build(&made.profile)));
        (path.into(), links)
    };
    let files: Vec<_> = (0..modules).map(links).collect();
    ends(move || depmod(&kernel, &[], &files, true))
}

/// A module that needs very many others, as depmod links them.
#[test]
fn a_module_needs_very_many_others_for_depmod() {
    assert_eq!(linked(5_000, |number| if number == 0 { (1..5_000).collect() } else { Vec::new() }), []);
}

/// Very many cycles of two modules: depmod's search ends early, and says so.
#[test]
fn modules_need_each_other_by_twos_for_depmod() {
    let lines = linked(10_000, |number| vec![number ^ 1]);
    assert_eq!(lines.first(), Some(&DepmodLine::Cycle(["m0", "m1", "m0"].map(str::to_owned).into())));
    assert_eq!(lines.last(), Some(&DepmodLine::MoreCycles));
}

/// The verdict on a module, on a kernel with more files in its tree.
fn judged_beside(made: &Made, ko: &Ko, add: impl Fn(&Path)) -> Verdict {
    let folder = tempfile::tempdir().expect("a folder");
    made.write(folder.path());
    add(&folder.path().join("kernel"));
    let kernel = Arc::new(Kernel::open(&[folder.path()]).expect("a kernel with its tree"));
    let image = Image::from_bytes_raw("m.ko", ko.build(&made.profile));
    ends(move || Check::new(&kernel).images(&[image]).expect("files that are there").remove(0))
}

/// A module that needs this many symbols that nothing exports.
fn needy(symbols: usize) -> Ko {
    (0..symbols).fold(Ko::new("m"), |ko, number| ko.needs(&format!("gone{number}")))
}

/// A module that names one symbol again and again.
fn repeating(symbols: usize) -> Ko {
    (0..symbols).fold(Ko::new("m"), |ko, _| ko.symbol(Symbol::undefined("same", 1)))
}

/// Symbols that nothing exports, and as many files of the tree that may export them.
#[test]
fn files_that_cannot_be_read_are_met_by_many_symbols() {
    const MANY: usize = 3_000;
    let made = Made::new("6.1.0");
    let link = |folder: &Path| {
        for number in 0..MANY {
            std::os::unix::fs::symlink("nowhere", folder.join(format!("m{number}.ko"))).expect("made");
        }
    };
    let verdict = judged_beside(&made, &needy(MANY), link);
    let [Missing::UnreadModule { more, .. }] = verdict.missing.as_slice() else { panic!("{:?}", verdict.missing) };
    assert_eq!((&verdict.outcome, *more), (&Outcome::Undetermined, MANY - 1));
    // A damaged file exports nothing; each finding names how many there are.
    let write = |folder: &Path| {
        for number in 0..MANY {
            std::fs::write(folder.join(format!("m{number}.ko")), "no module").expect("written");
        }
    };
    let verdict = judged_beside(&made, &needy(MANY), write);
    let absent = |finding: &Finding| match &finding.cause {
        Cause::MissingSymbol { absent: Some(absent), .. } => Some((**absent).clone()),
        _ => None,
    };
    let absent: Vec<_> = verdict.findings.iter().filter_map(absent).collect();
    assert_eq!(absent.len(), MANY);
    assert!(absent.iter().all(|absent| matches!(absent, Absent::PerhapsDamaged { files: MANY, .. })));
}

/// A module that names one symbol as often as the kernel's list does.
#[test]
fn rows_of_one_symbol_are_searched_once() {
    const MANY: usize = 4_000;
    let many = |row: &dyn Fn(Made, usize) -> Made| (0..MANY).fold(Made::new("6.1.0").no_tree(), row);
    let proprietary = repeating(MANY).license("Proprietary");
    let hidden = many(&|made, _| made.export_gpl("same"));
    let of_modules = many(&|made, row| made.row("same", &format!("m{row}"), "EXPORT_SYMBOL_GPL", ""));
    for (made, exporter) in [(hidden, "vmlinux"), (of_modules, "m3999")] {
        let (kernel, _folder) = made.open();
        let image = Image::from_bytes_raw("m.ko", proprietary.build(&made.profile));
        let verdicts = ends(move || Check::new(&kernel).images(&[image]).expect("no file is read"));
        let is_it = |finding: &Finding| matches!(&finding.cause, Cause::GplOnlySymbol { exporter: named, .. } if named == exporter);
        assert_eq!(verdicts[0].outcome.errno(), Some(Errno::ENOENT));
        assert_eq!(verdicts[0].findings.iter().filter(|finding| is_it(finding)).count(), MANY);
    }
    // Rows of one symbol in different namespaces: which of them is true is not known.
    let made = many(&|made, row| made.row("same", "vmlinux", "EXPORT_SYMBOL", &format!("N{row}")));
    let (kernel, _folder) = made.open();
    let image = Image::from_bytes_raw("m.ko", repeating(MANY).build(&made.profile));
    let verdicts = ends(move || Check::new(&kernel).images(&[image]).expect("no file is read"));
    assert_eq!((&verdicts[0].outcome, &*verdicts[0].missing), (&Outcome::Undetermined, &[Missing::Namespaces][..]));
}

/// A module that needs as many modules of the kernel as it has symbols: each is named once, on a short page.
#[test]
fn modules_that_count_as_loaded_are_named_once() {
    const MANY: usize = 20_000;
    let row = |made: Made, row: usize| made.row(&format!("f{row}"), &format!("m{}", row / 2), "EXPORT_SYMBOL", "");
    let made = (0..MANY).fold(Made::new("6.1.0").no_tree(), row);
    let (kernel, _folder) = made.open();
    let ko = (0..MANY).fold(Ko::new("m"), |ko, row| ko.needs(&format!("f{row}")));
    let image = Image::from_bytes_raw("m.ko", ko.build(&made.profile));
    let verdicts = ends(move || Check::new(&kernel).images(&[image]).expect("no file is read"));
    let named = verdicts[0].inferred.iter().filter(|fact| fact.contains(" is loaded first"));
    assert_eq!((&verdicts[0].outcome, named.count()), (&Outcome::Loads, MANY / 2));
}

/// Findings of which each has a cause of its own are many paragraphs.
#[test]
fn findings_with_causes_of_their_own_are_grouped() {
    const MANY: usize = 20_000;
    let cause = |number: usize| Cause::ExporterNotLoaded {
        symbol: format!("f{number}").into(),
        exporter: format!("m{}", number / 2),
        absent: None,
    };
    let findings = (0..MANY).map(|number| Finding::new(Stage::SimplifySymbols, cause(number)));
    let findings: Vec<_> = findings.collect();
    let sizes = ends(move || groups(&findings).iter().map(|group| group.findings.len()).collect::<Vec<_>>());
    assert_eq!(sizes, vec![2; MANY / 2]);
}

/// A row of modules that modprobe loads from a tree with as many files that cannot be read.
#[test]
fn modprobe_meets_files_that_cannot_be_read_once() {
    const MODULES: usize = 400;
    let folder = row_in_tree(MODULES);
    for number in 0..MODULES * 10 {
        let link = folder.path().join(format!("kernel/l{number}.ko"));
        std::os::unix::fs::symlink("nowhere", link).expect("made");
    }
    let kernel = Arc::new(Kernel::open(&[folder.path()]).expect("a kernel with its tree"));
    let mut machine = Machine::boot(kernel, Cmdline::default());
    let verdicts = ends(move || machine.modprobe(&format!("m{}", MODULES - 1)).expect("the tree has it"));
    assert_eq!(verdicts.len(), MODULES);
    assert!(verdicts.iter().all(|verdict| verdict.outcome == Outcome::Loads));
}
