//! Merging the verdicts of several worlds into one.
//!
//! Where all worlds agree, the verdict is certain. Where they differ, it is undetermined and names the questions that decide.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::history::{Behaviour, Calendar};
use crate::load::relocate::R_X86_64_PLT32;
use crate::load::state::{Furthest, World};
use crate::terms::Taints;
use crate::verdict::{Cause, Finding, KernelLine, Missing, Outcome, Stage, Verdict};

/// Drops what makes no difference: two worlds that differ in one answer only or in their calendars only, and agree in state and
/// verdict, become one.
pub(super) fn join_equal(results: &mut Vec<(World, Verdict)>) {
    let mut index = 0;
    while index < results.len() {
        let Some(twin) = (index + 1..results.len()).find(|twin| can_be_joined(&results[index], &results[*twin])) else {
            index += 1;
            continue;
        };
        join(results, index, twin);
        // The joined world may be the twin of an earlier one.
        while let Some(earlier) = (0..index).find(|earlier| can_be_joined(&results[*earlier], &results[index])) {
            join(results, earlier, index);
            index = earlier;
        }
    }
}

/// Joins the world at `twin` with the one at `index`, whose verdict is kept.
fn join(results: &mut Vec<(World, Verdict)>, index: usize, twin: usize) {
    let (joined, _) = results.remove(twin);
    results[index].0.join(joined);
}

fn can_be_joined((one, verdict): &(World, Verdict), (other, other_verdict): &(World, Verdict)) -> bool {
    let most = usize::from(one.calendars == other.calendars);
    differ_at_most(one, other, most) && one.state == other.state && are_alike(verdict, other_verdict)
}

/// Returns whether two worlds have answers to the same questions, of which at most so many differ.
fn differ_at_most(one: &World, other: &World, most: usize) -> bool {
    if Arc::ptr_eq(&one.answers, &other.answers) {
        return true;
    }
    let mut differing = 0;
    one.answers.len() == other.answers.len()
        && one.answers.iter().zip(other.answers.iter()).all(|((question, answer), (other, other_answer))| {
            differing += usize::from(answer != other_answer);
            differing <= most && question == other
        })
}

/// Returns whether two verdicts agree on what happens. What was found past a refusal or inferred past a refusal is not compared, because the
/// survey past it is skipped in some worlds.
fn are_alike(one: &Verdict, other: &Verdict) -> bool {
    let reached = |verdict: &'_ Verdict| verdict.findings.iter().take_while(|finding| finding.reached).count();
    one.name == other.name
        && one.outcome == other.outcome
        && one.log == other.log
        && (one.module_taints, one.kernel_tainted) == (other.module_taints, other.kernel_tainted)
        && (one.outcome != Outcome::Loads || one.inferred == other.inferred)
        && one.findings.get(..reached(one)) == other.findings.get(..reached(other))
}

/// The verdict that all worlds allow. Where they differ, the findings are those of the world in which the module gets furthest,
/// as far as they are no facts of that world alone. That verdict is moved out of the results; its outcome remains there.
pub(super) fn merge(results: &mut [(World, Verdict)]) -> Option<Verdict> {
    let verdicts = || results.iter().map(|(_, verdict)| verdict);
    let (_, first) = results.first()?;
    if verdicts().skip(1).all(|verdict| are_alike(verdict, first)) {
        return results.first_mut().map(|(_, verdict)| taken(verdict));
    }
    let same_outcome = |verdict: &Verdict| match (&verdict.outcome, &first.outcome) {
        (Outcome::Refused { errno, .. }, Outcome::Refused { errno: other, .. }) => errno == other,
        (one, other) => one.word() == other.word(),
    };
    let best =
        verdicts().enumerate().reduce(|best, other| if furthest(other.1) > furthest(best.1) { other } else { best });
    let (best, verdict) = best?;
    let missing = questions(results);
    let shared = shared_findings(results, best, &missing);
    // A crashed kernel leaves no log that user space can read. Lines and taints are certain as far as the other worlds agree.
    let alive = || verdicts().filter(|verdict| !matches!(verdict.outcome, Outcome::Crash { .. }));
    let log = verdict.log.iter().filter(|line| alive().all(|verdict| verdict.log.contains(line))).cloned().collect();
    let module_taints = in_all(alive().map(|verdict| verdict.module_taints));
    let kernel_tainted = in_all(alive().map(|verdict| verdict.kernel_tainted));
    let differs = !verdicts().all(same_outcome);
    let never_loads = differs && verdicts().all(|verdict| verdict.outcome != Outcome::Loads);
    // What else was carried into the kernel may refuse a module with another errno.
    let is_listed = never_loads && !missing.contains(&Missing::Backports);
    let errnos = is_listed.then(|| verdicts().map(|verdict| verdict.outcome.errno()).collect::<Option<BTreeSet<_>>>());
    let errnos = errnos.flatten().unwrap_or_default().into_iter().collect();
    let (_, best) = results.get_mut(best)?;
    let mut shared = shared.into_iter();
    best.findings.retain_mut(|finding| match shared.next() {
        Some(Shared::AsReason) => true,
        Some(Shared::AsFact) => {
            finding.reached = false;
            true
        }
        _ => false,
    });
    best.findings.sort_by_key(|finding| !finding.reached);
    let mut merged = Verdict { log, module_taints, kernel_tainted, missing, never_loads, errnos, ..taken(best) };
    if differs {
        merged.outcome = Outcome::Undetermined;
    }
    Some(merged)
}

/// The taints that are in all of these.
fn in_all(all: impl Iterator<Item = Taints>) -> Taints {
    Taints::from_number(all.map(Taints::number).reduce(|one, other| one & other).unwrap_or_default())
}

/// What of a finding of one world may be stated although other worlds differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shared {
    /// It is what the kernel refuses the module for, as far as the outcome is certain.
    AsReason,
    /// It is so, but some worlds refuse the module for something else.
    AsFact,
    Nothing,
}

/// Tells for each finding of the verdict at `best` what may be stated of it although other verdicts differ.
///
/// A world in which the module gets as far must have it, too. Where no world loads the module, a finding would be taken for the
/// reason. It is then a fact only if the stage that made it asked none of the questions that the worlds answer differently
/// (`missing`), or if the other worlds have it. Who decompresses a file decides whether it looks like a module at all, and what is
/// found in the contents is not the reason where they are never seen.
fn shared_findings(results: &[(World, Verdict)], best: usize, missing: &[Missing]) -> Vec<Shared> {
    let Some((world, verdict)) = results.get(best) else { return Vec::new() };
    let errno = verdict.outcome.errno();
    let is_errno_certain = errno.is_some() && results.iter().all(|(_, other)| other.outcome.errno() == errno);
    let loads = results.iter().any(|(_, other)| other.outcome == Outcome::Loads);
    let is_of_bytes = |question: &Missing| matches!(question, Missing::Loader | Missing::LoaderReads(_));
    let differ_in_bytes = missing.iter().any(is_of_bytes);
    let asks = |stage: Stage| {
        world.asked.iter().any(|(asking, question)| {
            (*asking == stage || is_of_bytes(question) && stage == Stage::ElfValidity)
                && missing.contains(&named(question.clone()))
        })
    };
    let shared = |finding: &Finding| {
        if !finding.reached {
            return Shared::AsReason;
        }
        let mut shared = Shared::AsReason;
        for (_, other) in results {
            let known = other.findings.iter().filter(|known| is_same_reason(known, finding));
            let gets_as_far = furthest(other) == furthest(verdict);
            match known.map(|known| known.reached).reduce(|one, other| one || other) {
                None if gets_as_far || !loads && asks(finding.stage) => return Shared::Nothing,
                None | Some(false) if is_errno_certain && differ_in_bytes && finding.refuses() => {
                    shared = Shared::AsFact;
                }
                _ => {}
            }
        }
        shared
    };
    verdict.findings.iter().map(shared).collect()
}

/// Returns whether two worlds give one reason. Causes also carry facts for advice, which may differ where the kernel prints the
/// same line.
fn is_same_reason(one: &Finding, other: &Finding) -> bool {
    one.cause == other.cause
        || (one.code() == other.code()
            && one.symbol() == other.symbol()
            && one.kernel_line.is_some()
            && one.kernel_line == other.kernel_line)
}

/// The verdict on a module of which it is not known which file counts, from the verdicts on each of the files. A finding is kept
/// that all of them have; a line and a taint, too.
pub(crate) fn merge_alternatives(verdicts: &[Verdict], question: Missing) -> Option<Verdict> {
    let (first, others) = verdicts.split_first()?;
    let mut missing: BTreeSet<_> = verdicts.iter().flat_map(|verdict| verdict.missing.iter().cloned()).collect();
    if others.iter().all(|other| are_alike(other, first)) {
        return Some(Verdict { missing: missing.into_iter().collect(), ..first.clone() });
    }
    let same_outcome = |verdict: &Verdict| match (&verdict.outcome, &first.outcome) {
        (Outcome::Refused { errno, .. }, Outcome::Refused { errno: other, .. }) => errno == other,
        (one, other) => one == other,
    };
    let mut merged = first.clone();
    merged.log.retain(|line| others.iter().all(|other| other.log.contains(line)));
    let has = |other: &Verdict, finding: &Finding| other.findings.iter().any(|known| is_same_reason(known, finding));
    merged.findings.retain(|finding| others.iter().all(|other| has(other, finding)));
    merged.inferred.retain(|fact| others.iter().all(|other| other.inferred.contains(fact)));
    merged.module_taints = in_all(verdicts.iter().map(|verdict| verdict.module_taints));
    merged.kernel_tainted = in_all(verdicts.iter().map(|verdict| verdict.kernel_tainted));
    missing.insert(question);
    merged.missing = missing.into_iter().collect();
    if !verdicts.iter().all(same_outcome) {
        let never_loads = |verdict: &Verdict| match verdict.outcome {
            Outcome::Loads => false,
            Outcome::Undetermined => verdict.never_loads,
            _ => true,
        };
        merged.never_loads = verdicts.iter().all(never_loads);
        merged.errnos.clear();
        merged.outcome = Outcome::Undetermined;
    }
    Some(merged)
}

/// Moves a verdict out of its place, and leaves its outcome there.
fn taken(verdict: &mut Verdict) -> Verdict {
    let left = Verdict::new("", verdict.outcome.clone());
    let mut taken = std::mem::replace(verdict, left);
    taken.findings.shrink_to_fit();
    taken.log.shrink_to_fit();
    taken
}

pub(super) fn furthest(verdict: &Verdict) -> Furthest {
    (verdict.outcome == Outcome::Loads, verdict.outcome.stage())
}

/// The name under which a verdict lists a question: whether a certain signer is trusted depends on the certificates.
fn named(question: Missing) -> Missing {
    match question {
        Missing::Signer(_) => Missing::Certificates,
        Missing::UnreadModule { path, why, more, .. } => Missing::UnreadModule { path, why, more, version: false },
        Missing::WhichFile { files, why, .. } => Missing::WhichFile { files, why, version: false },
        question => question,
    }
}

/// Weakens a verdict to what holds although not every world was followed: `questions` are those of the worlds left out, and
/// `tainted` are the taints before the call. Worlds that were left out may load the module, or print other lines.
pub(crate) fn followed_in_part(verdict: &mut Verdict, questions: impl Iterator<Item = Missing>, tainted: Taints) {
    let missing: BTreeSet<_> = verdict.missing.drain(..).chain(questions.map(named)).collect();
    verdict.missing = missing.into_iter().chain([Missing::TooMany]).collect();
    verdict.outcome = Outcome::Undetermined;
    verdict.never_loads = false;
    verdict.errnos.clear();
    verdict.log.clear();
    verdict.module_taints = Taints::NONE;
    verdict.kernel_tainted = tainted;
}

/// Weakens a verdict about a kernel that is older than the table of behaviours to what holds in all kernels, and to what the
/// table knows of this one. No taint is certain, also none of an earlier call.
pub(crate) fn older_than_known(verdict: &mut Verdict, calendar: Calendar) {
    let is_known = |finding: &Finding| match finding.cause {
        Cause::NoModules
        | Cause::NotPermitted { .. }
        | Cause::InvalidElf { .. }
        | Cause::WrongArchitecture { .. }
        | Cause::ModuleLayout { .. }
        | Cause::Vermagic { .. }
        | Cause::MissingSymbol { .. }
        | Cause::ExporterNotLoaded { .. }
        | Cause::GplOnlySymbol { .. } => true,
        Cause::SymbolVersion { .. } => calendar.has(Behaviour::SymErrnoPrinted) == Some(true),
        Cause::UnknownRelocation { kind: R_X86_64_PLT32, .. } => calendar.has(Behaviour::X86Plt32) == Some(false),
        _ => false,
    };
    let known: Vec<&Finding> =
        verdict.findings.iter().filter(|finding| finding.reached && finding.refuses() && is_known(finding)).collect();
    let is_refused =
        verdict.outcome.errno().is_some() && known.iter().any(|finding| Some(finding.stage) == verdict.outcome.stage());
    let is_line_known = |line: &KernelLine| {
        line.text.is_of_symbol() || known.iter().any(|finding| finding.kernel_line.as_ref() == Some(&line.text))
    };
    verdict.log.retain(|line| is_refused && is_line_known(line));
    if !is_refused {
        verdict.outcome = Outcome::Undetermined;
        verdict.never_loads &= !known.is_empty();
    }
    verdict.errnos.clear();
    verdict.module_taints = Taints::NONE;
    verdict.kernel_tainted = Taints::NONE;
    let missing: BTreeSet<_> = verdict.missing.drain(..).chain([Missing::OldKernel]).collect();
    verdict.missing = missing.into_iter().collect();
}

/// The questions to which two worlds have different answers.
fn questions(results: &[(World, Verdict)]) -> Vec<Missing> {
    // The first answer to each question, and whether another one was given.
    let mut answers: BTreeMap<&Missing, (bool, bool)> = BTreeMap::new();
    for (question, answer) in results.iter().flat_map(|(world, _)| world.answers.iter()) {
        let (first, differs) = answers.entry(question).or_insert((*answer, false));
        *differs |= first != answer;
    }
    let differing = answers.into_iter().filter(|(_, (_, differs))| *differs);
    let mut missing: BTreeSet<_> = differing.map(|(question, _)| question.clone()).collect();
    let calendars = results.iter().any(|(world, _)| world.calendars != results[0].0.calendars);
    if missing.is_empty() {
        // The worlds differ by what an earlier load depended on.
        missing.extend(results.iter().flat_map(|(world, _)| world.because.iter().cloned()));
    }
    // If the release is not known, it is the fact to supply: it settles such behaviours, too. If the kernel carries changes of
    // later ones, it is what these are.
    let is_assumed = results.iter().flat_map(|(world, _)| world.calendars.iter()).any(Calendar::is_assumed);
    let release = if is_assumed { Missing::Backports } else { Missing::Release };
    let is_release_open = calendars || results.iter().any(|(world, _)| world.calendars.len() > 1);
    let named = missing.into_iter().map(|question| match question {
        Missing::Behaviour(_) if is_release_open => release.clone(),
        question => named(question),
    });
    calendars.then_some(release.clone()).into_iter().chain(named).collect::<BTreeSet<_>>().into_iter().collect()
}
