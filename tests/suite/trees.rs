//! `gplok check` of whole trees: one page, each cause once; and the lines that depmod prints.

use crate::cli::Desk;
use crate::ko::{Ko, Profile};
use crate::made::Made;

/// Modules of another release in `t`, and some that fit.
fn desk() -> Desk {
    let made = Made::new("6.1.0").export("f").export_gpl("gpl").row("space", "vmlinux", "EXPORT_SYMBOL_GPL", "NS");
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    let put = |ko: &Ko, profile: &Profile| {
        desk.file(&format!("t/{}.ko", ko.name()), ko.build(profile));
    };
    put(&Ko::new("good").needs("f").export("good_fn"), &profile);
    put(&Ko::new("rider").needs("good_fn"), &profile);
    put(&Ko::new("cddl").license("CDDL").needs("gpl"), &profile);
    put(&Ko::new("other").license("CDDL").needs("gpl").export("other_fn"), &profile);
    put(&Ko::new("lost").needs("gone"), &profile);
    put(&Ko::new("spaced").needs("space"), &profile);
    put(&Ko::new("needy").needs("other_fn"), &profile);
    put(&Ko::new("old").needs("gone"), &Made::new("6.0.0").profile);
    desk
}

#[test]
fn a_tree_is_one_page() {
    insta::assert_snapshot!(desk().run("check -k k --tree t").ended(1).out);
}

#[test]
fn every_module_is_listed_when_asked_for() {
    let desk = desk();
    let list = desk.run("check -k k --tree t --list").ended(1).out.clone();
    assert!(list.contains("\nt/good.ko: loads on 6.1.0"), "{list}");
    let json = desk.run("check -k k --tree t --format json").ended(1).json();
    assert_eq!(json["modules"].as_array().map(Vec::len), Some(8));
}

/// Without modules, those of the kernel's own tree are meant.
#[test]
fn a_kernel_is_checked_with_its_own_modules() {
    let desk = desk();
    assert_eq!(desk.run("check -k k").ended(0).out, "1 module on 6.1.0: 1 loads\n");
    let bare = Desk::with(Made::new("6.1.0").no_tree());
    bare.run("check -k k").failed("no module was given, and the kernel has no module tree: add it with -k");
    bare.file("empty/readme", "");
    bare.run("check -k k --tree empty").failed("no module lies below empty");
}

/// Modules of a kernel with symbol versions in `t`, some of which need what is not there.
fn versioned() -> Desk {
    let made =
        Made::new("6.1.0").modversions().export("f").export_gpl("gpl").row("fn_of_dep", "dep", "EXPORT_SYMBOL", "");
    let profile = made.profile.clone();
    let desk = Desk::with(made.no_tree());
    let put = |ko: &Ko| desk.file(&format!("t/kernel/{}.ko", ko.name()), ko.build(&profile));
    put(&Ko::new("good").needs("f").export("good_fn"));
    put(&Ko::new("rider").needs("good_fn"));
    put(&Ko::new("stale").needs("f").crc("f", 0x1234).crc("module_layout", 0x5678));
    put(&Ko::new("weak").needs_weak("gone").needs_weak("f").crc("f", 7));
    put(&Ko::new("lost").needs("gone").needs("fn_of_dep"));
    put(&Ko::new("cddl").license("CDDL").needs("gpl"));
    desk
}

/// depmod walks each way through modules that need each other, of which there may be very many. gplok does not, and says so.
#[test]
fn a_search_for_cycles_that_is_cut_short_is_named() {
    let desk = Desk::with(Made::new("6.1.0").no_tree());
    for number in 0..12 {
        let ko = Ko::new(&format!("m{number}")).export(&format!("f{number}"));
        let others = (0..12).filter(|other| *other != number);
        let ko = others.fold(ko, |ko, other| ko.needs(&format!("f{other}")));
        desk.file(&format!("t/m{number}.ko"), ko.build(&Made::new("6.1.0").profile));
    }
    let note = "gplok: so many modules need each other that gplok stops looking for cycles: depmod goes on, and at the end it \
                prints how many modules are in them\n";
    // The note is no part of an answer that is kept.
    for _ in 0..2 {
        let ran = desk.run("check -k k --tree t --format depmod");
        assert!(ran.out.contains("Cycle detected") && !ran.out.contains("modules in dependency cycles"), "{ran:?}");
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), note));
    }
}

/// depmod knows names and versions; nothing else. What it does not look at is said apart, and in the exit code.
#[test]
fn scripts_may_read_the_warnings_of_depmod() {
    let desk = versioned();
    let out = desk.run("check -k k --tree t --format depmod").ended(1).out.clone();
    let warnings = "depmod: WARNING: t/kernel/lost.ko needs unknown symbol gone\n\
                    depmod: WARNING: t/kernel/lost.ko needs unknown symbol fn_of_dep\n\
                    depmod: WARNING: t/kernel/stale.ko disagrees about version of symbol f\n\
                    depmod: WARNING: t/kernel/stale.ko disagrees about version of symbol module_layout\n";
    assert_eq!(out, warnings);
    assert_eq!(desk.run("check -k k/Module.symvers --tree t --format depmod").ended(1).out, warnings);
    assert_eq!(desk.run("check -k k t/kernel/good.ko --format depmod").ended(0).out, "");
    // Outside of a whole tree, the modules that Module.symvers names count as present.
    let lost = desk.run("check -k k t/kernel/lost.ko --format depmod").ended(1).out.clone();
    assert_eq!(lost, "depmod: WARNING: t/kernel/lost.ko needs unknown symbol gone\n");
    let refused = desk.run("check -k k t/kernel/cddl.ko --format depmod");
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
    let note = "gplok: depmod warns of nothing, but some modules are refused: another --format says why\n";
    assert_eq!(refused.err, note);
}

/// To depmod, a symbol without a version has version 0.
#[test]
fn depmod_has_no_notion_of_a_kernel_without_versions() {
    let desk = Desk::with(Made::new("6.1.0").export("f"));
    desk.file("t/foo.ko", Ko::new("foo").needs("f").build(&Made::new("6.1.0").profile));
    let warning = "depmod: WARNING: t/foo.ko disagrees about version of symbol f\n";
    assert_eq!(desk.run("check -k k --tree t --format depmod").ended(1).out, warning);
}

/// Files that kmod cannot read are errors of depmod, as they are refused in every other format.
#[test]
fn damaged_files_are_lines_of_depmod() {
    let desk = Desk::with(Made::new("6.1.0").no_tree());
    let whole = Ko::new("cut").build(&Made::new("6.1.0").profile);
    desk.file("t/cut.ko", &whole[..whole.len() / 2]);
    desk.file("t/empty.ko", "");
    desk.file("t/text.ko", "this is no module");
    let lines = "depmod: ERROR: failed to load symbols from t/cut.ko: Invalid argument\n\
                 depmod: ERROR: failed to load symbols from t/empty.ko: Invalid argument\n\
                 depmod: ERROR: failed to load symbols from t/text.ko: Exec format error\n";
    assert_eq!(desk.run("check -k k --tree t --format depmod").ended(1).out, lines);
}

/// kmod says why it cannot decompress a file each time that depmod reads it. xz data is read on from where the last attempt stopped.
#[test]
fn what_kmod_says_of_broken_compression_are_lines_of_depmod() {
    let made = Made::new("6.1.0").no_tree();
    // Bytes that hardly get smaller, so that the file has several chunks of 8 KiB.
    let noise = std::iter::successors(Some(1_u32), |last| {
        let next = last ^ (last << 13);
        let next = next ^ (next >> 17);
        Some(next ^ (next << 5))
    });
    let noise = noise.take(60_000).map(|number| number.to_be_bytes()[0]);
    let noise = crate::ko::Section::new(".noise", 0, 1, noise.collect::<Vec<_>>());
    let module = Ko::new("foo").section(noise).build(&made.profile);
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    std::io::Write::write_all(&mut xz, &module).expect("in memory");
    let xz = xz.finish().expect("in memory");
    let zst = zstd::bulk::compress(&module, 1).expect("in memory");
    let flipped = |file: &[u8], at: usize| {
        let mut file = file.to_vec();
        file[at] ^= 0xff;
        file
    };
    let cut = |file: &[u8]| file[..file.len() - 20].to_vec();
    let lines = |name: &str, file: Vec<u8>| {
        let desk = Desk::with(made.clone());
        desk.file(&format!("t/{name}"), file);
        let out = desk.run("check -k k --tree t --format depmod").ended(1).out.clone();
        let said = out.lines().filter_map(|line| line.strip_prefix("depmod: ERROR: "));
        said.filter(|line| !line.starts_with("failed")).map(str::to_owned).collect::<Vec<_>>()
    };
    let (corrupt, no_format, end) =
        ("xz: File is corrupt", "xz: File format not recognized", "xz: Unexpected end of input");
    assert_eq!(lines("foo.ko.xz", flipped(&xz, 14)), [corrupt, no_format, no_format]);
    assert_eq!(lines("foo.ko.xz", flipped(&xz, xz.len() - 3)), [corrupt, end, end]);
    assert_eq!(lines("foo.ko.xz", cut(&xz)), [end; 3]);
    assert_eq!(lines("foo.ko.xz", [xz.as_slice(), b"some more"].concat()), [end; 3]);
    assert_eq!(lines("foo.ko.xz", xz[..5].to_vec()), [""; 0]);
    assert_eq!(lines("foo.ko.zst", cut(&zst)), ["zstd: Src size is incorrect"; 3]);
    assert_eq!(lines("foo.ko.zst", [zst.as_slice(), b"more"].concat()), ["zstd: Src size is incorrect"; 3]);
    assert_eq!(lines("foo.ko.zst", [zst.as_slice(), &zst].concat()), ["zstd: Destination buffer is too small"; 3]);
    assert_eq!(lines("foo.ko.zst", zstd::bulk::compress(b"", 1).expect("in memory")).len(), 3);
    // What is shorter than an ELF header, but no broken compression, has another error.
    let desk = Desk::with(made);
    desk.file("t/short.ko.zst", zstd::bulk::compress(b"short", 1).expect("in memory"));
    let line = "depmod: ERROR: failed to load symbols from t/short.ko.zst: Exec format error\n";
    assert_eq!(desk.run("check -k k --tree t --format depmod").ended(1).out, line);
}

/// What cannot be listed or opened, in the words of depmod.
#[test]
fn what_depmod_cannot_list_are_its_lines() {
    let desk = Desk::with(Made::new("6.1.0").no_tree());
    let bytes = Ko::new("foo").build(&Made::new("6.1.0").profile);
    desk.file("t/kernel/foo.ko", &bytes);
    desk.file("t/kernel/piped.ko.zst", zstd::encode_all(bytes.as_slice(), 1).expect("compressed"));
    let link = |target: &str, path: &str| std::os::unix::fs::symlink(target, desk.path(path)).expect("made");
    link("/nowhere/away.ko", "t/kernel/away.ko");
    link("/nowhere/text", "t/note.txt");
    link("self.ko", "t/kernel/self.ko");
    link("/dev/null", "t/kernel/null.ko");
    let ran = desk.run("check -k k --tree t --format depmod");
    let mut lines: Vec<_> = ran.out.lines().collect();
    lines.sort_unstable();
    let size = "depmod: ERROR: zstd: Failed to determine decompression size";
    let expected = [
        "depmod: ERROR: failed to load symbols from t/kernel/piped.ko.zst: Invalid argument",
        "depmod: ERROR: fstatat(3, note.txt): No such file or directory",
        "depmod: ERROR: fstatat(4, away.ko): No such file or directory",
        "depmod: ERROR: fstatat(4, self.ko): Too many levels of symbolic links",
        "depmod: ERROR: unsupported file type t/kernel/null.ko: 20000",
        size,
        size,
        size,
    ];
    assert_eq!(lines, expected, "{ran:?}");
    // Loops and gzip: what depmod prints depends on how it was started and built.
    let desk = Desk::with(Made::new("6.1.0").no_tree());
    desk.file("t/kernel/foo.ko", &bytes).file("t/kernel/bar.ko.gz", crate::matrix::gzip(&bytes));
    std::os::unix::fs::symlink(".", desk.path("t/kernel/loop")).expect("made");
    let ran = desk.run("check -k k --tree t --format depmod");
    assert!(ran.err.contains("without zlib") && ran.err.contains("t/kernel/loop, which leads back"), "{ran:?}");
    assert!(!ran.err.contains("warns of nothing"), "{ran:?}");
}

/// Modules that need each other: depmod then writes no modules.dep at all.
#[test]
fn cycles_are_lines_of_depmod() {
    let desk = Desk::with(Made::new("6.1.0").no_tree());
    let put = |ko: &Ko| desk.file(&format!("t/{}.ko", ko.name()), ko.build(&Made::new("6.1.0").profile));
    put(&Ko::new("one").needs("two_fn").export("one_fn"));
    put(&Ko::new("two").needs("one_fn").export("two_fn"));
    put(&Ko::new("user").needs("one_fn"));
    let out = desk.run("check -k k --tree t --format depmod").ended(1).out.clone();
    let lines = "depmod: ERROR: Cycle detected: one -> two -> one\n\
                 depmod: ERROR: Found 2 modules in dependency cycles!\n";
    assert!(out.ends_with(lines), "{out}");
}

/// What is wrong with the symbols is found behind a refusal for vermagic, for the size of `struct module` and for the signature.
#[test]
fn an_early_refusal_hides_nothing() {
    let ko = |vermagic: &str| {
        let vermagic = format!("{vermagic} mod_unload modversions ");
        Ko::new("foo").license("CDDL").tag("vermagic", &vermagic).needs("gone").needs("f").crc("f", 7).needs("gpl")
    };
    let cases = [
        (Made::new("6.1.0"), "6.1.0 SMP preempt", "vermagic", ""),
        (Made::new("6.6.0"), "6.6.0 SMP", "struct-module-size", ""),
        (Made::new("6.13.0"), "6.13.0 SMP", "struct-module-size", ""),
        (Made::new("6.1.0").config("MODULE_SIG"), "6.1.0 SMP", "unsigned-rejected", "module.sig_enforce=1"),
    ];
    for (made, vermagic, first, cmdline) in cases {
        let made = made.modversions().export("f").export_gpl("gpl");
        let size = made.profile.this_module - if first == "struct-module-size" { 0x40 } else { 0 };
        let built_with = Profile { this_module: size, ..made.profile.clone() };
        let desk = Desk::with(made);
        desk.file("foo.ko", ko(vermagic).build(&built_with));
        let cmdline = if cmdline.is_empty() { String::new() } else { format!("--cmdline {cmdline} ") };
        let json = desk.run(&format!("check -k k {cmdline}foo.ko --format json")).json();
        let findings = json["modules"][0]["findings"].as_array().cloned().unwrap_or_default();
        let codes: Vec<_> = findings.iter().filter_map(|finding| finding["code"].as_str()).collect();
        assert_eq!(codes, [first, "missing-symbol", "symbol-version", "gpl-only-symbol"]);
        let reached: Vec<_> = findings.iter().filter_map(|finding| finding["reached"].as_bool()).collect();
        assert_eq!(reached, [true, false, false, false]);
    }
}

/// However many are judged at a time.
#[test]
fn the_number_of_jobs_changes_nothing() {
    let desk = desk();
    let one = desk.run("check -k k --tree t --format json --jobs 1").out;
    assert_eq!(one, desk.run("check -k k --tree t --format json --jobs 7").out);
}

/// Rival exports are reported although they refuse no module; modules that need each other are refused.
#[test]
fn a_tree_tells_what_decides_which_modules_are_loaded() {
    let made = Made::new("6.1.0").export("f");
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    let put = |folder: &str, ko: &Ko| desk.file(&format!("t/{folder}/{}.ko", ko.name()), ko.build(&profile));
    put("kernel", &Ko::new("twice").license("CDDL").needs("gone"));
    put("updates/dkms", &Ko::new("twice").needs("f"));
    put("extra", &Ko::new("twice").needs("gone"));
    put("kernel", &Ko::new("one").export("shared").export("one_fn").needs("two_fn"));
    put("kernel", &Ko::new("two").export("two_fn").needs("three_fn"));
    put("kernel", &Ko::new("three").export("three_fn").needs("one_fn"));
    put("kernel", &Ko::new("rival").export("shared"));
    let page = desk.run("check -k k --tree t").ended(1).out.clone();
    insta::assert_snapshot!(page);
    let json = desk.run("check -k k --tree t --format json").ended(1).json();
    let found = |name: &str, code: &str| {
        let modules = json["modules"].as_array().expect("a list").iter();
        let findings = modules.filter(|module| module["name"] == name).flat_map(|module| module["findings"].as_array());
        findings.flatten().find(|finding| finding["code"] == code).map(|finding| finding["facts"].clone())
    };
    assert_eq!(found("one", "dependency-cycle"), Some(serde_json::json!({ "modules": ["one", "two", "three"] })));
    assert_eq!(found("two", "dependency-cycle"), Some(serde_json::json!({ "modules": ["two", "three", "one"] })));
    assert_eq!(found("rival", "rival-export"), Some(serde_json::json!({ "symbol": "shared", "module": "one" })));
    assert_eq!(
        found("twice", "shadowed-file"),
        Some(serde_json::json!({ "file": "t/extra/twice.ko", "is_certain": true }))
    );
}

/// Sets the times of modification back, and waits until no other process can still be writing: the time of change cannot be set.
fn age(desk: &Desk, folder: &str) {
    let hour = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let mut folders = vec![desk.path(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                std::fs::File::options()
                    .write(true)
                    .open(entry)
                    .and_then(|file| file.set_modified(hour))
                    .expect("aged");
            }
        }
    }
    std::thread::sleep(std::time::Duration::from_millis(3100));
}

/// The second time nothing is read: even a file that is no module any more, as long as it looks the same from outside.
#[test]
fn answers_are_kept_until_something_changes() {
    let desk = desk();
    age(&desk, "t");
    age(&desk, "k");
    let kept = desk.path("cache/gplok/answers");
    let first = desk.run("check -k k --tree t --no-cache").ended(1).out.clone();
    assert!(!kept.exists());
    assert_eq!(desk.run("check -k k --tree t").ended(1).out, first);
    assert!(kept.exists());
    let good = desk.path("t/good.ko");
    let bytes = std::fs::read(&good).expect("the module");
    let before = good.metadata().and_then(|metadata| metadata.modified()).expect("a time");
    std::fs::write(&good, vec![b'x'; bytes.len()]).expect("written");
    std::fs::File::options().write(true).open(&good).and_then(|file| file.set_modified(before)).expect("set back");
    std::thread::sleep(std::time::Duration::from_millis(3100));
    let damaged = desk.run("check -k k --tree t --no-cache").ended(1).out.clone();
    assert_ne!(damaged, first);
    assert_eq!(desk.run("check -k k --tree t").ended(1).out, damaged, "the time of change is another");
    std::fs::write(&kept, b"not an answer").expect("written");
    assert_eq!(desk.run("check -k k --tree t").ended(1).out, damaged);
    // The kernel's own modules give what those of the tree need.
    desk.file("k/kernel/late.ko", Ko::new("late").export("gone").build(&Made::new("6.1.0").profile));
    age(&desk, "k");
    let given = desk.run("check -k k --tree t").ended(1).out.clone();
    assert_ne!(given, damaged);
    desk.file("k/kernel/late.ko", Ko::new("late").build(&Made::new("6.1.0").profile));
    age(&desk, "k");
    assert_eq!(desk.run("check -k k --tree t").ended(1).out, damaged);
    // Another question.
    assert_ne!(desk.run("check -k k --tree t --format depmod").ended(1).out, damaged);
    desk.file("k/config", "CONFIG_MODULES=y\n");
    desk.file("t/new.ko", bytes);
    let more = desk.run("check -k k --tree t").ended(1).out.clone();
    assert!(more.starts_with("9 modules"), "{more}");
}
