//! The invariants of the house, held against the source itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gplok::audit::AuditCode;
use gplok::history::TABLE;
use gplok::verdict::Code;

/// The rooms in order: each imports only from rooms before it.
const ROOMS: [&str; 17] = [
    "terms",
    "elf",
    "compression",
    "x509",
    "image",
    "headers",
    "kernel",
    "history",
    "verdict",
    "load",
    "check",
    "graph",
    "probe",
    "why",
    "impact",
    "audit",
    "report",
];

/// One source file, its tests left out.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The room it stands in; `lib.rs` and the program stand in none.
    fn room(&self) -> Option<&str> {
        self.path.split('/').next().filter(|room| ROOMS.contains(room))
    }

    /// Its lines without comments, with their numbers.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| {
            let line = line.trim_start();
            !line.starts_with("//") && !line.is_empty()
        })
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

/// All of `src`, without `tests.rs` and what follows `#[cfg(test)]`, which stands at the end of a file.
fn sources() -> Vec<Source> {
    let src = root().join("src");
    let rust = |path: &PathBuf| path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        let path = path.strip_prefix(&src).expect("it lies in src").to_str().expect("its name is UTF-8").to_owned();
        Source { path, text }
    };
    files(&src).into_iter().filter(rust).map(read).collect()
}

/// The lines of the files of which `is_there` is true and that `breaks` the rule.
fn offenders(is_there: impl Fn(&Source) -> bool, breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let sources = sources();
    let there = sources.iter().filter(|source| is_there(source));
    let broken = |source: &Source| {
        let lines = source.lines().filter(|(_, line)| breaks(line));
        lines.map(|(number, line)| format!("src/{}:{number}: {}", source.path, line.trim())).collect::<Vec<_>>()
    };
    there.flat_map(broken).collect()
}

fn assert_none(offenders: &[String], rule: &str) {
    assert!(offenders.is_empty(), "{rule}:\n{}", offenders.join("\n"));
}

/// The names that stand behind `crate::`, those of braces one by one.
fn rooms_named(line: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for rest in line.split("crate::").skip(1) {
        let inside = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let paths = inside.map_or_else(|| vec![rest], |inside| inside.split(',').collect());
        named.extend(paths.into_iter().filter_map(|path| path.trim().split(|c: char| !c.is_alphanumeric()).next()));
    }
    named
}

#[test]
fn a_room_imports_only_from_rooms_before_it() {
    let place = |room: &str| ROOMS.iter().position(|other| *other == room);
    let mut broken = Vec::new();
    for source in sources() {
        let Some(own) = source.room().and_then(place) else { continue };
        for (number, line) in source.lines() {
            let later = rooms_named(line).into_iter().filter(|room| place(room).is_some_and(|place| place > own));
            broken.extend(later.map(|room| format!("src/{}:{number} names {room}", source.path)));
        }
    }
    assert_none(&broken, "a room imports only from rooms before it");
}

#[test]
fn names_behind_crate_are_found() {
    assert_eq!(rooms_named("use crate::elf::{Elf, Symbol};"), ["elf"]);
    assert_eq!(rooms_named("fn f(a: crate::elf::Elf) -> crate::load::X {"), ["elf", "load"]);
    assert_eq!(rooms_named("use crate::{elf::Elf, terms};"), ["elf", "terms"]);
}

#[test]
fn every_folder_of_the_source_is_a_room() {
    let src = root().join("src");
    for entry in std::fs::read_dir(src).expect("src can be listed") {
        let name = entry.expect("the entry can be read").file_name();
        let name = name.to_str().expect("its name is UTF-8");
        assert!(ROOMS.contains(&name) || ["bin", "lib.rs"].contains(&name), "src/{name} is no room");
    }
}

#[test]
fn versions_are_compared_only_in_history() {
    let elsewhere = |source: &Source| !matches!(source.room(), Some("terms" | "history"));
    // Whoever cannot make a version of numbers and cannot look into one has nothing to compare with.
    let compares = |line: &str| {
        let fields = [".major", ".minor", ".patch", ".series()", "KernelVersion::new", "KernelVersion {"];
        fields.iter().any(|field| line.contains(field)) && !line.contains("crate::")
    };
    assert_none(&offenders(elsewhere, compares), "kernel versions are compared only in history");
    let operators = |line: &str| {
        let compared = |operator: &str| {
            line.split_once(operator).is_some_and(|(left, right)| {
                left.trim_end().ends_with("version") || right.trim_start().starts_with("version")
            })
        };
        [" < ", " > ", " <= ", " >= ", " == "].into_iter().any(compared)
    };
    let judging = |source: &Source| !matches!(source.room(), Some("terms" | "history" | "image" | "compression"));
    assert_none(&offenders(judging, operators), "kernel versions are compared only in history");
}

#[test]
fn object_is_named_only_in_elf() {
    let elsewhere = |source: &Source| source.room() != Some("elf");
    let names = |line: &str| {
        let own = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        line.split_once("object::").is_some_and(|(before, _)| own(before))
    };
    assert_none(&offenders(elsewhere, names), "the crate object is named only in elf");
}

#[test]
fn terminals_and_arguments_stay_in_the_program() {
    let library = |source: &Source| !source.path.starts_with("bin/");
    // The probe compiler runs the kernel's own build and needs a directory for it.
    let silent = |source: &Source| library(source) && !source.path.starts_with("probe/");
    let names = |line: &str| ["clap", "anstream", "anstyle"].iter().any(|name| line.contains(&format!("{name}::")));
    assert_none(&offenders(library, names), "clap, anstream and anstyle are named only by the program");
    let prints = |line: &str| ["println!", "print!(", "dbg!("].iter().any(|word| line.contains(word));
    assert_none(&offenders(library, prints), "the library prints nothing");
    let runs = |line: &str| ["std::env", "std::process"].iter().any(|word| line.contains(word));
    assert_none(&offenders(silent, runs), "the library runs nothing");
}

/// Files are read by `image` and `kernel`; an error's kind may be looked at anywhere.
#[test]
fn the_judge_does_no_input_or_output() {
    let silent =
        |source: &Source| !matches!(source.room(), Some("compression" | "image" | "kernel" | "check" | "probe") | None);
    let reads = |line: &str| {
        let io = line.contains("std::io") && !line.contains("std::io::ErrorKind");
        io || ["std::fs", "std::net", "File::", "stdout", "stderr"].iter().any(|word| line.contains(word))
    };
    assert_none(&offenders(silent, reads), "only compression, image, kernel and probe read files");
}

#[test]
fn nothing_is_unsafe() {
    let everywhere = |_: &Source| true;
    let is_unsafe =
        |line: &str| ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| line.contains(word));
    assert_none(&offenders(everywhere, is_unsafe), "there is no unsafe code");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest can be read");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
}

/// Is there an index: a bracket right behind a name, a call or another bracket, outside of text? `[..]` is all of it and
/// cannot fail.
fn indexes(line: &str) -> bool {
    let mut in_text = false;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        let follows = before.is_alphanumeric() || matches!(before, '_' | ')' | ']');
        match character {
            '"' if before != '\\' => in_text = !in_text,
            '[' if !in_text && follows && !line[at..].starts_with("[..]") => return true,
            _ => {}
        }
        before = character;
    }
    false
}

#[test]
fn indexing_is_recognised() {
    assert!(indexes("let a = bytes[3];"));
    assert!(indexes("let a = &bytes[..4];"));
    assert!(indexes("f(x)[0]"));
    assert!(!indexes("let [first, rest @ ..] = bytes else {"));
    assert!(!indexes("fn read(bytes: &[u8; 4]) -> &'a [u8] {"));
    assert!(!indexes("#[derive(Debug)]"));
    assert!(!indexes("let all = vec![0; 4];"));
    assert!(!indexes("let whole = &name[..];"));
}

#[test]
fn rooms_that_read_cannot_panic() {
    let reading = |source: &Source| {
        matches!(source.room(), Some("elf" | "compression" | "x509" | "image" | "headers" | "kernel" | "probe"))
    };
    let panics = |line: &str| {
        let calls = [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "assert!(", "assert_eq!("];
        calls.iter().any(|call| line.contains(call)) || indexes(line)
    };
    assert_none(&offenders(reading, panics), "rooms that read neither index nor unwrap");
}

/// A page for `gplok explain`, and a finding of it somewhere in a test: a snapshot, a sample or a recorded case.
#[test]
fn every_code_is_explained_and_tested() {
    let folder = root().join("src/report/explain");
    let mut evidence = String::new();
    for path in files(&root().join("src")).into_iter().chain(files(&root().join("tests"))) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".snap")
            || matches!(name, "samples.rs" | "tests.rs")
            || path.starts_with(root().join("tests"))
        {
            evidence += &std::fs::read_to_string(&path).unwrap_or_default();
        }
    }
    let audit = AuditCode::ALL.iter().map(|code| (code.name(), format!("AuditCode::{code:?}"), folder.join("audit")));
    let codes = Code::ALL.iter().map(|code| (code.name(), format!("Cause::{code:?}"), folder.clone()));
    for (code, variant, folder) in codes.chain(audit) {
        let page = folder.join(format!("{code}.md"));
        assert!(page.is_file(), "{code} has no page {}", page.display());
        let quoted = format!("\"{code}\"");
        let tested =
            evidence.contains(&variant) || evidence.contains(&quoted) || evidence.contains(&format!("[{code}]"));
        assert!(tested, "no test shows {code}");
    }
}

/// A row is dated by its commit, by the two versions between which the change came, or by the distribution that made it.
#[test]
fn every_row_of_history_has_its_evidence() {
    for row in TABLE {
        let is_dated = row.commit.is_some() || row.after.is_some() || row.distribution.is_some();
        assert!(is_dated, "{} has neither commit nor bracket", row.behaviour);
        let commit = row.commit.unwrap_or("0123456789ab");
        let is_hash = commit.len() >= 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(is_hash, "{}: {commit} is no commit", row.behaviour);
        let (after, first) = (row.after, row.from.or(row.until));
        assert!(after.zip(first).is_none_or(|(after, first)| after < first), "{}: the bracket is empty", row.behaviour);
    }
}

#[test]
fn the_top_of_the_repository_is_tidy() {
    let allowed: BTreeSet<&str> = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "testdata",
        "tests",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "target",
    ]
    .into();
    for entry in std::fs::read_dir(root()).expect("the repository can be listed") {
        let name = entry.expect("the entry can be read").file_name();
        let name = name.to_str().expect("its name is UTF-8");
        assert!(name.starts_with('.') || allowed.contains(name), "{name} does not belong at the top of the repository");
    }
}
