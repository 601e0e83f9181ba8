//! The findings of `audit` as text: one page, grouped by code, the clearest findings of a code first.

use std::collections::BTreeSet;
use std::path::Path;

use super::codes::wording;
use super::lines::{FindingLine, line};
use super::report::AuditReport;
use crate::audit::{Audit, AuditCode, AuditFinding, AuditedObject, KindChange, Was};
use crate::report::bad_files::BadFiles;
use crate::report::palette::Palette;
use crate::report::printable::Printable;
use crate::report::unread::unread_note;
use crate::report::wording::{list, many, thousands};
use crate::terms::Shown;

/// How many findings of a code the page shows unless it shows everything.
const FINDINGS: usize = 20;
/// How many objects the page names.
const OBJECTS: usize = 4;
/// How many names a list shows.
const NAMES: usize = 8;
/// The largest width of the column of subjects; longer subjects do not widen it.
const COLUMN: usize = 32;

/// The audited objects and the findings as text. With `whole`, the page shows everything.
pub fn human_audit(report: &AuditReport<'_>, palette: &Palette, whole: bool) -> Printable {
    let news = report.news();
    let mut page = AuditPage { text: Printable::default(), report, palette, whole };
    page.objects(report.audit, "");
    if let Some((earlier, _)) = report.earlier {
        page.objects(earlier, "compared with ");
    }
    if let Some(kernel) = report.kernel {
        page.line("", &format!("{} says how what they import is exported", kernel.told_apart()));
    }
    page.tally(&news);
    page.groups(&news);
    if let Some((earlier, diff)) = report.earlier {
        page.gone(earlier, &diff.gone);
        page.kinds(&diff.kinds);
    }
    page.not_known();
    if let Some((first, _)) = news.first() {
        page.text.end();
        page.line("", &format!("gplok explain {} says more, and so for every code in brackets", first.code));
    }
    page.text
}

struct AuditPage<'p> {
    text: Printable,
    report: &'p AuditReport<'p>,
    palette: &'p Palette,
    whole: bool,
}

impl AuditPage<'_> {
    fn heading(&mut self, text: &str) {
        self.text.end();
        self.text.painted(self.palette, self.palette.heading, text).end();
    }

    fn line(&mut self, indent: &str, text: &str) {
        self.text.line(format_args!("{indent}{text}"));
    }

    const fn limit(&self, number: usize, most: usize) -> usize {
        if self.whole || number <= most { number } else { most }
    }

    /// Adds the audited objects: one line for each kernel; one for each module if there are few, otherwise one for all.
    fn objects(&mut self, audit: &Audit, before: &str) {
        let (kernels, modules): (Vec<_>, Vec<_>) = audit.objects.iter().partition(|object| object.is_kernel);
        let apart = if modules.len() <= OBJECTS { modules.as_slice() } else { &[] };
        for object in kernels.iter().chain(apart) {
            let path = Shown::path(&object.path);
            if is_unread(object) {
                // It may have a license and exports, which nobody saw.
                self.line("", &format!("{before}{path}: not read"));
                continue;
            }
            let what = match (object.is_kernel, &object.license) {
                (true, _) => format!("kernel {}", object.name),
                (false, Some(license)) => format!("module {}, license \"{license}\"", object.name),
                (false, None) => format!("module {}, no license", object.name),
            };
            self.line("", &format!("{before}{path}: {what}, {}", exports(&[object])));
        }
        if modules.len() > apart.len() {
            let exporting = modules.iter().filter(|object| !object.exports.is_empty()).count();
            let all = many(modules.len(), "module", "modules");
            let with = thousands(exporting);
            let unread = match modules.iter().filter(|object| is_unread(object)).count() {
                0 => String::new(),
                unread => format!(" and {} not read", thousands(unread)),
            };
            self.line("", &format!("{before}{all}, of which {with} with exports{unread}: {}", exports(&modules)));
        }
        if audit.objects.is_empty() {
            self.line("", &format!("{before}nothing: there is no module and no kernel in what was given"));
        }
    }

    /// Adds the answer in one line.
    fn tally(&mut self, news: &[(&AuditFinding, Option<Was>)]) {
        let mut codes = Vec::new();
        for code in AuditCode::ALL {
            let number = news.iter().filter(|(finding, _)| finding.code == *code).count();
            if number > 0 {
                codes.push(format!("{} {code}", thousands(number)));
            }
        }
        let found = codes.join(", ");
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
        self.text.painted(self.palette, style, format_args!("{answer}{limits}")).line(known);
    }

    /// `1 gone, 2 exports of another kind, 12 findings as before`.
    fn changed(&self, gone: &[&AuditFinding], kinds: &[KindChange]) -> String {
        let mut parts = Vec::new();
        if !gone.is_empty() {
            parts.push(format!("{} gone", thousands(gone.len())));
        }
        if !kinds.is_empty() {
            parts.push(format!("{} of another kind", many(kinds.len(), "export", "exports")));
        }
        parts.push(format!("{} as before", self.stayed()));
        parts.join(", ")
    }

    /// The number of findings that both audits have.
    fn stayed(&self) -> String {
        let new = self.report.earlier.map_or(0, |(_, diff)| diff.new.len());
        many(self.report.audit.findings.len().saturating_sub(new), "finding", "findings")
    }

    fn groups(&mut self, news: &[(&AuditFinding, Option<Was>)]) {
        // With only one object, its name before every export would be noise.
        let among = self.report.audit.objects.len() > 1;
        for code in AuditCode::ALL {
            let mut group: Vec<_> = news.iter().filter(|(finding, _)| finding.code == *code).collect();
            if group.is_empty() {
                continue;
            }
            // Exports that were GPL-only before, and are now open, are the most important.
            group.sort_by_key(|(_, was)| *was != Some(Was::GplOnly));
            let findings: Vec<_> = group.iter().map(|(finding, _)| *finding).collect();
            let wording = wording(*code);
            self.heading(&format!("{} [{code}]", wording.headline(&findings)));
            self.line("", wording.meaning);
            if !wording.fix.is_empty() {
                self.line("", &format!("fix: {}", wording.fix));
            }
            let shown = group.iter().take(self.limit(group.len(), FINDINGS));
            let lines: Vec<_> = shown.map(|(finding, was)| line(self.report.audit, finding, *was, among)).collect();
            self.findings(&lines);
            if lines.len() < group.len() {
                let more = thousands(group.len() - lines.len());
                self.line("  ", &format!("… and {more} more; --list shows all"));
            }
        }
    }

    /// Adds findings in two columns, one line each: the subjects, and what they do.
    fn findings(&mut self, lines: &[FindingLine]) {
        let subjects: Vec<String> = lines.iter().map(|line| Shown(&line.subject).to_string()).collect();
        let widths = subjects.iter().map(|subject| subject.chars().count());
        let width = widths.filter(|width| *width <= COLUMN).max().unwrap_or_default();
        for (line, subject) in lines.iter().zip(&subjects) {
            let blanks = " ".repeat(width.saturating_sub(subject.chars().count()));
            self.text.text("  ").painted(self.palette, self.palette.label, subject);
            self.text.line(format_args!("{blanks}  {}", line.about));
            for below in &line.below {
                self.line("      ", below);
            }
        }
    }

    /// Adds the findings that only the earlier audit has.
    fn gone(&mut self, earlier: &Audit, gone: &[&AuditFinding]) {
        if gone.is_empty() {
            return;
        }
        self.heading(&format!("no longer there: {}", many(gone.len(), "finding", "findings")));
        let among = earlier.objects.len() > 1;
        for code in AuditCode::ALL {
            let mut names = Vec::new();
            for finding in gone.iter().filter(|finding| finding.code == *code) {
                let mut name = line(earlier, finding, None, among).subject;
                if let Some(symbol) = &finding.symbol {
                    name += &format!(" → {symbol}");
                }
                names.push(name);
            }
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

    /// Adds what is not known, and how to supply it.
    fn not_known(&mut self) {
        let mut audits = vec![(self.report.audit, "")];
        if let Some((earlier, _)) = self.report.earlier {
            audits.push((earlier, "of the earlier ones, "));
        }
        let mut lines = Vec::new();
        let mut bad = Vec::new();
        for (audit, which) in audits {
            lines.extend(unread_note(&audit.unread).map(|text| format!("{which}{text}")));
            lines.extend(unread(audit).map(|text| format!("{which}{text}")));
            bad.extend(unread_objects(audit).filter(|_| is_long(audit)));
            lines.extend(unknown(audit, self.report.kernel.is_some()).map(|text| format!("{which}{text}")));
        }
        if !lines.is_empty() {
            self.heading("not known:");
            for line in &lines {
                self.line("  - ", line);
            }
        }
        if !bad.is_empty() {
            self.heading("not read:");
            let paths: Vec<_> = bad.iter().map(|(path, why)| (path.to_string_lossy(), *why)).collect();
            let mut files = BadFiles::default();
            paths.iter().for_each(|(path, why)| files.add_unread(why, path));
            files.write(&mut self.text);
        }
    }
}

/// Returns whether nothing of a module was read, not even what it exports.
const fn is_unread(object: &AuditedObject) -> bool {
    !object.is_kernel && object.unread.is_some() && object.license.is_none() && object.exports.is_empty()
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

/// The objects whose code was not read, with the reasons.
fn unread_objects(audit: &Audit) -> impl Iterator<Item = (&Path, &str)> {
    audit.objects.iter().filter_map(|object| Some((object.path.as_path(), object.unread.as_deref()?)))
}

/// Returns whether so many objects were not read that they are listed apart.
fn is_long(audit: &Audit) -> bool {
    unread_objects(audit).count() > OBJECTS
}

/// A sentence about the objects whose code was not read.
fn unread(audit: &Audit) -> Option<String> {
    let unread: Vec<_> = unread_objects(audit).map(|(path, why)| format!("{} ({why})", Shown::path(path))).collect();
    if unread.is_empty() {
        return None;
    }
    let number = many(unread.len(), "object", "objects");
    if is_long(audit) {
        return Some(format!("the code of {number} was not read, which are listed below"));
    }
    Some(format!("the code of {number} was not read: {}", list(&unread, OBJECTS)))
}

/// The symbols whose kind of export is not known, and how to supply it.
fn unknown(audit: &Audit, has_kernel: bool) -> Option<String> {
    let symbols: BTreeSet<_> = audit.objects.iter().flat_map(|object| &object.unknown).collect();
    let symbols: Vec<_> = symbols.into_iter().collect();
    let objects = audit.objects.iter().filter(|object| !object.unknown.is_empty()).count();
    if symbols.is_empty() {
        return None;
    }
    let remedy = if has_kernel {
        "give with a further -k what does (the kernel's image, its Module.symvers, its module tree), or \
         the modules they come from"
    } else {
        "give -k KERNEL"
    };
    Some(format!(
        "{} called by plain exports of {}, and nothing says how {} exported ({}): {remedy}",
        many(symbols.len(), "symbol is", "symbols are"),
        many(objects, "module", "modules"),
        if symbols.len() == 1 { "it is" } else { "they are" },
        list(&symbols, NAMES),
    ))
}
