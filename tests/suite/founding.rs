//! The two cases this crate was founded on, kept as files in `testdata/founding`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gplok::audit::{AuditCode, AuditOptions, audit, open_objects};
use gplok::check::check;
use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Insmod};
use gplok::terms::Errno;
use gplok::verdict::{Code, Outcome, Verdict};

use crate::ko::{CrcTable, Does, Frame, Function, JumpTable, Ko, Profile, Source, Unit};

/// The modules, one name each, in the order of [`modules`].
pub const OPENAFS: &str = "openafs.ko";
pub const HMM: &str = "hmm.ko";
/// The kernels: the one that hid the symbols of `put_page()`, and the one that was fixed.
pub const BEFORE: &str = "linux-4.18-rc";
pub const AFTER: &str = "linux-4.18";

const DEVMAP: [&str; 2] = ["devmap_managed_key", "__put_devmap_managed_page"];

/// What both modules and everybody else may use.
const PLAIN: [&str; 10] = [
    "printk",
    "kmem_cache_alloc",
    "kmem_cache_create",
    "kmem_cache_destroy",
    "kmem_cache_free",
    "__put_page",
    "iget5_locked",
    "unlock_page",
    "up_read",
    "__init_rwsem",
];

const GPL_ONLY: [&str; 7] = [
    "devm_memremap_pages",
    "mmu_notifier_unregister_no_release",
    "percpu_ref_init",
    "percpu_ref_exit",
    "percpu_ref_kill_and_confirm",
    "region_intersects",
    "__class_create",
];

/// What hmm needs that no 4.18 exports.
const NOT_EXPORTED: [&str; 2] = ["walk_page_range", "alloc_pages_vma"];

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/founding")
}

/// 4.18 has export tables of pointers without namespaces, and CRCs that are absolute symbols.
fn profile(release: &str) -> Profile {
    Profile::made_up(release).with_modversions(CrcTable::Symbols)
}

macro_rules! header {
    ($path:literal) => {
        concat!("/usr/src/linux-headers-4.18.0-rc2-common/", $path)
    };
}
const MM: &str = header!("include/linux/mm.h");
/// Every source file of the time includes it; it lends no code.
const TYPES: &str = header!("include/linux/types.h");

/// A call of `put_page()`: it asks a static key whether the page is of a device, and has a function for those that are.
fn put_page(function: Function, line: u64, around: &[Frame]) -> Function {
    let branch = ("arch_static_branch", header!("arch/x86/include/asm/jump_label.h"), 36);
    let chain = |frames: &[Frame]| [frames, &[("put_page", MM, 924)], around].concat();
    function.step(line, &chain(&[branch, ("put_devmap_managed_page", MM, 857)]), Does::Asks(DEVMAP[0])).step(
        line,
        &chain(&[("put_devmap_managed_page", MM, 865)]),
        Does::Calls(DEVMAP[1]),
    )
}

/// Where openafs lets go of pages.
fn openafs_source() -> [Unit; 2] {
    const BYPASS: &str = "afs_bypasscache.c";
    let unit = |file| Unit::new("/build/openafs/src/libafs", file).includes(TYPES);
    let read = put_page(put_page(Function::new("afs_ReadNoCache", 484), 518, &[]), 520, &[]);
    let prefetch = [407, 441].into_iter().fold(Function::new("afs_PrefetchNoCache", 560), |function, line| {
        put_page(function, 611, &[("afs_NoCacheFetchProc", BYPASS, line)])
    });
    let readpages = put_page(Function::new("afs_linux_readpages", 2480), 2527, &[]);
    [unit(BYPASS).function(read).function(put_page(prefetch, 616, &[])), unit("osi_vnodeops.c").function(readpages)]
}

/// openafs, with what the `put_page()` of 4.18-rc drags in. A kernel with symbol versions does not look at the release in
/// a vermagic, so one file does for both kernels.
fn openafs() -> Ko {
    let ko = Ko::new("openafs").license("http://www.openafs.org/dl/license10.html");
    let ko = PLAIN.iter().fold(ko, |ko, symbol| ko.needs(symbol));
    let source = Source::new(&openafs_source()).jumps(JumpTable::Words).dwarf(4);
    DEVMAP.iter().fold(ko, |ko, symbol| ko.uses(symbol)).source(source)
}

/// What the plain exports of hmm hand on, and where they are declared.
pub const HMM_HANDS_ON: [(&str, u64, &[&str]); 9] = [
    ("hmm_devmem_add", 1020, &["region_intersects", "percpu_ref_init", "devm_memremap_pages"]),
    ("hmm_devmem_add_resource", 1070, &["percpu_ref_init", "devm_memremap_pages"]),
    ("hmm_devmem_remove", 1110, &["percpu_ref_kill_and_confirm", "percpu_ref_exit"]),
    ("hmm_device_new", 1160, &["__class_create"]),
    ("hmm_mirror_register", 250, &[]),
    ("hmm_mirror_unregister", 280, &["mmu_notifier_unregister_no_release"]),
    ("hmm_vma_fault", 880, &[NOT_EXPORTED[0]]),
    ("hmm_vma_get_pfns", 720, &[NOT_EXPORTED[0]]),
    ("hmm_vma_alloc_locked_page", 960, &[NOT_EXPORTED[1]]),
];

/// hmm as a module: plain exports that wrap GPL-only and unexported symbols.
fn hmm() -> Ko {
    let ko = HMM_HANDS_ON.iter().fold(Ko::new("hmm"), |ko, (export, ..)| ko.export(export));
    let wrapper = |(name, line, symbols): &(&'static str, u64, &[&'static str])| {
        let calls = symbols.iter().zip(40..);
        calls.fold(Function::new(name, *line), |function, (symbol, further)| {
            function.step(line + further, &[], Does::Calls(symbol))
        })
    };
    let unit = Unit::new("/build/hmm", "hmm.c").includes(TYPES);
    let unit = HMM_HANDS_ON.iter().map(wrapper).fold(unit, Unit::function);
    let used = GPL_ONLY.iter().chain(&NOT_EXPORTED);
    used.fold(ko.needs("printk"), |ko, symbol| ko.uses(symbol)).source(Source::new(&[unit]).dwarf(4))
}

/// Four columns: namespaces came with 5.4.
fn symvers(profile: &Profile, devmap: &str) -> String {
    let row = |symbol: &str, kind: &str| format!("{:#010x}\t{symbol}\tvmlinux\t{kind}\n", profile.crc(symbol));
    let plain = ["module_layout"].into_iter().chain(PLAIN).map(|symbol| row(symbol, "EXPORT_SYMBOL"));
    let gpl = GPL_ONLY.iter().map(|symbol| row(symbol, "EXPORT_SYMBOL_GPL"));
    plain.chain(DEVMAP.iter().map(|symbol| row(symbol, devmap))).chain(gpl).collect()
}

const CONFIG: &str = "\
# Automatically generated file; DO NOT EDIT.
CONFIG_64BIT=y
CONFIG_X86=y
CONFIG_X86_64=y
CONFIG_SMP=y
# CONFIG_PREEMPT is not set
CONFIG_KALLSYMS=y
CONFIG_RETPOLINE=y
CONFIG_STRICT_MODULE_RWX=y
CONFIG_MODULES=y
CONFIG_MODULE_UNLOAD=y
CONFIG_MODVERSIONS=y
# CONFIG_MODULE_SIG is not set
";

/// Every file and what is in it.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (name, release, devmap) in [(BEFORE, "4.18.0-rc2", "EXPORT_SYMBOL_GPL"), (AFTER, "4.18.0", "EXPORT_SYMBOL")] {
        let profile = profile(release);
        files.push((format!("{name}/release"), format!("{release}\n").into_bytes()));
        files.push((format!("{name}/config"), CONFIG.into()));
        files.push((format!("{name}/Module.symvers"), symvers(&profile, devmap).into_bytes()));
    }
    let profile = profile("4.18.0-rc2");
    files.push((OPENAFS.to_owned(), openafs().build(&profile)));
    files.push((HMM.to_owned(), hmm().build(&profile)));
    files
}

/// The checked-in files are what the builder makes today.
#[test]
fn founding_files_are_those_the_builder_makes() {
    for (name, bytes) in files() {
        let path = folder().join(&name);
        let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        assert!(kept == bytes, "{name} differs; cargo test -- --ignored write_founding_files makes it anew");
    }
}

#[test]
#[ignore = "writes testdata/founding anew"]
fn write_founding_files() {
    for (name, bytes) in files() {
        let path = folder().join(name);
        std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the tree can be written");
        std::fs::write(path, bytes).expect("the tree can be written");
    }
}

pub fn kernel(name: &str) -> Arc<Kernel> {
    Arc::new(Kernel::open(&[folder().join(name)]).unwrap_or_else(|error| panic!("{error}")))
}

/// The module as a user in that folder would name it.
pub fn module(name: &str) -> Image {
    let bytes = std::fs::read(folder().join(name)).expect("the file is kept");
    crate::made::image(name, bytes)
}

fn verdict(kernel_name: &str, name: &str) -> Verdict {
    let verdicts = check(&kernel(kernel_name), &Cmdline::default(), &[module(name)], &Insmod::default());
    verdicts.expect("there is no tree to read").remove(0)
}

fn symbols(verdict: &Verdict, code: Code) -> Vec<&str> {
    verdict.findings.iter().filter(|finding| finding.code() == code).filter_map(|finding| finding.symbol()).collect()
}

/// put_page() dragged two GPL-only symbols into a module that had never heard of them, until 31c5bda3a656 exported them
/// to everybody.
#[test]
fn openafs_is_refused_by_the_release_candidate_and_loads_after_the_fix() {
    let refused = verdict(BEFORE, OPENAFS);
    assert_eq!(refused.outcome.errno(), Some(Errno::ENOENT));
    assert_eq!(symbols(&refused, Code::GplOnlySymbol), DEVMAP);
    assert!(symbols(&refused, Code::MissingSymbol).is_empty());
    assert_eq!(verdict(AFTER, OPENAFS).outcome, Outcome::Loads);
}

/// hmm may use the GPL-only symbols, but the other two have no exporter.
#[test]
fn hmm_lacks_only_what_nobody_exports() {
    for kernel in [BEFORE, AFTER] {
        let refused = verdict(kernel, HMM);
        assert_eq!(refused.outcome.errno(), Some(Errno::ENOENT));
        assert_eq!(symbols(&refused, Code::MissingSymbol), NOT_EXPORTED);
        assert!(symbols(&refused, Code::GplOnlySymbol).is_empty());
    }
    let module = module(HMM).as_announced().expect("it is ELF");
    let exports = module.exports();
    assert_eq!(exports.len(), HMM_HANDS_ON.len());
}

/// The other half of the complaint: what hmm offers to everybody is what the kernel offers to GPL modules, or to none.
#[test]
fn hmm_launders_what_was_complained_of_and_nothing_else() {
    let objects = open_objects(&[folder().join(HMM)]).expect("it is kept");
    let audit = audit(&objects, Some(&kernel(AFTER)), &AuditOptions::default(), || ()).expect("it can be read");
    let found: BTreeSet<(&str, AuditCode, &str)> = audit
        .findings
        .iter()
        .map(|finding| {
            (finding.export.as_deref().unwrap_or_default(), finding.code, finding.symbol.as_deref().unwrap_or_default())
        })
        .collect();
    let code = |symbol: &str| {
        if NOT_EXPORTED.contains(&symbol) { AuditCode::ExposesUnexported } else { AuditCode::LaundersGplOnly }
    };
    let ways = HMM_HANDS_ON.iter().flat_map(|(export, _, symbols)| symbols.iter().map(move |symbol| (export, symbol)));
    assert_eq!(found, ways.map(|(export, symbol)| (*export, code(symbol), *symbol)).collect());
    let symbols: BTreeSet<&str> = found.iter().map(|(.., symbol)| *symbol).collect();
    assert_eq!(symbols, GPL_ONLY.into_iter().chain(NOT_EXPORTED).collect());
}
