//! Exports that may stand for one that is gone. They are suggestions: nothing says that they do the same.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use crate::kernel::Exports;
use crate::terms::ExportKind;

/// How many are suggested.
const NAMED: usize = 4;
/// Names that say too little by themselves to be looked for in others.
const SHORT: usize = 5;

/// An export that may stand for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Successor {
    /// The symbol.
    pub symbol: String,
    /// How it is exported.
    pub kind: Option<ExportKind>,
    /// Who exports it.
    pub module: String,
}

/// What the later kernel exports and the earlier did not, by name.
#[derive(Debug, Default)]
pub(super) struct Successors<'d> {
    added: Vec<(&'d str, Successor)>,
    by_words: HashMap<String, Vec<usize>>,
}

impl<'d> Successors<'d> {
    pub(super) fn among(before: &Exports, after: &'d Exports) -> Self {
        let new = after.rows().filter(|row| before.positions(row.name).next().is_none());
        let added: Vec<_> = new
            .map(|row| {
                (row.name, Successor { symbol: row.name.to_owned(), kind: row.kind, module: row.exporter.to_owned() })
            })
            .collect();
        let mut by_words: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, (name, _)) in added.iter().enumerate() {
            by_words.entry(words(name)).or_default().push(index);
        }
        Self { added, by_words }
    }

    /// New exports with the same words in their names, in any order, with or without capitals and leading `_`; then those that
    /// put a word before or behind, the shortest first.
    pub(super) fn suggest(&self, symbol: &str) -> Vec<Successor> {
        let mut found: Vec<usize> = self.by_words.get(&words(symbol)).cloned().unwrap_or_default();
        let plain = symbol.trim_matches('_');
        if plain.len() >= SHORT {
            let longer = |(index, (name, _)): (usize, &(&str, Successor))| {
                let name = name.trim_start_matches('_');
                let rest = name.strip_prefix(plain).is_some_and(|rest| rest.starts_with('_'))
                    || name.strip_suffix(plain).is_some_and(|rest| rest.ends_with('_'));
                rest.then_some((name.len(), index))
            };
            let ranked: BTreeSet<_> = self.added.iter().enumerate().filter_map(longer).collect();
            found.extend(ranked.into_iter().map(|(_, index)| index));
        }
        let mut seen = BTreeSet::new();
        let once = found.into_iter().filter(|index| seen.insert(*index)).take(NAMED);
        once.filter_map(|index| Some(self.added.get(index)?.1.clone())).collect()
    }
}

/// The words of a name, in order of the alphabet.
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
    fn names_that_are_alike_are_suggested() {
        let row = |name: &str| format!("0x1\t{name}\tvmlinux\tEXPORT_SYMBOL\n");
        let list = |names: &[&str]| Exports::parse(names.iter().map(|name| row(name)).collect::<String>());
        let from = list(&["PDE_DATA", "complete_and_exit", "del_timer", "abc", "kmalloc_trace", "old_one"]);
        let new =
            ["pde_data", "kthread_complete_and_exit", "timer_del", "abc_x", "__kmalloc_trace_noprof", "bold_one_more"];
        let (from, to) = (from.expect("a list"), list(&new).expect("a list"));
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
