//! The types of a kernel by name.

use super::record::Kind;
use super::table::Table;
use crate::terms::name_hash;

/// The named types that have a size of their own, and forward declarations, by name: those that a module's base refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameIndex {
    /// The hash of the name and the number of each type, in this order.
    entries: Vec<(u64, u32)>,
}

impl NameIndex {
    /// The index of a table.
    pub fn of(table: Table<'_>) -> Self {
        let is_listed = |kind| {
            matches!(kind, Kind::INT | Kind::FLOAT | Kind::ENUM | Kind::ENUM64 | Kind::FWD | Kind::STRUCT | Kind::UNION)
        };
        let named = table.types().filter(|(_, record)| record.name != 0 && is_listed(record.kind()));
        let mut entries: Vec<_> =
            named.filter_map(|(id, record)| Some((name_hash(table.string(record.name)?), id))).collect();
        entries.sort_unstable();
        Self { entries }
    }

    /// The numbers of the types whose names have the hash of this one, ascending. A name with another hash is not this name.
    pub fn like(&self, name: &[u8]) -> impl Iterator<Item = u32> {
        let hash = name_hash(name);
        let first = self.entries.partition_point(|(other, _)| *other < hash);
        let rest = self.entries.get(first..).unwrap_or_default();
        rest.iter().take_while(move |(other, _)| *other == hash).map(|(_, id)| *id)
    }
}
