//! Lists inline functions that may have brought a symbol in, for modules without debug information.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::UseFinder;
use super::incidents::Incident;
use super::inlines::{Inline, InlineMap};
use crate::verdict::{Candidate, CandidateSource};

/// The largest number of candidates.
const MAX_CANDIDATES: usize = 12;

/// The prefixes of symbols that compiler options bring in.
const COMPILER_PREFIXES: [&str; 4] = ["__x86_", "__fentry__", "__stack_chk_", "_mcount"];

/// Returns whether a compiler option brings a symbol in, whatever the source calls.
pub fn is_of_compiler(symbol: &str) -> bool {
    COMPILER_PREFIXES.iter().any(|prefix| symbol.starts_with(prefix))
}

/// The candidates for one symbol, the most likely first.
///
/// An inline function that was used leaves all symbols it needs undefined in the module, together in one function.
/// Candidates are therefore ordered by: whether the module lacks a symbol that they need; the length of their path to
/// the symbol; and the number of symbols, in the functions that use the symbol, that they explain.
pub(super) fn candidates(
    symbol: &str,
    finder: &UseFinder<'_>,
    map: Option<&InlineMap>,
    incidents: &[&Incident],
) -> Vec<Candidate> {
    let mut all = map.map(|map| candidates_of_map(symbol, finder, map)).unwrap_or_default();
    for name in incidents.iter().filter(|incident| !incident.symbols_inferred).flat_map(|incident| &incident.inlines) {
        if all.iter().all(|known| known.name != *name) {
            let path = vec![name.clone(), symbol.to_owned()];
            all.push(Candidate { name: name.clone(), file: None, line: None, path, source: CandidateSource::Incident });
        }
    }
    all
}

fn candidates_of_map(symbol: &str, finder: &UseFinder<'_>, map: &InlineMap) -> Vec<Candidate> {
    let beside = finder.beside(symbol);
    let mut ranked: Vec<(_, &Inline, &[String])> = Vec::new();
    for inline in &map.inlines {
        let Some(path) = inline.path_to(symbol) else { continue };
        let lacks = inline.needs.iter().any(|name| !is_of_compiler(name) && !finder.leaves_undefined(name));
        let explained = inline.needs.iter().filter(|name| beside.contains(name.as_bytes())).count();
        ranked.push(((lacks, path.len(), Reverse(explained)), inline, path));
    }
    ranked.sort_by(|(a, one, _), (b, other, _)| a.cmp(b).then_with(|| one.name.cmp(&other.name)));
    ranked.truncate(MAX_CANDIDATES);
    let candidates = ranked.into_iter().map(|(_, inline, path)| Candidate {
        name: inline.name.clone(),
        file: inline.file.clone(),
        line: inline.line,
        path: path.to_vec(),
        source: CandidateSource::InlineMap,
    });
    candidates.collect()
}

/// The functions in all chains that lead to a symbol, each once.
pub(super) fn functions(uses: &[crate::verdict::Use]) -> Vec<&str> {
    let frames = uses.iter().flat_map(|place| &place.chain);
    let unique: BTreeSet<&str> = frames.map(|frame| frame.function.as_str()).collect();
    unique.into_iter().collect()
}
