//! The symbols of a module that its loader must resolve or reject.

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
    /// The length of all names, also of those that are not kept.
    length: usize,
}

/// What a finding about a symbol takes beside the symbol's name, in bytes.
const FINDING: usize = 256;
/// The most memory that findings about all symbols of a module may take: 128 MiB. The modules of distributions need at most a few
/// thousand symbols, which take less than 1 MiB.
const FINDINGS: usize = 128 << 20;
/// How many times the name of a symbol is in memory once a verdict is written: in findings, lines of the log, and pages.
const NAMES: usize = 4;

impl LooseSymbols {
    /// Reads them from a symbol table. `name_of` returns the name of a symbol, and `room` is the largest number of bytes that
    /// names are kept in.
    pub fn read<'a>(
        symbols: &[Symbol],
        sections: usize,
        room: usize,
        name_of: impl Fn(&Symbol) -> Option<&'a [u8]>,
    ) -> Self {
        let count = symbols.iter().filter(|symbol| is_loose(symbol, sections)).count();
        let names = Vec::with_capacity(count.min(1 << 20) * 24);
        let mut all = Self { symbols: Vec::with_capacity(count), names, length: 0 };
        for (index, symbol) in symbols.iter().enumerate().skip(1).filter(|(_, symbol)| is_loose(symbol, sections)) {
            let name = name_of(symbol);
            all.length = all.length.saturating_add(name.map_or(0, <[u8]>::len));
            let name = name.filter(|_| all.names.len() <= room);
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

    pub fn symbols(&self) -> &[LooseSymbol] {
        &self.symbols
    }

    /// Returns whether findings about all of them would take too much memory: they are very many, or have long names that overlap.
    pub fn are_too_many(&self) -> bool {
        self.symbols.len().saturating_mul(FINDING).saturating_add(self.length) > FINDINGS
    }

    /// What they and the findings about all of them in so many verdicts take in memory, in bytes.
    pub fn size(&self, verdicts: usize) -> usize {
        let finding = FINDING.saturating_mul(self.symbols.len()).saturating_add(self.length.saturating_mul(NAMES));
        finding.saturating_mul(verdicts)
    }

    /// The name of a symbol, or as `Err` its `st_name`, if the name was not kept.
    pub fn name(&self, loose: &LooseSymbol) -> Result<Option<&[u8]>, u32> {
        match (loose.name_len, usize::try_from(loose.name_start)) {
            (0, _) | (_, Err(_)) => Err(loose.name),
            (len, Ok(start)) => Ok(self.names.get(start..start + usize::from(len))),
        }
    }
}

fn is_loose(symbol: &Symbol, sections: usize) -> bool {
    match symbol.shndx {
        SymbolPlace::UNDEF | SymbolPlace::COMMON => true,
        SymbolPlace::ABS | SymbolPlace::LIVEPATCH => false,
        shndx => usize::from(shndx) >= sections,
    }
}
