//! Suggests exports that may replace one that is gone. Only names are compared, so nothing shows that a suggestion does
//! the same.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use crate::kernel::Exports;
use crate::terms::ExportKind;

/// The largest number of suggestions for one symbol.
const MAX_SUGGESTIONS: usize = 4;
/// The shortest name that is searched for within longer names. Shorter ones match too much.
const SHORTEST: usize = 5;

/// An export that may replace another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Successor {
    /// The symbol.
    pub symbol: String,
    /// How it is exported.
    pub kind: Option<ExportKind>,
    /// The exporter.
    pub module: String,
}

/// The exports that only the later kernel has, indexed by the words of their names.
#[derive(Debug, Default)]
pub(super) struct Successors<'d> {
    added: Vec<(&'d str, Successor)>,
    by_words: HashMap<String, Vec<usize>>,
}

impl<'d> Successors<'d> {
    pub(super) fn among(before: &Exports, after: &'d Exports) -> Self {
        let mut added = Vec::new();
        for row in after.rows().filter(|row| before.positions(row.name).next().is_none()) {
            let (symbol, module) = (row.name.to_owned(), row.exporter.to_owned());
            added.push((row.name, Successor { symbol, kind: row.kind, module }));
        }
        let mut by_words: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, (name, _)) in added.iter().enumerate() {
            by_words.entry(words(name)).or_default().push(index);
        }
        Self { added, by_words }
    }

    /// Suggests new exports whose names have the same words in any order, ignoring case and leading `_`; then those
    /// whose names add words before or after the symbol's name, the shortest first.
    pub(super) fn suggest(&self, symbol: &str) -> Vec<Successor> {
        let mut found: Vec<usize> = self.by_words.get(&words(symbol)).cloned().unwrap_or_default();
        let plain = symbol.trim_matches('_');
        if plain.len() >= SHORTEST {
            let mut longer = BTreeSet::new();
            for (index, (name, _)) in self.added.iter().enumerate() {
                let name = name.trim_start_matches('_');
                if extends(name, plain) {
                    longer.insert((name.len(), index));
                }
            }
            found.extend(longer.into_iter().map(|(_, index)| index));
        }
        let mut seen = BTreeSet::new();
        found.retain(|index| seen.insert(*index));
        found.truncate(MAX_SUGGESTIONS);
        found.into_iter().filter_map(|index| self.added.get(index)).map(|(_, successor)| successor.clone()).collect()
    }
}

/// Returns whether `name` is `plain` with words before or after it.
fn extends(name: &str, plain: &str) -> bool {
    name.strip_prefix(plain).is_some_and(|rest| rest.starts_with('_'))
        || name.strip_suffix(plain).is_some_and(|rest| rest.ends_with('_'))
}

/// The words of a name in alphabetical order.
fn words(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let mut words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_suggested() {
        let row = |name: &str| format!("0x1\t{name}\tvmlinux\tEXPORT_SYMBOL\n");
        let list = |names: &[&str]| Exports::parse(names.iter().map(|name| row(name)).collect::<String>());
        let from = list(&["PDE_DATA", "complete_and_exit", "del_timer", "abc", "kmalloc_trace", "old_one"]);
        let new =
            ["pde_data", "kthread_complete_and_exit", "timer_del", "abc_x", "__kmalloc_trace_noprof", "bold_one_more"];
        let from = from.expect("a list");
        let to = list(&new).expect("a list");
        let successors = Successors::among(&from, &to);
        let suggested = |symbol: &str| {
            let found = successors.suggest(symbol).into_iter().map(|found| found.symbol);
            found.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(suggested("PDE_DATA"), "pde_data");
        assert_eq!(suggested("complete_and_exit"), "kthread_complete_and_exit");
        assert_eq!(suggested("del_timer"), "timer_del");
        assert_eq!(suggested("kmalloc_trace"), "__kmalloc_trace_noprof");
        assert_eq!(suggested("abc"), "", "too short to be told from others");
        assert_eq!(suggested("old_one"), "", "bold_one is another word");
    }
}
