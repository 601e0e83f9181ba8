//! What the kernel itself exports, close together: nearly every import of every module is looked for here, and memory that is
//! touched so often is best small.

use super::name_index::NameIndex;
use crate::terms::{Crc, ExportKind};

/// The rows of the kernel itself out of a list of exports.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnExports {
    names: Vec<u8>,
    rows: Vec<OwnRow>,
    index: NameIndex,
}

/// A symbol that the kernel itself exports: how, in which version, and whether in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnRow {
    /// Where its name stands among all names, and how long it is.
    start: u32,
    len: u32,
    /// Its place among all rows.
    position: u32,
    pub kind: Option<ExportKind>,
    pub in_namespace: bool,
    pub crc: Option<Crc>,
}

impl OwnRow {
    /// Its place among all rows.
    pub fn position(&self) -> Option<usize> {
        usize::try_from(self.position).ok()
    }
}

impl OwnExports {
    /// Room for about so many rows.
    pub fn with_capacity(rows: usize) -> Self {
        let names = Vec::with_capacity(rows.saturating_mul(20));
        Self { names, rows: Vec::with_capacity(rows), index: NameIndex::with_capacity(rows) }
    }

    /// How many rows there are.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds the row at a position.
    pub fn push(&mut self, name: &str, position: usize, row: (Option<ExportKind>, Option<u32>, bool)) {
        let (Ok(start), Ok(len), Ok(position)) =
            (u32::try_from(self.names.len()), u32::try_from(name.len()), u32::try_from(position))
        else {
            return;
        };
        let (kind, crc, in_namespace) = row;
        self.names.extend_from_slice(name.as_bytes());
        self.index.push(name);
        self.rows.push(OwnRow { start, len, position, kind, in_namespace, crc: crc.map(Crc) });
    }

    /// The rows of that name, the last first.
    pub fn named(&self, name: &[u8]) -> impl Iterator<Item = &OwnRow> {
        let is_of_name = move |row: &&OwnRow| self.name(row) == name;
        self.index.candidates(name).filter_map(|entry| self.rows.get(entry)).filter(is_of_name)
    }

    /// Looks where these names are likely to stand. Memory is far away, and asked for many places at once it answers sooner;
    /// what comes of it is of no use to anybody.
    pub fn look_ahead<const N: usize>(&self, names: &[&[u8]; N]) {
        let rows = names.map(|name| self.rows.get(self.index.first(name)?));
        let letters = rows.map(|row| self.name(row?).first().copied());
        std::hint::black_box(letters);
    }

    fn name(&self, row: &OwnRow) -> &[u8] {
        let (start, len) = (usize::try_from(row.start).ok(), usize::try_from(row.len).ok());
        start.zip(len).and_then(|(start, len)| self.names.get(start..start + len)).unwrap_or_default()
    }
}
