//! Finds the objects to audit, by path.

use std::path::{Path, PathBuf};

use crate::image::{Image, is_dir};
use crate::kernel::{ErrorKind, Kernel, ModuleTree, UnreadFile, is_object, is_package, objects_below, package_around};
use crate::terms::{Budget, ModuleName, Shown};

/// Why an object cannot be audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// A kernel, a package or a module tree cannot be read.
    #[error("{0}")]
    Kernel(#[from] crate::kernel::Error),
    /// A module cannot be read.
    #[error("{0}")]
    Module(#[from] crate::image::Error),
    /// A path that holds no code.
    #[error("{}: nothing here to audit: expected modules (.ko), objects (.o), a kernel image or a package with these", Shown::path(.0))]
    NoCode(PathBuf),
    /// A kernel whose symbols do not tell where its code lies.
    #[error("{}: its symbols do not tell where its code lies", Shown::path(.0))]
    NoSymbols(PathBuf),
    /// A kernel image whose exports cannot be found.
    #[error("{}: {}", Shown::path(path), Shown(why))]
    NoExports {
        /// The image.
        path: PathBuf,
        /// Why they cannot be found.
        why: String,
    },
}

/// A module file, or an object that will be linked into a module.
#[derive(Debug)]
pub(super) struct ModuleFile {
    pub path: PathBuf,
    /// The kernel whose tree or package holds it, by its place in [`Objects::kernels`]; `None` for a plain file.
    pub kernel: Option<usize>,
    /// Whether it was named itself, rather than found in a named folder.
    pub named: bool,
    /// Why it could not be listed.
    pub unread: Option<String>,
}

/// The objects to audit.
#[derive(Debug, Default)]
pub struct Objects {
    /// Kernels, and readers of packages without one. Only those with a boot image have code to audit.
    pub(super) kernels: Vec<Kernel>,
    pub(super) modules: Vec<ModuleFile>,
    budget: Budget,
}

impl Objects {
    /// How many times an audit reads a module: each one twice, for its exports and for its code.
    pub const fn readings(&self) -> usize {
        2 * self.modules.len()
    }

    /// What the contents of all files are counted in.
    pub(super) const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Opens a module.
    pub(super) fn open(&self, file: &ModuleFile) -> Result<Image, crate::image::Error> {
        match file.kernel.and_then(|kernel| self.kernels.get(kernel)) {
            Some(kernel) => kernel.open_module(&file.path),
            None => Image::open_within(&file.path, &self.budget),
        }
    }
}

/// Finds the objects to audit at each path: modules and objects, folders of them, kernel images, packages, installed
/// releases.
///
/// # Errors
/// When a path does not exist, cannot be read, or holds no code.
pub fn open_objects(paths: &[PathBuf]) -> Result<Objects, AuditError> {
    open_objects_within(paths, &Budget::default())
}

/// Finds the objects to audit as [`open_objects`] does. All files are counted in a budget that is shared with others.
///
/// # Errors
/// As [`open_objects`].
pub fn open_objects_within(paths: &[PathBuf], budget: &Budget) -> Result<Objects, AuditError> {
    let mut objects = Objects { budget: budget.clone(), ..Objects::default() };
    for path in paths {
        let before = objects.modules.len();
        let kernels = objects.kernels.len();
        if is_dir(path) && !is_release_folder(path) {
            let modules = ModuleTree::open_within(path, budget)?;
            objects.modules.extend(modules.modules().map(|module| of_folder(module.path.clone())));
            let has_modules = objects.modules.len() > before;
            objects.add_unlisted(modules.unlisted(), None);
            if !has_modules {
                let (found, unread) = objects_below(path)?;
                objects.modules.extend(found.into_iter().map(of_folder));
                objects.add_unlisted(&unread, None);
            }
        } else if let Some(package) = package_around(path) {
            objects.add_package(package, |module| module == path)?;
        } else if is_module(path) && !path.is_dir() {
            objects.modules.push(ModuleFile { path: path.clone(), kernel: None, named: true, unread: None });
        }
        if objects.modules.len() == before {
            objects.add_kernel(path)?;
        }
        if objects.modules.len() == before && objects.kernels.len() == kernels && is_package(path) {
            objects.add_package(path, |_| true)?;
        }
        if objects.modules.len() == before && objects.kernels.len() == kernels {
            return Err(AuditError::NoCode(path.clone()));
        }
    }
    objects.modules.sort_by(|one, other| one.path.cmp(&other.path));
    objects.modules.dedup_by(|one, other| one.path == other.path);
    Ok(objects)
}

impl Objects {
    /// Adds folders that could not be listed, and links that lead nowhere. The audit reports them as not read.
    fn add_unlisted(&mut self, unlisted: &[UnreadFile], kernel: Option<usize>) {
        self.modules.extend(unlisted.iter().map(|file| {
            let (path, unread) = (file.path.clone(), Some(file.why.clone()));
            ModuleFile { path, kernel, named: false, unread }
        }));
    }

    /// Adds those modules of a package whose paths are wanted, without a kernel that may be in it.
    fn add_package(&mut self, package: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<(), AuditError> {
        let tree = ModuleTree::open_within(package, &self.budget)?;
        let mut reader = Kernel::within(&self.budget);
        reader.read_also_from(&tree);
        let before = self.modules.len();
        let kernel = Some(self.kernels.len());
        let wanted = tree.files().filter(|module| is_wanted(&module.path)).map(|module| module.path.clone());
        self.modules.extend(wanted.map(|path| ModuleFile { path, kernel, named: false, unread: None }));
        if self.modules.len() > before {
            self.kernels.push(reader);
        }
        Ok(())
    }

    /// Adds the kernel at a path with its modules, if there is one with any code.
    fn add_kernel(&mut self, path: &Path) -> Result<(), AuditError> {
        let mut kernel = Kernel::within(&self.budget);
        match kernel.add(path) {
            Err(error) if matches!(error.kind, ErrorKind::NothingFound) => return Ok(()),
            added => added?,
        }
        let index = self.kernels.len();
        let before = self.modules.len();
        for module in kernel.tree().into_iter().flat_map(ModuleTree::modules) {
            self.modules.push(ModuleFile {
                path: module.path.clone(),
                kernel: Some(index),
                named: false,
                unread: None,
            });
        }
        if let Some(tree) = kernel.tree() {
            self.add_unlisted(tree.unlisted(), Some(index));
        }
        if self.modules.len() > before || kernel.boot_image().is_some() {
            self.kernels.push(kernel);
        }
        Ok(())
    }
}

fn of_folder(path: PathBuf) -> ModuleFile {
    ModuleFile { path, kernel: None, named: false, unread: None }
}

/// Returns whether a path is `/lib/modules/RELEASE`, whose kernel image lies elsewhere.
fn is_release_folder(path: &Path) -> bool {
    path.parent().is_some_and(|parent| parent.ends_with("lib/modules"))
}

fn is_module(path: &Path) -> bool {
    ModuleName::of_file(path).is_some() || is_object(path)
}
