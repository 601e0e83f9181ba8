//! The published schema and the documents agree.

use serde_json::Value;

use super::samples::{causes, finding};
use super::*;
use crate::terms::{Arch, Distribution, Errno, KernelRelease, Taints};
use crate::verdict::{Code, Frame, KernelLine, LogLevel, Missing, Outcome, Stage, Use, Verdict};

fn schema() -> Value {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/schema/gplok-1.schema.json"));
    serde_json::from_str(text).expect("the schema is JSON")
}

/// The part of JSON Schema that our schema uses. Anything else in it is an error here, so nothing passes unread.
fn check(root: &Value, schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    let place = |what: &str| format!("{path}: {what}");
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "pattern" | "required" | "additionalProperties" => {
            }
            "type" => {
                let is = |name: &Value| match name.as_str() {
                    Some("string") => value.is_string(),
                    Some("integer") => value.is_u64(),
                    Some("boolean") => value.is_boolean(),
                    Some("array") => value.is_array(),
                    Some("object") => value.is_object(),
                    Some("null") => value.is_null(),
                    _ => false,
                };
                if !rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is)) {
                    errors.push(place(&format!("{value} is not {rule}")));
                }
            }
            "const" if value != rule => errors.push(place(&format!("{value} is not {rule}"))),
            "enum" if !rule.as_array().expect("a list").contains(value) => {
                errors.push(place(&format!("{value} is not in {rule}")))
            }
            "const" | "enum" | "minimum" => {}
            "minLength" if value.as_str().is_some_and(str::is_empty) => errors.push(place("is empty")),
            "minLength" => {}
            "$ref" => {
                let name = rule.as_str().and_then(|text| text.strip_prefix("#/$defs/")).expect("a local reference");
                check(root, &root["$defs"][name], value, path, errors);
            }
            "properties" => properties(root, schema, value, path, errors),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{path}[{index}]"), errors);
                }
            }
            "anyOf" | "oneOf" => {
                let passes = |rule: &&Value| {
                    let mut inner = Vec::new();
                    check(root, rule, value, path, &mut inner);
                    required(rule, value).is_none() && inner.is_empty()
                };
                let passed = rule.as_array().expect("a list").iter().filter(passes).count();
                if passed == 0 || keyword == "oneOf" && passed > 1 {
                    errors.push(format!("{path}: {passed} of {keyword} fit"));
                }
            }
            "allOf" => {
                for rule in rule.as_array().expect("a list") {
                    let wanted = &rule["if"]["properties"]["code"]["const"];
                    if value["code"] == *wanted {
                        check(root, &rule["then"], value, path, errors);
                    }
                }
            }
            other => errors.push(format!("{path}: the schema uses {other}")),
        }
    }
    if let Some(name) = required(schema, value) {
        errors.push(format!("{path}: {name} is not there"));
    }
}

fn required(schema: &Value, value: &Value) -> Option<String> {
    let names = schema.get("required")?.as_array()?;
    names.iter().filter_map(Value::as_str).find(|name| value.get(name).is_none()).map(str::to_owned)
}

fn properties(root: &Value, schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    let known = schema["properties"].as_object().expect("an object");
    for (name, value) in value.as_object().into_iter().flatten() {
        match known.get(name) {
            Some(rule) => check(root, rule, value, &format!("{path}.{name}"), errors),
            None if schema["additionalProperties"] == false => {
                errors.push(format!("{path}: {name} is not in the schema"))
            }
            None => {}
        }
    }
}

fn full_verdict(outcome: Outcome) -> Verdict {
    let mut findings: Vec<_> = causes().into_iter().map(|cause| finding(Stage::SimplifySymbols, cause)).collect();
    let chain = vec![Frame { function: "f".into(), file: "f.h".into(), line: 3 }];
    findings[0].uses.push(Use { section: ".text".into(), offset: 1, via: Some("__jump_table".into()), chain });
    Verdict {
        name: "foo".into(),
        outcome,
        log: vec![KernelLine::new(LogLevel::Err, "foo: \\x09")],
        module_taints: Taints::from_number(0x3001),
        kernel_tainted: Taints::from_number(0x3001),
        findings,
        missing: vec![Missing::Release, Missing::Crc("kfree".into())],
        never_loads: false,
        inferred: vec!["it is so".into()],
    }
}

#[test]
fn documents_follow_the_schema() {
    let root = schema();
    let verdicts = [
        full_verdict(Outcome::Loads),
        full_verdict(Outcome::Refused { errno: Errno::ENOENT, stage: Stage::SimplifySymbols }),
        full_verdict(Outcome::Crash { stage: Stage::SimplifySymbols, why: "it would".into() }),
        full_verdict(Outcome::Undetermined),
    ];
    let entries: Vec<Entry<'_>> =
        verdicts.iter().map(|verdict| Entry { op: Op::Insmod, path: Some("foo.ko"), verdict }).collect();
    let debian = KernelSummary {
        release: Some(KernelRelease::new("6.12.117+deb13-amd64")),
        arch: Some(Arch::X86_64),
        distribution: Some(Distribution::Debian),
        evidence: vec!["vmlinuz".into()],
    };
    for kernel in [debian, KernelSummary::default()] {
        for document in [modules_document(&entries, &kernel), steps_document(&entries, &kernel)] {
            let text = serde_json::to_string_pretty(&document).expect("plain values");
            let value: Value = serde_json::from_str(&text).expect("what was written can be read");
            let mut errors = Vec::new();
            check(&root, &root, &value, "$", &mut errors);
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }
}

#[test]
fn a_step_reads_as_designed() {
    let verdict = full_verdict(Outcome::Refused { errno: Errno::ENOENT, stage: Stage::SimplifySymbols });
    let entries = [Entry { op: Op::Rmmod, path: None, verdict: &verdict }];
    let kernel = KernelSummary::default();
    let document = serde_json::to_value(steps_document(&entries, &kernel)).expect("plain values");
    let step = &document["steps"][0];
    assert_eq!(document["schema"], "gplok/1");
    assert!(document.get("modules").is_none());
    assert_eq!(step["op"], "rmmod");
    assert_eq!(step["path"], Value::Null);
    assert_eq!(step["errno"], "ENOENT");
    assert_eq!(step["stage"], "simplify_symbols");
    assert_eq!(step["log"][0]["level"], 3);
    assert_eq!(step["module_taints"], "POE");
    assert_eq!(step["kernel_tainted"], 12289);
    assert_eq!(step["missing"][1], "crc:kfree");
    let gpl = step["findings"].as_array().into_iter().flatten().find(|found| found["code"] == "gpl-only-symbol");
    let facts = &gpl.expect("every code is there")["facts"];
    assert_eq!(facts["kind"], "EXPORT_SYMBOL_GPL");
    assert_eq!(facts["license"], "CDDL");
    assert!(facts.get("code").is_none());
}

#[test]
fn the_schema_names_every_code_and_stage() {
    let root = schema();
    for code in Code::ALL {
        assert!(root["$defs"].get(format!("facts-{code}")).is_some(), "{code}");
    }
    let rules = root["$defs"]["finding"]["allOf"].as_array().map(Vec::len);
    assert_eq!(rules, Some(Code::ALL.len()));
    let stages = root["$defs"]["stage"]["enum"].as_array().expect("a list");
    assert_eq!(stages.first().and_then(Value::as_str), Some(Stage::FinitModule.function()));
    assert_eq!(stages.last().and_then(Value::as_str), Some(Stage::DeleteModule.function()));
    assert_eq!(stages.len(), Stage::DeleteModule as usize + 1);
}
