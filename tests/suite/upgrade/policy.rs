//! What a pipeline fails on.

use serde_json::json;

use super::diff::desk;

#[test]
fn a_class_fails_or_does_not() {
    let desk = desk();
    desk.run("diff a.symvers b.symvers --fail-on removed").ended(1);
    desk.run("diff a.symvers b.symvers --fail-on became_plain,added").ended(1);
    desk.run("diff a.symvers a.symvers --fail-on removed,crc-changed").ended(0);
    desk.run("diff a.symvers b.symvers --symbol same --fail-on removed").ended(0);
}

/// The first rule that fits decides, patterns are for symbol, module or namespace by their look, and a rule that nothing meets is
/// named.
#[test]
fn rules_let_changes_pass() {
    let desk = desk();
    let rules = "# changes in a are nobody's business\ndrivers/a/*  PASS\ngpl PASS # known\nUNMET FAIL\nspace PASS crc_changed\n";
    desk.file("severities", rules);
    let ran = desk.run("diff a.symvers b.symvers --rules severities --format json");
    let policy = ran.ended(1).json()["policy"].clone();
    let failure = json!({"what": "namespace_changed", "module": null, "symbol": "space"});
    assert_eq!(policy["failures"], json!([failure]));
    assert_eq!(policy["tolerated"], 3);
    assert_eq!(policy["unused_rules"], json!(["line 4: UNMET FAIL"]));
    desk.file("severities", format!("{rules}namespace:* FAIL\nsymbol:space PASS namespace_changed\n"));
    desk.run("diff a.symvers b.symvers --rules severities").ended(0);
}

#[test]
fn rules_about_kinds_and_classes() {
    let desk = desk();
    desk.file("severities", "kind:EXPORT_SYMBOL_GPL PASS\nsymbol:* PASS removed,became_gpl_only\n");
    desk.run("diff a.symvers b.symvers --rules severities").ended(0);
    // A class that a rule names fails although nothing else asks for it.
    desk.file("severities", "symbol:new FAIL added\nsymbol:* PASS\n");
    let ran = desk.run("diff a.symvers b.symvers --rules severities --format json");
    assert_eq!(ran.ended(1).json()["policy"]["failures"][0]["what"], "added");
}

#[test]
fn broken_rules_are_named_with_their_line() {
    let desk = desk();
    let fails = |rules: &str, with: &str| {
        desk.file("severities", rules);
        desk.run("diff a.symvers b.symvers --rules severities").failed(with);
    };
    fails("a PASS\nb\n", "cannot read severities, line 2: the rule has no verdict, PASS or FAIL");
    fails("a pass\n", "cannot read severities, line 1: the verdict is \"pass\", not PASS or FAIL");
    fails("a PASS removed more\n", "cannot read severities, line 1: \"more\" stands behind the rule");
    let classes = "removed, added, became_gpl_only, became_plain, namespace_changed, owner_moved, crc_changed";
    let unknown = format!("cannot read severities, line 1: there is no class of changes \"gone\"; there are {classes}");
    fails("a PASS gone\n", &unknown);
}

#[test]
fn only_what_is_new_fails() {
    let desk = desk();
    desk.run("diff a.symvers b.symvers --write-baseline known").ended(0);
    let expected = "became_gpl_only\t\tgpl\ncrc_changed\t\tspace\nnamespace_changed\t\tspace\tNS\nremoved\t\tgone\n";
    assert_eq!(desk.read("known").lines().skip(1).map(|line| format!("{line}\n")).collect::<String>(), expected);
    desk.run("diff a.symvers b.symvers --baseline known").ended(0);
    let page = desk.run("diff a.symvers b.symvers --baseline known").out;
    assert!(page.contains("policy: nothing fails, 4 in the baseline"), "{page}");
    // Another namespace than the one that is known is new.
    let other = desk.read("b.symvers").replace("\tNS\n", "\tOTHER\n");
    desk.file("c.symvers", other);
    let ran = desk.run("diff a.symvers c.symvers --baseline known --format json");
    let policy = ran.ended(1).json()["policy"].clone();
    assert_eq!(policy["failures"].as_array().map(Vec::len), Some(1));
    assert_eq!(policy["known"], 3);
    desk.file("known", "removed\ta\tb\tc\td\n");
    desk.run("diff a.symvers b.symvers --baseline known")
        .failed("cannot read known, line 1: this is no line of a baseline");
}
