//! The documents follow the published schema.

use std::path::Path;

use serde_json::Value;

use super::samples::causes;
use super::validator::check;
use super::*;
use crate::kernel::{ExportFilter, Exports, Fact, Kernel, UnreadFile};
use crate::terms::{Arch, Distribution, Errno, ExportKind, KernelRelease, Taints};
use crate::verdict::{
    Candidate, CandidateSource, Code, DebugInfo, Declared, Finding, Frame, Inside, KernelLine, LogLevel, Missing,
    Origin, Outcome, Stage, Use, Verdict,
};
use crate::why::inlines::{DroppedInline, Inline, InlineChanges, InlineMap, SkippedHeader};
use crate::why::{Elsewhere, OptionDifference, SymbolExport, SymbolUse};

fn schema() -> Value {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/schema/gplok-1.schema.json"));
    serde_json::from_str(text).expect("the schema is JSON")
}

/// One use in code and one in data.
fn uses() -> [Use; 2] {
    let frame = |line| Frame { function: "f".into(), file: Some("f.h".into()), line, header: true };
    let inside = |declared| Inside {
        name: "f".into(),
        offset: 1,
        size: 2,
        field: Some(".open".into()),
        kind: Some("struct ops".into()),
        declared,
    };
    let section = ".text".to_owned();
    let chain = vec![frame(Some(3)), frame(None)];
    let code = Use { section: section.clone(), offset: 1, via: Some("__jump_table".into()), inside: None, chain };
    let declared = Declared { file: "f.c".into(), line: Some(4) };
    [code, Use { section, offset: 1, via: None, inside: Some(inside(Some(declared))), chain: Vec::new() }]
}

fn full_verdict(outcome: Outcome) -> Verdict {
    let mut findings: Vec<_> = causes().into_iter().map(|cause| Finding::new(Stage::SimplifySymbols, cause)).collect();
    let candidate = Candidate {
        name: "put_page".into(),
        file: Some("include/linux/mm.h".into()),
        line: Some(3),
        path: vec!["put_page".into(), "f".into()],
        source: CandidateSource::InlineMap,
    };
    let origin = Origin { uses: uses().into(), candidates: vec![candidate], incidents: vec![1] };
    findings[0].origin = Some(Box::new(origin));
    Verdict {
        name: "foo".into(),
        outcome,
        log: vec![KernelLine::new(LogLevel::Err, "foo: \\x09")],
        module_taints: Taints::from_number(0x3001),
        kernel_tainted: Taints::from_number(0x3001),
        findings,
        missing: vec![Missing::Release, Missing::Crc("kfree".into())],
        never_loads: false,
        errnos: vec![Errno::ENOENT, Errno::ENOEXEC],
        inferred: vec!["it is so".into()],
        debug_info: DebugInfo::Read { file: "foo.ko".into() },
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
        conflicts: vec!["Module.symvers is of another build than vmlinuz".into()],
        set_aside: vec!["modules.dep: it is a folder".into()],
        has_config: false,
    };
    for kernel in [debian, KernelSummary::default()] {
        for document in [modules_document(&entries, &kernel), steps_document(&entries, &kernel)] {
            follows(&root, &document);
        }
    }
}

fn follows(root: &Value, document: &impl serde::Serialize) {
    let text = serde_json::to_string_pretty(document).expect("plain values");
    let value: Value = serde_json::from_str(&text).expect("what was written can be read");
    let mut errors = Vec::new();
    check(root, root, &value, "$", &mut errors);
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn answers_to_why_follow_the_schema() {
    let verdict = full_verdict(Outcome::Loads);
    let entry = Entry { op: Op::Insmod, path: Some("foo.ko"), verdict: &verdict };
    let export = SymbolExport { exporter: "vmlinux".into(), kind: Some(ExportKind::Gpl), namespace: None };
    let symbol = "f".to_owned();
    let asked = SymbolUse {
        symbol: symbol.clone(),
        export: Some(export.clone()),
        uses: uses().into(),
        debug_info: DebugInfo::Absent,
    };
    let option = OptionDifference { name: "PREEMPT_RT".into(), here: None, there: Some("y".into()) };
    let release = Some(KernelRelease::new("6.1"));
    let elsewhere = [Elsewhere { symbol, release, export: Some(export), options: vec![option] }];
    follows(&schema(), &why_document(&entry, Some(&asked), &elsewhere, &KernelSummary::default()));
    follows(&schema(), &why_document(&entry, None, &[], &KernelSummary::default()));
}

#[test]
fn inline_maps_follow_the_schema() {
    let inline = Inline {
        name: "put_page".into(),
        file: Some("include/linux/mm.h".into()),
        line: Some(1197),
        gpl_only: vec!["devmap_managed_key".into()],
        unexported: vec!["f".into()],
        path: vec!["put_page".into(), "devmap_managed_key".into()],
        other_paths: vec![vec!["put_page".into(), "f".into()]],
        in_part: true,
        ..Inline::default()
    };
    let dropped = vec![DroppedInline { name: "g".into(), file: None, line: None, why: "asm".into() }];
    let skipped = vec![SkippedHeader { header: "linux/x.h".into(), why: "error".into() }];
    let map = InlineMap { inlines: vec![inline], dropped, skipped };
    let kernel = KernelSummary::default();
    follows(&schema(), &inlines_document(&map, &kernel));
    let changes = InlineChanges::between(&InlineMap::default(), &map);
    follows(&schema(), &inline_changes_document(&changes, &kernel, &kernel));
}

#[test]
fn exports_follow_the_schema() {
    let root = schema();
    let text = "0x1\tf\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tg\tdrivers/g\tEXPORT_SYMBOL_GPL\tNS\n0x3\th\tvmlinux\n";
    let exports = Exports::parse(text).expect("a good list");
    let mut rows = exports.select(&ExportFilter::default());
    rows[0].crc = None;
    let summary = KernelSummary::default();
    for rows in [rows.as_slice(), &[]] {
        for unread in [&[][..], &[UnreadFile::new(Path::new("a.ko"), "denied")]] {
            follows(&root, &exports_document(rows, &summary, unread));
            follows(&root, &counts_document(rows, &summary, unread));
        }
    }
    let named = root["$defs"]["export_kind"]["enum"].as_array().expect("a list");
    for kind in named.iter().filter_map(Value::as_str) {
        assert!(ExportKind::from_macro_name(kind).is_some(), "{kind}");
    }
}

#[test]
fn facts_follow_the_schema() {
    let root = schema();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/kernels/6.1");
    let described = root["$defs"]["known"]["properties"]["fact"]["description"].as_str().expect("text");
    for kernel in [Kernel::default(), Kernel::open(&[folder]).expect("a kernel")] {
        follows(&root, &facts_document(&kernel, &KernelSummary::default()));
    }
    for fact in Fact::ALL {
        assert!(described.contains(fact.name()), "{fact}");
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
fn the_schema_names_every_code_of_an_audit() {
    let root = schema();
    let named = root["$defs"]["audit_finding"]["properties"]["code"]["enum"].as_array().expect("a list");
    let names: Vec<_> = named.iter().filter_map(Value::as_str).collect();
    let codes: Vec<_> = crate::audit::AuditCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names, codes);
    // A new finding has the fields of a finding, and one for the earlier kind of export.
    let fields = |of: &str| root["$defs"][of]["properties"].as_object().expect("an object").clone();
    let mut new = fields("audit_new");
    assert!(new.remove("was").is_some());
    assert_eq!(new, fields("audit_finding"));
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
