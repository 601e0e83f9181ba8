//! No name in a file, in an argument or in an environment can forge a line, or steer the terminal that it is printed on.
//!
//! Every command is run on inputs of which every name carries what a terminal obeys. The test needs no terminal: the program is told to
//! write colors, and its streams are searched for what must not be in them.

use std::ffi::OsString;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::cli::{Desk, Ran};
use crate::kernels::parts::certificate;
use crate::ko::{Ko, Section};
use crate::made::Made;

/// For names that may hold line breaks: paths, arguments, signers.
const NAME: &str = "x\nFORGED\r\u{2028}FORGED\u{1b}[2J\u{1b}]0;t\u{7}\u{7f}\u{9b}\u{85}\u{202e}\u{200b}\u{feff}\ty";
/// For names in files of lines and columns.
const WORD: &str = "x\rFORGED\u{1b}[2J\u{1b}]0;t\u{7}\u{7f}\u{9b}\u{202e}\u{200b}\u{feff}y";
/// Not shown as it is, although it is no control character.
const HIDDEN: &str = "\u{ad}\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                      \u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}";

/// What is wrong with a text: characters that must not be in it, and lines that a name began. Colors are right.
fn forged(text: &str, has_columns: bool) -> Vec<String> {
    let text = without_colors(text);
    let is_bad = |c: &char| !(*c == '\n' || *c == '\t' && has_columns) && (c.is_control() || HIDDEN.contains(*c));
    let characters = text.chars().filter(is_bad).map(|c| format!("{c:?}"));
    let lines = text.split('\n').filter(|line| line.trim_start().starts_with("FORGED"));
    characters.chain(lines.map(|line| format!("the line {line:?}"))).collect()
}

/// The text without the escape sequences that set colors.
fn without_colors(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m') {
            Some(rest) => plain += rest,
            None => plain += &format!("\u{1b}[{part}"),
        }
    }
    plain
}

#[test]
fn a_forged_text_is_found() {
    assert!(forged("\u{1b}[1;31mcannot read\u{1b}[0m x\\x0aFORGED größe\n", false).is_empty());
    for text in [
        "a\nFORGED",
        "a\n  FORGED",
        "a\u{1b}[2J",
        "a\u{1b}]0;t",
        "a\rb",
        "a\tb",
        "a\u{9b}b",
        "a\u{202e}b",
        "a\u{2028}b",
        "a\u{7f}",
    ] {
        assert!(!forged(text, false).is_empty(), "{text:?}");
    }
}

/// A signed message or a certificate whose names are others of equal length.
fn renamed(mut bytes: Vec<u8>) -> Vec<u8> {
    for (name, other) in [("gplok tests", "o\nFORGED\u{1b}[m"), ("gplok test key rsa", "c\nFORGED\u{202e}\u{9b}\tabcd")]
    {
        assert_eq!(name.len(), other.len());
        let at = |bytes: &[u8]| bytes.windows(name.len()).position(|part| part == name.as_bytes());
        while let Some(at) = at(&bytes) {
            bytes[at..at + name.len()].copy_from_slice(other.as_bytes());
        }
    }
    bytes
}

fn message() -> Vec<u8> {
    let path = format!("{}/testdata/keys/rsa-sha256.p7s", env!("CARGO_MANIFEST_DIR"));
    renamed(std::fs::read(path).expect("it is kept"))
}

fn kernel(release: &str) -> Made {
    let namespace = format!("NS{WORD}");
    let made = Made::new(release).config("MODULE_SIG").config("MODULE_SIG_SHA256");
    made.trusts(&renamed(certificate("rsa")))
        .row(&format!("gpl{WORD}"), "vmlinux", "EXPORT_SYMBOL_GPL", "")
        .row(&format!("plain{WORD}"), &format!("drivers/{WORD}"), "EXPORT_SYMBOL", &namespace)
        .row("moves", &format!("drivers/{WORD}{release}"), "EXPORT_SYMBOL_GPL", "")
        .row(&format!("{release}{WORD}"), &format!("drivers/{release}{WORD}"), "EXPORT_SYMBOL_GPL", "")
}

/// Modules whose every name is hostile. `Module.symvers` and symbol tables hold bytes, so names agree.
fn modules() -> Vec<(String, Ko)> {
    let all = Ko::new(&format!("m{NAME}"))
        .license(&format!("L{NAME}"))
        .tag("author", NAME)
        .tag("vermagic", &format!("6.1.0 {NAME}"))
        .more("import_ns", NAME)
        .more("alias", NAME)
        .more("depends", NAME)
        .needs(&format!("gpl{WORD}"))
        .needs(&format!("plain{WORD}"))
        .needs(&format!("absent{NAME}"))
        .export_in("", &format!("own{NAME}"), NAME)
        .param(NAME, "param_ops_int")
        .section(Section::new(&format!(".wx{NAME}"), 7, 8, vec![0; 8]));
    let imports = Ko::new("imports")
        .license("Proprietary")
        .needs(&format!("gpl{WORD}"))
        .needs(&format!("absent{NAME}"))
        .needs("moves");
    let signed = Ko::new("signed").signed(&message());
    vec![(format!("{NAME}.ko"), all), (format!("imports{NAME}.ko"), imports), (format!("signed{NAME}.ko"), signed)]
}

fn desk() -> Desk {
    let desk = Desk::with(kernel("6.1.0"));
    desk.kernel("j", &kernel("6.12.0"));
    let hostile = format!("6.1.0{WORD}");
    desk.kernel("hostile", &Made::new("6.1.0")).file("hostile/release", format!("{hostile}\n"));
    desk.file("hostile/config", format!("CONFIG_X86_64=y\nCONFIG_LOCALVERSION=\"{WORD}\"\nCONFIG_{WORD}=y\n"));
    desk.file("other/release", format!("6.2.0{WORD}\n"));
    let made = Made::new("6.1.0");
    let mut archive = tar::Builder::new(Vec::new());
    for (name, ko) in modules() {
        let bytes = ko.build(&made.profile);
        desk.file(&name, &bytes).file(&format!("tree{NAME}/kernel/{NAME}/{name}"), &bytes);
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("lib/{name}"), bytes.as_slice()).expect("added");
    }
    desk.file(&format!("{NAME}.tar"), archive.into_inner().expect("written"));
    desk.file(&format!("tree{NAME}/kernel/broken{NAME}.ko.xz"), b"\xfd7zXZ\0no more");
    desk.file(&format!("tree{NAME}/kernel/no{NAME}.ko"), b"no ELF");
    symlink("nowhere", desk.path(&format!("tree{NAME}/kernel/link{NAME}.ko"))).expect("made");
    symlink("..", desk.path(&format!("tree{NAME}/kernel/loop{NAME}"))).expect("made");
    desk.file(&format!("none{NAME}/text"), "");
    desk.file("certs", renamed(certificate("rsa")));
    desk.file(NAME, format!("PASS {WORD} {WORD}\n{WORD} PASS\n"));
    desk.file("rules", format!("{WORD} {WORD} PASS\n"));
    let inline = json!({
        "name": NAME, "file": NAME, "line": 1, "path": [NAME, NAME, NAME], "other_paths": [[NAME]],
        "gpl_only": [NAME], "unexported": [NAME], "namespaced": [NAME],
    });
    let map = json!({"schema": NAME, "kernel": {"release": NAME}, "inlines": [inline], "dropped": []});
    desk.file("map", map.to_string()).file("map-of-another-kind", json!({"inlines": NAME}).to_string());
    let another = json!({"schema": NAME, "objects": [], "findings": []});
    let unknown =
        json!({"schema": "gplok/1", "objects": [], "findings": [{"code": NAME, "object": NAME, "export": NAME}]});
    desk.file("audit-of-another", another.to_string()).file("audit-of-unknown", unknown.to_string());
    desk.file("plain.ko", Ko::new("plain").build(&made.profile));
    for (name, line) in plans() {
        desk.file(name, line);
    }
    desk
}

/// Blanks separate the words of a plan, and a carriage return counts as one.
fn plans() -> Vec<(&'static str, String)> {
    let word = WORD.replace('\r', "");
    vec![
        ("plan-word", format!("load{word} a\n")),
        ("plan-option", format!("insmod --{word} a\n")),
        ("plan-flags", format!("insmod --flags {word} a\n")),
        ("plan-file", format!("insmod none{word}.ko\n")),
        ("plan-modprobe", format!("modprobe none{word}\n")),
        ("plan-steps", format!("rmmod none{word}\ninsmod plain.ko no{word}=1\n")),
    ]
}

/// The commands. Arguments are separated by blanks; `@` stands for [`NAME`], `%` for [`WORD`].
const COMMANDS: &[&str] = &[
    "check @.ko -k k",
    "check @.ko imports@.ko signed@.ko -k k",
    "check @.ko imports@.ko -k k --format json",
    "check @.ko imports@.ko -k k --format dmesg",
    "check signed@.ko -k k",
    "check signed@.ko -k k --cmdline module.sig_enforce=1",
    "check imports@.ko -k hostile",
    "check imports@.ko -k hostile --format json",
    "check imports@.ko -k k --release 6.1.0-%",
    "check imports@.ko -k k --cmdline module_blacklist=imports,@",
    "check --tree tree@ -k k",
    "check --tree tree@ -k k --list",
    "check --tree tree@ -k k --format json",
    "check --tree tree@ -k k --format dmesg",
    "check --tree tree@ -k k --format depmod",
    "check --tree none@ -k k",
    "check @.tar -k k",
    "check @.tar/lib/none@.ko -k k",
    "check none@.ko -k k",
    "check @.ko -k none@",
    "check @.ko -k hostile -k other/release",
    "check @.ko -k k -k @",
    "check @.ko -k k --certs @",
    "check @.ko -k k --inlines @",
    "check @.ko -k k --inlines map-of-another-kind",
    "check @.ko -k k --debug none@",
    "check @.ko -k k --loader @",
    "check @.ko -k k --@",
    "check @.ko -k k --format @",
    "check @.ko -k k --jobs @",
    "@",
    "simulate plan-word -k k",
    "simulate plan-option -k k",
    "simulate plan-flags -k k",
    "simulate plan-file -k k",
    "simulate plan-modprobe -k k",
    "simulate plan-steps -k k",
    "simulate plan-steps -k k --format json",
    "simulate plan-steps -k k --format dmesg",
    "simulate none@ -k k",
    "inspect @.ko",
    "inspect @.ko --format json",
    "inspect signed@.ko",
    "inspect signed@.ko --format json",
    "inspect @.tar",
    "inspect tree@/kernel/no@.ko",
    "inspect tree@/kernel/broken@.ko.xz",
    "why @.ko -k k",
    "why imports@.ko -k k --compare j",
    "why imports@.ko -k k --format json",
    "why imports@.ko none@ -k k",
    "why imports@.ko absent% -k k",
    "exports -k k",
    "exports -k k --format human",
    "exports -k k --format json",
    "exports -k k --count",
    "exports -k k --evidence",
    "exports -k hostile --evidence",
    "exports -k hostile --evidence --format json",
    "exports -k hostile --system-map",
    "exports -k other",
    "exports -k k --kind @",
    "diff k j",
    "diff k j --all",
    "diff k j --format short",
    "diff k j --format json",
    "diff k j --class @",
    "diff k j --fail-on @",
    "diff k j --fail-on removed",
    "diff k j --rules @",
    "diff k j --rules rules",
    "diff k j --baseline none@",
    "diff k j --write-baseline none@/none/b",
    "upgrade @.ko imports@.ko --from k --to j",
    "upgrade @.ko imports@.ko --from k --to j --all --all-exports",
    "upgrade @.ko imports@.ko --from k --to j --format short",
    "upgrade @.ko imports@.ko --from k --to j --format json",
    "upgrade imports@.ko --from k --to hostile",
    "upgrade --from other --to j",
    "audit @.ko imports@.ko -k k",
    "audit @.ko imports@.ko -k k --format json",
    "audit tree@ -k hostile",
    "audit none@ -k k",
    "audit @.ko -k k --baseline @",
    "audit @.ko -k k --baseline audit-of-another",
    "audit @.ko -k k --baseline audit-of-unknown",
    "audit @.ko -k k --code @",
    "audit @.ko --from imports@.ko",
    "inlines map",
    "inlines map --format json",
    "inlines --from map --to map",
    "inlines map-of-another-kind",
    "inlines none@",
    "explain @",
    "explain missing-@",
];

/// Runs a command as if on a terminal: with colors, and nothing taken away.
fn run(desk: &Desk, words: impl Iterator<Item = OsString>) -> Ran {
    Ran::of(desk.command("").args(words).env("CLICOLOR_FORCE", "1").output().expect("the program was built"))
}

/// Formats with columns that tabs separate.
const COLUMNS: [&str; 2] = ["--format short", "exports -k k"];

#[test]
fn no_name_forges_a_line_or_steers_a_terminal() {
    let desk = desk();
    let mut broken = Vec::new();
    for command in COMMANDS {
        let words = command.split(' ').map(|word| word.replace('@', NAME).replace('%', WORD)).map(OsString::from);
        let Ran { out, err, code } = run(&desk, words);
        let has_columns = COLUMNS.iter().any(|ending| command.ends_with(ending));
        let found = [forged(&out, has_columns), forged(&err, false)].concat();
        if !found.is_empty() {
            broken.push(format!("{command}: {}", found.join(", ")));
        }
        // Otherwise nothing is tested.
        if !out.contains("FORGED") && !err.contains("FORGED") {
            broken.push(format!("{command}: no name is in {out:?} {err:?}"));
        }
        if code.is_none_or(|code| code > 3) {
            broken.push(format!("{command}: ended with {code:?}: {err}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Lines for scripts have as many columns as they promise, whatever the names are.
#[test]
fn no_name_forges_a_column() {
    let desk = desk();
    let number_of_columns = |command: &str| {
        let words = command.split(' ').map(|word| word.replace('@', NAME));
        let ran = run(&desk, words.map(OsString::from));
        assert!(ran.out.contains("FORGED"), "{ran:?}");
        let mut numbers: Vec<_> = ran.out.lines().map(|line| line.split('\t').count()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    assert_eq!(number_of_columns("exports -k k"), [5]);
    assert_eq!(number_of_columns("diff k j --format short"), [4]);
    assert_eq!(number_of_columns("upgrade @.ko imports@.ko --from k --to j --format short"), [3, 5]);
}

/// JSON escapes names, and does not change them.
#[test]
fn json_has_the_names_themselves() {
    let desk = desk();
    let path = format!("imports{NAME}.ko");
    let ran = Ran::of(desk.command("check -k k --format json").arg(&path).output().expect("the program was built"));
    assert_eq!(ran.json()["modules"][0]["path"], path);
}
