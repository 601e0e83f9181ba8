//! The wanted files of a package, kept on disk in an unnamed temporary file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind as IoErrorKind, Read};
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{EntryKind, Metadata};
use super::error::PackageError;
use super::format;
use crate::compression::DECOMPRESSED_LIMIT;
use crate::compression::stream::{broken, read_all};
use crate::kernel::error::{Error, ErrorKind};
use crate::terms::{Budget, ByteSize, CountedBytes};

/// The size of a write, in bytes.
const BUFFER: usize = 128 << 10;
/// The most bytes of paths, which are kept in memory: 64 MiB.
const PATHS_LIMIT: usize = 64 << 20;

/// The wanted files of a package. Clones share them, and several threads may read at once.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct PackageStore(Arc<StoredPackage>);

#[derive(Debug)]
struct StoredPackage {
    package: PathBuf,
    metadata: Metadata,
    spool: Spool,
    extents: BTreeMap<String, SpoolExtent>,
    budget: Budget,
}

/// The range of a file in the temporary file; none of one that is longer than gplok reads.
#[derive(Clone, Copy, Debug)]
struct SpoolExtent {
    offset: u64,
    len: Option<u64>,
}

/// The most bytes of a file that are kept.
const FILE_LIMIT: u64 = DECOMPRESSED_LIMIT as u64;

/// The temporary file. Zeros in it are not written, so that a file of holes takes no space there either.
#[derive(Debug)]
struct Spool {
    file: File,
    end: u64,
}

impl Spool {
    /// Appends the contents of a file.
    fn append(&mut self, contents: &mut dyn Read, buffer: &mut [u8]) -> io::Result<SpoolExtent> {
        static ZEROS: [u8; BUFFER] = [0; BUFFER];
        let mut extent = SpoolExtent { offset: self.end, len: Some(0) };
        let mut contents = contents.take(FILE_LIMIT + 1);
        loop {
            let read = match contents.read(buffer) {
                Ok(0) => return Ok(extent),
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == IoErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if contents.limit() == 0 {
                self.end = extent.offset;
                self.file.set_len(self.end)?;
                extent.len = None;
                return Ok(extent);
            }
            if Some(read) != ZEROS.get(..read.len()) {
                let full =
                    |error: io::Error| io::Error::new(error.kind(), format!("the temporary file (TMPDIR): {error}"));
                self.file.write_all_at(read, self.end).map_err(full)?;
            }
            self.end += read.len() as u64;
            extent.len = Some(self.end - extent.offset);
        }
    }

    fn read(&self, extent: SpoolExtent, budget: &Budget) -> io::Result<CountedBytes> {
        let Some(len) = extent.len else {
            let limit = ByteSize(FILE_LIMIT);
            return Err(io::Error::new(
                IoErrorKind::FileTooLarge,
                format!("it has more than {limit}, and is not read"),
            ));
        };
        let len = usize::try_from(len).map_err(io::Error::other)?;
        read_all(&mut SpoolReader { file: &self.file, at: extent.offset, end: extent.offset + len as u64 }, len, budget)
    }
}

/// Reads a range of the temporary file. Several threads may do so at once.
struct SpoolReader<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for SpoolReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(buffer.get_mut(..left).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl PackageStore {
    /// Reads a package once, and keeps the files whose paths are wanted. Symbolic links are not kept; a hard link is kept only
    /// if its target was kept.
    ///
    /// # Errors
    /// If the package cannot be read to its end, or the temporary file cannot be written.
    pub(in crate::kernel) fn open(
        package: &Path,
        budget: &Budget,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, Error> {
        let fail = |source| Error::new(package, ErrorKind::Package(PackageError::part("temporary file")(source)));
        let mut spool = Spool { file: tempfile::tempfile().map_err(fail)?, end: 0 };
        let mut buffer = vec![0; BUFFER];
        let mut path_bytes = 0;
        let mut extents = BTreeMap::new();
        let metadata = format::read(package, &mut |entry| {
            if wanted(entry.path) {
                path_bytes += entry.path.len();
                if path_bytes > PATHS_LIMIT {
                    return Err(broken(format!("paths of more than {PATHS_LIMIT} bytes")));
                }
                let path = entry.path.to_owned();
                let extent = match &entry.kind {
                    EntryKind::File => Some(spool.append(entry.contents, &mut buffer)?),
                    EntryKind::Hardlink(target) => extents.get(target).copied(),
                    EntryKind::Symlink(_) => None,
                };
                extents.extend(extent.map(|extent| (path, extent)));
            }
            Ok(())
        })?;
        spool.file.set_len(spool.end).map_err(fail)?;
        let budget = budget.clone();
        Ok(Self(Arc::new(StoredPackage { package: package.to_owned(), metadata, spool, extents, budget })))
    }

    /// The package it was read from.
    pub(in crate::kernel) fn package(&self) -> &Path {
        &self.0.package
    }

    /// What the package says of itself.
    pub(in crate::kernel) fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// The size of a file in bytes; `None` if it was not kept or is longer than gplok reads.
    pub(in crate::kernel) fn size(&self, path: &str) -> Option<u64> {
        self.0.extents.get(path).and_then(|extent| extent.len)
    }

    /// Reads the contents of a file back.
    ///
    /// # Errors
    /// If the file was not kept, is longer than gplok reads, cannot be read back, or does not fit into the budget.
    pub(in crate::kernel) fn get(&self, path: &str) -> io::Result<CountedBytes> {
        let StoredPackage { spool, extents, budget, .. } = &*self.0;
        let extent = extents.get(path).ok_or(io::Error::from(IoErrorKind::NotFound))?;
        spool.read(*extent, budget)
    }

    /// The paths of the kept files, sorted.
    pub(in crate::kernel) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.extents.keys().map(String::as_str)
    }

    /// The paths of the kept files that begin with a prefix, sorted.
    pub(in crate::kernel) fn under(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let paths = self.0.extents.range::<str, _>(from).map(|(path, _)| path.as_str());
        paths.take_while(move |path| path.starts_with(prefix))
    }
}
