//! The files of a module tree: those that are used, those that are not, and those that could not be read.

use std::path::{Path, PathBuf};

use crate::terms::ModuleName;

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

/// What a tree holds that could not be read, or not be listed, with the reason. What it exports is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct UnreadFile {
    /// The module file, the folder, or the link that leads nowhere.
    pub path: PathBuf,
    /// Why it could not be read.
    pub why: String,
    /// Whether it was read, but is damaged in such a way that the kernel refuses it.
    pub is_damaged: bool,
}

impl UnreadFile {
    pub(crate) fn new(path: &Path, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), why: why.into(), is_damaged: false }
    }

    pub(crate) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self { is_damaged: true, ..Self::new(path, why) }
    }
}

/// A module file that another file with the same module name takes precedence over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShadowedModule {
    /// The file.
    pub file: TreeModule,
    /// Whether it is certain that the other file counts. If not, depmod takes the one that the file system lists first.
    pub is_certain: bool,
}
