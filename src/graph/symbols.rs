//! Names of places, from the symbol table.

use std::collections::HashMap;
use std::ops::Range;

use super::Place;
use super::references::place_of;
use crate::elf::{Symbol, SymbolBinding, SymbolKind};
use crate::image::ModuleElf;

/// How many symbols before a place are asked whether they cover it.
const NEAR: usize = 16;

/// The function or variable that a place lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The index of its symbol.
    pub symbol: usize,
    /// The offset in it.
    pub offset: u64,
}

/// The functions and variables of an object, by place.
#[derive(Debug)]
pub struct Symbols<'a> {
    elf: &'a ModuleElf,
    /// By section: beginnings, in order, each with its symbol.
    sections: HashMap<usize, Vec<(u64, usize)>>,
}

impl<'a> Symbols<'a> {
    /// Sorts the symbols of an object.
    pub fn new(elf: &'a ModuleElf) -> Self {
        let mut sections: HashMap<usize, Vec<(u64, usize)>> = HashMap::new();
        for (index, symbol) in elf.symbols().iter().enumerate().skip(1) {
            if let Some(place) = place_of(symbol).filter(|_| names_place(elf, symbol)) {
                sections.entry(place.section).or_default().push((place.offset, index));
            }
        }
        for starts in sections.values_mut() {
            starts.sort_by_key(|(start, index)| (*start, elf.symbols().get(*index).map(rank)));
        }
        Self { elf, sections }
    }

    /// What a place lies in: the symbol whose bytes cover it, or, where none says how large it is, the last one before it.
    pub fn inside(&self, place: Place) -> Option<Inside> {
        let starts = self.sections.get(&place.section)?;
        let end = starts.partition_point(|(start, _)| *start <= place.offset);
        // Symbols seldom lie over each other: the nearest few tell.
        let near = starts.get(..end)?.iter().rev().take(NEAR);
        let size = |index: usize| self.elf.symbols().get(index).map_or(0, |symbol| symbol.size);
        let covering = near.clone().find(|(start, index)| place.offset - start < size(*index));
        let (start, symbol) = covering.or_else(|| near.clone().find(|(_, index)| size(*index) == 0))?;
        Some(Inside { symbol: *symbol, offset: place.offset - start })
    }

    /// The functions of a section, from each beginning to the next; bytes before the first are one too.
    pub(super) fn functions(&self, section: usize) -> Vec<Range<u64>> {
        let size = self.elf.sections().get(section).map_or(0, |section| section.size);
        let starts = self.sections.get(&section).map_or(&[][..], Vec::as_slice).iter().map(|(start, _)| *start);
        let mut starts: Vec<u64> = std::iter::once(0).chain(starts).filter(|start| *start < size).collect();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([size]);
        starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
    }

    /// The name of a symbol.
    pub fn name(&self, symbol: usize) -> String {
        self.elf.symbols().get(symbol).map(|symbol| self.elf.symbol_text(symbol)).unwrap_or_default()
    }

    /// The entry of a symbol.
    pub fn get(&self, symbol: usize) -> Option<&'a Symbol> {
        self.elf.symbols().get(symbol)
    }
}

/// Does it name what stands at its place, as functions, variables and labels do?
pub(super) fn names_place(elf: &ModuleElf, symbol: &Symbol) -> bool {
    matches!(symbol.kind(), SymbolKind::FUNC | SymbolKind::OBJECT) || is_label(elf, symbol)
}

/// Assembly code is often marked by nothing but a label.
fn is_label(elf: &ModuleElf, symbol: &Symbol) -> bool {
    let named = |name: &[u8]| !name.is_empty() && !name.starts_with(b".L") && !name.starts_with(b"$");
    symbol.kind() == SymbolKind::NOTYPE && elf.symbol_name(symbol).is_some_and(named)
}

/// Of several symbols at one place the last in this order names it: a function in the source rather than the alias that the
/// loader knows it by (`init_module`), and one with a size rather than a label.
fn rank(symbol: &Symbol) -> (bool, bool) {
    (symbol.size > 0, symbol.info >> 4 == SymbolBinding::LOCAL)
}
