//! The symbols of a module that its loader has something to do about.

use super::ModuleElf;
use crate::elf::{Symbol, SymbolPlace};

/// A symbol that is undefined, common, or of a section that does not exist; all others stand as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LooseSymbol {
    /// Its place in the symbol table.
    pub index: usize,
    /// The symbol.
    pub symbol: Symbol,
    /// Where its name is kept; nowhere when it lies outside the file, or when too many names lie over each other.
    name: Option<(usize, usize)>,
}

/// All of them, in order, with their names.
#[derive(Debug, Default)]
pub(super) struct LooseSymbols {
    symbols: Vec<LooseSymbol>,
    names: Vec<u8>,
}

impl ModuleElf {
    /// The symbols that the loader has something to do about, in order.
    pub fn loose_symbols(&self) -> &[LooseSymbol] {
        &self.loose().symbols
    }

    /// The name of one of them; `None` when it lies outside the file.
    pub fn loose_name(&self, loose: &LooseSymbol) -> Option<&[u8]> {
        match loose.name {
            Some((start, len)) => self.loose().names.get(start..start + len),
            None => self.symbol_name(&loose.symbol),
        }
    }

    /// The undefined symbols, in the order of the symbol table, which is the order of resolution.
    pub fn undefined_symbols(&self) -> impl Iterator<Item = &LooseSymbol> {
        self.loose_symbols().iter().filter(|loose| loose.symbol.is_undefined())
    }

    fn loose(&self) -> &LooseSymbols {
        self.loose.get_or_init(|| {
            let sections = self.sections().len();
            let is_loose = |symbol: &Symbol| match symbol.shndx {
                SymbolPlace::UNDEF | SymbolPlace::COMMON => true,
                SymbolPlace::ABS | SymbolPlace::LIVEPATCH => false,
                shndx => usize::from(shndx) >= sections,
            };
            let mut all = LooseSymbols::default();
            for (index, symbol) in self.symbols().iter().enumerate().skip(1).filter(|(_, symbol)| is_loose(symbol)) {
                let name = self.symbol_name(symbol).filter(|_| all.names.len() <= self.bytes.len()).map(|name| {
                    all.names.extend_from_slice(name);
                    (all.names.len() - name.len(), name.len())
                });
                all.symbols.push(LooseSymbol { index, symbol: symbol.clone(), name });
            }
            all.symbols.shrink_to_fit();
            all.names.shrink_to_fit();
            all
        })
    }
}
