//! Which of several sources of one fact counts. A disagreement between two sources is recorded as a conflict.

use std::path::Path;
use std::sync::OnceLock;

use super::config::Config;
use super::conflict::{Conflict, Difference, config_conflict, export_conflict, outside_conflict};
use super::description::Kernel;
use super::error::{Error, ErrorKind};
use super::exports::Exports;
use super::fact::Fact;
use super::tree_module::UnreadFile;
use super::vmlinux::KernelImage;
use crate::terms::{Arch, Shown};

/// How much a list of exports gives: names alone rank below a full list.
const fn rank(exports: &Exports) -> u8 {
    if exports.is_names_only() { 0 } else { 1 }
}

/// # Errors
/// If two sources are of kernels for two architectures.
fn of_one_arch((found, path): (Arch, &Path), (known, other): (Arch, &Path)) -> Result<(), Error> {
    if found.machine == known.machine {
        return Ok(());
    }
    let kind =
        ErrorKind::TwoArchitectures { found: found.to_string(), known: known.to_string(), other: other.to_owned() };
    Err(Error::new(path, kind))
}

impl Kernel {
    /// Adds a list of exports. The one that ranks higher counts, among equals the first.
    pub(super) fn add_exports(&mut self, exports: Exports, path: &Path) {
        self.joined_exports = OnceLock::new();
        if exports.is_of_modules_only() {
            return self.add_outside(exports, path);
        }
        let known_path = self.first_source(Fact::Exports).map(Path::to_owned);
        match self.exports.take().zip(known_path) {
            None => {
                self.note(Fact::Exports, path);
                self.exports = Some(exports);
            }
            Some((known, known_path)) if rank(&exports) > rank(&known) => {
                self.conflicts.extend(export_conflict((&exports, path), (&known, &known_path)));
                // The first source listed as evidence of a fact is the one that counts.
                self.evidence.retain(|evidence| evidence.fact != Fact::Exports || evidence.source != known_path);
                self.note(Fact::Exports, path);
                self.note(Fact::Exports, &known_path);
                self.exports = Some(exports);
            }
            // Of two lists the one without some rows of the other gives nothing new, whichever was first.
            Some((known, known_path)) if known.includes(&exports) => {
                self.set_aside_part((known, &known_path), (&exports, path));
            }
            Some((known, known_path)) if exports.includes(&known) => {
                self.set_aside_part((exports, path), (&known, &known_path));
            }
            Some((known, known_path)) => {
                self.conflicts.extend(export_conflict((&known, &known_path), (&exports, path)));
                self.note(Fact::Exports, path);
                self.exports = Some(known);
            }
        }
        self.settle_exports();
    }

    /// Takes a list of exports, and notes that another one has no rows but those of it.
    fn set_aside_part(&mut self, (counting, counts): (Exports, &Path), (part, part_path): (&Exports, &Path)) {
        let (rows, all) = (part.rows().len(), counting.rows().len());
        if rows < all {
            let why = format!("it has only {rows} of the {all} rows in {}", Shown::path(counts));
            self.set_aside.push(UnreadFile::new(part_path, why));
        }
        self.note_in_order(Fact::Exports, counts, part_path);
        self.exports = Some(counting);
    }

    /// Lists two sources as the evidence of a fact. The first one listed is the one that counts.
    fn note_in_order(&mut self, fact: Fact, counts: &Path, other: &Path) {
        self.evidence.retain(|evidence| evidence.fact != fact);
        self.note(fact, counts);
        self.note(fact, other);
    }

    /// Adds a list of modules from outside the kernel's tree. Of several lists of one module the first counts.
    fn add_outside(&mut self, exports: Exports, path: &Path) {
        for (known, known_path) in &self.outside {
            self.conflicts.extend(outside_conflict((known, known_path), (&exports, path)));
        }
        self.note(Fact::OutsideExports, path);
        self.outside.push((exports, path.to_owned()));
    }

    /// Adds a configuration. A whole one counts before a fragment, among equals the first.
    ///
    /// # Errors
    /// If it is of another architecture than the given image.
    pub(super) fn add_config(&mut self, config: Config, path: &Path) -> Result<(), Error> {
        let image = self.boot.given().and_then(|image| Some((image.arch()?, image.path())));
        if let Some(((image, image_path), configured)) = image.zip(config.arch()) {
            of_one_arch((configured, path), (image, image_path))?;
        }
        self.add_config_of_arch(config, path);
        Ok(())
    }

    fn add_config_of_arch(&mut self, config: Config, path: &Path) {
        if config.is_cut_short() {
            let why = "its end is missing, so it says nothing of the options that it does not name";
            self.set_aside.push(UnreadFile::new(path, why));
        }
        match self.config.as_ref().zip(self.first_source(Fact::Config)) {
            None => self.config = Some(config),
            Some((known, known_path)) if config.is_whole() && !known.is_whole() => {
                let known_path = known_path.to_owned();
                self.conflicts.extend(config_conflict((&config, path), (known, &known_path)));
                self.note_in_order(Fact::Config, path, &known_path);
                self.config = Some(config);
                return self.settle_config();
            }
            Some(known) => {
                let conflict = config_conflict(known, (&config, path));
                self.conflicts.extend(conflict);
            }
        }
        self.note(Fact::Config, path);
        self.settle_config();
    }

    /// Adds a given image: its release, version and command line, and the image itself.
    pub(super) fn add_image(&mut self, image: KernelImage) -> Result<(), Error> {
        let path = image.path().to_owned();
        let config = self.config.as_ref().and_then(Config::arch).zip(self.first_source(Fact::Config));
        if let Some((image, (configured, config_path))) = image.arch().zip(config) {
            of_one_arch((image, &path), (configured, config_path))?;
        }
        for release in image.release().into_iter().chain(image.uname()) {
            self.set_release(release, &path)?;
        }
        if self.version.is_none()
            && let Some(version) = image.stable_version().filter(|version| Some(*version) != self.version())
        {
            self.set_version(Some(version), &path);
        }
        self.cmdline = self.cmdline.take().or_else(|| image.cmdline().map(str::to_owned));
        self.note(Fact::Image, &path);
        self.set_image(image);
        Ok(())
    }

    /// Records a given image as the one that the kernel boots from. The first one counts, and its facts count before those of
    /// other files.
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
        self.joined_exports = OnceLock::new();
        self.settle_exports();
        self.settle_config();
    }

    /// Drops the list of exports if the given image disagrees with it or gives more than names.
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

    /// Drops the configuration file if it disagrees with the configuration embedded in the given image.
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

    /// The disagreements between sources: those found while files were added, and those between the tree's own modules and the
    /// given image or the list of exports.
    ///
    /// Reads a module of the tree on first use, and may read a found image; if that fails, it takes part in no conflict.
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
