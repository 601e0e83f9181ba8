//! `cpio` archives of the new ASCII format, as the payload of RPM packages is.

use std::collections::BTreeMap;
use std::io::{Empty, Read, Result as IoResult, empty};

use crate::compression::stream::{Unending, array, broken, read_into, skip};
use crate::kernel::package::entry::{CONTENTS_LIMIT, Entry, EntryKind, PATH_LIMIT, Visit, normalised, read_rest};
use crate::kernel::package::error::PackageError;

/// What a member costs besides its contents.
const MEMBER_COST: u64 = 4096;
/// How many files with several names are kept in mind.
const LINKS_LIMIT: usize = 1 << 16;

/// One member of an archive.
pub(super) struct Member {
    pub path: Vec<u8>,
    pub mode: u64,
    pub inode: Inode,
    pub links: u64,
    pub size: u64,
}

/// What the names of one file share.
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

/// Shows the files of an archive, and reads the input to its end. Members may be numbers, and `known` says what they stand
/// for.
pub(super) fn read(
    input: impl Read,
    known: &mut dyn FnMut(usize) -> Option<Member>,
    visit: Visit<'_>,
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

/// Everything starts at a multiple of 4.
const fn padding(size: u64) -> u64 {
    size.wrapping_neg() % 4
}

/// Magic, and then numbers of 8 hexadecimal digits: inode, mode, owner, group, links, time, size, two of the device, two of
/// the device it is, size of the path, checksum; the path. `None` is the member that ends an archive. Instead of all this
/// `07070X` has one number.
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

fn show_symlink(member: &Member, contents: &mut dyn Read, visit: Visit<'_>) -> Result<(), PackageError> {
    let path = normalised(&member.path)?;
    let mut target = Vec::new();
    contents.take(PATH_LIMIT as u64).read_to_end(&mut target).map_err(PackageError::part(&path))?;
    let kind = EntryKind::Symlink(String::from_utf8_lossy(&target).into_owned());
    Entry { path: &path, kind, contents: &mut empty() }.show(visit)
}

/// The files with several names: one of these has the contents, often the last, and the others wait for it.
#[derive(Default)]
struct Links {
    shown: BTreeMap<Inode, String>,
    waiting: BTreeMap<Inode, Vec<String>>,
    count: usize,
}

impl Links {
    fn show(&mut self, member: &Member, contents: &mut dyn Read, visit: Visit<'_>) -> Result<(), PackageError> {
        let path = normalised(&member.path)?;
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
        Entry { path: &path, kind: EntryKind::File, contents }.show(visit)?;
        for other in self.waiting.remove(&member.inode).unwrap_or_default() {
            hardlink(&other, &path, &mut empty()).show(visit)?;
        }
        if member.links > 1 {
            self.shown.insert(member.inode, path);
        }
        Ok(())
    }

    /// Those whose contents never came have none.
    fn show_empty(self, visit: Visit<'_>) -> Result<(), PackageError> {
        for path in self.waiting.into_values().flatten() {
            Entry { path: &path, kind: EntryKind::File, contents: &mut empty() }.show(visit)?;
        }
        Ok(())
    }
}

fn hardlink<'a>(path: &'a str, target: &str, nothing: &'a mut Empty) -> Entry<'a> {
    Entry { path, kind: EntryKind::Hardlink(target.to_owned()), contents: nothing }
}
