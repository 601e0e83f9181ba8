//! Kernel images among other files: what counts, and what disagrees.

use std::path::Path;

use gplok::kernel::{ConfigOption, Difference, Fact, Kernel};
use tempfile::TempDir;

use super::forms::{bz_image, payload, uki};
use super::rows;
use super::vmlinux::Vmlinux;
use crate::cli::Desk;
use crate::kernel_files::folder;
use crate::ko::{Ko, Profile};
use crate::made::Made;

const CONFIG: &str = "# Automatically generated file; DO NOT EDIT.\nCONFIG_64BIT=y\nCONFIG_X86_64=y\nCONFIG_MODULES=y\nCONFIG_MODVERSIONS=y\n";

fn kernel() -> Vmlinux {
    let mut kernel = Vmlinux::new("6.1.0-test").export("module_layout", false, 0x1234_5678, "");
    kernel.config = Some(CONFIG.to_owned());
    kernel
}

fn boot(kernel: &Vmlinux) -> Vec<u8> {
    bz_image(&payload(gplok::compression::Compression::Zstd, &kernel.elf()))
}

fn open(folder: &TempDir, names: &[&str]) -> Kernel {
    let paths: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
    Kernel::open(&paths).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn an_image_alone_is_a_kernel() {
    let kernel = kernel();
    let folder = folder(&[("vmlinuz", &boot(&kernel))]);
    let opened = open(&folder, &["vmlinuz"]);
    assert_eq!(opened.release().map(ToString::to_string).as_deref(), Some("6.1.0-test"));
    assert_eq!(rows(opened.exports().expect("they are there")), kernel.rows());
    assert_eq!((opened.modversions(), opened.vermagic()), (Some(true), kernel.vermagic.as_deref()));
    assert!(opened.config().is_some_and(|config| config.is_set(ConfigOption("X86_64"))));
    assert!(opened.exports().is_some_and(|exports| !exports.covers_modules()));
    assert!(opened.conflicts().is_empty());
    let image = folder.path().join("vmlinuz");
    for fact in [Fact::Release, Fact::Arch, Fact::Config, Fact::Exports, Fact::Vermagic, Fact::Symbols, Fact::Image] {
        assert_eq!(opened.sources(fact), [image.as_path()], "{fact}");
    }
}

#[test]
fn a_list_that_agrees_adds_its_modules() {
    let kernel = kernel();
    let symvers = format!("{}0x1\tof_a_module\tdrivers/a\tEXPORT_SYMBOL\t\n", kernel.symvers());
    let folder = folder(&[("vmlinuz", &boot(&kernel)), ("Module.symvers", symvers.as_bytes())]);
    for order in [["vmlinuz", "Module.symvers"], ["Module.symvers", "vmlinuz"]] {
        let opened = open(&folder, &order);
        assert_eq!(opened.conflicts(), []);
        assert!(opened.exports().is_some_and(|exports| exports.covers_modules()), "{order:?}");
    }
}

#[test]
fn the_image_wins_over_a_list_of_another_build() {
    let kernel = kernel();
    let other = kernel.symvers().replace("0x12345678", "0x87654321").replace("a0_for_all", "a0_for_none");
    let folder = folder(&[("vmlinuz", &boot(&kernel)), ("Module.symvers", other.as_bytes())]);
    for order in [["vmlinuz", "Module.symvers"], ["Module.symvers", "vmlinuz"]] {
        let opened = open(&folder, &order);
        assert_eq!(rows(opened.exports().expect("they are there")), kernel.rows(), "{order:?}");
        let conflicts = opened.conflicts();
        let [conflict] = conflicts.as_slice() else { panic!("{order:?}: {conflicts:#?}") };
        assert_eq!((conflict.fact, &conflict.used), (Fact::Exports, &folder.path().join("vmlinuz")));
        assert_eq!(conflict.passed_over, folder.path().join("Module.symvers"));
        // One is not the same, and each side has one alone.
        assert!(matches!(conflict.difference, Difference::Entries { different: 3, of: 202, .. }), "{conflict:#?}");
    }
}

#[test]
fn the_image_wins_over_a_configuration_of_another_build() {
    let folder = folder(&[
        ("vmlinuz", &boot(&kernel())),
        ("config", CONFIG.replace("X86_64=y", "X86_64=y\nCONFIG_SMP=y").as_bytes()),
    ]);
    let opened = open(&folder, &["config", "vmlinuz"]);
    assert!(opened.config().is_some_and(|config| !config.is_set(ConfigOption("SMP"))));
    let conflicts = opened.conflicts();
    assert_eq!(conflicts.iter().map(|conflict| conflict.fact).collect::<Vec<_>>(), [Fact::Config]);
    // Its own configuration is no other.
    std::fs::write(folder.path().join("config"), CONFIG).expect("written");
    assert_eq!(open(&folder, &["config", "vmlinuz"]).conflicts(), []);
}

#[test]
fn another_release_is_another_kernel() {
    let folder = folder(&[("vmlinuz", &boot(&kernel())), ("release", b"6.2.0\n")]);
    let paths = ["vmlinuz", "release"].map(|name| folder.path().join(name));
    let error = Kernel::open(&paths).expect_err("two releases").to_string();
    assert!(error.contains("6.1.0-test") && error.contains("6.2.0"), "{error}");
}

/// The tree's own modules say what `module_layout` is: a list that says otherwise is stale.
#[test]
fn a_stale_list_beside_a_tree_is_told() {
    let profile = Profile::load("6.12");
    let own = Ko::new("own").intree().build(&profile);
    let list = |crc: u32| format!("{crc:#010x}\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n");
    let good = list(profile.crc("module_layout"));
    let stale = list(1);
    for (symvers, conflicts) in [(good, 0), (stale, 1)] {
        let tree = format!("{}/kernel/own.ko", profile.release);
        let folder = folder(&[(&tree, &own), ("Module.symvers", symvers.as_bytes())]);
        let opened = open(&folder, &[&profile.release, "Module.symvers"]);
        let found = opened.conflicts();
        assert_eq!(found.len(), conflicts, "{found:#?}");
        assert!(found.iter().all(|conflict| conflict.fact == Fact::Crcs));
    }
}

#[test]
fn an_image_in_a_tree_is_found() {
    let kernel = kernel();
    let own = Ko::new("own").intree().build(&Profile::made_up("6.1.0"));
    for (image, tree) in [
        ("lib/modules/6.1.0-test/vmlinuz", "lib/modules/6.1.0-test"),
        ("boot/vmlinuz-6.1.0-test", "lib/modules/6.1.0-test"),
        ("boot/vmlinuz-6.1.0-test", "usr/lib/modules/6.1.0-test"),
    ] {
        let module = format!("{tree}/kernel/own.ko");
        let folder = folder(&[(&module, &own), (image, &boot(&kernel))]);
        let opened = open(&folder, &[tree]);
        assert_eq!(rows(opened.exports().expect("they are there")), kernel.rows(), "{image}");
    }
}

#[test]
fn what_is_no_kernel_says_so() {
    let desk = Desk::new();
    desk.file("foo.ko", Ko::new("foo").build(&Profile::made_up("6.1.0")));
    desk.run("exports -k foo.ko")
        .failed("cannot read foo.ko: at offset 0x0: a module or another object to be linked, not a kernel");
    let program = std::fs::read(env!("CARGO_BIN_EXE_gplok")).expect("it was built");
    desk.file("program", program);
    let ran = desk.run("exports -k program");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("cannot read program: ") && ran.err.contains("not a Linux kernel"), "{}", ran.err);
    let mut empty = kernel();
    empty.exports.clear();
    desk.file("vmlinux", empty.elf());
    let ran = desk.run("exports -k vmlinux");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("a kernel without modules"), "{}", ran.err);
}

#[test]
fn the_program_reads_images_as_lists() {
    let desk = Desk::new();
    let kernel = kernel();
    let sections: [(&str, &[u8]); 2] = [(".cmdline", b"quiet"), (".linux", &boot(&kernel))];
    desk.file("vmlinuz", boot(&kernel)).file("uki.efi", uki(&sections)).file("Module.symvers", kernel.symvers());
    let list = desk.run("exports -k Module.symvers").out;
    for image in ["vmlinuz", "uki.efi"] {
        let ran = desk.run(&format!("exports -k {image}"));
        assert_eq!((ran.code, &ran.out), (Some(0), &list), "{image}");
        let human = desk.run(&format!("exports -k {image} --evidence")).ended(0).out.clone();
        assert!(human.starts_with("6.1.0-test: "), "{human}");
    }
    // Compressed as a whole, and cut.
    let gzip = super::forms::pack(gplok::compression::Compression::Gzip, &kernel.elf());
    desk.file("vmlinux.gz", &gzip).file("cut.gz", &gzip[..gzip.len() / 2]);
    assert_eq!(desk.run("exports -k vmlinux.gz").out, list);
    assert!(desk.run("exports -k cut.gz").err.starts_with("gplok: cannot read cut.gz: broken gzip data"));
}

/// `System.map` as `nm -n` prints it.
fn map(kernel: &Vmlinux, address: impl Fn(u64) -> u64) -> String {
    let mut laid = kernel.lay();
    // A mark for each entry, in its table.
    let entry = if kernel.namespaces { 12 } else { 8 };
    for (section, gpl) in [("__ksymtab", false), ("__ksymtab_gpl", true)] {
        let place = laid.sections.iter().find(|(name, _)| *name == section).expect("it is there").1.clone();
        let mut exports: Vec<_> = kernel.exports.iter().filter(|export| export.gpl == gpl).collect();
        exports.sort();
        for (index, export) in exports.into_iter().enumerate() {
            laid.mark(&format!("__ksymtab_{}", export.name), 'r', place.start + index * entry);
        }
    }
    laid.symbols.sort_by_key(|symbol| symbol.address);
    let line =
        |symbol: super::kallsyms::Symbol| format!("{:016x} {} {}\n", address(symbol.address), symbol.kind, symbol.name);
    laid.symbols.into_iter().map(line).collect()
}

#[test]
fn lists_of_symbols_tell_names_and_kinds() {
    let kernel = kernel();
    let (whole, zeroed) = (map(&kernel, |address| address), map(&kernel, |_| 0));
    let running = format!("{zeroed}0000000000000000 t of_a_module\t[ext4]\n0000000000000000 r __ksymtab_no\t[ext4]\n");
    let stub = "ffffffffffffffff B The real System.map is in the linux-image-6.1.0-test-dbg package\n";
    let files: [(&str, &[u8]); 4] = [
        ("System.map", whole.as_bytes()),
        ("kallsyms", running.as_bytes()),
        ("stub", stub.as_bytes()),
        ("vmlinuz", &boot(&kernel)),
    ];
    let folder = folder(&files);
    let told = |kernel: &Kernel| {
        let exports = kernel.exports().expect("there are some");
        let mut all: Vec<_> = exports.rows().map(|row| (row.name.to_owned(), row.kind, row.crc)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let wanted = |kinds: bool| -> Vec<_> {
        kernel.rows().into_iter().map(|(name, kind, ..)| (name, Some(kind).filter(|_| kinds), None)).collect()
    };
    let map = open(&folder, &["System.map"]);
    assert_eq!(told(&map), wanted(true));
    assert_eq!((map.modversions(), map.symbols().is_some()), (Some(true), true));
    let running = open(&folder, &["kallsyms"]);
    assert_eq!(told(&running), wanted(false));
    assert_eq!((running.modversions(), running.symbols().is_some()), (None, false));
    let error = Kernel::open(&[folder.path().join("stub")]).expect_err("it is none").to_string();
    assert!(error.contains("a stub"), "{error}");
    // Beside an image, which tells more, they add nothing.
    for names in [["System.map", "vmlinuz"], ["vmlinuz", "kallsyms"]] {
        let both = open(&folder, &names);
        assert_eq!(rows(both.exports().expect("they are there")), kernel.rows(), "{names:?}");
        assert_eq!(both.conflicts(), [], "{names:?}");
    }
    assert!(Path::new(&folder.path().join("System.map")).is_file());
}

#[test]
fn the_program_reads_lists_of_symbols() {
    let desk = Desk::new();
    let kernel = kernel();
    desk.file("System.map", map(&kernel, |address| address)).file("kallsyms", map(&kernel, |_| 0));
    let ran = desk.run("exports -k System.map --kind gpl");
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 100), "{ran:?}");
    let ran = desk.run("exports -k kallsyms --kind unknown");
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 201), "{ran:?}");
    desk.file("stub", "ffffffffffffffff B The real System.map is in the linux-image-6.1.0-test-dbg package\n");
    let ran = desk.run("exports -k stub");
    assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{ran:?}");
    assert!(ran.err.starts_with("gplok: cannot read stub: a stub: "), "{}", ran.err);
}

/// Files of kernels for two architectures are no one kernel.
#[test]
fn two_architectures_are_an_error() {
    let desk = Desk::with(Made::new("6.1.0").no_tree());
    desk.file("vmlinux", Vmlinux::new("6.1.0").elf());
    desk.file("arm", "# Linux/arm64 6.1.0 Kernel Configuration\nCONFIG_ARM64=y\nCONFIG_64BIT=y\n");
    for paths in ["-k vmlinux -k arm", "-k arm -k vmlinux"] {
        let error = desk.run(&format!("exports {paths}")).err.clone();
        assert!(error.contains("arm64") && error.contains("x86"), "{error}");
    }
    assert_eq!(desk.run("exports -k vmlinux -k k/config").code, Some(0));
}
