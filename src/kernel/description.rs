//! What is known of one kernel.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use super::boot::BootImage;
use super::config::{Config, ConfigOption};
use super::conflict::Conflict;
use super::exports::Exports;
use super::fact::{Evidence, Fact};
use super::headers::HeaderRoot;
use super::installed::{InstalledLoader, installed_loader};
use super::package::PackageStore;
use super::struct_module::StructModule;
use super::symvers::VMLINUX;
use super::tree::{ModuleTree, OwnModule, in_package, member};
use super::tree_module::UnreadFile;
use super::types::{KernelTypes, TypeFile};
use super::vmlinux::{BtfMessages, Kallsyms, KernelImage};
use crate::compression::Compression;
use crate::image::{Extent, Fault, Image, Known};
use crate::terms::{
    Arch, Budget, CountedBytes, Crc, Distribution, KernelRelease, KernelVersion, Loader, ModuleName, Shown,
};
use crate::x509::Certificate;

/// One kernel: the facts that its files give. A later source adds a fact only where the earlier ones gave none.
///
/// The kernel image that [`Kernel::add`] finds beside other files, and the modules of a module tree, are read on the first call
/// of a method that needs them; such a method says so. When that reading fails, no error is returned: the fact stays unknown.
#[derive(Debug, Default)]
pub struct Kernel {
    pub(crate) release: Option<KernelRelease>,
    pub(crate) config: Option<Config>,
    pub(crate) exports: Option<Exports>,
    /// Lists of modules from outside the kernel's tree, with their files.
    pub(super) outside: Vec<(Exports, PathBuf)>,
    /// The exports with those of `outside`.
    pub(super) joined_exports: OnceLock<Option<Exports>>,
    pub(crate) tree: Option<ModuleTree>,
    pub(crate) certificates: Option<Vec<Certificate>>,
    pub(crate) builtin: Option<Vec<ModuleName>>,
    pub(super) with_parameters: HashSet<ModuleName>,
    /// A `modules.builtin` that could not be read.
    pub(super) unread_builtin: Option<UnreadFile>,
    /// A `modules.builtin.modinfo` that could not be read.
    pub(super) unread_modinfo: Option<UnreadFile>,
    pub(crate) version: Option<KernelVersion>,
    pub(crate) arch: Option<Arch>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) inferred: Vec<String>,
    pub(super) cmdline: Option<String>,
    pub(super) packages: Vec<String>,
    pub(super) symbols: Option<Kallsyms>,
    /// The symbols in a `/proc/kallsyms` that hides their addresses.
    pub(super) hidden_symbols: Option<Kallsyms>,
    pub(super) conflicts: Vec<Conflict>,
    /// Files that were given or found, and that tell nothing.
    pub(super) set_aside: Vec<UnreadFile>,
    pub(super) boot: BootImage,
    trusted: OnceLock<Option<Vec<Certificate>>>,
    pub(super) headers: Vec<HeaderRoot>,
    own_module: OnceLock<Option<OwnModule>>,
    loader: Option<Loader>,
    /// Whether the program that loads modules reads a kind of compression, as far as that was given.
    loader_reads: BTreeMap<Compression, bool>,
    found_loader: OnceLock<Option<InstalledLoader>>,
    own_struct_module: OnceLock<Option<StructModule>>,
    /// The type information in a file of its own.
    pub(super) types: Option<TypeFile>,
    typed_struct_module: OnceLock<Option<StructModule>>,
    images: Mutex<HashMap<PathBuf, Arc<Image>>>,
    /// Packages that module files are read from, besides those of the tree.
    module_packages: Vec<PackageStore>,
    /// What the contents of all files are counted in.
    pub(super) budget: Budget,
}

impl Kernel {
    /// A kernel of which nothing is known yet, and the budget for all files that are read for it, its modules included: see
    /// [`Kernel::add`]. [`Kernel::open`] has a budget of its own.
    pub fn within(budget: &Budget) -> Self {
        Self { budget: budget.clone(), ..Self::default() }
    }

    /// The budget for the files that are read for it.
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The release string.
    pub const fn release(&self) -> Option<&KernelRelease> {
        self.release.as_ref()
    }

    /// The version: the one that was given apart from the release, otherwise the one at the start of the release string,
    /// otherwise the one in the first lines of the configuration.
    pub fn version(&self) -> Option<KernelVersion> {
        self.version.or_else(|| self.release()?.version()).or_else(|| self.config.as_ref()?.version())
    }

    /// Returns whether the version was given apart from the release, and not read from the release string.
    pub const fn is_version_given(&self) -> bool {
        self.version.is_some()
    }

    /// The distribution that built the kernel, read from the release string; `None` for an upstream kernel or an unknown
    /// release.
    pub fn distribution(&self) -> Option<Distribution> {
        self.release()?.distribution()
    }

    /// The configuration: from a file, otherwise the one embedded in the image (`CONFIG_IKCONFIG`).
    ///
    /// May read a found image on first use; if that fails, the configuration stays unknown.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref().or_else(|| self.boot_image()?.config())
    }

    /// The exported symbols: from a list, otherwise from the image's export tables.
    ///
    /// May read a found image on first use; if that fails, the exports stay unknown.
    pub fn exports(&self) -> Option<&Exports> {
        if self.outside.is_empty() {
            return self.tree_exports();
        }
        let joined = || Some(self.tree_exports()?.with_outside(self.outside.iter().map(|(exports, _)| exports)));
        self.joined_exports.get_or_init(joined).as_ref()
    }

    /// The lists of modules from outside the kernel's tree.
    pub(crate) fn outside_exports(&self) -> impl Iterator<Item = &Exports> {
        self.outside.iter().map(|(exports, _)| exports)
    }

    /// The exports of the kernel and of the modules of its own build.
    fn tree_exports(&self) -> Option<&Exports> {
        self.exports.as_ref().or_else(|| self.boot_image()?.exports().ok())
    }

    /// The kernel's own symbols, exported or not: from a `System.map` or `/proc/kallsyms`, otherwise from the image.
    ///
    /// May read a found image on first use; if that fails, the symbols stay unknown.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn symbols(&self) -> Option<&Kallsyms> {
        self.symbols.as_ref().or_else(|| self.boot_image()?.symbols())
    }

    /// The symbols that the running kernel knows of itself (kallsyms): from the image, otherwise from a `System.map` or
    /// `/proc/kallsyms`, whose addresses may be hidden.
    ///
    /// May read a found image on first use; if that fails, the symbols stay unknown.
    pub(crate) fn kallsyms(&self) -> Option<&Kallsyms> {
        let in_image = self.boot_image().and_then(KernelImage::kallsyms);
        in_image.or(self.symbols.as_ref()).or(self.hidden_symbols.as_ref())
    }

    /// The image that the kernel boots from: the one that was given, otherwise the one that was found with the other files.
    ///
    /// Reads a found image on first use. `None` if there is no image, if the found one cannot be read, or if it belongs to
    /// another release.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn boot_image(&self) -> Option<&KernelImage> {
        if let Some(given) = self.boot.given() {
            return Some(given);
        }
        self.boot.read(&self.budget).filter(|image| self.release.is_none() || image.release() == self.release)
    }

    /// The image that was given.
    pub(crate) const fn given_image(&self) -> Option<&KernelImage> {
        self.boot.given()
    }

    /// The packages that were read, each as `NAME VERSION ARCHITECTURE`.
    pub fn packages(&self) -> &[String] {
        &self.packages
    }

    /// The command line in a unified kernel image.
    pub fn cmdline(&self) -> Option<&str> {
        self.cmdline.as_deref()
    }

    /// The module tree.
    pub const fn tree(&self) -> Option<&ModuleTree> {
        self.tree.as_ref()
    }

    /// The certificates that the kernel trusts: those compiled into its image and those that were given. `None` if neither is
    /// known.
    ///
    /// May read a found image on first use; if that fails, its certificates stay unknown.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn certificates(&self) -> Option<&[Certificate]> {
        let known = self.trusted.get_or_init(|| {
            let built_in = match &self.certificates {
                // Given certificates replace those of a found image, but a given image adds its own.
                Some(_) => self.boot.given().and_then(KernelImage::certificates),
                None => self.boot_image().and_then(KernelImage::certificates),
            };
            let mut all = built_in.or_else(|| self.certificates.as_ref().map(|_| &[][..]))?.to_vec();
            for given in self.certificates.iter().flatten() {
                if !all.contains(given) {
                    all.push(given.clone());
                }
            }
            Some(all)
        });
        known.as_deref()
    }

    /// Returns whether the certificates that the kernel trusts were given, and not only read from its image. They are then all
    /// that it trusts: those of the firmware, too.
    pub(crate) const fn has_given_certificates(&self) -> bool {
        self.certificates.is_some()
    }

    /// `sizeof(struct module)`, vermagic and the version of `module_layout` in a module of the kernel's own tree: all three are
    /// fixed when the kernel and its modules are built together.
    ///
    /// Reads a module of the tree on first use. `None` if there is no tree or the module cannot be read.
    pub(super) fn own_module(&self) -> Option<&OwnModule> {
        self.own_module.get_or_init(|| self.tree.as_ref().and_then(OwnModule::read)).as_ref()
    }

    /// The kernel's own type information: from a file of its own, otherwise from the image.
    ///
    /// May read a found image on first use; if that fails, the types stay unknown.
    pub(crate) fn types(&self) -> Option<KernelTypes<'_>> {
        self.types.as_ref().map(TypeFile::types).or_else(|| self.boot_image()?.types())
    }

    /// What the image's messages tell of the check of the type information of modules.
    ///
    /// May read a found image on first use.
    pub(crate) fn btf_messages(&self) -> Option<BtfMessages> {
        self.boot_image().map(KernelImage::btf_messages)
    }

    /// The layout of `struct module` in the file of type information. How large a pointer is does not stand there.
    fn typed_struct_module(&self) -> Option<&StructModule> {
        let layout = || self.types.as_ref()?.struct_module(self.arch()?.class);
        self.typed_struct_module.get_or_init(layout).as_ref()
    }

    /// `sizeof(struct module)` in bytes: from given type information, of an image or in a file of its own, otherwise from a module
    /// of the kernel's own tree, otherwise from the type information of a found image.
    ///
    /// May read a module of the tree or a found image on first use; if that fails, the size stays unknown.
    pub fn struct_module_size(&self) -> Option<u64> {
        let given = self.boot.given().and_then(KernelImage::struct_module_size);
        given
            .or_else(|| self.types.as_ref()?.struct_module_size())
            .or_else(|| self.own_module().map(|module| module.this_module_size))
            .or_else(|| self.boot_image()?.struct_module_size())
    }

    /// The value of an enumerator of `enum OID`, the kernel's registry of object identifiers, from its type information.
    ///
    /// May read a found image on first use; if that fails, the value stays unknown.
    pub(crate) fn oid(&self, enumerator: &str) -> Option<u32> {
        self.types()?.table().enumerator("OID", enumerator)
    }

    /// The release that the tree's own modules were built for.
    ///
    /// May read a module of the tree on first use; if that fails, it stays unknown.
    pub(crate) fn tree_release(&self) -> Option<&str> {
        self.own_module()?.vermagic.split(' ').next()
    }

    /// The layout of `struct module`: from given type information, of an image or in a file of its own, otherwise from modules of
    /// the kernel's own tree, otherwise from the type information of a found image.
    ///
    /// May read modules of the tree or a found image on first use; if that fails, the layout stays unknown.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn struct_module(&self) -> Option<&StructModule> {
        let given = self.boot.given().and_then(KernelImage::struct_module);
        let own = || self.own_struct_module.get_or_init(|| OwnModule::struct_module(self.tree.as_ref()?)).as_ref();
        let given = given.or_else(|| self.typed_struct_module());
        given.or_else(own).or_else(|| self.boot_image()?.struct_module())
    }

    /// vermagic: from a given image, otherwise from a module of the kernel's own tree, otherwise from a found image.
    ///
    /// May read a module of the tree or a found image on first use; if that fails, vermagic stays unknown.
    pub fn vermagic(&self) -> Option<&str> {
        let given = self.boot.given().and_then(KernelImage::vermagic);
        given
            .or_else(|| self.own_module().map(|module| module.vermagic.as_str()))
            .or_else(|| self.boot_image()?.vermagic())
    }

    /// Says which program loads modules.
    #[must_use]
    pub fn with_loader(mut self, loader: Loader) -> Self {
        self.loader = Some(loader);
        self
    }

    /// The program that loads modules: the one that was given, otherwise the kmod beside the module tree, then with a sentence
    /// that says so.
    ///
    /// May read a found program on first use; if that fails, it stays unknown.
    pub(crate) fn loader(&self) -> Option<(Loader, Option<String>)> {
        if let Some(given) = self.loader {
            return Some((given, None));
        }
        let InstalledLoader { loader, path, .. } = self.found_loader()?;
        let does = if loader.hands_over() {
            "lets the kernel decompress modules of the kind that the kernel reads"
        } else {
            "decompresses modules itself"
        };
        Some((*loader, Some(format!("{} loads modules, and {does}", Shown::path(path)))))
    }

    /// Says whether the program that loads modules was built with zlib, and so reads gzip.
    #[must_use]
    pub fn with_zlib(self, has_zlib: bool) -> Self {
        self.with_loader_that_reads(Compression::Gzip, has_zlib)
    }

    /// Says whether the program that loads modules was built with what reads a kind of compression.
    #[must_use]
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn with_loader_that_reads(mut self, compression: Compression, reads: bool) -> Self {
        self.loader_reads.insert(compression, reads);
        self
    }

    /// Whether the program that loads modules reads a kind of compression: as was given, otherwise as the kmod beside the module tree
    /// says, then with a sentence that says so. Where nothing tells, it is taken to read xz and Zstandard, and what the kernel's own
    /// modules are compressed with.
    ///
    /// May read a found program on first use; if that fails, it stays unknown.
    pub(crate) fn loader_reads(&self, compression: Compression) -> Option<(bool, Option<String>)> {
        if let Some(given) = self.loader_reads.get(&compression) {
            return Some((*given, None));
        }
        let found = if self.loader.is_some() { None } else { self.found_loader() };
        if let Some((has, path)) =
            found.and_then(|found| Some((*found.reads.get(&compression)?, Shown::path(&found.path))))
        {
            let reads = if has { "reads" } else { "does not read" };
            return Some((has, Some(format!("{path} loads modules, and {reads} {compression}"))));
        }
        let version = self.loader.or(found.map(|found| found.loader));
        let option = match compression {
            Compression::Gzip if version.is_some_and(Loader::is_busybox) => return Some((true, None)),
            Compression::Gzip => "MODULE_COMPRESS_GZIP",
            Compression::Zstd => match version {
                Some(Loader::Kmod27 | Loader::BusyBox126 | Loader::BusyBox137) => return Some((false, None)),
                Some(_) => return Some((true, None)),
                None => "MODULE_COMPRESS_ZSTD",
            },
            _ => return Some((true, None)),
        };
        if self.config().is_some_and(|config| config.is_set(ConfigOption(option))) {
            let sentence =
                "the program that loads modules reads {}, which the kernel's own modules are compressed with";
            return Some((true, Some(sentence.replace("{}", &compression.to_string()))));
        }
        let since_28 = "the program that loads modules reads zstd, as kmod does since 28";
        (compression == Compression::Zstd).then(|| (true, Some(since_28.to_owned())))
    }

    fn found_loader(&self) -> Option<&InstalledLoader> {
        let find = || self.tree.as_ref().and_then(|tree| installed_loader(tree.root()));
        self.found_loader.get_or_init(find).as_ref()
    }

    /// The program beside the module tree that tells which program loads modules, if that was not given.
    pub(super) fn loader_path(&self) -> Option<&Path> {
        if self.loader.is_some() { None } else { self.found_loader().map(|found| found.path.as_path()) }
    }

    /// The kind of compressed modules that the kernel itself decompresses, `Some(None)` if it decompresses none: from the
    /// configuration, otherwise from the messages in the image.
    ///
    /// May read a found image on first use; if that fails, it stays unknown.
    pub(crate) fn module_compression(&self) -> Option<Option<Compression>> {
        let in_config = self.config().and_then(Self::configured_compression);
        in_config.or_else(|| self.boot_image().map(KernelImage::module_compression))
    }

    /// The kind of compressed modules that a configuration makes the kernel decompress, as far as it tells.
    fn configured_compression(config: &Config) -> Option<Option<Compression>> {
        if !config.state(ConfigOption("MODULE_DECOMPRESS"))? {
            return Some(None);
        }
        let kinds = [
            ("MODULE_COMPRESS_GZIP", Compression::Gzip),
            ("MODULE_COMPRESS_XZ", Compression::Xz),
            ("MODULE_COMPRESS_ZSTD", Compression::Zstd),
        ];
        let kind = kinds.into_iter().find(|(option, _)| config.is_set(ConfigOption(option))).map(|(_, kind)| kind);
        (kind.is_some() || config.is_whole()).then_some(kind)
    }

    /// The names of the modules that are built into the kernel, from `modules.builtin`.
    pub fn builtin(&self) -> Option<&[ModuleName]> {
        self.builtin.as_deref()
    }

    /// Returns whether a built-in module has parameters or a version, and therefore a directory in sysfs.
    ///
    /// The source is `modules.builtin.modinfo`, which lists most such modules, but not all.
    pub fn is_builtin_with_parameters(&self, name: &str) -> bool {
        self.with_parameters.contains(name)
    }

    /// The list of what is built into the kernel that could not be read, if no other file gives what it would have told.
    pub(crate) fn unread_builtin(&self) -> Option<&UnreadFile> {
        let names = self.unread_builtin.as_ref().filter(|_| self.builtin.is_none());
        names.or_else(|| self.unread_modinfo.as_ref().filter(|_| self.with_parameters.is_empty()))
    }

    /// Takes the release and the architecture from a module that was built for this kernel, if no file gives them.
    ///
    /// Such a module has the kernel's version of `module_layout`. That version covers the structures that the loader and a
    /// module share, and no two releases have had the same ones.
    pub fn infer_release(&mut self, image: &Image) {
        if let Some(release) = self.release_by(image) {
            let path = Shown::path(image.path());
            self.inferred
                .push(format!("the kernel is {release}: {path} was built for it, with its version of module_layout"));
            self.release = Some(release);
            self.arch = self.arch.or_else(|| image.arch());
        }
    }

    /// The release that a module built for this kernel names in its vermagic; `None` if a file of the kernel already gives the
    /// release, or if one says that the kernel is of another architecture or of another series.
    pub fn release_by(&self, image: &Image) -> Option<KernelRelease> {
        let is_foreign = || self.arch().is_some_and(|kernel| image.arch().is_some_and(|module| module != kernel));
        let elf = image.as_announced().filter(|_| self.release.is_none() && !is_foreign())?;
        let wanted = elf.symbol_versions().and_then(|versions| versions.get("module_layout"));
        let own = self.module_layout().map(|crc| u64::from(crc.0)).filter(|crc| *crc != 0);
        let series = |version: Option<KernelVersion>| version.map(KernelVersion::series);
        let configured = series(self.config().and_then(Config::version));
        let release = elf.modinfo().release().map(KernelRelease::new).filter(|release| release.version().is_some())?;
        let fits = configured.is_none_or(|configured| Some(configured) == series(release.version()));
        (fits && own.is_some() && own == wanted).then_some(release)
    }

    /// Returns whether symbols have versions: from `CONFIG_MODVERSIONS`, otherwise from whether any CRC is not zero.
    ///
    /// May read a found image on first use; if that fails, the answer stays unknown.
    pub fn modversions(&self) -> Option<bool> {
        let configured = self.config().and_then(|config| config.state(ConfigOption("MODVERSIONS")));
        configured.or_else(|| self.exports()?.modversions())
    }

    /// The CRC of `module_layout`, which covers the structures that the loader and a module share.
    ///
    /// May read a found image on first use; if that fails, the CRC stays unknown.
    pub fn module_layout(&self) -> Option<Crc> {
        self.exports()?.owned_by(VMLINUX, "module_layout")?.crc
    }

    /// The architecture: the one that the user gave, otherwise that of a given image, otherwise the configuration's, otherwise
    /// the one that the flavour at the end of a distribution's release string names. A found image is not read for it.
    pub fn arch(&self) -> Option<Arch> {
        if let Some(told) = self.arch.or_else(|| self.boot.given()?.arch()) {
            return Some(told);
        }
        self.config.as_ref().and_then(Config::arch).or_else(|| self.release()?.flavour_arch())
    }

    /// Reads a module file; out of the tree's packages, if it is in one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open_module(&self, path: &Path) -> Result<Image, crate::image::Error> {
        self.read_module(path, Known::Nothing, Extent::Whole)
    }

    /// Reads the parts of a module file that a loader looks at; all of it where signatures or types can be checked.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn open_module_for_loading(&self, path: &Path, known: Known) -> Result<Image, crate::image::Error> {
        let verifies = self.certificates().is_some_and(|trusted| !trusted.is_empty());
        let looks_at_all = verifies || self.checks_types();
        self.read_module(path, known, if looks_at_all { Extent::Whole } else { Extent::Parts })
    }

    /// Returns whether the type information of modules can be compared with the kernel's.
    fn checks_types(&self) -> bool {
        self.config().is_none_or(|config| config.state(ConfigOption("DEBUG_INFO_BTF_MODULES")) != Some(false))
            && (self.types.is_some() || self.boot.given().is_some_and(|image| image.btf().is_some()))
    }

    fn read_module(&self, path: &Path, known: Known, extent: Extent) -> Result<Image, crate::image::Error> {
        let of_tree = self.tree.as_ref().map(ModuleTree::packages).unwrap_or_default();
        match member(of_tree, path).or_else(|| member(&self.module_packages, path)) {
            Some((store, inside)) => Image::from_member(path, move || store.get(&inside)),
            None => Image::open_for(path, known, extent, &self.budget),
        }
    }

    /// Reads a module file that is passed to the kernel as it is; out of a package, if it is in one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open_module_raw(&self, path: &Path) -> Result<Image, crate::image::Error> {
        if let Some(contents) = self.in_package(path)? {
            return Ok(Image::from_counted_raw(path, contents));
        }
        Image::open_raw_within(path, &self.budget).or_else(|error| self.judged(path, error))
    }

    /// The bytes of a module file in a package; `None` if its path lies in none.
    fn in_package(&self, path: &Path) -> Result<Option<CountedBytes>, crate::image::Error> {
        let packages = self.tree.as_ref().map(ModuleTree::packages).unwrap_or_default();
        match in_package(packages, path)? {
            None => in_package(&self.module_packages, path),
            contents => Ok(contents),
        }
    }

    /// Reads module files also from the packages of another tree. Its modules do not belong to the kernel.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn read_also_from(&mut self, tree: &ModuleTree) {
        self.module_packages.extend_from_slice(tree.packages());
    }

    /// Reads a module file as [`Kernel::open_module`] does. Broken compressed data, and a file that is longer than the kernel reads,
    /// are no errors: the loader judges them.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open_module_to_judge(&self, path: &Path) -> Result<Image, crate::image::Error> {
        self.open_module(path).or_else(|error| self.judged(path, error))
    }

    /// Stands for a file that could not be opened, but that the loader can judge.
    fn judged(&self, path: &Path, error: crate::image::Error) -> Result<Image, crate::image::Error> {
        let image = self.faulty(path, &error);
        match image.fault() {
            Some(Fault::Broken(_) | Fault::TooLong(_)) => Ok(image),
            _ => Err(error),
        }
    }

    /// Reads a module file as [`Kernel::open_module`] does. An image without contents stands for a file that cannot be read.
    pub fn module(&self, path: &Path) -> Image {
        self.open_module(path).unwrap_or_else(|error| self.faulty(path, &error))
    }

    /// A module file of the tree, cached: each file is read once. An image without contents stands for a file that cannot be
    /// read.
    pub(crate) fn image(&self, path: &Path) -> Arc<Image> {
        let locked = || self.images.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(image) = locked().get(path) {
            return Arc::clone(image);
        }
        let image = self.open_module_for_loading(path, Known::Nothing).and_then(|image| image.counted(1));
        let image = Arc::new(image.unwrap_or_else(|error| self.faulty(path, &error)));
        Arc::clone(locked().entry(path.to_owned()).or_insert(image))
    }

    /// Stands for a module file that cannot be read.
    pub(crate) fn faulty(&self, path: &Path, error: &crate::image::Error) -> Image {
        Image::faulty(error, &self.budget, || self.in_package(path))
    }

    pub(crate) fn note(&mut self, fact: Fact, source: &Path) {
        self.evidence.push(Evidence { fact, source: source.to_owned() });
    }
}
