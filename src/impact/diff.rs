//! Compares the exports of two kernels by symbol name.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::{ChangeClass, Classes, ExportChange};
use crate::kernel::{ExportFilter, Exports, KernelExport};
use crate::terms::parallel;

/// The differences between the exports of two kernels.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExportDiff<'a> {
    /// Every export that differs, sorted by symbol name.
    pub changes: Vec<ExportChange<'a>>,
    /// The aspects that cannot be compared because one of the sources does not record them.
    pub uncompared: Vec<Uncompared>,
}

/// An aspect of the exports that one of the two sources does not record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Uncompared {
    /// New exports: the earlier source does not list the exports of modules.
    Added,
    /// Removed exports: the later source does not list the exports of modules.
    Removed,
    /// The exporting modules: one of the sources does not list the exports of modules.
    #[serde(rename = "owners")]
    Exporters,
    /// Export kinds: one of the sources does not give the kind of every symbol.
    Kinds,
    /// Namespaces.
    Namespaces,
    /// CRCs.
    Versions,
}

/// The number of exports in each class; `None` where that cannot be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the fields are the classes of ChangeClass")]
#[non_exhaustive]
pub struct Totals {
    pub removed: Option<usize>,
    pub added: Option<usize>,
    pub became_gpl_only: Option<usize>,
    pub became_plain: Option<usize>,
    pub namespace_changed: Option<usize>,
    #[serde(rename = "owner_moved")]
    pub exporter_moved: Option<usize>,
    pub crc_changed: Option<usize>,
}

impl Totals {
    /// The number of exports in one class.
    pub const fn of(&self, class: ChangeClass) -> Option<usize> {
        match class {
            ChangeClass::Removed => self.removed,
            ChangeClass::Added => self.added,
            ChangeClass::BecameGplOnly => self.became_gpl_only,
            ChangeClass::BecamePlain => self.became_plain,
            ChangeClass::NamespaceChanged => self.namespace_changed,
            ChangeClass::ExporterMoved => self.exporter_moved,
            ChangeClass::CrcChanged => self.crc_changed,
        }
    }
}

impl<'a> ExportDiff<'a> {
    /// Compares all exports of an earlier kernel with those of a later one.
    ///
    /// If a name is exported more than once, rows of the same exporter are paired first, and the remaining rows in the
    /// order of their exporters. An additional or missing exporter of such a name is not a change.
    pub fn between(from: &'a Exports, to: &'a Exports) -> Self {
        let comparison = Comparison::of(from, to);
        // Marks every row of the later list that was paired with a row of the earlier one.
        let paired: Vec<AtomicBool> = to.rows().map(|_| AtomicBool::new(false)).collect();
        let rows: Vec<usize> = (0..from.rows().len()).collect();
        let pairs = parallel::map(&rows, |index| comparison.first_pair(*index, from, to, &paired));
        let pairs: Vec<(RowPair<'_>, bool)> = pairs.into_iter().flatten().collect();
        let mut repeated: BTreeSet<&str> =
            pairs.iter().filter(|(_, is_repeated)| *is_repeated).map(|(pair, _)| pair.name).collect();
        let mut pairs: Vec<_> = pairs.into_iter().map(|(pair, _)| pair).collect();
        for (position, _) in paired.iter().enumerate().filter(|(_, paired)| !paired.load(Ordering::Relaxed)) {
            let Some(after) = to.at(position) else { continue };
            if from.positions(after.name).next().is_some() {
                repeated.insert(after.name);
                continue;
            }
            let classes = comparison.classes(None, Some(&after));
            if !classes.is_empty() {
                pairs.push(RowPair { name: after.name, before: None, after: Some(position), classes });
            }
        }
        pairs.retain(|pair| repeated.is_empty() || !repeated.contains(pair.name));
        for name in repeated {
            pairs.extend(comparison.pairs(name, from, to));
        }
        parallel::sort_by_key(&mut pairs, |pair| pair.name);
        Self { changes: parallel::map(&pairs, |pair| pair.change(from, to)), uncompared: comparison.uncompared() }
    }

    /// Keeps only the changes that the filter selects.
    pub fn retain(&mut self, filter: &ExportFilter) {
        self.changes.retain(|change| change.is_wanted(filter));
    }

    /// Keeps only changes in at least one of these classes.
    pub fn retain_classes(&mut self, classes: Classes) {
        self.changes.retain(|change| change.classes.iter().any(|class| classes.has(class)));
    }

    /// Counts the changes in each class.
    pub fn totals(&self) -> Totals {
        Totals {
            removed: self.number(ChangeClass::Removed),
            added: self.number(ChangeClass::Added),
            became_gpl_only: self.number(ChangeClass::BecameGplOnly),
            became_plain: self.number(ChangeClass::BecamePlain),
            namespace_changed: self.number(ChangeClass::NamespaceChanged),
            exporter_moved: self.number(ChangeClass::ExporterMoved),
            crc_changed: self.number(ChangeClass::CrcChanged),
        }
    }

    /// The number of changes in a class; `None` if the sources do not record what the class depends on.
    fn number(&self, class: ChangeClass) -> Option<usize> {
        if self.uncompared.contains(&class.depends_on()) {
            return None;
        }
        Some(self.changes.iter().filter(|change| change.classes.has(class)).count())
    }
}

/// A change as the indices of its rows in both lists. It is smaller than an [`ExportChange`], and therefore cheaper to sort.
struct RowPair<'a> {
    name: &'a str,
    before: Option<usize>,
    after: Option<usize>,
    classes: Classes,
}

impl<'a> RowPair<'a> {
    fn change(&self, from: &'a Exports, to: &'a Exports) -> ExportChange<'a> {
        ExportChange {
            symbol: self.name.into(),
            before: self.before.and_then(|index| from.at(index)),
            after: self.after.and_then(|index| to.at(index)),
            classes: self.classes,
        }
    }
}

impl ChangeClass {
    /// The aspect that both sources must record for changes of this class to be known.
    pub const fn depends_on(self) -> Uncompared {
        match self {
            Self::Removed => Uncompared::Removed,
            Self::Added => Uncompared::Added,
            Self::BecameGplOnly | Self::BecamePlain => Uncompared::Kinds,
            Self::NamespaceChanged => Uncompared::Namespaces,
            Self::ExporterMoved => Uncompared::Exporters,
            Self::CrcChanged => Uncompared::Versions,
        }
    }
}

/// Which aspects both sources record.
pub(super) struct Comparison {
    removals: bool,
    additions: bool,
    kinds: bool,
    namespaces: bool,
    versions: bool,
}

impl Comparison {
    /// Determines what can be compared between two lists of exports.
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

    /// The aspects that cannot be compared.
    pub(super) fn uncompared(&self) -> Vec<Uncompared> {
        let all = [
            (self.additions, Uncompared::Added),
            (self.removals, Uncompared::Removed),
            (self.removals && self.additions, Uncompared::Exporters),
            (self.kinds, Uncompared::Kinds),
            (self.namespaces, Uncompared::Namespaces),
            (self.versions, Uncompared::Versions),
        ];
        all.into_iter().filter(|(known, _)| !known).map(|(_, what)| what).collect()
    }

    /// Returns the classes of change between two rows of one name.
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
            .with(ChangeClass::ExporterMoved, self.removals && self.additions && before.exporter != after.exporter)
            .with(ChangeClass::CrcChanged, versions.is_some_and(|(before, after)| before != after))
    }

    /// Pairs a row of the earlier list with the first row of that name in the later one. The flag says whether either list
    /// repeats the name; such names are paired again by [`Comparison::pairs`]. Returns `None` for a name that appears once in
    /// each list and does not differ.
    ///
    /// `paired` marks the rows of the later list that were paired before, and is updated.
    fn first_pair<'a>(
        &self,
        index: usize,
        from: &'a Exports,
        to: &Exports,
        paired: &[AtomicBool],
    ) -> Option<(RowPair<'a>, bool)> {
        let before = from.at(index)?;
        let mut positions = to.positions(before.name);
        let position = positions.next();
        let mark = position.and_then(|position| paired.get(position));
        let is_repeated = mark.is_some_and(|mark| mark.swap(true, Ordering::Relaxed)) || positions.next().is_some();
        let after = position.and_then(|position| to.at(position));
        let classes = self.classes(Some(&before), after.as_ref());
        let pair = RowPair { name: before.name, before: Some(index), after: position, classes };
        (is_repeated || !classes.is_empty()).then_some((pair, is_repeated))
    }

    /// Pairs the rows of a name that at least one of the kernels exports more than once.
    fn pairs<'a>(&self, name: &'a str, from: &'a Exports, to: &'a Exports) -> Vec<RowPair<'a>> {
        let mut earlier = rows_by_exporter(name, from).into_iter().peekable();
        let mut later = rows_by_exporter(name, to).into_iter().peekable();
        let mut pairs = Vec::new();
        let mut left = Vec::new();
        let mut right = Vec::new();
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
        // As long as some module exports the name, an additional or missing exporter breaks no module.
        let one_sided = pairs.is_empty() && (left.is_empty() || right.is_empty());
        let moved = left.len().min(right.len());
        pairs.extend(left.iter().zip(&right).map(|(before, after)| (Some(*before), Some(*after))));
        if one_sided {
            pairs.extend(left.iter().skip(moved).map(|before| (Some(*before), None)));
            pairs.extend(right.iter().skip(moved).map(|after| (None, Some(*after))));
        }
        let mut changed = Vec::new();
        for (before, after) in pairs {
            let earlier = before.and_then(|index| from.at(index));
            let later = after.and_then(|index| to.at(index));
            let classes = self.classes(earlier.as_ref(), later.as_ref());
            if !classes.is_empty() {
                changed.push(RowPair { name, before, after, classes });
            }
        }
        changed
    }
}

/// The rows of a name as exporter and index, sorted by exporter.
fn rows_by_exporter<'a>(name: &str, exports: &'a Exports) -> Vec<(&'a str, usize)> {
    let mut rows: Vec<_> =
        exports.positions(name).filter_map(|index| Some((exports.at(index)?.exporter, index))).collect();
    rows.sort_unstable();
    rows
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
    fn every_class_is_found() {
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
            exporter_moved: one,
            crc_changed: one,
        };
        assert_eq!(diff.totals(), all);
    }

    /// A name that two modules export is compared exporter by exporter.
    #[test]
    fn repeated_names_are_paired_by_exporter() {
        let from = exports("0x1\tf\ta/a\tEXPORT_SYMBOL\n0x2\tf\tb/b\tEXPORT_SYMBOL\n");
        let to = exports("0x2\tf\tb/b\tEXPORT_SYMBOL\n0x3\tf\ta/a\tEXPORT_SYMBOL\n0x4\tf\tc/c\tEXPORT_SYMBOL\n");
        assert_eq!(described(&ExportDiff::between(&from, &to)), ["f crc_changed"]);
        assert_eq!(described(&ExportDiff::between(&to, &from)), ["f crc_changed"]);
        let other = exports("0x1\tf\tc/c\tEXPORT_SYMBOL\n");
        assert_eq!(described(&ExportDiff::between(&from, &other)), ["f owner_moved"]);
        let none = exports("0x1\tg\tc/c\tEXPORT_SYMBOL\n");
        assert_eq!(described(&ExportDiff::between(&from, &none)), ["f removed", "f removed", "g added"]);
    }

    /// CRCs cannot be compared if one list has none.
    #[test]
    fn what_one_list_does_not_record_is_unknown() {
        let without = FROM.replace("0x1", "0x0").replace("0x2", "0x0").replace("0x3", "0x0");
        let without = without.replace("0x4", "0x0").replace("0x5", "0x0").replace("0x6", "0x0");
        let (from, to) = (exports(&without), exports(TO));
        let diff = ExportDiff::between(&from, &to);
        assert_eq!(diff.uncompared, [Uncompared::Versions]);
        assert_eq!(diff.totals().crc_changed, None);
        assert_eq!(diff.totals().removed, Some(1));
    }

    #[test]
    fn filters_apply_to_both_kernels() {
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
