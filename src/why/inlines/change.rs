//! Compares the inline maps of two kernels.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{Inline, InlineMap};

/// How the inline functions changed between two kernels. Each entry has only the symbols that make the difference, and
/// the path to the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InlineChanges {
    /// In both maps, and now needing restricted symbols that they did not need before.
    pub became: Vec<Inline>,
    /// In both maps, and no longer needing some restricted symbols.
    pub relieved: Vec<Inline>,
    /// Only in the later map, and needing restricted symbols.
    pub appeared: Vec<Inline>,
    /// Needing restricted symbols now; unknown in the earlier kernel, where they do not compile out of line.
    pub unknown: Vec<Inline>,
}

impl InlineChanges {
    /// Compares two maps.
    pub fn between(from: &InlineMap, to: &InlineMap) -> Self {
        let before = ByName::new(from);
        let after = ByName::new(to);
        let dropped: HashSet<&str> = from.dropped.iter().map(|dropped| dropped.name.as_str()).collect();
        let mut changes = Self::default();
        for inline in &to.inlines {
            let (list, other) = match before.find(inline) {
                Some(other) => (&mut changes.became, Some(other)),
                None if dropped.contains(inline.name.as_str()) => (&mut changes.unknown, None),
                None => (&mut changes.appeared, None),
            };
            list.extend(beyond(inline, other));
        }
        for inline in &from.inlines {
            if let Some(other) = after.find(inline) {
                changes.relieved.extend(beyond(inline, Some(other)));
            }
        }
        changes
    }
}

/// The inline function with only the restricted symbols that `other` does not need; `None` if there are none.
fn beyond(inline: &Inline, other: Option<&Inline>) -> Option<Inline> {
    let needed: HashSet<&str> = other.into_iter().flat_map(Inline::restricted).collect();
    let new = |list: &[String]| -> Vec<String> {
        list.iter().filter(|symbol| !needed.contains(symbol.as_str())).cloned().collect()
    };
    let mut change = Inline {
        name: inline.name.clone(),
        file: inline.file.clone(),
        line: inline.line,
        gpl_only: new(&inline.gpl_only),
        unexported: new(&inline.unexported),
        namespaced: new(&inline.namespaced),
        ..Inline::default()
    };
    let first = change.restricted().next()?;
    change.path = inline.path_to(first).unwrap_or_default().to_vec();
    Some(change)
}

/// The inline functions of a map, indexed by name.
struct ByName<'m>(HashMap<&'m str, Vec<&'m Inline>>);

impl<'m> ByName<'m> {
    fn new(map: &'m InlineMap) -> Self {
        let mut all: HashMap<&str, Vec<&Inline>> = HashMap::new();
        for inline in &map.inlines {
            all.entry(&inline.name).or_default().push(inline);
        }
        Self(all)
    }

    /// Finds the inline function of the same name in the same header; otherwise, because definitions move, the only one
    /// of that name.
    fn find(&self, inline: &Inline) -> Option<&'m Inline> {
        let same = self.0.get(inline.name.as_str())?;
        let here = same.iter().find(|other| other.file == inline.file);
        here.or_else(|| same.first().filter(|_| same.len() == 1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inline(name: &str, file: &str, gpl_only: &[&str]) -> Inline {
        let gpl_only: Vec<String> = gpl_only.iter().map(|symbol| (*symbol).to_owned()).collect();
        let path = gpl_only.first().map(|symbol| vec![name.to_owned(), symbol.clone()]).unwrap_or_default();
        Inline { name: name.to_owned(), file: Some(file.to_owned()), gpl_only, path, ..Inline::default() }
    }

    fn map(inlines: Vec<Inline>) -> InlineMap {
        InlineMap { inlines, ..InlineMap::default() }
    }

    #[test]
    fn restricted_relieved_and_new_inlines_are_distinguished() {
        let from =
            map(vec![inline("put_page", "mm.h", &[]), inline("gone", "a.h", &["x"]), inline("free", "a.h", &["y"])]);
        let to = map(vec![
            inline("put_page", "mm.h", &["devmap_managed_key"]),
            inline("new", "a.h", &["z"]),
            inline("free", "b.h", &[]),
        ]);
        let changes = InlineChanges::between(&from, &to);
        let names = |list: &[Inline]| list.iter().map(|change| change.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&changes.became), ["put_page"]);
        assert_eq!(changes.became.first().map(|change| change.path.len()), Some(2));
        assert_eq!(names(&changes.appeared), ["new"]);
        assert_eq!(names(&changes.relieved), ["free"]);
    }

    #[test]
    fn an_inline_dropped_from_the_earlier_map_is_unknown() {
        let dropped = super::super::DroppedInline { name: "f".into(), file: None, line: None, why: "asm".into() };
        let from = InlineMap { dropped: vec![dropped], ..InlineMap::default() };
        let changes = InlineChanges::between(&from, &map(vec![inline("f", "a.h", &["x"])]));
        assert!(changes.appeared.is_empty() && changes.unknown.len() == 1);
    }
}
