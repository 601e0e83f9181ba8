//! Where a module uses symbols, in words: each inline of the kernel's headers once, with the lines that call it.

use std::collections::{BTreeMap, BTreeSet};

use super::wording::{count, list};
use crate::verdict::{Frame, Use};

/// How much is shown unless everything is asked for: ways in, chains of each, functions that go that way, and lines in one.
const WAYS: usize = 4;
const CHAINS: usize = 4;
const CALLERS: usize = 6;
const LINES: usize = 6;

/// One way in which symbols are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paragraph {
    /// What needs them.
    pub head: String,
    /// The chains, and the lines that begin them.
    pub lines: Vec<String>,
}

/// How a use gets to the symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Route<'a> {
    /// Through an inline of the kernel's headers, the outermost of them.
    Inline { function: &'a str, file: &'a str },
    /// Code of the module's own; is its source known?
    Code { source: bool },
    /// A pointer in its data.
    Data,
}

/// Everything that goes one way.
#[derive(Default)]
struct Traffic<'a> {
    symbols: Vec<&'a str>,
    chains: Vec<String>,
    /// By symbol where the code is the module's own, and together where an inline stands in between.
    callers: BTreeMap<(Option<&'a str>, Caller<'a>), BTreeSet<LineOrOffset>>,
    places: BTreeSet<Vec<(&'a str, LineOrOffset)>>,
}

/// A function or variable, and its file where that is known.
type Caller<'a> = (Option<&'a str>, String);

/// A place in a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LineOrOffset {
    Line(u32),
    Offset(u64),
    Unknown,
}

/// The paragraphs for uses of symbols that have one thing in common; `whole` leaves nothing out.
pub(super) fn usage(uses: &[(&str, &Use)], whole: bool) -> Vec<Paragraph> {
    let mut ways: Vec<(Route<'_>, Traffic<'_>)> = Vec::new();
    for (symbol, place) in uses.iter().copied() {
        let way = way(place);
        let index = ways.iter().position(|(known, _)| *known == way).unwrap_or_else(|| {
            ways.push((way, Traffic::default()));
            ways.len() - 1
        });
        if let Some((_, traffic)) = ways.get_mut(index) {
            traffic.add(symbol, place, way);
        }
    }
    // The way most symbols take comes first: it is the one to do something about.
    ways.sort_by_key(|(way, traffic)| (std::cmp::Reverse(traffic.symbols.len()), *way));
    let shown = if whole || ways.len() <= WAYS + 1 { ways.len() } else { WAYS };
    let mut paragraphs: Vec<_> = ways.iter().take(shown).map(|(way, traffic)| traffic.paragraph(*way, whole)).collect();
    if shown < ways.len() {
        let places: usize = ways.iter().skip(shown).map(|(_, traffic)| traffic.places.len()).sum();
        let head = format!("in {} more ways, {}; gplok why lists all", ways.len() - shown, in_places(places));
        paragraphs.push(Paragraph { head, lines: Vec::new() });
    }
    paragraphs
}

fn in_places(number: usize) -> String {
    format!("in {}", count(number, "place", "places"))
}

fn way(place: &Use) -> Route<'_> {
    match place.divided().0.last() {
        Some(frame) => Route::Inline { function: &frame.function, file: frame.file.as_deref().unwrap_or_default() },
        None if place.chain.is_empty() => Route::Data,
        None => Route::Code { source: place.chain.iter().any(|frame| frame.file.is_some()) },
    }
}

impl<'a> Traffic<'a> {
    fn add(&mut self, symbol: &'a str, place: &'a Use, way: Route<'a>) {
        if !self.symbols.contains(&symbol) {
            self.symbols.push(symbol);
        }
        let (headers, own) = place.divided();
        if !headers.is_empty() {
            let steps: Vec<String> = headers.iter().rev().map(step).collect();
            let through = place.via.as_ref().map(|via| format!(" (by {via})")).unwrap_or_default();
            let chain = format!("{} -> {symbol}{through}", steps.join(" -> "));
            if !self.chains.contains(&chain) {
                self.chains.push(chain);
            }
        }
        let (caller, spot) = caller(place, own);
        let path = own.iter().map(|frame| (frame.function.as_str(), line(frame)));
        // Where no line tells two places apart, the offset does.
        let apart = (!matches!(spot, LineOrOffset::Line(_))).then_some(("", LineOrOffset::Offset(place.offset)));
        self.places.insert(path.chain(apart).collect());
        let by_symbol = (!matches!(way, Route::Inline { .. })).then_some(symbol);
        self.callers.entry((by_symbol, caller)).or_default().insert(spot);
    }

    fn paragraph(&self, way: Route<'_>, whole: bool) -> Paragraph {
        let symbols = list(&self.symbols, if whole { self.symbols.len() } else { LINES });
        let places = in_places(self.places.len());
        let head = match way {
            Route::Inline { function, file } => {
                format!("{function}() of {file} needs {symbols}; the module calls it {places}")
            }
            Route::Code { source: true } => format!("by the module's own code, {places}"),
            Route::Code { source: false } => {
                format!("{places}; without debug information (--debug FILE) only the functions are known")
            }
            Route::Data => format!("by the module's data, {places}"),
        };
        let mut lines = capped(&self.chains, CHAINS, whole, "chains");
        let what = if matches!(way, Route::Inline { .. }) { "functions" } else { "symbols" };
        lines.extend(capped(&self.calls(whole), CALLERS, whole, what));
        Paragraph { head, lines }
    }

    /// A line for each caller, or, where symbols are used without an inline in between, for each symbol.
    fn calls(&self, whole: bool) -> Vec<String> {
        let mut lines: Vec<(Option<&str>, String)> = Vec::new();
        for ((symbol, caller), spots) in &self.callers {
            let called = called(caller, spots, whole);
            match lines.last_mut().filter(|(known, _)| symbol.is_some() && known == symbol) {
                Some((_, line)) => line.push_str(&format!("; {called}")),
                None => {
                    lines.push((*symbol, symbol.map_or_else(|| called.clone(), |symbol| format!("{symbol}: {called}"))))
                }
            }
        }
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

fn capped(all: &[String], limit: usize, whole: bool, what: &str) -> Vec<String> {
    let shown = if whole || all.len() <= limit + 1 { all.len() } else { limit };
    let mut lines: Vec<String> = all.iter().take(shown).cloned().collect();
    if shown < all.len() {
        lines.push(format!("and {} more {what}", all.len() - shown));
    }
    lines
}

/// Who goes the way: the innermost function of the module's own, or the field of a variable.
fn caller<'a>(place: &'a Use, own: &'a [Frame]) -> (Caller<'a>, LineOrOffset) {
    let inside = place.inside.as_ref();
    if let Some(frame) = own.first() {
        let spot = match line(frame) {
            LineOrOffset::Unknown => inside.map_or(LineOrOffset::Unknown, |inside| LineOrOffset::Offset(inside.offset)),
            known => known,
        };
        return ((frame.file.as_deref(), frame.function.clone()), spot);
    }
    let Some(inside) = inside else { return ((None, place.section.clone()), LineOrOffset::Offset(place.offset)) };
    let declared = inside.declared.as_ref();
    let file = declared.map(|declared| declared.file.as_str());
    let spot = declared.and_then(|declared| declared.line).map_or(LineOrOffset::Unknown, LineOrOffset::Line);
    match &inside.field {
        Some(field) => ((file, format!("{}{field}", inside.name)), spot),
        None => ((file, format!("{}+{:#x}", inside.name, inside.offset)), spot),
    }
}

fn line(frame: &Frame) -> LineOrOffset {
    frame.line.map_or(LineOrOffset::Unknown, LineOrOffset::Line)
}

/// `afs_ReadNoCache (afs_bypasscache.c:518 and 520)`, `afs_ReadNoCache+0x12`, `fops.open (main.c:40)`.
fn called((file, name): &Caller<'_>, spots: &BTreeSet<LineOrOffset>, whole: bool) -> String {
    let number = |spot: &LineOrOffset| match spot {
        LineOrOffset::Line(line) => Some(line.to_string()),
        LineOrOffset::Offset(offset) => Some(format!("+{offset:#x}")),
        LineOrOffset::Unknown => None,
    };
    let numbers: Vec<String> = spots.iter().filter_map(number).collect();
    let listed = list(&numbers, if whole { numbers.len() } else { LINES });
    match (file, numbers.is_empty()) {
        (Some(file), true) => format!("{name} ({file})"),
        (Some(file), false) => format!("{name} ({file}:{listed})"),
        (None, true) => name.clone(),
        (None, false) => format!("{name} ({listed})"),
    }
}

/// `put_page (include/linux/mm.h:1201)`.
fn step(frame: &Frame) -> String {
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{} ({file}:{line})", frame.function),
        (Some(file), None) => format!("{} ({file})", frame.function),
        (None, _) => frame.function.clone(),
    }
}
