//! For people: one page, by code and within a code the plainest first.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::codes::wording;
use super::lines::{FindingLine, line};
use super::report::AuditReport;
use crate::audit::{Audit, AuditCode, AuditFinding, AuditedObject, KindChange, Was};
use crate::report::palette::Palette;
use crate::report::wording::{list, many, printable, thousands};

/// How much is shown unless everything is asked for: findings of a code, objects by name, names in a list.
const FINDINGS: usize = 20;
const OBJECTS: usize = 4;
const NAMES: usize = 8;
/// How far to the right what exports do may stand for the sake of one another.
const COLUMN: usize = 32;

/// What was audited and what was found. `whole` leaves nothing out.
pub fn human_audit(report: &AuditReport<'_>, palette: &Palette, whole: bool) -> String {
    let news = report.news();
    let mut page = AuditPage { text: String::new(), report, palette, whole };
    page.objects(report.audit, "");
    if let Some((earlier, _)) = report.earlier {
        page.objects(earlier, "compared with ");
    }
    if let Some(kernel) = report.kernel {
        let called = printable(kernel.told_apart());
        let _ = writeln!(page.text, "{called} says how what they import is exported");
    }
    page.tally(&news);
    page.groups(&news);
    if let Some((earlier, diff)) = report.earlier {
        page.gone(earlier, &diff.gone);
        page.kinds(&diff.kinds);
    }
    page.not_known();
    if let Some((first, _)) = news.first() {
        let _ = writeln!(page.text, "\ngplok explain {} says more, and so for every code in brackets", first.code);
    }
    page.text
}

struct AuditPage<'p> {
    text: String,
    report: &'p AuditReport<'p>,
    palette: &'p Palette,
    whole: bool,
}

impl AuditPage<'_> {
    fn heading(&mut self, text: &str) {
        let heading = self.palette.paint(self.palette.heading, &printable(text));
        let _ = writeln!(self.text, "\n{heading}");
    }

    fn line(&mut self, indent: &str, text: &str) {
        let _ = writeln!(self.text, "{indent}{}", printable(text));
    }

    const fn limit(&self, number: usize, most: usize) -> usize {
        if self.whole || number <= most { number } else { most }
    }

    /// What was audited: kernels and few modules each for itself, many modules together.
    fn objects(&mut self, audit: &Audit, before: &str) {
        let (kernels, modules): (Vec<_>, Vec<_>) = audit.objects.iter().partition(|object| object.is_kernel);
        let apart = if modules.len() <= OBJECTS { modules.as_slice() } else { &[] };
        for object in kernels.iter().chain(apart) {
            let path = object.path.display();
            let what = match (object.is_kernel, &object.license) {
                (true, _) => format!("kernel {}", object.name),
                (false, Some(license)) => format!("module {}, licence \"{license}\"", object.name),
                (false, None) => format!("module {}, no licence", object.name),
            };
            self.line("", &format!("{before}{path}: {what}, {}", exports(&[object])));
        }
        if modules.len() > apart.len() {
            let exporting = modules.iter().filter(|object| !object.exports.is_empty()).count();
            let (all, with) = (many(modules.len(), "module", "modules"), thousands(exporting));
            self.line("", &format!("{before}{all}, of which {with} with exports: {}", exports(&modules)));
        }
        if audit.objects.is_empty() {
            self.line("", &format!("{before}nothing: there is no module and no kernel in what was given"));
        }
    }

    /// The answer in one line.
    fn tally(&mut self, news: &[(&AuditFinding, Option<Was>)]) {
        let codes = AuditCode::ALL.iter().filter_map(|code| {
            let number = news.iter().filter(|(finding, _)| finding.code == *code).count();
            (number > 0).then(|| format!("{} {code}", thousands(number)))
        });
        let found = codes.collect::<Vec<_>>().join(", ");
        let known = match self.report.known() {
            0 => String::new(),
            known if news.is_empty() => format!("; {} known (--baseline)", many(known, "is", "are")),
            known => {
                format!("; {} more {} known (--baseline)", thousands(known), if known == 1 { "is" } else { "are" })
            }
        };
        let unread = self.report.audit.is_undetermined();
        let answer = match (news.is_empty(), self.report.earlier) {
            (true, None) if unread => "nothing found as far as it is known".to_owned(),
            (true, None) if known.is_empty() => "nothing found".to_owned(),
            (true, None) => "nothing new".to_owned(),
            (false, None) => format!("found: {found}"),
            (true, Some((_, diff))) if diff.new.is_empty() && diff.gone.is_empty() && diff.kinds.is_empty() => {
                format!("nothing has changed; {} as before", self.stayed())
            }
            (true, Some((_, diff))) => format!("nothing new; {}", self.changed(&diff.gone, &diff.kinds)),
            (false, Some((_, diff))) => format!("new: {found}; {}", self.changed(&diff.gone, &diff.kinds)),
        };
        let limits = if unread && self.report.earlier.is_some() { ", as far as it is known" } else { "" };
        let style = match (news.is_empty(), unread) {
            (false, _) => self.palette.answer_bad,
            (true, true) => self.palette.answer_unknown,
            (true, false) => self.palette.answer_good,
        };
        let answer = self.palette.paint(style, &format!("{answer}{limits}"));
        let _ = writeln!(self.text, "{answer}{known}");
    }

    /// `1 gone, 2 exports of another kind, 12 findings as before`.
    fn changed(&self, gone: &[&AuditFinding], kinds: &[KindChange]) -> String {
        let gone = (!gone.is_empty()).then(|| format!("{} gone", thousands(gone.len())));
        let kinds = (!kinds.is_empty()).then(|| format!("{} of another kind", many(kinds.len(), "export", "exports")));
        let stayed = Some(format!("{} as before", self.stayed()));
        gone.into_iter().chain(kinds).chain(stayed).collect::<Vec<_>>().join(", ")
    }

    /// The findings of both audits.
    fn stayed(&self) -> String {
        let new = self.report.earlier.map_or(0, |(_, diff)| diff.new.len());
        many(self.report.audit.findings.len().saturating_sub(new), "finding", "findings")
    }

    fn groups(&mut self, news: &[(&AuditFinding, Option<Was>)]) {
        // Of one module or kernel there is no need to say every time whose an export is.
        let among = self.report.audit.objects.len() > 1;
        for code in AuditCode::ALL {
            let mut group: Vec<_> = news.iter().filter(|(finding, _)| finding.code == *code).collect();
            if group.is_empty() {
                continue;
            }
            // What somebody opened on purpose or by mistake is the news that one wants to read first.
            group.sort_by_key(|(_, was)| *was != Some(Was::GplOnly));
            let findings: Vec<_> = group.iter().map(|(finding, _)| *finding).collect();
            let wording = wording(*code);
            self.heading(&format!("{} [{code}]", wording.headline(&findings)));
            self.line("", wording.meaning);
            let shown = group.iter().take(self.limit(group.len(), FINDINGS));
            let lines: Vec<_> = shown.map(|(finding, was)| line(self.report.audit, finding, *was, among)).collect();
            self.findings(&lines);
            if lines.len() < group.len() {
                let more = thousands(group.len() - lines.len());
                let _ = writeln!(self.text, "  … and {more} more; --list shows all");
            }
        }
    }

    /// Findings, a line each, what they do in a column of its own.
    fn findings(&mut self, lines: &[FindingLine]) {
        let subjects: Vec<String> = lines.iter().map(|line| printable(&line.subject)).collect();
        let widths = subjects.iter().map(|subject| subject.chars().count());
        let width = widths.filter(|width| *width <= COLUMN).max().unwrap_or_default();
        for (line, subject) in lines.iter().zip(&subjects) {
            let blanks = " ".repeat(width.saturating_sub(subject.chars().count()));
            let subject = self.palette.paint(self.palette.label, subject);
            let _ = writeln!(self.text, "  {subject}{blanks}  {}", printable(&line.about));
            for below in &line.below {
                self.line("      ", below);
            }
        }
    }

    /// Findings of the earlier audit that are no longer there.
    fn gone(&mut self, earlier: &Audit, gone: &[&AuditFinding]) {
        if gone.is_empty() {
            return;
        }
        self.heading(&format!("no longer there: {}", many(gone.len(), "finding", "findings")));
        let among = earlier.objects.len() > 1;
        for code in AuditCode::ALL {
            let of_code = gone.iter().filter(|finding| finding.code == *code);
            let names: Vec<String> = of_code
                .map(|finding| {
                    let FindingLine { subject, .. } = line(earlier, finding, None, among);
                    let symbol = finding.symbol.as_ref().map(|symbol| format!(" → {symbol}"));
                    subject + &symbol.unwrap_or_default()
                })
                .collect();
            if !names.is_empty() {
                let limit = self.limit(names.len(), NAMES);
                self.line("  ", &format!("{code}: {}", list(&names, limit)));
            }
        }
    }

    fn kinds(&mut self, kinds: &[KindChange]) {
        if kinds.is_empty() {
            return;
        }
        self.heading(&many(kinds.len(), "export of another kind", "exports of another kind"));
        let pairs: BTreeSet<_> = kinds.iter().map(|kind| (kind.to, kind.from)).collect();
        for (to, from) in pairs {
            let of_pair = kinds.iter().filter(|kind| (kind.to, kind.from) == (to, from));
            let names: Vec<_> = of_pair.map(|kind| kind.export.as_str()).collect();
            let limit = self.limit(names.len(), NAMES);
            self.line("  ", &format!("{from} → {to} ({}): {}", thousands(names.len()), list(&names, limit)));
        }
    }

    /// What is not known, and which argument would tell it.
    fn not_known(&mut self) {
        let audits =
            [(Some(self.report.audit), ""), (self.report.earlier.map(|(earlier, _)| earlier), "of the earlier ones, ")];
        let mut lines = Vec::new();
        for (audit, which) in audits {
            let Some(audit) = audit else { continue };
            lines.extend(unread(audit).map(|text| format!("{which}{text}")));
            lines.extend(unknown(audit, self.report.kernel.is_some()).map(|text| format!("{which}{text}")));
        }
        if !lines.is_empty() {
            self.heading("not known:");
            lines.iter().for_each(|line| self.line("  - ", line));
        }
    }
}

/// `4,977 plain and 5,526 GPL-only exports`.
fn exports(objects: &[&AuditedObject]) -> String {
    let kinds = || objects.iter().flat_map(|object| &object.exports);
    let gpl_only = kinds().filter(|(_, kind)| kind.is_gpl_only()).count();
    let plain = kinds().count() - gpl_only;
    match (plain, gpl_only) {
        (0, 0) => "no exports".to_owned(),
        (plain, 0) => many(plain, "plain export", "plain exports"),
        (0, gpl_only) => many(gpl_only, "GPL-only export", "GPL-only exports"),
        (plain, gpl_only) => {
            format!("{} plain and {}", thousands(plain), many(gpl_only, "GPL-only export", "GPL-only exports"))
        }
    }
}

/// The objects whose code was not read, and why.
fn unread(audit: &Audit) -> Option<String> {
    let unread = audit.objects.iter().filter_map(|object| {
        let why = object.unread.as_ref()?;
        Some(format!("{} ({why})", object.path.display()))
    });
    let unread: Vec<_> = unread.collect();
    let number = many(unread.len(), "object", "objects");
    (!unread.is_empty()).then(|| format!("the code of {number} was not read: {}", list(&unread, OBJECTS)))
}

/// The symbols of which nothing says how they are exported, and what would.
fn unknown(audit: &Audit, has_kernel: bool) -> Option<String> {
    let symbols: BTreeSet<_> = audit.objects.iter().flat_map(|object| &object.unknown).collect();
    let symbols: Vec<_> = symbols.into_iter().collect();
    let objects = audit.objects.iter().filter(|object| !object.unknown.is_empty()).count();
    if symbols.is_empty() {
        return None;
    }
    let remedy = match has_kernel {
        false => "give -k KERNEL",
        true => {
            "give with a further -k what does (the kernel's image, its Module.symvers, its module tree), or \
             the modules they come from"
        }
    };
    Some(format!(
        "{} called by plain exports of {}, and nothing says how {} exported ({}): {remedy}",
        many(symbols.len(), "symbol is", "symbols are"),
        many(objects, "module", "modules"),
        if symbols.len() == 1 { "it is" } else { "they are" },
        list(&symbols, NAMES),
    ))
}
