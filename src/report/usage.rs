//! Where a module uses symbols, in words: each inline of the kernel's headers once, with the lines that call it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::wording::{count, list};
use crate::verdict::{Frame, Use};

/// How many routes the text shows unless it shows everything.
const ROUTES: usize = 4;
/// How many chains of one route.
const CHAINS: usize = 4;
/// How many functions of one route.
const CALLERS: usize = 6;
/// How many lines of one function.
const LINES: usize = 6;

/// The text for one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paragraph {
    /// What uses the symbols.
    pub head: String,
    /// The chains, and the lines that they start from.
    pub lines: Vec<String>,
}

/// The route by which the module reaches symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Route<'a> {
    /// Through inlines of the kernel's headers; the fields name the outermost.
    Inline { function: &'a str, file: &'a str },
    /// Directly from the module's own code; `source` says whether its source is known.
    Code { source: bool },
    /// From a pointer in the module's data.
    Data,
}

/// The uses of one route.
#[derive(Default)]
struct Traffic<'a> {
    symbols: Vec<&'a str>,
    chains: Vec<String>,
    /// The callers: for each symbol where the module's own code uses it, together for all symbols of an inline.
    callers: BTreeMap<(Option<&'a str>, Caller<'a>), BTreeSet<LineOrOffset>>,
    places: BTreeSet<Vec<(&'a str, LineOrOffset)>>,
}

/// A function or variable, and its file if known.
type Caller<'a> = (Option<&'a str>, String);

/// A place in a function or variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LineOrOffset {
    Line(u32),
    Offset(u64),
    Unknown,
}

/// The paragraphs for uses of symbols, one for each route. With `whole`, they show everything.
pub(super) fn usage(uses: &[(&str, &Use)], whole: bool) -> Vec<Paragraph> {
    let mut routes: Vec<(Route<'_>, Traffic<'_>)> = Vec::new();
    for (symbol, place) in uses.iter().copied() {
        let route = route(place);
        match routes.iter_mut().find(|(known, _)| *known == route) {
            Some((_, traffic)) => traffic.add(symbol, place, route),
            None => {
                let mut traffic = Traffic::default();
                traffic.add(symbol, place, route);
                routes.push((route, traffic));
            }
        }
    }
    // The route of the most symbols comes first: a change there has the most effect.
    routes.sort_by_key(|(route, traffic)| (Reverse(traffic.symbols.len()), *route));
    let shown = if whole || routes.len() <= ROUTES + 1 { routes.len() } else { ROUTES };
    let mut paragraphs: Vec<_> =
        routes.iter().take(shown).map(|(route, traffic)| traffic.paragraph(*route, whole)).collect();
    if shown < routes.len() {
        let places: usize = routes.iter().skip(shown).map(|(_, traffic)| traffic.places.len()).sum();
        let head = format!("in {} more ways, {}; gplok why lists all", routes.len() - shown, in_places(places));
        paragraphs.push(Paragraph { head, lines: Vec::new() });
    }
    paragraphs
}

fn in_places(number: usize) -> String {
    format!("in {}", count(number, "place", "places"))
}

fn route(place: &Use) -> Route<'_> {
    match place.divided().0.last() {
        Some(frame) => Route::Inline { function: &frame.function, file: frame.file.as_deref().unwrap_or_default() },
        None if place.chain.is_empty() => Route::Data,
        None => Route::Code { source: place.chain.iter().any(|frame| frame.file.is_some()) },
    }
}

impl<'a> Traffic<'a> {
    fn add(&mut self, symbol: &'a str, place: &'a Use, route: Route<'a>) {
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
        let mut path: Vec<_> = own.iter().map(|frame| (frame.function.as_str(), line(frame))).collect();
        // Where there is no line, the offset distinguishes places.
        if !matches!(spot, LineOrOffset::Line(_)) {
            path.push(("", LineOrOffset::Offset(place.offset)));
        }
        self.places.insert(path);
        let by_symbol = (!matches!(route, Route::Inline { .. })).then_some(symbol);
        self.callers.entry((by_symbol, caller)).or_default().insert(spot);
    }

    fn paragraph(&self, route: Route<'_>, whole: bool) -> Paragraph {
        let symbols = list(&self.symbols, if whole { self.symbols.len() } else { LINES });
        let places = in_places(self.places.len());
        let head = match route {
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
        let what = if matches!(route, Route::Inline { .. }) { "functions" } else { "symbols" };
        lines.extend(capped(&self.calls(whole), CALLERS, whole, what));
        Paragraph { head, lines }
    }

    /// One line for each caller of an inline; where the module uses the symbols directly, one line for each symbol.
    fn calls(&self, whole: bool) -> Vec<String> {
        let mut lines: Vec<(Option<&str>, String)> = Vec::new();
        for ((symbol, caller), spots) in &self.callers {
            let called = called(caller, spots, whole);
            match lines.last_mut().filter(|(known, _)| symbol.is_some() && known == symbol) {
                Some((_, line)) => line.push_str(&format!("; {called}")),
                None => {
                    let line = match symbol {
                        Some(symbol) => format!("{symbol}: {called}"),
                        None => called,
                    };
                    lines.push((*symbol, line));
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

/// The caller: the innermost of the module's own functions, or the field of a variable.
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
    let mut numbers = Vec::new();
    for spot in spots {
        match spot {
            LineOrOffset::Line(line) => numbers.push(line.to_string()),
            LineOrOffset::Offset(offset) => numbers.push(format!("+{offset:#x}")),
            LineOrOffset::Unknown => {}
        }
    }
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
