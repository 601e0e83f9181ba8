//! Selecting exports of a kernel.

use super::exports::{Exports, KernelExport};
use super::symvers::VMLINUX;
use crate::terms::{ExportKind, Glob, ModuleName};

/// Selects exports. An export must match one entry of each list; an empty list matches every export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportFilter {
    /// Patterns for the symbol's name.
    pub symbols: Vec<Glob>,
    /// The kinds of export; `None` matches an export whose kind the source does not say.
    pub kinds: Vec<Option<ExportKind>>,
    /// Patterns for the exporter, in which `-` and `_` are one character: a pattern with a slash matches the exporter's path,
    /// any other its module name. The kernel itself is [`VMLINUX`].
    pub modules: Vec<Glob>,
    /// Patterns for the namespace. Only the empty pattern matches an export without a namespace.
    pub namespaces: Vec<Glob>,
}

impl ExportFilter {
    /// Returns whether an export matches.
    pub fn wants(&self, export: &KernelExport<'_>) -> bool {
        let namespace = export.namespace.as_ref().map_or("", |namespace| namespace.as_str());
        any(&self.symbols, |symbol| symbol.matches(export.name))
            && any(&self.kinds, |kind| *kind == export.kind)
            && any(&self.namespaces, |wanted| {
                wanted.as_str().is_empty() == namespace.is_empty() && wanted.matches(namespace)
            })
            && any(&self.modules, |wanted| is_of(wanted, export.exporter))
    }
}

impl ExportFilter {
    /// Returns whether nothing else can match, whatever else is exported: every symbol is named in full and found, or only exports
    /// of the kernel itself are wanted.
    pub fn is_met_by(&self, found: &[KernelExport<'_>]) -> bool {
        let is_found = |symbol: &Glob| !symbol.is_pattern() && found.iter().any(|row| row.name == symbol.as_str());
        let is_vmlinux = |module: &Glob| module.as_str() == VMLINUX;
        (!self.symbols.is_empty() && self.symbols.iter().all(is_found))
            || (!self.modules.is_empty() && self.modules.iter().all(is_vmlinux))
    }
}

impl Exports {
    /// The exports that match: the kernel's own first, then those of modules in order of path; those of one exporter in order
    /// of name.
    pub fn select(&self, filter: &ExportFilter) -> Vec<KernelExport<'_>> {
        let mut rows: Vec<_> = self.rows().filter(|row| filter.wants(row)).collect();
        rows.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        rows
    }
}

fn sort_key<'a>(row: &KernelExport<'a>) -> (bool, &'a str, &'a str) {
    (row.exporter != VMLINUX, row.exporter, row.name)
}

fn any<T>(wanted: &[T], fits: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
}

fn is_of(wanted: &Glob, exporter: &str) -> bool {
    let pattern = Glob::from(folded(wanted.as_str()).as_str());
    if wanted.as_str().contains('/') {
        pattern.matches(&folded(exporter))
    } else {
        pattern.matches(&ModuleName::of_exporter(exporter))
    }
}

/// Folds a pattern or a path as [`ModuleName`] folds a name.
fn folded(text: &str) -> String {
    text.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0x2\tusb_b\tdrivers/usb/usb-core\tEXPORT_SYMBOL_GPL\tUSB\n\
                        0x1\tz\tvmlinux\tEXPORT_SYMBOL\t\n\
                        0x4\tkvm\tvmlinux\tEXPORT_SYMBOL_GPL\tmodule:kvm,kvm-amd\n\
                        0x3\tusb_a\tdrivers/usb/usb-core\tEXPORT_SYMBOL\t\n\
                        0x5\told\tarch/x/old\t(unknown)\t\n";

    fn selected(change: impl Fn(&mut ExportFilter)) -> String {
        let mut filter = ExportFilter::default();
        change(&mut filter);
        let exports = Exports::parse(TEXT).expect("a good list");
        exports.select(&filter).iter().map(|row| row.name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_order_is_kernel_then_path_then_name() {
        assert_eq!(selected(|_| ()), "kvm z old usb_a usb_b");
    }

    #[test]
    fn filters_narrow_and_lists_widen() {
        let globs = |patterns: &[&str]| patterns.iter().copied().map(Glob::from).collect::<Vec<_>>();
        assert_eq!(selected(|filter| filter.symbols = globs(&["usb_*", "z"])), "z usb_a usb_b");
        assert_eq!(selected(|filter| filter.kinds = vec![None, Some(ExportKind::Plain)]), "z old usb_a");
        assert_eq!(selected(|filter| filter.modules = globs(&["usb_core"])), "usb_a usb_b");
        assert_eq!(selected(|filter| filter.modules = globs(&["drivers/*", VMLINUX])), "kvm z usb_a usb_b");
        assert_eq!(selected(|filter| filter.modules = globs(&["drivers"])), "");
        assert_eq!(selected(|filter| filter.namespaces = globs(&[""])), "z old usb_a");
        assert_eq!(selected(|filter| filter.namespaces = globs(&["*"])), "kvm usb_b");
        assert_eq!(selected(|filter| filter.namespaces = globs(&["module:*kvm*"])), "kvm");
        let both = |filter: &mut ExportFilter| {
            filter.symbols = globs(&["usb_*"]);
            filter.kinds = vec![Some(ExportKind::Gpl)];
        };
        assert_eq!(selected(both), "usb_b");
    }
}
