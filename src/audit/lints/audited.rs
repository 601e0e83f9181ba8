//! One module, as far as lints ask.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::audit::{AuditCode, AuditFinding, Body, Call, Hop, How, KnownExports, Subject};
use crate::graph::Spot;
use crate::image::{ModuleElf, as_text, escaped};
use crate::terms::License;

/// A module, and what is known of all others.
pub struct Audited<'a> {
    pub object: usize,
    /// With `_` for `-`.
    pub name: String,
    pub elf: &'a ModuleElf,
    pub subject: Option<&'a Subject<'a>>,
    pub known: &'a KnownExports,
    /// The symbols that it leaves to others to define.
    pub imports: BTreeSet<Cow<'a, str>>,
}

impl<'a> Audited<'a> {
    pub fn new(
        object: usize,
        name: &str,
        elf: &'a ModuleElf,
        subject: Option<&'a Subject<'a>>,
        known: &'a KnownExports,
    ) -> Self {
        let undefined = elf.symbols().iter().skip(1).filter(|symbol| symbol.is_undefined());
        let names = undefined.filter_map(|symbol| elf.symbol_name(symbol)).filter(|name| !name.is_empty());
        let imports = names.map(as_text).collect();
        Self { object, name: name.replace('-', "_"), elf, subject, known, imports }
    }

    pub const fn finding(&self, code: AuditCode) -> AuditFinding {
        AuditFinding::new(code, self.object)
    }

    /// Does the loader take it for compatible with the GPL? That is by its first licence string.
    pub fn is_gpl_compatible(&self) -> bool {
        self.elf.modinfo().get("license").is_some_and(|text| License::new(text).is_gpl_compatible())
    }

    /// Does it say that it is one of the kernel's own?
    pub fn is_intree(&self) -> bool {
        self.elf.modinfo().has("intree")
    }

    pub fn imports(&self, symbol: &str) -> bool {
        self.imports.contains(symbol)
    }

    /// Every function that its code defines, with where it begins. What the compiler has put out of the way is read with the
    /// function that it belongs to.
    pub fn bodies(&self) -> impl Iterator<Item = (u64, Body)> {
        let labels = self.subject.map(|subject| subject.space.labels()).unwrap_or_default();
        let functions = labels.iter().filter(|label| label.code && label.size > 0 && !label.name.contains(".cold"));
        let mut starts: Vec<u64> = functions.map(|label| label.address).collect();
        starts.dedup();
        let read = |start| Some((start, Body::read(&self.subject?.space, start)?));
        starts.into_iter().filter_map(read)
    }

    /// The calls of a symbol that it imports, with the functions they are in.
    pub fn calls_of(&self, symbol: &str) -> Vec<(u64, Call)> {
        if !self.imports(symbol) {
            return Vec::new();
        }
        let is_it = |call: &Call| {
            let import = call.callee.filter(|callee| matches!(callee, Spot::Undefined(_)));
            import.and_then(|callee| self.subject?.name(callee)) == Some(symbol)
        };
        let of_body = |(start, body): (u64, Body)| body.calls.into_iter().map(move |call| (start, call));
        self.bodies().flat_map(of_body).filter(|(_, call)| is_it(call)).collect()
    }

    /// A step that is made at an address, by the function that begins at `start` or by what the compiler has put out of its
    /// way.
    pub fn hop(&self, start: u64, at: u64, how: How) -> Hop {
        let nowhere = || Hop { function: String::new(), offset: 0, how };
        self.subject.map_or_else(nowhere, |subject| subject.hop(start, at, how))
    }

    /// The string that stands at a place.
    pub fn string(&self, spot: Spot) -> Option<String> {
        Some(escaped(self.subject?.space.string(spot.address()?)?))
    }
}
