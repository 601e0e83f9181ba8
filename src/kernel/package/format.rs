//! The formats of packages, recognized by their first bytes.

use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use super::decompressed::decompressed;
use super::entry::{Metadata, VisitEntry};
use super::error::PackageError;
use super::{deb, rpm, tar};
use crate::compression::stream::Unending;
use crate::image::{is_file, open_regular};
use crate::kernel::error::{Error, ErrorKind};

/// The size of a read, in bytes.
const BUFFER: usize = 256 << 10;

/// The format of a package file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum PackageFormat {
    /// Debian's format: an `ar` archive of two tars.
    Deb,
    /// The format of Fedora, SUSE and others: headers and a `cpio` archive.
    Rpm,
    /// A tar, compressed or not, as Arch's packages are.
    Tar,
}

impl PackageFormat {
    /// The format of a file by its first bytes, decompressed if necessary; `None` for a file that is no package.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(in crate::kernel) fn of(path: &Path) -> Result<Option<Self>, Error> {
        Self::read(path).map_err(|source| Error::new(path, ErrorKind::Io(source)))
    }

    fn read(path: &Path) -> std::io::Result<Option<Self>> {
        let mut head = Vec::new();
        let mut input = BufReader::new(open_regular(path)?);
        input.by_ref().take(tar::BLOCK).read_to_end(&mut head)?;
        if head.starts_with(deb::MAGIC) {
            return Ok(Some(Self::Deb));
        }
        if head.starts_with(rpm::MAGIC) {
            return Ok(Some(Self::Rpm));
        }
        let mut block = Vec::new();
        // Broken compressed data is not an error here: the file may be no package at all.
        let read = decompressed(Cursor::new(head).chain(input))
            .and_then(|contents| contents.take(tar::BLOCK).read_to_end(&mut block));
        Ok((read.is_ok() && tar::is_header(&block)).then_some(Self::Tar))
    }
}

/// Returns whether a file is a package or a tar. A file that cannot be read is none.
pub fn is_package(path: &Path) -> bool {
    PackageFormat::of(path).is_ok_and(|format| format.is_some())
}

/// The package that a path leads into; `None` if the path is a file of its own or no part of it is a package.
pub fn package_around(path: &Path) -> Option<&Path> {
    let above = path.ancestors().skip(1).find(|above| is_file(above));
    above.filter(|above| is_package(above))
}

/// Reads a package from its beginning to its end, and passes its files to `visit` in their order.
///
/// # Errors
/// If the file is no package, is malformed or cut short, holds too much or a path that leads out of it, or if `visit` fails.
pub(super) fn read(path: &Path, visit: VisitEntry<'_>) -> Result<Metadata, Error> {
    let fail = |error| Error::new(path, ErrorKind::Package(error));
    let format = PackageFormat::of(path)?.ok_or_else(|| fail(PackageError::Unknown))?;
    let file = open_regular(path).map_err(|source| Error::new(path, ErrorKind::Io(source)))?;
    let metadata = match format {
        PackageFormat::Deb => deb::read(BufReader::with_capacity(BUFFER, Unending(file)), visit),
        PackageFormat::Rpm => rpm::read(BufReader::with_capacity(BUFFER, file), visit),
        PackageFormat::Tar => tar::read_package(BufReader::with_capacity(BUFFER, file), visit),
    };
    metadata.map_err(fail)
}
