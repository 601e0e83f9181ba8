//! A module tree, `/lib/modules/RELEASE`, in a directory or in packages.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rayon::prelude::*;

use super::error::{Error, ErrorKind};
use super::package::PackageStore;
use super::struct_module::StructModule;
use crate::image::{Extent, Image};
use crate::terms::{Crc, ExportedSymbol, ModuleName};

/// The depth to which a tree is walked; real trees are about ten directories deep.
const MAX_DEPTH: usize = 32;

/// One module file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeModule {
    /// Its name.
    pub name: ModuleName,
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes when the tree was listed; 0 in a package.
    pub size: u64,
}

/// The modules under a directory or in packages, by name. Listing a tree does not open its files; methods that do say so.
#[derive(Debug, Default)]
pub struct ModuleTree {
    /// The directories, in the order they were added.
    roots: Vec<PathBuf>,
    /// The packages that modules are read from. The path of such a module begins with the path of its package.
    packages: Vec<PackageStore>,
    modules: BTreeMap<ModuleName, TreeModule>,
    /// Module files that another file with the same module name takes precedence over.
    shadowed: Vec<TreeModule>,
    exports: OnceLock<Vec<(ModuleName, Vec<ExportedSymbol>)>>,
    exporters: OnceLock<HashMap<String, ModuleName>>,
}

/// The folded name of the module in a file; see [`ModuleName::of_file`].
pub fn module_name_of(path: &Path) -> Option<String> {
    ModuleName::of_file(path).map(String::from)
}

/// The module files and the folders in a folder.
fn list(folder: &Path) -> Result<(Vec<TreeModule>, Vec<PathBuf>), Error> {
    let io = |source| Error::new(folder, ErrorKind::Io(source));
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let kind = entry.file_type().map_err(io)?;
        if kind.is_dir() {
            folders.push(entry.path());
        } else if kind.is_file()
            && let Some(name) = ModuleName::of_file(Path::new(&entry.file_name()))
        {
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            files.push(TreeModule { name, path: entry.path(), size });
        }
    }
    Ok((files, folders))
}

/// The rank of a module's folder in depmod's order `search updates extra built-in weak-updates`, which distributions configure
/// in full or in part.
fn search_rank(inside: &Path) -> usize {
    match inside.iter().next().and_then(std::ffi::OsStr::to_str) {
        Some("updates") => 0,
        Some("extra") => 1,
        Some("weak-updates") => 3,
        _ => 2,
    }
}

impl ModuleTree {
    /// Lists the modules under `root`. Links are not followed.
    ///
    /// Of several files with one module name the one counts that depmod chooses as distributions configure it: `updates/`
    /// before `extra/` before all others, `weak-updates/` last; among equals the first in order of path.
    ///
    /// # Errors
    /// If a directory cannot be read.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_owned()];
        for depth in 0..=MAX_DEPTH {
            let listed: Vec<_> = folders.par_iter().map(|folder| list(folder)).collect::<Result<_, _>>()?;
            folders = Vec::new();
            for (more_files, more_folders) in listed {
                files.extend(more_files);
                folders.extend(more_folders.into_iter().filter(|_| depth < MAX_DEPTH));
            }
        }
        let rank = |path: &Path| path.strip_prefix(root).map_or(2, search_rank);
        let by_rank = |one: &TreeModule, other: &TreeModule| {
            let ranks = rank(&one.path).cmp(&rank(&other.path));
            ranks.then_with(|| one.path.as_os_str().cmp(other.path.as_os_str()))
        };
        files.sort_unstable_by(|one, other| one.name.cmp(&other.name).then_with(|| by_rank(one, other)));
        let mut shadowed = Vec::new();
        files.dedup_by(|later, first| {
            let is_shadowed = later.name == first.name;
            if is_shadowed {
                shadowed.push(later.clone());
            }
            is_shadowed
        });
        shadowed.sort_unstable_by(by_rank);
        let modules = files.into_iter().map(|module| (module.name.clone(), module)).collect();
        Ok(Self { roots: vec![root.to_owned()], modules, shadowed, ..Self::default() })
    }

    /// Adds a module. A module of the same name that was added before takes precedence.
    fn add(&mut self, module: TreeModule) {
        match self.modules.get(&module.name) {
            Some(_) => self.shadowed.push(module),
            None => _ = self.modules.insert(module.name.clone(), module),
        }
    }

    /// Adds the modules in a folder of a package.
    pub(super) fn add_package(&mut self, store: PackageStore, folder: &str) {
        for inside in store.under(&format!("{folder}/")) {
            if let Some(name) = ModuleName::of_file(Path::new(inside)) {
                let path = store.package().join(inside);
                self.add(TreeModule { name, path, size: 0 });
            }
        }
        self.roots.push(store.package().join(folder));
        self.packages.push(store);
    }

    /// The directory; of several, the first one added.
    pub fn root(&self) -> &Path {
        self.roots.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// The path of a module within the tree.
    pub(super) fn inside<'a>(&self, module: &'a TreeModule) -> &'a Path {
        self.roots.iter().find_map(|root| module.path.strip_prefix(root).ok()).unwrap_or(&module.path)
    }

    /// Opens a module file, in its package if its path lies in one.
    pub(super) fn image(&self, path: &Path, extent: Extent) -> Result<Image, crate::image::Error> {
        let package = self.packages.iter().find_map(|store| Some((store, path.strip_prefix(store.package()).ok()?)));
        let Some((store, inside)) = package.and_then(|(store, inside)| Some((store, inside.to_str()?))) else {
            return Image::open_for(path, extent);
        };
        let contents = store.get(inside).map_err(|error| {
            let source = std::io::Error::other(error.to_string());
            crate::image::Error { path: path.to_owned(), kind: crate::image::ErrorKind::Io(source) }
        })?;
        Image::from_bytes(path, contents)
    }

    /// The modules in order of name.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = &TreeModule> {
        self.modules.values()
    }

    /// The module files that modprobe does not find, each with the module that takes precedence.
    pub fn shadowed(&self) -> impl Iterator<Item = (&TreeModule, &TreeModule)> {
        self.shadowed.iter().filter_map(|module| Some((module, self.modules.get(&module.name)?)))
    }

    /// The module of the tree that exports `symbol`.
    ///
    /// Reads every module of the tree on first use; a module that cannot be read exports nothing.
    pub fn exporter(&self, symbol: &str) -> Option<ModuleName> {
        self.exporters.get_or_init(|| self.read_exporters()).get(symbol).cloned()
    }

    fn read_exporters(&self) -> HashMap<String, ModuleName> {
        let mut exporters = HashMap::new();
        for (module, exports) in self.exports() {
            exporters.extend(exports.iter().map(|export| (export.name.clone(), module.name.clone())));
        }
        exporters
    }

    /// The exports of each module, in order of module name.
    ///
    /// Reads every module of the tree on first use; a module that cannot be read exports nothing.
    pub(super) fn exports(&self) -> impl Iterator<Item = (&TreeModule, &[ExportedSymbol])> {
        let exports = self.exports.get_or_init(|| self.read_exports());
        exports.iter().filter_map(|(name, exports)| Some((self.modules.get(name)?, exports.as_slice())))
    }

    /// The name and version of every export of the tree.
    pub(crate) fn exported(&self) -> impl Iterator<Item = (&str, Option<Crc>)> {
        self.exports().flat_map(|(_, exports)| exports).map(|export| (export.name.as_str(), export.crc))
    }

    fn read_exports(&self) -> Vec<(ModuleName, Vec<ExportedSymbol>)> {
        let modules: Vec<_> = self.modules.values().collect();
        // Not on rayon's threads: a rayon thread that waits here may run another job meanwhile, and if that job calls this
        // function, the thread waits for itself.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = modules.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let mut readers = Vec::new();
            for part in modules.chunks(share) {
                readers
                    .push(scope.spawn(move || part.iter().map(|module| self.exports_of(module)).collect::<Vec<_>>()));
            }
            let exports = readers.into_iter().flat_map(|reader| reader.join().unwrap_or_default());
            modules.iter().map(|module| module.name.clone()).zip(exports).collect()
        })
    }

    fn exports_of(&self, module: &TreeModule) -> Vec<ExportedSymbol> {
        let exports = |image: &Image| image.as_announced().map(|elf| elf.exports().to_vec()).unwrap_or_default();
        self.image(&module.path, Extent::Parts).and_then(|image| image.ask(exports)).unwrap_or_default()
    }

    /// The module of a name, which is folded first.
    pub fn module(&self, name: &str) -> Option<&TreeModule> {
        self.modules.get(&ModuleName::new(name))
    }
}

/// What a module of the tree says of the kernel that it was built with.
#[derive(Clone, Debug)]
pub(super) struct OwnModule {
    pub this_module_size: u64,
    pub vermagic: String,
    /// The version of `module_layout` that it was built with.
    pub module_layout: Option<u64>,
}

impl OwnModule {
    /// Reads the first module under `kernel/`. Only those are sure to be the kernel's own.
    pub(super) fn read(tree: &ModuleTree) -> Option<Self> {
        let mut modules = tree.modules().filter(|module| tree.inside(module).starts_with("kernel"));
        let image = modules.find_map(|module| tree.image(&module.path, Extent::Parts).ok())?;
        image.ask(Self::of).ok()?
    }

    /// The layout of `struct module` in the kernel's own modules. The first ones that have no init or no exit function do not
    /// show all of it.
    pub(super) fn struct_module(tree: &ModuleTree) -> Option<StructModule> {
        const MOST: usize = 64;
        let modules = tree.modules().filter(|module| tree.inside(module).starts_with("kernel")).take(MOST);
        let mut layout = StructModule::default();
        for module in modules {
            let Ok(image) = tree.image(&module.path, Extent::Parts) else { continue };
            let Some(shown) = image.ask(Self::shows).ok().flatten() else { continue };
            layout.init = layout.init.or(shown.init);
            layout.exit = layout.exit.or(shown.exit);
            if layout.init.is_some() && layout.exit.is_some() {
                return Some(layout);
            }
        }
        (layout != StructModule::default()).then_some(layout)
    }

    fn shows(image: &Image) -> Option<StructModule> {
        let elf = image.as_announced()?;
        Some(StructModule::of_module(&elf, elf.find_sec(".gnu.linkonce.this_module")?))
    }

    fn of(image: &Image) -> Option<Self> {
        let elf = image.as_announced()?;
        let this_module_size = elf.find_sec(".gnu.linkonce.this_module")?.size;
        let module_layout = elf.symbol_versions().and_then(|versions| versions.get("module_layout"));
        Some(Self { this_module_size, vermagic: elf.modinfo().get("vermagic")?.to_owned(), module_layout })
    }
}
