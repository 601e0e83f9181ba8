//! The exports of two kernels, compared: for people, for scripts, for machines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::exports::{Item, kind_word};
use super::wording::{all, count, list, printable};
use super::{KernelSummary, Palette, PolicyReport};
use crate::impact::{ChangeClass, Classes, ExportChange, ExportDiff, Totals, Uncompared};
use crate::kernel::{KernelExport, VMLINUX};
use crate::terms::Namespace;

/// How many groups of a class, and names of a group, a page shows unless it is to show all.
const fn limits(class: ChangeClass) -> (usize, usize) {
    match class {
        // Of these nobody reads more than what it is about.
        ChangeClass::Added | ChangeClass::CrcChanged => (4, 4),
        _ => (12, 8),
    }
}

/// Two kernels' exports compared, as a document of the schema.
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
    before: Option<Item<'a>>,
    after: Option<Item<'a>>,
}

impl<'a> From<&'a ExportChange<'_>> for Change<'a> {
    fn from(change: &'a ExportChange<'_>) -> Self {
        let (before, after) = (change.before.as_ref().map(Item::from), change.after.as_ref().map(Item::from));
        Self { symbol: &change.symbol, classes: change.classes, before, after }
    }
}

/// The document of `diff`. `totals` are those before classes were chosen.
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

/// One line for each change and class, columns divided by tabs: class, symbol, what was, what is.
pub fn short_diff(diff: &ExportDiff<'_>) -> String {
    let mut text = String::with_capacity(diff.changes.len() * 64);
    for change in &diff.changes {
        for class in change.classes.iter() {
            let (before, after) = sides(change, class);
            let [symbol, before, after] = [change.symbol.as_ref(), &before, &after].map(printable);
            let _ = writeln!(text, "{class}\t{symbol}\t{before}\t{after}");
        }
    }
    text
}

/// What a change of a class is from and to, in a word each; `-` for nothing.
pub(super) fn sides(change: &ExportChange<'_>, class: ChangeClass) -> (String, String) {
    let word = |export: &KernelExport<'_>| match class {
        ChangeClass::Removed | ChangeClass::Added | ChangeClass::ExporterMoved => export.exporter.to_owned(),
        ChangeClass::BecameGplOnly | ChangeClass::BecamePlain => kind_word(export.kind).to_owned(),
        ChangeClass::NamespaceChanged => namespace_word(export).to_owned(),
        ChangeClass::CrcChanged => export.crc.map(|crc| crc.to_string()).unwrap_or_default(),
    };
    let word = |side: &Option<KernelExport<'_>>| side.as_ref().map_or_else(|| "-".to_owned(), word);
    (word(&change.before), word(&change.after))
}

fn namespace_word<'a>(export: &'a KernelExport<'_>) -> &'a str {
    export.namespace.as_ref().map_or("-", Namespace::as_str)
}

/// The comparison for people: each class, the worst first, its symbols grouped by what they have in common. `whole` leaves nothing
/// out; so does a page of one class, but for the limit of names.
pub fn human_diff(
    diff: &ExportDiff<'_>,
    totals: Totals,
    from: &KernelSummary,
    to: &KernelSummary,
    palette: &Palette,
    whole: bool,
) -> String {
    const ORDER: [ChangeClass; 7] = [
        ChangeClass::Removed,
        ChangeClass::BecameGplOnly,
        ChangeClass::NamespaceChanged,
        ChangeClass::ExporterMoved,
        ChangeClass::BecamePlain,
        ChangeClass::Added,
        ChangeClass::CrcChanged,
    ];
    let mut text =
        format!("from {} to {}: {}\n", printable(from.told_apart()), printable(to.told_apart()), tally(totals));
    for class in ORDER {
        let changes: Vec<_> = diff.changes.iter().filter(|change| change.classes.has(class)).collect();
        if changes.is_empty() {
            continue;
        }
        let heading = palette.paint(palette.heading, &format!("{} ({})", title(class), changes.len()));
        let _ = writeln!(text, "\n{heading}: {}", meaning(class));
        section(&mut text, class, &changes, palette, whole);
    }
    for what in &diff.uncompared {
        let _ = writeln!(text, "\nnot known: {}", uncompared(*what));
    }
    text
}

/// `19 removed, 84 added`.
fn tally(totals: Totals) -> String {
    let part = |class: ChangeClass| {
        let number = totals.of(class).filter(|number| *number > 0)?;
        Some(format!("{number} {}", title(class)))
    };
    let parts: Vec<String> = ChangeClass::ALL.into_iter().filter_map(part).collect();
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

fn section(text: &mut String, class: ChangeClass, changes: &[&ExportChange<'_>], palette: &Palette, whole: bool) {
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
        let key = palette.paint(palette.label, &printable(key));
        let number = if names.len() > 1 { format!(" ({})", names.len()) } else { String::new() };
        let _ = writeln!(text, "  {key}{number}: {}", printable(&list(names, limit)));
    }
    if shown < groups.len() {
        let rest: usize = groups.iter().skip(shown).map(|(_, names)| names.len()).sum();
        let groups = count(groups.len() - shown, "group", "groups");
        let _ = writeln!(text, "  and {rest} more in {groups} (--all shows them)");
    }
}

/// What symbols of a class have in common.
fn group(change: &ExportChange<'_>, class: ChangeClass) -> String {
    match class {
        ChangeClass::NamespaceChanged | ChangeClass::ExporterMoved => {
            let (before, after) = sides(change, class);
            let word = |word: String| if word == "-" { "none".to_owned() } else { word };
            format!("{} → {}", word(before), word(after))
        }
        ChangeClass::Added => change.after.as_ref().map_or("", |export| export.exporter).to_owned(),
        _ => change.known().map_or("", |export| export.exporter).to_owned(),
    }
}
