//! The inline map of a kernel, and the differences between the maps of two kernels.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::KernelSummary;
use super::palette::Palette;
use super::printable::Printable;
use super::wording::{count, list};
use crate::why::inlines::{Inline, InlineChanges, InlineMap};

/// How many symbols, and how many inlines of each, a page shows unless it shows everything.
const SYMBOLS: usize = 25;
const INLINES: usize = 5;

/// The map as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct InlinesDocument<'a> {
    schema: &'static str,
    kernel: &'a KernelSummary,
    #[serde(flatten)]
    map: &'a InlineMap,
}

/// The differences between two maps, as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct InlineChangesDocument<'a> {
    schema: &'static str,
    from: &'a KernelSummary,
    to: &'a KernelSummary,
    #[serde(flatten)]
    changes: &'a InlineChanges,
}

/// The document of `inlines`.
pub const fn inlines_document<'a>(map: &'a InlineMap, kernel: &'a KernelSummary) -> InlinesDocument<'a> {
    InlinesDocument { schema: super::json::SCHEMA, kernel, map }
}

/// The document of `inlines --from --to`.
pub const fn inline_changes_document<'a>(
    changes: &'a InlineChanges,
    from: &'a KernelSummary,
    to: &'a KernelSummary,
) -> InlineChangesDocument<'a> {
    InlineChangesDocument { schema: super::json::SCHEMA, from, to, changes }
}

/// One line of a list: an inline, and the symbols that it needs.
struct InlineItem<'a> {
    name: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    path: &'a [String],
    symbols: Vec<(&'a str, &'static str)>,
}

impl<'a> From<&'a Inline> for InlineItem<'a> {
    fn from(inline: &'a Inline) -> Self {
        let Inline { name, file, line, path, gpl_only, unexported, namespaced, .. } = inline;
        Self { name, file: file.as_deref(), line: *line, path, symbols: symbols(gpl_only, unexported, namespaced) }
    }
}

const GPL_ONLY: &str = "GPL-only";
const UNEXPORTED: &str = "not exported";
const NAMESPACED: &str = "in a namespace";

/// The map as text: each symbol with the inlines that need it. With `all`, the text shows everything.
pub fn human_inlines(map: &InlineMap, kernel: &KernelSummary, palette: &Palette, all: bool) -> Printable {
    let number = |wanted: fn(&Inline) -> bool| map.inlines.iter().filter(|inline| wanted(inline)).count();
    let mut text = Printable::from_line(format_args!(
        "{}: {}, of which {} a GPL-only symbol, {} one that is not exported and {} one in a namespace",
        kernel.called(),
        count(map.inlines.len(), "inline function", "inline functions"),
        need(number(|inline| !inline.gpl_only.is_empty())),
        need(number(|inline| !inline.unexported.is_empty())),
        need(number(|inline| !inline.namespaced.is_empty())),
    ));
    section(&mut text, map.inlines.iter().map(InlineItem::from), palette, all);
    if !map.dropped.is_empty() {
        let not = count(map.dropped.len(), "inline function does", "inline functions do");
        let them = if map.dropped.len() == 1 { "it" } else { "them" };
        text.end();
        text.line(format_args!("{not} not compile alone, and nothing is known about {them}; JSON lists them"));
    }
    if !map.skipped.is_empty() {
        let headers = count(map.skipped.len(), "header does", "headers do");
        text.line(format_args!("{headers} not compile; JSON lists them"));
    }
    text
}

/// The differences between two maps as text. With `all`, the text shows everything.
pub fn human_inline_changes(
    changes: &InlineChanges,
    from: &KernelSummary,
    to: &KernelSummary,
    palette: &Palette,
    all: bool,
) -> Printable {
    let mut text = Printable::from_line(format_args!("from {} to {}", from.called(), to.called()));
    let parts = [
        ("became restricted", "need symbols now that they did not need before", &changes.became),
        ("are new and restricted", "exist in the later kernel alone", &changes.appeared),
        ("are restricted, and unknown before", "do not compile alone in the earlier kernel", &changes.unknown),
        ("were relieved", "no longer need these", &changes.relieved),
    ];
    for (what, why, list) in parts.into_iter().filter(|(.., list)| !list.is_empty()) {
        let inlines = count(list.len(), "inline function", "inline functions");
        text.end();
        text.painted(palette, palette.heading, format_args!("{inlines} {what}")).line(format_args!(": they {why}"));
        section(&mut text, list.iter().map(InlineItem::from), palette, all);
    }
    if changes.became.is_empty() {
        text.end();
        text.line("no inline function of both became restricted");
    }
    text
}

fn need(number: usize) -> String {
    format!("{number} {}", if number == 1 { "needs" } else { "need" })
}

fn symbols<'a>(
    gpl_only: &'a [String],
    unexported: &'a [String],
    namespaced: &'a [String],
) -> Vec<(&'a str, &'static str)> {
    let lists = [(gpl_only, GPL_ONLY), (unexported, UNEXPORTED), (namespaced, NAMESPACED)];
    lists.into_iter().flat_map(|(list, class)| list.iter().map(move |symbol| (symbol.as_str(), class))).collect()
}

/// Adds the symbols with the inlines that need them, those of the most inlines first.
fn section<'a>(text: &mut Printable, items: impl Iterator<Item = InlineItem<'a>>, palette: &Palette, all: bool) {
    let mut by_symbol: BTreeMap<(&str, &str), Vec<InlineItem<'a>>> = BTreeMap::new();
    for item in items {
        let InlineItem { name, file, line, path, symbols } = item;
        for (symbol, class) in symbols {
            by_symbol.entry((symbol, class)).or_default().push(InlineItem {
                name,
                file,
                line,
                path,
                symbols: Vec::new(),
            });
        }
    }
    let mut ranked: Vec<_> = by_symbol.into_iter().collect();
    ranked.sort_by_key(|(symbol, items)| (std::cmp::Reverse(items.len()), *symbol));
    let shown = if all || ranked.len() <= SYMBOLS + 1 { ranked.len() } else { SYMBOLS };
    for ((symbol, class), items) in ranked.iter().take(shown) {
        let inlines = count(items.len(), "inline function", "inline functions");
        text.end();
        text.text("  ").painted(palette, palette.label, symbol).line(format_args!(" ({class}): {inlines}"));
        let limit = if all || items.len() <= INLINES + 1 { items.len() } else { INLINES };
        for item in items.iter().take(limit) {
            text.line(format_args!("    {}", item.words(symbol)));
        }
        if limit < items.len() {
            text.line(format_args!("    and {} more", items.len() - limit));
        }
    }
    if shown < ranked.len() {
        let names: Vec<&str> = ranked.iter().skip(shown).map(|((symbol, _), _)| *symbol).collect();
        text.end();
        text.line(format_args!("  and {} more symbols (--all shows them): {}", names.len(), list(&names, INLINES)));
    }
}

impl InlineItem<'_> {
    /// `percpu_ref_put (include/linux/percpu-refcount.h:330), through rcu_read_lock`.
    fn words(&self, symbol: &str) -> String {
        let place = match (self.file, self.line) {
            (Some(file), Some(line)) => format!(" ({file}:{line})"),
            (Some(file), None) => format!(" ({file})"),
            (None, _) => String::new(),
        };
        let leads = self.path.last().is_some_and(|last| last == symbol);
        let between = self.path.get(1..self.path.len().saturating_sub(1)).unwrap_or_default();
        let through =
            if leads && !between.is_empty() { format!(", through {}", between.join(", ")) } else { String::new() };
        format!("{}{place}{through}", self.name)
    }
}
