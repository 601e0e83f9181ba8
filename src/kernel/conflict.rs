//! Where two sources of one fact disagree.

use std::path::{Path, PathBuf};

use super::config::Config;
use super::exports::{Exports, KernelExport};
use super::fact::Fact;
use super::symvers::VMLINUX;

/// Two sources that tell one fact differently: files of two builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What they tell.
    pub fact: Fact,
    /// The source that counts.
    pub used: PathBuf,
    /// The one that was passed over.
    pub passed_over: PathBuf,
    /// What each says.
    pub difference: Difference,
}

/// How two sources differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// In so many entries of a list, one of which is named.
    Entries {
        /// How many are in one list only, or not the same.
        different: usize,
        /// How many there are in both lists together.
        of: usize,
        /// The first of them.
        example: String,
    },
    /// In a value: what the source that counts says, and what the other.
    Value(String, String),
}

/// A list and where it was read from.
type Sourced<'a, T> = (&'a T, &'a Path);

fn conflict(fact: Fact, used: &Path, passed_over: &Path, different: &[String], of: usize) -> Option<Conflict> {
    let example = different.first()?.clone();
    let difference = Difference::Entries { different: different.len(), of, example };
    Some(Conflict { fact, used: used.to_owned(), passed_over: passed_over.to_owned(), difference })
}

/// Compares what both lists tell: of modules only where both list theirs, versions and namespaces where both have them.
pub(super) fn export_conflict(
    (used, used_path): Sourced<'_, Exports>,
    (other, other_path): Sourced<'_, Exports>,
) -> Option<Conflict> {
    let modules = used.covers_modules() && other.covers_modules();
    let compared = |row: &KernelExport<'_>| modules || row.exporter == VMLINUX;
    let names_only = used.is_names_only() || other.is_names_only();
    let same = |a: &KernelExport<'_>, b: &KernelExport<'_>| {
        let agree = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
        let kind = |row: &KernelExport<'_>| row.kind.map(|kind| u32::from(kind.is_gpl_only()));
        let crc = |row: &KernelExport<'_>| row.crc.map(|crc| crc.0);
        agree(kind(a), kind(b)) && agree(crc(a), crc(b)) && (names_only || a.namespace == b.namespace)
    };
    let differs = |row: &KernelExport<'_>| match other.owned_by(row.exporter, row.name) {
        Some(counterpart) => !same(row, &counterpart),
        None => true,
    };
    let mut different: Vec<_> = used.rows().filter(compared).filter(differs).map(|row| row.name.to_owned()).collect();
    let common = used.rows().filter(compared).count();
    let additional = other.rows().filter(compared).filter(|row| used.owned_by(row.exporter, row.name).is_none());
    let before = different.len();
    different.extend(additional.map(|row| row.name.to_owned()));
    let of = common + different.len() - before;
    conflict(Fact::Exports, used_path, other_path, &different, of)
}

/// Compares what is set.
pub(super) fn config_conflict(
    (used, used_path): Sourced<'_, Config>,
    (other, other_path): Sourced<'_, Config>,
) -> Option<Conflict> {
    let differs = |a: &Config, b: &Config| -> Vec<String> {
        let different = a.names().filter(|name| a.value_named(name) != b.value_named(name));
        different.map(|name| format!("CONFIG_{name}")).collect()
    };
    let mut different = differs(used, other);
    different.extend(differs(other, used));
    different.sort_unstable();
    different.dedup();
    let of = used.settings().max(other.settings());
    conflict(Fact::Config, used_path, other_path, &different, of)
}
