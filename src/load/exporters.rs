//! Finding the module that exports a symbol among very many.

use crate::terms::{ExportedSymbol, name_hash};

/// Which of the modules that are judged together export a name, by the numbers that these modules have.
#[derive(Debug, Default)]
pub(crate) struct ExportersByName {
    /// The hashes of all names with the numbers of the modules, sorted.
    places: Vec<(u64, usize)>,
}

impl ExportersByName {
    /// Up to so many modules are looked into one after another, without an index.
    pub const FEW: usize = 16;

    /// `all` are the exports of each module, with its number.
    pub fn new<'a>(all: impl Iterator<Item = (usize, &'a [ExportedSymbol])>) -> Self {
        let of_module = |(number, exports): (usize, &'a [ExportedSymbol])| {
            exports.iter().map(move |export| (name_hash(export.name.as_bytes()), number))
        };
        let mut places: Vec<_> = all.flat_map(of_module).collect();
        places.sort_unstable();
        places.dedup();
        Self { places }
    }

    /// The modules that may export a name.
    pub fn of(&self, name: &str) -> impl Iterator<Item = usize> {
        let hash = name_hash(name.as_bytes());
        let first = self.places.partition_point(|(other, _)| *other < hash);
        let places = self.places.get(first..).unwrap_or_default();
        places.iter().take_while(move |(other, _)| *other == hash).map(|(_, number)| *number)
    }
}
