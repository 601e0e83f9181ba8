//! An installed module tree: `/lib/modules/RELEASE`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rayon::prelude::*;

use super::error::{Error, ErrorKind};
use super::package::PackageStore;
use crate::image::{Extent, Image};
use crate::terms::{ExportedSymbol, ModuleName};

/// How deep a tree is walked; real ones are some ten directories deep.
const MAX_DEPTH: usize = 32;

/// One module file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeModule {
    /// Its name.
    pub name: ModuleName,
    /// The file.
    pub path: PathBuf,
    /// How many bytes it had when the tree was listed; 0 in a package.
    pub size: u64,
}

/// The modules under a directory, by name. The files themselves are opened only when asked for.
#[derive(Debug, Default)]
pub struct ModuleTree {
    /// The directories, the first of which was named first.
    roots: Vec<PathBuf>,
    /// Packages that some of the modules are read out of: their paths begin with the package's.
    packages: Vec<PackageStore>,
    modules: BTreeMap<ModuleName, TreeModule>,
    /// Files that stand back behind one of the same name.
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
    let (mut files, mut folders) = (Vec::new(), Vec::new());
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

/// Where depmod looks first: `search updates extra built-in weak-updates`, which distributions configure wholly or in part.
fn place_of_search(inside: &Path) -> usize {
    match inside.iter().next().and_then(std::ffi::OsStr::to_str) {
        Some("updates") => 0,
        Some("extra") => 1,
        Some("weak-updates") => 3,
        _ => 2,
    }
}

impl ModuleTree {
    /// Lists the modules under `root`. Links are not followed. Of several files with the same name the one counts that depmod
    /// takes where distributions configure it: of `updates/` before `extra/` before all others, `weak-updates/` last; among
    /// equals the first in order of path.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
        for depth in 0..=MAX_DEPTH {
            let listed: Vec<_> = folders.par_iter().map(|folder| list(folder)).collect::<Result<_, _>>()?;
            folders = Vec::new();
            for (more_files, more_folders) in listed {
                files.extend(more_files);
                folders.extend(more_folders.into_iter().filter(|_| depth < MAX_DEPTH));
            }
        }
        let place = |path: &Path| path.strip_prefix(root).map_or(2, place_of_search);
        let by_place = |one: &TreeModule, other: &TreeModule| {
            let paths = || one.path.as_os_str().cmp(other.path.as_os_str());
            place(&one.path).cmp(&place(&other.path)).then_with(paths)
        };
        files.sort_unstable_by(|one, other| one.name.cmp(&other.name).then_with(|| by_place(one, other)));
        let mut shadowed = Vec::new();
        files.dedup_by(|later, first| {
            let is_shadowed = later.name == first.name;
            if is_shadowed {
                shadowed.push(later.clone());
            }
            is_shadowed
        });
        shadowed.sort_unstable_by(by_place);
        let modules = files.into_iter().map(|module| (module.name.clone(), module)).collect();
        Ok(Self { roots: vec![root.to_owned()], modules, shadowed, ..Self::default() })
    }

    /// Adds a module, behind those of its name that are there.
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

    /// The directory; of several, the first.
    pub fn root(&self) -> &Path {
        self.roots.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// The path of a module within the tree.
    pub(super) fn inside<'a>(&self, module: &'a TreeModule) -> &'a Path {
        self.roots.iter().find_map(|root| module.path.strip_prefix(root).ok()).unwrap_or(&module.path)
    }

    /// Opens a module file, out of its package if it is in one.
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

    /// Files that modprobe does not find, each behind the module that counts instead.
    pub fn shadowed(&self) -> impl Iterator<Item = (&TreeModule, &TreeModule)> {
        self.shadowed.iter().filter_map(|module| Some((module, self.modules.get(&module.name)?)))
    }

    /// The module that exports `symbol`, out of the files themselves. The first question reads every module of the tree.
    pub fn exporter(&self, symbol: &str) -> Option<ModuleName> {
        self.exporters.get_or_init(|| self.read_exporters()).get(symbol).cloned()
    }

    fn read_exporters(&self) -> HashMap<String, ModuleName> {
        let of_module = |(module, exports): (&TreeModule, &[ExportedSymbol])| {
            let exporter = module.name.clone();
            exports.iter().map(|export| (export.name.clone(), exporter.clone())).collect::<Vec<_>>()
        };
        self.exports().flat_map(of_module).collect()
    }

    /// What each module exports, in order of name. The first question reads every module of the tree; one that cannot be read
    /// exports nothing.
    pub(super) fn exports(&self) -> impl Iterator<Item = (&TreeModule, &[ExportedSymbol])> {
        let exports = self.exports.get_or_init(|| self.read_exports());
        exports.iter().filter_map(|(name, exports)| Some((self.modules.get(name)?, exports.as_slice())))
    }

    fn read_exports(&self) -> Vec<(ModuleName, Vec<ExportedSymbol>)> {
        let modules: Vec<_> = self.modules.values().collect();
        let exports = |module: &&'_ TreeModule| {
            let elf = self.image(&module.path, Extent::Parts).ok().and_then(|image| image.as_announced());
            elf.map(|elf| elf.exports().to_vec()).unwrap_or_default()
        };
        // Not on rayon's threads: one of those that waited for the others here could be handed a job that asks the same
        // question, and would wait for itself.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = modules.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let read = |part: &[&TreeModule]| part.iter().map(exports).collect::<Vec<_>>();
            let readers: Vec<_> = modules.chunks(share).map(|part| scope.spawn(move || read(part))).collect();
            let exports = readers.into_iter().flat_map(|reader| reader.join().unwrap_or_default());
            modules.iter().map(|module| module.name.clone()).zip(exports).collect()
        })
    }

    /// The module of that name, `-` and `_` being the same.
    pub fn module(&self, name: &str) -> Option<&TreeModule> {
        self.modules.get(&ModuleName::new(name))
    }
}

/// What one module of a tree tells of the kernel it was built with.
#[derive(Clone, Debug)]
pub(super) struct OwnModule {
    pub this_module_size: u64,
    pub vermagic: String,
    /// The version of `module_layout` it wants.
    pub module_layout: Option<u64>,
}

impl OwnModule {
    /// Reads the first module under `kernel/`: those are the kernel's own, others may be anybody's.
    pub(super) fn read(tree: &ModuleTree) -> Option<Self> {
        let mut modules = tree.modules().filter(|module| tree.inside(module).starts_with("kernel"));
        let image = modules.find_map(|module| tree.image(&module.path, Extent::Parts).ok())?;
        let elf = image.as_announced()?;
        let this_module_size = elf.find_sec(".gnu.linkonce.this_module")?.size;
        let module_layout = elf.symbol_versions().and_then(|versions| versions.get("module_layout"));
        Some(Self { this_module_size, vermagic: elf.modinfo().get("vermagic")?.to_owned(), module_layout })
    }
}
