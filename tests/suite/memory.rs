//! One budget for the contents of all files: what does not fit is not read, is named, and keeps no other file from being judged.

use std::io::Write as _;
use std::sync::Arc;

use gplok::check::{Check, ModuleFile, open_modules};
use gplok::kernel::Kernel;
use gplok::terms::{Budget, Errno};
use gplok::verdict::{Missing, Outcome};
use liblzma::stream::Check as XzCheck;

use crate::cli::Desk;
use crate::ko::{Ko, Section, Sh};
use crate::made::Made;
use crate::matrix::xz;

/// More than the budgets below.
const LARGE: usize = 3 << 20;
/// `INT_MAX`, up to which the kernel reads a module.
const KERNEL_READS: u64 = 0x7fff_ffff;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("a vector can grow");
    encoder.finish().expect("a vector can grow")
}

/// A module with so many bytes that no loader looks at.
fn padded(name: &str, size: usize) -> Ko {
    Ko::new(name).needs("printk").section(Section::new(".comment", 0, 1, vec![0; size]))
}

fn desk() -> (Desk, Made) {
    let made = Made::new("6.1.0");
    (Desk::with(made.clone()), made)
}

/// A tar with holes, as bsdtar writes it: a file of `size` zeros.
fn sparse(path: &str, size: u64) -> Vec<u8> {
    let attributes = [
        ("GNU.sparse.major", "1".to_owned()),
        ("GNU.sparse.minor", "0".to_owned()),
        ("GNU.sparse.name", path.to_owned()),
        ("GNU.sparse.realsize", size.to_string()),
    ];
    let mut archive = tar::Builder::new(Vec::new());
    let attributes = attributes.iter().map(|(key, value)| (*key, value.as_bytes()));
    archive.append_pax_extensions(attributes).expect("written");
    let mut map = b"0\n".to_vec();
    map.resize(512, 0);
    let mut header = tar::Header::new_ustar();
    header.set_size(512);
    archive.append_data(&mut header, "GNUSparseFile.0/hole", map.as_slice()).expect("written");
    archive.into_inner().expect("written")
}

/// A file that is named alone is an error; one of a tree has a verdict, and the others are judged.
#[test]
fn a_file_beyond_the_limit_is_named_and_the_others_are_judged() {
    let (desk, made) = desk();
    desk.file("t/large.ko.xz", xz(&padded("large", LARGE).build(&made.profile), XzCheck::Crc32));
    desk.file("t/good.ko", Ko::new("good").needs("printk").build(&made.profile));
    let why = "xz data that cannot be decompressed in memory: it needs more memory than the 1 MiB that gplok may use for \
               the contents of files (--max-memory)";
    for command in ["check -k k", "inspect", "upgrade --from k --to k", "why -k k", "audit"] {
        desk.run(&format!("{command} --max-memory 1M t/large.ko.xz"))
            .failed(&format!("cannot read t/large.ko.xz: {why}"));
    }
    desk.run("check -k k t/large.ko.xz").ended(0);
    let page = desk.run("check -k k --tree t --max-memory 1M").ended(3).out.clone();
    assert!(page.starts_with("2 modules on 6.1.0: 1 loads, 1 undetermined\n") && page.contains(why), "{page}");
    let page = desk.run("upgrade --from k --to k --tree t --max-memory 1M --all").ended(3).out.clone();
    assert!(page.contains(why), "{page}");
    let page = desk.run("audit t --max-memory 1M").ended(3).out.clone();
    assert!(page.contains(why), "{page}");
    assert_eq!(desk.run("check -k k t --max-memory 1Q").code, Some(2));
}

/// The limit counts for what describes a kernel, too.
#[test]
fn a_kernel_beyond_the_limit_is_an_error() {
    let (desk, made) = desk();
    desk.file("vmlinuz", gzip(&vec![7; LARGE]));
    desk.file("good.ko", Ko::new("good").build(&made.profile));
    let limit = "it needs more memory than the 1 MiB that gplok may use for the contents of files (--max-memory)";
    let packed = format!("cannot read vmlinuz: gzip data that cannot be decompressed in memory: {limit}");
    desk.run("check -k vmlinuz good.ko --max-memory 1M").failed(&packed);
    desk.file("vmlinux", [b"\x7fELF".to_vec(), vec![7; LARGE]].concat());
    desk.run("check -k vmlinux good.ko --max-memory 1M").failed(&format!("cannot read vmlinux: {limit}"));
}

/// A package of 4 KiB that says it holds a file of 2 GiB, and one in which a file takes more than there is.
#[test]
fn holes_of_packages_take_no_memory() {
    let (desk, _) = desk();
    desk.file("holes.tar", sparse("lib/modules/6.1.0/kernel/hole.ko", 2 << 30));
    let missing = |arguments: &str| {
        let json = desk.run(&format!("check -k k holes.tar --format json {arguments}")).ended(3).json();
        json["modules"][0]["missing"][0].as_str().expect("it names the file").to_owned()
    };
    assert!(missing("").contains("hole.ko: it has more than 512 MiB, and is not read"), "{}", missing(""));
    desk.file("holes.tar", sparse("lib/modules/6.1.0/kernel/hole.ko", 8 << 20));
    assert!(missing("--max-memory 4M").contains("more memory than the 4 MiB"), "{}", missing("--max-memory 4M"));
    desk.run("check -k k holes.tar").ended(1);
}

/// `kernel_read_file()` refuses more than `INT_MAX` bytes before it reads any, and so does gplok.
#[test]
fn a_module_of_more_than_two_gib_is_refused() {
    let (desk, made) = desk();
    let write = |name: &str, size: u64| {
        desk.file(name, padded("long", 100 << 10).build(&made.profile));
        let file = std::fs::OpenOptions::new().write(true).open(desk.path(name)).expect("it is there");
        file.set_len(size).expect("a file may have holes");
    };
    write("t/just.ko", KERNEL_READS);
    write("t/long.ko", KERNEL_READS + 1);
    let json = desk.run("check -k k --tree t --list --format json").ended(1).json();
    let errnos: Vec<_> = [0, 1].map(|module| json["modules"][module]["errno"].clone()).into();
    assert_eq!(errnos, [serde_json::Value::Null, "EFBIG".into()], "{json:#}");
    let what = "it has 2147483648 bytes, and the kernel reads no module of more than 2147483647";
    for command in ["check -k k t/long.ko", "why -k k t/long.ko", "upgrade --from k --to k t/long.ko"] {
        let page = desk.run(command).ended(1).out.clone();
        assert!(page.contains("EFBIG"), "{page}");
    }
    desk.run("inspect t/long.ko").failed(&format!("cannot read t/long.ko: {what}"));
    // kmod maps files of any length: gplok says that it did not read this one, and states no error of depmod's.
    let depmod = desk.run("check -k k t/long.ko --format depmod");
    assert_eq!((depmod.code, depmod.out.as_str()), (Some(1), ""));
    let note = format!("gplok: t/long.ko was not read: {what}. What depmod prints about it is not known");
    assert!(depmod.err.starts_with(&note) && !depmod.err.contains("warns of nothing"), "{depmod:?}");
    // init_module() gets what the program has read.
    desk.file("plan", "insmod t/long.ko\ninsmod --init t/long.ko\n");
    let steps = desk.run("simulate -k k plan --format json").ended(1).json();
    let outcomes: Vec<_> = [0, 1].map(|step| steps["steps"][step]["outcome"].clone()).into();
    assert_eq!(outcomes, ["refused", "undetermined"], "{steps:#}");
    // An object that gplok would have to read as a whole.
    write("sparse.ko", 64 << 30);
    desk.run("inspect sparse.ko")
        .failed(&format!("cannot read sparse.ko: {}", what.replace("2147483648", "68719476736")));
}

/// A section that says it is as long as memory: neither its size nor that of the file is trusted.
#[test]
fn a_sparse_file_takes_no_memory() {
    let (desk, made) = desk();
    let ko = padded("sparse", 100 << 10).patch(|image| {
        image.patch(".comment", Sh::Flags, 2);
        image.patch(".comment", Sh::Size, 0x7ff0_0000);
    });
    desk.file("t/sparse.ko", ko.build(&made.profile));
    let file = std::fs::OpenOptions::new().write(true).open(desk.path("t/sparse.ko")).expect("it is there");
    file.set_len(KERNEL_READS).expect("a file may have holes");
    let limit = "it needs more memory than the 1 GiB that gplok may use for the contents of files (--max-memory)";
    desk.run("inspect t/sparse.ko").failed(&format!("cannot read t/sparse.ko: {limit}"));
    let page = desk.run("check -k k --tree t").ended(3).out.clone();
    assert!(page.contains(limit), "{page}");
}

/// Each fits alone, but not all at once: all are judged, one after another if need be.
#[test]
fn files_that_fit_one_by_one_are_all_judged() {
    let (desk, made) = desk();
    let files: Vec<_> = (0..6).map(|number| format!("m{number}")).collect();
    for name in &files {
        desk.file(&format!("t/{name}.ko.xz"), xz(&padded(name, LARGE).build(&made.profile), XzCheck::Crc32));
    }
    let budget = Budget::new(LARGE as u64 + (1 << 20));
    let mut kernel = Kernel::within(&budget);
    kernel.add(&desk.path("k")).expect("a kernel");
    let kernel = Arc::new(kernel);
    let file = |name: &String| ModuleFile { path: desk.path(&format!("t/{name}.ko.xz")), size: 0 };
    let files: Vec<_> = files.iter().map(file).collect();
    let checked = Check::new(&kernel).files(&files, || ()).expect("no file changes");
    assert_eq!(checked.verdicts.iter().map(|verdict| &verdict.outcome).collect::<Vec<_>>(), [&Outcome::Loads; 6]);
    assert!(budget.taken() < 1 << 20, "what is kept is little: {}", budget.taken());
    // As `upgrade` keeps them.
    let images = open_modules(&kernel, &files);
    assert!(budget.taken() < 1 << 20, "what is kept is little: {}", budget.taken());
    let verdicts = Check::new(&kernel).images(&images).expect("no file changes");
    assert_eq!(verdicts.iter().map(|verdict| &verdict.outcome).collect::<Vec<_>>(), [&Outcome::Loads; 6]);
    drop((checked, images));
    assert_eq!(budget.taken(), 0);
}

/// What a loader looks at is kept of modules that do not fit into memory: they are not decompressed once more.
#[test]
fn the_loaded_parts_of_compressed_modules_are_read_once() {
    let (desk, made) = desk();
    let names = ["m0", "m1", "m2"];
    for name in names {
        let ko = padded(name, LARGE).export(&format!("{name}_fn")).build(&made.profile);
        desk.file(&format!("t/{name}.ko.xz"), xz(&ko, XzCheck::Crc32));
    }
    let mut kernel = Kernel::within(&Budget::new(LARGE as u64 + (1 << 20)));
    kernel.add(&desk.path("k")).expect("a kernel");
    let kernel = Arc::new(kernel);
    let files = names.map(|name| ModuleFile { path: desk.path(&format!("t/{name}.ko.xz")), size: 0 });
    let images = open_modules(&kernel, &files);
    std::fs::remove_dir_all(desk.path("t")).expect("it is there");
    let verdicts = Check::new(&kernel).images(&images).expect("no file is read");
    assert_eq!(verdicts.iter().map(|verdict| &verdict.outcome).collect::<Vec<_>>(), [&Outcome::Loads; 3]);
}

/// Modules of a package leave memory as those of a folder do.
#[test]
fn modules_of_a_package_that_fit_one_by_one_are_all_judged() {
    let (desk, made) = desk();
    let mut archive = tar::Builder::new(Vec::new());
    for number in 0..6 {
        let ko = xz(&padded(&format!("m{number}"), LARGE).build(&made.profile), XzCheck::Crc32);
        let mut header = tar::Header::new_ustar();
        header.set_size(ko.len() as u64);
        let path = format!("lib/modules/6.1.0/kernel/m{number}.ko.xz");
        archive.append_data(&mut header, path, ko.as_slice()).expect("written");
    }
    desk.file("modules.tar", archive.into_inner().expect("written"));
    for command in ["check -k k modules.tar", "upgrade --from k --to k modules.tar", "audit modules.tar"] {
        let run = desk.run(&format!("{command} --max-memory 5M"));
        assert!(!run.out.contains("more memory"), "{run:?}");
        run.ended(0);
    }
}

/// What there is no memory for is unread, not damaged: it may be loaded, and export what others need.
#[test]
fn an_exporter_beyond_the_limit_leaves_its_users_open() {
    let (desk, made) = desk();
    desk.file("t/large.ko.xz", xz(&padded("large", LARGE).export("large_fn").build(&made.profile), XzCheck::Crc32));
    desk.file("t/user.ko", Ko::new("user").needs("large_fn").build(&made.profile));
    let budget = Budget::new(1 << 20);
    let mut kernel = Kernel::within(&budget);
    kernel.add(&desk.path("k")).expect("a kernel");
    let files = ["t/large.ko.xz", "t/user.ko"].map(|name| ModuleFile { path: desk.path(name), size: 0 });
    let checked = Check::new(&Arc::new(kernel)).files(&files, || ()).expect("no file changes");
    for verdict in &checked.verdicts {
        assert_eq!(verdict.outcome, Outcome::Undetermined);
        assert!(verdict.missing.iter().any(|missing| matches!(missing, Missing::UnreadModule { .. })), "{verdict:?}");
    }
    assert_ne!(checked.verdicts[1].outcome.errno(), Some(Errno::ENOENT));
}

/// Compressed sections are counted in sum, and before any is decompressed. The verdict does not depend on them.
#[test]
fn debug_sections_are_counted_together() {
    let (desk, made) = desk();
    let section = |name: &str| {
        let zeros = vec![0; 1 << 20];
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&zeros).expect("a vector can grow");
        // Elf64_Chdr: type, padding, size, alignment.
        let mut bytes = [1_u32.to_le_bytes(), [0; 4]].concat();
        bytes.extend([zeros.len() as u64, 1].map(u64::to_le_bytes).concat());
        bytes.extend(packed.finish().expect("a vector can grow"));
        Section::new(name, u64::from(object::elf::SHF_COMPRESSED) as u32, 1, bytes)
    };
    let bomb = [".debug_info", ".debug_abbrev", ".debug_str", ".debug_line"].map(section);
    let ko = bomb.into_iter().fold(Ko::new("foo").needs("gone"), Ko::section);
    desk.file("foo.ko", ko.build(&made.profile));
    let state = |arguments: &str| {
        let json = desk.run(&format!("check -k k foo.ko --format json {arguments}")).ended(1).json();
        assert_eq!(json["modules"][0]["errno"], "ENOENT");
        json["modules"][0]["debug_info"]["what"].as_str().unwrap_or_default().to_owned()
    };
    let what = state("--max-memory 3M");
    assert!(what.starts_with("section .debug_") && what.contains("more memory than the 3 MiB"), "{what}");
    assert!(!state("").contains("more memory"), "{}", state(""));
}

/// A module whose symbol table has `count` more symbols that it needs. Each has another part of one long name for its name.
fn with_overlapping_names(mut module: Vec<u8>, count: u32) -> Vec<u8> {
    const HEADER: usize = 64;
    let number = |bytes: &[u8], at: usize, size: usize| {
        bytes[at..at + size].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (shoff, sections) = (number(&module, 0x28, 8), number(&module, 0x3c, 2));
    let header = |section: usize| shoff + section * HEADER;
    let symtab = (0..sections).find(|section| number(&module, header(*section) + 4, 4) == 2).expect("a symbol table");
    let strtab = number(&module, header(symtab) + 40, 4);
    let contents = |section: usize| {
        let start = number(&module, header(section) + 24, 8);
        module[start..start + number(&module, header(section) + 32, 8)].to_vec()
    };
    let (mut symbols, mut names) = (contents(symtab), contents(strtab));
    let first = u32::try_from(names.len()).expect("short");
    names.extend(vec![b'a'; count as usize + 2_000]);
    names.push(0);
    for symbol in 0..count {
        symbols.extend_from_slice(&(first + symbol).to_le_bytes());
        symbols.extend_from_slice(&[0x10, 0, 0, 0]);
        symbols.extend_from_slice(&[0; 16]);
    }
    for (section, contents) in [(symtab, symbols), (strtab, names)] {
        let place = module.len().next_multiple_of(8);
        module.resize(place, 0);
        module[header(section) + 24..][..8].copy_from_slice(&place.to_le_bytes());
        module[header(section) + 32..][..8].copy_from_slice(&contents.len().to_le_bytes());
        module.extend_from_slice(&contents);
    }
    module
}

/// Names that overlap are longer than the file that they are in: a verdict that repeats each would take gigabytes.
#[test]
fn a_module_that_needs_too_many_symbols_is_not_judged() {
    let (desk, made) = desk();
    let small = Ko::new("some").build(&made.profile);
    desk.file("t/some.ko", with_overlapping_names(small.clone(), 1_000));
    desk.file("t/very_many.ko", with_overlapping_names(small, 120_000));
    let page = desk.run("check -k k --tree t").ended(1).out.clone();
    assert!(page.starts_with("2 modules on 6.1.0: 1 refused, 1 undetermined\n"), "{page}");
    assert!(page.contains("takes more than 128 MiB:\n      t/very_many.ko\n"), "{page}");
    assert!(page.contains("aaa (1000)\n"), "{page}");
    desk.run("why -k k t/very_many.ko").ended(3);
    desk.run("upgrade --from k --to k t/very_many.ko").ended(3);
}

/// What is kept of modules, and may be said of them, is counted in sum: each of these would be judged alone.
#[test]
fn names_that_overlap_are_counted_in_sum() {
    let (desk, made) = desk();
    let small = Ko::new("some").build(&made.profile);
    for number in 0..8 {
        desk.file(&format!("t/m{number}.ko"), with_overlapping_names(small.clone(), 1_500));
    }
    desk.run("check -k k --max-memory 16M t/m0.ko").ended(1);
    let why = "it needs more memory than the 16 MiB";
    for command in ["check -k k --tree t", "upgrade --from k --to k --tree t"] {
        let run = desk.run(&format!("{command} --max-memory 16M"));
        assert!(matches!(run.code, Some(1 | 3)) && run.out.contains(why), "{run:?}");
    }
    let page = desk.run("audit t --max-memory 16M").ended(3).out.clone();
    assert!(page.contains(why), "{page}");
    let page = desk.run("check -k k --tree t").ended(1).out.clone();
    assert!(page.starts_with("8 modules on 6.1.0: 8 refused\n"), "{page}");
}

/// Of an export table that is longer than any that a kernel has, not all is read: what the module exports is not known then.
#[test]
fn exports_that_are_not_all_read_leave_their_users_open() {
    let (desk, made) = desk();
    let long = |number: usize| format!("f{number:0>999}");
    let many = |count: usize| (0..count).fold(Ko::new("many"), |ko, number| ko.export(&long(number)));
    desk.file("t/user.ko", Ko::new("user").needs("gone").build(&made.profile));
    desk.file("t/many.ko", many(100).build(&made.profile));
    desk.run("check -k k --tree t").ended(1);
    desk.file("t/many.ko", many(4_300).build(&made.profile));
    let why = "it exports more than gplok reads: 16,384 symbols, or 4 MiB of names and namespaces, of one license";
    desk.file("k/kernel/many.ko", many(4_300).build(&made.profile));
    for command in ["check -k k --tree t", "check -k k t/user.ko", "upgrade --from k --to k --tree t", "audit t"] {
        let page = desk.run(command).ended(3).out.clone();
        assert!(page.contains(why), "{page}");
    }
}

/// A table of abbreviations and one of files that as many units share as there are rows: read for each unit they take gigabytes.
#[test]
fn tables_that_units_share_are_not_read_for_each() {
    const MANY: usize = 20_000;
    let (desk, made) = desk();
    let number = |number: usize| -> Vec<u8> {
        vec![number as u8 & 0x7f | 0x80, (number >> 7) as u8 & 0x7f | 0x80, (number >> 14) as u8]
    };
    let with_length =
        |bytes: Vec<u8>| [u32::try_from(bytes.len()).expect("short").to_le_bytes().to_vec(), bytes].concat();
    // DW_TAG_compile_unit with DW_AT_low_pc, DW_AT_high_pc and DW_AT_stmt_list, then many tags of functions without attributes.
    let mut abbreviations = vec![1, 0x11, 0, 0x11, 1, 0x12, 7, 0x10, 0x17, 0, 0];
    (2..MANY).for_each(|code| abbreviations.extend([number(code), vec![0x2e, 0, 0, 0]].concat()));
    abbreviations.push(0);
    let root = [vec![4, 0, 0, 0, 0, 0, 8, 1], vec![0; 8], 64_u64.to_le_bytes().to_vec(), vec![0; 4]].concat();
    let units = with_length(root).repeat(MANY);
    let lines = |files: usize| {
        let mut header = vec![1, 1, 1, 0xfb, 14, 10, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0];
        (0..files).for_each(|_| header.extend(b"f\0\0\0\0"));
        header.push(0);
        let header = with_length(header);
        with_length([vec![4, 0], header].concat())
    };
    let state = |files: usize| {
        let ko = Ko::new("foo")
            .needs("gone")
            .section(Section::new(".debug_info", 0, 1, units.clone()))
            .section(Section::new(".debug_abbrev", 0, 1, abbreviations.clone()))
            .section(Section::new(".debug_line", 0, 1, lines(files)));
        desk.file("foo.ko", ko.build(&made.profile));
        let json = desk.run("check -k k foo.ko --format json").ended(1).json();
        assert_eq!(json["modules"][0]["errno"], "ENOENT");
        json["modules"][0]["debug_info"]["what"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(state(1), "");
    assert_eq!(state(MANY), "so many units of the debug information share its tables that reading them would not end");
}
