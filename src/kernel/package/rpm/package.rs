//! What is read of an RPM package. Signatures are not looked at.

use std::collections::BTreeSet;
use std::io::{BufRead, Result as IoResult};

use super::cpio::{self, Inode, Member};
use super::header::{Header, Tag};
use crate::compression::stream::{broken, skip};
use crate::kernel::package::decompressed::decompressed;
use crate::kernel::package::entry::{Metadata, PATH_LIMIT, Visit};
use crate::kernel::package::error::PackageError;

pub(in crate::kernel::package) const MAGIC: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
/// What stands before the headers, of use to nobody.
const LEAD: u64 = 96;
/// How many files are looked up in a header.
const FILES_LIMIT: usize = 1 << 20;

pub(in crate::kernel::package) fn read(mut input: impl BufRead, visit: Visit<'_>) -> Result<Metadata, PackageError> {
    let header = headers(&mut input).map_err(PackageError::part("header"))?;
    let payload = decompressed(input).map_err(PackageError::part("payload"))?;
    let mut files = None;
    cpio::read(payload, &mut |index| files.get_or_insert_with(|| Files::of(&header)).get(index), visit)?;
    let string = |tag| Some(String::from_utf8_lossy(header.strings(tag).next()?).into_owned());
    let version = string(Tag::VERSION).zip(string(Tag::RELEASE));
    let version = version.map(|(version, release)| format!("{version}-{release}"));
    Ok(Metadata { name: string(Tag::NAME), version, arch: string(Tag::ARCH) })
}

fn headers(input: &mut impl BufRead) -> IoResult<Header> {
    skip(input, LEAD)?;
    let signatures = Header::read(input)?;
    skip(input, signatures.size().next_multiple_of(8) - signatures.size())?;
    let header = Header::read(input)?;
    let format = header.strings(Tag::PAYLOADFORMAT).next().unwrap_or(b"cpio");
    if format != b"cpio" {
        return Err(broken(format!("the payload is {}, not cpio", String::from_utf8_lossy(format))));
    }
    Ok(header)
}

/// The files as the header has them: the archive of a package with a file of 4 GiB, and any of version 6, has only their
/// numbers.
struct Files<'a> {
    folders: Vec<&'a [u8]>,
    files: Vec<File<'a>>,
}

struct File<'a> {
    folder: u64,
    name: &'a [u8],
    mode: u64,
    size: u64,
    inode: Inode,
    links: u64,
}

impl<'a> Files<'a> {
    fn of(header: &'a Header) -> Self {
        let sizes = header.numbers(Tag::LONGFILESIZES).chain(header.numbers(Tag::FILESIZES));
        let inodes = header.numbers(Tag::FILEINODES).zip(header.numbers(Tag::FILEDEVICES));
        let inodes = inodes.map(|(number, device)| Inode { number, device });
        let names = header.strings(Tag::BASENAMES).zip(header.numbers(Tag::DIRINDEXES));
        let files = names.zip(header.numbers(Tag::FILEMODES)).zip(sizes).zip(inodes).take(FILES_LIMIT);
        let mut files: Vec<_> = files
            .map(|((((name, folder), mode), size), inode)| File { folder, name, mode, size, inode, links: 1 })
            .collect();
        // Of the names of one file only the last has contents.
        let mut seen = BTreeSet::new();
        for file in files.iter_mut().rev().filter(|file| cpio::is_file(file.mode)) {
            if !seen.insert(file.inode) {
                (file.size, file.links) = (0, 2);
            }
        }
        Self { folders: header.strings(Tag::DIRNAMES).take(FILES_LIMIT).collect(), files }
    }

    fn get(&self, index: usize) -> Option<Member> {
        let File { folder, name, mode, size, inode, links } = *self.files.get(index)?;
        let folder = self.folders.get(usize::try_from(folder).ok()?)?;
        let is_short = folder.len() + name.len() <= PATH_LIMIT;
        is_short.then(|| Member { path: [folder, name].concat(), mode, size, inode, links })
    }
}
