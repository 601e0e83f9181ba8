//! The effects of another kernel as text: one page, the worst first.

use std::collections::{BTreeSet, HashSet};

use super::close::close;
use super::symbols::{SymbolLine, Trouble, code, lines};
use super::words::{called, words};
use crate::history::Behaviour;
use crate::impact::{Answer, ExportDiff, ModuleImpact, Upgrade, Wanting};
use crate::report::diff::{human_diff, uncompared};
use crate::report::entry::{Entry, KernelSummary, Op};
use crate::report::headline::answer;
use crate::report::missing::remedy;
use crate::report::palette::Palette;
use crate::report::printable::Printable;
use crate::report::wording::{all as listed, count, list};
use crate::verdict::{Finding, Missing, Outcome, Verdict};

/// How many groups of modules with one answer the page shows unless it shows everything.
const GROUPS: usize = 6;
/// How many modules of one group.
const MODULES: usize = 12;
/// How many lines of one trouble.
const LINES: usize = 10;
/// How many symbols of one line.
const SYMBOLS: usize = 12;
/// How many modules of one line.
const USERS: usize = 6;
/// Lines of the kernel log for a single module.
const LOG: usize = 4;

/// The effects of another kernel on modules as text. With `whole`, the page shows everything; with `diff`, all differences
/// between the exports of the two kernels follow.
pub fn human_upgrade(
    upgrade: &Upgrade<'_>,
    diff: Option<&ExportDiff<'_>>,
    (from, to): (&KernelSummary, &KernelSummary),
    palette: &Palette,
    whole: bool,
) -> Printable {
    let mut page = UpgradePage { text: Printable::default(), palette, from, to, whole };
    page.answers(&upgrade.modules);
    page.inlines(&upgrade.modules);
    page.symbols(&upgrade.modules);
    page.rules(upgrade);
    page.unknown(upgrade);
    if let Some(diff) = diff {
        page.text.end();
        page.text.append(&human_diff(diff, diff.totals(), from, to, palette, whole));
    }
    page.heading("what to do");
    for line in close(&upgrade.modules, to) {
        page.line("  ", &line);
    }
    page.text
}

struct UpgradePage<'p> {
    text: Printable,
    palette: &'p Palette,
    from: &'p KernelSummary,
    to: &'p KernelSummary,
    whole: bool,
}

impl UpgradePage<'_> {
    fn line(&mut self, indent: &str, text: &str) {
        self.text.line(format_args!("{indent}{text}"));
    }

    fn heading(&mut self, text: &str) {
        self.text.end();
        self.text.painted(self.palette, self.palette.heading, text).line(":");
    }

    const fn limit(&self, number: usize, most: usize) -> usize {
        if self.whole || number <= most + 1 { number } else { most }
    }

    /// Adds a line that counts the answers, then each answer with its modules.
    fn answers(&mut self, modules: &[ModuleImpact<'_>]) {
        // The worst answer first. Modules with one answer may differ in its words.
        let mut groups: Vec<((&str, &str), Vec<&ModuleImpact<'_>>)> = Vec::new();
        for answer in Answer::ALL.into_iter().rev() {
            for module in modules.iter().filter(|module| module.answer == answer) {
                match groups.iter_mut().find(|(known, _)| *known == words(module)) {
                    Some((_, group)) => group.push(module),
                    None => groups.push((words(module), vec![module])),
                }
            }
        }
        let mut numbers = Vec::new();
        for answer in Answer::ALL.into_iter().rev() {
            let of_answer = modules.iter().filter(|module| module.answer == answer);
            let words = groups.iter().find(|(_, group)| group.iter().any(|module| module.answer == answer));
            match (of_answer.count(), words) {
                (0, _) | (_, None) => {}
                (number, _) if answer == Answer::Unknown => numbers.push(format!("{number} cannot be known")),
                (1, Some(((one, _), _))) => numbers.push(format!("1 {one}")),
                (number, Some(((_, several), _))) => numbers.push(format!("{number} {several}")),
            }
        }
        let from = self.from.told_apart();
        let to = self.to.told_apart();
        let all = count(modules.len(), "module", "modules");
        self.line("", &format!("from {from} to {to}: {all}: {}", listed(&numbers)));
        for ((one, several), group) in &groups {
            self.of_answer(if group.len() == 1 { one } else { several }, group, modules.len() == 1);
        }
    }

    /// Adds the modules with one answer. `alone` says whether the page is about only one module.
    fn of_answer(&mut self, words: &str, modules: &[&ModuleImpact<'_>], alone: bool) {
        let answer = modules.first().map_or(Answer::Unknown, |module| module.answer);
        let style = match answer {
            Answer::LoadsAsItIs => self.palette.answer_good,
            Answer::LoadsOnceSigned | Answer::LoadsAfterRebuild | Answer::Unknown => self.palette.answer_unknown,
            _ => self.palette.answer_bad,
        };
        self.text.end();
        self.text.painted(self.palette, style, words).line(":");
        // Modules that load need no details.
        if answer == Answer::LoadsAsItIs {
            let names: Vec<String> = modules.iter().map(|module| called(module)).collect();
            let limit = self.limit(names.len(), MODULES);
            return self.line("  ", &list(&names, limit));
        }
        // Modules with the same lines are listed together.
        let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
        for module in modules {
            let name = self.named(module);
            let lines = self.module(module, alone);
            match groups.iter_mut().find(|(known, _)| *known == lines) {
                Some((_, names)) => names.push(name),
                None => groups.push((lines, vec![name])),
            }
        }
        let limit = self.limit(groups.len(), GROUPS);
        for (lines, names) in groups.iter().take(limit) {
            self.line("  ", &list(names, self.limit(names.len(), MODULES)));
            lines.iter().for_each(|line| self.line("    ", line));
        }
        if limit < groups.len() {
            let names: Vec<&String> = groups.iter().skip(limit).flat_map(|(_, names)| names).collect();
            self.line("  ", &format!("and {} (--all shows them): {}", names.len(), list(&names, USERS)));
        }
    }

    /// The module's name, and its licenses where they are the reason of the answer.
    fn named(&self, module: &ModuleImpact<'_>) -> String {
        let licenses: Vec<String> = module.licenses.iter().map(|license| format!("\"{license}\"")).collect();
        match (module.answer, licenses.as_slice()) {
            (Answer::RefusedForLicense, []) => format!("{} (without a license)", called(module)),
            (Answer::RefusedForLicense, licenses) => format!("{} (license {})", called(module), listed(licenses)),
            _ => called(module),
        }
    }

    /// The lines for one module: its verdict as it is, and rebuilt.
    fn module(&self, module: &ModuleImpact<'_>, alone: bool) -> Vec<String> {
        let mut lines = vec![format!("as it is: {}", self.judged(&module.binary))];
        let log = module.binary.log.iter().take(LOG).filter(|_| alone);
        lines.extend(log.map(|line| format!("  kernel: {}", line.text)));
        if let Some(rebuilt) = module.rebuilt.as_ref().filter(|_| module.answer != Answer::LoadsAfterRebuild) {
            lines.push(format!("rebuilt:  {}", self.rebuilt(module, rebuilt)));
        }
        lines
    }

    fn judged(&self, verdict: &Verdict) -> String {
        answer(&Entry { op: Op::Insmod, path: None, verdict }, self.to)
    }

    /// The verdict on a rebuilt module, without the findings that a rebuild fixes.
    fn rebuilt(&self, module: &ModuleImpact<'_>, rebuilt: &Verdict) -> String {
        let cured = module.symbols.iter().filter(|impact| !impact.is_lost());
        let cured: HashSet<&str> = cured.map(|impact| impact.change.symbol.as_ref()).collect();
        let mut rest = rebuilt.clone();
        rest.findings
            .retain(|finding| !finding.refuses() || !finding.symbol().is_some_and(|name| cured.contains(name)));
        let refused = rest.findings.iter().any(Finding::refuses);
        match rest.outcome {
            Outcome::Refused { .. } | Outcome::Undetermined
                if module.answer == Answer::Unknown && module.is_opaque() =>
            {
                "not known: the file does not show what a new build needs".to_owned()
            }
            Outcome::Refused { .. } if !refused && module.answer == Answer::Unknown => {
                "not known: see below".to_owned()
            }
            // Any remaining problem appears when the module is compiled, not when it is loaded.
            Outcome::Refused { .. } | Outcome::Loads if !refused => {
                format!("nothing that {} exports or lacks would keep it out", self.to.called())
            }
            _ => self.judged(&rest),
        }
    }

    fn symbols(&mut self, modules: &[ModuleImpact<'_>]) {
        for (trouble, mut lines) in lines(modules, self.to, self.whole) {
            let number: usize = lines.iter().map(|line| line.symbols.len()).sum();
            let code = code(trouble).map(|code| format!(" [{code}]")).unwrap_or_default();
            self.heading(&format!("{}{code}", title(trouble, number)));
            if trouble == Trouble::Version {
                let names: BTreeSet<_> = lines.iter().flat_map(|line| &line.symbols).collect();
                let names: Vec<_> = names.into_iter().collect();
                let limit = self.limit(names.len(), SYMBOLS);
                self.line("  ", &list(&names, limit));
                continue;
            }
            lines.sort_by_key(|line| std::cmp::Reverse(line.modules.len()));
            let limit = self.limit(lines.len(), LINES);
            for line in lines.iter().take(limit) {
                self.symbol_line(line, modules.len());
            }
            if limit < lines.len() {
                let rest: Vec<_> = lines.iter().skip(limit).flat_map(|line| &line.symbols).collect();
                self.line("  ", &format!("and {} more (--all shows them): {}", rest.len(), list(&rest, SYMBOLS)));
            }
        }
    }

    fn symbol_line(&mut self, line: &SymbolLine, of: usize) {
        let symbols = list(&line.symbols, self.limit(line.symbols.len(), SYMBOLS));
        let users = match line.modules.len() {
            _ if of == 1 => String::new(),
            number if number == of && of > 2 => " (all modules)".to_owned(),
            number => format!(" ({})", list(&line.modules, self.limit(number, USERS))),
        };
        self.text.text("  ").painted(self.palette, self.palette.label, symbols).line(users);
        for detail in &line.details {
            self.line("      ", detail);
        }
    }

    fn inlines(&mut self, modules: &[ModuleImpact<'_>]) {
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for module in modules {
            for inline in &module.inlines {
                let place = inline.file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
                let restricted: Vec<&str> = inline.restricted().collect();
                let line = format!("{}(){place} needs {} now", inline.name, listed(&restricted));
                match lines.iter_mut().find(|(known, _)| *known == line) {
                    Some((_, users)) => users.push(called(module)),
                    None => lines.push((line, vec![called(module)])),
                }
            }
        }
        let mut gone: Vec<(&String, Vec<String>)> = Vec::new();
        for (inline, module) in modules.iter().flat_map(|module| module.gone_inlines.iter().map(move |i| (i, module))) {
            match gone.iter_mut().find(|(known, _)| *known == inline) {
                Some((_, users)) => users.push(called(module)),
                None => gone.push((inline, vec![called(module)])),
            }
        }
        if !gone.is_empty() {
            self.heading("inlines of the kernel's headers that the source calls, and that are gone");
            for (inline, users) in gone {
                let users = if modules.len() == 1 { String::new() } else { format!(" ({})", list(&users, USERS)) };
                self.line("  ", &format!("{inline}(){users}"));
            }
        }
        if !lines.is_empty() {
            self.heading("inlines of the kernel's headers that need more than before");
            for (line, users) in lines {
                self.line("  ", &format!("{line}: {}", list(&users, USERS)));
            }
        }
    }

    /// Adds the changed rules of the loader that decide about these modules; with `whole`, also the others.
    fn rules(&mut self, upgrade: &Upgrade<'_>) {
        let users = |rule: Behaviour| -> Vec<String> {
            upgrade.modules.iter().filter(|module| module.rules.contains(&rule)).map(called).collect()
        };
        let (decisive, others): (Vec<_>, Vec<_>) =
            upgrade.rules.iter().copied().partition(|(rule, _)| !users(*rule).is_empty());
        if decisive.is_empty() && !self.whole {
            return;
        }
        if !decisive.is_empty() {
            self.heading("rules of the loader that changed and decide here");
        }
        for (rule, has) in decisive {
            let which = if has { "new" } else { "gone" };
            let sentence = rule.sentence().trim();
            self.line("  ", &format!("{rule} ({which}): {sentence} {}", list(&users(rule), USERS)));
        }
        if self.whole && !others.is_empty() {
            self.heading(if upgrade.rules_tried {
                "rules of the loader that changed and do not matter here"
            } else {
                "rules of the loader that changed; with this many modules, gplok does not check which of them decide"
            });
            for (rule, has) in others {
                self.line("  ", &format!("{rule} ({}): {}", if has { "new" } else { "gone" }, rule.sentence().trim()));
            }
        }
    }

    /// How to supply a fact. Where other commands have `-k`, this one has `--to`.
    fn remedy(&self, missing: &Missing) -> String {
        remedy(missing, self.to).replace(" -k ", " --to ")
    }

    /// Adds the facts that are not known, each once, and how to supply them.
    fn unknown(&mut self, upgrade: &Upgrade<'_>) {
        let unknown = upgrade.modules.iter().filter(|module| module.answer == Answer::Unknown);
        let missing: BTreeSet<&Missing> = unknown.flat_map(ModuleImpact::missing).collect();
        let mut lines: Vec<String> = missing.into_iter().map(|missing| self.remedy(missing)).collect();
        let wanting: BTreeSet<_> = upgrade.modules.iter().flat_map(ModuleImpact::wanting).collect();
        lines.extend(wanting.into_iter().map(|wanting| supply(wanting).to_owned()));
        lines.extend(upgrade.uncompared.iter().map(|what| uncompared(*what).to_owned()));
        let unread: Vec<String> = upgrade.modules.iter().filter(|module| module.inlines_unknown).map(called).collect();
        if !unread.is_empty() {
            let which =
                "which of the inlines that need more than before it uses: debug information tells (--debug FILE)";
            lines.push(format!("of {}: {which}", list(&unread, USERS)));
        }
        if !lines.is_empty() {
            self.heading("not known");
            for line in lines {
                self.line("  - ", &line);
            }
        }
        let conflicts: Vec<_> = [self.from, self.to].into_iter().flat_map(|kernel| &kernel.conflicts).collect();
        if !conflicts.is_empty() {
            self.heading("of the kernels' files, some disagree");
            for conflict in conflicts {
                self.line("  - ", conflict);
            }
        }
    }
}

/// What would tell whether a rebuilt module still needs symbols that are gone.
const fn supply(wanting: Wanting) -> &'static str {
    match wanting {
        Wanting::HeadersAfter => {
            "whether the later kernel's headers still have the names that are gone, as macros or inlines: add its headers \
             (directory or packages) to --to"
        }
        Wanting::HeadersBefore => {
            "whether the source names the symbols that are gone, or the headers did for it: add the earlier kernel's headers to \
             --from"
        }
        Wanting::Source => {
            "whether the source names the symbols that are gone, or macros and inlines did for it: grep -w for them in it, or \
             give debug information (--debug FILE)"
        }
    }
}

/// The heading for symbols with one trouble.
fn title(trouble: Trouble, number: usize) -> String {
    let symbols = count(number, "symbol", "symbols");
    let them = if number == 1 { "it" } else { "them" };
    match trouble {
        Trouble::Hidden => format!("{symbols} GPL-only, and invisible under this license"),
        Trouble::OfProprietary => format!("{symbols} of proprietary modules, beside GPL-only ones"),
        Trouble::Gone => format!("{symbols} gone"),
        Trouble::ForOthers => format!("{symbols} for other modules only"),
        Trouble::Namespace => format!("{symbols} in a namespace to import"),
        Trouble::Prototype => format!("{symbols} with another number of parameters"),
        Trouble::Open => {
            format!("{symbols} gone, and it is not known whether the source needs {them}")
        }
        Trouble::MayNotCompile => format!("{symbols} with another prototype: the source may need work"),
        Trouble::Moved => format!("{symbols} in another module: adapt softdep lines and initramfs lists"),
        Trouble::Replaced => format!("{symbols} gone, and a rebuild does without"),
        Trouble::Version => {
            format!("{symbols} of another version: a rebuild takes care of {them}")
        }
    }
}
