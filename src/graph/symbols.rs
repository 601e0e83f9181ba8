//! Finds the function or variable that a place lies in, by the symbol table.

use std::collections::HashMap;
use std::ops::Range;

use super::Place;
use super::references::place_of;
use crate::elf::{Symbol, SymbolBinding, SymbolKind};
use crate::image::ModuleElf;

/// How many symbols before a place are tested for covering it.
const NEAR: usize = 16;

/// The function or variable that a place lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The index of its symbol.
    pub symbol: usize,
    /// The offset in the function or variable, in bytes.
    pub offset: u64,
}

/// The functions and variables of an object, by place.
#[derive(Debug)]
pub struct Symbols<'a> {
    elf: &'a ModuleElf,
    /// By section: the offsets where symbols begin, sorted, each with the symbol's index.
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

    /// The symbol that covers a place, or, if none does, the last one of unknown size before it.
    pub fn inside(&self, place: Place) -> Option<Inside> {
        let starts = self.sections.get(&place.section)?;
        let end = starts.partition_point(|(start, _)| *start <= place.offset);
        // Symbols seldom overlap, so the nearest few are enough.
        let near = starts.get(..end)?.iter().rev().take(NEAR);
        let size = |index: usize| self.elf.symbols().get(index).map_or(0, |symbol| symbol.size);
        let covering = near.clone().find(|(start, index)| place.offset - start < size(*index));
        let (start, symbol) = covering.or_else(|| near.clone().find(|(_, index)| size(*index) == 0))?;
        Some(Inside { symbol: *symbol, offset: place.offset - start })
    }

    /// The functions of a section, each from its start to the next one's. Bytes before the first count as a function.
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

    /// The symbol with that index.
    pub fn get(&self, symbol: usize) -> Option<&'a Symbol> {
        self.elf.symbols().get(symbol)
    }
}

/// Returns whether a symbol names the bytes at its place, as functions, variables and labels do.
pub(super) fn names_place(elf: &ModuleElf, symbol: &Symbol) -> bool {
    matches!(symbol.kind(), SymbolKind::FUNC | SymbolKind::OBJECT) || is_label(elf, symbol)
}

/// Returns whether a symbol is a label: assembly code often has no other symbol.
fn is_label(elf: &ModuleElf, symbol: &Symbol) -> bool {
    let Some(name) = elf.symbol_name(symbol).filter(|_| symbol.kind() == SymbolKind::NOTYPE) else { return false };
    !name.is_empty() && !name.starts_with(b".L") && !name.starts_with(b"$")
}

/// Of several symbols at one place, the highest rank names it: a symbol with a size before a label, and the local
/// function of the source before its global alias for the loader (`init_module`).
fn rank(symbol: &Symbol) -> (bool, bool) {
    (symbol.size > 0, symbol.info >> 4 == SymbolBinding::LOCAL)
}
