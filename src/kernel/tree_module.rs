//! The files of a module tree: those that are used, those that are not, and those that could not be read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// The module file, the folder, the link that leads nowhere, or what is no regular file but has the name of a module.
    pub path: PathBuf,
    /// Why it could not be read.
    pub why: String,
    /// Whether it was read, but is damaged in such a way that the kernel refuses it.
    pub is_damaged: bool,
    /// The files of its module name of which it is not known which one modprobe loads. All of them can be read.
    pub(crate) contest: Option<Arc<Contest>>,
}

/// Files of one module name of which nothing tells which one modprobe loads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Contest {
    /// The files. The first one stands for the others in a list of the tree's modules.
    pub files: Vec<PathBuf>,
    /// Why it is not known which one counts.
    pub why: String,
    /// What any of them exports; `None` if one of them could not be read.
    pub exports: Option<BTreeSet<String>>,
}

impl UnreadFile {
    pub(crate) fn new(path: &Path, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), why: why.into(), is_damaged: false, contest: None }
    }

    /// The module of a contest, of which it is not known which file counts.
    pub(crate) fn contested(contest: &Arc<Contest>) -> Self {
        let first = contest.files.first().map_or(Path::new(""), PathBuf::as_path);
        Self { contest: Some(Arc::clone(contest)), ..Self::new(first, contest.why.as_str()) }
    }

    /// Returns whether this may be the exporter of a symbol.
    pub(crate) fn may_export(&self, symbol: &str) -> bool {
        let exports = self.contest.as_ref().and_then(|contest| contest.exports.as_ref());
        exports.is_none_or(|exports| exports.contains(symbol))
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
    /// Whether it is certain that the other file counts. If not, see [`ModuleTree::contests`](super::ModuleTree::contests).
    pub is_certain: bool,
}
