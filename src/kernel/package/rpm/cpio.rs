//! `cpio` archives of the new ASCII format, the payload of RPM packages.

use std::collections::BTreeMap;
use std::io::{Empty, Read, Result as IoResult, empty};

use crate::compression::stream::{Unending, array, broken, read_into, skip};
use crate::kernel::package::entry::{
    CONTENTS_LIMIT, EntryKind, PATH_LIMIT, PackageEntry, VisitEntry, normalized, read_rest,
};
use crate::kernel::package::error::PackageError;

/// The bytes that a member counts besides its contents.
const MEMBER_COST: u64 = 4096;
/// The most names of hard-linked files that an archive may have.
const LINKS_LIMIT: usize = 1 << 16;

/// One member of an archive.
pub(super) struct Member {
    pub path: Vec<u8>,
    pub mode: u64,
    pub inode: Inode,
    pub links: u64,
    pub size: u64,
}

/// What identifies a file: all its names have the same inode.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inode {
    pub number: u64,
    pub device: u64,
}

/// `S_ISREG()`.
pub(super) const fn is_file(mode: u64) -> bool {
    mode & 0o170_000 == 0o100_000
}

/// `S_ISLNK()`.
const fn is_symlink(mode: u64) -> bool {
    mode & 0o170_000 == 0o120_000
}

/// Passes the files of an archive to `visit`, and reads the input to its end. A member may be an index into the files of the
/// package's header, which `known` looks up.
pub(super) fn read(
    input: impl Read,
    known: &mut dyn FnMut(usize) -> Option<Member>,
    visit: VisitEntry<'_>,
) -> Result<(), PackageError> {
    let mut input = Unending(input);
    let mut links = Links::default();
    let mut left = CONTENTS_LIMIT;
    while let Some(member) = member(&mut input, known).map_err(PackageError::part("cpio"))? {
        let size = member.size.saturating_add(MEMBER_COST);
        left = left.checked_sub(size).ok_or(PackageError::TooLarge(CONTENTS_LIMIT))?;
        let mut contents = input.by_ref().take(member.size);
        if is_file(member.mode) {
            links.show(&member, &mut contents, visit)?;
        } else if is_symlink(member.mode) {
            show_symlink(&member, &mut contents, visit)?;
        }
        let unread = contents.limit();
        let path = String::from_utf8_lossy(&member.path);
        skip(&mut input, unread + padding(member.size)).map_err(PackageError::part(&path))?;
    }
    links.show_empty(visit)?;
    read_rest("cpio", input.0, left)
}

/// The padding after `size` bytes: headers and contents start at a multiple of 4.
const fn padding(size: u64) -> u64 {
    size.wrapping_neg() % 4
}

/// Reads the header of a member: the magic; numbers of 8 hexadecimal digits, which are inode, mode, owner, group, links, time,
/// size, two for the device that holds the file, two for the device that the file is, size of the path and checksum; the path.
/// After the magic `07070X` follows only one number, an index. `None` for the member that ends an archive.
fn member(input: &mut impl Read, known: &mut dyn FnMut(usize) -> Option<Member>) -> IoResult<Option<Member>> {
    match &array(input)? {
        b"070701" | b"070702" => {}
        b"07070X" => {
            let index = number(input)?;
            skip(input, 2)?;
            let member = usize::try_from(index).ok().and_then(known);
            return member.map(Some).ok_or_else(|| broken("it names no file of the header"));
        }
        _ => return Err(broken("not the magic of a member")),
    }
    let mut numbers = [0; 13];
    for field in &mut numbers {
        *field = number(input)?;
    }
    let [inode, mode, _, _, links, _, size, major, minor, _, _, path_size, _] = numbers;
    if path_size > PATH_LIMIT as u64 {
        return Err(broken(format!("a path of {path_size} bytes")));
    }
    let mut path = Vec::new();
    read_into(input, path_size, &mut path)?;
    path.truncate(path.iter().position(|byte| *byte == 0).unwrap_or(path.len()));
    skip(input, padding(6 + 13 * 8 + path_size))?;
    let inode = Inode { number: inode, device: major << 32 | minor };
    let member = Member { path, mode, inode, links, size };
    Ok((member.path != b"TRAILER!!!").then_some(member))
}

fn number(input: &mut impl Read) -> IoResult<u64> {
    let digits: [u8; 8] = array(input)?;
    let number = std::str::from_utf8(&digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number.map(u64::from).ok_or_else(|| broken("a number that is none"))
}

fn show_symlink(member: &Member, contents: &mut dyn Read, visit: VisitEntry<'_>) -> Result<(), PackageError> {
    let path = normalized(&member.path)?;
    let mut target = Vec::new();
    contents.take(PATH_LIMIT as u64).read_to_end(&mut target).map_err(PackageError::part(&path))?;
    let kind = EntryKind::Symlink(String::from_utf8_lossy(&target).into_owned());
    PackageEntry { path: &path, kind, contents: &mut empty() }.show(visit)
}

/// Files with several names. One of the names, often the last, has the contents; the names before it are kept until it comes.
#[derive(Default)]
struct Links {
    shown: BTreeMap<Inode, String>,
    waiting: BTreeMap<Inode, Vec<String>>,
    count: usize,
}

impl Links {
    fn show(&mut self, member: &Member, contents: &mut dyn Read, visit: VisitEntry<'_>) -> Result<(), PackageError> {
        let path = normalized(&member.path)?;
        if member.links > 1 {
            self.count += 1;
            if self.count > LINKS_LIMIT {
                return Err(PackageError::part(&path)(broken(format!("more than {LINKS_LIMIT} links"))));
            }
            if member.size == 0 {
                match self.shown.get(&member.inode) {
                    Some(target) => hardlink(&path, target, &mut empty()).show(visit)?,
                    None => self.waiting.entry(member.inode).or_default().push(path),
                }
                return Ok(());
            }
        }
        PackageEntry { path: &path, kind: EntryKind::File, contents }.show(visit)?;
        for other in self.waiting.remove(&member.inode).unwrap_or_default() {
            hardlink(&other, &path, &mut empty()).show(visit)?;
        }
        if member.links > 1 {
            self.shown.insert(member.inode, path);
        }
        Ok(())
    }

    /// Reports the files whose contents never came as empty files.
    fn show_empty(self, visit: VisitEntry<'_>) -> Result<(), PackageError> {
        for path in self.waiting.into_values().flatten() {
            PackageEntry { path: &path, kind: EntryKind::File, contents: &mut empty() }.show(visit)?;
        }
        Ok(())
    }
}

fn hardlink<'a>(path: &'a str, target: &str, nothing: &'a mut Empty) -> PackageEntry<'a> {
    PackageEntry { path, kind: EntryKind::Hardlink(target.to_owned()), contents: nothing }
}
