//! The kernel's own exports in a compact table: nearly every import of every module is looked up here first, and a small table
//! stays in the CPU's cache.

use super::name_index::NameIndex;
use crate::terms::{Crc, ExportKind, HashedName};

/// The rows of a list of exports that the kernel itself exports.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnExports {
    names: Vec<u8>,
    rows: Vec<OwnRow>,
    index: NameIndex,
}

/// A symbol that the kernel itself exports: its kind, its version and whether it has a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnRow {
    /// The range of its name in `OwnExports::names`.
    start: u32,
    len: u32,
    /// Its position among all rows of the list.
    position: u32,
    pub kind: Option<ExportKind>,
    pub in_namespace: bool,
    pub crc: Option<Crc>,
}

impl OwnRow {
    /// Its position among all rows of the list.
    pub fn position(&self) -> Option<usize> {
        usize::try_from(self.position).ok()
    }
}

impl OwnExports {
    /// An empty table with room for about `rows` rows.
    pub fn with_capacity(rows: usize) -> Self {
        let names = Vec::with_capacity(rows.saturating_mul(20));
        Self { names, rows: Vec::with_capacity(rows), index: NameIndex::with_capacity(rows) }
    }

    /// The number of rows.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds the row that lies at `position` of the list: its kind, its version and whether it has a namespace.
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

    /// The rows of a name, the last first.
    pub fn named<'a>(&'a self, hashed: HashedName<'a>) -> impl Iterator<Item = &'a OwnRow> {
        let candidates = self.index.candidates(hashed.hash).filter_map(|entry| self.rows.get(entry));
        candidates.filter(move |row| self.name(row) == hashed.name)
    }

    /// Reads the likely row of each name, so that the lookups that follow find them in the CPU's cache: reads that do not
    /// depend on each other overlap. The values read are discarded.
    pub fn look_ahead<const N: usize>(&self, names: &[HashedName<'_>; N]) {
        let rows = names.map(|hashed| self.rows.get(self.index.first(hashed.hash)?));
        let first_bytes = rows.map(|row| self.name(row?).first().copied());
        std::hint::black_box(first_bytes);
    }

    fn name(&self, row: &OwnRow) -> &[u8] {
        let start = usize::try_from(row.start).ok();
        let len = usize::try_from(row.len).ok();
        start.zip(len).and_then(|(start, len)| self.names.get(start..start + len)).unwrap_or_default()
    }
}
