//! What becomes of modules.

use serde_json::json;

use super::{Two, releases};
use crate::ko::Ko;
use crate::made::Made;

/// The same release, the same exports: nothing has to be done.
#[test]
fn a_module_that_fits_loads_as_it_is() {
    let made = Made::new("6.1.0").export("f");
    let two = Two::new(made.clone(), made).ko(&Ko::new("m").needs("f"));
    assert_eq!(two.answers("m.ko"), (vec!["loads_as_it_is".to_owned()], Some(0)));
    insta::assert_snapshot!(two.page("m.ko"));
}

/// Another release, the same exports.
#[test]
fn a_module_of_another_release_is_rebuilt() {
    let (from, to) = releases();
    let two = Two::new(from.export("f"), to.export("f")).ko(&Ko::new("m").needs("f"));
    assert_eq!(two.answers("m.ko"), (vec!["loads_after_rebuild".to_owned()], Some(1)));
    insta::assert_snapshot!(two.page("m.ko"));
}

/// Each reason on a module of its own, on one page.
#[test]
fn every_answer_has_its_place() {
    let (from, to) = releases();
    let from = from.export("f").export("gpl").export_gpl("space").export_gpl("always").export("gone");
    let to = to.export("f").export_gpl("gpl").row("space", "vmlinux", "EXPORT_SYMBOL_GPL", "NS");
    let two = Two::new(from, to.export_gpl("always"))
        .ko(&Ko::new("plain").needs("f"))
        .ko(&Ko::new("cddl").license("CDDL").needs("gpl").needs("always"))
        .ko(&Ko::new("gpl").needs("gpl").needs("always"))
        .ko(&Ko::new("spaced").needs("space"))
        .ko(&Ko::new("lost").needs("gone"));
    let (answers, code) = two.answers("plain.ko cddl.ko gpl.ko spaced.ko lost.ko");
    let expected =
        ["loads_after_rebuild", "refused_for_license", "loads_after_rebuild", "needs_source_changes", "unknown"];
    assert_eq!(answers, expected);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(two.page("plain.ko cddl.ko gpl.ko spaced.ko lost.ko"));
    assert_eq!(two.answers("lost.ko").1, Some(1), "as it stands it is refused, whatever a rebuild does");
}

/// The exact line that the later release wants.
#[test]
fn an_import_is_written_as_the_later_release_wants_it() {
    let from = Made::new("6.12.0").export_gpl("space");
    let to = Made::new("6.13.0").row("space", "vmlinux", "EXPORT_SYMBOL_GPL", "NS");
    let page = Two::new(from, to).ko(&Ko::new("m").needs("space")).page("m.ko");
    assert!(page.contains("MODULE_IMPORT_NS(\"NS\");"), "{page}");
}

/// A symbol kept for other modules is out of reach, whatever is imported.
#[test]
fn a_module_list_is_no_namespace_to_import() {
    let from = Made::new("6.12.0").export_gpl("kick");
    let to = Made::new("6.19.0").row("kick", "vmlinux", "EXPORT_SYMBOL_GPL", "module:kvm,kvm-amd");
    let two = Two::new(from, to).ko(&Ko::new("m").needs("kick")).ko(&Ko::new("kvm_amd").needs("kick"));
    let (answers, _) = two.answers("m.ko kvm_amd.ko");
    assert_eq!(answers, ["needs_source_changes", "loads_after_rebuild"]);
    let page = two.page("m.ko");
    assert!(page.contains("1 symbol for other modules only"), "{page}");
}

/// One module needs another: it is no better off.
#[test]
fn a_module_shares_the_fate_of_those_it_needs() {
    let (from, to) = releases();
    let two = Two::new(from.export("gpl"), to.export_gpl("gpl"))
        .ko(&Ko::new("base").license("CDDL").needs("gpl").export("base_fn"))
        .ko(&Ko::new("rider").needs("base_fn"));
    assert_eq!(two.answers("base.ko rider.ko").0, ["refused_for_license", "refused_for_license"]);
}

/// A kernel that enforces signatures wants one of the rebuilt module, too.
#[test]
fn an_enforcing_kernel_wants_a_signature() {
    let (from, to) = releases();
    let two = Two::new(from, to.config("MODULE_SIG").config("MODULE_SIG_FORCE").config("CRYPTO_SHA256"));
    let two = two.ko(&Ko::new("m"));
    let page = two.page("m.ko");
    assert!(page.contains("sign m.ko with a key that 6.12.0 trusts"), "{page}");
    let same = Made::new("6.1.0");
    let enforcing = same.clone().config("MODULE_SIG").config("MODULE_SIG_FORCE").config("CRYPTO_SHA256");
    let two = Two::new(same, enforcing).ko(&Ko::new("m"));
    assert_eq!(two.answers("m.ko"), (vec!["loads_once_signed".to_owned()], Some(1)));
}

/// What the loader itself does otherwise is named, where it decides.
#[test]
fn a_rule_that_decides_is_named() {
    let from = Made::new("6.12.0");
    let two = Two::new(from, Made::new("7.1.0")).ko(&Ko::new("m").export("m_fn"));
    let ran = two.desk.run("upgrade --from a --to b --format json m.ko");
    let json = ran.ended(1).json();
    assert!(json["modules"][0]["rules"].as_array().expect("a list").contains(&json!("sym.kflagstab")));
    assert_eq!(json["modules"][0]["answer"], "loads_after_rebuild");
    assert!(two.page("m.ko").contains("sym.kflagstab (new)"));
}

/// A name that became the kernel's own.
#[test]
fn an_export_that_the_kernel_has_now_needs_another_name() {
    let (from, to) = releases();
    let two = Two::new(from, to.export("m_fn")).ko(&Ko::new("m").export("m_fn"));
    assert_eq!(two.answers("m.ko").0, ["needs_source_changes"]);
}

#[test]
fn policies_look_at_answers_and_at_symbols_in_use() {
    let (from, to) = releases();
    let two = Two::new(from.export("f").export("gone"), to.export("f"));
    let two = two.ko(&Ko::new("plain").needs("f")).ko(&Ko::new("lost").license("CDDL").needs("gone"));
    let run = |arguments: &str| two.desk.run(&format!("upgrade --from a --to b {arguments}"));
    run("plain.ko --fail-on removed").ended(0);
    run("plain.ko --fail-on loads-after-rebuild").ended(1);
    run("plain.ko lost.ko --fail-on removed").ended(1);
    two.desk.file("severities", "license:CDDL PASS removed\n");
    run("plain.ko lost.ko --fail-on removed --rules severities").ended(0);
    run("plain.ko lost.ko --fail-on removed,unknown --write-baseline known").ended(0);
    assert!(two.desk.read("known").ends_with("removed\tlost\tgone\nunknown\tlost\n"));
    run("plain.ko lost.ko --fail-on removed,unknown --baseline known").ended(0);
}

#[test]
fn scripts_get_answers_and_changes() {
    let (from, to) = releases();
    let two = Two::new(from.export("gone"), to).ko(&Ko::new("m").needs("gone"));
    let out = two.desk.run("upgrade --from a --to b --format short m.ko").ended(1).out.clone();
    assert_eq!(out, "unknown\tm.ko\trefused ENOEXEC\nremoved\tm.ko\tgone\tvmlinux\t-\n");
}

#[test]
fn everything_that_differs_is_shown_when_asked_for() {
    let (from, to) = releases();
    let two = Two::new(from.export("unused"), to).ko(&Ko::new("m"));
    assert!(!two.page("m.ko").contains("unused"));
    assert!(!two.page("--only-used m.ko").contains("unused"));
    assert!(two.page("--all-exports m.ko").contains("vmlinux: unused"));
    let json = two.desk.run("upgrade --from a --to b --all-exports --format json m.ko").json();
    assert_eq!(json["diff"]["totals"]["removed"], 1);
}

#[test]
fn modules_are_found_or_asked_for() {
    let (from, to) = releases();
    let two = Two::new(from, to);
    let none = "no module was given, and none from outside the kernel is installed for 6.1.0 (in updates, extra and \
                weak-updates of its tree, or built by DKMS): name the modules";
    two.desk.run("upgrade --from a --to b").failed(none);
    two.desk.file("empty/readme", "");
    two.desk.run("upgrade --from a --to b --tree empty").failed("no module lies below empty");
    let (answers, _) = two.answers("--tree a");
    assert_eq!(answers, ["loads_after_rebuild"]);
}

/// A refusal before the file is read as ELF hides nothing of what else is wrong.
#[test]
fn a_missing_signature_hides_nothing() {
    let enforcing = |made: Made| made.config("MODULE_SIG").config("MODULE_SIG_FORCE").config("CRYPTO_SHA256");
    let from = Made::new("6.1.0").export("gpl").export_gpl("space").export("f");
    let to = Made::new("6.1.0").export_gpl("gpl").row("space", "vmlinux", "EXPORT_SYMBOL_GPL", "NS").export("f");
    let two = Two::new(from, enforcing(to))
        .ko(&Ko::new("cddl").license("CDDL").needs("gpl"))
        .ko(&Ko::new("spaced").needs("space"))
        .ko(&Ko::new("plain").needs("f"));
    let expected = ["refused_for_license", "needs_source_changes", "loads_once_signed"];
    assert_eq!(two.answers("cddl.ko spaced.ko plain.ko").0, expected);
    let later = Two::new(Made::new("6.1.0").export("f"), enforcing(Made::new("6.12.0").export("f")));
    let later = later.ko(&Ko::new("plain").needs("f"));
    assert_eq!(later.answers("plain.ko").0, ["loads_after_rebuild"], "its version magic does not fit, either");
}

/// Nobody knows what a file needs that cannot be read.
#[test]
fn a_broken_file_is_no_candidate_for_a_rebuild() {
    let (from, to) = releases();
    let two = Two::new(from, to);
    two.desk.file("junk.ko", "no module").file("empty.ko", "");
    assert_eq!(two.answers("junk.ko empty.ko").0, ["unknown", "unknown"]);
    let page = two.page("junk.ko");
    assert!(page.contains("what stands above keeps junk.ko from being judged any further"), "{page}");
}

#[test]
fn modules_that_need_each_other_never_load() {
    let (from, to) = releases();
    let two = Two::new(from, to)
        .ko(&Ko::new("one").needs("two_fn").export("one_fn"))
        .ko(&Ko::new("two").needs("one_fn").export("two_fn"));
    assert_eq!(two.answers("one.ko two.ko").0, ["needs_source_changes", "needs_source_changes"]);
}

/// modpost looks at weak references and at every license; the loader at neither.
#[test]
fn what_modpost_refuses_is_no_rebuild() {
    let (from, to) = releases();
    let two = Two::new(from.export("gpl"), to.export_gpl("gpl"))
        .ko(&Ko::new("weak").license("CDDL").needs_weak("gpl"))
        .ko(&Ko::new("several").license("GPL").more("license", "CDDL").needs("gpl"));
    assert_eq!(two.answers("weak.ko several.ko").0, ["refused_for_license", "refused_for_license"]);
    let same = Made::new("6.1.0").export_gpl("gpl");
    let two = Two::new(same.clone(), same).ko(&Ko::new("several").license("GPL").more("license", "CDDL").needs("gpl"));
    assert_eq!(two.answers("several.ko").0, ["loads_as_it_is"], "built as it may be, it loads");
    assert!(!two.page("several.ko").contains("GPL-only"));
}

/// A policy is not met by what nobody knows.
#[test]
fn a_policy_may_be_undetermined() {
    let (from, to) = releases();
    let two = Two::new(from.export("gone"), to).ko(&Ko::new("lost").needs("gone"));
    let run = |what: &str| two.desk.run(&format!("upgrade --from a --to b lost.ko --fail-on {what}"));
    let page = run("needs-source-changes").ended(3).out.clone();
    assert!(page.ends_with("policy: nothing that is known fails\n  not known: needs_source_changes\n"), "{page}");
    run("unknown").ended(1);
    assert_eq!(run("loads_as_it_is").code, Some(2), "nothing to fail on");
}
