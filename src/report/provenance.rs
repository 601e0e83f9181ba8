//! Inlines that may have brought a symbol in when no chain names one, and known incidents about it.

use std::collections::{BTreeMap, BTreeSet};

use super::incident::note;
use super::wording::list;
use crate::verdict::{Candidate, CandidateSource, Finding};
use crate::why::incidents::incidents;

/// How many candidates the text names.
const SHOWN: usize = 5;

/// The labelled lines for findings with one cause: candidates, then incidents, each once.
pub(super) fn provenance(findings: &[&Finding]) -> Vec<(&'static str, String)> {
    let candidates = candidates(findings);
    let named: Vec<String> = candidates.iter().take(SHOWN).map(|candidate| candidate_words(candidate)).collect();
    let mut lines = Vec::new();
    if !named.is_empty() {
        lines.push(("maybe", format!("through {}", list(&named, SHOWN))));
    }
    let numbers: BTreeSet<u32> = findings.iter().flat_map(|finding| finding.incidents().iter().copied()).collect();
    let matching = incidents().iter().filter(|incident| numbers.contains(&incident.id));
    lines.extend(matching.map(|incident| ("seen", note(incident))));
    lines
}

/// The candidates of all findings, ordered by their best rank in a finding, then by the number of findings that have them.
fn candidates<'f>(findings: &[&'f Finding]) -> Vec<&'f Candidate> {
    let mut all: BTreeMap<&str, (usize, usize, &Candidate)> = BTreeMap::new();
    for finding in findings {
        for (rank, candidate) in finding.candidates().iter().enumerate() {
            let (number, best, _) = all.entry(&candidate.name).or_insert((0, rank, candidate));
            *number += 1;
            *best = rank.min(*best);
        }
    }
    let mut ranked: Vec<_> = all.into_iter().collect();
    ranked.sort_by_key(|(name, (number, best, _))| (*best, std::cmp::Reverse(*number), *name));
    ranked.into_iter().map(|(_, (.., candidate))| candidate).collect()
}

/// `put_page() (include/linux/mm.h:1197)`.
fn candidate_words(candidate: &Candidate) -> String {
    let place = match (&candidate.file, candidate.line) {
        (Some(file), Some(line)) => format!(" ({file}:{line})"),
        (Some(file), None) => format!(" ({file})"),
        (None, _) if candidate.source == CandidateSource::Incident => " (as in an incident of the past)".to_owned(),
        (None, _) => String::new(),
    };
    format!("{}(){place}", candidate.name)
}
