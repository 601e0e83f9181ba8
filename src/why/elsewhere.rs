//! One symbol on two kernels: a newer one, or another flavour of the same.

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
    /// Options that are set otherwise there, and that the symbol has been known to depend on.
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
        Some(Self { exporter: row.owner.to_owned(), kind: row.kind, namespace: row.namespace })
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
    let options =
        here.config().zip(there.config()).map(|(here, there)| differences(finding, here, there)).unwrap_or_default();
    Some(Elsewhere { symbol: symbol.to_owned(), release: there.release().cloned(), export, options })
}

/// The options that incidents of the symbol name and that differ.
fn differences(finding: &Finding, here: &Config, there: &Config) -> Vec<OptionDifference> {
    let about = |incident: &&Incident| incident.symbols.iter().any(|symbol| Some(symbol.as_str()) == finding.symbol());
    let named =
        incidents().iter().filter(about).flat_map(|incident| incident.config.iter().chain(&incident.config_of_symbol));
    let mut names: Vec<&str> = named.flat_map(|option| option.trim_start_matches('!').split('|')).collect();
    names.sort_unstable();
    names.dedup();
    let value = |config: &Config, name: &str| config.value_named(name).map(str::to_owned);
    let differ = |name: &str| {
        let (here, there) = (value(here, name), value(there, name));
        (here != there).then(|| OptionDifference { name: name.to_owned(), here, there })
    };
    names.into_iter().filter_map(differ).take(NAMED).collect()
}
