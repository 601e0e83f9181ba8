//! Many modules on one page: grouped by what the kernel answers and why, each cause once; and as depmod warns.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};
use std::fmt::Write as _;

use rayon::prelude::*;

use super::headline::{kind, tally};
use super::wording::{all, count, first_of, list, printable};
use super::{Entry, KernelSummary, Palette, remedy, sentence};
use crate::terms::Errno;
use crate::verdict::{Cause, Code, Finding, Missing, Outcome};

/// Modules and symbols named of one group.
const MODULES: usize = 8;
const SYMBOLS: usize = 6;

/// What keeps modules from loading, and what they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Crash,
    Refused(Errno),
    /// Refused in any case; with which errno depends on what is not known.
    Never,
    Undetermined,
}

/// The page for many modules: what is counted, then each answer with its causes, those that the kernel meets first apart from
/// those behind them.
pub fn human_many(entries: &[Entry<'_>], kernel: &KernelSummary, palette: &Palette) -> String {
    let all_modules = count(entries.len(), "module", "modules");
    let mut text = format!("{all_modules} on {}: {}\n", printable(kernel.called()), tally(entries));
    let mut answers: BTreeMap<(Answer, Vec<Code>), Vec<&Entry<'_>>> = BTreeMap::new();
    let codes_of = |entry: &Entry<'_>| {
        let codes: BTreeSet<Code> = refusing(entry, true).map(Finding::code).collect();
        (codes.into_iter().collect::<Vec<_>>(), refusing(entry, false).next().is_some())
    };
    let codes: Vec<_> = entries.par_iter().map(codes_of).collect();
    let (codes, is_behind): (Vec<_>, Vec<_>) = codes.into_iter().unzip();
    for (entry, codes) in entries.iter().zip(codes) {
        let answer = match &entry.verdict.outcome {
            Outcome::Loads => continue,
            Outcome::Crash { .. } => Answer::Crash,
            Outcome::Refused { errno, .. } => Answer::Refused(*errno),
            Outcome::Undetermined if entry.verdict.never_loads => Answer::Never,
            Outcome::Undetermined => Answer::Undetermined,
        };
        answers.entry((answer, codes)).or_default().push(entry);
    }
    let mut answers: Vec<_> = answers.into_iter().collect();
    answers.sort_by_key(|(_, entries)| Reverse(entries.len()));
    for ((answer, codes), entries) in &answers {
        // Several of a kind, whose number stands below.
        let kinds: Vec<String> = codes.iter().map(|code| kind(*code, 2).trim_start_matches("2 ").to_owned()).collect();
        let (style, word) = match answer {
            Answer::Crash => (palette.answer_bad, "would crash the kernel".to_owned()),
            Answer::Refused(errno) => (palette.answer_bad, format!("refused: {errno}")),
            Answer::Never => {
                (palette.answer_bad, "refused in any case; the errno depends on what is not known".to_owned())
            }
            Answer::Undetermined => (palette.answer_unknown, "undetermined".to_owned()),
        };
        let because = if kinds.is_empty() { String::new() } else { format!(", {}", all(&kinds)) };
        let heading = palette.paint(style, &format!("{word}{because}"));
        let names: Vec<&str> = entries.iter().map(|entry| entry.verdict.name.as_str()).collect();
        let _ = writeln!(text, "\n{heading}: {}", count(names.len(), "module", "modules"));
        let _ = writeln!(text, "  {}", printable(&list(&names, MODULES)));
        causes(&mut text, entries, kernel, palette, true);
    }
    let behind = entries.iter().zip(is_behind).filter(|(_, is_behind)| *is_behind);
    let behind: Vec<&Entry<'_>> = behind.map(|(entry, _)| entry).collect();
    if !behind.is_empty() {
        let heading = palette.paint(palette.heading, "also, once that is mended");
        let _ = writeln!(text, "\n{heading}:");
        causes(&mut text, &behind, kernel, palette, false);
    }
    notes(&mut text, entries, palette);
    let missing: BTreeSet<&Missing> = entries.iter().flat_map(|entry| &entry.verdict.missing).collect();
    if !missing.is_empty() {
        let heading = palette.paint(palette.heading, "not known, and some answers or lines depend on it");
        let _ = writeln!(text, "\n{heading}:");
        for missing in missing {
            let _ = writeln!(text, "  - {}", printable(&remedy(missing, kernel)));
        }
    }
    for conflict in &kernel.conflicts {
        let _ = writeln!(text, "\nof the kernel's files, some disagree: {}", printable(conflict));
    }
    text
}

/// What keeps no module from loading, and yet decides which ones are.
fn notes(text: &mut String, entries: &[Entry<'_>], palette: &Palette) {
    let mut by_code: BTreeMap<Code, Vec<String>> = BTreeMap::new();
    for entry in entries {
        for finding in &entry.verdict.findings {
            let note = match &finding.cause {
                Cause::ShadowedFile { file } => format!("{file} (not used: {} is)", entry.title()),
                // Each pair once.
                Cause::RivalExport { symbol, module } if entry.verdict.name <= *module => {
                    format!("{symbol} ({} and {module})", entry.verdict.name)
                }
                _ => continue,
            };
            by_code.entry(finding.code()).or_default().push(note);
        }
    }
    if !by_code.is_empty() {
        let _ = writeln!(text, "\n{}:", palette.paint(palette.heading, "worth knowing"));
    }
    for (code, notes) in by_code {
        let label = palette.paint(palette.label, &format!("{} [{code}]", kind(code, notes.len())));
        let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
        let _ = writeln!(text, "    {label}: {}", printable(&list(&notes, SYMBOLS)));
    }
}

/// The findings that refuse: those that the kernel gets to, or those behind the stage that refused.
fn refusing<'a>(entry: &Entry<'a>, reached: bool) -> impl Iterator<Item = &'a Finding> {
    // What a module lacks because another one was refused is that one's affair.
    let by_another =
        |finding: &Finding| matches!(finding.cause, Cause::MissingSymbol { refused_exporter: Some(_), .. });
    let findings = entry.verdict.findings.iter();
    findings.filter(move |finding| finding.refuses() && finding.reached == reached && !by_another(finding))
}

/// One kind of cause among many modules.
struct Shared<'a> {
    /// The first finding of it, and whose it is.
    first: (&'a Finding, &'a str),
    /// The modules, each once for every file of its name.
    modules: Vec<&'a str>,
    /// How many modules meet it for each symbol.
    symbols: HashMap<&'a str, usize>,
}

/// So many modules are gone through on one processor at least: few are not worth the while.
const AT_ONCE: usize = 256;

/// What these modules share.
fn shared<'a>(entries: &[&Entry<'a>], reached: bool) -> BTreeMap<Code, Shared<'a>> {
    let mut by_code: BTreeMap<Code, Shared<'_>> = BTreeMap::new();
    for entry in entries {
        let name = entry.verdict.name.as_str();
        let mut findings = refusing(entry, reached).peekable();
        while let Some(first) = findings.next() {
            let new = || Shared { first: (first, name), modules: Vec::new(), symbols: HashMap::new() };
            let shared = by_code.entry(first.code()).or_insert_with(new);
            shared.modules.push(name);
            // Most have many of a kind, one behind the other.
            let mut alike = Some(first);
            while let Some(finding) = alike {
                let symbol = match &finding.cause {
                    Cause::DependencyRefused { dependency, .. } => Some(dependency.as_str()),
                    _ => finding.symbol(),
                };
                if let Some(symbol) = symbol {
                    *shared.symbols.entry(symbol).or_default() += 1;
                }
                alike = findings.next_if(|next| next.code() == first.code());
            }
        }
    }
    by_code
}

/// What these share with the modules behind them.
fn joined<'a>(mut one: BTreeMap<Code, Shared<'a>>, other: BTreeMap<Code, Shared<'a>>) -> BTreeMap<Code, Shared<'a>> {
    for (code, shared) in other {
        match one.entry(code) {
            btree_map::Entry::Vacant(entry) => _ = entry.insert(shared),
            btree_map::Entry::Occupied(entry) => {
                let known = entry.into_mut();
                known.modules.extend(shared.modules);
                for (symbol, number) in shared.symbols {
                    *known.symbols.entry(symbol).or_default() += number;
                }
            }
        }
    }
    one
}

/// Each kind of cause once, with the symbols most modules meet it for, and what to do.
fn causes(text: &mut String, entries: &[&Entry<'_>], kernel: &KernelSummary, palette: &Palette, reached: bool) {
    let at_once = entries.len().div_ceil(rayon::current_num_threads()).max(AT_ONCE);
    let shared = entries.par_chunks(at_once).map(|some| shared(some, reached)).collect::<Vec<_>>();
    let by_code = shared.into_iter().reduce(joined).unwrap_or_default();
    for (code, Shared { first: (finding, module), mut modules, symbols }) in by_code {
        modules.sort_unstable();
        modules.dedup();
        let named = most_met(&symbols);
        let label = palette.paint(palette.label, &format!("{} [{code}]", kind(code, symbols.len().max(1))));
        let more = symbols.len() - named.len();
        let which = if named.is_empty() { String::new() } else { format!(": {}", first_of(&named, more)) };
        let of = match reached && modules.len() == entries.len() {
            true => String::new(),
            false => format!(", of {}", count(modules.len(), "module", "modules")),
        };
        let _ = writeln!(text, "    {label}{of}{}", printable(&which));
        if modules.len() == 1 || code != Code::DependencyRefused {
            let said = sentence(finding, if modules.len() == 1 { module } else { "the module" }, kernel);
            let _ = writeln!(text, "      fix: {}", printable(&said.fix));
        }
    }
}

/// The symbols that most modules meet, with how many.
fn most_met(symbols: &HashMap<&str, usize>) -> Vec<String> {
    let mut all: Vec<_> = symbols.iter().map(|(symbol, number)| (Reverse(*number), *symbol)).collect();
    if all.len() > SYMBOLS {
        all.select_nth_unstable(SYMBOLS);
        all.truncate(SYMBOLS);
    }
    all.sort_unstable();
    all.into_iter().map(|(Reverse(number), symbol)| format!("{symbol} ({number})")).collect()
}

/// The lines that `depmod -e` prints for the same modules: symbols that nobody exports, and versions that differ, whether or not
/// the kernel gets as far. A GPL-only symbol is unknown to a module that may not have it; depmod does not look at that.
///
/// What it prints does not hang on the release of the kernel.
pub fn depmod(entries: &[Entry<'_>]) -> String {
    let mut text = String::new();
    for entry in entries {
        let path = printable(entry.title());
        for finding in &entry.verdict.findings {
            let what = match &finding.cause {
                Cause::SymbolVersion { .. } | Cause::ModuleLayout { .. } => "disagrees about version of symbol",
                Cause::MissingSymbol { refused_exporter: None, .. }
                | Cause::ExporterNotLoaded { .. }
                | Cause::GplOnlySymbol { .. } => "needs unknown symbol",
                _ => continue,
            };
            let symbol = printable(finding.symbol().unwrap_or_default());
            let _ = writeln!(text, "depmod: WARNING: {path} {what} {symbol}");
        }
    }
    text
}
