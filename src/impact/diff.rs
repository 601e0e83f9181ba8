//! The exports of two kernels, compared by name.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use serde::Serialize;

use super::{ChangeClass, Classes, ExportChange};
use crate::kernel::{ExportFilter, Exports, KernelExport};

/// What differs between the exports of two kernels.
#[derive(Clone, Debug, Default)]
pub struct ExportDiff<'a> {
    /// Every export that differs, in order of name.
    pub changes: Vec<ExportChange<'a>>,
    /// What cannot be compared, since one of the sources does not tell it.
    pub uncompared: Vec<Uncompared>,
}

/// A side of the exports that one of the sources does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncompared {
    /// The earlier source lists nothing that modules export: what is new is not known.
    Added,
    /// The later one: what is gone is not known.
    Removed,
    /// Who exports what of the kernel's modules: what has moved is not known.
    Owners,
    /// How symbols are exported: one of the sources does not say it of all.
    Kinds,
    /// Namespaces.
    Namespaces,
    /// Versions.
    Versions,
}

/// How many exports are in each class; `None` where that cannot be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the fields are the classes of ChangeClass")]
pub struct Totals {
    pub removed: Option<usize>,
    pub added: Option<usize>,
    pub became_gpl_only: Option<usize>,
    pub became_plain: Option<usize>,
    pub namespace_changed: Option<usize>,
    pub owner_moved: Option<usize>,
    pub crc_changed: Option<usize>,
}

impl Totals {
    /// The number of one class.
    pub const fn of(&self, class: ChangeClass) -> Option<usize> {
        match class {
            ChangeClass::Removed => self.removed,
            ChangeClass::Added => self.added,
            ChangeClass::BecameGplOnly => self.became_gpl_only,
            ChangeClass::BecamePlain => self.became_plain,
            ChangeClass::NamespaceChanged => self.namespace_changed,
            ChangeClass::OwnerMoved => self.owner_moved,
            ChangeClass::CrcChanged => self.crc_changed,
        }
    }
}

impl<'a> ExportDiff<'a> {
    /// Compares all exports of an earlier kernel with those of a later one.
    ///
    /// Where a name is exported more than once, rows of one exporter belong together, and then the rest in order of exporter; one exporter
    /// more or less is no change.
    pub fn between(from: &'a Exports, to: &'a Exports) -> Self {
        let compare = Comparison::of(from, to);
        // Every row of the later list that a row of the earlier one has met.
        let met: Vec<AtomicBool> = to.rows().map(|_| AtomicBool::new(false)).collect();
        let pair = |index: usize| {
            let before = from.at(index)?;
            let mut positions = to.positions(before.name);
            let position = positions.next();
            let met = position.and_then(|position| met.get(position));
            let again = met.is_some_and(|met| met.swap(true, Ordering::Relaxed)) || positions.next().is_some();
            let after = position.and_then(|position| to.at(position));
            let classes = compare.classes(Some(&before), after.as_ref());
            let place = Place { name: before.name, before: Some(index), after: position, classes };
            (again || !classes.is_empty()).then_some((place, again))
        };
        let pairs: Vec<_> = (0..from.rows().len()).into_par_iter().filter_map(pair).collect();
        let mut repeated: BTreeSet<&str> =
            pairs.iter().filter(|(_, again)| *again).map(|(place, _)| place.name).collect();
        let mut places: Vec<_> = pairs.into_iter().map(|(place, _)| place).collect();
        for (position, _) in met.iter().enumerate().filter(|(_, met)| !met.load(Ordering::Relaxed)) {
            let Some(after) = to.at(position) else { continue };
            if from.positions(after.name).next().is_some() {
                repeated.insert(after.name);
                continue;
            }
            let classes = compare.classes(None, Some(&after));
            let place = Place { name: after.name, before: None, after: Some(position), classes };
            places.extend(Some(place).filter(|place| !place.classes.is_empty()));
        }
        places.retain(|place| repeated.is_empty() || !repeated.contains(place.name));
        for name in repeated {
            places.extend(compare.pairs(name, from, to));
        }
        places.par_sort_by_key(|place| place.name);
        let change = |place: &Place<'a>| ExportChange {
            symbol: place.name.into(),
            before: place.before.and_then(|index| from.at(index)),
            after: place.after.and_then(|index| to.at(index)),
            classes: place.classes,
        };
        Self { changes: places.par_iter().map(change).collect(), uncompared: compare.uncompared() }
    }

    /// Leaves only what is wanted.
    pub fn retain(&mut self, filter: &ExportFilter) {
        self.changes.retain(|change| change.is_wanted(filter));
    }

    /// Leaves only changes of some of these classes.
    pub fn retain_classes(&mut self, classes: Classes) {
        self.changes.retain(|change| change.classes.iter().any(|class| classes.has(class)));
    }

    /// How many there are of each class.
    pub fn totals(&self) -> Totals {
        let number = |class| self.changes.iter().filter(|change| change.classes.has(class)).count();
        let known = |class: ChangeClass| (!self.uncompared.contains(&class.hangs_on())).then(|| number(class));
        Totals {
            removed: known(ChangeClass::Removed),
            added: known(ChangeClass::Added),
            became_gpl_only: known(ChangeClass::BecameGplOnly),
            became_plain: known(ChangeClass::BecamePlain),
            namespace_changed: known(ChangeClass::NamespaceChanged),
            owner_moved: known(ChangeClass::OwnerMoved),
            crc_changed: known(ChangeClass::CrcChanged),
        }
    }
}

/// A change by the places of its rows: small, to be sorted.
struct Place<'a> {
    name: &'a str,
    before: Option<usize>,
    after: Option<usize>,
    classes: Classes,
}

impl ChangeClass {
    /// What has to be told by both sources for it to be known.
    pub const fn hangs_on(self) -> Uncompared {
        match self {
            Self::Removed => Uncompared::Removed,
            Self::Added => Uncompared::Added,
            Self::BecameGplOnly | Self::BecamePlain => Uncompared::Kinds,
            Self::NamespaceChanged => Uncompared::Namespaces,
            Self::OwnerMoved => Uncompared::Owners,
            Self::CrcChanged => Uncompared::Versions,
        }
    }
}

/// What the two sources tell, both of them.
pub(super) struct Comparison {
    removals: bool,
    additions: bool,
    kinds: bool,
    namespaces: bool,
    versions: bool,
}

impl Comparison {
    pub(super) fn of(from: &Exports, to: &Exports) -> Self {
        let versioned = |exports: &Exports| exports.modversions() == Some(true) && !exports.is_names_only();
        Self {
            removals: to.covers_modules(),
            additions: from.covers_modules(),
            kinds: from.tells_kinds() && to.tells_kinds(),
            namespaces: !from.is_names_only() && !to.is_names_only(),
            versions: versioned(from) && versioned(to),
        }
    }

    /// What cannot be compared.
    pub(super) fn uncompared(&self) -> Vec<Uncompared> {
        let all = [
            (self.additions, Uncompared::Added),
            (self.removals, Uncompared::Removed),
            (self.removals && self.additions, Uncompared::Owners),
            (self.kinds, Uncompared::Kinds),
            (self.namespaces, Uncompared::Namespaces),
            (self.versions, Uncompared::Versions),
        ];
        all.into_iter().filter(|(known, _)| !known).map(|(_, what)| what).collect()
    }

    /// What has changed from one row to another.
    pub(super) fn classes(&self, before: Option<&KernelExport<'_>>, after: Option<&KernelExport<'_>>) -> Classes {
        let none = Classes::default();
        let (before, after) = match (before, after) {
            (Some(before), Some(after)) => (before, after),
            (Some(_), None) => return none.with(ChangeClass::Removed, self.removals),
            (None, Some(_)) => return none.with(ChangeClass::Added, self.additions),
            (None, None) => return none,
        };
        let gpl_only = before.kind.zip(after.kind).map(|(before, after)| (before.is_gpl_only(), after.is_gpl_only()));
        let versions = before.crc.zip(after.crc).filter(|_| self.versions);
        none.with(ChangeClass::BecameGplOnly, gpl_only == Some((false, true)))
            .with(ChangeClass::BecamePlain, gpl_only == Some((true, false)))
            .with(ChangeClass::NamespaceChanged, self.namespaces && before.namespace != after.namespace)
            .with(ChangeClass::OwnerMoved, self.removals && self.additions && before.exporter != after.exporter)
            .with(ChangeClass::CrcChanged, versions.is_some_and(|(before, after)| before != after))
    }

    /// The rows of a name that one kernel or both export more than once.
    fn pairs<'a>(&self, name: &'a str, from: &'a Exports, to: &'a Exports) -> Vec<Place<'a>> {
        let sorted = |exports: &'a Exports| {
            let mut rows: Vec<_> =
                exports.positions(name).filter_map(|index| Some((exports.at(index)?.exporter, index))).collect();
            rows.sort_unstable();
            rows.into_iter().peekable()
        };
        let (mut earlier, mut later) = (sorted(from), sorted(to));
        let (mut pairs, mut left, mut right) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let order = match (earlier.peek(), later.peek()) {
                (Some((before, _)), Some((after, _))) => before.cmp(after),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => break,
            };
            let before = order.is_le().then(|| earlier.next()).flatten().map(|(_, index)| index);
            let after = order.is_ge().then(|| later.next()).flatten().map(|(_, index)| index);
            match (before, after) {
                (Some(_), Some(_)) => pairs.push((before, after)),
                (Some(index), None) => left.push(index),
                (None, Some(index)) => right.push(index),
                (None, None) => {}
            }
        }
        // While anybody exports the name, one exporter more or less makes no module worse off.
        let one_sided = pairs.is_empty() && (left.is_empty() || right.is_empty());
        let moved = left.len().min(right.len());
        pairs.extend(left.iter().zip(&right).map(|(before, after)| (Some(*before), Some(*after))));
        if one_sided {
            pairs.extend(left.iter().skip(moved).map(|before| (Some(*before), None)));
            pairs.extend(right.iter().skip(moved).map(|after| (None, Some(*after))));
        }
        let place = |(before, after): (Option<usize>, Option<usize>)| {
            let rows = (before.and_then(|index| from.at(index)), after.and_then(|index| to.at(index)));
            let classes = self.classes(rows.0.as_ref(), rows.1.as_ref());
            (!classes.is_empty()).then_some(Place { name, before, after, classes })
        };
        pairs.into_iter().filter_map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exports(text: &str) -> Exports {
        Exports::parse(text).expect("a good list")
    }

    const FROM: &str = "0x1\tsame\tvmlinux\tEXPORT_SYMBOL\t\n\
                        0x2\tgone\tdrivers/a\tEXPORT_SYMBOL\t\n\
                        0x3\tgpl\tvmlinux\tEXPORT_SYMBOL\t\n\
                        0x4\tfree\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                        0x5\tspace\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                        0x6\tmoved\tvmlinux\tEXPORT_SYMBOL\t\n";
    const TO: &str = "0x1\tsame\tvmlinux\tEXPORT_SYMBOL\t\n\
                      0x3\tgpl\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                      0x4\tfree\tvmlinux\tEXPORT_SYMBOL\t\n\
                      0x9\tspace\tvmlinux\tEXPORT_SYMBOL_GPL\tNS\n\
                      0x6\tmoved\tfs/moved\tEXPORT_SYMBOL\t\n\
                      0x7\tnew\tvmlinux\tEXPORT_SYMBOL\t\n";

    fn described(diff: &ExportDiff<'_>) -> Vec<String> {
        let classes = |change: &ExportChange<'_>| change.classes.iter().map(ChangeClass::name).collect::<Vec<_>>();
        diff.changes.iter().map(|change| format!("{} {}", change.symbol, classes(change).join(" "))).collect()
    }

    #[test]
    fn every_class_is_told() {
        let (from, to) = (exports(FROM), exports(TO));
        let diff = ExportDiff::between(&from, &to);
        let expected = [
            "free became_plain",
            "gone removed",
            "gpl became_gpl_only",
            "moved owner_moved",
            "new added",
            "space namespace_changed crc_changed",
        ];
        assert_eq!(described(&diff), expected);
        assert!(diff.uncompared.is_empty());
        let one = Some(1);
        let all = Totals {
            removed: one,
            added: one,
            became_gpl_only: one,
            became_plain: one,
            namespace_changed: one,
            owner_moved: one,
            crc_changed: one,
        };
        assert_eq!(diff.totals(), all);
    }

    /// A name that two modules export is compared exporter by exporter.
    #[test]
    fn repeated_names_are_paired_by_owner() {
        let from = exports("0x1\tf\ta/a\tEXPORT_SYMBOL\n0x2\tf\tb/b\tEXPORT_SYMBOL\n");
        let to = exports("0x2\tf\tb/b\tEXPORT_SYMBOL\n0x3\tf\ta/a\tEXPORT_SYMBOL\n0x4\tf\tc/c\tEXPORT_SYMBOL\n");
        assert_eq!(described(&ExportDiff::between(&from, &to)), ["f crc_changed"]);
        assert_eq!(described(&ExportDiff::between(&to, &from)), ["f crc_changed"]);
        let other = exports("0x1\tf\tc/c\tEXPORT_SYMBOL\n");
        assert_eq!(described(&ExportDiff::between(&from, &other)), ["f owner_moved"]);
        let none = exports("0x1\tg\tc/c\tEXPORT_SYMBOL\n");
        assert_eq!(described(&ExportDiff::between(&from, &none)), ["f removed", "f removed", "g added"]);
    }

    /// Without versions on one side there is nothing to compare them with.
    #[test]
    fn what_one_side_does_not_tell_is_unknown() {
        let without = FROM.replace("0x1", "0x0").replace("0x2", "0x0").replace("0x3", "0x0");
        let without = without.replace("0x4", "0x0").replace("0x5", "0x0").replace("0x6", "0x0");
        let (from, to) = (exports(&without), exports(TO));
        let diff = ExportDiff::between(&from, &to);
        assert_eq!(diff.uncompared, [Uncompared::Versions]);
        assert_eq!(diff.totals().crc_changed, None);
        assert_eq!(diff.totals().removed, Some(1));
    }

    #[test]
    fn filters_look_at_both_sides() {
        let (from, to) = (exports(FROM), exports(TO));
        let left = |filter: &ExportFilter, classes| {
            let mut diff = ExportDiff::between(&from, &to);
            diff.retain(filter);
            if let Some(classes) = classes {
                diff.retain_classes(classes);
            }
            described(&diff)
        };
        let moved = ExportFilter { modules: vec!["moved".into()], ..ExportFilter::default() };
        assert_eq!(left(&moved, None), ["moved owner_moved"]);
        let of = |class| Some(Classes::from_iter([class]));
        assert_eq!(left(&ExportFilter::default(), of(ChangeClass::Added)), ["new added"]);
    }
}
