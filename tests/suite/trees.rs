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

/// depmod knows unknown symbols and versions that differ; nothing else.
#[test]
fn scripts_may_read_the_warnings_of_depmod() {
    let desk = desk();
    let out = desk.run("check -k k --tree t --format depmod").ended(1).out.clone();
    let expected = "depmod: WARNING: t/cddl.ko needs unknown symbol gpl\n\
                    depmod: WARNING: t/lost.ko needs unknown symbol gone\n\
                    depmod: WARNING: t/old.ko needs unknown symbol gone\n\
                    depmod: WARNING: t/other.ko needs unknown symbol gpl\n";
    assert_eq!(out, expected);
    assert_eq!(desk.run("check -k k t/good.ko --format depmod").ended(0).out, "");
    // The release is of no consequence for symbols.
    assert_eq!(desk.run("check -k k/Module.symvers --tree t --format depmod").ended(1).out, expected);
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
    assert_eq!(found("twice", "shadowed-file"), Some(serde_json::json!({ "file": "t/extra/twice.ko" })));
}

/// So long ago that no other process can still be writing.
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
    std::fs::write(&good, vec![b'x'; bytes.len()]).expect("written");
    age(&desk, "t");
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
