//! Object files that a compiler has left in a folder.

use std::path::{Path, PathBuf};

use super::error::{Error, ErrorKind};
use crate::image::read_dir;

/// The depth to which folders are walked.
const MAX_DEPTH: usize = 32;

/// Returns whether a file name ends in `.o`.
pub fn is_object(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "o")
}

/// The objects (`.o`) below a folder, sorted by path. Links are not followed.
///
/// # Errors
/// If a folder cannot be listed.
pub fn objects_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let failed = |source| Error::new(&folder, ErrorKind::Io(source));
        for entry in read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = folder.join(entry.file_name());
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((path, depth + 1));
            } else if kind.is_file() && is_object(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
