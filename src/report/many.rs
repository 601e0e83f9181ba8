//! Many modules on one page, grouped by outcome and causes, each cause once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};

use super::bad_files::{BadFiles, why_unread};
use super::compiler_symbols::CompilerSymbol;
use super::entry::{Entry, KernelSummary};
use super::findings::title;
use super::headline::tally;
use super::missing::remedy;
use super::palette::Palette;
use super::printable::Printable;
use super::sentence::sentence;
use super::wording::{all, count, first_of, list};
use crate::terms::{Errno, parallel};
use crate::verdict::{Cause, Code, Finding, Missing, Outcome};

/// How many modules and symbols of one group the page names.
const MODULES: usize = 8;
const SYMBOLS: usize = 6;

/// How many facts that were taken for true the page names.
const INFERRED: usize = 8;

/// The outcome of modules that do not load, without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OutcomeKind {
    Crash,
    Refused(Errno),
    /// Refused in any case; the errno depends on facts that are not known.
    Never,
    Undetermined,
    /// Undetermined, because its file could not be read.
    Unread,
}

/// The page for many modules: the counts, then each outcome with its causes, then the causes in stages that the kernel does not
/// reach.
pub fn human_many(entries: &[Entry<'_>], kernel: &KernelSummary, palette: &Palette) -> Printable {
    let all_modules = count(entries.len(), "module", "modules");
    let mut text = Printable::from_line(format_args!("{all_modules} on {}: {}", kernel.called(), tally(entries)));
    let at_once = entries.len().div_ceil(parallel::threads()).max(AT_ONCE);
    let summaries = parallel::map(&entries.chunks(at_once).collect::<Vec<_>>(), |chunk| ChunkSummary::of(chunk));
    let ChunkSummary { answers, behind, notes, missing, inferred } =
        summaries.into_iter().reduce(ChunkSummary::joined).unwrap_or_default();
    let mut answers: Vec<_> = answers.into_iter().collect();
    answers.sort_by_key(|(_, group)| Reverse(group.modules.len()));
    let unread = answers.iter().find(|((answer, _), _)| *answer == OutcomeKind::Unread);
    let unread = unread.map_or(0, |(_, group)| group.files.number());
    for ((answer, codes), group) in answers {
        // The plural of each title without its number, which the lines below give.
        let kinds: Vec<String> = codes.iter().map(|code| title(*code, 2).trim_start_matches("2 ").to_owned()).collect();
        let (style, word) = match answer {
            OutcomeKind::Crash => (palette.answer_bad, "would crash the kernel".to_owned()),
            OutcomeKind::Refused(errno) => (palette.answer_bad, format!("refused: {errno}")),
            OutcomeKind::Never => {
                (palette.answer_bad, "refused in any case; the errno depends on what is not known".to_owned())
            }
            OutcomeKind::Undetermined => (palette.answer_unknown, "undetermined".to_owned()),
            OutcomeKind::Unread => (palette.answer_unknown, "undetermined, because the file was not read".to_owned()),
        };
        let because = if kinds.is_empty() { String::new() } else { format!(", {}", all(&kinds)) };
        text.end();
        text.painted(palette, style, format_args!("{word}{because}"));
        text.line(format_args!(": {}", count(group.modules.len(), "module", "modules")));
        // Bad files are named below.
        if group.files.number() < group.modules.len() {
            text.line(format_args!("  {}", list(&group.modules, MODULES)));
        }
        causes(&mut text, group, kernel, palette, true);
    }
    if !behind.causes.is_empty() {
        heading(&mut text, palette, "also, once that is fixed");
        causes(&mut text, behind, kernel, palette, false);
    }
    worth_knowing(&mut text, notes, kernel, palette);
    if !missing.is_empty() {
        heading(&mut text, palette, "not known, and some answers or lines depend on it");
        if unread > 0 {
            let files = count(unread, "file", "files");
            text.line(format_args!("  - what is in the {files} above that could not be read, and what they export"));
        }
        for missing in missing.into_iter().filter(|missing| !is_among(missing, unread)) {
            text.line(format_args!("  - {}", remedy(missing, kernel)));
        }
    }
    if !inferred.is_empty() {
        heading(&mut text, palette, "taken for true");
        for fact in inferred.iter().take(INFERRED) {
            text.line(format_args!("  - {fact}"));
        }
        if let Some(more) = inferred.len().checked_sub(INFERRED).filter(|more| *more > 0) {
            text.line(format_args!("  - and {more} more, which --list and --format json name"));
        }
    }
    for conflict in &kernel.conflicts {
        text.end();
        text.line(format_args!("of the kernel's files, some disagree: {conflict}"));
    }
    for file in &kernel.set_aside {
        text.end();
        text.line(format_args!("of the kernel's files, some do not tell what they should: {file}"));
    }
    text
}

/// Returns whether a missing fact is what is in files that could not be read, and that are all among those that the page names.
const fn is_among(missing: &Missing, unread: usize) -> bool {
    matches!(missing, Missing::UnreadModule { more, .. } if *more < unread)
}

/// Adds a blank line and the heading of a list.
fn heading(text: &mut Printable, palette: &Palette, heading: &str) {
    text.end();
    text.painted(palette, palette.heading, heading).line(":");
}

/// The notes of one code.
struct Notes<'a> {
    /// The first finding.
    first: &'a Finding,
    texts: Vec<String>,
}

/// Adds the notes: findings that refuse no module, but decide which module of several is loaded, or which program can load it.
fn worth_knowing(text: &mut Printable, notes: BTreeMap<Code, Notes<'_>>, kernel: &KernelSummary, palette: &Palette) {
    if !notes.is_empty() {
        heading(text, palette, "worth knowing");
    }
    for (code, Notes { first, texts }) in notes {
        text.text("    ").painted(palette, palette.label, format_args!("{} [{code}]", title(code, texts.len())));
        text.line(format_args!(": {}", list(&texts, SYMBOLS)));
        if code == Code::Decompression {
            text.line(format_args!("      fix: {}", sentence(first, "the module", kernel).fix));
        }
    }
}

fn note(entry: &Entry<'_>, finding: &Finding) -> Option<String> {
    match &finding.cause {
        Cause::ShadowedFile { file, is_certain: true } => Some(format!("{file} (not used: {} is)", entry.title())),
        Cause::ShadowedFile { file, is_certain: false } => {
            Some(format!("{file} (it may be used instead of {}: nothing tells which)", entry.title()))
        }
        // Both modules of a pair have the finding; one note is enough.
        Cause::RivalExport { symbol, module } if entry.verdict.name <= *module => {
            Some(format!("{symbol} ({} and {module})", entry.verdict.name))
        }
        Cause::Decompression { fault: Some(fault), refused: false, .. } => {
            let who = "only a program that decompresses it itself, as kmod 30 and earlier do, can load it";
            Some(format!("{} ({who}: it {fault})", entry.title()))
        }
        _ => None,
    }
}

/// The refusing findings of an entry: those that the kernel reaches, or those that it does not reach.
fn refusing<'a>(entry: &Entry<'a>, reached: bool) -> impl Iterator<Item = &'a Finding> {
    entry.verdict.findings.iter().filter(move |finding| {
        // A symbol that is missing because its exporter was refused is reported for the exporter.
        let is_secondary = matches!(finding.cause, Cause::MissingSymbol { refused_exporter: Some(_), .. });
        finding.refuses() && finding.reached == reached && !is_secondary
    })
}

/// The findings of one code among many modules.
struct SharedCause<'a> {
    /// The first finding, and its module.
    first: (&'a Finding, &'a str),
    /// The modules; a module occurs once for each file of its name.
    modules: Vec<&'a str>,
    /// The number of findings for each symbol.
    symbols: HashMap<&'a str, usize>,
}

/// What findings must share to stand under one line: the code, and of symbols that compilers emit, what they use them for.
type CauseKey = (Code, Option<&'static str>);

fn cause_key(finding: &Finding) -> CauseKey {
    let purpose = match &finding.cause {
        Cause::MissingSymbol { symbol, .. } => CompilerSymbol::purpose_of(symbol),
        _ => None,
    };
    (finding.code(), purpose)
}

/// Modules with one outcome, and their causes.
#[derive(Default)]
struct ModuleGroup<'a> {
    modules: Vec<&'a str>,
    causes: BTreeMap<CauseKey, SharedCause<'a>>,
    /// Those of the modules whose files are damaged or could not be read.
    files: BadFiles<'a>,
}

/// The content of the page for a chunk of the modules. Findings are many, so one pass collects everything.
#[derive(Default)]
struct ChunkSummary<'a> {
    /// Groups by outcome and codes.
    answers: BTreeMap<(OutcomeKind, Vec<Code>), ModuleGroup<'a>>,
    /// Findings in stages that the kernel does not reach.
    behind: ModuleGroup<'a>,
    notes: BTreeMap<Code, Notes<'a>>,
    missing: BTreeSet<&'a Missing>,
    inferred: BTreeSet<&'a str>,
}

/// The smallest number of modules that one thread processes: a thread is not worth its cost for fewer.
const AT_ONCE: usize = 256;

impl<'a> ModuleGroup<'a> {
    /// Adds a module and what refuses it.
    fn add(&mut self, entry: &Entry<'a>, reached: bool) {
        let name = entry.verdict.name.as_str();
        self.modules.push(name);
        if reached {
            self.files.add_damaged(entry);
        }
        let mut findings = refusing(entry, reached).peekable();
        while let Some(first) = findings.next() {
            let key = cause_key(first);
            let shared = self.causes.entry(key).or_insert_with(|| SharedCause {
                first: (first, name),
                modules: Vec::new(),
                symbols: HashMap::new(),
            });
            shared.modules.push(name);
            // Most modules have runs of findings with one code; one lookup serves the run.
            let mut run = Some(first);
            while let Some(finding) = run {
                let symbol = match &finding.cause {
                    Cause::DependencyRefused { dependency, .. } => Some(dependency.as_str()),
                    _ => finding.symbol(),
                };
                if let Some(symbol) = symbol {
                    *shared.symbols.entry(symbol).or_default() += 1;
                }
                run = findings.next_if(|next| cause_key(next) == key);
            }
        }
    }

    /// Appends the modules and causes of another group.
    fn join(&mut self, other: Self) {
        self.modules.extend(other.modules);
        self.files.join(other.files);
        for (key, shared) in other.causes {
            match self.causes.entry(key) {
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
        self.inferred.extend(entry.verdict.inferred.iter().map(String::as_str));
        for finding in &entry.verdict.findings {
            if let Some(note) = note(entry, finding) {
                let notes = self.notes.entry(finding.code());
                notes.or_insert_with(|| Notes { first: finding, texts: Vec::new() }).texts.push(note);
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
            Outcome::Undetermined => match (why_unread(entry), entry.path) {
                (Some(why), Some(path)) => {
                    let unread = self.answers.entry((OutcomeKind::Unread, Vec::new())).or_default();
                    unread.modules.push(&entry.verdict.name);
                    unread.files.add_unread(why, path);
                    return;
                }
                _ => OutcomeKind::Undetermined,
            },
        };
        let codes: BTreeSet<Code> = refusing(entry, true).map(Finding::code).collect();
        self.answers.entry((answer, codes.into_iter().collect())).or_default().add(entry, true);
    }

    /// Appends the content of another chunk.
    fn joined(mut self, other: Self) -> Self {
        for (answer, group) in other.answers {
            self.answers.entry(answer).or_default().join(group);
        }
        self.behind.join(other.behind);
        for (code, notes) in other.notes {
            match self.notes.entry(code) {
                btree_map::Entry::Vacant(entry) => _ = entry.insert(notes),
                btree_map::Entry::Occupied(entry) => entry.into_mut().texts.extend(notes.texts),
            }
        }
        self.missing.extend(other.missing);
        self.inferred.extend(other.inferred);
        self
    }
}

/// Adds each cause once, with the symbols that most modules have it for, and what to do about it.
fn causes(text: &mut Printable, group: ModuleGroup<'_>, kernel: &KernelSummary, palette: &Palette, reached: bool) {
    let all_modules = group.modules.len();
    for ((code, _), SharedCause { first: (finding, module), mut modules, symbols }) in group.causes {
        modules.sort_unstable();
        modules.dedup();
        let named = most_met(&symbols);
        let label = format!("{} [{code}]", title(code, symbols.len().max(1)));
        let more = symbols.len() - named.len();
        let which = if named.is_empty() { String::new() } else { format!(": {}", first_of(&named, more)) };
        let of = if reached && modules.len() == all_modules {
            String::new()
        } else {
            format!(", of {}", count(modules.len(), "module", "modules"))
        };
        text.text("    ").painted(palette, palette.label, label).line(format_args!("{of}{which}"));
        if modules.len() == 1 || code != Code::DependencyRefused {
            let said = sentence(finding, if modules.len() == 1 { module } else { "the module" }, kernel);
            text.line(format_args!("      fix: {}", said.fix));
        }
    }
    group.files.write(text);
}

/// The symbols with the most findings, with their numbers.
fn most_met(symbols: &HashMap<&str, usize>) -> Vec<String> {
    let mut all: Vec<_> = symbols.iter().map(|(symbol, number)| (Reverse(*number), *symbol)).collect();
    if all.len() > SYMBOLS {
        all.select_nth_unstable(SYMBOLS);
        all.truncate(SYMBOLS);
    }
    all.sort_unstable();
    all.into_iter().map(|(Reverse(number), symbol)| format!("{symbol} ({number})")).collect()
}
