//! The symbols of a module that its loader has something to do about.

use super::ModuleElf;
use crate::elf::{Symbol, SymbolPlace};

/// A symbol that is undefined, common, or of a section that does not exist; all others stand as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LooseSymbol {
    index: u32,
    /// `st_name`.
    name: u32,
    /// Where the name is kept, and how long it is; of no length when it is empty, when it lies outside the file, or when too
    /// many names lie over each other.
    kept: u32,
    len: u16,
    /// `st_shndx`.
    pub shndx: u16,
    is_weak: bool,
}

impl LooseSymbol {
    /// Its place in the symbol table.
    pub fn index(&self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }

    /// Does the module leave it to the kernel to define?
    pub const fn is_undefined(&self) -> bool {
        self.shndx == SymbolPlace::UNDEF
    }

    /// Is it a reference that may stay unresolved?
    pub const fn is_weak(&self) -> bool {
        self.is_weak
    }
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
        let start = usize::try_from(loose.kept).ok()?;
        match loose.len {
            0 => self.string(self.strtab()?.offset.checked_add(loose.name.into())?),
            len => self.loose().names.get(start..start + usize::from(len)),
        }
    }

    /// The undefined symbols, in the order of the symbol table, which is the order of resolution.
    pub fn undefined_symbols(&self) -> impl Iterator<Item = &LooseSymbol> {
        self.loose_symbols().iter().filter(|loose| loose.is_undefined())
    }

    fn loose(&self) -> &LooseSymbols {
        self.loose.get_or_init(|| {
            let sections = self.sections().len();
            let is_loose = |symbol: &Symbol| match symbol.shndx {
                SymbolPlace::UNDEF | SymbolPlace::COMMON => true,
                SymbolPlace::ABS | SymbolPlace::LIVEPATCH => false,
                shndx => usize::from(shndx) >= sections,
            };
            let count = self.symbols().iter().filter(|symbol| is_loose(symbol)).count();
            let mut all =
                LooseSymbols { symbols: Vec::with_capacity(count), names: Vec::with_capacity(count.min(1 << 20) * 24) };
            for (index, symbol) in self.symbols().iter().enumerate().skip(1).filter(|(_, symbol)| is_loose(symbol)) {
                let name = self.symbol_name(symbol).filter(|_| all.names.len() <= self.bytes.len());
                let kept = name.and_then(|name| Some((u32::try_from(all.names.len()).ok()?, name)));
                let (kept, name) = kept.unwrap_or_default();
                all.names.extend_from_slice(name);
                all.symbols.push(LooseSymbol {
                    index: u32::try_from(index).unwrap_or(u32::MAX),
                    name: symbol.name,
                    kept,
                    len: u16::try_from(name.len()).unwrap_or_default(),
                    shndx: symbol.shndx,
                    is_weak: symbol.is_weak(),
                });
            }
            all.names.shrink_to_fit();
            all
        })
    }
}
