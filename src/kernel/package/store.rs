//! What is wanted of a package, kept on disk in a file that has no name.

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

/// How much is written at once.
const BUFFER: usize = 128 << 10;
/// The most that the paths may have together, which are kept in memory: 64 MiB.
const PATHS_LIMIT: usize = 64 << 20;

/// The wanted files of a package. Clones share them, and every thread may read.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct PackageStore(Arc<Stored>);

#[derive(Debug)]
struct Stored {
    package: PathBuf,
    metadata: Metadata,
    spool: File,
    extents: BTreeMap<String, Extent>,
}

/// Where a file lies in the spool.
#[derive(Clone, Copy, Debug)]
struct Extent {
    offset: u64,
    len: u64,
}

impl PackageStore {
    /// Reads a package once, and keeps the files whose paths are wanted. Symbolic links are not kept, and another name of a
    /// file only when that was kept.
    ///
    /// # Errors
    /// When the package cannot be read to its end, or the disk is full.
    pub(in crate::kernel) fn open(package: &Path, wanted: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let fail = |source| Error::new(package, ErrorKind::Package(PackageError::part("temporary file")(source)));
        let mut spool = BufWriter::with_capacity(BUFFER, tempfile::tempfile().map_err(fail)?);
        let (mut end, mut paths) = (0, 0);
        let mut extents = BTreeMap::new();
        let metadata = format::read(package, &mut |entry| {
            if wanted(entry.path) {
                paths += entry.path.len();
                if paths > PATHS_LIMIT {
                    return Err(broken(format!("paths of more than {PATHS_LIMIT} bytes")));
                }
                let path = entry.path.to_owned();
                let extent = match &entry.kind {
                    EntryKind::File => {
                        let extent = Extent { offset: end, len: std::io::copy(entry.contents, &mut spool)? };
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
        Ok(Self(Arc::new(Stored { package: package.to_owned(), metadata, spool, extents })))
    }

    /// The package it was read from.
    pub(in crate::kernel) fn package(&self) -> &Path {
        &self.0.package
    }

    /// What the package says of itself.
    pub(in crate::kernel) fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// How large a file is; `None` if it was not kept.
    pub(in crate::kernel) fn size(&self, path: &str) -> Option<u64> {
        self.0.extents.get(path).map(|extent| extent.len)
    }

    /// The contents of a file.
    ///
    /// # Errors
    /// When it was not kept, or the system refuses.
    pub(in crate::kernel) fn get(&self, path: &str) -> Result<Vec<u8>, Error> {
        let Stored { package, spool, extents, .. } = &*self.0;
        let read = || {
            let extent = extents.get(path).ok_or(std::io::ErrorKind::NotFound)?;
            let len = usize::try_from(extent.len).map_err(std::io::Error::other)?;
            let mut contents = vec![0; len];
            spool.read_exact_at(&mut contents, extent.offset)?;
            Ok(contents)
        };
        read().map_err(|source| Error::new(package, ErrorKind::Package(PackageError::part(path)(source))))
    }

    /// The paths of what was kept, in their order.
    pub(in crate::kernel) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.extents.keys().map(String::as_str)
    }

    /// Those that begin with a prefix, which is a folder when it ends with `/`.
    pub(in crate::kernel) fn under(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let paths = self.0.extents.range::<str, _>(from).map(|(path, _)| path.as_str());
        paths.take_while(move |path| path.starts_with(prefix))
    }
}
