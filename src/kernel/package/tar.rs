//! Tars: the ones within Debian's packages, and packages that are tars themselves.

use std::cell::Cell;
use std::io::{BufRead, Read, Result as IoResult};
use std::rc::Rc;

use super::decompressed::decompressed;
use super::entry::{CONTENTS_LIMIT, EntryKind, Metadata, PackageEntry, VisitEntry, normalized, read_rest};
use super::error::PackageError;
use super::sparse::{Filled, SparseFile};
use crate::compression::stream::{Unending, broken};

/// The size of a tar header in bytes.
pub(super) const BLOCK: u64 = 512;
/// The most bytes of headers for one entry: its own header and those with its long name and attributes, which are kept in
/// memory.
const HEADERS_LIMIT: u64 = 1 << 20;
/// The largest metadata file of a package.
const TEXT_LIMIT: u64 = 1 << 20;

/// Returns whether a block is the header of a tar entry: its checksum fits.
pub(super) fn is_header(block: &[u8]) -> bool {
    let mut header = ::tar::Header::new_old();
    let bytes = header.as_mut_bytes();
    if bytes.len() != block.len() {
        return false;
    }
    bytes.copy_from_slice(block);
    let stored = header.cksum();
    header.set_cksum();
    stored.is_ok_and(|stored| header.cksum().is_ok_and(|sum| sum == stored))
}

/// Reads a tar that is a package. Arch's packages have their metadata in `.PKGINFO`.
pub(super) fn read_package(input: impl BufRead, visit: VisitEntry<'_>) -> Result<Metadata, PackageError> {
    let mut metadata = Metadata::default();
    let tar = decompressed(input).map_err(PackageError::part("tar"))?;
    read("tar", tar, &mut |entry| {
        if entry.path != ".PKGINFO" {
            return visit(entry);
        }
        metadata = Metadata::from_lines(&text(entry)?, ["pkgname", "pkgver", "arch"]);
        Ok(())
    })?;
    Ok(metadata)
}

/// The text of an entry, cut at [`TEXT_LIMIT`].
pub(super) fn text(entry: PackageEntry<'_>) -> IoResult<String> {
    let mut bytes = Vec::new();
    entry.contents.take(TEXT_LIMIT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Passes the files of the tar `name` to `visit`, and reads the input to its end.
pub(super) fn read(name: &str, input: impl Read, visit: VisitEntry<'_>) -> Result<(), PackageError> {
    let allowed = Rc::new(Cell::new(HEADERS_LIMIT));
    let mut archive = ::tar::Archive::new(Metered { input: Unending(input), allowed: Rc::clone(&allowed) });
    let mut left = CONTENTS_LIMIT;
    for entry in archive.entries().map_err(PackageError::part(name))? {
        let mut entry = entry.map_err(PackageError::part(name))?;
        let size = entry.size();
        let sparse = SparseFile::of(&mut entry).map_err(PackageError::part(name))?;
        let headers = HEADERS_LIMIT - allowed.get();
        let cost = headers.saturating_add(sparse.as_ref().map_or(size, |sparse| sparse.size.max(size)));
        left = left.checked_sub(cost).ok_or(PackageError::TooLarge(CONTENTS_LIMIT))?;
        allowed.set(size);
        match sparse {
            Some(sparse) => show_sparse(&sparse, &mut entry, visit)?,
            None => show(&mut entry, visit)?,
        }
        std::io::copy(&mut entry, &mut std::io::sink()).map_err(PackageError::part(name))?;
        allowed.set(HEADERS_LIMIT);
    }
    read_rest(name, archive.into_inner().input.0, left)
}

fn show<R: Read>(entry: &mut ::tar::Entry<'_, R>, visit: VisitEntry<'_>) -> Result<(), PackageError> {
    let kind = entry.header().entry_type();
    if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() || kind.is_symlink() || kind.is_hard_link()) {
        return Ok(());
    }
    let path = normalized(&entry.path_bytes())?;
    let target = entry.link_name_bytes().unwrap_or_default();
    let kind = if kind.is_symlink() {
        EntryKind::Symlink(String::from_utf8_lossy(&target).into_owned())
    } else if kind.is_hard_link() {
        EntryKind::Hardlink(normalized(&target)?)
    } else {
        EntryKind::File
    };
    PackageEntry { path: &path, kind, contents: entry }.show(visit)
}

fn show_sparse(sparse: &SparseFile, contents: impl Read, visit: VisitEntry<'_>) -> Result<(), PackageError> {
    let path = normalized(sparse.path.as_bytes())?;
    let mut contents = Filled::new(contents, sparse.size).map_err(PackageError::part(&path))?;
    PackageEntry { path: &path, kind: EntryKind::File, contents: &mut contents }.show(visit)
}

/// A reader that fails once more than the allowed number of bytes is read.
struct Metered<R> {
    input: R,
    allowed: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let allowed = self.allowed.get();
        if allowed == 0 && !buffer.is_empty() {
            return Err(broken(format!("headers of more than {HEADERS_LIMIT} bytes")));
        }
        let read = self.input.by_ref().take(allowed).read(buffer)?;
        self.allowed.set(allowed.saturating_sub(read as u64));
        Ok(read)
    }
}
