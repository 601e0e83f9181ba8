//! Opens files for reading, and those that the user wants written. All of the library and of the program open files here, so that no
//! pipe or device makes them wait, and no path leads to a file that nobody named.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat};
use rustix::process::geteuid;

use super::root::{below_root, real_path};
use crate::compression::stream;
use crate::terms::{Budget, ByteSize, CountedBytes, OverBudget, Shown};

/// How files are opened: nothing waits, and no terminal becomes that of the program.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// The longest file that is read without a budget: 256 MiB. The longest real ones, lists of symbols, have 20 MiB.
const LONGEST: u64 = 256 << 20;

/// What is known of a path before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing: it may be a device or a pipe, which opening could disturb.
    Nothing,
    /// It was a regular file when its folder was listed.
    Regular,
}

/// Opens a regular file, or a link to one. Opening does not wait for anything, whatever the path becomes meanwhile.
///
/// # Errors
/// If it cannot be opened, or is no regular file. Then it is not touched: opening a pipe or a device can have effects.
pub fn open_regular(path: &Path) -> Result<File> {
    open_with_metadata(path, Known::Nothing).map(|(file, _)| file)
}

/// As [`open_regular`], with what the system says of the open file. A file known to be regular is not looked at before it is opened.
pub(super) fn open_with_metadata(path: &Path, known: Known) -> Result<(File, Metadata)> {
    if let Some((root, inside)) = below_root(path)? {
        let file = open_beneath(root, &inside)?;
        let metadata = file.metadata()?;
        return Ok((file, metadata));
    }
    if known == Known::Nothing {
        require_regular(&std::fs::metadata(path)?)?;
    }
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let metadata = file.metadata()?;
    require_regular(&metadata)?;
    Ok((file, metadata))
}

/// Opens a regular file below a folder, also through links that do not lead out of the folder. For paths that come out of a file:
/// whoever wrote the file does not choose what is opened.
///
/// # Errors
/// As [`open_regular`], or if the path leads elsewhere.
pub(super) fn open_below(folder: &Path, path: &Path) -> Result<File> {
    let folder = real_path(folder)?;
    let real = real_path(path)?;
    match real.strip_prefix(&folder) {
        Ok(inside) => open_beneath(&folder, inside),
        Err(_) => Err(outside(&folder)),
    }
}

/// Opens a regular file by the path without links that it had a moment ago, relative to a folder.
///
/// Linux since 5.6 opens it in one step in which no part of the path may be a link, so that nothing that was exchanged meanwhile leads
/// out of the folder; the folder itself may have been exchanged by whoever may write to the folder above it. Where the step is not to
/// be had, only the last part cannot be a link, and the path is compared afterwards: somebody who exchanges folders twice in time is
/// not noticed, and gets a regular file read that lies elsewhere.
fn open_beneath(folder: &Path, inside: &Path) -> Result<File> {
    let path = folder.join(inside);
    require_regular(&std::fs::symlink_metadata(&path)?)?;
    let file = match open_in_one_step(folder, inside)? {
        Some(file) => file,
        None => {
            let file = File::from(rustix::fs::open(&path, FLAGS | OFlags::NOFOLLOW, Mode::empty())?);
            if std::fs::canonicalize(&path)? != path {
                return Err(outside(folder));
            }
            file
        }
    };
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// Opens a file below a folder without following a link; `None` if the system cannot do that.
#[cfg(target_os = "linux")]
fn open_in_one_step(folder: &Path, inside: &Path) -> Result<Option<File>> {
    use rustix::fs::{ResolveFlags, open, openat2};
    use rustix::io::Errno;

    let folder = open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match openat2(&folder, inside, FLAGS, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS) {
        // Containers may forbid the call with EPERM.
        Err(Errno::NOSYS | Errno::PERM) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(file) => Ok(Some(file.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_in_one_step(_: &Path, _: &Path) -> Result<Option<File>> {
    Ok(None)
}

fn outside(folder: &Path) -> Error {
    Error::new(ErrorKind::PermissionDenied, format!("it lies outside of {}", Shown::path(folder)))
}

/// The contents of a regular file, which are not kept.
///
/// # Errors
/// As [`open_regular`], or if it cannot be read or has more than 256 MiB.
pub fn read_regular(path: &Path) -> Result<Vec<u8>> {
    not_too_long(read_counted(path, &Budget::new(LONGEST)))
}

/// What was read within the limit on bytes that are not counted.
fn not_too_long(read: Result<CountedBytes>) -> Result<Vec<u8>> {
    let bytes = read.map_err(|error| match error.get_ref().is_some_and(|inner| inner.is::<OverBudget>()) {
        true => Error::new(ErrorKind::FileTooLarge, format!("it has more than {}", ByteSize(LONGEST))),
        false => error,
    })?;
    Ok(bytes.into_parts().0)
}

/// The contents of a regular file, counted in a budget.
///
/// # Errors
/// As [`open_regular`], or if it cannot be read or does not fit into the budget.
pub(crate) fn read_counted(path: &Path, budget: &Budget) -> Result<CountedBytes> {
    let mut file = open_regular(path)?;
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    stream::read_all(&mut file, size, budget)
}

/// The contents of a regular file as text.
///
/// # Errors
/// As [`read_regular`], or if it is not UTF-8.
pub fn read_regular_text(path: &Path) -> Result<String> {
    as_text(read_regular(path)?)
}

/// The text that comes from a stream, such as standard input.
///
/// # Errors
/// If it cannot be read, has more than 256 MiB, or is not UTF-8.
pub fn read_stream_text(mut stream: impl Read) -> Result<String> {
    as_text(not_too_long(stream::read_all(&mut stream, 0, &Budget::new(LONGEST)))?)
}

fn as_text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// Writes a text to a regular file, which is made if there is none. What it held before is lost.
///
/// # Errors
/// If it cannot be opened or written, or is no regular file. Then nothing is written: opening a pipe waits for a reader.
pub fn write_regular(path: &Path, text: &str) -> Result<()> {
    let require = |metadata: &Metadata| require_kind(metadata, "written");
    std::fs::metadata(path).map_or(Ok(()), |metadata| require(&metadata))?;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    require(&file.metadata()?)?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())
}

/// The contents of a regular file that only this user can have written: the file and its folder belong to the user, nobody else may
/// write to them, and neither is a link. It is opened in the folder that was looked at, so nobody can exchange one for another.
///
/// # Errors
/// If it cannot be opened or read, is not such a file, or has more than `most` bytes.
pub fn read_own(path: &Path, most: u64) -> Result<Vec<u8>> {
    let folder = open_own_folder(path.parent().unwrap_or(Path::new(".")))?;
    require_unwritable(&folder.metadata()?)?;
    let name = path.file_name().unwrap_or_default();
    let file = File::from(openat(&folder, name, FLAGS | OFlags::NOFOLLOW, Mode::empty())?);
    let metadata = file.metadata()?;
    require_regular(&metadata)?;
    require_own(&metadata)?;
    require_unwritable(&metadata)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= most) {
        return Ok(bytes);
    }
    Err(Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes")))
}

/// Opens a folder that belongs to this user and is no link.
///
/// # Errors
/// If it cannot be opened or is not such a folder.
pub fn open_own_folder(path: &Path) -> Result<File> {
    let folder = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW).open(path)?;
    require_own(&folder.metadata()?)?;
    Ok(folder)
}

fn require_own(metadata: &Metadata) -> Result<()> {
    if metadata.uid() == geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::PermissionDenied, "it belongs to another user"))
}

fn require_unwritable(metadata: &Metadata) -> Result<()> {
    if metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::PermissionDenied, "other users may write to it"))
}

/// Passes regular files only.
///
/// # Errors
/// If it is no regular file; the error says what it is.
pub(crate) fn require_regular(metadata: &Metadata) -> Result<()> {
    require_kind(metadata, "read")
}

fn require_kind(metadata: &Metadata, done: &str) -> Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = format!("it is {}, and only regular files are {done}", called(kind));
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
