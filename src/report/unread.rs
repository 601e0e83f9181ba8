//! Files that could not be read: what is said of them.

use serde::Serialize;

use super::wording::{count, list};
use crate::kernel::UnreadFile;
use crate::terms::Shown;

/// How many files a note names.
const FILES: usize = 8;

/// One file in a document.
#[derive(Clone, Debug, Serialize)]
pub(super) struct UnreadItem {
    path: String,
    why: String,
}

/// The files as a document has them.
pub(super) fn unread_items(files: &[UnreadFile]) -> Vec<UnreadItem> {
    files
        .iter()
        .map(|file| UnreadItem { path: file.path.to_string_lossy().into_owned(), why: file.why.clone() })
        .collect()
}

/// One sentence about files whose exports are not known; `None` if there are none.
pub(super) fn unread_note(files: &[UnreadFile]) -> Option<String> {
    if files.is_empty() {
        return None;
    }
    let named: Vec<_> = files.iter().map(|file| format!("{} ({})", Shown::path(&file.path), file.why)).collect();
    let number = count(files.len(), "file", "files");
    let (was, exports) = if files.len() == 1 { ("was", "it exports") } else { ("were", "they export") };
    Some(format!(
        "{number} of the module tree {was} not read, and what {exports} is not known: {}",
        list(&named, FILES)
    ))
}
