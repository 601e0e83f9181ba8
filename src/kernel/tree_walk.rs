//! Lists the files of a module tree as depmod does: links are followed, `build` and `source` are left out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::installed::is_tree_image;
use super::tree_module::{TreeModule, UnreadFile};
use crate::image::why_unread;
use crate::terms::ModuleName;

/// How many folders are listed. Real trees have about a thousand; links that lead into each other may make any number.
const MAX_FOLDERS: usize = 1 << 16;

/// What was found below a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub modules: Vec<TreeModule>,
    /// Folders that were not listed, and links that lead nowhere.
    pub unread: Vec<UnreadFile>,
}

/// A folder to list.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// The last link on the way to it.
    link: Option<Arc<FollowedLink>>,
}

/// A link to a folder that was followed.
#[derive(Debug)]
struct FollowedLink {
    /// The folder that the link lies in, without links.
    from: PathBuf,
    /// The link before this one on the way.
    before: Option<Arc<FollowedLink>>,
}

/// The content of one folder.
#[derive(Debug, Default)]
struct Listed {
    found: Found,
    folders: Vec<Folder>,
}

/// Lists the module files below a folder. What cannot be listed is in [`Found::unread`].
///
/// It mirrors `depmod_modules_search_dir()` (kmod, tools/depmod.c). depmod follows a link into its own ancestors until the path
/// gets too long, and finds the same files over and over; such a link is not followed here.
///
/// # Errors
/// If the folder itself cannot be listed.
pub(super) fn walk(root: &Path) -> io::Result<Found> {
    let Listed { mut found, mut folders } = list(&Folder { path: root.to_owned(), link: None }, true)?;
    let mut listed = 1;
    while !folders.is_empty() {
        let room = MAX_FOLDERS.saturating_sub(listed).min(folders.len());
        for folder in folders.drain(room..) {
            found.unread.push(UnreadFile::new(&folder.path, format!("more than {MAX_FOLDERS} folders")));
        }
        listed += folders.len();
        let all: Vec<_> = folders.par_iter().map(|folder| (folder, list(folder, false))).collect();
        let mut next = Vec::new();
        for (folder, content) in all {
            match content {
                Ok(content) => {
                    found.modules.extend(content.found.modules);
                    found.unread.extend(content.found.unread);
                    next.extend(content.folders);
                }
                Err(error) => found.unread.push(UnreadFile::new(&folder.path, error.to_string())),
            }
        }
        folders = next;
    }
    found.unread.sort();
    Ok(found)
}

/// Lists one folder.
fn list(folder: &Folder, is_root: bool) -> io::Result<Listed> {
    let mut listed = Listed::default();
    for entry in std::fs::read_dir(&folder.path)? {
        let entry = entry?;
        let file_name = entry.file_name();
        if file_name == "build" || file_name == "source" {
            continue;
        }
        let name = ModuleName::of_file(Path::new(&file_name));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            listed.follow(folder, entry.path(), name, is_root);
        } else if kind.is_dir() {
            listed.folders.push(Folder { path: entry.path(), link: folder.link.clone() });
        } else if kind.is_file()
            && let Some(name) = name
        {
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            listed.found.modules.push(TreeModule { name, path: entry.path(), size });
        }
    }
    Ok(listed)
}

impl Listed {
    /// Adds what a link leads to.
    fn follow(&mut self, folder: &Folder, path: PathBuf, name: Option<ModuleName>, is_root: bool) {
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => match folder.through(&path) {
                Ok(Some(folder)) => self.folders.push(folder),
                Ok(None) => {}
                Err(error) => self.found.unread.push(UnreadFile::new(&path, error.to_string())),
            },
            Ok(metadata) if metadata.is_file() => {
                self.found.modules.extend(name.map(|name| TreeModule { name, path, size: metadata.len() }));
            }
            Ok(_) => {}
            Err(error) if name.is_some() || may_be_folder(&path, is_root) => {
                self.found.unread.push(UnreadFile::new(&path, why_unread(&path, &error.to_string())));
            }
            Err(_) => {}
        }
    }
}

/// Returns whether a link that leads nowhere may have led to a folder of modules, by its name.
fn may_be_folder(path: &Path, is_root: bool) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.extension().is_none() && !(is_root && (is_tree_image(name) || name == "config"))
}

impl Folder {
    /// The folder that a link in this folder leads to; `None` if that is this folder or one on the way to it.
    fn through(&self, link: &Path) -> io::Result<Option<Self>> {
        let target = std::fs::canonicalize(link)?;
        let from = std::fs::canonicalize(&self.path)?;
        let mut before = self.link.as_ref();
        let mut is_loop = from.starts_with(&target);
        while let Some(followed) = before {
            is_loop |= followed.from.starts_with(&target);
            before = followed.before.as_ref();
        }
        let link_to = Arc::new(FollowedLink { from, before: self.link.clone() });
        Ok((!is_loop).then(|| Self { path: link.to_owned(), link: Some(link_to) }))
    }
}
