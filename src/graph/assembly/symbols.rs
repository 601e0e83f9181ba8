//! What a text says of its symbols.

use std::collections::HashMap;

/// After so many aliases of aliases a name is given up: no compiler goes that far.
const ALIASES: usize = 64;

/// Where a symbol is defined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Definition {
    /// Not in this text.
    #[default]
    Elsewhere,
    /// It is the name of a node.
    Node(usize),
    /// It is a label inside a node.
    Inside(usize),
    /// It is a place among data.
    At(usize, u64),
    /// It is another symbol, with something added.
    Alias(usize, i64),
    /// It is a number, or stands in what the program does not use.
    Nothing,
}

/// One symbol.
#[derive(Clone, Debug, Default)]
pub(super) struct Symbol<'t> {
    pub name: &'t str,
    pub definition: Definition,
    /// Do others see it: `.globl`, `.weak`?
    pub is_outward: bool,
    /// `.internal`
    pub is_internal: bool,
    /// The node that referred to it last.
    pub referred: Option<usize>,
}

/// All symbols of a text, each once.
#[derive(Debug, Default)]
pub(super) struct Symbols<'t> {
    all: Vec<Symbol<'t>>,
    by_name: HashMap<&'t str, usize>,
}

impl<'t> Symbols<'t> {
    pub fn index(&mut self, name: &'t str) -> usize {
        let all = &mut self.all;
        *self.by_name.entry(name).or_insert_with(|| {
            all.push(Symbol { name, ..Symbol::default() });
            all.len() - 1
        })
    }

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

    /// Defines a symbol: what names a place keeps naming it, numbers and aliases may be set again.
    pub fn define(&mut self, name: &'t str, definition: Definition) {
        if let Some(symbol) = self.named(name)
            && matches!(symbol.definition, Definition::Elsewhere | Definition::Alias(..) | Definition::Nothing)
        {
            symbol.definition = definition;
        }
    }

    /// The symbol that aliases lead to, and what is added to it.
    pub fn meant(&self, mut index: usize, mut addend: i64) -> Option<(usize, i64)> {
        for _ in 0..ALIASES {
            let Definition::Alias(to, more) = self.get(index)?.definition else { return Some((index, addend)) };
            (index, addend) = (to, addend.wrapping_add(more));
        }
        None
    }
}
