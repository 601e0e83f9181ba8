//! Exports compared.

use serde_json::json;

use super::Two;
use crate::cli::Desk;
use crate::made::Made;

const FROM: &str = "0x00000001\tsame\tvmlinux\tEXPORT_SYMBOL\t\n\
                    0x00000002\tgone\tdrivers/a/a\tEXPORT_SYMBOL\t\n\
                    0x00000003\tgpl\tvmlinux\tEXPORT_SYMBOL\t\n\
                    0x00000004\tfree\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                    0x00000005\tspace\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                    0x00000006\tmoved\tvmlinux\tEXPORT_SYMBOL\t\n";
const TO: &str = "0x00000001\tsame\tvmlinux\tEXPORT_SYMBOL\t\n\
                  0x00000003\tgpl\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                  0x00000004\tfree\tvmlinux\tEXPORT_SYMBOL\t\n\
                  0x00000009\tspace\tvmlinux\tEXPORT_SYMBOL_GPL\tNS\n\
                  0x00000006\tmoved\tfs/moved\tEXPORT_SYMBOL\t\n\
                  0x00000007\tnew\tvmlinux\tEXPORT_SYMBOL\t\n";

pub fn desk() -> Desk {
    let desk = Desk::new();
    desk.file("a.symvers", FROM).file("b.symvers", TO);
    desk
}

#[test]
fn every_class_is_counted() {
    let ran = desk().run("diff a.symvers b.symvers --format json");
    let json = ran.ended(0).json();
    let one = json!({
        "removed": 1, "added": 1, "became_gpl_only": 1, "became_plain": 1, "namespace_changed": 1, "owner_moved": 1,
        "crc_changed": 1
    });
    assert_eq!(json["totals"], one);
    assert_eq!(json["changes"].as_array().map(Vec::len), Some(6));
    assert_eq!(json["changes"][5]["classes"], json!(["namespace_changed", "crc_changed"]));
    assert_eq!(json["changes"][5]["after"]["namespace"], "NS");
}

#[test]
fn scripts_get_a_line_for_each_change() {
    let expected = "became_plain\tfree\tEXPORT_SYMBOL_GPL\tEXPORT_SYMBOL\n\
                    removed\tgone\tdrivers/a/a\t-\n\
                    became_gpl_only\tgpl\tEXPORT_SYMBOL\tEXPORT_SYMBOL_GPL\n\
                    owner_moved\tmoved\tvmlinux\tfs/moved\n\
                    added\tnew\t-\tvmlinux\n\
                    namespace_changed\tspace\t-\tNS\n\
                    crc_changed\tspace\t0x00000005\t0x00000009\n";
    let desk = desk();
    assert_eq!(desk.run("diff a.symvers b.symvers --format short").ended(0).out, expected);
    assert_eq!(desk.run("diff --from a.symvers --to b.symvers --format short").ended(0).out, expected);
}

#[test]
fn filters_choose() {
    let desk = desk();
    let left =
        |filter: &str| desk.run(&format!("diff a.symvers b.symvers --format short {filter}")).ended(0).out.clone();
    assert_eq!(left("--class removed,added"), "removed\tgone\tdrivers/a/a\t-\nadded\tnew\t-\tvmlinux\n");
    assert_eq!(left("--class became_gpl_only"), left("--class became-gpl-only"));
    assert_eq!(left("--symbol g*").lines().count(), 2);
    assert_eq!(left("--module moved"), "owner_moved\tmoved\tvmlinux\tfs/moved\n");
    assert_eq!(left("--symbol nothing"), "");
    // What is not shown is counted all the same.
    let page = desk.run("diff a.symvers b.symvers --class added").ended(0).out.clone();
    assert!(page.starts_with("from a.symvers to b.symvers: 1 removed, 1 added, "), "{page}");
}

#[test]
fn the_page_puts_the_worst_first() {
    insta::assert_snapshot!(desk().run("diff a.symvers b.symvers").ended(0).out);
    let same = desk().run("diff a.symvers a.symvers").ended(0).out.clone();
    assert_eq!(same, "from a.symvers to a.symvers: no export differs\n");
}

/// A System.map tells names and kinds only.
#[test]
fn what_a_source_does_not_tell_is_not_counted() {
    let desk = desk();
    let map = "0000000000000001 T free\n0000000000000002 r __ksymtab_free\n0000000000000003 T gpl\n\
               0000000000000004 r __ksymtab_gpl\n0000000000000005 R __start___ksymtab\n";
    desk.file("System.map", map);
    let ran = desk.run("diff a.symvers System.map --format json");
    let json = ran.ended(0).json();
    assert_eq!(json["uncompared"], json!(["removed", "owners", "kinds", "namespaces", "versions"]));
    let failing = desk.run("diff a.symvers System.map --fail-on removed --format json");
    assert_eq!(failing.ended(3).json()["policy"]["not_known"], json!(["removed"]));
    assert_eq!(json["totals"]["removed"], json!(null));
    assert_eq!(json["totals"]["crc_changed"], json!(null));
    let page = desk.run("diff a.symvers System.map").ended(0).out.clone();
    assert!(page.contains("not known: what is gone"), "{page}");
}

#[test]
fn bad_input_is_named() {
    let desk = desk();
    desk.file("config", "CONFIG_64BIT=y\n");
    assert_eq!(desk.run("diff a.symvers").code, Some(2));
    assert_eq!(desk.run("diff a.symvers b.symvers --class none").code, Some(2));
    let answer = "loads_after_rebuild is what becomes of a module: only upgrade can fail on it";
    desk.run("diff a.symvers b.symvers --fail-on loads-after-rebuild").failed(answer);
    let ran = desk.run("diff a.symvers config");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("what the kernel exports"), "{}", ran.err);
}

/// Kernels without symbol versions have all versions 0.
#[test]
fn without_versions_they_are_not_compared() {
    let (from, to) = (Made::new("6.1.0").export("f"), Made::new("6.12.0").export("f"));
    let ran = Two::new(from, to).desk.run("diff a b --format json");
    let json = ran.ended(0).json();
    assert_eq!(json["from"]["release"], "6.1.0");
    assert_eq!(json["totals"]["removed"], 0);
}
