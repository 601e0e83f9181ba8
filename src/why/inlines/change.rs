//! What became of the inlines from one kernel to another.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{Inline, InlineMap};

/// What became of the inlines of one kernel in another: of each, the symbols that make the difference, and the path to the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InlineChanges {
    /// Known to both, and in need of restricted symbols that they did not need before.
    pub became: Vec<Inline>,
    /// Known to both, and rid of some.
    pub relieved: Vec<Inline>,
    /// Known to the later kernel alone, and in need of some.
    pub appeared: Vec<Inline>,
    /// In need of some, and not known of the earlier kernel, where they do not stand alone.
    pub unknown: Vec<Inline>,
}

impl InlineChanges {
    /// Compares two maps.
    pub fn between(from: &InlineMap, to: &InlineMap) -> Self {
        let (before, after) = (ByName::new(from), ByName::new(to));
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
        let relieved = |inline: &Inline| beyond(inline, Some(after.find(inline)?));
        changes.relieved = from.inlines.iter().filter_map(relieved).collect();
        changes
    }
}

/// An inline with those restricted symbols that `other` does not need; `None` where there are none.
fn beyond(inline: &Inline, other: Option<&Inline>) -> Option<Inline> {
    let needed: HashSet<&str> = other.into_iter().flat_map(Inline::restricted).collect();
    let new = |list: &[String]| -> Vec<String> {
        list.iter().filter(|symbol| !needed.contains(symbol.as_str())).cloned().collect()
    };
    let (gpl_only, unexported, namespaced) = (new(&inline.gpl_only), new(&inline.unexported), new(&inline.namespaced));
    let (name, file, line) = (inline.name.clone(), inline.file.clone(), inline.line);
    let mut change = Inline { name, file, line, gpl_only, unexported, namespaced, ..Inline::default() };
    let first = change.restricted().next()?;
    change.path = inline.path_to(first).unwrap_or_default().to_vec();
    Some(change)
}

/// The inlines of a map by name, and by header where several have one name.
struct ByName<'m>(HashMap<&'m str, Vec<&'m Inline>>);

impl<'m> ByName<'m> {
    fn new(map: &'m InlineMap) -> Self {
        let mut all: HashMap<&str, Vec<&Inline>> = HashMap::new();
        for inline in &map.inlines {
            all.entry(&inline.name).or_default().push(inline);
        }
        Self(all)
    }

    /// The inline of that name in the same header; else, since definitions move, the only one of that name.
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
    fn what_became_restricted_is_told_from_what_is_new() {
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
    fn what_did_not_stand_alone_before_is_unknown() {
        let dropped = super::super::DroppedInline { name: "f".into(), file: None, line: None, why: "asm".into() };
        let from = InlineMap { dropped: vec![dropped], ..InlineMap::default() };
        let changes = InlineChanges::between(&from, &map(vec![inline("f", "a.h", &["x"])]));
        assert!(changes.appeared.is_empty() && changes.unknown.len() == 1);
    }
}
