//! What is to be audited, found by path.

use std::path::{Path, PathBuf};

use crate::image::Image;
use crate::kernel::{ErrorKind, Kernel, ModuleTree, is_object, objects_below};
use crate::terms::ModuleName;

/// What can keep an object from being audited.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A kernel, a package or a module tree cannot be read.
    #[error("{0}")]
    Kernel(#[from] crate::kernel::Error),
    /// A module cannot be read.
    #[error("{0}")]
    Module(#[from] crate::image::Error),
    /// A path where there is no code.
    #[error("{}: nothing here to audit: expected modules (.ko), objects (.o), a kernel image or a package with these", .0.display())]
    NoCode(PathBuf),
    /// A kernel whose symbols do not tell where its code lies.
    #[error("{}: its symbols do not tell where its code lies", .0.display())]
    NoSymbols(PathBuf),
    /// A kernel whose exports are not found.
    #[error("{}: {why}", path.display())]
    NoExports {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A module file, or an object that is to become one.
#[derive(Debug)]
pub(super) struct ModuleFile {
    pub path: PathBuf,
    /// The kernel whose package it is read out of.
    pub kernel: Option<usize>,
    /// Was it named, and did not merely stand in a folder?
    pub named: bool,
}

/// What is to be audited.
#[derive(Debug, Default)]
pub struct Objects {
    /// Those of them that have code have it in their images.
    pub(super) kernels: Vec<Kernel>,
    pub(super) modules: Vec<ModuleFile>,
}

impl Objects {
    /// How often a module is read in an audit: each once for what it exports, and once for what its code does.
    pub const fn readings(&self) -> usize {
        2 * self.modules.len()
    }

    /// Opens a module.
    pub(super) fn open(&self, file: &ModuleFile) -> Result<Image, crate::image::Error> {
        match file.kernel.and_then(|kernel| self.kernels.get(kernel)) {
            Some(kernel) => kernel.open_module(&file.path),
            None => Image::open(&file.path),
        }
    }
}

/// Finds what there is to audit: modules and objects, folders of them, kernel images, packages, installed releases.
///
/// # Errors
/// When a path does not exist, cannot be read, or holds no code.
pub fn open_objects(paths: &[PathBuf]) -> Result<Objects, AuditError> {
    let mut objects = Objects::default();
    for path in paths {
        let before = objects.modules.len();
        let kernels = objects.kernels.len();
        if path.is_dir() && !is_release_folder(path) {
            let modules = ModuleTree::open(path)?;
            objects.modules.extend(modules.modules().map(|module| of_folder(module.path.clone())));
            if objects.modules.len() == before {
                objects.modules.extend(objects_below(path)?.into_iter().map(of_folder));
            }
        } else if is_module(path) && !path.is_dir() {
            objects.modules.push(ModuleFile { path: path.clone(), kernel: None, named: true });
        }
        if objects.modules.len() == before {
            objects.add_kernel(path)?;
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
    fn add_kernel(&mut self, path: &Path) -> Result<(), AuditError> {
        let kernel = match Kernel::open(&[path]) {
            Err(error) if matches!(error.kind, ErrorKind::NothingFound) => return Ok(()),
            opened => opened?,
        };
        let index = self.kernels.len();
        let modules = kernel.tree().into_iter().flat_map(ModuleTree::modules);
        let modules: Vec<_> =
            modules.map(|module| ModuleFile { path: module.path.clone(), kernel: Some(index), named: false }).collect();
        if !modules.is_empty() || kernel.boot_image().is_some() {
            self.modules.extend(modules);
            self.kernels.push(kernel);
        }
        Ok(())
    }
}

fn of_folder(path: PathBuf) -> ModuleFile {
    ModuleFile { path, kernel: None, named: false }
}

/// `/lib/modules/RELEASE`: the image that belongs to it stands elsewhere.
fn is_release_folder(path: &Path) -> bool {
    path.parent().is_some_and(|parent| parent.ends_with("lib/modules"))
}

fn is_module(path: &Path) -> bool {
    ModuleName::of_file(path).is_some() || is_object(path)
}
