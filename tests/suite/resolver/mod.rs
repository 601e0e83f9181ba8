//! The resolver of symbols, held against a model that is written from the specification alone: random kernels, random
//! modules, and for each module the errno, the lines and the taint of both.
//!
//! `cargo test` judges a few thousand modules, always the same. `GPLOK_RESOLVER_CASES=1000000 cargo test resolver` judges more.

mod model;
mod random;

use gplok::image::Image;
use gplok::load::{Cmdline, Insmod, Machine};
use gplok::terms::Taint;
use gplok::verdict::{Outcome, Verdict};

use crate::ko::Ko;
use crate::made::Made;
use model::{Answer, Boot, Export, Kernel, Kind, Module, Tables, Version};
use random::Scene;

/// How many modules are judged.
const CASES: usize = 4000;

/// What the resolver's lines contain.
const LINES: [&str; 12] = [
    ": Unknown symbol ",
    ": disagrees about version of symbol ",
    ": no symbol version for ",
    ": no extended symbol version for ",
    ": module uses symbol",
    ": module using GPL-only symbols uses symbols ",
    ": exports duplicate symbol ",
    ": module tries to import module namespace: ",
    " is being used by a non-GPL module, ",
    " is marked as UNUSED, ",
    "This symbol will go away in the future.",
    "Please evaluate if this is the right api to use ",
];

/// The kernel's macro, as `Module.symvers` has it.
fn macro_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Plain => "EXPORT_SYMBOL",
        Kind::Gpl => "EXPORT_SYMBOL_GPL",
        Kind::GplFuture => "EXPORT_SYMBOL_GPL_FUTURE",
        Kind::Unused => "EXPORT_UNUSED_SYMBOL",
        Kind::UnusedGpl => "EXPORT_UNUSED_SYMBOL_GPL",
    }
}

fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Plain => "",
        Kind::Gpl => "_gpl",
        Kind::GplFuture => "_gpl_future",
        Kind::Unused => "_unused",
        Kind::UnusedGpl => "_unused_gpl",
    }
}

fn made(kernel: &Kernel) -> Made {
    let (major, minor) = kernel.release;
    let options = [
        (kernel.force_load, "MODULE_FORCE_LOAD"),
        (kernel.allow_missing, "MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS"),
        (kernel.unused_symbols, "UNUSED_SYMBOLS"),
    ];
    let mut made = Made::new(&format!("{major}.{minor}.0"));
    if kernel.modversions {
        made = made.modversions();
    }
    for (_, option) in options.iter().filter(|(is_set, _)| *is_set) {
        made = made.config(option);
    }
    for (owner, exports) in [("vmlinux", &kernel.exports), ("drivers/other", &kernel.elsewhere)] {
        for Export { symbol, kind, namespace } in exports {
            made = made.row(symbol, owner, macro_name(*kind), namespace);
        }
    }
    made
}

fn ko(module: &Module) -> Ko {
    let mut ko = Ko::new(&module.name).license(module.license);
    for import in &module.imports {
        ko = if import.weak { ko.needs_weak(import.symbol) } else { ko.needs(import.symbol) };
        ko = match import.version {
            _ if module.tables == Tables::None => ko,
            Version::Right => ko,
            Version::Wrong => ko.crc(import.symbol, 0x0bad_c0de),
            Version::Absent => ko.no_crc(import.symbol),
        };
    }
    for namespace in &module.import_ns {
        ko = ko.import_ns(namespace);
    }
    for Export { symbol, kind, namespace } in &module.exports {
        ko = ko.export_in(table(*kind), symbol, namespace);
    }
    match module.tables {
        Tables::None => ko.no_versions(),
        Tables::Basic => ko,
        Tables::Both => ko.versions().ext_versions(),
    }
}

/// What gplok says, in the words of the model; nothing if it is not certain.
fn answer(verdict: &Verdict) -> Option<Answer> {
    let errno = match &verdict.outcome {
        Outcome::Loads => 0,
        Outcome::Refused { errno, .. } => errno.number(),
        _ => return None,
    };
    let lines = verdict.log.iter().map(|line| line.text.to_string());
    Some(Answer {
        errno,
        lines: lines.filter(|line| LINES.iter().any(|part| line.contains(part))).collect(),
        proprietary: verdict.module_taints.has(Taint::ProprietaryModule),
    })
}

/// Boots a kernel, and loads the modules one after the other. Returns the number of modules.
fn compare(seed: u64, said: &mut [bool]) -> usize {
    let scene = Scene::new(seed);
    let made = made(&scene.kernel);
    let (kernel, _folder) = made.open();
    for modules in &scene.boots {
        let mut machine = Machine::boot(kernel.clone(), Cmdline::default());
        let mut boot = Boot::new(&scene.kernel);
        for (index, module) in modules.iter().enumerate() {
            let image = Image::from_bytes_raw(format!("{}.ko", module.name), ko(module).build(&made.profile));
            let verdict = machine.insmod(&image, &Insmod::default());
            let expected = boot.load(module);
            for (said, part) in said.iter_mut().zip(LINES) {
                *said |= expected.lines.iter().any(|line| line.contains(part));
            }
            assert_eq!(
                answer(&verdict),
                Some(expected),
                "seed {seed}, gplok before the model\n{:#?}\n{:#?}\n{verdict:#?}",
                scene.kernel,
                &modules[..=index],
            );
        }
    }
    scene.boots.iter().map(Vec::len).sum()
}

#[test]
fn the_resolver_answers_as_the_model_does() {
    let cases = std::env::var("GPLOK_RESOLVER_CASES").map_or(CASES, |cases| cases.parse().expect("a number"));
    let (mut judged, mut seed, mut said) = (0, 0, [false; LINES.len()]);
    while judged < cases {
        seed += 1;
        judged += compare(seed, &mut said);
    }
    // Every rule has decided somewhere.
    assert_eq!(said, [true; LINES.len()], "{LINES:?}");
}
