//! Text for people: the answer, the lines of the kernel log, and for each cause what is wrong, why, and how to fix it.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::entry::{Entry, KernelSummary};
use super::group::{Group, groups};
use super::headline::{answer, tally, title};
use super::missing::remedy;
use super::modpost::build;
use super::palette::Palette;
use super::printable::Printable;
use super::provenance::provenance;
use super::sentence::group_sentence;
use super::usage::usage;
use super::wording::{all as listed, count};
use crate::terms::{Errno, KernelRelease, Taints};
use crate::verdict::{Absent, DebugInfo, Finding, Missing, Outcome, Use, Verdict};
use crate::why::{Elsewhere, OptionDifference, SymbolExport, SymbolUse};

/// Lines of the kernel log shown for one module; the other formats have them all.
const LOG_LINES: usize = 12;

/// How much the text says about one entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Everything, for the only entry.
    All,
    /// Every use of symbols, without log and taints, for the question where symbols come from.
    Uses,
    /// Everything except missing and inferred facts, which the end of the text lists for all entries.
    Step,
    /// The extent of [`Step`](Self::Step), but only the headline for a module that loads without a finding.
    Brief,
}

/// The text for modules that were checked independently of each other.
///
/// For several modules, the first line counts the answers. Every line ends in a line break.
pub fn human(entries: &[Entry<'_>], kernel: &KernelSummary, palette: &Palette) -> Printable {
    if let [entry] = entries {
        let mut page = VerdictPage { text: Printable::default(), palette, kernel, detail: Depth::All };
        page.entry(entry, "");
        return page.text;
    }
    let mut page = VerdictPage { text: Printable::default(), palette, kernel, detail: Depth::Brief };
    page.line(format_args!("{} on {}: {}", count(entries.len(), "module", "modules"), kernel.called(), tally(entries)));
    page.entries(entries, |_, _| String::new());
    page.common(entries);
    page.text
}

/// The text of `why` for one module: every use of its symbols. `asked` is the symbol that the user named, if it has no
/// finding; `elsewhere` says how other kernels treat the symbols that have one.
pub fn human_why(
    entry: &Entry<'_>,
    asked: Option<&SymbolUse>,
    elsewhere: &[Elsewhere],
    kernel: &KernelSummary,
    palette: &Palette,
) -> Printable {
    let mut page = VerdictPage { text: Printable::default(), palette, kernel, detail: Depth::Uses };
    page.headline(entry, "");
    match asked {
        Some(asked) => page.asked(asked, &entry.verdict.name),
        None => page.findings(entry.verdict),
    }
    page.elsewhere(elsewhere);
    page.text
}

/// The text for the steps of one boot, numbered from 1.
pub fn human_steps(entries: &[Entry<'_>], kernel: &KernelSummary, palette: &Palette) -> Printable {
    let mut page = VerdictPage { text: Printable::default(), palette, kernel, detail: Depth::Step };
    page.line(format_args!("{} on {}: {}", count(entries.len(), "step", "steps"), kernel.called(), tally(entries)));
    page.entries(entries, |index, entry| format!("{}. {} ", index + 1, entry.op.word()));
    page.common(entries);
    if let Some(last) = entries.last() {
        page.blank();
        page.line(format_args!("kernel tainted at the end: {}", taint_words(last.verdict.kernel_tainted)));
    }
    page.text
}

fn taint_words(taints: Taints) -> String {
    if taints.is_empty() { "0".to_owned() } else { format!("{} ({taints})", taints.number()) }
}

struct VerdictPage<'p> {
    text: Printable,
    palette: &'p Palette,
    kernel: &'p KernelSummary,
    detail: Depth,
}

impl VerdictPage<'_> {
    /// Adds a line without style.
    fn line(&mut self, text: impl Display) {
        self.text.line(text);
    }

    /// Adds a line whose text is in `style`.
    fn styled(&mut self, indent: &str, style: &'static str, text: impl Display) {
        self.text.text(indent).painted(self.palette, style, text).end();
    }

    /// Adds a labelled line of a paragraph.
    fn labelled(&mut self, label: &str, text: &str) {
        self.text.text("    ").painted(self.palette, self.palette.label, format_args!("{label}:")).text(" ").line(text);
    }

    /// Adds a blank line, unless there is one already.
    fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.end();
        }
    }

    /// Adds entries. Blank lines separate entries with details; entries that are only a headline follow each other.
    fn entries(&mut self, entries: &[Entry<'_>], prefix: impl Fn(usize, &Entry<'_>) -> String) {
        let mut apart = true;
        for (index, entry) in entries.iter().enumerate() {
            let quiet = self.is_quiet(entry.verdict);
            if apart || !quiet {
                self.blank();
            }
            self.entry(entry, &prefix(index, entry));
            apart = !quiet;
        }
    }

    /// Adds the headline of an entry after `prefix`.
    fn headline(&mut self, entry: &Entry<'_>, prefix: &str) {
        let verdict = entry.verdict;
        let style = match verdict.outcome {
            Outcome::Loads => self.palette.answer_good,
            Outcome::Refused { .. } | Outcome::Crash { .. } => self.palette.answer_bad,
            Outcome::Undetermined => self.palette.answer_unknown,
        };
        self.text
            .text(prefix)
            .text(entry.title())
            .text(": ")
            .painted(self.palette, style, answer(entry, self.kernel))
            .end();
    }

    /// Adds an entry, with its headline after `prefix`.
    fn entry(&mut self, entry: &Entry<'_>, prefix: &str) {
        let verdict = entry.verdict;
        self.headline(entry, prefix);
        if self.is_quiet(verdict) {
            return;
        }
        self.log(entry);
        if verdict.outcome == Outcome::Undetermined && self.detail == Depth::All {
            self.missing("undetermined, because these are not known", &verdict.missing);
        }
        self.findings(verdict);
        if self.detail == Depth::All {
            self.taints(verdict);
            if verdict.outcome != Outcome::Undetermined {
                let is_reason = |finding: &Finding| finding.refuses() && finding.reached;
                let is_unexplained = verdict.outcome.errno().is_some() && !verdict.findings.iter().any(is_reason);
                let heading = if is_unexplained {
                    "not known, and the reason depends on it"
                } else {
                    "not known, and some lines or taints above depend on it"
                };
                self.missing(heading, &verdict.missing);
            }
            self.items("taken for true", &verdict.inferred);
            self.items("of the kernel's files, some disagree", &self.kernel.conflicts);
            self.items("of the kernel's files, some do not tell what they should", &self.kernel.set_aside);
        }
    }

    /// Returns whether the headline is all that the text says about an entry.
    fn is_quiet(&self, verdict: &Verdict) -> bool {
        let silent = match self.detail {
            Depth::All | Depth::Uses => {
                verdict.log.is_empty() && verdict.kernel_tainted.is_empty() && verdict.missing.is_empty()
            }
            Depth::Step => verdict.log.is_empty(),
            Depth::Brief => true,
        };
        let noted =
            !verdict.inferred.is_empty() || !self.kernel.conflicts.is_empty() || !self.kernel.set_aside.is_empty();
        let unexplained = self.detail == Depth::All && noted;
        let answered = matches!(verdict.outcome, Outcome::Loads | Outcome::Undetermined);
        answered && silent && !unexplained && verdict.findings.is_empty()
    }

    /// Adds the facts that are missing or inferred in any entry, each once.
    fn common(&mut self, entries: &[Entry<'_>]) {
        let missing: BTreeSet<&Missing> = entries.iter().flat_map(|entry| &entry.verdict.missing).collect();
        let mut inferred: Vec<&String> = Vec::new();
        for fact in entries.iter().flat_map(|entry| &entry.verdict.inferred) {
            if !inferred.contains(&fact) {
                inferred.push(fact);
            }
        }
        self.missing("not known, and some answers, lines or taints above depend on it", missing);
        self.items("taken for true", inferred);
        self.items("of the kernel's files, some disagree", &self.kernel.conflicts);
        self.items("of the kernel's files, some do not tell what they should", &self.kernel.set_aside);
    }

    fn log(&mut self, entry: &Entry<'_>) {
        let verdict = entry.verdict;
        let refused = verdict.outcome.errno();
        if verdict.log.is_empty() && refused.is_none() {
            return;
        }
        self.blank();
        let shown = if verdict.log.len() > LOG_LINES + 1 { LOG_LINES } else { verdict.log.len() };
        for line in verdict.log.iter().take(shown) {
            self.styled("  ", self.palette.dim, format_args!("kernel: {}", line.text));
        }
        if shown < verdict.log.len() {
            let more = format!("kernel: ({} more lines; --format dmesg prints them all)", verdict.log.len() - shown);
            self.styled("  ", self.palette.dim, &more);
        }
        if verdict.log.is_empty() {
            let none = if verdict.missing.is_empty() { "prints nothing" } else { "no line is certain" };
            self.styled("  ", self.palette.dim, format_args!("kernel: ({none})"));
        }
        if let Some(errno) = refused.filter(|_| entry.op.loads()) {
            let said = format!("{}: {}{}", entry.op.word(), errno.insmod_text(), file_hint(errno, verdict));
            self.styled("  ", self.palette.dim, &said);
        }
    }

    fn findings(&mut self, verdict: &Verdict) {
        let groups = groups(&verdict.findings);
        let mut fixes: Vec<String> = Vec::new();
        let mut reached = true;
        for group in &groups {
            self.blank();
            if reached && !group.reached {
                self.styled("  ", self.palette.heading, "also, once that is fixed:");
                self.blank();
            }
            reached = group.reached;
            self.group(group, verdict, &mut fixes);
        }
        if let DebugInfo::Unusable { file, what } = &verdict.debug_info {
            self.items("no lines of the source are named", [format!("{file}: {what}")]);
        }
    }

    /// Adds the paragraph for a group. `fixes` are the instructions printed so far, which are not repeated.
    fn group(&mut self, group: &Group<'_>, verdict: &Verdict, fixes: &mut Vec<String>) {
        let Some(sentence) = group_sentence(&group.findings, &verdict.name, self.kernel) else { return };
        let note = if group.findings.iter().any(|finding| finding.refuses()) { "" } else { "note: " };
        self.styled("  ", self.palette.heading, format_args!("{note}{} [{}]", title(group), group.code));
        self.labelled("what", &sentence.what);
        self.labelled("why", &sentence.why);
        let causes = group.findings.iter().map(|finding| &finding.cause);
        if let Some(build) = build(causes, &verdict.name, self.kernel) {
            self.labelled("build", &build);
        }
        let mut uses = Vec::new();
        for finding in &group.findings {
            let symbol = finding.symbol().unwrap_or_default();
            uses.extend(finding.uses().iter().map(|place| (symbol, place)));
        }
        self.usage(&uses);
        for (label, line) in provenance(&group.findings) {
            self.labelled(label, &line);
        }
        if fixes.contains(&sentence.fix) {
            self.labelled("fix", "the same as above");
        } else {
            self.labelled("fix", &sentence.fix);
            fixes.push(sentence.fix);
        }
    }

    fn usage(&mut self, uses: &[(&str, &Use)]) {
        for paragraph in usage(uses, self.detail == Depth::Uses) {
            self.labelled("used", &paragraph.head);
            for line in &paragraph.lines {
                self.line(format_args!("        {line}"));
            }
        }
    }

    /// Adds the uses of a symbol that has no finding.
    fn asked(&mut self, asked: &SymbolUse, module: &str) {
        self.blank();
        let export = asked.export.as_ref().map_or_else(|| "not exported".to_owned(), exported);
        self.styled("  ", self.palette.heading, format_args!("{} ({export})", asked.symbol));
        let uses: Vec<_> = asked.uses.iter().map(|place| (asked.symbol.as_str(), place)).collect();
        self.usage(&uses);
        if uses.is_empty() {
            self.labelled(
                "used",
                &format!("nowhere: it stands in the symbol table of {module}, and no relocation refers to it"),
            );
        }
    }

    fn elsewhere(&mut self, all: &[Elsewhere]) {
        // Symbols with the same text share a line.
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for other in all {
            let release = other.release.as_ref().map_or("another kernel", KernelRelease::as_str);
            let export = other.export.as_ref().map_or_else(|| "not exported".to_owned(), exported);
            let mut said = format!("on {release}: {export}");
            if !other.options.is_empty() {
                let options: Vec<String> = other.options.iter().map(option).collect();
                said += &format!("; {}", options.join(", "));
            }
            match lines.iter_mut().find(|(known, _)| *known == said) {
                Some((_, symbols)) => symbols.push(&other.symbol),
                None => lines.push((said, vec![&other.symbol])),
            }
        }
        let lines = lines.iter().map(|(said, symbols)| format!("{} {said}", listed(symbols)));
        self.items("elsewhere", lines);
    }

    fn taints(&mut self, verdict: &Verdict) {
        if verdict.kernel_tainted.is_empty() {
            return;
        }
        self.blank();
        let kernel = taint_words(verdict.kernel_tainted);
        if verdict.module_taints.is_empty() {
            self.line(format_args!("  kernel tainted afterwards: {kernel}"));
        } else {
            self.line(format_args!("  taints: the module {}, the kernel {kernel}", verdict.module_taints));
        }
    }

    fn missing<'m>(&mut self, heading: &str, missing: impl IntoIterator<Item = &'m Missing>) {
        let lines: Vec<String> = missing.into_iter().map(|missing| remedy(missing, self.kernel)).collect();
        self.items(heading, &lines);
    }

    /// Adds a list under a heading; nothing if the list is empty.
    fn items<S: AsRef<str>>(&mut self, heading: &str, items: impl IntoIterator<Item = S>) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_some() {
            self.blank();
            self.styled("  ", self.palette.heading, format_args!("{heading}:"));
        }
        for item in items {
            self.line(format_args!("    - {}", item.as_ref()));
        }
    }
}

/// A hint for ENOENT that is about symbols: older tools print "No such file or directory" for it.
fn file_hint(errno: Errno, verdict: &Verdict) -> &'static str {
    if errno != Errno::ENOENT || verdict.findings.iter().all(|finding| finding.symbol().is_none()) {
        return "";
    }
    let mut absent = verdict.findings.iter().filter_map(|finding| finding.cause.absent());
    match absent.any(Absent::lacks_file) {
        true => "; ENOENT stands for a symbol here, not for this file",
        false => "; ENOENT stands for a symbol here, no file is missing",
    }
}

/// `EXPORT_SYMBOL_GPL by vmlinux, in namespace X`.
fn exported(export: &SymbolExport) -> String {
    let kind = export.kind.map_or_else(|| "exported".to_owned(), |kind| kind.to_string());
    let namespace =
        export.namespace.as_ref().map(|namespace| format!(", in namespace {namespace}")).unwrap_or_default();
    format!("{kind} by {}{namespace}", export.exporter)
}

/// `CONFIG_PREEMPT_RT is y there, not set here`.
fn option(option: &OptionDifference) -> String {
    let there = option_value(option.there.as_deref());
    let here = option_value(option.here.as_deref());
    format!("CONFIG_{} {there} there, {here} here", option.name)
}

fn option_value(value: Option<&str>) -> String {
    value.map_or_else(|| "not set".to_owned(), |value| format!("is {value}"))
}
