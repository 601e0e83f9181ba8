//! Object files that a compiler has left in a folder.

use std::path::{Path, PathBuf};

use super::error::{Error, ErrorKind};
use super::tree_module::UnreadFile;
use crate::image::{metadata, read_dir, why_unread};

/// Returns whether a file name ends in `.o`.
pub fn is_object(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "o")
}

/// The objects (`.o`) below a folder, sorted by path, and what could not be looked at: folders, and links that lead nowhere. Links to
/// folders are not followed.
///
/// # Errors
/// If the folder itself cannot be listed.
pub fn objects_below(folder: &Path) -> Result<(Vec<PathBuf>, Vec<UnreadFile>), Error> {
    let mut found = Vec::new();
    let mut unread = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(of) = folders.pop() {
        let entries = read_dir(&of).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = match entries {
            Ok(entries) => entries,
            Err(source) if of == folder => return Err(Error::new(folder, ErrorKind::Io(source))),
            Err(error) => {
                unread.push(UnreadFile::new(&of, error.to_string()));
                continue;
            }
        };
        for entry in entries {
            let path = of.join(entry.file_name());
            let kind = entry.file_type();
            if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
                folders.push(path);
            } else if is_object(&path) {
                match kind.and_then(|_| metadata(&path)) {
                    Ok(metadata) if metadata.is_file() => found.push(path),
                    Ok(_) => {}
                    Err(error) => unread.push(UnreadFile::new(&path, why_unread(&path, &error.to_string()))),
                }
            }
        }
    }
    found.sort();
    unread.sort();
    Ok((found, unread))
}
