//! Headlines: the answer for a module in one line.

use super::entry::{Entry, KernelSummary};
use super::findings;
use super::group::{Group, groups};
use super::printable::printable;
use super::wording::{all, list};
use crate::verdict::{Code, Missing, Outcome};

/// The number of missing facts that the line names; the text below it lists all.
const MISSING_WORDS: usize = 4;

/// The answer for one module in one line, for example
/// `openafs.ko: refused on 5.10.0-46-amd64: ENOENT, 2 GPL-only symbols`.
pub fn headline(entry: &Entry<'_>, kernel: &KernelSummary) -> String {
    printable(format!("{}: {}", entry.title(), answer(entry, kernel)))
}

/// The headline without the name.
pub(super) fn answer(entry: &Entry<'_>, kernel: &KernelSummary) -> String {
    let verdict = entry.verdict;
    let on = kernel.called();
    match &verdict.outcome {
        Outcome::Loads if !entry.op.loads() => format!("unloads on {on}"),
        Outcome::Loads if verdict.module_taints.is_empty() => format!("loads on {on}"),
        Outcome::Loads => format!("loads on {on}, taints {}", verdict.module_taints),
        Outcome::Refused { errno, stage } => {
            let groups = groups(&verdict.findings);
            // Groups of one code, which differ only in the exporter of the symbols, are one reason.
            let mut kinds: Vec<(Code, usize)> = Vec::new();
            for group in &groups {
                let refuses = group.findings.iter().any(|finding| finding.refuses());
                if !group.reached || group.stage != *stage || !refuses {
                    continue;
                }
                match kinds.iter_mut().find(|(code, _)| *code == group.code) {
                    Some((_, number)) => *number += group.findings.len(),
                    None => kinds.push((group.code, group.findings.len())),
                }
            }
            let reasons: Vec<String> = kinds.into_iter().map(|(code, number)| findings::title(code, number)).collect();
            match reasons.as_slice() {
                [] if !verdict.missing.is_empty() => {
                    let words: Vec<String> = verdict.missing.iter().map(Missing::word).collect();
                    let depends = list(&words, MISSING_WORDS);
                    format!("refused on {on}: {errno} in any case; the reason depends on {depends}")
                }
                [] => format!("refused on {on}: {errno} in {stage}"),
                reasons => format!("refused on {on}: {errno}, {}", all(reasons)),
            }
        }
        Outcome::Crash { stage, why } => format!("crashes {on} in {stage}: {why}"),
        Outcome::Undetermined => {
            let words: Vec<String> = verdict.missing.iter().map(Missing::word).collect();
            let depends = list(&words, MISSING_WORDS);
            if let [first, others @ ..] = verdict.errnos.as_slice() {
                let errnos = others.iter().fold(first.to_string(), |errnos, errno| format!("{errnos} or {errno}"));
                format!("refused on {on} in any case, with {errnos}: it depends on {depends}")
            } else if verdict.never_loads {
                format!("refused on {on} in any case; the errno is undetermined: it depends on {depends}")
            } else {
                format!("undetermined on {on}: it depends on {depends}")
            }
        }
    }
}

/// `9 load, 2 refused, 1 undetermined`.
pub(super) fn tally(entries: &[Entry<'_>]) -> String {
    let number = |wanted: fn(&Entry<'_>) -> bool| entries.iter().filter(|entry| wanted(entry)).count();
    let good = number(|entry| entry.op.loads() && entry.verdict.outcome == Outcome::Loads);
    let parts = [
        (good, if good == 1 { "loads" } else { "load" }),
        (number(|entry| !entry.op.loads() && entry.verdict.outcome == Outcome::Loads), "unloaded"),
        (number(|entry| matches!(entry.verdict.outcome, Outcome::Refused { .. })), "refused"),
        (number(|entry| matches!(entry.verdict.outcome, Outcome::Crash { .. })), "would crash the kernel"),
        (number(|entry| entry.verdict.never_loads), "refused in any case"),
        (number(|entry| entry.verdict.outcome == Outcome::Undetermined && !entry.verdict.never_loads), "undetermined"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
    if said.is_empty() { "nothing to do".to_owned() } else { said.join(", ") }
}

/// A group in a few words: `2 GPL-only symbols`.
pub(super) fn title(group: &Group<'_>) -> String {
    findings::title(group.code, group.findings.len())
}
