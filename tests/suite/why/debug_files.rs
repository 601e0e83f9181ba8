//! Debug information in a file of its own.

use std::path::{Path, PathBuf};

use gplok::image::{DebugFiles, Error, Image};
use gplok::verdict::{DebugInfo, Verdict};
use object::elf::{SHF_ALLOC, SHT_NOBITS, SHT_NOTE};

use super::{BARE, CALL, KEY, explained, module, uses, x86_64};
use crate::ko::{Ko, Section, Source};

const BOTH: [&str; 2] = ["devmap_key", "__put_page"];
const OWN: [u8; 4] = [0xab, 0xcd, 0xef, 0x01];

fn build_id(ko: Ko, id: [u8; 4]) -> Ko {
    // struct elf_note: sizes of name and description, type NT_GNU_BUILD_ID; the name, the bytes.
    let note = [&[4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0][..], b"GNU\0", &id].concat();
    ko.section(Section::new(".note.gnu.build-id", SHF_ALLOC, 4, note).kind(SHT_NOTE))
}

/// The module as it is shipped.
pub fn stripped(id: Option<[u8; 4]>) -> Ko {
    let ko = module(Source::new(&[super::unit()]));
    id.map_or(ko.clone(), |id| build_id(ko, id))
}

/// What `objcopy --only-keep-debug` leaves of it: sections that occupy memory have no contents. One more in front makes
/// that no section has the number it had.
pub fn detached(id: Option<[u8; 4]>) -> Vec<u8> {
    let ko = module(Source::new(&[super::unit()]).dwarf(5));
    let ko = id.map_or(ko.clone(), |id| build_id(ko, id));
    let ko = ko.tweak(|elf| {
        let emptied = elf.sections.iter_mut().filter(|section| section.flags & u64::from(SHF_ALLOC) != 0);
        for section in emptied.filter(|section| section.kind != SHT_NOTE) {
            section.size = section.size.max(section.data.len() as u64);
            (section.kind, section.data) = (SHT_NOBITS, Vec::new());
            section.relocs.clear();
        }
        elf.sections.insert(0, Section::new(".gnu_debuglink", 0, 4, [0; 8]));
    });
    ko.build(&x86_64())
}

/// A folder with the module.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(ko: &Ko) -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        desk.file("foo.ko", &ko.build(&x86_64()));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder is ours");
        std::fs::write(&path, bytes).expect("the folder is ours");
        path
    }

    fn explain(&self, debug: impl IntoIterator<Item = PathBuf>) -> Result<Verdict, Error> {
        let image = Image::open(self.path("foo.ko")).expect("it is there");
        explained(&image, &BOTH, DebugFiles::new(debug))
    }

    #[track_caller]
    fn read(&self, debug: impl IntoIterator<Item = PathBuf>, from: &Path) {
        let verdict = self.explain(debug).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(uses(&verdict), [KEY, CALL]);
        assert_eq!(verdict.debug_info, DebugInfo::Read { file: from.display().to_string() });
    }

    #[track_caller]
    fn absent(&self, debug: impl IntoIterator<Item = PathBuf>) {
        let verdict = self.explain(debug).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(uses(&verdict), BARE);
        assert_eq!(verdict.debug_info, DebugInfo::Absent);
    }
}

/// A file that is named, with build IDs or without.
#[test]
fn a_file_that_is_given() {
    for id in [None, Some(OWN)] {
        let desk = Desk::new(&stripped(id));
        desk.absent([]);
        let file = desk.file("foo.ko.debug", &detached(id));
        desk.read([file.clone()], &file);
    }
}

#[test]
fn a_folder_laid_out_by_build_id() {
    let desk = Desk::new(&stripped(Some(OWN)));
    let file = desk.file("debug/.build-id/ab/cdef01.debug", &detached(Some(OWN)));
    desk.read([desk.path("debug")], &file);
    // What lies there under a name that is not its own is no other module's.
    desk.file("debug/.build-id/ab/cdef01.debug", &detached(Some([1, 2, 3, 4])));
    desk.absent([desk.path("debug")]);
}

/// As in /usr/lib/debug: the module's own path, with .debug behind.
#[test]
fn a_folder_laid_out_by_path() {
    for id in [None, Some(OWN)] {
        let desk = Desk::new(&stripped(id));
        let module = std::fs::canonicalize(desk.path("foo.ko")).expect("it is there");
        let within = module.strip_prefix("/").expect("a path from the root").display().to_string();
        let file = desk.file(&format!("debug/{within}.debug"), &detached(id));
        desk.read([desk.path("debug")], &file);
    }
}

/// The file of another build would name lines that are not there.
#[test]
fn a_file_of_another_build_is_an_error() {
    let desk = Desk::new(&stripped(Some(OWN)));
    let file = desk.file("foo.ko.debug", &detached(Some([1, 2, 3, 4])));
    let error = desk.explain([file.clone()]).expect_err("it is of another build").to_string();
    assert!(error.starts_with(&format!("cannot read {}: ", file.display())), "{error}");
    assert!(error.contains("01020304") && error.contains("abcdef01"), "{error}");
    // Of several, each may be for another module.
    let other = desk.file("other.ko.debug", &detached(Some(OWN)));
    desk.read([file, other.clone()], &other);
}

/// What was asked for must be readable.
#[test]
fn a_file_that_is_no_debug_file_is_an_error() {
    let desk = Desk::new(&stripped(Some(OWN)));
    let text = desk.file("foo.debug", b"no debug file\n");
    let error = desk.explain([text.clone()]).expect_err("it is text").to_string();
    assert!(error.starts_with(&format!("cannot read {}: ", text.display())), "{error}");
}

/// Without build IDs only the name tells which of several files belongs to a module.
#[test]
fn several_files_without_build_ids() {
    let desk = Desk::new(&stripped(None));
    let (other, own) = (desk.file("bar.ko.debug", b""), desk.file("foo.ko.debug", &detached(None)));
    std::fs::write(&other, detached(None)).expect("the folder is ours");
    desk.read([other, own.clone()], &own);
}

/// Nobody asked for what happens to lie in the folder: broken, it helps nobody, and hinders nobody.
#[test]
fn a_broken_file_in_a_folder_is_passed_over() {
    let desk = Desk::new(&stripped(Some(OWN)));
    desk.file("debug/.build-id/ab/cdef01.debug", b"\xfd7zXZ\0 and no more");
    desk.absent([desk.path("debug")]);
}

/// A file that is asked for and is not there is no file of another module.
#[test]
fn a_file_that_is_not_there_is_an_error() {
    let desk = Desk::new(&stripped(Some(OWN)));
    let error = desk.explain([desk.path("nowhere.debug")]).expect_err("it is not there").to_string();
    assert!(error.starts_with(&format!("cannot read {}: ", desk.path("nowhere.debug").display())), "{error}");
}
