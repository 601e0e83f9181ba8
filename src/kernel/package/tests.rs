use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::entry::EntryKind;
use super::entry::Metadata;
use super::rpm::tests::{cpio, rpm, rpm_of};
use ::tar as tar_crate;

use super::*;
use crate::compression::Compression;
use crate::kernel::error::{Error, ErrorKind};
use crate::terms::{Budget, Shown};

const CONFIG: &[u8] = b"CONFIG_MODULES=y\n";
pub(super) const MODULE: &[u8] = &[0x7f; 1301];
const LONG: &str =
    "usr/share/doc/linux-image-6.1.0-56-amd64/a-name-that-is-far-too-long-for-the-hundred-bytes-a-tar-has/and-more";

/// An entry of a sample package.
pub(super) enum Sample {
    Folder,
    File(&'static [u8]),
    Symlink(&'static str),
    Hardlink(&'static str),
}

pub(super) const SAMPLES: [(&str, Sample); 8] = [
    ("./", Sample::Folder),
    ("./boot/", Sample::Folder),
    ("./boot/config-6.1.0", Sample::File(CONFIG)),
    ("./boot/empty", Sample::File(b"")),
    ("/lib/modules/6.1.0/kernel/a.ko", Sample::File(MODULE)),
    ("./lib/modules/6.1.0/build", Sample::Symlink("/usr/src/linux")),
    ("./lib/modules/6.1.0/kernel/same.ko", Sample::Hardlink("lib/modules/6.1.0/kernel/a.ko")),
    (LONG, Sample::File(b"long")),
];

pub(super) fn compressed(compression: Option<Compression>, contents: &[u8]) -> Vec<u8> {
    let mut stored = Vec::new();
    match compression {
        Some(Compression::Gzip) => {
            flate2::read::GzEncoder::new(contents, flate2::Compression::fast()).read_to_end(&mut stored)
        }
        Some(Compression::Bzip2) => {
            bzip2::read::BzEncoder::new(contents, bzip2::Compression::fast()).read_to_end(&mut stored)
        }
        Some(Compression::Xz) => liblzma::read::XzEncoder::new(contents, 0).read_to_end(&mut stored),
        Some(Compression::Lzma) => {
            let options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
            let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
            liblzma::read::XzEncoder::new_stream(contents, stream).read_to_end(&mut stored)
        }
        Some(Compression::Zstd) => return zstd::encode_all(contents, 1).unwrap(),
        Some(other) => panic!("nothing is packed with {other}"),
        None => return contents.to_vec(),
    }
    .unwrap();
    stored
}

/// A header with the name exactly as given; the builder would change it.
fn tar_header(name: &str, kind: tar_crate::EntryType, size: u64) -> tar_crate::Header {
    let mut header = tar_crate::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header
}

fn tar(samples: &[(&str, Sample)]) -> Vec<u8> {
    use tar_crate::EntryType;
    let mut builder = tar_crate::Builder::new(Vec::new());
    for (path, sample) in samples {
        let mut header = tar_crate::Header::new_gnu();
        header.set_size(0);
        match sample {
            Sample::File(contents) if path.len() > 100 => {
                header.set_size(contents.len() as u64);
                builder.append_data(&mut header, path, *contents).unwrap();
            }
            Sample::File(contents) => {
                let header = tar_header(path, EntryType::Regular, contents.len() as u64);
                builder.append(&header, *contents).unwrap();
            }
            Sample::Folder => builder.append(&tar_header(path, EntryType::Directory, 0), &b""[..]).unwrap(),
            Sample::Symlink(target) | Sample::Hardlink(target) => {
                let is_symlink = matches!(sample, Sample::Symlink(_));
                header.set_entry_type(if is_symlink { EntryType::Symlink } else { EntryType::Link });
                builder.append_link(&mut header, path, target).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

fn arch(compression: Option<Compression>) -> Vec<u8> {
    let info = b"# Generated\npkgname = linux\npkgbase = linux\npkgver = 6.1.0-2\narch = amd64\n";
    let mut all = tar(&[(".PKGINFO", Sample::File(info))]);
    all.truncate(1024);
    compressed(compression, &[all, tar(&SAMPLES)].concat())
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, contents) in members {
        writeln!(archive, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, contents.len()).unwrap();
        archive.extend(*contents);
        archive.resize(archive.len().next_multiple_of(2), b'\n');
    }
    archive
}

fn deb_of(compression: Option<Compression>, data: &[u8]) -> Vec<u8> {
    let control = b"Package: linux\nArchitecture: amd64\nVersion: 6.1.0-2\nDescription: Linux\n Version: of many\n";
    let control = compressed(Some(Compression::Gzip), &tar(&[("./control", Sample::File(control))]));
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("_odd", b"odd"),
        ("control.tar.gz", &control),
        ("data.tar.x/", &compressed(compression, data)),
    ])
}

fn deb(compression: Option<Compression>) -> Vec<u8> {
    deb_of(compression, &tar(&SAMPLES))
}

const COMPRESSIONS: [Option<Compression>; 6] = [
    None,
    Some(Compression::Gzip),
    Some(Compression::Bzip2),
    Some(Compression::Xz),
    Some(Compression::Lzma),
    Some(Compression::Zstd),
];

/// A folder with one file in it.
struct OnDisk {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn on_disk(bytes: &[u8]) -> OnDisk {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("package");
    std::fs::write(&path, bytes).unwrap();
    OnDisk { path, _folder: folder }
}

pub(super) type Listing = Vec<(String, EntryKind, Vec<u8>)>;

fn list(path: &Path) -> Result<(Metadata, Listing), Error> {
    let mut listing = Vec::new();
    let metadata = format::read(path, &mut |entry| {
        let mut contents = Vec::new();
        entry.contents.read_to_end(&mut contents)?;
        listing.push((entry.path.to_owned(), entry.kind, contents));
        Ok(())
    })?;
    listing.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((metadata, listing))
}

pub(super) fn list_bytes(bytes: &[u8]) -> Result<(Metadata, Listing), Error> {
    list(&on_disk(bytes).path)
}

pub(super) fn complaint(bytes: &[u8]) -> String {
    let error = list_bytes(bytes).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Package(_)), "{error}");
    error.kind.to_string()
}

#[test]
fn every_format_lists_the_same_files() {
    let file = |path: &str, contents: &[u8]| (path.to_owned(), EntryKind::File, contents.to_vec());
    let (first, second) = ("lib/modules/6.1.0/kernel/a.ko", "lib/modules/6.1.0/kernel/same.ko");
    let hardlink = |path: &str, target: &str| (path.to_owned(), EntryKind::Hardlink(target.to_owned()), Vec::new());
    let expected = |modules: [_; 2]| {
        let [a, same] = modules;
        let build = "lib/modules/6.1.0/build".to_owned();
        vec![
            file("boot/config-6.1.0", CONFIG),
            file("boot/empty", b""),
            (build, EntryKind::Symlink("/usr/src/linux".to_owned()), Vec::new()),
            a,
            same,
            file(LONG, b"long"),
        ]
    };
    let metadata = Metadata {
        name: Some("linux".to_owned()),
        version: Some("6.1.0-2".to_owned()),
        arch: Some("amd64".to_owned()),
    };
    for compression in COMPRESSIONS {
        for (format, bytes) in [
            (PackageFormat::Deb, deb(compression)),
            (PackageFormat::Rpm, rpm(compression)),
            (PackageFormat::Tar, arch(compression)),
        ] {
            let package = on_disk(&bytes);
            assert_eq!(PackageFormat::of(&package.path).unwrap(), Some(format), "{compression:?}");
            let modules = match format {
                PackageFormat::Rpm => [hardlink(first, second), file(second, MODULE)],
                _ => [file(first, MODULE), hardlink(second, first)],
            };
            let found = list(&package.path).unwrap_or_else(|error| panic!("{format:?} {compression:?}: {error}"));
            assert_eq!(found, (metadata.clone(), expected(modules)), "{format:?} {compression:?}");
        }
    }
}

/// An incomplete package is an error; only padding at its end may be missing.
#[test]
fn truncated_packages_are_errors() {
    for compression in COMPRESSIONS {
        for bytes in [deb(compression), rpm(compression), arch(compression)] {
            let whole = list_bytes(&bytes).unwrap();
            for end in (0..bytes.len()).step_by(7).chain(bytes.len() - 32..bytes.len()) {
                match list_bytes(&bytes[..end]) {
                    Ok(found) => assert!(found == whole && bytes.len() - end <= 1024, "{compression:?} cut at {end}"),
                    Err(error) => assert!(matches!(error.kind, ErrorKind::Package(_)), "{error}"),
                }
            }
        }
    }
}

#[test]
fn broken_packages_do_no_harm() {
    for compression in [None, Some(Compression::Zstd)] {
        for bytes in [deb(compression), rpm(compression), arch(compression)] {
            for at in (0..bytes.len()).step_by(5) {
                let mut broken = bytes.clone();
                broken[at] ^= 1 << (at % 8);
                let _ = list_bytes(&broken);
            }
        }
    }
}

#[test]
fn no_path_leads_out_of_a_package() {
    let outside = "lib/../../etc/passwd";
    let refusal = r#"the path "lib/../../etc/passwd" leads nowhere or out of the package"#;
    assert_eq!(complaint(&tar(&[(outside, Sample::File(b"x"))])), refusal);
    assert_eq!(complaint(&deb_of(None, &tar(&[(outside, Sample::File(b"x"))]))), refusal);
    assert_eq!(complaint(&rpm_of(None, &[], &cpio(&[(outside, Sample::File(b"x"))]))), refusal);
    assert_eq!(complaint(&tar(&[("./", Sample::File(b""))])), r#"the path "./" leads nowhere or out of the package"#);
    let mut link = tar_header("link", tar_crate::EntryType::Link, 0);
    link.as_old_mut().linkname[..5].copy_from_slice(b"a/../");
    link.set_cksum();
    assert_eq!(
        complaint(&[link.as_bytes(), &[0; 1024][..]].concat()),
        r#"the path "a/../" leads nowhere or out of the package"#
    );
}

/// A size in a header is not trusted: memory is not allocated for bytes that do not follow.
#[test]
fn sizes_are_not_trusted() {
    let header = |name, kind, size: u64| tar_header(name, kind, size).as_bytes().to_vec();
    let regular = tar_crate::EntryType::Regular;
    assert_eq!(complaint(&header("huge", regular, 7 << 30)), "huge: it is cut short");
    assert_eq!(complaint(&header("huger", regular, 9 << 30)), "it holds more than 8589934592 bytes");
    let mut long = header("././@LongLink", tar_crate::EntryType::GNULongName, 3 << 20);
    long.resize(4 << 20, b'a');
    assert_eq!(complaint(&long), "tar: headers of more than 1048576 bytes");

    let mut builder = tar_crate::Builder::new(Vec::new());
    let mut unnamed = tar_header("", regular, 0);
    builder.append_data(&mut unnamed, "a/".repeat(2500), &b""[..]).unwrap();
    assert_eq!(complaint(&builder.into_inner().unwrap()), format!("{}…: a path of 5000 bytes", "a/".repeat(20)));

    let control = ar(&[("debian-binary", b"2.0\n"), ("control.tar", b"")]);
    assert_eq!(complaint(&control), "control.tar: it is cut short");
}

/// 5 bytes of data, a hole of 1000, and 2 more bytes.
#[test]
fn holes_are_filled() {
    let sparse = |map: &str, version: &[u8]| {
        let mut builder = tar_crate::Builder::new(Vec::new());
        let attributes = [
            ("GNU.sparse.major", version),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"./boot/vmlinux"),
            ("GNU.sparse.realsize", b"1007"),
        ];
        builder.append_pax_extensions(attributes).unwrap();
        let mut contents = map.as_bytes().to_vec();
        contents.resize(512, 0);
        contents.extend(b"abcdefg");
        let header = tar_header("GNUSparseFile.0/vmlinux", tar_crate::EntryType::Regular, contents.len() as u64);
        builder.append(&header, &contents[..]).unwrap();
        builder.into_inner().unwrap()
    };
    let (_, listing) = list_bytes(&sparse("2\n0\n5\n1005\n2\n", b"1")).unwrap();
    let contents = [b"abcde", &[0; 1000][..], b"fg"].concat();
    assert_eq!(listing, [("boot/vmlinux".to_owned(), EntryKind::File, contents)]);
    for (map, complaint_about) in [
        ("2\n0\n5\n4\n2\n", "its pieces do not fit together"),
        ("1\n1000\n8\n", "its pieces do not fit together"),
        ("1\n0\n18446744073709551615\n", "its pieces do not fit together"),
        ("1\n0\n8\n", "unexpected end of file"),
        ("65537\n", "more than 65536 pieces"),
        ("x\n", "the list of its pieces is broken"),
    ] {
        assert_eq!(complaint(&sparse(map, b"1")), format!("boot/vmlinux: {complaint_about}"));
    }
    assert_eq!(complaint(&sparse("", b"2")), "tar: a file with holes of a kind that gplok does not read");
}

#[test]
fn broken_member_headers_are_errors() {
    let mut archive = ar(&[("debian-binary", b"2.0\n")]);
    archive[66] = b' ';
    assert_eq!(complaint(&archive), "ar: the header of a member is broken");
}

#[test]
fn other_files_are_no_packages() {
    let archive = ar(&[("symbols", b"odd")]);
    let config = compressed(Some(Compression::Gzip), &CONFIG.repeat(100));
    for bytes in [&archive[..], &config, &config[..12], MODULE, CONFIG, b"", &[0; 1024]] {
        let file = on_disk(bytes);
        assert_eq!(PackageFormat::of(&file.path).unwrap(), None);
        assert!(matches!(list(&file.path).unwrap_err().kind, ErrorKind::Package(PackageError::Unknown)));
    }
    let missing = Path::new("/nonexistent/package.deb");
    assert!(matches!(PackageFormat::of(missing).unwrap_err().kind, ErrorKind::Io(_)));
}

#[test]
fn an_error_of_the_visitor_names_the_entry() {
    let package = on_disk(&deb(None));
    let error = format::read(&package.path, &mut |_| Err(std::io::Error::other("enough"))).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}: boot/config-6.1.0: enough", Shown::path(&package.path)));
}

#[test]
fn a_store_keeps_the_wanted_files() {
    for bytes in [deb(Some(Compression::Xz)), arch(None)] {
        let package = on_disk(&bytes);
        let store = PackageStore::open(&package.path, &Budget::default(), |path| !path.starts_with("usr/")).unwrap();
        assert_eq!(store.package(), package.path);
        assert_eq!(store.metadata().version.as_deref(), Some("6.1.0-2"));
        let modules = ["lib/modules/6.1.0/kernel/a.ko", "lib/modules/6.1.0/kernel/same.ko"];
        assert_eq!(store.under("lib/modules/").collect::<Vec<_>>(), modules);
        assert_eq!(store.paths().collect::<Vec<_>>(), ["boot/config-6.1.0", "boot/empty", modules[0], modules[1]]);
        std::thread::scope(|scope| {
            for path in modules {
                let store = store.clone();
                scope.spawn(move || assert_eq!(*store.get(path).unwrap(), *MODULE));
            }
        });
        assert_eq!(*store.get("boot/config-6.1.0").unwrap(), *CONFIG);
        assert!(store.get("boot/empty").unwrap().is_empty());
        let error = store.get(LONG).unwrap_err().to_string();
        assert_eq!(error, "entity not found");
    }
}

#[test]
fn a_broken_package_makes_no_store() {
    let bytes = deb(Some(Compression::Zstd));
    let package = on_disk(&bytes[..bytes.len() - 8]);
    assert!(PackageStore::open(&package.path, &Budget::default(), |_| true).is_err());
}
