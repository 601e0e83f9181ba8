//! Modules that were refused. A module that needs their exports is refused too, and its finding names them.

use std::sync::{Arc, OnceLock};

use crate::terms::{ExportedSymbol, name_hash};

/// A module that was refused, and what it would have exported.
#[derive(Debug)]
pub(crate) struct RefusedExporter {
    pub name: Arc<str>,
    /// Its number among the modules that are judged together; `None` if it is judged otherwise.
    pub number: Option<usize>,
    exports: Arc<Vec<ExportedSymbol>>,
    hashes: OnceLock<Hashes>,
}

/// An index for looking a name up in many modules, most of which do not export it.
#[derive(Debug)]
struct Hashes {
    /// A Bloom filter with one hash: a power of two of bits, at least eight for each name.
    bits: Vec<u64>,
    /// The hashes of the names and the names' positions, sorted.
    places: Vec<(u64, usize)>,
}

impl Hashes {
    fn new(exports: &[ExportedSymbol]) -> Self {
        let hashes = exports.iter().map(|export| name_hash(export.name.as_bytes()));
        let mut places: Vec<_> = hashes.zip(0..).collect();
        places.sort_unstable();
        let mut all = Self { bits: vec![0; places.len().div_ceil(8).next_power_of_two()], places: Vec::new() };
        for (hash, _) in &places {
            let (word, bit) = all.bit(*hash);
            all.bits.get_mut(word).into_iter().for_each(|word| *word |= bit);
        }
        all.places = places;
        all
    }

    /// The word that holds the bit of a hash, and the bit.
    fn bit(&self, hash: u64) -> (usize, u64) {
        let word = usize::try_from(hash >> 6).unwrap_or_default() & (self.bits.len() - 1);
        (word, 1 << (hash & 63))
    }

    /// The positions of names with that hash.
    fn places(&self, hash: u64) -> impl Iterator<Item = usize> {
        let (word, bit) = self.bit(hash);
        let may_be = self.bits.get(word).is_some_and(|word| word & bit != 0);
        let behind = || self.places.iter().skip(self.places.partition_point(|(other, _)| *other < hash));
        let of_hash = may_be.then(|| behind().take_while(move |(other, _)| *other == hash));
        of_hash.into_iter().flatten().map(|(_, place)| *place)
    }
}

impl RefusedExporter {
    /// Returns `None` for a module that exports nothing.
    pub fn new(name: &str, number: Option<usize>, exports: Arc<Vec<ExportedSymbol>>) -> Option<Self> {
        (!exports.is_empty()).then(|| Self { name: name.into(), number, exports, hashes: OnceLock::new() })
    }

    /// Returns whether the module exports a symbol.
    pub fn exports(&self, symbol: &str) -> bool {
        self.exports_hashed(symbol, name_hash(symbol.as_bytes()))
    }

    fn exports_hashed(&self, symbol: &str, hash: u64) -> bool {
        let mut places = self.hashes.get_or_init(|| Hashes::new(&self.exports)).places(hash);
        places.any(|place| self.exports.get(place).is_some_and(|export| export.name == symbol))
    }

    /// The first of these modules that exports a symbol.
    pub fn of_symbol<'a>(all: &'a [Arc<Self>], symbol: &str) -> Option<&'a Arc<Self>> {
        let hash = name_hash(symbol.as_bytes());
        all.iter().find(|refused| refused.exports_hashed(symbol, hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::ExportKind;

    #[test]
    fn the_first_that_exports_a_symbol_is_found_for_every_symbol() {
        let export = |name: String| ExportedSymbol { name, kind: ExportKind::Plain, crc: None, namespace: None };
        let exporter = |name: &str, from: usize, to: usize| {
            let exports = (from..to).map(|number| export(format!("symbol_{number}"))).collect();
            Arc::new(RefusedExporter::new(name, None, Arc::new(exports)).expect("exports"))
        };
        let all = [exporter("a", 0, 100), exporter("b", 90, 1_000), exporter("c", 0, 2_000)];
        for number in 0..2_100 {
            let first = match number {
                0..100 => Some("a"),
                100..1_000 => Some("b"),
                1_000..2_000 => Some("c"),
                _ => None,
            };
            let found = RefusedExporter::of_symbol(&all, &format!("symbol_{number}"));
            assert_eq!(found.map(|refused| &*refused.name), first);
        }
        assert!(RefusedExporter::new("none", None, Arc::default()).is_none());
    }
}
