//! A module tree, `/lib/modules/RELEASE`, in a directory or in packages.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, ScopedJoinHandle};

use super::error::{Error, ErrorKind};
use super::package::PackageStore;
use super::precedence::Precedence;
use super::struct_module::StructModule;
use super::tree_module::{Contest, ShadowedModule, TreeModule, UnreadFile};
use super::tree_walk::{Found, WalkFault, walk};
use crate::image::{
    Extent, Fault, Image, Known, THIS_MODULE, TOO_MANY_EXPORTS, exists, is_dir, is_file, open_regular,
    read_regular_text, why_unread_unless_absent,
};
use crate::terms::{Budget, Claim, CountedBytes, Crc, ExportedSymbol, ModuleName};

/// What a module exports, or why that could not be read.
type ReadExports = (ModuleName, Result<CountedExports, UnreadFile>);
/// Exports, with their part of the budget.
type CountedExports = (Vec<ExportedSymbol>, Claim);

/// The modules under a directory or in packages, by name. Listing a tree does not open its files; methods that do say so.
#[derive(Debug, Default)]
pub struct ModuleTree {
    /// The directories, in the order they were added.
    roots: Vec<PathBuf>,
    /// The packages that modules are read from. The path of such a module begins with the path of its package.
    packages: Vec<PackageStore>,
    modules: BTreeMap<ModuleName, TreeModule>,
    shadowed: Vec<ShadowedModule>,
    /// Why it is not certain which file of a name counts, for the names of which it is not.
    open: BTreeMap<ModuleName, String>,
    contests: OnceLock<Vec<Arc<Contest>>>,
    /// The first files of the contests.
    contested: OnceLock<HashSet<PathBuf>>,
    /// What could not be listed.
    unread: Vec<UnreadFile>,
    /// What depmod prints about while it lists the tree.
    faults: Vec<WalkFault>,
    exports: OnceLock<Vec<ReadExports>>,
    exporters: OnceLock<HashMap<String, ModuleName>>,
    /// The shadowed files that export each symbol, by their place in `shadowed`.
    shadowed_exporters: OnceLock<HashMap<String, usize>>,
    not_installed: OnceLock<Vec<String>>,
    /// What the contents of its files are counted in.
    budget: Budget,
}

/// The file in a tree that lists the kernel's modules in the order of its build.
const ORDER: &str = "modules.order";

/// The other lists of a tree that depmod and modprobe read, and what cannot be told without them.
const INDEXES: [(&str, &str); 6] = [
    (ORDER, "it tells which of the kernel's modules are not installed"),
    ("modules.dep.bin", "modprobe finds modules, and the modules that they need, in it"),
    ("modules.alias.bin", "modprobe finds modules by other names in it"),
    ("modules.softdep", "modprobe loads what it names before and after a module"),
    ("modules.weakdep", "it names what modules may ask for later"),
    ("modules.builtin.bin", "modprobe takes what it names for loaded"),
];

/// The folded name of the module in a file; see [`ModuleName::of_file`].
pub fn module_name_of(path: &Path) -> Option<String> {
    ModuleName::of_file(path).map(String::from)
}

impl ModuleTree {
    /// Lists the modules under `root`. Links are followed, unless they lead back. Folders that cannot be listed and links that
    /// lead nowhere are in [`ModuleTree::unread`].
    ///
    /// Of several files with one module name the one counts that depmod chooses: by its configuration in the file system that
    /// the tree lies in, else `updates/` before all others. Where that does not tell, the one counts that `modules.dep` lists.
    /// Otherwise it is not certain which one counts ([`ModuleTree::contests`]): `extra/` is listed before all others,
    /// `weak-updates/` last; among equals the first in order of path.
    ///
    /// `root` may also be a package or another archive, whose modules are then listed.
    ///
    /// # Errors
    /// If `root` cannot be read, or is a file that is no package.
    pub fn open(root: &Path) -> Result<Self, Error> {
        Self::open_within(root, &Budget::default())
    }

    /// Lists the modules under `root` as [`ModuleTree::open`] does. Files that are read later are counted in a budget that is
    /// shared with others.
    ///
    /// # Errors
    /// As [`ModuleTree::open`].
    pub fn open_within(root: &Path, budget: &Budget) -> Result<Self, Error> {
        if is_file(root) {
            return Self::of_package(root, budget);
        }
        let Found { modules, unread, faults } = walk(root).map_err(|source| Error::new(root, ErrorKind::Io(source)))?;
        Ok(Self { unread, faults, budget: budget.clone(), ..Self::of_files(root, modules) })
    }

    /// A tree without modules.
    pub(super) fn within(budget: &Budget) -> Self {
        Self { budget: budget.clone(), ..Self::default() }
    }

    /// Lists the modules in a package.
    fn of_package(package: &Path, budget: &Budget) -> Result<Self, Error> {
        let store = PackageStore::open(package, budget, |inside| ModuleName::of_file(Path::new(inside)).is_some())?;
        let module = |inside: &str| {
            let name = ModuleName::of_file(Path::new(inside))?;
            Some(TreeModule { name, path: package.join(inside), size: 0 })
        };
        let files = store.paths().filter_map(module).collect();
        Ok(Self { packages: vec![store], budget: budget.clone(), ..Self::of_files(package, files) })
    }

    /// Chooses among files with one module name.
    fn of_files(root: &Path, mut files: Vec<TreeModule>) -> Self {
        files.sort_unstable_by(|one, other| one.name.cmp(&other.name).then_with(|| one.path.cmp(&other.path)));
        let mut shadowed = Vec::new();
        let mut open = BTreeMap::new();
        for files in files.chunk_by_mut(|one, other| one.name == other.name).filter(|files| files.len() > 1) {
            let Some(first) = files.first() else { continue };
            let not_known = Precedence::of(root, &first.path).sort(files);
            let [first, others @ ..] = &*files else { continue };
            let (may_count, why) = not_known.map_or((1, None), |(may_count, why)| (may_count, Some(why)));
            let certain = |place| place + 1 >= may_count;
            shadowed.extend(
                others
                    .iter()
                    .enumerate()
                    .map(|(place, file)| ShadowedModule { file: file.clone(), is_certain: certain(place) }),
            );
            open.extend(why.map(|why| (first.name.clone(), why)));
        }
        files.dedup_by(|other, first| other.name == first.name);
        let modules = files.into_iter().map(|module| (module.name.clone(), module)).collect();
        Self { roots: vec![root.to_owned()], modules, shadowed, open, ..Self::default() }
    }

    /// Adds a module. If one of its name was added before, it is not known which one counts.
    fn add(&mut self, module: TreeModule) {
        if self.modules.contains_key(&module.name) {
            let why = "the packages do not tell in which order depmod searches their folders";
            self.open.insert(module.name.clone(), why.to_owned());
            self.shadowed.push(ShadowedModule { file: module, is_certain: false });
        } else {
            self.modules.insert(module.name.clone(), module);
        }
    }

    /// The files of one module name of which it is not certain which one counts: an entry for each such name.
    ///
    /// Reads these files on first use.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn contests(&self) -> &[Arc<Contest>] {
        self.contests.get_or_init(|| {
            let mut others: HashMap<_, Vec<_>> = HashMap::new();
            for shadowed in self.shadowed.iter().filter(|shadowed| !shadowed.is_certain) {
                others.entry(&shadowed.file.name).or_default().push(&shadowed.file);
            }
            let contest = |(name, why): (&ModuleName, &String)| {
                let others = others.get(name).into_iter().flatten().copied();
                let files: Vec<_> = self.modules.get(name).into_iter().chain(others).collect();
                let exports = files.iter().map(|file| match self.exports_of(file).map(|(exports, _)| exports) {
                    // The kernel refuses a damaged file, whatever it would export.
                    Err(unread) if unread.is_damaged => Some(Vec::new()),
                    exports => exports.ok(),
                });
                let exports = exports.collect::<Option<Vec<_>>>();
                let names =
                    |all: Vec<Vec<ExportedSymbol>>| all.into_iter().flatten().map(|export| export.name).collect();
                let files = files.into_iter().map(|file| file.path.clone()).collect();
                Arc::new(Contest { files, why: why.clone(), exports: exports.map(names) })
            };
            self.open.iter().map(contest).collect()
        })
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

    /// The packages that modules are read from.
    pub(super) fn packages(&self) -> &[PackageStore] {
        &self.packages
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
        match member(&self.packages, path) {
            Some((store, inside)) => Image::from_member(path, move || store.get(&inside)),
            None => Image::open_for(path, Known::Nothing, extent, &self.budget),
        }
    }

    /// The modules in order of name.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = &TreeModule> {
        self.modules.values()
    }

    /// All module files, also those that modprobe does not find.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn files(&self) -> impl Iterator<Item = &TreeModule> {
        self.modules().chain(self.shadowed.iter().map(|shadowed| &shadowed.file))
    }

    /// The module files that modprobe does not find, each with the module that takes precedence.
    pub fn shadowed(&self) -> impl Iterator<Item = (&ShadowedModule, &TreeModule)> {
        self.shadowed.iter().filter_map(|module| Some((module, self.modules.get(&module.file.name)?)))
    }

    /// The folders that could not be listed, and the links that lead nowhere.
    pub fn unlisted(&self) -> &[UnreadFile] {
        &self.unread
    }

    /// What depmod prints about while it lists the tree, in no order.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn walk_faults(&self) -> &[WalkFault] {
        &self.faults
    }

    /// What of the tree could not be read: what could not be listed, and, once the exports of the modules were asked for, the
    /// modules whose exports could not be read.
    pub fn unread(&self) -> Vec<UnreadFile> {
        let read = self.exports.get().into_iter().flatten();
        let failed = read.filter_map(|(_, exports)| exports.as_ref().err().cloned());
        self.unread.iter().cloned().chain(failed).collect()
    }

    /// Returns whether the exports of the modules were asked for.
    pub(crate) fn has_read_exports(&self) -> bool {
        self.exports.get().is_some()
    }

    /// Returns whether a file is the first of those of one module name of which it is not certain which one counts.
    pub(crate) fn is_contested(&self, file: &Path) -> bool {
        let firsts = || self.contests().iter().filter_map(|contest| contest.files.first().cloned()).collect();
        self.contested.get_or_init(firsts).contains(file)
    }

    /// The module of the tree that exports `symbol`.
    ///
    /// Reads every module of the tree on first use. What a module exports that cannot be read is not known: see
    /// [`ModuleTree::unread`].
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
    /// Reads every module of the tree on first use. Modules that cannot be read are left out: see [`ModuleTree::unread`].
    pub(super) fn exports(&self) -> impl Iterator<Item = (&TreeModule, &[ExportedSymbol])> {
        let exports = self.exports.get_or_init(|| self.read_exports());
        exports
            .iter()
            .filter_map(|(name, exports)| Some((self.modules.get(name)?, exports.as_ref().ok()?.0.as_slice())))
    }

    /// The name and version of every export of the tree.
    pub(crate) fn exported(&self) -> impl Iterator<Item = (&str, Option<Crc>)> {
        self.exports().flat_map(|(_, exports)| exports).map(|export| (export.name.as_str(), export.crc))
    }

    fn read_exports(&self) -> Vec<ReadExports> {
        let modules: Vec<_> = self.modules.values().collect();
        // Not on rayon's threads: a rayon thread that waits here may run another job meanwhile, and if that job calls this
        // function, the thread waits for itself.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = modules.len().div_ceil(threads).max(1);
        let read = |part: &[&TreeModule]| {
            part.iter().map(|module| (module.name.clone(), self.exports_of(module))).collect::<Vec<_>>()
        };
        std::thread::scope(|scope| {
            let parts = modules.chunks(share);
            let readers: Vec<_> =
                parts.map(|part| Builder::new().spawn_scoped(scope, move || read(part)).map_err(|_| part)).collect();
            let joined = readers.into_iter().flat_map(|reader| match reader.map(ScopedJoinHandle::join) {
                Ok(Ok(exports)) => exports,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // There is no further thread to be had.
                Err(part) => read(part),
            });
            joined.collect()
        })
    }

    /// The exports of a module, or why they cannot be read.
    fn exports_of(&self, module: &TreeModule) -> Result<CountedExports, UnreadFile> {
        let unread = |why: String| UnreadFile::new(&module.path, why);
        let image = match self.image(&module.path, Extent::Parts) {
            Ok(image) => image,
            Err(error) => Image::faulty(&error, &self.budget, || in_package(&self.packages, &module.path)),
        };
        if let Some(Fault::Unread(why)) = image.fault() {
            return Err(unread(why.clone()));
        }
        let exports = image.ask(announced_exports).map_err(|error| unread(error.kind.to_string()))?;
        let exports = exports.map_err(|why| UnreadFile::damaged(&module.path, why))?;
        if image.as_announced().is_some_and(|elf| elf.exports_too_many()) {
            return Err(unread(TOO_MANY_EXPORTS.to_owned()));
        }
        let kept = image.claim_exports(&exports).map_err(|error| unread(error.kind.to_string()))?;
        Ok((exports, kept))
    }

    /// The file that exports a symbol, but that another file takes precedence over, and that other file.
    ///
    /// Reads all such files on first use; one that cannot be read exports nothing here.
    pub(crate) fn shadowed_exporter(&self, symbol: &str) -> Option<(&Path, &Path)> {
        let exporters = self.shadowed_exporters.get_or_init(|| {
            let mut exporters = HashMap::new();
            for (place, shadowed) in self.shadowed.iter().enumerate() {
                for export in self.exports_of(&shadowed.file).into_iter().flat_map(|(exports, _)| exports) {
                    exporters.entry(export.name).or_insert(place);
                }
            }
            exporters
        });
        let shadowed = &self.shadowed.get(*exporters.get(symbol)?)?.file;
        Some((&shadowed.path, &self.modules.get(&shadowed.name)?.path))
    }

    /// The files that `modules.order` lists and the tree does not have: modules of the kernel that are not installed.
    ///
    /// Reads that file on first use; none if it cannot be read, see [`ModuleTree::index_faults`].
    pub(crate) fn not_installed(&self) -> &[String] {
        self.not_installed.get_or_init(|| {
            let in_folders = self.roots.iter().filter_map(|root| read_regular_text(&root.join(ORDER)).ok());
            let in_packages = self.packages.iter().flat_map(|store| {
                let paths = store.paths().filter(|path| path.ends_with(&format!("/{ORDER}")));
                paths.filter_map(|path| Some(String::from_utf8_lossy(&store.get(path).ok()?).into_owned()))
            });
            let is_absent = |line: &&str| {
                ModuleName::of_file(Path::new(line)).is_some_and(|name| !self.modules.contains_key(&name))
            };
            let listed = in_folders.chain(in_packages);
            listed.flat_map(|text| text.lines().filter(is_absent).map(str::to_owned).collect::<Vec<_>>()).collect()
        })
    }

    /// What is wrong with the lists of the tree: they cannot be read, or `modules.dep` does not list the modules of the tree.
    ///
    /// Reads these files.
    pub(super) fn index_faults(&self) -> Vec<UnreadFile> {
        let read = self.roots.first().filter(|root| is_dir(root)).into_iter().flat_map(|root| {
            INDEXES.iter().filter_map(|(name, use_of)| {
                let path = root.join(name);
                let error = if *name == ORDER { read_regular_text(&path).err() } else { open_regular(&path).err() };
                let why = why_unread_unless_absent(&path, &error?)?;
                Some(UnreadFile::new(&path, format!("{why}; {use_of}")))
            })
        });
        self.dep_fault().into_iter().chain(read).collect()
    }

    fn dep_fault(&self) -> Option<UnreadFile> {
        let root = self.roots.first()?;
        let path = root.join("modules.dep");
        let text = match read_regular_text(&path) {
            Ok(text) => text,
            Err(_) if !is_dir(root) => return None,
            Err(error) => return Some(UnreadFile::new(&path, why_unread_unless_absent(&path, &error)?)),
        };
        let listed: HashSet<&str> = text.lines().filter_map(|line| Some(line.split_once(':')?.0)).collect();
        let here: HashSet<&str> = self.modules().filter_map(|module| self.inside(module).to_str()).collect();
        let gone: Vec<_> = listed.iter().filter(|file| !here.contains(*file) && !exists(&root.join(file))).collect();
        if let Some(first) = gone.iter().min() {
            let why = format!("it lists {} that the tree does not have, such as {first}", count(gone.len()));
            return Some(UnreadFile::new(&path, why));
        }
        let new: Vec<_> = here.iter().filter(|file| !listed.contains(*file)).collect();
        let first = new.iter().min()?;
        let why =
            format!("it does not list {} of the tree, such as {first}, which modprobe does not find", count(new.len()));
        Some(UnreadFile::new(&path, why))
    }

    /// The module of a name, which is folded first.
    pub fn module(&self, name: &str) -> Option<&TreeModule> {
        self.modules.get(&ModuleName::new(name))
    }
}

fn count(files: usize) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

/// The package among these that a module file lies in, and its path there; `None` if its path lies in none.
pub(super) fn member(packages: &[PackageStore], path: &Path) -> Option<(PackageStore, String)> {
    let (store, inside) = packages.iter().find_map(|store| Some((store, path.strip_prefix(store.package()).ok()?)))?;
    Some((store.clone(), inside.to_str()?.to_owned()))
}

/// The bytes of a module file in one of these packages; `None` if its path lies in none.
pub(super) fn in_package(packages: &[PackageStore], path: &Path) -> Result<Option<CountedBytes>, crate::image::Error> {
    let Some((store, inside)) = member(packages, path) else { return Ok(None) };
    let contents = store.get(&inside).map(Some);
    contents.map_err(|source| crate::image::Error { path: path.to_owned(), kind: crate::image::ErrorKind::Io(source) })
}

/// The exports of an image, or why they cannot be told.
fn announced_exports(image: &Image) -> Result<Vec<ExportedSymbol>, String> {
    match image.damage() {
        Some(damage) => Err(damage.to_owned()),
        None => Ok(image.as_announced().map(|elf| elf.exports().to_vec()).unwrap_or_default()),
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
            layout.name = layout.name.or(shown.name);
            if layout.init.is_some() && layout.exit.is_some() {
                return Some(layout);
            }
        }
        (layout != StructModule::default()).then_some(layout)
    }

    fn shows(image: &Image) -> Option<StructModule> {
        let elf = image.as_announced()?;
        Some(StructModule::of_module(&elf, elf.find_sec(THIS_MODULE)?))
    }

    fn of(image: &Image) -> Option<Self> {
        let elf = image.as_announced()?;
        let this_module_size = elf.find_sec(THIS_MODULE)?.size;
        let module_layout = elf.symbol_versions().and_then(|versions| versions.get("module_layout"));
        Some(Self { this_module_size, vermagic: elf.modinfo().get("vermagic")?.to_owned(), module_layout })
    }
}
