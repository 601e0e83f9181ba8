//! The words of `audit`: pages and documents of audits made by hand, whatever the engine finds.

use gplok::audit::{
    Arguments, Audit, AuditBaseline, AuditCode, AuditDiff, AuditFinding, AuditedObject, Detail, Hop, How,
    LicenseOddity, Thinness,
};
use gplok::report::{AuditReport, KernelSummary, Palette, audit_document, human_audit};
use gplok::terms::{ExportKind, KernelRelease};
use serde_json::Value;

use crate::validator;

fn exports(names: &[(&str, ExportKind)]) -> Vec<(String, ExportKind)> {
    names.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect()
}

fn kernel(release: &str, names: &[(&str, ExportKind)]) -> AuditedObject {
    AuditedObject {
        path: format!("vmlinuz-{release}").into(),
        name: release.into(),
        is_kernel: true,
        license: None,
        exports: exports(names),
        unread: None,
        unknown: Vec::new(),
    }
}

fn module(name: &str, license: Option<&str>, names: &[(&str, ExportKind)]) -> AuditedObject {
    let path = format!("{name}.ko").into();
    AuditedObject {
        path,
        name: name.into(),
        is_kernel: false,
        license: license.map(str::to_owned),
        ..kernel("", names)
    }
}

fn hop(function: &str, offset: u64, how: How) -> Hop {
    Hop { function: function.into(), offset, how }
}

/// A plain export that hands on to a symbol.
fn wrapper(code: AuditCode, object: usize, export: &str, symbol: &str, thinness: Option<Thinness>) -> AuditFinding {
    let gpl_only = matches!(code, AuditCode::LaundersGplOnly | AuditCode::ReachesGplOnly);
    AuditFinding {
        export: Some(export.into()),
        kind: Some(ExportKind::Plain),
        symbol: Some(symbol.into()),
        symbol_kind: gpl_only.then_some(ExportKind::Gpl),
        hops: vec![hop(export, 4, How::TailCall)],
        thinness,
        ..AuditFinding::new(code, object)
    }
}

/// Something about a module.
fn about(code: AuditCode, object: usize, symbol: Option<&str>, detail: Detail) -> AuditFinding {
    AuditFinding { symbol: symbol.map(str::to_owned), detail, ..AuditFinding::new(code, object) }
}

fn thin(instructions: usize, calls: usize, arguments: Arguments, result: bool) -> Option<Thinness> {
    Some(Thinness { instructions, calls, arguments, result })
}

const STRAIGHT: Option<Thinness> =
    Some(Thinness { instructions: 0, calls: 1, arguments: Arguments::Straight, result: true });

fn license(object: usize, text: &str, oddity: LicenseOddity) -> AuditFinding {
    about(AuditCode::OddLicense, object, None, Detail::License { text: text.into(), oddity })
}

/// A kernel and some modules, with each code.
fn every_code() -> Audit {
    use AuditCode::*;
    use ExportKind::{Gpl, Plain};
    let through_helper = AuditFinding {
        hops: vec![hop("msrs_alloc", 0x10, How::Call), hop("helper", 4, How::Pointer)],
        thinness: thin(3, 2, Arguments::Arranged, false),
        ..wrapper(LaundersGplOnly, 0, "msrs_alloc", "__alloc_percpu", None)
    };
    let address = AuditFinding {
        hops: vec![hop("get_ops", 0, How::Address)],
        ..wrapper(LaundersGplOnly, 0, "get_ops", "kick_gpl", thin(1, 1, Arguments::Own, true))
    };
    let exposed = |export, symbol, users| AuditFinding {
        users,
        ..wrapper(ExposesUnexported, 0, export, symbol, thin(1, 1, Arguments::Derived, true))
    };
    let reexported = |object, export, symbol, module: &str, license: &str| AuditFinding {
        detail: Detail::Exporter { module: module.into(), license: license.into() },
        symbol_kind: Some(Plain),
        ..wrapper(ReexportsProprietary, object, export, symbol, STRAIGHT)
    };
    let looked_up = |code, object, symbol, kind, by: &str| AuditFinding {
        symbol_kind: kind,
        hops: vec![hop("foo_init", 0x12, How::Call)],
        ..about(code, object, symbol, Detail::Lookup { by: by.into() })
    };
    let several = |first_taken, all_taken| LicenseOddity::Several { count: 2, first_taken, all_taken, nearest: None };
    let list = |exports| Detail::ModuleList { list: "kvm,kvm-amd".into(), exports };
    let reached = AuditFinding {
        hops: vec![hop("vfs_open", 0x20, How::Call), hop("do_open", 0x31, How::Call)],
        ..wrapper(ReachesGplOnly, 0, "vfs_open", "kick_gpl", None)
    };
    Audit {
        objects: vec![
            kernel("6.1.0-56-amd64", &[("msrs_alloc", Plain), ("get_ops", Plain), ("kick_gpl", Gpl)]),
            module("foo", Some("GPL v2 "), &[]),
            module("kvm-amd", None, &[]),
            module("nv", Some("NVIDIA"), &[("nv_kick", Plain)]),
            module("shim", Some("GPL"), &[("shim_get", Plain), ("shim_put", Gpl)]),
        ],
        findings: vec![
            wrapper(LaundersGplOnly, 0, "kick", "kick_gpl", STRAIGHT),
            through_helper,
            address,
            exposed("foo_reset", "__foo_reset", Some(0)),
            exposed("bar_reset", "__bar_reset", Some(1)),
            exposed("baz_reset", "__baz_reset", Some(1234)),
            exposed("qux_reset", "__qux_reset", None),
            reexported(4, "shim_get", "nv_get", "nv", "NVIDIA"),
            reexported(3, "nv_kick", "shim_kick", "shim", "GPL"),
            about(ShadowsGplOnly, 1, Some("kasan_flag_enabled"), Detail::Definition { global: true }),
            about(ShadowsGplOnly, 1, Some("kick_gpl"), Detail::Definition { global: false }),
            looked_up(SymbolGet, 1, Some("bar_attach"), Some(Plain), "__symbol_get"),
            looked_up(KallsymsLookup, 1, Some("commit_creds"), None, "register_kprobe"),
            looked_up(KallsymsLookup, 1, Some("kick_gpl"), Some(Gpl), "kallsyms_lookup_name"),
            looked_up(KallsymsLookup, 3, None, None, "kallsyms_lookup_name"),
            license(1, "GPL v2 ", LicenseOddity::Misspelt { nearest: "GPL v2" }),
            license(2, "", LicenseOddity::Absent),
            license(3, "NVIDIA", several(false, false)),
            license(4, "GPL", several(true, false)),
            about(ReservedModuleName, 2, Some("kick_gpl"), list(12)),
            about(ReservedModuleName, 1, Some("kick_gpl"), list(1)),
            reached,
        ],
        ..Audit::default()
    }
}

/// A report of one audit alone, without a baseline.
fn report<'a>(audit: &'a Audit, baseline: &'a AuditBaseline) -> AuditReport<'a> {
    AuditReport { audit, baseline, earlier: None, kernel: None }
}

fn page(report: &AuditReport<'_>) -> String {
    human_audit(report, &Palette::default(), false).into()
}

/// Its JSON, which follows the schema.
fn json(report: &AuditReport<'_>) -> String {
    let schema = include_str!("../../testdata/schema/gplok-1.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let text = serde_json::to_string_pretty(&audit_document(report)).expect("plain values");
    let value: Value = serde_json::from_str(&text).expect("it is JSON");
    let mut errors = Vec::new();
    validator::check(&schema, &schema, &value, "$", &mut errors);
    assert!(errors.is_empty(), "{errors:#?}");
    text
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, text) });
}

/// Both outputs have everything about every code.
#[test]
fn every_code_has_its_words() {
    let (audit, baseline) = (every_code(), AuditBaseline::default());
    let report = report(&audit, &baseline);
    for code in AuditCode::ALL {
        assert!(audit.findings.iter().any(|finding| finding.code == *code), "{code}");
    }
    snapshot("every_code", &format!("{}\n{}", page(&report), json(&report)));
}

/// A page has the ten plainest; the rest is counted, and shown when it is asked for.
#[test]
fn a_page_is_a_page() {
    let names: Vec<String> = (1..=1013).map(|number| format!("wrapper_{number}")).collect();
    let wrapper = |name: &String| wrapper(AuditCode::LaundersGplOnly, 0, name, "kick_gpl", STRAIGHT);
    let findings = names.iter().map(wrapper).collect();
    let objects = vec![kernel("6.1.0-56-amd64", &[("kick_gpl", ExportKind::Gpl)])];
    let (audit, baseline) = (Audit { objects, findings, ..Audit::default() }, AuditBaseline::default());
    let report = report(&audit, &baseline);
    snapshot("page", &page(&report));
    let whole = human_audit(&report, &Palette::default(), true);
    assert_eq!(whole.matches("→ kick_gpl").count(), 1013);
    assert!(!whole.contains("--list"));
}

/// One that hands on in two ways is one export.
#[test]
fn exports_are_counted_once() {
    let of = |symbol| wrapper(AuditCode::LaundersGplOnly, 0, "kick", symbol, STRAIGHT);
    let audit = Audit { objects: vec![kernel("6.1", &[])], findings: vec![of("one"), of("two")], ..Audit::default() };
    let page = page(&report(&audit, &AuditBaseline::default()));
    assert!(page.contains("\n1 plain export only passes calls on to a GPL-only symbol (2 ways) ["), "{page}");
}

/// Between two kernels: exports that became plain come first, then new ones, then removed ones and those of another kind.
#[test]
fn between_two_kernels() {
    use ExportKind::{Gpl, Plain};
    let of = |export, symbol| wrapper(AuditCode::LaundersGplOnly, 0, export, symbol, STRAIGHT);
    let license = || license(1, "GPLv2", LicenseOddity::Misspelt { nearest: "GPL v2" });
    let earlier = Audit {
        objects: vec![kernel(
            "6.1.0",
            &[("stays", Plain), ("opened", Gpl), ("began", Plain), ("closed", Plain), ("left", Plain)],
        )],
        findings: vec![of("stays", "kick_gpl"), of("closed", "kick_gpl"), of("left", "kick_gpl")],
        ..Audit::default()
    };
    let later = Audit {
        objects: vec![
            kernel(
                "6.12.0",
                &[("stays", Plain), ("opened", Plain), ("began", Plain), ("closed", Gpl), ("fresh", Plain)],
            ),
            module("foo", Some("GPLv2"), &[]),
        ],
        findings: vec![
            of("began", "kick_gpl"),
            of("fresh", "kick_gpl"),
            of("opened", "kick_gpl"),
            of("stays", "kick_gpl"),
            license(),
        ],
        ..Audit::default()
    };
    let (diff, baseline) = (AuditDiff::between(&earlier, &later), AuditBaseline::default());
    let compared = AuditReport { earlier: Some((&earlier, &diff)), ..report(&later, &baseline) };
    snapshot("between", &format!("{}\n{}", page(&compared), json(&compared)));

    let same = AuditDiff::between(&later, &later);
    let unchanged = AuditReport { earlier: Some((&later, &same)), ..report(&later, &baseline) };
    assert!(unchanged.news().is_empty());
    assert!(page(&unchanged).contains("\nnothing has changed; 5 findings as before\n"), "{}", page(&unchanged));

    // What is new and known is no news, and yet a change.
    let text = json(&report(&later, &baseline));
    let known = AuditBaseline::parse(&text).expect("it was printed so");
    let known = AuditReport { baseline: &known, ..compared };
    let tally = "\nnothing new; 2 gone, 2 exports of another kind, 1 finding as before; 4 are known (--baseline)\n";
    assert!(known.news().is_empty() && page(&known).contains(tally), "{}", page(&known));

    // What was found in another module is no older finding of this one.
    let renamed = Audit {
        objects: vec![kernel("6.1.0", &[]), module("bar", None, &[])],
        findings: vec![license()],
        ..Audit::default()
    };
    let diff = AuditDiff::between(&renamed, &later);
    assert_eq!((diff.new.len(), diff.gone.len()), (5, 1));
}

/// What was printed before is known, and no news; it is still in the document.
#[test]
fn a_baseline_is_an_earlier_document() {
    let (audit, nothing) = (every_code(), AuditBaseline::default());
    let text = json(&report(&audit, &nothing));
    let baseline = AuditBaseline::parse(&text).expect("it was printed so");
    let known = report(&audit, &baseline);
    assert!(known.news().is_empty());
    assert!(page(&known).contains("\nnothing new; 22 are known (--baseline)\n"), "{}", page(&known));
    assert_eq!(json(&known), text.replace("\"known\": false", "\"known\": true"));

    let mut more = every_code();
    more.findings.insert(0, wrapper(AuditCode::LaundersGplOnly, 0, "fresh", "kick_gpl", STRAIGHT));
    let more = report(&more, &baseline);
    assert_eq!(more.news().len(), 1);
    assert!(page(&more).contains("\nfound: 1 launders-gpl-only; 22 more are known (--baseline)\n"), "{}", page(&more));
}

/// What is not known is named, with what would tell it.
#[test]
fn what_is_not_known_is_said() {
    let mut foo = module("foo", Some("GPL"), &[("a", ExportKind::Plain)]);
    foo.unknown = vec!["kick".into(), "kick_gpl".into()];
    let mut bar = module("bar", Some("GPL"), &[("b", ExportKind::Plain)]);
    bar.unread = Some("code of riscv is not read".into());
    let (audit, baseline) =
        (Audit { objects: vec![bar, foo], findings: Vec::new(), ..Audit::default() }, AuditBaseline::default());
    assert!(audit.is_undetermined());
    let summary = KernelSummary { release: Some(KernelRelease::new("6.1.0")), ..KernelSummary::default() };
    let without = report(&audit, &baseline);
    let with = AuditReport { kernel: Some(&summary), ..without };
    snapshot("not_known", &format!("{}\n{}\n{}", page(&without), page(&with), json(&with)));

    let mut lint = audit.clone();
    lint.keep(&[AuditCode::OddLicense]);
    assert!(!lint.is_undetermined());
    assert!(page(&report(&lint, &baseline)).ends_with("\nnothing found\n"));
}

/// Of a whole tree without a finding there are two lines.
#[test]
fn clean_modules_are_counted() {
    let module =
        |number| module(&format!("m{number}"), Some("GPL"), &[("a", ExportKind::Plain), ("b", ExportKind::Gpl)]);
    let audit = Audit { objects: (0..4023).map(module).collect(), findings: Vec::new(), ..Audit::default() };
    let page = page(&report(&audit, &AuditBaseline::default()));
    let line = "4,023 modules, of which 4,023 with exports: 4,023 plain and 4,023 GPL-only exports";
    assert_eq!(page, format!("{line}\nnothing found\n"));
    assert_eq!(
        human_audit(&report(&Audit::default(), &AuditBaseline::default()), &Palette::default(), false).lines().count(),
        2
    );
}

/// Names out of files cannot steer a terminal.
#[test]
fn names_are_made_printable() {
    let mut finding = wrapper(AuditCode::LaundersGplOnly, 0, "a\u{1b}[31m", "b\nc", STRAIGHT);
    finding.hops.push(hop("d\r", 1, How::Call));
    let mut foo = module("fo\u{7}o", Some("G\u{202e}PL"), &[]);
    foo.unread = Some("\u{1b}".into());
    let (audit, baseline) =
        (Audit { objects: vec![foo], findings: vec![finding], ..Audit::default() }, AuditBaseline::default());
    let page = page(&report(&audit, &baseline));
    assert!(!page.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{page:?}");
}
