//! Wrappers in every shape that compilers give them, and what is none: objects that compilers have made, with what their sources say
//! of each export.

use std::collections::{BTreeMap, BTreeSet};

use gplok::audit::{Audit, AuditCode, AuditFinding, AuditOptions};

use super::{audited, folder};

const SHAPES: [&str; 9] = [
    "shapes-x86_64",
    "shapes-x86_64-fentry",
    "shapes-x86_64-mitigated",
    "shapes-x86_64-frame",
    "shapes-x86_64-clang",
    "shapes-arm64",
    "shapes-arm64-mitigated",
    "shapes-arm64-frame",
    "shapes-arm64-clang",
];

/// What the source says of one export.
struct Expected {
    family: String,
    export: String,
    /// `None`: nothing is to be said of it.
    code: Option<AuditCode>,
    /// By symbol: the functions on the way; `*` matches any number.
    ways: BTreeMap<String, Vec<String>>,
}

fn expected(name: &str) -> Vec<Expected> {
    let text = std::fs::read_to_string(folder().join(name)).expect("the list is kept");
    text.lines().map(expectation).collect()
}

fn expectation(line: &str) -> Expected {
    let fields: Vec<&str> = line.split('\t').collect();
    let [family, export, code, symbols, paths] = fields.as_slice() else { panic!("five fields: {line:?}") };
    let code = (*code != "none").then(|| {
        *AuditCode::ALL.iter().find(|known| known.name() == *code).unwrap_or_else(|| panic!("a code: {line:?}"))
    });
    let way = |path: &str| path.split(" > ").map(str::to_owned).collect::<Vec<_>>();
    let ways = match code {
        Some(_) => symbols.split(',').map(str::to_owned).zip(paths.split("; ").map(way)).collect(),
        None => BTreeMap::new(),
    };
    Expected { family: (*family).to_owned(), export: (*export).to_owned(), code, ways }
}

/// Whether the path matches, where `*` matches any number of functions.
fn fits(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "*" => (0..=path.len()).any(|skipped| fits(rest, &path[skipped..])),
        Some((first, rest)) => path.split_first().is_some_and(|(name, after)| name == first && fits(rest, after)),
    }
}

/// What is wrong with what an audit says of the exports, one line each.
fn differences(audit: &Audit, expected: &[Expected]) -> Vec<String> {
    let mut found: BTreeMap<&str, Vec<&AuditFinding>> = BTreeMap::new();
    for finding in &audit.findings {
        found.entry(finding.export.as_deref().unwrap_or_default()).or_default().push(finding);
    }
    let mut differences = Vec::new();
    for row in expected {
        let findings = found.remove(row.export.as_str()).unwrap_or_default();
        let symbols: BTreeSet<&str> = findings.iter().filter_map(|finding| finding.symbol.as_deref()).collect();
        let wanted: BTreeSet<&str> = row.ways.keys().map(String::as_str).collect();
        if symbols != wanted {
            differences.push(format!("{} {}: {wanted:?} expected, found {symbols:?}", row.family, row.export));
        }
        for finding in findings {
            let way = finding.symbol.as_ref().and_then(|symbol| row.ways.get(symbol));
            let is_so = Some(finding.code) == row.code && way.is_none_or(|way| fits(way, &finding.path()));
            if !is_so {
                differences.push(format!("{} {}: {} by {:?}", row.family, row.export, finding.code, finding.path()));
            }
        }
    }
    differences.extend(found.into_keys().map(|export| format!("nothing is expected of {export:?}")));
    differences
}

#[test]
fn every_shape_is_found_and_nothing_else() {
    let expected = expected("shapes.expected");
    assert!(expected.iter().filter(|row| row.code.is_some()).count() >= 100);
    let mut all = Vec::new();
    for object in SHAPES {
        let audit = audited(&format!("{object}.ko.xz"), "shapes.symvers", &AuditOptions::default());
        all.extend(differences(&audit, &expected).into_iter().map(|line| format!("{object}: {line}")));
    }
    assert!(all.is_empty(), "{}\n{} differences", all.join("\n"), all.len());
}

/// HMM as it was founded on: exactly its wrappers, with exactly the symbols that were complained of.
#[test]
fn hmm_hands_on_what_it_did() {
    let expected = expected("hmm.expected");
    for object in ["hmm-x86_64.ko.xz", "hmm-arm64.ko.xz"] {
        let audit = audited(object, "hmm.symvers", &AuditOptions::default());
        let differences = differences(&audit, &expected);
        assert!(differences.is_empty(), "{object}:\n{}", differences.join("\n"));
        let of_code = |code| {
            let findings = audit.findings.iter().filter(move |finding| finding.code == code);
            findings.filter_map(|finding| finding.symbol.as_deref()).collect::<BTreeSet<_>>()
        };
        let laundered = [
            "__class_create",
            "devm_memremap_pages",
            "mmu_notifier_unregister_no_release",
            "percpu_ref_exit",
            "percpu_ref_init",
            "percpu_ref_kill_and_confirm",
            "region_intersects",
        ];
        assert_eq!(of_code(AuditCode::LaundersGplOnly), laundered.into());
        assert_eq!(of_code(AuditCode::ExposesUnexported), ["alloc_pages_vma", "walk_page_range"].into());
    }
}
