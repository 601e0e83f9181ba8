//! An installed module tree: `/lib/modules/RELEASE`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::package::PackageStore;
use super::{Error, ErrorKind};
use crate::image::Image;
use crate::terms::ExportedSymbol;

/// How deep a tree is walked; real ones are some ten directories deep.
const MAX_DEPTH: usize = 32;

/// One module file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeModule {
    /// Its name, with `_` for `-`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

/// The modules under a directory, by name. The files themselves are opened only when asked for.
#[derive(Debug, Default)]
pub struct ModuleTree {
    /// The directories, the first of which was named first.
    roots: Vec<PathBuf>,
    /// Packages that some of the modules are read out of: their paths begin with the package's.
    packages: Vec<PackageStore>,
    modules: BTreeMap<String, TreeModule>,
    exports: OnceLock<Vec<(String, Vec<ExportedSymbol>)>>,
    exporters: OnceLock<HashMap<String, String>>,
}

/// The module name a file name stands for: without `.ko` and compression, with `_` for `-`.
pub fn module_name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let stem = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"].iter().find_map(|end| file.strip_suffix(end))?;
    Some(stem.replace('-', "_"))
}

impl ModuleTree {
    /// Lists the modules under `root`. Links are not followed; of two files with the same name the first in order of
    /// path counts.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let mut modules = BTreeMap::new();
        let mut open = vec![(root.to_owned(), 0)];
        while let Some((folder, depth)) = open.pop() {
            let io = |source| Error::new(&folder, ErrorKind::Io(source));
            let mut entries: Vec<_> = std::fs::read_dir(&folder).map_err(io)?.collect::<Result<_, _>>().map_err(io)?;
            entries.sort_by_key(std::fs::DirEntry::path);
            for entry in entries {
                let (kind, path) = (entry.file_type().map_err(io)?, entry.path());
                if kind.is_dir() && depth < MAX_DEPTH {
                    open.push((path, depth + 1));
                } else if kind.is_file()
                    && let Some(name) = module_name_of(&path)
                {
                    modules.entry(name.clone()).or_insert(TreeModule { name, path });
                }
            }
        }
        Ok(Self { roots: vec![root.to_owned()], modules, ..Self::default() })
    }

    /// Adds the modules in a folder of a package.
    pub(super) fn add_package(&mut self, store: PackageStore, folder: &str) {
        for inside in store.under(&format!("{folder}/")) {
            if let Some(name) = module_name_of(Path::new(inside)) {
                let path = store.package().join(inside);
                self.modules.entry(name.clone()).or_insert(TreeModule { name, path });
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
    pub(super) fn image(&self, path: &Path) -> Result<Image, crate::image::Error> {
        let package = self.packages.iter().find_map(|store| Some((store, path.strip_prefix(store.package()).ok()?)));
        let Some((store, inside)) = package.and_then(|(store, inside)| Some((store, inside.to_str()?))) else {
            return Image::open(path);
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

    /// The module that exports `symbol`, out of the files themselves. The first question reads every module of the tree.
    pub fn exporter(&self, symbol: &str) -> Option<String> {
        self.exporters.get_or_init(|| self.read_exporters()).get(symbol).cloned()
    }

    fn read_exporters(&self) -> HashMap<String, String> {
        let of_module = |(module, exports): (&TreeModule, &[ExportedSymbol])| {
            let owner = module.name.clone();
            exports.iter().map(|export| (export.name.clone(), owner.clone())).collect::<Vec<_>>()
        };
        self.exports().flat_map(of_module).collect()
    }

    /// What each module exports, in order of name. The first question reads every module of the tree; one that cannot be read
    /// exports nothing.
    pub(super) fn exports(&self) -> impl Iterator<Item = (&TreeModule, &[ExportedSymbol])> {
        let exports = self.exports.get_or_init(|| self.read_exports());
        exports.iter().filter_map(|(name, exports)| Some((self.modules.get(name)?, exports.as_slice())))
    }

    fn read_exports(&self) -> Vec<(String, Vec<ExportedSymbol>)> {
        let modules: Vec<_> = self.modules.values().collect();
        let exports = |module: &&'_ TreeModule| {
            let elf = self.image(&module.path).ok().and_then(|image| image.as_announced());
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
        self.modules.get(&name.replace('-', "_"))
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
        let image = modules.find_map(|module| tree.image(&module.path).ok())?;
        let elf = image.as_announced()?;
        let this_module_size = elf.find_sec(".gnu.linkonce.this_module")?.size;
        let module_layout = elf.symbol_versions().and_then(|versions| versions.get("module_layout"));
        Some(Self { this_module_size, vermagic: elf.modinfo().get("vermagic")?.to_owned(), module_layout })
    }
}
