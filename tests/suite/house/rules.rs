//! What only some rooms may name or do.

use super::facts::{Kind, Spot};
use super::source::{House, Source, Target, root};
use super::{assert_found, assert_none};

/// Paths of other crates, in the files `is_there`, that begin with one of these.
pub fn outside(house: &House, is_there: impl Fn(&Source) -> bool, names: &[&str]) -> Vec<String> {
    let mut broken = Vec::new();
    for (source, mention) in house.mentions().filter(|(source, _)| is_there(source)) {
        let Target::Outside(path) = house.target(mention) else { continue };
        // A name alone may be a local variable, unless it is imported.
        if path.len() < 2 && mention.kind == Kind::Inline {
            continue;
        }
        let begins = |name: &&&str| {
            let name = name.split("::").collect::<Vec<_>>();
            let is_named = path.len() >= name.len() && path.iter().zip(&name).all(|(part, named)| part == named);
            is_named || mention.kind == Kind::Glob && name.iter().zip(&path).all(|(named, part)| part == named)
        };
        if names.iter().any(|name| begins(&name)) {
            broken.push(format!("src/{}:{}: {}", source.path, mention.line, path.join("::")));
        }
    }
    broken
}

/// Spots of some kind, in the files `is_there`, with one of these names.
fn spots<'a>(
    house: &'a House,
    is_there: impl Fn(&Source) -> bool,
    kind: impl Fn(&'a Source) -> &'a [Spot],
    is_meant: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut broken = Vec::new();
    for source in house.sources.iter().filter(|source| is_there(source)) {
        let meant = kind(source).iter().filter(|spot| is_meant(&spot.name));
        broken.extend(meant.map(|spot| format!("src/{}:{}: {}", source.path, spot.line, spot.name)));
    }
    broken
}

fn is_in(source: &Source, rooms: &[&str]) -> bool {
    rooms.contains(&source.room())
}

/// Places that look into kernel versions or make one of numbers: whoever cannot do so has nothing to compare with.
fn versions_opened(house: &House) -> Vec<String> {
    let is_there = |source: &Source| !is_in(source, &["terms", "history"]);
    let is_part = |name: &str| ["major", "minor", "patch"].contains(&name);
    let mut broken = spots(house, is_there, |source| &source.facts.fields, is_part);
    broken.extend(spots(house, is_there, |source| &source.facts.structs, |name| name == "KernelVersion"));
    for source in house.sources.iter().filter(|source| is_there(source)) {
        let calls = source.facts.calls.iter().filter(|call| call.method == "series");
        broken.extend(calls.map(|call| format!("src/{}:{}: .series()", source.path, call.line)));
        let makes = |path: &[String]| path.windows(2).any(|pair| pair[0] == "KernelVersion" && pair[1] == "new");
        let made = source.facts.mentions.iter().filter(|mention| makes(&mention.path));
        broken.extend(made.map(|made| format!("src/{}:{}: {}", source.path, made.line, made.path.join("::"))));
    }
    broken
}

/// Comparisons of something whose name ends with `version`. The rooms of file formats compare those of the formats.
fn versions_compared(house: &House) -> Vec<String> {
    let is_there = |source: &Source| !is_in(source, &["terms", "history", "compression", "x509", "btf", "image"]);
    spots(house, is_there, |source| &source.facts.compared, |name| name.ends_with("version"))
}

#[test]
fn versions_are_compared_only_in_history() {
    let broken = [versions_opened(House::this()), versions_compared(House::this())].concat();
    assert_none(&broken, "kernel versions are compared only in history");
}

#[test]
fn a_version_compared_elsewhere_is_found() {
    let seed = |code: &str, text: &str| assert_found(versions_opened, &[("load/run.rs", code)], text);
    seed("fn f() { self.version.major }", "major");
    seed("fn f() { assert!(a.series() == b) }", "series");
    seed("fn f() { KernelVersion::new(6, 1, 0) }", "KernelVersion::new");
    seed("use crate::terms::KernelVersion; const V: KernelVersion = KernelVersion { a: 6 };", "KernelVersion");
    let seed = |code: &str, text: &str| assert_found(versions_compared, &[("load/run.rs", code)], text);
    seed("fn f() { if kernel.version() < limit {} }", "version");
    seed("fn f() { matches!(a, Some(b) if b == self.kernel_version) }", "kernel_version");
    let history = [("history/reach.rs", "fn f() { a.version < KernelVersion::new(6, 1, 0) && a.series() == b.major }")];
    assert_none(&versions_opened(&House::of(&history)), "history compares");
    assert_none(&versions_compared(&House::of(&history)), "history compares");
}

fn object_named(house: &House) -> Vec<String> {
    outside(house, |source| !is_in(source, &["elf"]), &["object"])
}

#[test]
fn object_is_named_only_in_elf() {
    assert_none(&object_named(House::this()), "the crate object is named only in elf");
}

#[test]
fn object_named_elsewhere_is_found() {
    let seed = |code: &str| assert_found(object_named, &[("image/mod.rs", code)], "object");
    seed("use object::elf;");
    seed("use ::object as o;");
    seed("fn f() { object::elf::SHT_NOTE }");
    let elf = [("elf/mod.rs", "use object::elf;"), ("audit/open.rs", "fn f(object: u8) { object.path() }")];
    assert_none(&object_named(&House::of(&elf)), "elf names object, and variables are no crates");
}

/// What only the program may name: terminals and arguments.
fn terminals(house: &House) -> Vec<String> {
    outside(house, Source::is_of_library, &["clap", "anstream", "anstyle", "std::io::stdout", "std::io::stderr"])
}

fn prints(house: &House) -> Vec<String> {
    let is_printing = |name: &str| ["print", "println", "eprint", "eprintln", "dbg"].contains(&name);
    spots(house, Source::is_of_library, |source| &source.facts.macros, is_printing)
}

/// The probe runs the kernel's own build, and needs a folder for it.
fn runs(house: &House) -> Vec<String> {
    let is_there = |source: &Source| source.is_of_library() && !is_in(source, &["probe"]);
    outside(house, is_there, &["std::env", "std::process"])
}

#[test]
fn terminals_and_arguments_stay_in_the_program() {
    assert_none(&terminals(House::this()), "clap, anstream and anstyle are named only by the program");
    assert_none(&prints(House::this()), "the library prints nothing");
    assert_none(&runs(House::this()), "only the probe starts programs and reads the environment");
}

#[test]
fn a_library_that_prints_or_runs_is_found() {
    let seed = |code: &str, text: &str| assert_found(terminals, &[("report/human.rs", code)], text);
    seed("use anstyle::Style;", "anstyle::Style");
    seed("#[derive(clap::Args)] struct A;", "clap::Args");
    seed("use std::io; fn f() { write!(io::stdout(), \"a\") }", "std::io::stdout");
    let seed = |code: &str, text: &str| assert_found(prints, &[("report/human.rs", code)], text);
    seed("fn f() { println!(\"a\") }", "println");
    seed("fn f() { odd! { a => std::dbg!(a) } }", "dbg");
    seed("macro_rules! say { () => { eprint!(\"a\") } }", "eprint");
    let seed = |code: &str, text: &str| assert_found(runs, &[("kernel/open.rs", code)], text);
    seed("use std::process::Command;", "std::process::Command");
    seed("fn f() { std::env::var(\"A\") }", "std::env::var");
    let fine = [("bin/gplok/main.rs", "use std::env; fn f() { println!() }"), ("probe/mod.rs", "use std::process;")];
    let house = House::of(&fine);
    assert_none(&[terminals(&house), prints(&house), runs(&house)].concat(), "the program prints, the probe runs");
}

/// Input and output outside the rooms that read. The rooms before `image` read what they are handed, through `std::io`.
fn input_and_output(house: &House) -> Vec<String> {
    let reads = ["image", "kernel", "check", "probe"];
    let is_silent = |source: &Source| source.is_of_library() && !is_in(source, &reads);
    let mut broken = outside(house, is_silent, &["std::fs", "std::net", "tempfile"]);
    let is_silent = |source: &Source| is_silent(source) && !is_in(source, &["compression"]);
    broken.extend(outside(house, is_silent, &["std::io"]).into_iter().filter(|place| !place.contains("::ErrorKind")));
    broken
}

#[test]
fn files_are_read_only_by_the_rooms_that_read() {
    assert_none(&input_and_output(House::this()), "only image, kernel, check and probe read files");
}

#[test]
fn a_file_read_elsewhere_is_found() {
    let seed = |path: &str, code: &str, text: &str| assert_found(input_and_output, &[(path, code)], text);
    seed("report/human.rs", "use std::fs;", "std::fs");
    seed("compression/mod.rs", "fn f() { std::fs::File::open(a) }", "std::fs::File::open");
    seed("audit/open.rs", "use std::io::Read;", "std::io::Read");
    let fine = [("image/mod.rs", "use std::fs::File;"), ("compression/xz.rs", "use std::io::{Read, ErrorKind};")];
    assert_none(&input_and_output(&House::of(&fine)), "these rooms read");
}

/// Files that read as much as there is, and not through `compression/stream.rs`, which counts it in a budget. These read up to a
/// limit that no file tells them.
fn uncounted(house: &House) -> Vec<String> {
    let limited = [
        "compression/decoder.rs",
        "compression/lz4.rs",
        "compression/stream.rs",
        "image/regular.rs",
        "kernel/installed.rs",
        "kernel/package/decompressed.rs",
        "kernel/package/format.rs",
        "kernel/package/rpm/cpio.rs",
        "kernel/package/tar.rs",
        "kernel/vmlinux/container.rs",
    ];
    let mut broken = Vec::new();
    for source in house.sources.iter().filter(|source| !limited.contains(&source.path.as_str())) {
        let reads = |method: &str| ["read_to_end", "read_to_string", "decompress_vec"].contains(&method);
        let reads_all = source.facts.calls.iter().filter(|call| reads(&call.method));
        let kernels = |path: &str| path.starts_with("compression/kernel/");
        broken.extend(
            reads_all
                .filter(|call| call.method != "decompress_vec" || !kernels(&source.path))
                .map(|call| format!("src/{}:{}: .{}()", source.path, call.line, call.method)),
        );
    }
    broken.extend(outside(
        house,
        |source| source.path != "compression/decoder.rs",
        &["zstd::bulk", "zstd::decode_all"],
    ));
    broken
}

#[test]
fn contents_of_files_are_counted() {
    assert_none(&uncounted(House::this()), "the contents of files are read and decompressed within a budget");
}

#[test]
fn contents_that_are_not_counted_are_found() {
    let seed = |path: &str, code: &str, text: &str| assert_found(uncounted, &[(path, code)], text);
    seed("image/file.rs", "fn f() { file.read_to_end(&mut bytes) }", "read_to_end");
    seed("kernel/open.rs", "fn f() { reader.read_to_string(&mut text) }", "read_to_string");
    seed("bin/gplok/simulate.rs", "fn f() { stdin().read_to_string(&mut text) }", "read_to_string");
    seed("image/mod.rs", "fn f() { inflate.decompress_vec(a, b, c) }", "decompress_vec");
    seed("kernel/open.rs", "fn f() { zstd::bulk::decompress(a, b) }", "zstd::bulk");
    let fine = [
        ("compression/stream.rs", "fn f() { input.read_to_end(into) }"),
        ("compression/kernel/gzip.rs", "fn f() { inflate.decompress_vec(a, b, c) }"),
    ];
    assert_none(&uncounted(&House::of(&fine)), "these are counted");
}

/// Places of the library that use rayon by other means than `terms/parallel.rs`, and panic where there are no threads.
fn needs_threads(house: &House) -> Vec<String> {
    outside(house, |source| source.is_of_library() && source.path != "terms/parallel.rs", &["rayon"])
}

#[test]
fn the_library_does_without_threads() {
    assert_none(&needs_threads(House::this()), "work is shared through terms/parallel.rs, which does without threads");
}

#[test]
fn places_that_need_threads_are_found() {
    assert_found(needs_threads, &[("check/mod.rs", "use rayon::prelude::*;")], "rayon");
    assert_found(needs_threads, &[("check/mod.rs", "fn f() { rayon::join(a, b) }")], "rayon");
    let fine =
        [("terms/parallel.rs", "use rayon::prelude::*;"), ("bin/gplok/threads.rs", "use rayon::ThreadPoolBuilder;")];
    assert_none(&needs_threads(&House::of(&fine)), "these start threads, or do without");
}

/// Places that open a file by other means than `image/regular.rs`, and so may wait for a pipe.
fn opened_elsewhere(house: &House) -> Vec<String> {
    let is_there = |source: &Source| source.path != "image/regular.rs";
    let opens = ["File::open", "File::options", "OpenOptions", "read", "read_to_string"];
    let opens: Vec<String> = opens.iter().map(|name| format!("std::fs::{name}")).collect();
    let mut broken = outside(house, is_there, &opens.iter().map(String::as_str).collect::<Vec<_>>());
    broken.extend(outside(house, is_there, &["rustix::fs::open", "rustix::fs::openat", "rustix::fs::openat2"]));
    // Links below the root that was set are not the machine's. What the program keeps and the kernel's build are not below one.
    let is_there = |source: &Source| {
        let follows = ["image/regular.rs", "image/root.rs", "bin/gplok/answers.rs"];
        !follows.contains(&source.path.as_str()) && !is_in(source, &["probe"])
    };
    broken.extend(outside(house, is_there, &["std::fs::metadata", "std::fs::read_dir", "std::fs::canonicalize"]));
    broken
}

#[test]
fn files_are_opened_in_one_place() {
    assert_none(
        &opened_elsewhere(House::this()),
        "only image/regular.rs opens files for reading, and image/root.rs says where paths lead",
    );
}

#[test]
fn a_file_opened_elsewhere_is_found() {
    let seed = |path: &str, code: &str, text: &str| assert_found(opened_elsewhere, &[(path, code)], text);
    seed("kernel/open.rs", "fn f() { std::fs::read(path) }", "std::fs::read");
    seed("bin/gplok/audit.rs", "use std::fs; fn f() { fs::read_to_string(path) }", "std::fs::read_to_string");
    seed("image/file.rs", "fn f() { std::fs::File::open(path) }", "std::fs::File::open");
    seed("probe/mod.rs", "fn f() { std::fs::OpenOptions::new() }", "std::fs::OpenOptions");
    seed("image/file.rs", "fn f() { rustix::fs::openat2(a) }", "rustix::fs::openat2");
    seed("kernel/tree.rs", "fn f() { std::fs::read_dir(a) }", "std::fs::read_dir");
    let fine = [
        ("image/regular.rs", "use std::fs::OpenOptions; fn f() { OpenOptions::new() }"),
        ("kernel/tree.rs", "use std::fs::File; fn f(a: File) { a.metadata() }"),
        ("image/root.rs", "fn f(a: File) { std::fs::read_dir(a); std::fs::metadata(a) }"),
    ];
    assert_none(&opened_elsewhere(&House::of(&fine)), "these open no file");
}

fn unsafes(house: &House) -> Vec<String> {
    let lines = |source: &Source| {
        source.facts.unsafes.clone().into_iter().map(|line| (source.path.clone(), line)).collect::<Vec<_>>()
    };
    house.sources.iter().flat_map(lines).map(|(path, line)| format!("src/{path}:{line}: unsafe")).collect()
}

#[test]
fn nothing_is_unsafe() {
    assert_none(&unsafes(House::this()), "there is no unsafe code");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest can be read");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
}

#[test]
fn unsafe_code_is_found() {
    let seed = |code: &str| assert_found(unsafes, &[("bin/gplok/main.rs", code)], "unsafe");
    seed("fn f() { unsafe { g() } }");
    seed("unsafe fn f() {}");
    seed("unsafe impl Send for A {}");
    seed("unsafe extern \"C\" { fn f(); }");
    seed("fn f() { odd! { a => unsafe { b() } } }");
}

/// The rooms that read bytes of strangers.
const READING: [&str; 8] = ["elf", "compression", "x509", "btf", "image", "headers", "kernel", "probe"];

/// Places that panic when the bytes are not as expected. Debug assertions count.
fn panics(house: &House) -> Vec<String> {
    let is_reading = |source: &Source| is_in(source, &READING);
    let is_panic = |name: &str| {
        let name = name.strip_prefix("debug_").unwrap_or(name);
        ["panic", "unreachable", "todo", "unimplemented", "assert", "assert_eq", "assert_ne"].contains(&name)
    };
    let mut broken = spots(house, is_reading, |source| &source.facts.macros, is_panic);
    for source in house.sources.iter().filter(|source| is_reading(source)) {
        let unwraps = ["unwrap", "expect", "unwrap_err", "expect_err"];
        let calls = source.facts.calls.iter().filter(|call| unwraps.contains(&call.method.as_str()));
        broken.extend(calls.map(|call| format!("src/{}:{}: .{}()", source.path, call.line, call.method)));
        let indexes = source.facts.indexes.iter();
        broken.extend(indexes.map(|line| format!("src/{}:{line}: an index", source.path)));
    }
    broken
}

#[test]
fn rooms_that_read_cannot_panic() {
    assert_none(&panics(House::this()), "rooms that read neither index nor unwrap");
}

#[test]
fn a_panic_in_a_room_that_reads_is_found() {
    let seed = |code: &str, text: &str| assert_found(panics, &[("elf/mod.rs", code)], text);
    seed("fn f() { let a = bytes[3]; }", "index");
    seed("fn f() { let a = &bytes[..4]; }", "index");
    seed("fn f() { f(x)[0] }", "index");
    seed("fn f() { format!(\"{}\", x[0]) }", "index");
    seed("macro_rules! first { ($x:expr) => { $x[0] } }", "index");
    seed("fn f() { vec![x[0]; 4] }", "index");
    seed("fn f() { a.unwrap() }", "unwrap");
    seed("fn f() { write!(f, \"{}\", a.expect(\"b\")) }", "expect");
    seed("fn f() { odd! { a => b.unwrap() } }", "unwrap");
    seed("fn f() { unreachable!() }", "unreachable");
    seed("fn f() { std::assert!(true) }", "assert");
    seed("macro_rules! no { () => { panic!() } }", "panic");
    let fine = "
        fn read(bytes: &[u8; 4]) -> &'a [u8] { let [first, rest @ ..] = bytes else { return &name[..] }; vec![0; 4] }
        #[derive(Debug)] struct A;
        macro_rules! m { ($(#[$doc:meta])* [$a:ident]) => { #[doc] [0; 4]; let [a] = b; return [0]; vec![1] } }
        #[cfg(test)] mod tests { fn f() { a[0].unwrap() } }
        fn g() { a.unwrap_or(b); unwrap() }
    ";
    assert_none(&panics(&House::of(&[("elf/mod.rs", fine), ("load/run.rs", "fn f() { a[0].unwrap() }")])), "no panic");
}
