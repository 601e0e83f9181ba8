//! Module trees as they are: links, files that cannot be read, damaged files, files that are shadowed or not installed, packages.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use liblzma::stream::Check;
use serde_json::Value;

use crate::cli::Desk;
use crate::fuzz::seeds::tar;
use crate::given::fifo;
use crate::ko::{Ko, Profile, Section};
use crate::made::{CONFIG_HEAD, Made};
use crate::matrix::xz;

/// A kernel without a tree in `k`, and a way to put modules into others.
struct Trees {
    desk: Desk,
    profile: Profile,
}

impl Trees {
    fn new() -> Self {
        let made = Made::new("6.1.0").export("f").no_tree();
        let profile = made.profile.clone();
        Self { desk: Desk::with(made), profile }
    }

    fn put(&self, path: &str, ko: &Ko) -> &Self {
        self.desk.file(path, ko.build(&self.profile));
        self
    }

    fn link(&self, target: &str, path: &str) -> &Self {
        let path = self.desk.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        symlink(target, path).expect("made");
        self
    }

    /// The entry of each module: name, outcome and what is missing.
    fn modules(&self, arguments: &str) -> Vec<String> {
        let json = self.desk.run(arguments).json();
        let missing = |module: &Value| {
            let all = module["missing"].as_array().expect("a list").iter();
            all.map(|missing| format!(" {}", missing.as_str().expect("text"))).collect::<String>()
        };
        let modules = json["modules"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        modules.map(|module| text(&module["path"]) + " " + &text(&module["outcome"]) + &missing(module)).collect()
    }

    /// The facts of the first finding with a code.
    fn facts(&self, arguments: &str, code: &str) -> Value {
        let json = self.desk.run(arguments).json();
        let findings =
            json["modules"].as_array().expect("a list").iter().flat_map(|module| module["findings"].as_array());
        let found = findings.flatten().find(|finding| finding["code"] == code);
        found.map(|finding| finding["facts"].clone()).unwrap_or_default()
    }
}

const NOWHERE: &str = "unread:t/updates/away.ko: a link to /nowhere/away.ko: No such file or directory (os error 2)";

/// What a file exports that cannot be read is not known, so no symbol that it may export is missing for certain.
#[test]
fn a_file_that_was_not_read_may_export_what_is_missing() {
    let trees = Trees::new();
    trees.put("t/kernel/user.ko", &Ko::new("user").needs("away_fn")).link("/nowhere/away.ko", "t/updates/away.ko");
    let of_tree = trees.modules("check -k k -k t --format json");
    assert_eq!(
        of_tree,
        [format!("t/kernel/user.ko undetermined {NOWHERE}"), format!("t/updates/away.ko undetermined {NOWHERE}")]
    );
    assert_eq!(trees.modules("check -k k --tree t --format json"), of_tree);
    let of_one = trees.modules("check -k k -k t t/kernel/user.ko --format json");
    assert_eq!(of_one, [format!("t/kernel/user.ko undetermined {NOWHERE}")]);
    trees.desk.run("check -k k -k t").ended(3);
    // depmod does not know it either, and warns.
    trees.desk.run("check -k k -k t t/kernel/user.ko --format depmod").ended(1);
    trees.desk.file("plan", "modprobe user\n");
    assert!(trees.desk.run("simulate plan -k k -k t").ended(3).out.contains("t/updates/away.ko"));
    // A symbol that the kernel itself exports is not affected, nor is a refusal that no exporter can prevent.
    trees.put("t/kernel/user.ko", &Ko::new("user").needs("f"));
    assert_eq!(trees.modules("check -k k -k t --format json")[0], "t/kernel/user.ko loaded");
    trees.put("t/kernel/anchor.ko", &Ko::new("anchor"));
    let other = Made::new("6.2.0");
    trees.desk.file("t/kernel/user.ko", Ko::new("user").needs("away_fn").build(&other.profile));
    assert_eq!(trees.modules("check -k k -k t --format json")[1], "t/kernel/user.ko refused");
}

/// What is assumed of an exporter among several files that were not read names none of them.
#[test]
fn no_unread_file_is_taken_for_the_exporter() {
    let trees = Trees::new();
    trees.put("t/kernel/user.ko", &Ko::new("user").needs("away_fn")).link("/nowhere/away.ko", "t/updates/away.ko");
    let assumed = || {
        let json = trees.desk.run("check -k k -k t t/kernel/user.ko --format json").json();
        json["modules"][0]["inferred"][0].as_str().map(str::to_owned)
    };
    let of =
        |exporter: &str| Some(format!("{exporter} is loaded first, as modprobe does, and is no proprietary module"));
    assert_eq!(assumed(), of("away"));
    trees.link("/nowhere/aback.ko", "t/updates/aback.ko");
    assert_eq!(assumed(), of("a module that was not read"));
}

/// Where `Module.symvers` names the exporter, only that file matters.
#[test]
fn the_listed_exporter_decides() {
    let made = Made::new("6.1.0").row("here_fn", "lib/here", "EXPORT_SYMBOL", "").row(
        "away_fn",
        "lib/away",
        "EXPORT_SYMBOL",
        "",
    );
    let trees = Trees { profile: made.profile.clone(), desk: Desk::with(made.no_tree()) };
    trees
        .put("t/kernel/one.ko", &Ko::new("one").needs("here_fn"))
        .put("t/kernel/two.ko", &Ko::new("two").needs("away_fn"));
    trees.put("t/kernel/here.ko", &Ko::new("here")).link("/nowhere/away.ko", "t/updates/away.ko");
    let modules = trees.modules("check -k k -k t --format json");
    assert_eq!(modules[1], "t/kernel/one.ko refused", "the file of the exporter was read, and does not export it");
    assert_eq!(modules[2], format!("t/kernel/two.ko undetermined {NOWHERE}"));
}

/// Damaged files are entries like others; the kernel refuses them, and with them the modules that may need them.
#[test]
fn a_damaged_file_is_one_entry() {
    let trees = Trees::new();
    let whole = zstd::bulk::compress(&Ko::new("cut").export("cut_fn").build(&trees.profile), 1).expect("compressed");
    trees.desk.file("t/kernel/cut.ko.zst", &whole[..whole.len() / 2]).file("t/kernel/empty.ko", "");
    trees
        .put("t/kernel/good.ko", &Ko::new("good").needs("f"))
        .put("t/kernel/user.ko", &Ko::new("user").needs("cut_fn"));
    let expected = [
        "t/kernel/cut.ko.zst undetermined loader-reads:zstd-cut-short",
        "t/kernel/empty.ko refused",
        "t/kernel/good.ko loaded",
        "t/kernel/user.ko refused",
    ];
    assert_eq!(trees.modules("check -k k --tree t --format json"), expected);
    assert_eq!(trees.modules("check -k k -k t --format json"), expected);
    assert_eq!(trees.modules("check -k k t/kernel/cut.ko.zst --format json"), expected[..1]);
    let page = trees.desk.run("check -k k --tree t").ended(1).out.clone();
    // kmod up to 33 hands over what it can read.
    assert!(page.starts_with("4 modules on 6.1.0: 1 loads, 2 refused, 1 refused in any case\n"), "{page}");
    let named = "    1 file, the zstd data holds no whole module, it is no ELF file: the file is damaged:\n      t/kernel/cut.ko.zst\n";
    assert!(page.contains(named), "{page}");
    // Nothing is said about the contents of a file that cannot be decompressed.
    let cut = trees.desk.run("check -k k t/kernel/cut.ko.zst").ended(1).out.clone();
    assert!(!cut.contains("invalid ELF"), "{cut}");
    let facts = trees.facts("check -k k -k t t/kernel/user.ko --format json", "missing-symbol");
    assert_eq!((&facts["absent"]["why"], &facts["absent"]["files"]), (&"perhaps-damaged".into(), &2.into()));
}

/// However many files are damaged, link to themselves, or are no regular files: the page names each of them, under what is wrong with
/// it, and judges the others.
#[test]
fn every_bad_file_of_a_tree_is_named() {
    const EACH: usize = 11;
    let trees = Trees::new();
    let bytes = Ko::new("cut").build(&trees.profile);
    let packed = xz(&bytes, Check::Crc32);
    trees.put("t/kernel/good.ko", &Ko::new("good").needs("f")).put("t/kernel/user.ko", &Ko::new("user").needs("gone"));
    let mut sockets = Vec::new();
    for number in 0..EACH {
        trees.link(&format!("loop{number}.ko"), &format!("t/kernel/loop{number}.ko"));
        trees.link("/dev/null", &format!("t/kernel/null{number}.ko"));
        fifo(&trees.desk, &format!("t/kernel/pipe{number}.ko"));
        sockets.push(UnixListener::bind(trees.desk.path(&format!("t/kernel/sock{number}.ko"))).expect("a socket"));
        trees.desk.file(&format!("t/kernel/cut{number}.ko"), &bytes[..bytes.len() / 2]);
        trees.desk.file(&format!("t/kernel/text{number}.ko"), format!("text {number:0100}"));
        trees.desk.file(&format!("t/kernel/half{number}.ko.xz"), &packed[..packed.len() / 2 + number]);
    }
    let page = trees.desk.run("check -k k --tree t").ended(1).out.clone();
    assert!(page.starts_with("79 modules on 6.1.0: 1 loads, 33 refused, 45 undetermined\n"), "{page}");
    for what in [
        "a link: Too many levels of symbolic links (os error 40)",
        "a link: it is a character device, and only regular files are read",
        "it is a pipe (FIFO), and only regular files are read",
        "it is a socket, and only regular files are read",
        "the section headers do not lie inside the file",
        "it does not begin with the ELF magic",
    ] {
        assert!(page.contains(&format!("\n    11 files, {what}:\n      t/kernel/")), "{what}: {page}");
    }
    assert!(page.contains("\n    11 files, broken xz data after"), "{page}");
    for number in 0..EACH {
        for file in ["loop", "null", "pipe", "sock", "cut", "text"].map(|kind| format!("{kind}{number}.ko")) {
            assert!(page.contains(&format!("\n      t/kernel/{file}\n")), "{file}: {page}");
        }
        assert!(page.contains(&format!("\n      t/kernel/half{number}.ko.xz\n")), "{page}");
    }
    let what = "what is in the 44 files above that could not be read, and what they export";
    assert!(page.contains(what) && !page.contains("more were not read"), "{page}");
    let outcomes = trees.modules("check -k k --tree t --format json");
    let loaded: Vec<_> = outcomes.iter().filter(|line| line.ends_with(" loaded")).collect();
    assert_eq!(loaded, ["t/kernel/good.ko loaded"]);
}

/// As depmod: links to files and folders are followed, `build` and `source` are not looked into; loops end.
#[test]
fn links_are_followed() {
    let trees = Trees::new();
    trees.put("store/far.ko", &Ko::new("far").export("far_fn")).put("store/more/deep.ko", &Ko::new("deep"));
    trees.put("src/built.ko", &Ko::new("built"));
    trees.put("t/kernel/user.ko", &Ko::new("user").needs("far_fn"));
    trees.link("../../store/far.ko", "t/weak-updates/far.ko").link("../../store/more", "t/extra/more");
    trees.link("../src", "t/build").link("../src", "t/source").link("..", "t/kernel/up").link(".", "t/kernel/self");
    trees.link("../../t/extra", "store/more/back");
    let expected = ["t/extra/more/deep.ko loaded", "t/weak-updates/far.ko loaded", "t/kernel/user.ko loaded"];
    assert_eq!(trees.modules("check -k k -k t --format json"), expected);
    // A tree of nothing but links, and one that is sixty folders deep.
    trees.link("../../store/far.ko", "farm/kernel/far.ko");
    assert_eq!(trees.modules("check -k k -k farm --format json"), ["farm/kernel/far.ko loaded"]);
    let deep = "d/".repeat(60);
    trees.put(&format!("farm/kernel/{deep}down.ko"), &Ko::new("down"));
    assert_eq!(trees.modules("check -k k -k farm --format json").len(), 2);
}

/// A folder that holds modules is a tree without any index.
#[test]
fn a_flat_folder_is_a_tree() {
    let trees = Trees::new();
    trees.put("lib/modules/6.1.0/base.ko", &Ko::new("base").export("base_fn"));
    trees.put("lib/modules/6.1.0/user.ko", &Ko::new("user").needs("base_fn"));
    assert_eq!(trees.modules("check -k k -k lib/modules/6.1.0 --format json").len(), 2);
    trees.desk.run("check -k k -k lib/modules/6.1.0").ended(0);
}

/// The file that exports a missing symbol is named where another one takes precedence, or where it is not installed.
#[test]
fn an_exporter_that_the_tree_does_not_give_is_named() {
    let made = Made::new("6.1.0").row("extra_fn", "drivers/more-extra", "EXPORT_SYMBOL", "");
    let trees = Trees { profile: made.profile.clone(), desk: Desk::with(made.no_tree()) };
    trees.put("t/kernel/core.ko", &Ko::new("core").export("core_fn")).put("t/updates/core.ko", &Ko::new("core"));
    trees.put("t/kernel/user.ko", &Ko::new("user").needs("core_fn"));
    let shadowed = serde_json::json!({ "why": "shadowed", "file": "t/kernel/core.ko", "by": "t/updates/core.ko" });
    for arguments in ["-k t", "-k t t/kernel/user.ko", "--tree t"] {
        let facts = trees.facts(&format!("check -k k {arguments} --format json"), "missing-symbol");
        assert_eq!(facts["absent"], shadowed, "{arguments}");
    }
    let text = trees.desk.run("check -k k -k t t/kernel/user.ko").ended(1).out.clone();
    assert!(text.contains("fix: remove t/updates/core.ko, or install"), "{text}");

    trees.put("t/kernel/user.ko", &Ko::new("user").needs("extra_fn"));
    let facts = trees.facts("check -k k -k t t/kernel/user.ko --format json", "exporter-not-loaded");
    let absent = serde_json::json!({ "why": "not-installed", "module": "drivers/more-extra", "tree": "t" });
    assert_eq!(facts["absent"], absent);
    trees.desk.file("plan", "insmod t/kernel/user.ko\n");
    let text = trees.desk.run("simulate plan -k k -k t").ended(1).out.clone();
    assert!(text.contains("drivers/more-extra is not installed in t\n"), "{text}");
    assert!(text.contains("fix: install the package of 6.1.0 that has it"), "{text}");
}

/// The names of the modules that are used, with the folder of the file.
fn used(trees: &Trees, tree: &str) -> (String, Value) {
    let arguments = format!("check -k k --tree {tree} --format json");
    let path = trees.modules(&arguments).remove(0);
    let path = path.split(' ').next().expect("a path").rsplit("6.1.0/").next().expect("a part").to_owned();
    (path, trees.facts(&arguments, "shadowed-file")["is_certain"].clone())
}

/// depmod's configuration decides which of two files counts, then `modules.dep`; without both only `updates` is certain.
#[test]
fn precedence_is_that_of_depmod() {
    let trees = Trees::new();
    let tree = "root/lib/modules/6.1.0";
    let put = |folder: &str| _ = trees.put(&format!("{tree}/{folder}/dup.ko"), &Ko::new("dup"));
    put("extra");
    put("updates");
    // The release's own folder, the file system that it lies in, and a folder above that.
    for root in [tree, "root", "."] {
        assert_eq!(used(&trees, root), ("updates/dup.ko".to_owned(), true.into()), "{root}");
    }
    std::fs::remove_dir_all(trees.desk.path(&format!("{tree}/updates"))).expect("removed");
    put("kernel/lib");
    assert_eq!(used(&trees, tree), ("extra/dup.ko".to_owned(), false.into()), "depmod has no order for these");
    trees.desk.file(&format!("{tree}/modules.dep"), "kernel/lib/dup.ko:\n");
    assert_eq!(used(&trees, tree), ("kernel/lib/dup.ko".to_owned(), true.into()));
    std::fs::remove_file(trees.desk.path(&format!("{tree}/modules.dep"))).expect("removed");
    trees.desk.file("root/etc/depmod.d/a.conf", "# order\nsearch extra built-in\n");
    assert_eq!(used(&trees, tree), ("extra/dup.ko".to_owned(), true.into()));
    trees.desk.file("root/etc/depmod.d/b.conf", "override dup 6.1.0 kernel/lib\n");
    assert_eq!(used(&trees, tree), ("kernel/lib/dup.ko".to_owned(), true.into()));
    trees.desk.file("root/etc/depmod.d/b.conf", "override dup 6.2 kernel/lib\n");
    assert_eq!(used(&trees, tree), ("extra/dup.ko".to_owned(), true.into()));
}

/// A folder or an archive that is given as module is judged by what it holds.
#[test]
fn folders_and_archives_stand_for_their_modules() {
    let trees = Trees::new();
    let modules = [Ko::new("base").export("base_fn"), Ko::new("user").needs("base_fn"), Ko::new("lost").needs("gone")];
    let mut archive = tar::Builder::new(Vec::new());
    for ko in &modules {
        let (path, bytes) = (format!("lib/modules/6.1.0/kernel/{}.ko", ko.name()), ko.build(&trees.profile));
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, &path, bytes.as_slice()).expect("added");
        trees.desk.file(&path, bytes);
    }
    trees.desk.file("modules.tar", archive.into_inner().expect("written"));
    for given in ["modules.tar", "lib", "--tree modules.tar", "--tree lib"] {
        let modules = trees.modules(&format!("check -k k {given} --format json"));
        let verdicts: Vec<_> = modules.iter().filter_map(|module| module.rsplit(['/', ' ']).next()).collect();
        assert_eq!(verdicts, ["loaded", "refused", "loaded"], "{given}: {modules:?}");
        assert!(
            trees.desk.run(&format!("check -k k {given}")).ended(1).out.starts_with("3 modules on 6.1.0"),
            "{given}"
        );
    }
    trees.desk.file("empty/readme", "");
    trees.desk.run("check -k k empty").failed("no module lies below empty");
    trees.desk.run("check -k k gone.ko").failed("cannot read gone.ko: No such file or directory (os error 2)");
}

/// What was not read is said, and is no answer.
#[test]
fn exports_and_audit_say_what_was_not_read() {
    let trees = Trees::new();
    let tree = Made::new("6.1.0").export("f");
    // Names alone do not list what modules export.
    trees.desk.file("map", "ffffffff81000000 T f\nffffffff82000000 r __ksymtab_f\n");
    tree.write(&trees.desk.path("k"));
    trees.put("t/kernel/base.ko", &Ko::new("base").export("base_fn").license("GPL"));
    trees.link("/nowhere/away.ko", "t/updates/away.ko");
    let ran = trees.desk.run("exports -k map -k t away_fn");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.err.contains("as far as its modules were read") && ran.err.contains("t/updates/away.ko"), "{ran:?}");
    assert_eq!(trees.desk.run("exports -k map -k t base_fn").code, Some(0));
    let json = trees.desk.run("exports -k map -k t --format json").json();
    assert_eq!(json["unread"][0]["path"], "t/updates/away.ko");
    let ran = trees.desk.run("audit t --format json");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let objects = ran.json()["objects"].clone();
    assert!(
        objects
            .as_array()
            .expect("a list")
            .iter()
            .any(|object| object["path"] == "t/updates/away.ko" && object["unread"].is_string())
    );
    // Also where only tables are read.
    assert_eq!(trees.desk.run("audit t --code odd-license").code, Some(3));
}

/// Two files of one name in folders that depmod has no order for: the verdict is certain only where it makes no difference which
/// one counts, for the module as for those that need it.
#[test]
fn which_of_two_files_counts_is_not_guessed() {
    let trees = Trees::new();
    let put = |path: &str, ko: Ko| _ = trees.put(path, &ko);
    put("t/kernel/dup.ko", Ko::new("dup").export("dup_fn"));
    put("t/extra/dup.ko", Ko::new("dup").export("dup_fn").needs("gone"));
    put("t/kernel/user.ko", Ko::new("user").needs("dup_fn"));
    put("t/kernel/other.ko", Ko::new("other").needs("nowhere"));
    let which = "which-file:t/extra/dup.ko or t/kernel/dup.ko";
    let expected = [
        format!("t/extra/dup.ko undetermined {which}"),
        "t/kernel/other.ko refused".to_owned(),
        format!("t/kernel/user.ko undetermined {which}"),
    ];
    for tree in ["--tree t", "-k t"] {
        assert_eq!(trees.modules(&format!("check -k k {tree} --format json")), expected, "{tree}");
        trees.desk.run(&format!("check -k k {tree}")).ended(1);
    }
    assert_eq!(trees.modules("check -k k -k t t/kernel/user.ko --format json"), expected[2..]);
    // A file that is named is the one that is loaded.
    assert_eq!(trees.modules("check -k k -k t t/kernel/dup.ko --format json"), ["t/kernel/dup.ko loaded"]);
    trees.desk.file("plan", "modprobe dup\n");
    let simulated = trees.desk.run("simulate plan -k k -k t --format json").out.clone();
    assert!(simulated.contains(which), "{simulated}");
    // What check says of a module, upgrade says.
    let upgraded = trees.desk.run("upgrade --from k --to k --tree t --format json").json();
    let binary = |place: usize| upgraded["modules"][place]["binary"].clone();
    let outcome =
        |place: usize| format!("{} {}", binary(place)["outcome"], binary(place)["missing"][0]).replace('"', "");
    assert_eq!([outcome(0), outcome(2)], [0, 2].map(|_| format!("undetermined {which}")));
    let page = trees.desk.run("check -k k --tree t").ended(1).out.clone();
    assert!(page.contains("which of t/extra/dup.ko and t/kernel/dup.ko modprobe loads"), "{page}");

    // Both are refused: for the module that needs them it makes no difference.
    put("t/kernel/dup.ko", Ko::new("dup").export("dup_fn").needs("lost"));
    let refused = [&format!("t/extra/dup.ko refused {which}"), "t/kernel/other.ko refused", "t/kernel/user.ko refused"];
    assert_eq!(trees.modules("check -k k --tree t --format json"), refused);
    // Both load, but only one has the export.
    put("t/kernel/dup.ko", Ko::new("dup").export("dup_fn"));
    put("t/extra/dup.ko", Ko::new("dup"));
    let expected = ["t/extra/dup.ko loaded", "t/kernel/other.ko refused", &expected[2]];
    assert_eq!(trees.modules("check -k k --tree t --format json"), expected);
    assert_eq!(trees.modules("check -k k -k t --format json"), expected);
    // Both are alike.
    put("t/extra/dup.ko", Ko::new("dup").export("dup_fn"));
    let expected = ["t/extra/dup.ko loaded", "t/kernel/other.ko refused", "t/kernel/user.ko loaded"];
    assert_eq!(trees.modules("check -k k --tree t --format json"), expected);
    assert_eq!(trees.modules("check -k k -k t t/kernel/user.ko --format json"), expected[2..]);
}

/// modprobe loads what `modules.dep` lists, whatever its age; depmod writes it anew by its own order.
#[test]
fn what_modules_dep_lists_counts() {
    let trees = Trees::new();
    trees.put("t/kernel/dup.ko", &Ko::new("dup")).put("t/extra/dup.ko", &Ko::new("dup").needs("gone"));
    let verdict = || trees.modules("check -k k --tree t --format json").remove(0);
    trees.desk.file("t/modules.dep", "kernel/dup.ko:\n");
    assert_eq!(verdict(), "t/kernel/dup.ko loaded");
    trees.desk.file("t/modules.dep", "extra/dup.ko:\n");
    assert_eq!(verdict(), "t/extra/dup.ko refused");
    for unclear in ["extra/dup.ko:\nkernel/dup.ko:\n", "kernel/other.ko:\n", ""] {
        trees.desk.file("t/modules.dep", unclear);
        assert_eq!(verdict(), "t/extra/dup.ko undetermined which-file:t/extra/dup.ko or t/kernel/dup.ko");
    }
    // depmod was not run since a file was put into updates/.
    std::fs::rename(trees.desk.path("t/extra"), trees.desk.path("t/updates")).expect("moved");
    trees.desk.file("t/modules.dep", "kernel/dup.ko:\n");
    assert_eq!(verdict(), "t/kernel/dup.ko undetermined which-file:t/kernel/dup.ko or t/updates/dup.ko");
    let page = trees.desk.run("check -k k --tree t").ended(3).out.clone();
    assert!(page.contains("modules.dep is older than"), "{page}");
    // A folder in its place cannot be read, and may list either.
    std::fs::remove_file(trees.desk.path("t/modules.dep")).expect("removed");
    std::fs::create_dir(trees.desk.path("t/modules.dep")).expect("made");
    assert_eq!(verdict(), "t/updates/dup.ko undetermined which-file:t/updates/dup.ko or t/kernel/dup.ko");
    let page = trees.desk.run("check -k k --tree t").ended(3).out.clone();
    assert!(page.contains("modules.dep cannot be read"), "{page}");
}

/// A damaged exporter is to be installed again, not to be loaded first.
#[test]
fn a_damaged_exporter_is_not_loaded_first() {
    let made = Made::new("6.1.0").row("away_fn", "lib/away", "EXPORT_SYMBOL", "");
    let trees = Trees { profile: made.profile.clone(), desk: Desk::with(made.no_tree()) };
    trees.put("t/kernel/user.ko", &Ko::new("user").needs("away_fn")).desk.file("t/kernel/away.ko", "no ELF");
    for given in ["-k t t/kernel/user.ko", "--tree t", "t"] {
        let page = trees.desk.run(&format!("check -k k {given}")).ended(1).out.clone();
        assert!(!page.contains("load it first") && !page.contains("not installed"), "{given}: {page}");
        assert!(page.contains("away"), "{given}: {page}");
    }
}

/// What the modules.order of another tree lists says nothing of this kernel.
#[test]
fn a_list_of_another_tree_is_no_advice() {
    let trees = Trees::new();
    // A list of the kernel's own exports does not tell what its modules export.
    let map = "ffffffff81000000 T f\nffffffff82000000 r __ksymtab_f\n";
    trees.desk.file("map", map).file("release", "6.1.0\n").file("config", trees.desk.read("k/config"));
    let user = || Ko::new("user").needs("away_fn");
    trees.put("t/kernel/user.ko", &user()).put("user.ko", &user());
    trees.desk.file("other/kernel/user.ko", user().build(&Made::new("6.2.0").profile));
    for folder in ["t", "other"] {
        trees.desk.file(&format!("{folder}/modules.order"), "kernel/away.ko\nkernel/user.ko\n");
    }
    let page = |tree: &str| trees.desk.run(&format!("check -k map -k release -k config -k {tree} user.ko")).out;
    let other = page("other");
    assert!(!other.contains("modules.order") && !other.contains("install the package"), "{other}");
    let own = page("t");
    assert!(own.contains("if a module that modules.order lists and t lacks exports it"), "{own}");
    assert!(own.contains("ENOENT stands for a symbol here, not for this file"), "{own}");
}

/// A package tells what is not installed as the folder does that it is unpacked to; and a modules.order that cannot be read is named.
#[test]
fn the_order_of_a_package_is_read() {
    let trees = Trees::new();
    let map = "ffffffff81000000 T f\nffffffff82000000 r __ksymtab_f\n";
    trees.desk.file("map", map).file("config", trees.desk.read("k/config"));
    trees
        .put("user.ko", &Ko::new("user").needs("away_fn"))
        .put("root/lib/modules/6.1.0/kernel/own.ko", &Ko::new("own"));
    trees.desk.file("root/lib/modules/6.1.0/modules.order", "kernel/away.ko\nkernel/own.ko\n");
    let files = ["kernel/own.ko", "modules.order"].map(|name| format!("lib/modules/6.1.0/{name}"));
    let bytes = |name: &String| std::fs::read(trees.desk.path(&format!("root/{name}"))).expect("written");
    trees.desk.file("package.tar", tar(&files.each_ref().map(|name| (name.clone(), bytes(name)))));
    for tree in ["root/lib/modules/6.1.0", "package.tar"] {
        let page = trees.desk.run(&format!("check -k map -k config -k {tree} user.ko")).out.clone();
        assert!(
            page.contains("1 module that modules.order lists is not installed, for example kernel/away.ko"),
            "{page}"
        );
    }
    let order = trees.desk.path("root/lib/modules/6.1.0/modules.order");
    std::fs::remove_file(&order).expect("removed");
    std::fs::create_dir(&order).expect("made");
    let page = trees.desk.run("check -k map -k config -k root/lib/modules/6.1.0 user.ko").out.clone();
    assert!(page.contains("do not tell what they should:\n    - root/lib/modules/6.1.0/modules.order: "), "{page}");
}

/// modprobe does not try what needs a module that was refused.
#[test]
fn modprobe_ends_at_a_refused_dependency() {
    let trees = Trees::new();
    trees
        .put("t/kernel/base.ko", &Ko::new("base").export("base_fn").needs("gone"))
        .put("t/kernel/middle.ko", &Ko::new("middle").export("middle_fn").needs("base_fn"))
        .put("t/kernel/top.ko", &Ko::new("top").needs("middle_fn").needs_weak("base_fn"));
    trees.desk.file("plan", "modprobe top\n");
    let json = trees.desk.run("simulate plan -k k -k t --format json").ended(1).json();
    let steps = json["steps"].as_array().expect("a list");
    let named: Vec<_> = steps.iter().map(|step| (&step["name"], &step["errno"])).collect();
    assert_eq!(named, [(&"base".into(), &"ENOENT".into()), (&"top".into(), &"ENOENT".into())]);
    assert_eq!(steps[1]["findings"][0]["code"], "dependency-refused");
    assert_eq!(steps[1]["log"], serde_json::json!([]), "the kernel never saw it");
    // A module of the name that is loaded already is no error.
    trees.put("t/kernel/base.ko", &Ko::new("base").export("base_fn").needs("f"));
    trees.desk.run("simulate plan -k k -k t").ended(0);
}

/// A module of which it is not known what it does may have tainted the kernel, printed what is printed once, and be loaded.
#[test]
fn what_an_unknown_module_may_have_done_is_not_certain_afterwards() {
    let trees = Trees::new();
    trees
        .put("t/kernel/dup.ko", &Ko::new("dup").no_tag("intree"))
        .put("t/extra/dup.ko", &Ko::new("dup").needs("gone"))
        .put("foo.ko", &Ko::new("foo").no_tag("intree"));
    let which = serde_json::json!(["which-file:t/extra/dup.ko or t/kernel/dup.ko"]);
    trees.desk.file("plan", "insmod foo.ko\nrmmod foo\nrmmod dup\n");
    let steps =
        |plan: &str| trees.desk.run(&format!("simulate {plan} -k k -k t --format json")).json()["steps"].clone();
    let before = steps("plan");
    assert_eq!((&before[0]["log"][0]["text"], &before[2]["errno"]), (&OUT_OF_TREE.into(), &"ENOENT".into()));
    trees.desk.file("after", "modprobe dup\ninsmod foo.ko\nrmmod foo\nrmmod dup\ninsmod foo.ko\n");
    let after = steps("after");
    assert_eq!((&after[0]["outcome"], &after[0]["missing"]), (&"undetermined".into(), &which));
    // It loads in any case, but whether the line is printed depends on what was loaded before.
    assert_eq!((&after[1]["outcome"], &after[1]["missing"]), (&"loaded".into(), &which));
    assert_eq!(after[1]["log"], serde_json::json!([]));
    assert_eq!((&after[2]["outcome"], &after[3]["outcome"]), (&"loaded".into(), &"undetermined".into()));
    assert_eq!((&after[3]["missing"], &after[4]["outcome"]), (&which, &"loaded".into()));
}

const OUT_OF_TREE: &str = "foo: loading out-of-tree module taints kernel.";

/// Where a dependency may be refused, modprobe may not have tried the modules after it.
#[test]
fn modprobe_may_have_ended_at_an_undetermined_dependency() {
    let trees = Trees::new();
    let config = std::fs::read_to_string(trees.desk.path("k/config")).expect("written");
    // A fragment does not say whether CONFIG_CONSTRUCTORS is set, without which the kernel ignores the sections.
    let fragment = config.replace(CONFIG_HEAD, "# CONFIG_MODULE_SIG is not set\n# CONFIG_MODVERSIONS is not set\n");
    let section = |name| Section::new(name, object::elf::SHF_ALLOC, 8, [0; 8]);
    let base = Ko::new("base").export("base_fn").section(section(".ctors")).section(section(".init_array"));
    trees
        .put("t/kernel/base.ko", &base)
        .put("t/kernel/side.ko", &Ko::new("side").export("side_fn"))
        .put("t/kernel/top.ko", &Ko::new("top").needs("base_fn").needs("side_fn"));
    trees.desk.file("k/config", fragment).file("plan", "modprobe top\nrmmod top\nrmmod side\nmodprobe side\n");
    let json = trees.desk.run("simulate plan -k k -k t --format json").json();
    let steps = json["steps"].as_array().expect("a list");
    let outcome = |step: &Value| format!("{} {}", step["name"], step["outcome"]).replace('"', "");
    let outcomes: Vec<_> = steps.iter().map(outcome).collect();
    let open = ["base", "side", "top", "top", "side"].map(|name| format!("{name} undetermined"));
    assert_eq!(outcomes[..5], open);
    assert!(steps[..5].iter().all(|step| step["missing"].to_string().contains("config:CONFIG_CONSTRUCTORS")));
    // After all of that it can be loaded in any case.
    assert_eq!(outcomes[5], "side loaded");
}

/// Objects are audited however deep they lie and beside what cannot be looked at, which is named. Of what was not read nothing is said.
#[test]
fn objects_are_found_at_any_depth() {
    let desk = Desk::new();
    let profile = Made::new("6.1.0").profile;
    let deep = "d/".repeat(60);
    desk.file(&format!("o/{deep}deep.o"), Ko::new("deep").build(&profile))
        .file("o/near.o", Ko::new("near").build(&profile));
    for (target, link) in [("near.o", "o/linked.o"), ("nowhere", "o/gone.o"), ("nowhere", "o/gone.ko")] {
        symlink(target, desk.path(link)).expect("the folder is ours");
    }
    let page = desk.run("audit o").ended(3).out.clone();
    assert!(page.starts_with("5 modules, of which 0 with exports and 2 not read: no exports\n"), "{page}");
    assert!(
        page.contains("2 objects was not read: o/gone.ko (a link to nowhere") && page.contains("o/gone.o (a link"),
        "{page}"
    );
    let page = desk.run("audit o/near.o").ended(0).out.clone();
    assert!(page.starts_with("o/near.o: module near, license \"GPL\", no exports\n"), "{page}");
}

/// Every file that an audit has not read is named, however many there are.
#[test]
fn all_files_that_an_audit_has_not_read_are_named() {
    let desk = Desk::new();
    let profile = Made::new("6.1.0").profile;
    desk.file("t/good.ko", Ko::new("good").build(&profile));
    for number in 0..9 {
        desk.file(&format!("t/cut{number}.ko"), "no module");
        fifo(&desk, &format!("t/pipe{number}.ko"));
        symlink(format!("ring{number}.ko"), desk.path(&format!("t/ring{number}.ko"))).expect("the folder is ours");
    }
    let page = desk.run("audit t").ended(3).out.clone();
    assert!(page.contains("the code of 27 objects was not read, which are listed below"), "{page}");
    assert!(page.contains("    9 files, it is no ELF file:\n      t/cut0.ko\n"), "{page}");
    for number in 0..9 {
        for name in ["cut", "pipe", "ring"] {
            assert!(page.contains(&format!("      t/{name}{number}.ko\n")), "{page}");
        }
    }
}
