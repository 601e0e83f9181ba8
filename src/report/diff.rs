//! The differences between the exports of two kernels: as text, as lines for scripts, as a document in JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::KernelSummary;
use super::exports::{ExportItem, kind_word};
use super::palette::Palette;
use super::policy::PolicyReport;
use super::printable::Printable;
use super::wording::{all, count, list};
use crate::impact::{ChangeClass, Classes, ExportChange, ExportDiff, Totals, Uncompared};
use crate::kernel::{KernelExport, VMLINUX};
use crate::terms::Namespace;

/// How many groups of a class, and names of a group, a page shows unless it shows everything.
const fn limits(class: ChangeClass) -> (usize, usize) {
    match class {
        // These are many, and few of them matter to a reader.
        ChangeClass::Added | ChangeClass::CrcChanged => (4, 4),
        _ => (12, 8),
    }
}

/// The differences between the exports of two kernels, as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct DiffDocument<'a> {
    schema: &'static str,
    from: &'a KernelSummary,
    to: &'a KernelSummary,
    totals: Totals,
    uncompared: &'a [Uncompared],
    changes: Vec<Change<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a PolicyReport>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Change<'a> {
    symbol: &'a str,
    classes: Classes,
    before: Option<ExportItem<'a>>,
    after: Option<ExportItem<'a>>,
}

impl<'a> From<&'a ExportChange<'_>> for Change<'a> {
    fn from(change: &'a ExportChange<'_>) -> Self {
        Self {
            symbol: &change.symbol,
            classes: change.classes,
            before: change.before.as_ref().map(ExportItem::from),
            after: change.after.as_ref().map(ExportItem::from),
        }
    }
}

/// The document of `diff`. `totals` count all changes, also those of classes that were filtered out of `diff`.
pub fn diff_document<'a>(
    diff: &'a ExportDiff<'_>,
    totals: Totals,
    from: &'a KernelSummary,
    to: &'a KernelSummary,
    policy: Option<&'a PolicyReport>,
) -> DiffDocument<'a> {
    let changes = diff.changes.iter().map(Change::from).collect();
    let uncompared = diff.uncompared.as_slice();
    DiffDocument { schema: super::json::SCHEMA, from, to, totals, uncompared, changes, policy }
}

/// One line for each change and class, with columns separated by tabs: class, symbol, value before, value after.
pub fn short_diff(diff: &ExportDiff<'_>) -> Printable {
    let mut text = Printable::default();
    for change in &diff.changes {
        for class in change.classes.iter() {
            let (before, after) = sides(change, class);
            text.row([class.name(), &change.symbol, &before, &after]);
        }
    }
    text
}

/// The values of a class before and after a change, one word each; `-` where there is no export.
pub(super) fn sides(change: &ExportChange<'_>, class: ChangeClass) -> (String, String) {
    (side(change.before.as_ref(), class), side(change.after.as_ref(), class))
}

fn side(export: Option<&KernelExport<'_>>, class: ChangeClass) -> String {
    let Some(export) = export else { return "-".to_owned() };
    match class {
        ChangeClass::Removed | ChangeClass::Added | ChangeClass::ExporterMoved => export.exporter.to_owned(),
        ChangeClass::BecameGplOnly | ChangeClass::BecamePlain => kind_word(export.kind).to_owned(),
        ChangeClass::NamespaceChanged => namespace_word(export).to_owned(),
        ChangeClass::CrcChanged => export.crc.map(|crc| crc.to_string()).unwrap_or_default(),
    }
}

fn namespace_word<'a>(export: &'a KernelExport<'_>) -> &'a str {
    export.namespace.as_ref().map_or("-", Namespace::as_str)
}

/// The differences as text: each class, the worst first, with its symbols in groups. With `whole`, the text shows everything;
/// otherwise only part of the groups and names.
pub fn human_diff(
    diff: &ExportDiff<'_>,
    totals: Totals,
    from: &KernelSummary,
    to: &KernelSummary,
    palette: &Palette,
    whole: bool,
) -> Printable {
    const ORDER: [ChangeClass; 7] = [
        ChangeClass::Removed,
        ChangeClass::BecameGplOnly,
        ChangeClass::NamespaceChanged,
        ChangeClass::ExporterMoved,
        ChangeClass::BecamePlain,
        ChangeClass::Added,
        ChangeClass::CrcChanged,
    ];
    let (from, to) = (from.told_apart(), to.told_apart());
    let mut text = Printable::from_line(format_args!("from {from} to {to}: {}", tally(totals)));
    for class in ORDER {
        let changes: Vec<_> = diff.changes.iter().filter(|change| change.classes.has(class)).collect();
        if changes.is_empty() {
            continue;
        }
        text.end();
        text.painted(palette, palette.heading, format_args!("{} ({})", title(class), changes.len()));
        text.line(format_args!(": {}", meaning(class)));
        section(&mut text, class, &changes, palette, whole);
    }
    for what in &diff.uncompared {
        text.end();
        text.line(format_args!("not known: {}", uncompared(*what)));
    }
    text
}

/// `19 removed, 84 added`.
fn tally(totals: Totals) -> String {
    let mut parts = Vec::new();
    for class in ChangeClass::ALL {
        if let Some(number) = totals.of(class).filter(|number| *number > 0) {
            parts.push(format!("{number} {}", title(class)));
        }
    }
    if parts.is_empty() { "no export differs".to_owned() } else { all(&parts) }
}

/// A class in words.
pub(super) const fn title(class: ChangeClass) -> &'static str {
    match class {
        ChangeClass::Removed => "removed",
        ChangeClass::Added => "added",
        ChangeClass::BecameGplOnly => "became GPL-only",
        ChangeClass::BecamePlain => "are no longer GPL-only",
        ChangeClass::NamespaceChanged => "in another namespace",
        ChangeClass::ExporterMoved => "moved",
        ChangeClass::CrcChanged => "changed version",
    }
}

const fn meaning(class: ChangeClass) -> &'static str {
    match class {
        ChangeClass::Removed => "modules that need these no longer load",
        ChangeClass::Added => "new; nothing depends on these yet",
        ChangeClass::BecameGplOnly => "modules whose license is not GPL-compatible no longer see these",
        ChangeClass::BecamePlain => "every module may use these now",
        ChangeClass::NamespaceChanged => {
            "modules that need these must import the namespace; one that begins with module: is for the modules it names alone"
        }
        ChangeClass::ExporterMoved => {
            "modprobe loads another module for these; softdep lines and initramfs lists may name the old one"
        }
        ChangeClass::CrcChanged => {
            "modules that need these must be rebuilt; a prototype, or a type that it reaches, has changed"
        }
    }
}

pub(super) const fn uncompared(what: Uncompared) -> &'static str {
    match what {
        Uncompared::Added => "what is new, since nothing lists what the modules of the earlier kernel export",
        Uncompared::Removed => "what is gone, since nothing lists what the modules of the later kernel export",
        Uncompared::Exporters => "what has moved, since not both sources list what modules export",
        Uncompared::Kinds => {
            "what became GPL-only or plain: one of the sources does not say of all symbols how they are exported"
        }
        Uncompared::Namespaces => "namespaces: one of the sources has names only",
        Uncompared::Versions => "versions: one of the kernels has none, or its source does not tell them",
    }
}

fn section(text: &mut Printable, class: ChangeClass, changes: &[&ExportChange<'_>], palette: &Palette, whole: bool) {
    let mut groups: BTreeMap<(bool, String), Vec<&str>> = BTreeMap::new();
    for change in changes {
        let key = group(change, class);
        groups.entry((key != VMLINUX, key)).or_default().push(&change.symbol);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let (most_groups, most_names) = limits(class);
    let shown = if whole || groups.len() <= most_groups + 1 { groups.len() } else { most_groups };
    for ((_, key), names) in groups.iter().take(shown) {
        let limit = if whole || names.len() <= most_names + 1 { names.len() } else { most_names };
        let number = if names.len() > 1 { format!(" ({})", names.len()) } else { String::new() };
        text.text("  ").painted(palette, palette.label, key).line(format_args!("{number}: {}", list(names, limit)));
    }
    if shown < groups.len() {
        let rest: usize = groups.iter().skip(shown).map(|(_, names)| names.len()).sum();
        let groups = count(groups.len() - shown, "group", "groups");
        text.line(format_args!("  and {rest} more in {groups} (--all shows them)"));
    }
}

/// The group of a change: what its symbol has in common with others of the class.
fn group(change: &ExportChange<'_>, class: ChangeClass) -> String {
    match class {
        ChangeClass::NamespaceChanged | ChangeClass::ExporterMoved => {
            let (before, after) = sides(change, class);
            let [before, after] = [before, after].map(|word| if word == "-" { "none".to_owned() } else { word });
            format!("{before} → {after}")
        }
        ChangeClass::Added => change.after.as_ref().map_or("", |export| export.exporter).to_owned(),
        _ => change.known().map_or("", |export| export.exporter).to_owned(),
    }
}
