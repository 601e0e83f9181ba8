//! The public face of the library, as a listing: `tests/api/public.txt` names everything that a user of the crate can name,
//! one line for each item, field, variant, function and implementation.
//!
//! The listing is read from the source, so it needs no compiler of a certain version. It cannot know what the compiler
//! implements by itself (`Send`, `Sync`), and it writes types as the source does. Items made by a macro of their own file are
//! listed as far as the macro says them outright; what it repeats is listed as the call says it.
//!
//! A change of the listing is a change that users see. Write it anew with
//! `cargo test --test suite -- --ignored write_public_api`, and commit it together with the change.

use std::collections::{BTreeMap, BTreeSet};

use super::assert_none;
use super::declarations::What;
use super::source::{House, LIBRARY, Target, root};

/// The listing of a house.
fn listing(house: &House) -> String {
    let root = vec![LIBRARY.to_owned()];
    let mut face = Face { house, items: BTreeMap::new(), lines: BTreeSet::new(), open: Vec::new() };
    face.module(&root, "gplok");
    face.lines()
}

/// What is found on the way from the root of the library.
struct Face<'a> {
    house: &'a House,
    /// The paths an item is listed under, by the path it is defined at.
    items: BTreeMap<Vec<String>, BTreeSet<String>>,
    /// The path a line is listed under, its place there, and the line.
    lines: BTreeSet<(String, usize, String)>,
    /// The modules on the way, against circles.
    open: Vec<Vec<String>>,
}

impl Face<'_> {
    fn module(&mut self, module: &[String], listed: &str) {
        if self.open.iter().any(|open| open == module) {
            return;
        }
        self.open.push(module.to_vec());
        self.lines.insert((listed.to_owned(), 0, format!("pub mod {listed}")));
        let sources = &self.house.sources;
        let own = sources.iter().flat_map(|source| &source.facts.declarations).filter(|own| own.module == module);
        for declaration in own {
            match &declaration.what {
                What::Module { name } => {
                    self.module(&[module, std::slice::from_ref(name)].concat(), &format!("{listed}::{name}"));
                }
                What::Item { name, .. } => {
                    let path = [module, std::slice::from_ref(name)].concat();
                    self.items.entry(path).or_default().insert(format!("{listed}::{name}"));
                }
                What::Implementation { .. } => {}
            }
        }
        if let Some((_, scope)) = self.house.scope(module) {
            for (name, import) in scope.imports.iter().filter(|(_, import)| import.is_exported) {
                let listed = format!("{listed}::{name}");
                match self.house.resolve(module, &import.path, import.leading, &mut BTreeSet::new()) {
                    Target::Item { path, .. } => drop(self.items.entry(path).or_default().insert(listed)),
                    Target::Module(module) => self.module(&module, &listed),
                    Target::Outside(path) => {
                        let line = format!("pub use {listed} = {}", path.join("::"));
                        self.lines.insert((listed, 0, line));
                    }
                    Target::Nothing => {}
                }
            }
            for glob in scope.globs.iter().filter(|glob| glob.is_exported) {
                if let Target::Module(module) =
                    self.house.resolve(module, &glob.path, glob.leading, &mut BTreeSet::new())
                {
                    self.module(&module, listed);
                }
            }
        }
        self.open.pop();
    }

    /// The lines of all that was found: by path, first what an item is, then what it can do.
    fn lines(mut self) -> String {
        let declarations = self.house.sources.iter().flat_map(|source| &source.facts.declarations);
        for declaration in declarations {
            let module = &declaration.module;
            let (path, is_item, lines) = match &declaration.what {
                What::Module { .. } => continue,
                What::Item { name, lines } => ([module, std::slice::from_ref(name)].concat(), true, lines),
                What::Implementation { of, interface, lines } => {
                    let Some(path) = self.defined(module, of) else { continue };
                    let interface = interface.as_ref().and_then(|path| self.defined(module, path));
                    // A private trait is nothing that a user sees.
                    if interface.is_some_and(|path| !self.items.contains_key(&path)) {
                        continue;
                    }
                    (path, false, lines)
                }
            };
            for listed in self.items.get(&path).into_iter().flatten() {
                for (index, line) in lines.iter().enumerate() {
                    let place = if is_item { index } else { usize::MAX };
                    self.lines.insert((listed.clone(), place, line.replace('@', listed)));
                }
            }
        }
        self.lines.iter().map(|(_, _, line)| format!("{line}\n")).collect()
    }

    /// The path at which something of this crate is defined.
    fn defined(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        match self.house.resolve(module, path, false, &mut BTreeSet::new()) {
            Target::Item { path, .. } => Some(path),
            Target::Outside(path) if path.len() == 1 => {
                Some([module, &path[..]].concat()).filter(|path| self.items.contains_key(path))
            }
            _ => None,
        }
    }
}

/// Where the listing is kept.
const LISTING: &str = "tests/api/public.txt";

/// What a new listing has no longer, and what it has besides.
fn changes(kept: &str, found: &str) -> Vec<String> {
    let [old, new] = [kept, found].map(|text| text.lines().collect::<BTreeSet<_>>());
    let removed = old.difference(&new).map(|line| format!("- {line}"));
    let added = new.difference(&old).map(|line| format!("+ {line}"));
    let mut changes = removed.chain(added).collect::<Vec<_>>();
    if changes.is_empty() && kept != found {
        changes.push("the lines are in another order".into());
    }
    changes
}

#[test]
fn the_public_face_is_as_listed() {
    let kept = std::fs::read_to_string(root().join(LISTING)).expect("the listing can be read");
    let advice = "the public face differs from tests/api/public.txt; if that is meant, write the listing anew with \
                  `cargo test --test suite -- --ignored write_public_api`";
    assert_none(&changes(&kept, &listing(House::this())), advice);
}

#[test]
#[ignore = "writes tests/api/public.txt"]
fn write_public_api() {
    std::fs::create_dir_all(root().join("tests/api")).expect("the folder can be made");
    std::fs::write(root().join(LISTING), listing(House::this())).expect("the listing can be written");
}

#[test]
fn a_changed_face_is_found() {
    assert_eq!(changes("pub mod a\npub fn b()\n", "pub mod a\npub fn c()\n"), ["- pub fn b()", "+ pub fn c()"]);
    assert_eq!(changes("a\nb\n", "a\nb\n"), [""; 0]);
    assert_eq!(changes("a\nb\n", "b\na\n"), ["the lines are in another order"]);
}

#[test]
fn the_listing_names_all_that_is_public() {
    let house = House::of(&[
        ("lib.rs", "pub mod elf; mod secret; pub use secret::Known as Shown; pub use std::io::Error;"),
        (
            "secret.rs",
            "pub struct Known(pub u8, u16); pub struct Unknown; impl Known { pub fn is(&self) {} fn not() {} }",
        ),
        ("elf/mod.rs", "mod names; pub use names::*; pub(crate) use names::Crate; #[cfg(test)] pub mod tests {}"),
        (
            "elf/names.rs",
            "
            #[derive(Debug, Clone)]
            #[non_exhaustive]
            pub enum Kind { #[doc = \"a\"] One, Two(u8), Three { a: Vec<u8> } }
            pub struct Crate { pub a: u8, b: u8 }
            pub trait Named: Clone { const N: u8; fn name(&self) -> &str; fn long(
                &self,
                more: u8,
            ) {} }
            trait Private {}
            impl Named for Kind { const N: u8 = 1; fn name(&self) -> &str { todo!() } }
            impl Private for Kind {}
            impl<'a> IntoIterator for &'a Kind { type Item = u8; fn into_iter(self) {} }
            pub const MAX: usize = 1;
            pub fn read<T: AsRef<str>>(bytes: T) -> Option<u8> where T: Copy { todo!() }
            macro_rules! codes { ($($(#[$d:meta])* $name:ident = $text:literal),*) => {
                pub enum Code { $($(#[$d])* $name),* }
                impl Code { pub const fn name(self) -> &'static str { match self { $(Self::$name => $text),* } } }
            } }
            codes! { /** First. */ Bad = \"bad\", Good = \"good\" }
            ",
        ),
    ]);
    let expected = "\
pub mod gplok
pub use gplok::Error = std::io::Error
pub struct gplok::Shown(pub u8, _)
pub fn gplok::Shown::is(&self)
pub mod gplok::elf
pub enum gplok::elf::Code
codes! gplok::elf::Code: Bad = \"bad\"
codes! gplok::elf::Code: Good = \"good\"
pub const fn gplok::elf::Code::name(self) -> &'static str
pub struct gplok::elf::Crate { /* private */ }
pub gplok::elf::Crate::a: u8
#[non_exhaustive] pub enum gplok::elf::Kind
gplok::elf::Kind::One
gplok::elf::Kind::Two(u8)
gplok::elf::Kind::Three { a: Vec<u8> }
derive(Clone, Debug) for gplok::elf::Kind
impl Named for gplok::elf::Kind
impl<'a> IntoIterator for &'a gplok::elf::Kind { type Item = u8 }
pub const gplok::elf::MAX: usize
pub trait gplok::elf::Named: Clone
const gplok::elf::Named::N: u8
fn gplok::elf::Named::name(&self) -> &str
fn gplok::elf::Named::long(&self, more: u8) { .. }
pub fn gplok::elf::read<T: AsRef<str>>(bytes: T) -> Option<u8> where T: Copy
";
    assert_none(&changes(expected, &listing(&house)), "the listing is another");
}
