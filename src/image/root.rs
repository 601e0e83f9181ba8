//! The file system that paths lead into: that of this machine or, below a directory, that of another system (`--root`).
//!
//! Below the root, links lead where they lead for that system: an absolute link begins at the root, and `..` does not leave it, as
//! after chroot(2). Links anywhere else are followed as usual.
//!
//! Against others who exchange folders for links meanwhile, a file is opened below the root in one step, without following any link
//! (`regular.rs`). A folder that is listed and a file whose metadata is read are found first and named by their path then: of these,
//! somebody who may write below the root can let gplok see names and sizes elsewhere, but no contents.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::{Metadata, ReadDir};
use std::io::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// How many links are followed for one path, as in the kernel (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// The root of the other system. Like the root directory of a process, there is one, and it is set at the beginning.
static ROOT: OnceLock<Root> = OnceLock::new();

#[derive(Debug)]
struct Root {
    /// Its path without links.
    path: PathBuf,
    /// Its path as it was given, from `/` on.
    given: PathBuf,
}

/// Takes a directory for the root of the system that installed files and links are looked up in. The first call counts.
///
/// # Errors
/// If it is no directory, or cannot be read.
pub fn set_root(folder: &Path) -> Result<()> {
    let path = std::fs::canonicalize(folder)?;
    if !path.is_dir() {
        return Err(Error::new(ErrorKind::NotADirectory, "it is no directory"));
    }
    ROOT.get_or_init(|| Root { path, given: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()) });
    Ok(())
}

/// The directory that was set as the root.
pub fn root() -> Option<&'static Path> {
    ROOT.get().map(|root| root.path.as_path())
}

/// The path of a file of the system, such as `/lib/modules`: below the root, if one was set.
pub fn in_root(path: &str) -> PathBuf {
    match root() {
        Some(root) => root.join(path.trim_start_matches('/')),
        None => PathBuf::from(path),
    }
}

/// The path that a file has in its own system, by its path without links.
pub(super) fn in_its_system(path: &Path) -> PathBuf {
    let inside = root().and_then(|root| path.strip_prefix(root).ok());
    inside.map_or_else(|| path.to_owned(), |inside| Path::new("/").join(inside))
}

/// A path below the root: the root, and the rest without links.
pub(super) fn below_root(path: &Path) -> Result<Option<(&'static Path, PathBuf)>> {
    let Some(root) = ROOT.get() else { return Ok(None) };
    let path = std::path::absolute(path)?;
    let inside = path.strip_prefix(&root.path).or_else(|_| path.strip_prefix(&root.given));
    let inside = inside.ok().map(|inside| without_links(&root.path, inside)).transpose()?;
    Ok(inside.map(|inside| (root.path.as_path(), inside)))
}

/// Where a path leads. It is only changed below the root.
fn located(path: &Path) -> Result<Cow<'_, Path>> {
    Ok(match below_root(path)? {
        Some((root, inside)) => root.join(inside).into(),
        None => path.into(),
    })
}

/// The path without links, from `/` on.
pub(crate) fn real_path(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(located(path)?)
}

/// What is known of a file, or of the file that a link leads to.
pub fn metadata(path: &Path) -> Result<Metadata> {
    std::fs::metadata(located(path)?)
}

/// Returns whether a path leads to a regular file.
pub fn is_file(path: &Path) -> bool {
    metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Returns whether a path leads to a directory.
pub fn is_dir(path: &Path) -> bool {
    metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Returns whether a path leads to something.
pub fn exists(path: &Path) -> bool {
    metadata(path).is_ok()
}

/// Lists a directory. The paths of the entries begin where it really lies; their names do not depend on that.
pub(crate) fn read_dir(folder: &Path) -> Result<ReadDir> {
    std::fs::read_dir(located(folder)?)
}

/// The path, relative to `root`, that a path relative to it leads to within it.
fn without_links(root: &Path, path: &Path) -> Result<PathBuf> {
    let mut left = Vec::new();
    push_parts(&mut left, path);
    let mut real = PathBuf::new();
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == ".." {
            real.pop();
            continue;
        }
        real.push(part);
        let full = root.join(&real);
        if !std::fs::symlink_metadata(&full)?.is_symlink() {
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(Error::other("too many links"));
        }
        let target = std::fs::read_link(&full)?;
        real.pop();
        if target.is_absolute() {
            real.clear();
        }
        push_parts(&mut left, &target);
    }
    Ok(real)
}

/// Pushes the parts of a path, the first one last.
fn push_parts(left: &mut Vec<OsString>, path: &Path) {
    let parts = path.components().rev();
    let parts = parts.filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    left.extend(parts.map(|part| part.as_os_str().to_owned()));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_leaves_the_root() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        std::fs::create_dir_all(root.join("usr/lib/modules")).expect("made");
        std::fs::write(root.join("usr/lib/file"), "").expect("written");
        for (target, link) in [
            ("usr/lib", "lib"),
            ("/usr/lib", "absolute"),
            ("/../../../usr", "above"),
            ("../../../../../../etc", "usr/lib/outside"),
            ("loop", "loop"),
        ] {
            symlink(target, root.join(link)).expect("linked");
        }
        let leads = |path: &str| without_links(root, Path::new(path)).ok();
        let to = |path: &str| Some(PathBuf::from(path));
        assert_eq!(leads("lib/file"), to("usr/lib/file"));
        assert_eq!(leads("absolute/modules"), to("usr/lib/modules"));
        assert_eq!(leads("above/lib/file"), to("usr/lib/file"));
        assert_eq!(leads("lib/../../../usr/./lib/file"), to("usr/lib/file"));
        assert_eq!(leads("usr/lib/outside/passwd"), None, "there is no etc below the root");
        assert_eq!(leads("loop"), None);
        assert_eq!(leads("usr/lib/file/x"), None);
        assert_eq!(leads(""), to(""));
    }
}
