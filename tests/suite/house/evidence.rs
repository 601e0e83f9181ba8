//! What must be there beside the code: a page and a test for every finding, a date for every row of history, a tidy top.

use std::collections::BTreeSet;

use gplok::audit::AuditCode;
use gplok::history::{Row, TABLE};
use gplok::verdict::Code;

use super::assert_none;
use super::source::{files_below, root};

/// A code, the variant that makes it, and the folder of its page.
struct Coded {
    code: &'static str,
    variant: String,
    folder: &'static str,
}

/// Codes without a page for `gplok explain`, or without a test that shows them: a snapshot, a sample or a recorded case.
fn unexplained(codes: &[Coded], pages: &BTreeSet<String>, evidence: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for Coded { code, variant, folder } in codes {
        let page = format!("{folder}{code}.md");
        if !pages.contains(&page) {
            broken.push(format!("{code} has no page {page}"));
        }
        let shown = [variant.clone(), format!("\"{code}\""), format!("[{code}]")];
        if !shown.iter().any(|text| evidence.contains(text)) {
            broken.push(format!("no test shows {code}"));
        }
    }
    broken
}

#[test]
fn every_code_is_explained_and_tested() {
    let folder = root().join("src/report/explain");
    let pages = files_below(&folder).into_iter().filter_map(|path| {
        let path = path.strip_prefix(&folder).ok()?;
        Some(path.to_str()?.to_owned())
    });
    let mut evidence = String::new();
    for path in [files_below(&root().join("src")), files_below(&root().join("tests"))].concat() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_test = matches!(name, "samples.rs" | "tests.rs") || path.starts_with(root().join("tests"));
        if name.ends_with(".snap") || is_test {
            evidence += &std::fs::read_to_string(&path).unwrap_or_default();
        }
    }
    let audit = AuditCode::ALL.iter().map(|code| {
        let variant = format!("AuditCode::{code:?}");
        Coded { code: code.name(), variant, folder: "audit/" }
    });
    let codes = Code::ALL.iter().map(|code| {
        let variant = format!("Cause::{code:?}");
        Coded { code: code.name(), variant, folder: "" }
    });
    let codes = codes.chain(audit).collect::<Vec<_>>();
    assert_none(&unexplained(&codes, &pages.collect(), &evidence), "every code has a page and a test");
}

#[test]
fn a_code_without_page_or_test_is_found() {
    let codes = [Coded { code: "not-permitted", variant: "Cause::NotPermitted".into(), folder: "" }];
    let page = BTreeSet::from(["not-permitted.md".to_owned()]);
    assert_eq!(unexplained(&codes, &page, "Cause::NotPermitted"), [""; 0]);
    assert_eq!(unexplained(&codes, &page, "[not-permitted]"), [""; 0]);
    assert_eq!(unexplained(&codes, &page, "not-permitted"), ["no test shows not-permitted"]);
    let no_page = unexplained(&codes, &BTreeSet::new(), "\"not-permitted\"");
    assert_eq!(no_page, ["not-permitted has no page not-permitted.md"]);
}

/// Rows that are dated neither by a commit, nor by the two versions between which the change came, nor by the distribution
/// that made it.
fn undated(rows: &[Row]) -> Vec<String> {
    let mut broken = Vec::new();
    for row in rows {
        if row.commit.is_none() && row.after.is_none() && row.distribution.is_none() {
            broken.push(format!("{} has neither commit nor bracket", row.behaviour));
        }
        if let Some(commit) = row.commit
            && (commit.len() < 12 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            broken.push(format!("{}: {commit} is no commit", row.behaviour));
        }
        if let Some((after, first)) = row.after.zip(row.from.or(row.until))
            && after >= first
        {
            broken.push(format!("{}: the bracket is empty", row.behaviour));
        }
    }
    broken
}

#[test]
fn every_row_of_history_has_its_evidence() {
    assert_none(&undated(TABLE), "every row of history is dated");
}

#[test]
fn a_row_without_evidence_is_found() {
    let row = TABLE.iter().find(|row| row.from.is_some()).expect("something came");
    let bare = Row { commit: None, after: None, distribution: None, ..*row };
    assert!(undated(&[bare])[0].contains("has neither commit nor bracket"));
    assert!(undated(&[Row { commit: Some("2026-01-01"), ..bare }])[0].contains("2026-01-01 is no commit"));
    assert!(undated(&[Row { after: row.from, ..bare }])[0].contains("the bracket is empty"));
}

/// Names that do not belong at the top of the repository.
fn untidy<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let allowed = [
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "findings",
        "src",
        "target",
        "testdata",
        "tests",
    ];
    names.filter(|name| !name.starts_with('.') && !allowed.contains(name)).map(str::to_owned).collect()
}

#[test]
fn the_top_of_the_repository_is_tidy() {
    let entries = std::fs::read_dir(root()).expect("the repository can be listed");
    let names = entries.map(|entry| entry.expect("the entry can be read").file_name().into_string());
    let names = names.map(|name| name.expect("its name is UTF-8")).collect::<Vec<_>>();
    assert_none(&untidy(names.iter().map(String::as_str)), "the top of the repository is tidy");
}

#[test]
fn a_stray_file_is_found() {
    assert_eq!(untidy(["src", ".ci", "notes.txt", "scripts"].into_iter()), ["notes.txt", "scripts"]);
}
