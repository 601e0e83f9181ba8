//! Many modules on one page: grouped by what the kernel answers and why, each cause once; and as depmod warns.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};
use std::fmt::Write as _;

use rayon::prelude::*;

use super::entry::{Entry, KernelSummary};
use super::findings::title;
use super::headline::tally;
use super::missing::remedy;
use super::palette::Palette;
use super::sentence::sentence;
use super::wording::{all, count, first_of, list, printable};
use crate::terms::Errno;
use crate::verdict::{Cause, Code, Finding, Missing, Outcome};

/// Modules and symbols named of one group.
const MODULES: usize = 8;
const SYMBOLS: usize = 6;

/// What keeps modules from loading, and what they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OutcomeKind {
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
    let at_once = entries.len().div_ceil(rayon::current_num_threads()).max(AT_ONCE);
    let gone_through = entries.par_chunks(at_once).map(ChunkSummary::of).collect::<Vec<_>>();
    let ChunkSummary { answers, behind, notes, missing } =
        gone_through.into_iter().reduce(ChunkSummary::joined).unwrap_or_default();
    let mut answers: Vec<_> = answers.into_iter().collect();
    answers.sort_by_key(|(_, group)| Reverse(group.modules.len()));
    for ((answer, codes), group) in answers {
        // Several of a kind, whose number stands below.
        let kinds: Vec<String> = codes.iter().map(|code| title(*code, 2).trim_start_matches("2 ").to_owned()).collect();
        let (style, word) = match answer {
            OutcomeKind::Crash => (palette.answer_bad, "would crash the kernel".to_owned()),
            OutcomeKind::Refused(errno) => (palette.answer_bad, format!("refused: {errno}")),
            OutcomeKind::Never => {
                (palette.answer_bad, "refused in any case; the errno depends on what is not known".to_owned())
            }
            OutcomeKind::Undetermined => (palette.answer_unknown, "undetermined".to_owned()),
        };
        let because = if kinds.is_empty() { String::new() } else { format!(", {}", all(&kinds)) };
        let heading = palette.paint(style, &format!("{word}{because}"));
        let _ = writeln!(text, "\n{heading}: {}", count(group.modules.len(), "module", "modules"));
        let _ = writeln!(text, "  {}", printable(&list(&group.modules, MODULES)));
        causes(&mut text, group, kernel, palette, true);
    }
    if !behind.causes.is_empty() {
        let heading = palette.paint(palette.heading, "also, once that is mended");
        let _ = writeln!(text, "\n{heading}:");
        causes(&mut text, behind, kernel, palette, false);
    }
    worth_knowing(&mut text, notes, palette);
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
fn worth_knowing(text: &mut String, notes: BTreeMap<Code, Vec<String>>, palette: &Palette) {
    if !notes.is_empty() {
        let _ = writeln!(text, "\n{}:", palette.paint(palette.heading, "worth knowing"));
    }
    for (code, notes) in notes {
        let label = palette.paint(palette.label, &format!("{} [{code}]", title(code, notes.len())));
        let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
        let _ = writeln!(text, "    {label}: {}", printable(&list(&notes, SYMBOLS)));
    }
}

fn note(entry: &Entry<'_>, finding: &Finding) -> Option<String> {
    match &finding.cause {
        Cause::ShadowedFile { file } => Some(format!("{file} (not used: {} is)", entry.title())),
        // Each pair once.
        Cause::RivalExport { symbol, module } if entry.verdict.name <= *module => {
            Some(format!("{symbol} ({} and {module})", entry.verdict.name))
        }
        _ => None,
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
struct SharedCause<'a> {
    /// The first finding of it, and whose it is.
    first: (&'a Finding, &'a str),
    /// The modules, each once for every file of its name.
    modules: Vec<&'a str>,
    /// How many modules meet it for each symbol.
    symbols: HashMap<&'a str, usize>,
}

/// Modules that go together, and what they share.
#[derive(Default)]
struct ModuleGroup<'a> {
    modules: Vec<&'a str>,
    causes: BTreeMap<Code, SharedCause<'a>>,
}

/// What the page says of some of the modules: their findings are many, and gone through once.
#[derive(Default)]
struct ChunkSummary<'a> {
    /// By what they are told, and for which causes.
    answers: BTreeMap<(OutcomeKind, Vec<Code>), ModuleGroup<'a>>,
    /// Behind the stages that refused.
    behind: ModuleGroup<'a>,
    notes: BTreeMap<Code, Vec<String>>,
    missing: BTreeSet<&'a Missing>,
}

/// So many modules are gone through on one processor at least: few are not worth the while.
const AT_ONCE: usize = 256;

impl<'a> ModuleGroup<'a> {
    /// Adds a module and what refuses it.
    fn add(&mut self, entry: &Entry<'a>, reached: bool) {
        let name = entry.verdict.name.as_str();
        self.modules.push(name);
        let mut findings = refusing(entry, reached).peekable();
        while let Some(first) = findings.next() {
            let new = || SharedCause { first: (first, name), modules: Vec::new(), symbols: HashMap::new() };
            let shared = self.causes.entry(first.code()).or_insert_with(new);
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

    /// Adds the modules behind them.
    fn join(&mut self, other: Self) {
        self.modules.extend(other.modules);
        for (code, shared) in other.causes {
            match self.causes.entry(code) {
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
    }
}

impl<'a> ChunkSummary<'a> {
    fn of(entries: &[Entry<'a>]) -> Self {
        let mut share = Self::default();
        entries.iter().for_each(|entry| share.add(entry));
        share
    }

    fn add(&mut self, entry: &Entry<'a>) {
        self.missing.extend(&entry.verdict.missing);
        for finding in &entry.verdict.findings {
            if let Some(note) = note(entry, finding) {
                self.notes.entry(finding.code()).or_default().push(note);
            }
        }
        if refusing(entry, false).next().is_some() {
            self.behind.add(entry, false);
        }
        let answer = match &entry.verdict.outcome {
            Outcome::Loads => return,
            Outcome::Crash { .. } => OutcomeKind::Crash,
            Outcome::Refused { errno, .. } => OutcomeKind::Refused(*errno),
            Outcome::Undetermined if entry.verdict.never_loads => OutcomeKind::Never,
            Outcome::Undetermined => OutcomeKind::Undetermined,
        };
        let codes: BTreeSet<Code> = refusing(entry, true).map(Finding::code).collect();
        self.answers.entry((answer, codes.into_iter().collect())).or_default().add(entry, true);
    }

    /// Both, the modules of the other behind these.
    fn joined(mut self, other: Self) -> Self {
        for (answer, group) in other.answers {
            self.answers.entry(answer).or_default().join(group);
        }
        self.behind.join(other.behind);
        for (code, notes) in other.notes {
            self.notes.entry(code).or_default().extend(notes);
        }
        self.missing.extend(other.missing);
        self
    }
}

/// Each kind of cause once, with the symbols most modules meet it for, and what to do.
fn causes(text: &mut String, group: ModuleGroup<'_>, kernel: &KernelSummary, palette: &Palette, reached: bool) {
    let all_modules = group.modules.len();
    for (code, SharedCause { first: (finding, module), mut modules, symbols }) in group.causes {
        modules.sort_unstable();
        modules.dedup();
        let named = most_met(&symbols);
        let label = palette.paint(palette.label, &format!("{} [{code}]", title(code, symbols.len().max(1))));
        let more = symbols.len() - named.len();
        let which = if named.is_empty() { String::new() } else { format!(": {}", first_of(&named, more)) };
        let of = match reached && modules.len() == all_modules {
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
