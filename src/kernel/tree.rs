//! An installed module tree: `/lib/modules/RELEASE`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Error, ErrorKind};

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
#[derive(Debug)]
pub struct ModuleTree {
    root: PathBuf,
    modules: BTreeMap<String, TreeModule>,
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
        Ok(Self { root: root.to_owned(), modules })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The modules in order of name.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = &TreeModule> {
        self.modules.values()
    }

    /// The module of that name, `-` and `_` being the same.
    pub fn module(&self, name: &str) -> Option<&TreeModule> {
        self.modules.get(&name.replace('-', "_"))
    }
}
