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
