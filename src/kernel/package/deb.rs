//! Debian's packages: an `ar` archive of `debian-binary`, `control.tar` and `data.tar`. Of the `ar` format only the 60-byte
//! header of each member is read.

use std::io::{BufRead, Read};

use super::decompressed::decompressed;
use super::entry::{Metadata, VisitEntry};
use super::error::PackageError;
use super::tar;
use crate::compression::stream::{array, broken, skip};

/// The magic of an `ar` archive and the name of its first member.
pub(super) const MAGIC: &[u8] = b"!<arch>\ndebian-binary";
/// The length of the `ar` magic.
const ARCHIVE_MAGIC: u64 = 8;

/// Reads up to the end of `data.tar`. An input that ends before `data.tar` is cut short.
pub(super) fn read(mut input: impl BufRead, visit: VisitEntry<'_>) -> Result<Metadata, PackageError> {
    let mut metadata = Metadata::default();
    skip(&mut input, ARCHIVE_MAGIC).map_err(PackageError::part("ar"))?;
    loop {
        let (name, size) = member(&mut input).map_err(PackageError::part("ar"))?;
        let mut contents = input.by_ref().take(size);
        if name.starts_with("data.tar") {
            let tar = decompressed(contents).map_err(PackageError::part(&name))?;
            tar::read(&name, tar, visit)?;
            return Ok(metadata);
        }
        if name.starts_with("control.tar") {
            let tar = decompressed(contents.by_ref()).map_err(PackageError::part(&name))?;
            tar::read(&name, tar, &mut |entry| {
                if entry.path == "control" {
                    metadata = Metadata::from_lines(&tar::text(entry)?, ["Package", "Version", "Architecture"]);
                }
                Ok(())
            })?;
        }
        let left = contents.limit();
        skip(&mut input, left + size % 2).map_err(PackageError::part(&name))?;
    }
}

/// Reads the header of a member: 16 bytes of name, 32 of time, owner and mode, 10 of size in decimal, and two that end it.
fn member(input: &mut impl Read) -> std::io::Result<(String, u64)> {
    let name: [u8; 16] = array(input)?;
    skip(input, 32)?;
    let size: [u8; 10] = array(input)?;
    let end: [u8; 2] = array(input)?;
    let size = std::str::from_utf8(&size).ok().and_then(|size| size.trim_end().parse().ok());
    match size.filter(|_| end == *b"`\n") {
        Some(size) => Ok((String::from_utf8_lossy(&name).trim_end_matches([' ', '/']).to_owned(), size)),
        None => Err(broken("the header of a member is broken")),
    }
}
