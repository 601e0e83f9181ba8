//! One symbol on two kernels: a newer one, or another flavour of the same.

use std::collections::BTreeSet;

use serde::Serialize;

use super::incidents::{Incident, incidents};
use crate::kernel::{Config, Exports, Kernel};
use crate::terms::{ExportKind, KernelRelease, Namespace};
use crate::verdict::Finding;

/// How many options are named: more are no hint.
const NAMED: usize = 12;

/// How another kernel has a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// The symbol.
    pub symbol: String,
    /// The other kernel, if known by name.
    pub release: Option<KernelRelease>,
    /// How it exports the symbol; `None` where it does not.
    pub export: Option<SymbolExport>,
    /// Options that are set otherwise there, and that the symbol may depend on: the headers on the way to it name them, or
    /// incidents of the past do.
    pub options: Vec<OptionDifference>,
}

/// How a kernel exports a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SymbolExport {
    /// Who exports it.
    pub exporter: String,
    /// How; `None` where the source does not say.
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
pub struct OptionDifference {
    /// The option, without `CONFIG_`.
    pub name: String,
    /// Its value on the kernel in question; `None`: not set.
    pub here: Option<String>,
    /// Its value there.
    pub there: Option<String>,
}

/// Looks the symbol of a finding up on another kernel. `None` where the finding is about no symbol, or the exports of the
/// other kernel are not known.
pub fn elsewhere(finding: &Finding, here: &Kernel, there: &Kernel) -> Option<Elsewhere> {
    let (symbol, exports) = (finding.symbol()?, there.exports()?);
    let export = SymbolExport::of(symbol, exports);
    let options = differences(finding, here, there);
    Some(Elsewhere { symbol: symbol.to_owned(), release: there.release().cloned(), export, options })
}

/// The options that the way to the symbol names and that differ.
fn differences(finding: &Finding, here: &Kernel, there: &Kernel) -> Vec<OptionDifference> {
    let (Some(ours), Some(theirs)) = (here.config(), there.config()) else { return Vec::new() };
    let value = |config: &Config, name: &str| config.value_named(name).map(str::to_owned);
    let differ = |name: &String| {
        let (here, there) = (value(ours, name), value(theirs, name));
        (here != there).then(|| OptionDifference { name: name.clone(), here, there })
    };
    let mut names = options_of_incidents(finding);
    for header in headers(finding) {
        names.extend(
            [here, there].into_iter().filter_map(|kernel| kernel.header(header)).flat_map(|text| options_in(&text)),
        );
    }
    names.iter().filter_map(differ).take(NAMED).collect()
}

fn options_of_incidents(finding: &Finding) -> BTreeSet<String> {
    let about = |incident: &&Incident| incident.symbols.iter().any(|symbol| Some(symbol.as_str()) == finding.symbol());
    let named =
        incidents().iter().filter(about).flat_map(|incident| incident.config.iter().chain(&incident.config_of_symbol));
    named.flat_map(|option| option.trim_start_matches('!').split('|')).map(str::to_owned).collect()
}

/// The headers on the way to the symbol.
fn headers(finding: &Finding) -> BTreeSet<&str> {
    let frames = finding.uses().iter().flat_map(|place| &place.chain).filter(|frame| frame.header);
    let chains = frames.filter_map(|frame| frame.file.as_deref());
    chains.chain(finding.candidates().iter().filter_map(|candidate| candidate.file.as_deref())).collect()
}

/// The options that a text names.
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
