//! The export tables of a kernel and of its modules, as `Module.symvers` lists them.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::OnceLock;

use super::error::ErrorKind;
use super::name_index::NameIndex;
use super::own_exports::{OwnExports, OwnRow};
use super::symvers::{self, Columns, VMLINUX};
use crate::image::as_text;
use crate::terms::{Crc, ExportKind, HashedName, ModuleName, Namespace, name_hash, rust_path};

/// One exported symbol: a row of `Module.symvers`, or an entry of an export table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelExport<'a> {
    /// The symbol.
    pub name: &'a str,
    /// How it is exported; `None` if the source does not say.
    pub kind: Option<ExportKind>,
    /// Its version; 0 without `CONFIG_MODVERSIONS`; `None` if the source does not say.
    pub crc: Option<Crc>,
    /// Its namespace.
    pub namespace: Option<Namespace>,
    /// The path (without `.ko`) of the module that exports it, or [`VMLINUX`].
    pub exporter: &'a str,
}

/// A row. Its strings are ranges of the text, not copies: tens of thousands of rows are read to check one module.
#[derive(Clone, Debug, Hash)]
struct ExportRow {
    name: Range<u32>,
    namespace: Range<u32>,
    exporter: u32,
    crc: Option<u32>,
    kind: Option<ExportKind>,
    in_vmlinux: bool,
}

/// All exported symbols of one kernel build, found by name.
#[derive(Clone, Debug, Default)]
pub struct Exports {
    text: String,
    rows: Vec<ExportRow>,
    exporters: Vec<Range<u32>>,
    /// The places of names in `exporters`, while rows are added one by one.
    exporter_numbers: HashMap<String, usize>,
    own: OwnExports,
    /// An index by name of the rows that modules export: most runs look none up.
    others: Derived<(NameIndex, Vec<usize>)>,
    /// The rows of names that Rust has mangled, by their paths without the hashes of crates.
    rust: Derived<HashMap<String, usize>>,
    /// The names of which very many rows of the kernel itself say different things.
    contradictions: Derived<HashSet<String>>,
    modversions: Option<bool>,
    names_only: bool,
    pub(super) covers_modules: bool,
}

/// What is computed from the rows on first use. A copy computes it again.
#[derive(Debug)]
struct Derived<T>(OnceLock<T>);

impl<T> Default for Derived<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Clone for Derived<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Hash for Exports {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        // The ignored fields are derived from the others.
        let Self {
            text,
            rows,
            exporters,
            exporter_numbers: _,
            own: _,
            others: _,
            rust: _,
            contradictions: _,
            modversions,
            names_only,
            covers_modules,
        } = self;
        (text, rows, exporters, modversions, names_only, covers_modules).hash(hasher);
    }
}

/// Rejects a list whose last line is cut short: it has no end, and fewer columns than the first. The rows after it are lost, and its own
/// may be another: `EXPORT_SYMBOL` is a part of `EXPORT_SYMBOL_GPL`.
fn check_end(text: &str) -> Result<(), ErrorKind> {
    let tabs = |line: &str| memchr::memchr_iter(b'\t', line.as_bytes()).count();
    let last = text.rsplit('\n').next().unwrap_or_default();
    if last.is_empty() || tabs(last) >= tabs(text.lines().next().unwrap_or_default()) {
        return Ok(());
    }
    let what = "the list ends in the middle of this line";
    Err(ErrorKind::SymversLine { line: lines_of(text).count(), what, text: last.chars().take(80).collect() })
}

/// No exporter, and the length that a text must stay below.
const NONE: u32 = u32::MAX;

impl Exports {
    /// How many rows of one symbol are looked at one after another. What is asked of more rows is kept.
    pub(crate) const FEW: usize = 8;

    /// Reads `Module.symvers`. Empty lines are skipped.
    ///
    /// # Errors
    /// At the first malformed line, with its number; and for a text of 4 GiB or more.
    pub fn parse(text: impl Into<String>) -> Result<Self, ErrorKind> {
        let text = with_names_as_in_modules(text.into())?;
        // A line has about 70 bytes.
        let lines = text.len() / 60 + 1;
        let mut exports = Self::with_capacity(lines);
        if text.len() >= NONE as usize {
            return Err(ErrorKind::UnknownFile("more than 4 GiB of text"));
        }
        // The exporter of the line before, its number, and whether it is the kernel: most lines repeat it.
        let mut last = ("", NONE, true);
        let mut versions = false;
        let mut known = HashMap::new();
        for (index, line) in lines_of(&text).enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let columns = symvers::parse_line(line, index + 1)?;
            if last.0 != columns.module {
                let exporter = *known.entry(columns.module).or_insert_with(|| {
                    exports.exporters.push(range_in(&text, columns.module));
                    u32::try_from(exports.exporters.len() - 1).unwrap_or(NONE)
                });
                last = (columns.module, exporter, columns.module == VMLINUX);
            }
            versions |= columns.crc != 0;
            if last.2 {
                let row = (columns.kind, Some(columns.crc), !columns.namespace.is_empty());
                exports.own.push(columns.name, exports.rows.len(), row);
            }
            exports.rows.push(ExportRow {
                name: range_in(&text, columns.name),
                namespace: range_in(&text, columns.namespace),
                exporter: last.1,
                crc: Some(columns.crc),
                kind: columns.kind,
                in_vmlinux: last.2,
            });
        }
        check_end(&text)?;
        exports.text = text;
        exports.modversions = Some(versions);
        exports.covers_modules = true;
        Ok(exports)
    }

    /// An empty list with room for about `rows` rows.
    pub(super) fn with_capacity(rows: usize) -> Self {
        // About half of the exports of a Debian kernel and its modules are the kernel's own.
        Self { rows: Vec::with_capacity(rows), own: OwnExports::with_capacity(rows / 2), ..Self::default() }
    }

    /// An empty list for a source that gives neither versions nor namespaces. It may still say whether symbols have versions.
    pub(super) fn of_names(modversions: Option<bool>) -> Self {
        Self { modversions, names_only: true, ..Self::with_capacity(1 << 14) }
    }

    /// Adds one row.
    pub(super) fn push(
        &mut self,
        crc: Option<u32>,
        name: &str,
        exporter: &str,
        kind: Option<ExportKind>,
        namespace: &str,
    ) {
        let name = &*as_text(name.as_bytes());
        let name_range = self.put(name);
        let namespace = self.put(&as_text(namespace.as_bytes()));
        let exporter = self.exporter_number(exporter);
        if let Some(crc) = crc {
            self.modversions = Some(self.modversions == Some(true) || crc != 0);
        }
        let in_vmlinux =
            self.exporters.get(exporter).is_none_or(|range| matches!(slice(&self.text, range), "" | VMLINUX));
        let exporter = u32::try_from(exporter).unwrap_or(NONE);
        if in_vmlinux {
            self.own.push(name, self.rows.len(), (kind, crc, !namespace.is_empty()));
        }
        self.others = Derived::default();
        self.rust = Derived::default();
        self.contradictions = Derived::default();
        self.rows.push(ExportRow { name: name_range, namespace, exporter, crc, kind, in_vmlinux });
    }

    /// The number of an exporter, which is new or not.
    fn exporter_number(&mut self, exporter: &str) -> usize {
        if let Some(last) = self.exporters.last()
            && slice(&self.text, last) == exporter
        {
            return self.exporters.len() - 1;
        }
        if self.exporter_numbers.len() != self.exporters.len() {
            let names = self.exporters.iter().map(|range| slice(&self.text, range).to_owned());
            self.exporter_numbers = names.zip(0..).collect();
        }
        if let Some(number) = self.exporter_numbers.get(exporter) {
            return *number;
        }
        let range = self.put(exporter);
        self.exporters.push(range);
        self.exporter_numbers.insert(exporter.to_owned(), self.exporters.len() - 1);
        self.exporters.len() - 1
    }

    /// Appends a string to the text and returns its range.
    fn put(&mut self, part: &str) -> Range<u32> {
        let start = self.text.len();
        self.text.push_str(part);
        offset(start)..offset(self.text.len())
    }

    fn export(&self, row: &ExportRow) -> KernelExport<'_> {
        KernelExport {
            name: slice(&self.text, &row.name),
            kind: row.kind,
            crc: row.crc.map(Crc),
            namespace: Namespace::new(slice(&self.text, &row.namespace)),
            exporter: self.exporter(row),
        }
    }

    fn exporter(&self, row: &ExportRow) -> &str {
        let exporter = usize::try_from(row.exporter).ok().and_then(|index| self.exporters.get(index));
        exporter.map(|range| slice(&self.text, range)).filter(|exporter| !exporter.is_empty()).unwrap_or(VMLINUX)
    }

    /// Returns whether the list describes modules only, from outside the kernel's tree: a list of the kernel itself has rows of
    /// the kernel.
    pub(super) fn is_of_modules_only(&self) -> bool {
        self.own.len() == 0 && !self.rows.is_empty()
    }

    /// These exports with those of modules from outside the kernel's tree, as a build with `KBUILD_EXTRA_SYMBOLS` has them. A
    /// module in such a list replaces one of the kernel's tree with its name. Of two rows for one symbol of a module the first
    /// counts, as for modpost.
    pub(super) fn with_outside<'a>(&self, lists: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let outside: HashSet<_> = lists.clone().flat_map(Self::module_names).collect();
        let mut all = Self::with_capacity(self.rows.len());
        for row in self
            .rows()
            .filter(|row| row.exporter == VMLINUX || !outside.contains(&ModuleName::of_exporter(row.exporter)))
        {
            all.push_row(&row);
        }
        let mut known = HashSet::new();
        for row in lists.flat_map(Self::rows) {
            if known.insert((ModuleName::of_exporter(row.exporter), row.name)) {
                all.push_row(&row);
            }
        }
        all.modversions = self.modversions;
        all.names_only = self.names_only;
        all.covers_modules = self.covers_modules;
        all
    }

    fn module_names(&self) -> impl Iterator<Item = ModuleName> {
        self.exporters.iter().map(|range| ModuleName::of_exporter(slice(&self.text, range)))
    }

    fn push_row(&mut self, row: &KernelExport<'_>) {
        let namespace = row.namespace.as_ref().map_or("", |namespace| namespace.as_str());
        self.push(row.crc.map(|crc| crc.0), row.name, row.exporter, row.kind, namespace);
    }

    /// All rows, in the order of the source.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = KernelExport<'_>> {
        self.rows.iter().map(|row| self.export(row))
    }

    /// Returns whether symbols have versions; `None` if the source does not say.
    pub const fn modversions(&self) -> Option<bool> {
        self.modversions
    }

    /// Returns whether the source gives names and kinds only, neither versions nor namespaces.
    pub const fn is_names_only(&self) -> bool {
        self.names_only
    }

    /// Returns whether the source gives the kind of every export.
    pub fn tells_kinds(&self) -> bool {
        self.rows.iter().all(|row| row.kind.is_some())
    }

    /// Returns whether the source lists the exports of the kernel's modules, too.
    pub const fn covers_modules(&self) -> bool {
        self.covers_modules
    }

    /// The rows of a name, the last first: later rows come from later modules.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = KernelExport<'a>> {
        self.positions(name).filter_map(|position| self.at(position))
    }

    /// The positions of the rows of a name among all rows, the last first.
    pub fn positions<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> {
        let mut own = self.own_rows(name).filter_map(OwnRow::position).peekable();
        let mut others = self.of_others(name).peekable();
        std::iter::from_fn(move || if others.peek() > own.peek() { others.next() } else { own.next() })
    }

    /// The positions of the rows of a name that modules export, the last first.
    fn of_others<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> {
        let (index, positions) = self.others.0.get_or_init(|| {
            let others = self.rows.iter().enumerate().filter(|(_, row)| !row.in_vmlinux);
            let number = self.rows.len() - self.own.len();
            let mut index = NameIndex::with_capacity(number);
            let mut positions = Vec::with_capacity(number);
            for (position, row) in others {
                index.push(slice(&self.text, &row.name));
                positions.push(position);
            }
            (index, positions)
        });
        index.candidates(name_hash(name.as_bytes())).filter_map(move |entry| {
            let position = *positions.get(entry)?;
            let row = self.rows.get(position)?;
            (slice(&self.text, &row.name) == name).then_some(position)
        })
    }

    /// The rows of a name that modules export, the last first.
    pub(crate) fn of_modules<'a>(&'a self, name: &'a str) -> impl Iterator<Item = KernelExport<'a>> {
        self.of_others(name).filter_map(|position| self.at(position))
    }

    /// The row at a position.
    pub fn at(&self, position: usize) -> Option<KernelExport<'_>> {
        self.rows.get(position).map(|row| self.export(row))
    }

    /// The row that a symbol resolves to: the kernel's own, otherwise the last module's.
    pub fn find(&self, name: &str) -> Option<KernelExport<'_>> {
        self.vmlinux(name).or_else(|| self.at(self.of_others(name).next()?))
    }

    /// The exported name of the same Rust path in a crate of another hash.
    pub fn rust_namesake(&self, name: &str) -> Option<&str> {
        let path = rust_path(name)?;
        let paths = self.rust.0.get_or_init(|| {
            let names = self.rows.iter().enumerate().map(|(position, row)| (slice(&self.text, &row.name), position));
            names.filter_map(|(name, position)| Some((rust_path(name)?, position))).collect()
        });
        let namesake = self.at(*paths.get(&path)?)?.name;
        (namesake != name).then_some(namesake)
    }

    /// The row of a name that `exporter` exports.
    pub fn owned_by<'a>(&'a self, exporter: &'a str, name: &'a str) -> Option<KernelExport<'a>> {
        if exporter == VMLINUX { self.vmlinux(name) } else { self.named(name).find(|row| row.exporter == exporter) }
    }

    /// Loads the likely rows of several names into the CPU's cache; see [`OwnExports::look_ahead`].
    pub(crate) fn look_ahead<const N: usize>(&self, names: &[HashedName<'_>; N]) {
        self.own.look_ahead(names);
    }

    /// The rows of a name that the kernel itself exports, the last first.
    pub(crate) fn own_rows<'a>(&'a self, name: impl Into<HashedName<'a>>) -> impl Iterator<Item = &'a OwnRow> {
        self.own.named(name.into())
    }

    /// The namespace of a row that the kernel itself exports.
    pub(crate) fn namespace(&self, row: &OwnRow) -> Option<Namespace> {
        if row.in_namespace { self.at(row.position()?)?.namespace } else { None }
    }

    /// Returns whether several rows say different things of a symbol that the kernel itself exports. It is then not known which of
    /// them is true: no kernel exports a name twice (modpost stops the build).
    pub(crate) fn contradicts_itself(&self, name: &str) -> bool {
        let mut rows = self.own_rows(name);
        let Some(last) = rows.next().map(|row| self.says(row)) else { return false };
        let differs = rows.by_ref().take(Self::FEW).any(|other| self.says(other) != last);
        differs || (rows.next().is_some() && self.contradictions().contains(name))
    }

    /// What a row that the kernel itself exports says of its symbol.
    fn says(&self, row: &OwnRow) -> (Option<u32>, bool, Option<Namespace>) {
        let crc = row.position().and_then(|position| self.rows.get(position)).and_then(|row| row.crc);
        (crc, row.kind.is_some_and(ExportKind::is_gpl_only), self.namespace(row))
    }

    /// The names of which rows say something else than the last row of the name.
    fn contradictions(&self) -> &HashSet<String> {
        self.contradictions.0.get_or_init(|| {
            let own = self.rows.iter().filter(|row| row.in_vmlinux).map(|row| slice(&self.text, &row.name));
            let names: HashSet<_> = own.collect();
            let differ = names.into_iter().filter(|name| {
                let mut rows = self.own_rows(*name).map(|row| self.says(row));
                rows.next().is_some_and(|last| rows.any(|other| other != last))
            });
            differ.map(str::to_owned).collect()
        })
    }

    /// The namespaces in which the kernel itself exports a name: several if rows contradict each other.
    pub(crate) fn own_namespaces(&self, name: &str) -> Vec<Option<Namespace>> {
        let mut namespaces: Vec<_> = self.own_rows(name).map(|row| self.namespace(row)).collect();
        namespaces.sort();
        namespaces.dedup();
        namespaces
    }

    /// Returns whether rows of the kernel itself are left out for certain: symbols have versions, and `module_layout` is not listed,
    /// which each kernel exports whose symbols have versions (kernel/module/version.c).
    pub(crate) fn is_partial(&self) -> bool {
        self.modversions == Some(true) && !self.names_only && !self.rows.is_empty() && !self.in_vmlinux("module_layout")
    }

    /// Returns whether a list of a kernel has probably lost rows, whether symbols have versions or not: it is longer than what
    /// somebody writes by hand, and lacks a symbol that kernels export in all releases and configurations. Only a kernel whose
    /// exports were trimmed to those in use (`CONFIG_TRIM_UNUSED_KSYMS`) may do without.
    pub(crate) fn is_cut_short(&self) -> bool {
        const BY_HAND: usize = 200;
        self.covers_modules && self.own.len() > BY_HAND && !self.in_vmlinux("kfree")
    }

    /// Returns whether another list gives nothing that is not in this one.
    pub(super) fn includes(&self, other: &Self) -> bool {
        other.rows.len() <= self.rows.len() && self.names_only == other.names_only && self.has_all(other)
    }

    fn has_all(&self, other: &Self) -> bool {
        let key = |row: KernelExport<'_>| (row.kind, row.crc, row.namespace);
        let mut all = None;
        other.rows().all(|row| {
            let mut known = self.named(row.name);
            if known.by_ref().take(Self::FEW).any(|known| known == row) {
                return true;
            }
            // Very many rows of one symbol are not compared with each other.
            known.next().is_some() && {
                let all: &HashSet<_> = all.get_or_insert_with(|| {
                    self.rows().map(|row| (row.name, row.exporter, key(row))).collect::<HashSet<_>>()
                });
                all.contains(&(row.name, row.exporter, key(row.clone())))
            }
        })
    }

    /// Returns whether the kernel itself exports a name.
    pub fn in_vmlinux(&self, name: &str) -> bool {
        self.own_rows(name).next().is_some()
    }

    /// The row of a name that the kernel itself exports; of several, the last. Where they differ, it has no version, no kind and no
    /// namespace.
    pub fn vmlinux(&self, name: &str) -> Option<KernelExport<'_>> {
        let row = self.at(self.own_rows(name).next()?.position()?)?;
        let is_clear = !self.contradicts_itself(name);
        Some(if is_clear { row } else { KernelExport { crc: None, kind: None, namespace: None, ..row } })
    }
}

/// The text with symbols and namespaces as they are read from module files: [`as_text`]. C has letters beyond ASCII, too.
fn with_names_as_in_modules(text: String) -> Result<String, ErrorKind> {
    // No early exit: a loop over all bytes is vectorized.
    if text.bytes().fold(true, |plain, byte| plain & (matches!(byte, b' '..=b'~' | b'\t' | b'\n') & (byte != b'\\'))) {
        return Ok(text);
    }
    let mut plain = String::with_capacity(text.len());
    for (index, line) in lines_of(&text).enumerate() {
        if !line.trim_ascii().is_empty() {
            let Columns { crc, name, module, kind, namespace } = symvers::parse_line(line, index + 1)?;
            let kind = kind.map_or("(unknown)", ExportKind::macro_name);
            let [name, namespace] = [name, namespace].map(|name| as_text(name.as_bytes()));
            plain += &format!("{crc:#010x}\t{name}\t{module}\t{kind}\t{namespace}");
        }
        plain.push('\n');
    }
    Ok(plain)
}

/// The lines of a text, without their newlines.
fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
    ends.filter_map(move |end| text.get(std::mem::replace(&mut start, end + 1)..end))
}

/// The range in `text` of a part of it; an empty range for an empty part.
fn range_in(text: &str, part: &str) -> Range<u32> {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    if part.is_empty() { 0..0 } else { offset(start)..offset(start + part.len()) }
}

/// An offset in the text, which is shorter than 4 GiB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

fn slice<'a>(text: &'a str, range: &Range<u32>) -> &'a str {
    let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    range.and_then(|(start, end)| text.get(start..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list that ends in the middle of a line has lost rows, and perhaps half of a word.
    #[test]
    fn a_list_that_is_cut_short_is_an_error() {
        let whole = "0x00000001\tone\tvmlinux\tEXPORT_SYMBOL_GPL\t\n0x00000002\ttwo\tvmlinux\tEXPORT_SYMBOL_GPL\t";
        assert_eq!(Exports::parse(whole).expect("only its end is missing").rows().len(), 2);
        for cut in [1, 5, 18, 20] {
            let text = &whole[..whole.len() - cut];
            let error = Exports::parse(text).expect_err("its end is missing").to_string();
            assert!(error.starts_with("line 2: "), "{text}: {error}");
        }
    }

    #[test]
    fn rows_of_a_name_come_last_first_across_exporters() {
        let exporters = ["vmlinux", "a", "b", "vmlinux", "a"];
        let row = |(number, exporter): (usize, &&str)| format!("0x{number:08x}\ttwice\t{exporter}\tEXPORT_SYMBOL\t\n");
        let rows: String = exporters.iter().enumerate().map(row).collect();
        let exports = Exports::parse(rows + "0x00000009\tonce\tc\tEXPORT_SYMBOL_GPL\tNS\n").expect("a good list");
        assert_eq!(exports.positions("twice").collect::<Vec<_>>(), [4, 3, 2, 1, 0]);
        assert_eq!(exports.positions("once").collect::<Vec<_>>(), [5]);
        assert_eq!(exports.positions("never").count(), 0);
        let crc = |found: Option<KernelExport<'_>>| found.and_then(|row| row.crc).map(|crc| crc.0);
        // Its two rows of the kernel itself have different versions.
        assert_eq!((crc(exports.find("twice")), crc(exports.find("once"))), (None, Some(9)));
        assert_eq!((crc(exports.owned_by("a", "twice")), crc(exports.owned_by(VMLINUX, "twice"))), (Some(4), None));
        assert!(exports.contradicts_itself("twice") && !exports.contradicts_itself("once"));
        // The kernel exports "twice" twice, so it has no single row.
        assert!(exports.own_rows("twice").count() == 2 && exports.in_vmlinux("twice") && !exports.in_vmlinux("once"));
    }

    #[test]
    fn a_row_added_later_is_found() {
        let mut exports = Exports::of_names(None);
        for (symbol, exporter) in [("a", VMLINUX), ("b", "m"), ("a", "m")] {
            exports.push(None, symbol, exporter, Some(ExportKind::Plain), "");
            assert_eq!(exports.named(symbol).next().map(|row| row.exporter), Some(exporter));
        }
        assert_eq!(exports.positions("a").collect::<Vec<_>>(), [2, 0]);
    }
}
