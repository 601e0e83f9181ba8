//! Several sources of one fact: which one counts, and where they disagree. Nothing is mixed in silence.

use std::path::{Path, PathBuf};

use super::{Config, Exports, Fact, Kernel, KernelExport, KernelImage, VMLINUX};

/// Two sources that tell one fact differently: files of two builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What they tell.
    pub fact: Fact,
    /// The source that counts.
    pub used: PathBuf,
    /// The one that was passed over.
    pub passed_over: PathBuf,
    /// What each says.
    pub difference: Difference,
}

/// How two sources differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// In so many entries of a list, one of which is named.
    Entries {
        /// How many are in one list only, or not the same.
        different: usize,
        /// How many there are in both lists together.
        of: usize,
        /// The first of them.
        example: String,
    },
    /// In a value: what the source that counts says, and what the other.
    Value(String, String),
}

/// How much a source of exports tells: names alone are less than everything.
const fn rank(exports: &Exports) -> u8 {
    if exports.is_names_only() { 0 } else { 1 }
}

impl Kernel {
    /// Takes a list of exports for this kernel's, unless a better one is there.
    pub(super) fn add_exports(&mut self, exports: Exports, path: &Path) {
        let known_path = self.first_source(Fact::Exports).map(Path::to_owned);
        match self.exports.take().zip(known_path) {
            None => {
                self.note(Fact::Exports, path);
                self.exports = Some(exports);
            }
            Some((known, known_path)) if rank(&exports) > rank(&known) => {
                self.conflicts.extend(export_conflict((&exports, path), (&known, &known_path)));
                // The first source of a fact is the one that counts.
                self.evidence.retain(|evidence| evidence.fact != Fact::Exports || evidence.source != known_path);
                self.note(Fact::Exports, path);
                self.note(Fact::Exports, &known_path);
                self.exports = Some(exports);
            }
            Some((known, known_path)) => {
                self.conflicts.extend(export_conflict((&known, &known_path), (&exports, path)));
                self.note(Fact::Exports, path);
                self.exports = Some(known);
            }
        }
        self.settle_exports();
    }

    /// Takes a configuration for this kernel's, unless one is there.
    pub(super) fn add_config(&mut self, config: Config, path: &Path) {
        match self.config.as_ref().zip(self.first_source(Fact::Config)) {
            None => self.config = Some(config),
            Some(known) => {
                let conflict = config_conflict(known, (&config, path));
                self.conflicts.extend(conflict);
            }
        }
        self.note(Fact::Config, path);
        self.settle_config();
    }

    /// Takes an image for the one that this kernel boots from, unless one is there: what it tells counts before other files.
    pub(super) fn set_image(&mut self, image: KernelImage) {
        if let Some(known) = self.boot.given() {
            let exports = known.exports().ok().zip(image.exports().ok());
            let conflict = exports.and_then(|(known_exports, exports)| {
                export_conflict((known_exports, known.path()), (exports, image.path()))
            });
            self.conflicts.extend(conflict);
            return;
        }
        self.boot.give(image);
        self.settle_exports();
        self.settle_config();
    }

    /// Where an image that was given and the list beside it disagree, the image counts, and the list does not.
    fn settle_exports(&mut self) {
        let Some((listed, path)) = self.exports.as_ref().zip(self.first_source(Fact::Exports)) else { return };
        let Some((image, exports)) = self.boot.given().and_then(|image| Some((image, image.exports().ok()?))) else {
            return;
        };
        let conflict = export_conflict((exports, image.path()), (listed, path));
        if conflict.is_some() || listed.is_names_only() {
            let path = image.path().to_owned();
            self.exports = None;
            self.conflicts.extend(conflict);
            self.evidence.retain(|evidence| evidence.fact != Fact::Exports);
            self.note(Fact::Exports, &path);
        }
    }

    /// So with the configuration that an image carries.
    fn settle_config(&mut self) {
        let Some(given) = self.config.as_ref().zip(self.first_source(Fact::Config)) else { return };
        let Some(embedded) = self.boot.given().and_then(|image| Some((image.config()?, image.path()))) else { return };
        if let Some(conflict) = config_conflict(embedded, given) {
            let path = conflict.used.clone();
            self.config = None;
            self.conflicts.push(conflict);
            self.evidence.retain(|evidence| evidence.fact != Fact::Config);
            self.note(Fact::Config, &path);
        }
    }

    /// Where sources disagree: those found when they were read, and what the tree's own modules say against the others.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut all = self.conflicts.clone();
        let Some((tree, own)) = self.tree().zip(self.own_module()) else { return all };
        let conflict = |fact, used: &Path, values: (String, String)| Conflict {
            fact,
            used: used.to_owned(),
            passed_over: tree.root().to_owned(),
            difference: Difference::Value(values.0, values.1),
        };
        if let Some(image) = self.boot.given() {
            if let Some(vermagic) = image.vermagic().filter(|vermagic| *vermagic != own.vermagic) {
                let values = (vermagic.to_owned(), own.vermagic.clone());
                all.push(conflict(Fact::Vermagic, image.path(), values));
            }
            if let Some(size) = image.struct_module_size().filter(|size| *size != own.this_module_size) {
                let values = (size.to_string(), own.this_module_size.to_string());
                all.push(conflict(Fact::StructModuleSize, image.path(), values));
            }
        }
        let layout = self.module_layout().filter(|crc| crc.0 != 0).zip(own.module_layout);
        if let Some((kernel, module)) = layout.filter(|(kernel, module)| u64::from(kernel.0) != *module)
            && let Some(source) = self.sources(Fact::Exports).first()
        {
            let values = (format!("module_layout {kernel}"), format!("module_layout 0x{module:08x}"));
            all.push(conflict(Fact::Crcs, source, values));
        }
        all
    }
}

/// A list and where it was read from.
type Sourced<'a, T> = (&'a T, &'a Path);

fn conflict(fact: Fact, used: &Path, passed_over: &Path, different: &[String], of: usize) -> Option<Conflict> {
    let example = different.first()?.clone();
    let difference = Difference::Entries { different: different.len(), of, example };
    Some(Conflict { fact, used: used.to_owned(), passed_over: passed_over.to_owned(), difference })
}

/// Compares what both lists tell: of modules only where both list theirs, versions and namespaces where both have them.
fn export_conflict(
    (used, used_path): Sourced<'_, Exports>,
    (other, other_path): Sourced<'_, Exports>,
) -> Option<Conflict> {
    let modules = used.covers_modules() && other.covers_modules();
    let compared = |row: &KernelExport<'_>| modules || row.exporter == VMLINUX;
    let names_only = used.is_names_only() || other.is_names_only();
    let same = |a: &KernelExport<'_>, b: &KernelExport<'_>| {
        let agree = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
        let kind = |row: &KernelExport<'_>| row.kind.map(|kind| u32::from(kind.is_gpl_only()));
        let crc = |row: &KernelExport<'_>| row.crc.map(|crc| crc.0);
        agree(kind(a), kind(b)) && agree(crc(a), crc(b)) && (names_only || a.namespace == b.namespace)
    };
    let differs = |row: &KernelExport<'_>| match other.owned_by(row.exporter, row.name) {
        Some(counterpart) => !same(row, &counterpart),
        None => true,
    };
    let mut different: Vec<_> = used.rows().filter(compared).filter(differs).map(|row| row.name.to_owned()).collect();
    let common = used.rows().filter(compared).count();
    let additional = other.rows().filter(compared).filter(|row| used.owned_by(row.exporter, row.name).is_none());
    let before = different.len();
    different.extend(additional.map(|row| row.name.to_owned()));
    let of = common + different.len() - before;
    conflict(Fact::Exports, used_path, other_path, &different, of)
}

/// Compares what is set.
fn config_conflict(
    (used, used_path): Sourced<'_, Config>,
    (other, other_path): Sourced<'_, Config>,
) -> Option<Conflict> {
    let differs = |a: &Config, b: &Config| -> Vec<String> {
        let different = a.names().filter(|name| a.value_named(name) != b.value_named(name));
        different.map(|name| format!("CONFIG_{name}")).collect()
    };
    let mut different = differs(used, other);
    different.extend(differs(other, used));
    different.sort_unstable();
    different.dedup();
    let of = used.settings().max(other.settings());
    conflict(Fact::Config, used_path, other_path, &different, of)
}
