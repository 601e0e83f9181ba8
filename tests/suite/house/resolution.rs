//! Paths lead to the files that define what they name.

use super::assert_none;
use super::facts::Mention;
use super::source::{House, Target};

/// Paths into this crate that lead to nothing: the other rules would not see what is behind them.
fn lost(house: &House) -> Vec<String> {
    let lost = house.mentions().filter(|(_, mention)| house.target(mention) == Target::Nothing);
    lost.map(|(source, mention)| format!("src/{}:{}: {}", source.path, mention.line, mention.path.join("::"))).collect()
}

#[test]
fn every_path_into_the_crate_is_resolved() {
    assert_none(&lost(House::this()), "a path is not understood");
}

#[test]
fn a_path_to_nothing_is_reported() {
    super::assert_found(lost, &[("terms/mod.rs", "use crate::elf::Elf;"), ("elf/mod.rs", "")], "crate::elf::Elf");
}

/// The file that the path `written` in the file `path` leads to.
fn leads_to(house: &House, path: &str, written: &str) -> String {
    let segments = written.split("::").collect::<Vec<_>>();
    let is_written = |mention: &&Mention| mention.path == segments;
    let source = house.sources.iter().find(|source| source.path == path).expect("the file is there");
    let mention = source.facts.mentions.iter().find(is_written);
    let mention = mention.unwrap_or_else(|| panic!("{written} is not among the paths of {path}"));
    match house.target(mention) {
        Target::Item { file, .. } => house.sources[file].path.clone(),
        Target::Module(module) => format!("module {}", module.join("::")),
        Target::Outside(path) => format!("outside {}", path.join("::")),
        Target::Nothing => "nothing".into(),
    }
}

#[test]
fn imports_lead_to_the_file_that_defines_the_name() {
    let house = House::of(&[
        ("lib.rs", "pub mod elf; pub mod image;"),
        ("elf/mod.rs", "mod names; mod records; pub use names::Name; pub(crate) use records::*; pub struct Elf;"),
        ("elf/names.rs", "use super::{Elf, records::{Record as Entry, self as all}}; pub struct Name;"),
        ("elf/records.rs", "pub struct Record; pub fn one() {}"),
        ("image/mod.rs", "use crate::{elf::{self, Elf, Name, Record}, image::part::*}; mod part; pub enum Kind { A }"),
        ("image/part.rs", "use super::super::elf::Name; use super::Kind::{self, *}; use crate::elf; pub struct Part;"),
    ]);
    assert_eq!(leads_to(&house, "elf/names.rs", "super::Elf"), "elf/mod.rs");
    assert_eq!(leads_to(&house, "elf/names.rs", "super::records::Record"), "elf/records.rs");
    assert_eq!(leads_to(&house, "elf/names.rs", "super::records"), "module lib::elf::records");
    assert_eq!(leads_to(&house, "image/mod.rs", "crate::elf"), "module lib::elf");
    assert_eq!(leads_to(&house, "image/mod.rs", "crate::elf::Elf"), "elf/mod.rs");
    assert_eq!(leads_to(&house, "image/mod.rs", "crate::elf::Name"), "elf/names.rs");
    assert_eq!(leads_to(&house, "image/mod.rs", "crate::elf::Record"), "elf/records.rs");
    assert_eq!(leads_to(&house, "image/mod.rs", "crate::image::part"), "module lib::image::part");
    assert_eq!(leads_to(&house, "image/part.rs", "super::super::elf::Name"), "elf/names.rs");
    assert_eq!(leads_to(&house, "image/part.rs", "super::Kind"), "image/mod.rs");
}

#[test]
fn inline_paths_are_found_wherever_they_stand() {
    let code = r#"
        mod other;
        use std::io;
        use super::other as far;
        macro_rules! made { ($x:expr) => { $crate::a::in_macro_rules($x); { use crate::a::{b::in_group, in_list}; } } }
        #[serde(with = "crate::a::in_text")]
        struct S { field: crate::a::in_field }
        fn f(x: Option<crate::a::in_argument<crate::a::in_generics>>) {
            let _ = crate::a::in_expression(|| crate::a::in_closure);
            match x { crate::a::in_pattern { .. } => {}, _ => {} }
            println!("{}", format!("{:?}", crate::a::in_macro()));
            odd! { crate::a::in_odd_macro => 1 }
            let _ = matches!(x, Some(crate::a::in_matches | B) if crate::a::in_guard(x));
            let _ = io::stdout();
            let _ = far::thing();
            let _ = other::thing();
            let _ = <u8 as crate::a::in_cast>::f();
        }
        #[cfg(test)] mod tests { use crate::a::in_tests; }
        #[cfg(all(test, unix))] fn g() { crate::a::in_test_function(); }
        #[cfg(not(test))] fn h() { crate::a::in_not_test(); }
    "#;
    let a = "pub mod b; pub struct in_field; made! {}";
    let files = [("x/mod.rs", code), ("x/other.rs", "pub fn thing() {}"), ("other.rs", "pub fn thing() {}")];
    let house = House::of(&[&files[..], &[("a/mod.rs", a), ("a/b.rs", "pub struct in_group;")]].concat());
    let names = [
        "in_list",
        "in_text",
        "in_field",
        "in_argument",
        "in_generics",
        "in_expression",
        "in_closure",
        "in_pattern",
        "in_macro",
        "in_macro_rules",
        "in_odd_macro",
        "in_matches",
        "in_guard",
        "in_not_test",
    ];
    for name in names {
        assert_eq!(leads_to(&house, "x/mod.rs", &format!("crate::a::{name}")), "a/mod.rs");
    }
    assert_eq!(leads_to(&house, "x/mod.rs", "crate::a::b::in_group"), "a/b.rs");
    assert_eq!(leads_to(&house, "x/mod.rs", "crate::a::in_cast::f"), "a/mod.rs");
    assert_eq!(leads_to(&house, "x/mod.rs", "io::stdout"), "outside std::io::stdout");
    assert_eq!(leads_to(&house, "x/mod.rs", "far::thing"), "other.rs");
    assert_eq!(leads_to(&house, "x/mod.rs", "other::thing"), "x/other.rs");
    let in_tests = |mention: &Mention| mention.path.iter().any(|name| name.starts_with("in_test"));
    assert!(!house.mentions().any(|(_, mention)| in_tests(mention) && !mention.path.contains(&"in_text".into())));
}

#[test]
fn files_of_tests_are_left_out() {
    let house = House::of(&[
        ("a/mod.rs", "#[cfg(test)] mod tests;"),
        ("a/tests.rs", "use crate::nothing;"),
        ("a/tests/more.rs", "use crate::nothing;"),
    ]);
    assert_eq!(house.sources.iter().map(|source| &*source.path).collect::<Vec<_>>(), ["a/mod.rs"]);
}
