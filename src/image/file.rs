//! Opens and reads module files.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::error::KERNEL_READS;
use super::parts::Parts;
use super::regular::{Known, open_below, open_with_metadata};
use super::{Bytes, Error, ErrorKind};
use crate::compression::{Compression, stream};
use crate::terms::{Budget, CountedBytes};

/// How much of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Only the parts that a loader looks at, if the file is long. Bytes that are missing are answered with `None`.
    Parts,
    /// The whole file.
    Whole,
}

/// A regular file as it was when it was opened. It is read again only if its length and modification time are
/// unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModuleFile {
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
}

/// Reads the bytes of a module in a package.
type ReadMember = dyn Fn() -> io::Result<CountedBytes> + Send + Sync;

/// Where the bytes of a module are read again.
#[derive(Clone)]
pub(super) enum Origin {
    /// A file of its own.
    File(ModuleFile),
    /// A file in a package.
    Member(Arc<ReadMember>),
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(f),
            Self::Member(_) => f.write_str("Member"),
        }
    }
}

impl Origin {
    /// Reads all bytes again.
    ///
    /// # Errors
    /// If they cannot be read, have changed since, or do not fit into the budget.
    pub fn reopen(&self, path: &Path, budget: &Budget) -> Result<Bytes, Error> {
        match self {
            Self::File(file) => file.reopen(budget),
            Self::Member(read) => read().map(Bytes::from).map_err(|error| Error::new(path, ErrorKind::Io(error))),
        }
    }
}

impl ModuleFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If the file is no regular file, cannot be opened or read, is longer than the kernel reads, or does not fit into the budget.
    pub fn open(path: &Path, known: Known, extent: Extent, budget: &Budget) -> Result<(Bytes, Self), Error> {
        let opened = open_with_metadata(path, known).map_err(ErrorKind::Io);
        opened.and_then(|opened| Self::read(opened, path, extent, budget)).map_err(|kind| Error::new(path, kind))
    }

    /// Reads a whole file below a folder.
    ///
    /// # Errors
    /// As [`ModuleFile::open`], or if the path leads elsewhere.
    pub fn open_below(folder: &Path, path: &Path, budget: &Budget) -> Result<(Bytes, Self), Error> {
        let opened = open_below(folder, path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        let read = opened.map_err(ErrorKind::Io).and_then(|opened| Self::read(opened, path, Extent::Whole, budget));
        read.map_err(|kind| Error::new(path, kind))
    }

    /// Reads the whole file again.
    ///
    /// # Errors
    /// If the file cannot be read, has changed since it was opened, or does not fit into the budget.
    pub fn reopen(&self, budget: &Budget) -> Result<Bytes, Error> {
        match Self::open(&self.path, Known::Regular, Extent::Whole, budget)? {
            (bytes, now) if now == *self => Ok(bytes),
            _ => Err(Error::new(&self.path, ErrorKind::Changed)),
        }
    }

    fn read(
        (mut file, metadata): (File, Metadata),
        path: &Path,
        extent: Extent,
        budget: &Budget,
    ) -> Result<(Bytes, Self), ErrorKind> {
        let this = Self { path: path.to_owned(), len: metadata.len(), modified: metadata.modified().ok() };
        let len = usize::try_from(this.len).unwrap_or(usize::MAX);
        if this.len > KERNEL_READS {
            let mut head = [0; 16];
            file.read_exact_at(&mut head, 0).map_err(cut_short)?;
            // What the kernel makes of a compressed file depends on who decompresses it.
            if Compression::of(&head).is_none() {
                return Err(ErrorKind::TooLong { size: this.len });
            }
        }
        if extent == Extent::Parts
            && let Some((parts, claim)) = Parts::read(&file, len, budget).map_err(cut_short)?
        {
            return Ok((Bytes::partial(len, parts, claim), this));
        }
        let bytes = stream::read_all(&mut file, len, budget).map_err(ErrorKind::Io)?;
        if bytes.len() == len { Ok((bytes.into(), this)) } else { Err(ErrorKind::Changed) }
    }
}

/// Converts an error: a regular file that ends before the length it had when it was opened has changed since.
fn cut_short(error: io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ErrorKind::Changed,
        _ => ErrorKind::Io(error),
    }
}
