//! The modules that do not belong to a kernel but are installed or built for it.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::description::Kernel;
use super::installed::{installed, is_release_like};
use super::tree_walk::{Found, walk};
use crate::image::{in_root, is_dir, read_dir};
use crate::terms::ModuleName;

/// The folders of a tree that out-of-tree modules are installed in.
const OUTSIDE: [&str; 3] = ["updates", "extra", "weak-updates"];
/// The folder that DKMS builds modules in: `PACKAGE/VERSION/RELEASE/ARCH/module/NAME.ko`.
const DKMS: &str = "/var/lib/dkms";
/// The out-of-tree modules of a kernel: those in `updates`, `extra` and `weak-updates` of its module tree, or else of the tree of
/// its release on this machine, then those that DKMS has built for that release but not installed. Of several modules with one
/// name the first in this order counts. Links are followed.
///
/// Folders that cannot be listed, and links that lead nowhere, are in the list, too, because they may be or hold such modules.
pub fn out_of_tree_modules(kernel: &Kernel) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let installed = || installed(Path::new(kernel.release()?.as_str()));
    if let Some(tree) = kernel.tree() {
        let inside = tree.modules().map(|module| &module.path).chain(tree.unlisted().iter().map(|file| &file.path));
        found.extend(inside.filter(|path| is_outside(tree.root(), path)).cloned());
        found.sort_by_key(|path| OUTSIDE.iter().position(|folder| path.starts_with(tree.root().join(folder))));
    } else if let Some(tree) = installed() {
        OUTSIDE.iter().for_each(|folder| add_below(&tree.join(folder), &mut found));
    }
    // A release that a file gives may be any text, also a path.
    if let Some(release) = kernel.release().filter(|release| is_release_like(Path::new(release.as_str()))) {
        for package in folders(&in_root(DKMS), &mut found) {
            for version in folders(&package, &mut found) {
                add_below(&version.join(release.as_str()), &mut found);
            }
        }
    }
    let mut names = HashSet::new();
    found.retain(|path| ModuleName::of_file(path).is_none_or(|name| names.insert(name)));
    found
}

/// Returns whether a file of a tree is in one of the folders of out-of-tree modules.
fn is_outside(root: &Path, path: &Path) -> bool {
    path.strip_prefix(root).is_ok_and(|inside| OUTSIDE.iter().any(|folder| inside.starts_with(folder)))
}

/// Adds the module files below a folder, in order of path, and what cannot be listed. A folder that does not exist has none.
fn add_below(folder: &Path, found: &mut Vec<PathBuf>) {
    match walk(folder) {
        Ok(Found { modules, unread, .. }) => {
            let mut paths: Vec<_> = modules.into_iter().map(|module| module.path).collect();
            paths.extend(unread.into_iter().map(|file| file.path));
            paths.sort();
            found.append(&mut paths);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(_) => found.push(folder.to_owned()),
    }
}

/// The folders in a folder, sorted. A folder that cannot be listed is added to `unread`.
fn folders(folder: &Path, unread: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let listed = read_dir(folder).and_then(|entries| {
        entries.map(|entry| Ok(folder.join(entry?.file_name()))).collect::<Result<Vec<_>, std::io::Error>>()
    });
    match listed {
        Ok(mut paths) => {
            paths.retain(|path| is_dir(path) && !path.is_symlink());
            paths.sort();
            paths
        }
        Err(error) => {
            unread.extend((error.kind() != ErrorKind::NotFound).then(|| folder.to_owned()));
            Vec::new()
        }
    }
}
