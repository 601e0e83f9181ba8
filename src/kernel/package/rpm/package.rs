//! Reading an RPM package. Signatures are ignored.

use std::collections::BTreeSet;
use std::io::{BufRead, Result as IoResult};

use super::cpio::{self, Inode, Member};
use super::header::{RpmHeader, RpmTag};
use crate::compression::stream::{broken, skip};
use crate::kernel::package::decompressed::decompressed;
use crate::kernel::package::entry::{Metadata, PATH_LIMIT, VisitEntry};
use crate::kernel::package::error::PackageError;

pub(in crate::kernel::package) const MAGIC: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
/// The size of the obsolete lead before the headers.
const LEAD: u64 = 96;
/// The most files that are read from a header.
const FILES_LIMIT: usize = 1 << 20;

pub(in crate::kernel::package) fn read(
    mut input: impl BufRead,
    visit: VisitEntry<'_>,
) -> Result<Metadata, PackageError> {
    let header = headers(&mut input).map_err(PackageError::part("header"))?;
    let payload = decompressed(input).map_err(PackageError::part("payload"))?;
    let mut files = None;
    cpio::read(payload, &mut |index| files.get_or_insert_with(|| RpmFiles::of(&header)).get(index), visit)?;
    let string = |tag| Some(String::from_utf8_lossy(header.strings(tag).next()?).into_owned());
    let version =
        string(RpmTag::VERSION).zip(string(RpmTag::RELEASE)).map(|(version, release)| format!("{version}-{release}"));
    Ok(Metadata { name: string(RpmTag::NAME), version, arch: string(RpmTag::ARCH) })
}

fn headers(input: &mut impl BufRead) -> IoResult<RpmHeader> {
    skip(input, LEAD)?;
    let signatures = RpmHeader::read(input)?;
    skip(input, signatures.size().next_multiple_of(8) - signatures.size())?;
    let header = RpmHeader::read(input)?;
    let format = header.strings(RpmTag::PAYLOADFORMAT).next().unwrap_or(b"cpio");
    if format != b"cpio" {
        return Err(broken(format!("the payload is {}, not cpio", String::from_utf8_lossy(format))));
    }
    Ok(header)
}

/// The files as the header lists them. The archive of a package with a file of 4 GiB, or of a package of version 6, has only
/// indexes into this list.
struct RpmFiles<'a> {
    folders: Vec<&'a [u8]>,
    files: Vec<RpmFile<'a>>,
}

struct RpmFile<'a> {
    folder: u64,
    name: &'a [u8],
    mode: u64,
    size: u64,
    inode: Inode,
    links: u64,
}

impl<'a> RpmFiles<'a> {
    fn of(header: &'a RpmHeader) -> Self {
        let sizes = header.numbers(RpmTag::LONGFILESIZES).chain(header.numbers(RpmTag::FILESIZES));
        let inodes = header.numbers(RpmTag::FILEINODES).zip(header.numbers(RpmTag::FILEDEVICES));
        let inodes = inodes.map(|(number, device)| Inode { number, device });
        let names = header.strings(RpmTag::BASENAMES).zip(header.numbers(RpmTag::DIRINDEXES));
        let files = names.zip(header.numbers(RpmTag::FILEMODES)).zip(sizes).zip(inodes).take(FILES_LIMIT);
        let mut files: Vec<_> = files
            .map(|((((name, folder), mode), size), inode)| RpmFile { folder, name, mode, size, inode, links: 1 })
            .collect();
        // Only the last of the names of one file has contents.
        let mut seen = BTreeSet::new();
        for file in files.iter_mut().rev().filter(|file| cpio::is_file(file.mode)) {
            if !seen.insert(file.inode) {
                (file.size, file.links) = (0, 2);
            }
        }
        Self { folders: header.strings(RpmTag::DIRNAMES).take(FILES_LIMIT).collect(), files }
    }

    fn get(&self, index: usize) -> Option<Member> {
        let RpmFile { folder, name, mode, size, inode, links } = *self.files.get(index)?;
        let folder = self.folders.get(usize::try_from(folder).ok()?)?;
        let is_short = folder.len() + name.len() <= PATH_LIMIT;
        is_short.then(|| Member { path: [folder, name].concat(), mode, size, inode, links })
    }
}
