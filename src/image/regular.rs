//! Opens files for reading. All of the library and of the program open files here, so that no pipe or device makes them wait.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Opens a regular file, or a link to one. Opening does not wait for anything, whatever the path becomes meanwhile.
///
/// # Errors
/// If it cannot be opened, or is no regular file. Then it is not touched: opening a pipe or a device can have effects.
pub fn open_regular(path: &Path) -> Result<File> {
    require_regular(&std::fs::metadata(path)?)?;
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// The contents of a regular file.
///
/// # Errors
/// As [`open_regular`], or if it cannot be read.
pub fn read_regular(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The contents of a regular file as text.
///
/// # Errors
/// As [`read_regular`], or if it is not UTF-8.
pub fn read_regular_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    open_regular(path)?.read_to_string(&mut text)?;
    Ok(text)
}

fn require_regular(metadata: &Metadata) -> Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = format!("it is {}, and only regular files are read", called(kind));
    let error = if kind.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::InvalidInput };
    Err(Error::new(error, what))
}

/// What a file that is not regular is called.
fn called(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe (FIFO)"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() {
        "a character device"
    } else if kind.is_block_device() {
        "a block device"
    } else {
        "a special file"
    }
}
