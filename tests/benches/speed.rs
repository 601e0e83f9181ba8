//! How long the common questions take: `cargo bench`. A plain harness: the fastest and the middle one of many runs.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gplok::audit::{AuditOptions, audit, open_objects};
use gplok::check::{Check, ModuleFile, check};
use gplok::image::Image;
use gplok::kernel::{Exports, Kernel};
use gplok::load::{Cmdline, Insmod, Machine};
use gplok::verdict::{Outcome, Verdict};

#[allow(dead_code, unused_imports, reason = "shared with the suite, which uses more of it")]
#[path = "../suite/ko/mod.rs"]
mod ko;

use ko::{Ko, Profile};

/// How long each question is asked.
const TIME: Duration = Duration::from_secs(2);

fn bench<T>(name: &str, mut run: impl FnMut() -> T) {
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < TIME || times.len() < 10 {
        let begun = Instant::now();
        black_box(run());
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    println!("{name:<46} fastest {:>10.1?}  middle {:>10.1?}  of {}", times[0], times[times.len() / 2], times.len());
}

/// The size of a distribution's: 25,000 rows.
fn symvers() -> String {
    let mut text = String::new();
    for row in 0..25_000_u32 {
        let owner = if row % 3 == 0 { format!("drivers/some/where/module{}", row / 100) } else { "vmlinux".to_owned() };
        let (kind, crc) =
            (if row % 2 == 0 { "EXPORT_SYMBOL_GPL" } else { "EXPORT_SYMBOL" }, row.wrapping_mul(0x9e37_79b9));
        let namespace = if row % 10 == 0 { "SOME_SPACE" } else { "" };
        writeln!(text, "0x{crc:08x}\tsome_kernel_symbol_{row}\t{owner}\t{kind}\t{namespace}").expect("text grows");
    }
    text
}

fn folder(version: &str) -> std::path::PathBuf {
    Profile::folder(version)
}

fn loads(verdict: &Verdict) {
    assert!(matches!(verdict.outcome, Outcome::Loads), "{:?}", verdict.findings);
}

/// The code of 163 plain exports, of which 131 are wrappers.
fn wrappers(name: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audit");
    let kernel = Kernel::open(&[folder.join("shapes.symvers")]).expect("the rows are good");
    let objects = open_objects(&[folder.join(name)]).expect("the module is kept");
    bench(&format!("audit {name}"), || {
        audit(&objects, Some(&kernel), &AuditOptions::default(), || ()).expect("the module is good").findings.len()
    });
}

/// 1,000 module files, of which a tenth are needed by nine others each.
fn tree(profile: &Profile) {
    let here = tempfile::tempdir().expect("a folder");
    let file = |number| ModuleFile { path: here.path().join(format!("m{number}.ko")), size: 0 };
    let files: Vec<_> = (0..1_000).map(file).collect();
    for (number, ModuleFile { path, .. }) in files.iter().enumerate() {
        let ko = Ko::new(&format!("m{number}")).needs("kfree");
        let ko = match number % 10 {
            0 => ko.export(&format!("given_{number}")),
            _ => ko.needs(&format!("given_{}", number / 10 * 10)),
        };
        std::fs::write(path, ko.build(profile)).expect("written");
    }
    let kernel = Arc::new(Kernel::open(&[folder("6.12")]).expect("a recorded kernel"));
    bench("check a tree of 1,000 modules", || {
        let checked = Check::new(&kernel).files(&files, || ()).expect("files");
        checked.verdicts.iter().for_each(loads);
    });
}

fn main() {
    let profile = Profile::load("6.12");
    let small = Ko::new("small").needs("kfree").build(&profile);
    bench("read a kernel, check one module against it", || {
        let kernel = Arc::new(Kernel::open(&[folder("6.12")]).expect("a recorded kernel"));
        let image = [Image::from_bytes_raw("small.ko", small.clone())];
        loads(&check(&kernel, &Cmdline::default(), &image, &Insmod::default()).expect("no tree is read")[0]);
    });

    let text = symvers();
    bench("read a Module.symvers of 25,000 rows", || Exports::parse(text.as_str()).expect("good text"));

    let module = Ko::new("many").build(&profile);
    let module = [module.as_slice(), &vec![0; 1 << 20]].concat();
    bench("read a module of 1 MB, its exports and imports", || {
        let image = Image::from_bytes_raw("many.ko", module.clone());
        let elf = image.as_announced().expect("it is ELF");
        (elf.exports().len(), elf.undefined_symbols().count())
    });

    tree(&profile);
    wrappers("shapes-x86_64.ko.xz");
    wrappers("shapes-arm64.ko.xz");

    let giver = (0..1_000).fold(Ko::new("giver"), |ko, number| ko.export(&format!("given_{number}"))).build(&profile);
    let taker = (0..1_000).fold(Ko::new("taker"), |ko, number| ko.needs(&format!("given_{number}"))).build(&profile);
    let kernel = Arc::new(Kernel::open(&[folder("6.12")]).expect("a recorded kernel"));
    let giver = Image::from_bytes_raw("giver.ko", giver);
    let mut machine = Machine::boot(kernel, Cmdline::default());
    loads(&machine.insmod(&giver, &Insmod::default()));
    bench("judge a module of 1,000 imports", || {
        let taker = Image::from_bytes_raw("taker.ko", taker.clone());
        loads(&machine.clone().insmod(&taker, &Insmod::default()));
    });
}
