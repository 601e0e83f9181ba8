//! Where two sources of one fact disagree.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::config::Config;
use super::exports::{Exports, KernelExport};
use super::fact::Fact;
use super::symvers::VMLINUX;
use crate::terms::ModuleName;

/// Two sources that disagree about one fact, because they come from two builds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The fact.
    pub fact: Fact,
    /// The source that counts.
    pub used: PathBuf,
    /// The source that is ignored.
    pub passed_over: PathBuf,
    /// How they differ.
    pub difference: Difference,
}

/// How two sources differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The lists have different entries.
    Entries {
        /// The number of entries that are in one list only or differ.
        different: usize,
        /// The number of entries in both lists together.
        of: usize,
        /// The first different entry.
        example: String,
    },
    /// The values differ: the value in the source that counts, then the other.
    Value(String, String),
}

/// A list and the file that it was read from.
type Sourced<'a, T> = (&'a T, &'a Path);

fn conflict(fact: Fact, used: &Path, passed_over: &Path, different: &[String], of: usize) -> Option<Conflict> {
    let example = different.first()?.clone();
    let difference = Difference::Entries { different: different.len(), of, example };
    Some(Conflict { fact, used: used.to_owned(), passed_over: passed_over.to_owned(), difference })
}

/// Compares two lists of exports in what both give: the exports of modules only if both lists cover modules, versions and
/// namespaces only if both have them.
pub(super) fn export_conflict(
    (used, used_path): Sourced<'_, Exports>,
    (other, other_path): Sourced<'_, Exports>,
) -> Option<Conflict> {
    let modules = used.covers_modules() && other.covers_modules();
    let compared = |row: &KernelExport<'_>| modules || row.exporter == VMLINUX;
    let names_only = used.is_names_only() || other.is_names_only();
    let mut of = 0;
    let mut different = Vec::new();
    let of_used = Owned::new(used);
    let of_other = Owned::new(other);
    for row in used.rows().filter(compared) {
        of += 1;
        let counterpart = of_other.by(row.exporter, row.name);
        if !counterpart.is_some_and(|other| is_same_export(&row, &other, names_only)) {
            different.push(row.name.to_owned());
        }
    }
    for row in other.rows().filter(compared) {
        if of_used.by(row.exporter, row.name).is_none() {
            of += 1;
            different.push(row.name.to_owned());
        }
    }
    conflict(Fact::Exports, used_path, other_path, &different, of)
}

/// The rows of a list, by what exports them.
struct Owned<'a> {
    exports: &'a Exports,
    /// The last row of each symbol of a module. Made where there are very many rows of one symbol.
    positions: OnceCell<HashMap<(&'a str, &'a str), usize>>,
}

impl<'a> Owned<'a> {
    const fn new(exports: &'a Exports) -> Self {
        Self { exports, positions: OnceCell::new() }
    }

    /// As [`Exports::owned_by`].
    fn by(&self, exporter: &str, name: &str) -> Option<KernelExport<'a>> {
        if exporter == VMLINUX {
            return self.exports.vmlinux(name);
        }
        let few: Vec<_> = self.exports.positions(name).take(Exports::FEW).collect();
        let mut rows = few.iter().filter_map(|position| self.exports.at(*position));
        if let Some(row) = rows.find(|row| row.exporter == exporter) {
            return Some(row);
        }
        if few.len() < Exports::FEW {
            return None;
        }
        let positions = || self.exports.rows().zip(0..).map(|(row, at)| ((row.exporter, row.name), at)).collect();
        self.exports.at(*self.positions.get_or_init(positions).get(&(exporter, name))?)
    }
}

/// Compares two lists of modules from outside the kernel's tree in the symbols of modules that both list.
pub(super) fn outside_conflict(
    (used, used_path): Sourced<'_, Exports>,
    (other, other_path): Sourced<'_, Exports>,
) -> Option<Conflict> {
    let mut of = 0;
    let mut different = Vec::new();
    // Of two rows for one symbol of a module the last counts.
    let known: HashMap<_, _> =
        used.rows().map(|row| ((ModuleName::of_exporter(row.exporter), row.name), row)).collect();
    for row in other.rows() {
        let Some(known) = known.get(&(ModuleName::of_exporter(row.exporter), row.name)) else { continue };
        of += 1;
        if !is_same_export(known, &row, false) {
            different.push(row.name.to_owned());
        }
    }
    conflict(Fact::OutsideExports, used_path, other_path, &different, of)
}

/// Returns whether two rows agree in what both give. Of the kinds only whether they are GPL-only is compared.
fn is_same_export(a: &KernelExport<'_>, b: &KernelExport<'_>, names_only: bool) -> bool {
    let gpl_only_agrees = match (a.kind, b.kind) {
        (Some(a), Some(b)) => a.is_gpl_only() == b.is_gpl_only(),
        _ => true,
    };
    let crc_agrees = a.crc.is_none() || b.crc.is_none() || a.crc == b.crc;
    gpl_only_agrees && crc_agrees && (names_only || a.namespace == b.namespace)
}

/// What may differ between the configurations of one build: distributions change these options in the copy that they install with
/// the headers, and they decide nothing.
const OF_NO_MATTER: [&str; 4] = ["BUILD_SALT", "MODULE_SIG_ALL", "MODULE_SIG_KEY", "SYSTEM_TRUSTED_KEYS"];

/// Compares the options that two configurations set; of a fragment those that it names.
pub(super) fn config_conflict(
    (used, used_path): Sourced<'_, Config>,
    (other, other_path): Sourced<'_, Config>,
) -> Option<Conflict> {
    let differ = |name: &str| {
        let states = state_named(used, name).zip(state_named(other, name));
        states.is_some_and(|(used, other)| used != other) && !OF_NO_MATTER.contains(&name)
    };
    // An option that both set is met among those of the first.
    let of_other = other.names().filter(|name| used.value_named(name).is_none());
    let names = used.names().chain(of_other).filter(|name| differ(name));
    let mut different: Vec<_> = names.map(|name| format!("CONFIG_{name}")).collect();
    different.sort_unstable();
    different.dedup();
    let of = used.settings().max(other.settings());
    conflict(Fact::Config, used_path, other_path, &different, of)
}

/// The value of an option, `n` if it is off; `None` if a fragment does not tell.
fn state_named<'a>(config: &'a Config, name: &str) -> Option<&'a str> {
    config.value_named(name).or_else(|| config.is_off(name).then_some("n"))
}
