//! Lists the files of a module tree as depmod does: links are followed, `build` and `source` are left out.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::installed::is_tree_image;
use super::tree_module::{TreeModule, UnreadFile};
use crate::image::{metadata, read_dir, real_path, require_regular, why_unread};
use crate::terms::{ModuleName, parallel};

/// How many folders are listed. Real trees have about a thousand; links that lead into each other may make any number.
const MAX_FOLDERS: usize = 1 << 16;

/// What was found below a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub modules: Vec<TreeModule>,
    /// Folders that were not listed, links that lead nowhere, and pipes, sockets and devices with the name of a module.
    pub unread: Vec<UnreadFile>,
    pub faults: Vec<WalkFault>,
}

/// What depmod prints about while it lists a tree, whatever the name of the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WalkFault {
    /// The target of a link cannot be found.
    Stat(WalkPlace),
    /// A folder cannot be opened.
    Open(WalkPlace),
    /// The file is neither regular nor a folder: its path, and its type as in `st_mode`.
    Special(PathBuf, u32),
    /// A link to a folder leads back to one on the way to it. depmod follows it until no more files can be opened.
    Loop(PathBuf),
}

/// An entry of a folder that depmod cannot look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WalkPlace {
    /// How many folders below the root of the tree its folder lies.
    pub depth: usize,
    /// Its name.
    pub name: String,
    /// The error of the operating system.
    pub error: String,
}

impl WalkPlace {
    fn new(path: &Path, depth: usize, error: &io::Error) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let error = error.to_string();
        let error = error.split(" (os error").next().unwrap_or_default().to_owned();
        Self { depth, name, error }
    }
}

/// A folder to list.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// How many folders below the root of the tree it lies.
    depth: usize,
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
    let Listed { mut found, mut folders } = list(&Folder { path: root.to_owned(), depth: 0, link: None }, true)?;
    let mut listed = 1;
    while !folders.is_empty() {
        let room = MAX_FOLDERS.saturating_sub(listed).min(folders.len());
        for folder in folders.drain(room..) {
            found.unread.push(UnreadFile::new(&folder.path, format!("more than {MAX_FOLDERS} folders")));
        }
        listed += folders.len();
        let all = parallel::map(&folders, |folder| list(folder, false));
        let mut next = Vec::new();
        for (folder, content) in folders.iter().zip(all) {
            match content {
                Ok(content) => {
                    found.modules.extend(content.found.modules);
                    found.unread.extend(content.found.unread);
                    found.faults.extend(content.found.faults);
                    next.extend(content.folders);
                }
                Err(error) => {
                    let place = WalkPlace::new(&folder.path, folder.depth.saturating_sub(1), &error);
                    found.faults.push(WalkFault::Open(place));
                    found.unread.push(UnreadFile::new(&folder.path, error.to_string()));
                }
            }
        }
        folders = next;
    }
    found.unread.sort();
    found.faults.sort();
    Ok(found)
}

/// Lists one folder.
fn list(folder: &Folder, is_root: bool) -> io::Result<Listed> {
    let mut listed = Listed::default();
    for entry in read_dir(&folder.path)? {
        let entry = entry?;
        let file_name = entry.file_name();
        if file_name == "build" || file_name == "source" {
            continue;
        }
        let name = ModuleName::of_file(Path::new(&file_name));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            listed.follow(folder, folder.path.join(entry.file_name()), name, is_root);
        } else if kind.is_dir() {
            listed.folders.push(Folder {
                path: folder.path.join(entry.file_name()),
                depth: folder.depth + 1,
                link: folder.link.clone(),
            });
        } else if !kind.is_file() {
            if let Ok(metadata) = entry.metadata() {
                listed.add_special(folder.path.join(entry.file_name()), &metadata, name.is_some());
            }
        } else if let Some(name) = name {
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            listed.found.modules.push(TreeModule { name, path: folder.path.join(entry.file_name()), size });
        }
    }
    Ok(listed)
}

impl Listed {
    /// Adds what a link leads to.
    fn follow(&mut self, folder: &Folder, path: PathBuf, name: Option<ModuleName>, is_root: bool) {
        match metadata(&path) {
            Ok(metadata) if metadata.is_dir() => match folder.through(&path) {
                Ok(Some(folder)) => self.folders.push(folder),
                Ok(None) => self.found.faults.push(WalkFault::Loop(path)),
                Err(error) => self.found.unread.push(UnreadFile::new(&path, error.to_string())),
            },
            Ok(metadata) if metadata.is_file() => {
                self.found.modules.extend(name.map(|name| TreeModule { name, path, size: metadata.len() }));
            }
            Ok(metadata) => self.add_special(path, &metadata, name.is_some()),
            Err(error) => {
                self.found.faults.push(WalkFault::Stat(WalkPlace::new(&path, folder.depth, &error)));
                if name.is_none() && !may_be_folder(&path, is_root) {
                    return;
                }
                self.found.unread.push(UnreadFile::new(&path, why_unread(&path, &error.to_string())));
            }
        }
    }

    /// Adds a file that is neither regular nor a folder. It may have the name of a module.
    fn add_special(&mut self, path: PathBuf, metadata: &Metadata, is_module: bool) {
        const S_IFMT: u32 = 0o170_000;
        if is_module && let Err(error) = require_regular(metadata) {
            self.found.unread.push(UnreadFile::new(&path, why_unread(&path, &error.to_string())));
        }
        self.found.faults.push(WalkFault::Special(path, metadata.mode() & S_IFMT));
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
        let target = real_path(link)?;
        let from = real_path(&self.path)?;
        let mut before = self.link.as_ref();
        let mut is_loop = from.starts_with(&target);
        while let Some(followed) = before {
            is_loop |= followed.from.starts_with(&target);
            before = followed.before.as_ref();
        }
        let link_to = Arc::new(FollowedLink { from, before: self.link.clone() });
        Ok((!is_loop).then(|| Self { path: link.to_owned(), depth: self.depth + 1, link: Some(link_to) }))
    }
}
