//! Inlines that may have brought a symbol in, where no debug information says which did.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::UseFinder;
use super::incidents::Incident;
use super::inlines::{Inline, InlineMap};
use crate::verdict::{Candidate, CandidateSource};

/// How many are named.
const NAMED: usize = 12;

/// How the names of such symbols begin.
const OF_THE_COMPILER: [&str; 4] = ["__x86_", "__fentry__", "__stack_chk_", "_mcount"];

/// Do the compiler's options bring a symbol in, whatever the source calls?
pub fn is_of_compiler(symbol: &str) -> bool {
    OF_THE_COMPILER.iter().any(|prefix| symbol.starts_with(prefix))
}

/// The candidates for one symbol, the likeliest first.
///
/// An inline that was used has left all it needs undefined in the module, and beside each other in one function: so those
/// that need nothing the module does not have come first, of these the ones nearest to the symbol, of these the ones that
/// explain most of what stands beside it.
pub(super) fn candidates(
    symbol: &str,
    source: &UseFinder<'_>,
    map: Option<&InlineMap>,
    incidents: &[&Incident],
) -> Vec<Candidate> {
    let mut all = map.map(|map| of_map(symbol, source, map)).unwrap_or_default();
    for name in incidents.iter().filter(|incident| !incident.symbols_inferred).flat_map(|incident| &incident.inlines) {
        if all.iter().all(|known| known.name != *name) {
            let path = vec![name.clone(), symbol.to_owned()];
            all.push(Candidate { name: name.clone(), file: None, line: None, path, source: CandidateSource::Incident });
        }
    }
    all
}

fn of_map(symbol: &str, source: &UseFinder<'_>, map: &InlineMap) -> Vec<Candidate> {
    let beside = source.beside(symbol);
    let of_source = |name: &&String| !is_of_compiler(name);
    let rank = |inline: &Inline, path: &[String]| {
        let lacks = inline.needs.iter().filter(of_source).any(|name| !source.leaves_undefined(name));
        let explained = inline.needs.iter().filter(|name| beside.contains(name.as_bytes())).count();
        (lacks, path.len(), Reverse(explained))
    };
    let leading = map.inlines.iter().filter_map(|inline| Some((inline, inline.path_to(symbol)?)));
    let mut ranked: Vec<_> = leading.map(|(inline, path)| (rank(inline, path), inline, path)).collect();
    ranked.sort_by(|(a, one, _), (b, other, _)| a.cmp(b).then_with(|| one.name.cmp(&other.name)));
    let candidate = |(_, inline, path): (_, &Inline, &[String])| Candidate {
        name: inline.name.clone(),
        file: inline.file.clone(),
        line: inline.line,
        path: path.to_vec(),
        source: CandidateSource::InlineMap,
    };
    ranked.into_iter().take(NAMED).map(candidate).collect()
}

/// The functions of all chains that lead to a symbol, each once.
pub(super) fn functions(uses: &[crate::verdict::Use]) -> Vec<&str> {
    let frames = uses.iter().flat_map(|place| &place.chain);
    let unique: BTreeSet<&str> = frames.map(|frame| frame.function.as_str()).collect();
    unique.into_iter().collect()
}
