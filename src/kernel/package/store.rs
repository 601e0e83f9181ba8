//! The wanted files of a package, kept on disk in an unnamed temporary file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{EntryKind, Metadata};
use super::error::PackageError;
use super::format;
use crate::compression::stream::broken;
use crate::kernel::error::{Error, ErrorKind};

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
    spool: File,
    extents: BTreeMap<String, SpoolExtent>,
}

/// The range of a file in the temporary file.
#[derive(Clone, Copy, Debug)]
struct SpoolExtent {
    offset: u64,
    len: u64,
}

impl SpoolExtent {
    fn read(self, spool: &File) -> std::io::Result<Vec<u8>> {
        let len = usize::try_from(self.len).map_err(std::io::Error::other)?;
        let mut contents = vec![0; len];
        spool.read_exact_at(&mut contents, self.offset)?;
        Ok(contents)
    }
}

impl PackageStore {
    /// Reads a package once, and keeps the files whose paths are wanted. Symbolic links are not kept; a hard link is kept only
    /// if its target was kept.
    ///
    /// # Errors
    /// If the package cannot be read to its end, or the temporary file cannot be written.
    pub(in crate::kernel) fn open(package: &Path, wanted: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let fail = |source| Error::new(package, ErrorKind::Package(PackageError::part("temporary file")(source)));
        let mut spool = BufWriter::with_capacity(BUFFER, tempfile::tempfile().map_err(fail)?);
        let mut end = 0;
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
                    EntryKind::File => {
                        let extent = SpoolExtent { offset: end, len: std::io::copy(entry.contents, &mut spool)? };
                        end += extent.len;
                        Some(extent)
                    }
                    EntryKind::Hardlink(target) => extents.get(target).copied(),
                    EntryKind::Symlink(_) => None,
                };
                extents.extend(extent.map(|extent| (path, extent)));
            }
            Ok(())
        })?;
        let spool = spool.into_inner().map_err(|error| fail(error.into_error()))?;
        Ok(Self(Arc::new(StoredPackage { package: package.to_owned(), metadata, spool, extents })))
    }

    /// The package it was read from.
    pub(in crate::kernel) fn package(&self) -> &Path {
        &self.0.package
    }

    /// What the package says of itself.
    pub(in crate::kernel) fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// The size of a file in bytes; `None` if it was not kept.
    pub(in crate::kernel) fn size(&self, path: &str) -> Option<u64> {
        self.0.extents.get(path).map(|extent| extent.len)
    }

    /// Reads the contents of a file back.
    ///
    /// # Errors
    /// If the file was not kept or cannot be read back.
    pub(in crate::kernel) fn get(&self, path: &str) -> Result<Vec<u8>, Error> {
        let StoredPackage { package, spool, extents, .. } = &*self.0;
        let extent = extents.get(path).ok_or(std::io::Error::from(std::io::ErrorKind::NotFound));
        let contents = extent.and_then(|extent| extent.read(spool));
        contents.map_err(|source| Error::new(package, ErrorKind::Package(PackageError::part(path)(source))))
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
