//! Compares one symbol on two kernels, for example a newer kernel or another flavour of the same release.

use std::collections::BTreeSet;

use serde::Serialize;

use super::incidents::incidents;
use crate::kernel::{Exports, Kernel};
use crate::terms::{ExportKind, KernelRelease, Namespace};
use crate::verdict::Finding;

/// The largest number of options that are named. More would not be a hint.
const MAX_OPTIONS: usize = 12;

/// A symbol on another kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Elsewhere {
    /// The symbol.
    pub symbol: String,
    /// The release of the other kernel, if known.
    pub release: Option<KernelRelease>,
    /// How the other kernel exports the symbol; `None` if it does not.
    pub export: Option<SymbolExport>,
    /// Options that the two kernels set differently and that the symbol may depend on: the headers on the way to the
    /// symbol name them, or known incidents do.
    pub options: Vec<OptionDifference>,
}

/// How a kernel exports a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SymbolExport {
    /// The exporter.
    pub exporter: String,
    /// The export kind; `None` if the source does not give it.
    pub kind: Option<ExportKind>,
    /// Its namespace.
    pub namespace: Option<Namespace>,
}

impl SymbolExport {
    pub(super) fn of(symbol: &str, exports: &Exports) -> Option<Self> {
        let row = exports.named(symbol).next()?;
        Some(Self { exporter: row.exporter.to_owned(), kind: row.kind, namespace: row.namespace })
    }
}

/// An option that two kernels set differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OptionDifference {
    /// The option, without `CONFIG_`.
    pub name: String,
    /// Its value on the kernel that was checked; `None` if it is not set.
    pub here: Option<String>,
    /// Its value on the other kernel; `None` if it is not set.
    pub there: Option<String>,
}

/// Looks up the symbol of a finding on another kernel. `None` if the finding is not about a symbol, or if the other
/// kernel's exports are not known.
pub fn elsewhere(finding: &Finding, here: &Kernel, there: &Kernel) -> Option<Elsewhere> {
    let symbol = finding.symbol()?;
    let exports = there.exports()?;
    let export = SymbolExport::of(symbol, exports);
    let options = differences(finding, here, there);
    Some(Elsewhere { symbol: symbol.to_owned(), release: there.release().cloned(), export, options })
}

/// The options that the way to the symbol names and that the kernels set differently.
fn differences(finding: &Finding, here: &Kernel, there: &Kernel) -> Vec<OptionDifference> {
    let (Some(ours), Some(theirs)) = (here.config(), there.config()) else { return Vec::new() };
    let mut names = options_of_incidents(finding);
    for header in headers(finding) {
        for text in [here, there].into_iter().filter_map(|kernel| kernel.header(header)) {
            names.extend(options_in(&text));
        }
    }
    let mut differences = Vec::new();
    for name in names {
        let here = ours.value_named(&name);
        let there = theirs.value_named(&name);
        if here != there && differences.len() < MAX_OPTIONS {
            let (here, there) = (here.map(str::to_owned), there.map(str::to_owned));
            differences.push(OptionDifference { name, here, there });
        }
    }
    differences
}

/// The options that incidents about the same symbol name.
fn options_of_incidents(finding: &Finding) -> BTreeSet<String> {
    let Some(symbol) = finding.symbol() else { return BTreeSet::new() };
    let incidents = incidents().iter().filter(|incident| incident.symbols.iter().any(|own| own == symbol));
    let conditions = incidents.flat_map(|incident| incident.config.iter().chain(&incident.config_of_symbol));
    conditions.flat_map(|option| option.trim_start_matches('!').split('|')).map(str::to_owned).collect()
}

/// The headers on the way to the symbol: those in its chains and those of its candidates.
fn headers(finding: &Finding) -> BTreeSet<&str> {
    let frames = finding.uses().iter().flat_map(|place| &place.chain).filter(|frame| frame.header);
    let chains = frames.filter_map(|frame| frame.file.as_deref());
    chains.chain(finding.candidates().iter().filter_map(|candidate| candidate.file.as_deref())).collect()
}

/// The options that a header text names.
fn options_in(text: &str) -> BTreeSet<String> {
    let names = text.split("CONFIG_").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().trim_end_matches("_MODULE").to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::options_in;

    #[test]
    fn options_are_read_out_of_a_header() {
        let text = "#if defined(CONFIG_PREEMPT_RT) || IS_ENABLED(CONFIG_KVM)\n#ifdef CONFIG_FOO_MODULE\n";
        assert_eq!(options_in(text).into_iter().collect::<Vec<_>>(), ["FOO", "KVM", "PREEMPT_RT"]);
    }
}
