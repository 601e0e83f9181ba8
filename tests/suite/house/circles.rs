//! No file of the library depends on itself by way of others.

use std::collections::{BTreeMap, BTreeSet};

use super::source::House;
use super::{assert_none, source::Source};

/// The circles: files each of which depends on all others, with the imports between them. A `mod.rs` counts for the items
/// that it defines, not for those it re-exports.
fn circles(house: &House) -> Vec<String> {
    let dependencies = house.dependencies();
    let is_of_library = |file: &usize| house.sources.get(*file).is_some_and(Source::is_of_library);
    let reached = (0..dependencies.len()).map(|file| reachable(file, &dependencies)).collect::<Vec<_>>();
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for file in (0..dependencies.len()).filter(is_of_library) {
        let members = reached[file].iter().copied().filter(|other| reached[*other].contains(&file));
        let members = members.collect::<BTreeSet<_>>();
        if members.is_empty() || !told.insert(members.clone()) {
            continue;
        }
        let names = members.iter().map(|member| format!("src/{}", house.sources[*member].path)).collect::<Vec<_>>();
        let mut lines = vec![format!("{} files in a circle: {}", members.len(), names.join(", "))];
        for from in &members {
            lines.extend(
                dependencies[*from]
                    .iter()
                    .filter(|(to, _)| members.contains(to))
                    .map(|(to, evidence)| format!("    {evidence}, in src/{}", house.sources[*to].path)),
            );
        }
        circles.push(lines.join("\n"));
    }
    circles
}

/// The files that a file depends on, directly or not.
fn reachable(file: usize, dependencies: &[BTreeMap<usize, String>]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![file];
    while let Some(next) = waiting.pop() {
        waiting.extend(dependencies[next].keys().filter(|other| reached.insert(**other)));
    }
    reached
}

#[test]
fn no_file_of_the_library_is_in_a_circle() {
    assert_none(&circles(House::this()), "imports make a circle");
}

#[test]
fn a_circle_is_found_with_its_members() {
    let seed = |files: &[(&str, &str)], members: &str| super::assert_found(circles, files, members);
    let of_two = "2 files in a circle: src/a/one.rs, src/a/two.rs";
    let one = ("a/one.rs", "use super::two::Two; pub struct One;");
    seed(&[one, ("a/two.rs", "use super::one::One; pub struct Two;"), ("a/mod.rs", "")], of_two);
    // By way of what a `mod.rs` re-exports, by globs, by macros and by inline paths.
    let names = ("a/mod.rs", "mod one; mod two; pub use one::One; pub use two::Two;");
    seed(&[names, one, ("a/two.rs", "use crate::a::One; pub struct Two;")], of_two);
    seed(&[names, one, ("a/two.rs", "use super::*; pub struct Two(One);")], of_two);
    seed(&[names, one, ("a/two.rs", "use crate::a; pub struct Two; fn f() { print!(\"{}\", a::One) }")], of_two);
    // Three, and a `mod.rs` that uses what it re-exports.
    let own = ("a/mod.rs", "mod one; mod two; pub use one::One; pub struct Own(One);");
    let files = [own, one, ("a/two.rs", "use super::Own; pub struct Two;")];
    seed(&files, "3 files in a circle: src/a/mod.rs, src/a/one.rs, src/a/two.rs");
}

#[test]
fn a_mod_that_only_re_exports_makes_no_circle() {
    let house = House::of(&[
        ("a/mod.rs", "mod one; mod two; pub use one::One; pub(crate) use two::Two; pub const OWN: u8 = 1;"),
        ("a/one.rs", "use super::OWN; pub struct One;"),
        ("a/two.rs", "use super::One; pub struct Two; #[cfg(test)] mod tests { use super::super::Two; }"),
    ]);
    assert_none(&circles(&house), "nothing is wrong here");
}
