//! Telling packages apart.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use super::decompressed::decompressed;
use super::entry::{Metadata, Visit};
use super::error::PackageError;
use super::{deb, rpm, tar};
use crate::compression::stream::Unending;
use crate::kernel::error::{Error, ErrorKind};

/// How much is read of a file at once.
const BUFFER: usize = 256 << 10;

/// What a package file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Format {
    /// Debian's: an `ar` archive of two tars.
    Deb,
    /// That of Fedora, SUSE and others: headers and a `cpio` archive.
    Rpm,
    /// Arch's, or any tar, compressed or not.
    Tar,
}

impl Format {
    /// Tells it by the first bytes, those of a compressed file undone; `None` for other files.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(in crate::kernel) fn of(path: &Path) -> Result<Option<Self>, Error> {
        let of = || {
            let mut head = Vec::new();
            let mut input = BufReader::new(File::open(path)?);
            input.by_ref().take(tar::BLOCK).read_to_end(&mut head)?;
            if head.starts_with(deb::MAGIC) {
                return Ok(Some(Self::Deb));
            }
            if head.starts_with(rpm::MAGIC) {
                return Ok(Some(Self::Rpm));
            }
            let mut block = Vec::new();
            // What is compressed and broken is for others to refuse.
            let undone = decompressed(Cursor::new(head).chain(input))
                .and_then(|undone| undone.take(tar::BLOCK).read_to_end(&mut block));
            Ok((undone.is_ok() && tar::is_header(&block)).then_some(Self::Tar))
        };
        of().map_err(|source| Error::new(path, ErrorKind::Io(source)))
    }
}

/// Reads a package from its beginning to its end, and shows its files in their order.
///
/// # Errors
/// When it is no package, broken or cut short, holds too much or a path that leads out of it, or when `visit` fails.
pub(super) fn read(path: &Path, visit: Visit<'_>) -> Result<Metadata, Error> {
    let fail = |error| Error::new(path, ErrorKind::Package(error));
    let format = Format::of(path)?.ok_or_else(|| fail(PackageError::Unknown))?;
    let file = File::open(path).map_err(|source| Error::new(path, ErrorKind::Io(source)))?;
    let metadata = match format {
        Format::Deb => deb::read(BufReader::with_capacity(BUFFER, Unending(file)), visit),
        Format::Rpm => rpm::read(BufReader::with_capacity(BUFFER, file), visit),
        Format::Tar => tar::read_package(BufReader::with_capacity(BUFFER, file), visit),
    };
    metadata.map_err(fail)
}
