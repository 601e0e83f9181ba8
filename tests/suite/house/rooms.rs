//! The rooms stand in a line.

use std::collections::BTreeSet;

use super::source::{House, Target, root};
use super::{assert_found, assert_none};

/// The rooms in order: each imports only from rooms before it.
pub const ROOMS: [&str; 19] = [
    "terms",
    "elf",
    "compression",
    "x509",
    "btf",
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
    "bin",
];

fn place(room: &str) -> Option<usize> {
    ROOMS.iter().position(|other| *other == room)
}

/// Paths that lead to a room behind their own, or on their way pass through one.
fn later(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    for (source, mention) in house.mentions() {
        let Some(own) = place(source.room()) else { continue };
        let ways = (1..=mention.path.len()).map(|length| {
            let path = &mention.path[..length];
            house.resolve(&mention.module, path, mention.leading, &mut BTreeSet::new())
        });
        let found = ways.filter_map(|target| match target {
            Target::Item { file, .. } => Some(house.sources[file].room().to_owned()),
            Target::Module(module) => module.get(1).cloned(),
            Target::Outside(_) | Target::Nothing => None,
        });
        let later = found.filter(|room| place(room).is_some_and(|place| place > own)).collect::<BTreeSet<_>>();
        broken.extend(
            later
                .into_iter()
                .map(|room| format!("src/{}:{}: {} is in {room}", source.path, mention.line, mention.path.join("::"))),
        );
    }
    broken
}

#[test]
fn a_room_imports_only_from_rooms_before_it() {
    assert_none(&later(House::this()), "a room imports only from rooms before it");
}

#[test]
fn an_import_from_a_later_room_is_found() {
    let load = ("load/mod.rs", "pub struct Machine; pub use crate::terms::Crc;");
    let terms = "pub struct Crc;";
    let seed = |code: &str| assert_found(later, &[("terms/mod.rs", &format!("{terms} {code}")), load], "is in load");
    seed("use crate::load::Machine;");
    seed("use crate::{load::{Machine as M}};");
    seed("use super::load;");
    seed("fn f() -> Box<crate::load::Machine> { todo!() }");
    seed("macro_rules! boot { () => { $crate::load::Machine } }");
    // Although the name is its own, the way leads through a later room.
    seed("use crate::load::Crc as Again;");
    let through = ("kernel/mod.rs", "pub use crate::load::Machine;");
    let broken = later(&House::of(&[load, through, ("terms/mod.rs", "pub struct Crc; use crate::kernel::Machine;")]));
    assert_eq!(broken.len(), 3, "{broken:#?}");
}

#[test]
fn an_import_from_an_earlier_room_is_none() {
    let house = House::of(&[
        ("terms/mod.rs", "pub struct Crc;"),
        ("load/mod.rs", "use crate::terms::Crc; fn f(_: crate::terms::Crc, load: u8) { let _ = load; }"),
        ("bin/gplok/main.rs", "use gplok::load; mod plan; use crate::plan::P;"),
        ("bin/gplok/plan.rs", "pub struct P;"),
    ]);
    assert_none(&later(&house), "nothing is wrong here");
}

/// Names directly below `src` that are no rooms.
fn roomless<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names
        .filter(|name| place(name).is_none() && *name != "lib.rs" && !name.ends_with(".md"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_folder_of_the_source_is_a_room() {
    let entries = std::fs::read_dir(root().join("src")).expect("src can be listed");
    let names = entries.map(|entry| entry.expect("the entry can be read").file_name().into_string());
    let names = names.map(|name| name.expect("its name is UTF-8")).collect::<Vec<_>>();
    assert_none(&roomless(names.iter().map(String::as_str)), "every folder of src is a room");
}

#[test]
fn a_folder_that_is_no_room_is_found() {
    assert_eq!(roomless(["lib.rs", "terms", "bin", "utils", "helpers.rs"].into_iter()), ["utils", "helpers.rs"]);
}
