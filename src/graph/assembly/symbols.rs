//! The symbols of a text, and where they are defined.

use std::collections::HashMap;

/// How many aliases of aliases are followed. No compiler writes that many.
const ALIASES: usize = 64;

/// Where a symbol is defined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Definition {
    /// Not in this text.
    #[default]
    Elsewhere,
    /// It is the name of a node, by index.
    Node(usize),
    /// It is a label inside a node, by index.
    Inside(usize),
    /// It is a place in a section of data: the section's index and the offset.
    At(usize, u64),
    /// It is another symbol, by index, with a number added.
    Alias(usize, i64),
    /// It is a number, or lies in a section that the program does not use.
    Nothing,
}

/// One symbol.
#[derive(Clone, Debug, Default)]
pub(super) struct Symbol<'t> {
    pub name: &'t str,
    pub definition: Definition,
    /// Whether it is visible outside of the object (`.globl`, `.weak`).
    pub is_outward: bool,
    /// Whether it is marked `.internal`.
    pub is_internal: bool,
    /// The last node that referred to it without an addend.
    pub referred: Option<usize>,
}

/// All symbols of a text, each once.
#[derive(Debug, Default)]
pub(super) struct Symbols<'t> {
    all: Vec<Symbol<'t>>,
    by_name: HashMap<&'t str, usize>,
}

impl<'t> Symbols<'t> {
    /// The index of the symbol with that name. It is added if it is new.
    pub fn index(&mut self, name: &'t str) -> usize {
        let all = &mut self.all;
        *self.by_name.entry(name).or_insert_with(|| {
            all.push(Symbol { name, ..Symbol::default() });
            all.len() - 1
        })
    }

    /// The symbol with that name. It is added if it is new.
    pub fn named(&mut self, name: &'t str) -> Option<&mut Symbol<'t>> {
        let index = self.index(name);
        self.all.get_mut(index)
    }

    pub fn get(&self, index: usize) -> Option<&Symbol<'t>> {
        self.all.get(index)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut Symbol<'t>> {
        self.all.get_mut(index)
    }

    /// Defines a symbol. A number or an alias may be defined again; a place may not.
    pub fn define(&mut self, name: &'t str, definition: Definition) {
        if let Some(symbol) = self.named(name)
            && matches!(symbol.definition, Definition::Elsewhere | Definition::Alias(..) | Definition::Nothing)
        {
            symbol.definition = definition;
        }
    }

    /// Follows aliases to the symbol they stand for, and adds up the addends; `None` if there are too many.
    pub fn resolve(&self, mut index: usize, mut addend: i64) -> Option<(usize, i64)> {
        for _ in 0..ALIASES {
            let Definition::Alias(to, more) = self.get(index)?.definition else { return Some((index, addend)) };
            index = to;
            addend = addend.wrapping_add(more);
        }
        None
    }
}
