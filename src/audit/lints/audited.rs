//! One module, with what lints look at.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::audit::{AuditCode, AuditFinding, Body, Call, Hop, How, KnownExports, Subject};
use crate::graph::Spot;
use crate::image::{ModuleElf, as_text, escaped};
use crate::terms::{License, ModuleName};

/// A module that is linted, and what is known of all others.
pub struct Audited<'a> {
    pub object: usize,
    pub name: ModuleName,
    pub elf: &'a ModuleElf,
    pub subject: Option<&'a Subject<'a>>,
    pub known: &'a KnownExports,
    /// Its undefined symbols, which other modules or the kernel must define.
    pub imports: BTreeSet<Cow<'a, str>>,
}

impl<'a> Audited<'a> {
    pub fn new(
        object: usize,
        name: &ModuleName,
        elf: &'a ModuleElf,
        subject: Option<&'a Subject<'a>>,
        known: &'a KnownExports,
    ) -> Self {
        let undefined = elf.symbols().iter().skip(1).filter(|symbol| symbol.is_undefined());
        let names = undefined.filter_map(|symbol| elf.symbol_name(symbol)).filter(|name| !name.is_empty());
        let imports = names.map(as_text).collect();
        Self { object, name: name.clone(), elf, subject, known, imports }
    }

    pub const fn finding(&self, code: AuditCode) -> AuditFinding {
        AuditFinding::new(code, self.object)
    }

    /// Returns whether the loader treats it as compatible with the GPL. The loader looks at the first license string.
    pub fn is_gpl_compatible(&self) -> bool {
        self.elf.modinfo().get("license").is_some_and(|text| License::new(text).is_gpl_compatible())
    }

    /// Returns whether it is marked as one of the kernel's own modules.
    pub fn is_intree(&self) -> bool {
        self.elf.modinfo().has("intree")
    }

    pub fn imports(&self, symbol: &str) -> bool {
        self.imports.contains(symbol)
    }

    /// Every function of its code, with the address it begins at. A cold piece is read with the function that it
    /// belongs to.
    pub fn bodies(&self) -> impl Iterator<Item = (u64, Body)> {
        let labels = self.subject.map(|subject| subject.space.labels()).unwrap_or_default();
        let functions = labels.iter().filter(|label| label.code && label.size > 0 && !label.name.contains(".cold"));
        let mut starts: Vec<u64> = functions.map(|label| label.address).collect();
        starts.dedup();
        starts.into_iter().filter_map(|start| Some((start, Body::read(&self.subject?.space, start)?)))
    }

    /// The calls of an imported symbol, each with the address of the function it is in.
    pub fn calls_of(&self, symbol: &str) -> Vec<(u64, Call)> {
        if !self.imports(symbol) {
            return Vec::new();
        }
        let mut calls = Vec::new();
        for (start, body) in self.bodies() {
            calls.extend(body.calls.into_iter().filter(|call| self.is_call_of(call, symbol)).map(|call| (start, call)));
        }
        calls
    }

    fn is_call_of(&self, call: &Call, symbol: &str) -> bool {
        let import = call.callee.filter(|callee| matches!(callee, Spot::Undefined(_)));
        import.and_then(|callee| self.subject?.name(callee)) == Some(symbol)
    }

    /// The hop of a reference at an address, which lies in the function that begins at `start` or in a cold piece of
    /// it.
    pub fn hop(&self, start: u64, at: u64, how: How) -> Hop {
        match self.subject {
            Some(subject) => subject.hop(start, at, how),
            None => Hop { function: String::new(), offset: 0, how },
        }
    }

    /// The string at a spot.
    pub fn string(&self, spot: Spot) -> Option<String> {
        Some(escaped(self.subject?.space.string(spot.address()?)?))
    }
}
