//! The exports of a kernel: as `Module.symvers`, as text, as a document in JSON, and counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::entry::KernelSummary;
use super::missing::add_image;
use super::missing::remedy;
use super::palette::Palette;
use super::printable::{Printable, printable};
use super::unread::{UnreadItem, unread_items, unread_note};
use super::wording::{all, count};
use crate::image::with_letters;
use crate::kernel::{ConfigOption, ExportFilter, Exports, Kernel, KernelExport, UnreadFile, VMLINUX};
use crate::terms::{Crc, ExportKind, Namespace, Shown};
use crate::verdict::Missing;

/// The kind of an export whose source does not tell it; modpost uses the same word.
const UNKNOWN: &str = "(unknown)";

/// The exports as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct ExportsDocument<'a> {
    schema: &'static str,
    kernel: &'a KernelSummary,
    exports: Vec<ExportItem<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<UnreadItem>,
}

/// One export.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ExportItem<'a> {
    symbol: &'a str,
    crc: Option<Crc>,
    module: &'a str,
    kind: Option<ExportKind>,
    namespace: Option<&'a Namespace>,
}

impl<'a> From<&'a KernelExport<'_>> for ExportItem<'a> {
    fn from(row: &'a KernelExport<'_>) -> Self {
        let KernelExport { name: symbol, kind, crc, namespace, exporter: module } = row;
        Self { symbol, crc: *crc, module, kind: *kind, namespace: namespace.as_ref() }
    }
}

/// The numbers of exports as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct CountsDocument<'a> {
    schema: &'static str,
    kernel: &'a KernelSummary,
    counts: Vec<Count<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<UnreadItem>,
}

#[derive(Clone, Debug, Serialize)]
struct Count<'a> {
    module: &'a str,
    kind: Option<ExportKind>,
    symbols: usize,
}

/// The document of `exports`. `unread` are the files whose exports are not known.
pub fn exports_document<'a>(
    rows: &'a [KernelExport<'_>],
    kernel: &'a KernelSummary,
    unread: &[UnreadFile],
) -> ExportsDocument<'a> {
    let exports = rows.iter().map(ExportItem::from).collect();
    ExportsDocument { schema: super::json::SCHEMA, kernel, exports, unread: unread_items(unread) }
}

/// The document of `exports --count`. `unread` are the files whose exports are not known.
pub fn counts_document<'a>(
    rows: &'a [KernelExport<'_>],
    kernel: &'a KernelSummary,
    unread: &[UnreadFile],
) -> CountsDocument<'a> {
    let mut counts = Vec::new();
    for rows in by_module(rows) {
        let module = rows.first().map_or(VMLINUX, |row| row.exporter);
        counts.extend(kinds(rows).into_iter().map(|(kind, symbols)| Count { module, kind, symbols }));
    }
    CountsDocument { schema: super::json::SCHEMA, kernel, counts, unread: unread_items(unread) }
}

/// The exports as a `Module.symvers`, in the columns of kernels since 5.6: `crc symbol module export namespace`.
///
/// Kernels up to 5.3 ignore the last column. The first releases of 5.4 and 5.5 expect the namespace in the third column and
/// cannot read this; later stable releases of them adopted the new order. Letters beyond ASCII are written as modpost writes them.
pub fn symvers(rows: &[KernelExport<'_>]) -> Printable {
    let mut text = Printable::default();
    for row in rows {
        let crc = row.crc.unwrap_or(Crc(0)).to_string();
        let namespace = row.namespace.as_ref().map_or("", Namespace::as_str);
        let [name, namespace] = [row.name, namespace].map(with_letters);
        text.row([crc.as_str(), &*name, row.exporter, kind_word(row.kind), &*namespace]);
    }
    text
}

/// The exports as text: those of each module, and their number.
pub fn human_exports(rows: &[KernelExport<'_>], kernel: &KernelSummary, palette: &Palette) -> Printable {
    let mut text = Printable::default();
    for module in by_module(rows) {
        let exporter = module.first().map_or(VMLINUX, |row| row.exporter);
        text.painted(palette, palette.heading, exporter).line(format_args!(" ({})", module.len()));
        for row in module {
            let crc = row.crc.map_or_else(|| "-".to_owned(), |crc| crc.to_string());
            let namespace = row.namespace.as_ref().map(|namespace| format!("  in namespace {namespace}"));
            text.text(format_args!("  {crc:<10}  {:<17}  {}", kind_word(row.kind), row.name));
            text.line(namespace.unwrap_or_default());
        }
        text.end();
    }
    text.line(total(rows, kernel));
    text
}

/// The numbers of exports as text: of all, and of each module.
pub fn human_counts(rows: &[KernelExport<'_>], kernel: &KernelSummary) -> Printable {
    let mut text = Printable::from_line(total(rows, kernel));
    for module in by_module(rows) {
        let exporter = module.first().map_or(VMLINUX, |row| row.exporter);
        text.line(format_args!("  {:>6}  {exporter}: {}", module.len(), tally(module)));
    }
    text
}

/// Why the exports are not known, and how to supply them.
pub fn no_exports(kernel: &Kernel, summary: &KernelSummary) -> String {
    let image = kernel.boot_image().and_then(|image| Some((Shown::path(image.path()), image.exports().err()?)));
    let why = image.map(|(path, why)| format!("{path}: {why}; ")).unwrap_or_default();
    printable(format!("{why}not known is {}", remedy(&Missing::Exports, summary)))
}

/// Why the kernel's own symbols are not known, and how to supply them.
pub fn no_symbols(kernel: &KernelSummary) -> String {
    let image = add_image(kernel);
    printable(format!("the kernel's own symbols are not known: {image}; it may have none (CONFIG_KALLSYMS)"))
}

/// Notes about a list of exports: that it is empty, what it does not tell, and which files were not read. One line each.
pub fn export_notes(
    rows: &[KernelExport<'_>],
    exports: &Exports,
    filter: &ExportFilter,
    kernel: &Kernel,
    unread: &[UnreadFile],
) -> Vec<String> {
    let not_read = unread_note(unread);
    if rows.is_empty() {
        let known = if not_read.is_some() { ", as far as its modules were read" } else { "" };
        let nothing = format!("the kernel exports nothing that matches{known}");
        return std::iter::once(nothing).chain(not_read).collect();
    }
    let mut notes: Vec<_> = not_read.into_iter().collect();
    let unknown = rows.iter().filter(|row| row.kind.is_none()).count();
    if unknown > 0 {
        notes.push(format!(
            "how {} exported is not known: in a Module.symvers the kind is {UNKNOWN}, which modpost takes for \
             EXPORT_SYMBOL up to 5.18 and refuses since; --kind plain --kind gpl leaves such rows out",
            count(unknown, "symbol is", "symbols are")
        ));
    }
    let checked = kernel.config().and_then(|config| config.state(ConfigOption("MODVERSIONS")));
    let without = rows.iter().filter(|row| row.crc.is_none() || exports.modversions() != Some(true)).count();
    if without > 0 && checked != Some(false) {
        notes.push(format!(
            "{} no known version: 0x00000000 stands for it in a Module.symvers, and a kernel with CONFIG_MODVERSIONS \
             refuses modules that are built against that",
            count(without, "symbol has", "symbols have")
        ));
    }
    if filter.modules.is_empty() && exports.rows().all(|row| row.exporter == VMLINUX) {
        notes.push("only what is built into the kernel is known, and nothing that its modules export".to_owned());
    }
    notes
}

/// The rows of each module; `rows` must be ordered by module.
fn by_module<'r, 'a>(rows: &'r [KernelExport<'a>]) -> impl Iterator<Item = &'r [KernelExport<'a>]> {
    rows.chunk_by(|a, b| a.exporter == b.exporter)
}

fn kinds(rows: &[KernelExport<'_>]) -> BTreeMap<Option<ExportKind>, usize> {
    let mut kinds = BTreeMap::new();
    for row in rows {
        *kinds.entry(row.kind).or_default() += 1;
    }
    kinds
}

/// The macro for a kind of export.
pub(super) fn kind_word(kind: Option<ExportKind>) -> &'static str {
    kind.map_or(UNKNOWN, ExportKind::macro_name)
}

/// `11124 EXPORT_SYMBOL and 13559 EXPORT_SYMBOL_GPL`.
fn tally(rows: &[KernelExport<'_>]) -> String {
    let mut parts = Vec::new();
    for (kind, number) in kinds(rows) {
        parts.push(format!("{number} {}", kind_word(kind)));
    }
    all(&parts)
}

fn total(rows: &[KernelExport<'_>], kernel: &KernelSummary) -> String {
    let symbols = count(rows.len(), "symbol", "symbols");
    let release = kernel.called();
    if rows.is_empty() {
        return format!("{symbols} of {release}");
    }
    format!("{symbols} of {release}: {}; {}", tally(rows), exporters(rows))
}

/// `11900 of the kernel itself and 12783 of 2500 modules`.
pub(super) fn exporters<'a>(rows: impl IntoIterator<Item = &'a KernelExport<'a>>) -> String {
    let mut own = 0;
    let mut others = 0;
    let mut modules = BTreeSet::new();
    for row in rows {
        if row.exporter == VMLINUX {
            own += 1;
        } else {
            others += 1;
            modules.insert(row.exporter);
        }
    }
    let mut parts = Vec::new();
    if own > 0 {
        parts.push(format!("{own} of the kernel itself"));
    }
    if others > 0 {
        parts.push(format!("{others} of {}", count(modules.len(), "module", "modules")));
    }
    all(&parts)
}
