use std::io::Write;

use crate::compression::Compression;
use crate::kernel::package::entry::EntryKind;
use crate::kernel::package::tests::{MODULE, SAMPLES, Sample, complaint, compressed, list_bytes};

fn rpm_header(values: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, kind, count, bytes) in values {
        for word in [*tag, *kind, data.len() as u32, *count] {
            index.extend(word.to_be_bytes());
        }
        data.extend(*bytes);
    }
    let mut header = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    header.extend((values.len() as u32).to_be_bytes());
    header.extend((data.len() as u32).to_be_bytes());
    [header, index, data].concat()
}

pub(in crate::kernel::package) fn rpm_of(
    compression: Option<Compression>,
    values: &[(u32, u32, u32, &[u8])],
    archive: &[u8],
) -> Vec<u8> {
    let mut package = super::MAGIC.to_vec();
    package.resize(96, 0);
    package.extend(rpm_header(&[(1000, 6, 1, b"not here\0")]));
    package.resize(package.len().next_multiple_of(8), 0);
    let names: [(u32, u32, u32, &[u8]); 5] = [
        (1000, 6, 1, b"linux\0"),
        (1001, 6, 1, b"6.1.0\0"),
        (1002, 6, 1, b"2\0"),
        (1022, 6, 1, b"amd64\0"),
        (1124, 6, 1, b"cpio\0"),
    ];
    package.extend(rpm_header(&[&names, values].concat()));
    package.extend(compressed(compression, archive));
    package
}

fn cpio_member(path: &str, mode: u32, [inode, links, size]: [u32; 3], contents: &[u8]) -> Vec<u8> {
    let mut member = b"070701".to_vec();
    for field in [inode, mode, 0, 0, links, 0, size, 8, 1, 0, 0, path.len() as u32 + 1, 0] {
        write!(member, "{field:08x}").unwrap();
    }
    member.extend(path.as_bytes());
    member.resize((member.len() + 1).next_multiple_of(4), 0);
    member.extend(contents);
    member.resize(member.len().next_multiple_of(4), 0);
    member
}

fn cpio_end() -> Vec<u8> {
    cpio_member("TRAILER!!!", 0, [0, 1, 0], b"")
}

/// The names of one file follow each other, and the last has the contents.
pub(in crate::kernel::package) fn cpio(samples: &[(&str, Sample)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (inode, (path, sample)) in samples.iter().enumerate() {
        let (inode, file) = (inode as u32, 0o100_644);
        let member = match sample {
            Sample::Folder => cpio_member(path, 0o040_755, [inode, 1, 0], b""),
            Sample::File(MODULE) => cpio_member(path, file, [99, 2, 0], b""),
            Sample::File(contents) => cpio_member(path, file, [inode, 1, contents.len() as u32], contents),
            Sample::Symlink(target) => cpio_member(path, 0o120_777, [inode, 1, target.len() as u32], target.as_bytes()),
            Sample::Hardlink(_) => cpio_member(path, file, [99, 2, MODULE.len() as u32], MODULE),
        };
        archive.extend(member);
    }
    archive.extend(cpio_end());
    archive
}

pub(in crate::kernel::package) fn rpm(compression: Option<Compression>) -> Vec<u8> {
    rpm_of(compression, &[], &cpio(&SAMPLES))
}

/// A size in a header is not trusted: memory is not allocated for bytes that do not follow.
#[test]
fn sizes_are_not_trusted() {
    let member = cpio_member("huge", 0o100_644, [1, 1, u32::MAX], b"");
    assert_eq!(complaint(&rpm_of(None, &[], &member)), "huge: it is cut short");
    assert_eq!(complaint(&rpm_of(None, &[], &member.repeat(2)[..6])), "cpio: it is cut short");
    let mut path = member.clone();
    path[94..102].copy_from_slice(b"ffffffff");
    assert_eq!(complaint(&rpm_of(None, &[], &path)), "cpio: a path of 4294967295 bytes");
    path[94..102].copy_from_slice(b"0000000g");
    assert_eq!(complaint(&rpm_of(None, &[], &path)), "cpio: a number that is none");

    let mut package = rpm(None);
    package[96 + 8..96 + 12].copy_from_slice(&[0, 1, 0, 0]);
    assert_eq!(complaint(&package), "header: a header too large to be one");
    package[96 + 8..96 + 12].copy_from_slice(&[0, 0, 0, 1]);
    package[96 + 12..96 + 16].copy_from_slice(&[3, 0xff, 0xff, 0xff]);
    assert_eq!(complaint(&package), "header: unexpected end of file");
}

#[test]
fn other_payloads_are_errors() {
    let delta: (u32, u32, u32, &[u8]) = (1124, 6, 1, b"drpm\0");
    let mut package = super::MAGIC.to_vec();
    package.resize(96, 0);
    package.extend(rpm_header(&[]));
    package.extend(rpm_header(&[delta]));
    assert_eq!(complaint(&package), "header: the payload is drpm, not cpio");
    assert_eq!(complaint(&rpm_of(None, &[], b"070707")), "cpio: not the magic of a member");
}

/// A package with a file of 4 GiB, or of version 6, has only indexes in the archive.
#[test]
fn files_are_found_in_the_header() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let modes: Vec<u8> = [0o100_644_u16, 0o100_644, 0o120_777].iter().flat_map(|mode| mode.to_be_bytes()).collect();
    let (sizes, folders, inodes) = (words(&[5, 5, 1]), words(&[0, 1, 1]), words(&[7, 7, 8]));
    let devices = words(&[1, 1, 1]);
    let values: [(u32, u32, u32, &[u8]); 7] = [
        (1028, 4, 3, &sizes),
        (1030, 3, 3, &modes),
        (1095, 4, 3, &devices),
        (1096, 4, 3, &inodes),
        (1116, 4, 3, &folders),
        (1117, 8, 3, b"a\0b\0c\0"),
        (1118, 8, 2, b"/x/\0/y/\0"),
    ];
    let archive =
        [&b"07070X00000002\0\0b\0\0\x0007070X00000000\0\x0007070X00000001\0\0hello\0\0\0"[..], &cpio_end()].concat();
    let (_, listing) = list_bytes(&rpm_of(None, &values, &archive)).unwrap();
    let expected = [
        ("x/a", EntryKind::Hardlink("y/b".to_owned()), &b""[..]),
        ("y/b", EntryKind::File, b"hello"),
        ("y/c", EntryKind::Symlink("b".to_owned()), b""),
    ];
    assert_eq!(listing, expected.map(|(path, kind, contents)| (path.to_owned(), kind, contents.to_vec())));
    let unknown = [&b"07070X00000003\0\0"[..], &cpio_end()].concat();
    assert_eq!(complaint(&rpm_of(None, &values, &unknown)), "cpio: it names no file of the header");
}
