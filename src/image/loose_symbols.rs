//! The symbols of a module that its loader must resolve or reject.

use super::ModuleElf;
use crate::elf::{Symbol, SymbolPlace};

/// A symbol that is undefined, common, or in a section that does not exist. The loader takes all other symbols as they
/// are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LooseSymbol {
    index: u32,
    /// `st_name`.
    name: u32,
    /// The name's offset in `LooseSymbols::names`.
    name_start: u32,
    /// The name's length there. It is 0 if the name is not there: it is empty or outside the file, or overlapping names
    /// would take more memory than the file.
    name_len: u16,
    /// `st_shndx`.
    pub shndx: u16,
    is_weak: bool,
}

impl LooseSymbol {
    /// Its index in the symbol table.
    pub fn index(&self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }

    /// Returns whether the module does not define it, so that the kernel must resolve it.
    pub const fn is_undefined(&self) -> bool {
        self.shndx == SymbolPlace::UNDEF
    }

    /// Returns whether it is weak: a weak reference may stay unresolved.
    pub const fn is_weak(&self) -> bool {
        self.is_weak
    }
}

/// All loose symbols in the order of the symbol table, with their names.
#[derive(Debug, Default)]
pub(super) struct LooseSymbols {
    symbols: Vec<LooseSymbol>,
    names: Vec<u8>,
}

impl ModuleElf {
    /// The symbols that the loader must resolve or reject, in the order of the symbol table.
    pub fn loose_symbols(&self) -> &[LooseSymbol] {
        &self.loose().symbols
    }

    /// The name of a loose symbol; `None` if it is outside the file.
    pub fn loose_name(&self, loose: &LooseSymbol) -> Option<&[u8]> {
        let start = usize::try_from(loose.name_start).ok()?;
        match loose.name_len {
            0 => self.string(self.strtab()?.offset.checked_add(loose.name.into())?),
            len => self.loose().names.get(start..start + usize::from(len)),
        }
    }

    /// The undefined symbols, in the order of the symbol table, which is the order of resolution.
    pub fn undefined_symbols(&self) -> impl Iterator<Item = &LooseSymbol> {
        self.loose_symbols().iter().filter(|loose| loose.is_undefined())
    }

    fn loose(&self) -> &LooseSymbols {
        self.loose.get_or_init(|| self.read_loose_symbols())
    }

    fn read_loose_symbols(&self) -> LooseSymbols {
        let count = self.symbols().iter().filter(|symbol| self.is_loose(symbol)).count();
        let mut all =
            LooseSymbols { symbols: Vec::with_capacity(count), names: Vec::with_capacity(count.min(1 << 20) * 24) };
        for (index, symbol) in self.symbols().iter().enumerate().skip(1).filter(|(_, symbol)| self.is_loose(symbol)) {
            let name = self.symbol_name(symbol).filter(|_| all.names.len() <= self.bytes.len());
            let placed = name.and_then(|name| Some((u32::try_from(all.names.len()).ok()?, name)));
            let (name_start, name) = placed.unwrap_or_default();
            all.names.extend_from_slice(name);
            all.symbols.push(LooseSymbol {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                name: symbol.name,
                name_start,
                name_len: u16::try_from(name.len()).unwrap_or_default(),
                shndx: symbol.shndx,
                is_weak: symbol.is_weak(),
            });
        }
        all.names.shrink_to_fit();
        all
    }

    fn is_loose(&self, symbol: &Symbol) -> bool {
        match symbol.shndx {
            SymbolPlace::UNDEF | SymbolPlace::COMMON => true,
            SymbolPlace::ABS | SymbolPlace::LIVEPATCH => false,
            shndx => usize::from(shndx) >= self.sections().len(),
        }
    }
}
