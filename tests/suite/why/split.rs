//! Debug information that the compiler left in a file beside the object (`CONFIG_DEBUG_INFO_SPLIT`).
//!
//! gimli writes no such units: their few bytes are put together here.

use gplok::image::{DebugFiles, Image};
use gplok::verdict::DebugInfo;

use super::{BARE, CALL, explained, module, uses, x86_64};
use crate::ko::{Elf, Ko, Section, Source, refer, section_symbol};

/// What ties an object to its `.dwo`.
const ID: [u8; 8] = *b"split id";

const STRING: u8 = 0x08;
const UDATA: u8 = 0x0f;
const DATA8: u8 = 0x07;

/// The abbreviations of attributes: number, tag, whether children follow, then attribute and form by turns.
fn abbreviation(number: u8, tag: u8, children: bool, attributes: &[&[u8]]) -> Vec<u8> {
    [&[number, tag, u8::from(children)], attributes.concat().as_slice(), &[0, 0]].concat()
}

/// A unit from its entries: DWARF 5 has its type and the ID in the head, DWARF 4 among the attributes.
fn unit(version: u8, kind: u8, entries: &[u8]) -> Vec<u8> {
    let head = match version {
        5 => [&[5, 0, kind, 8, 0, 0, 0, 0][..], &ID].concat(),
        _ => vec![version, 0, 0, 0, 0, 0, 8],
    };
    let length = (head.len() + entries.len()) as u32;
    [&length.to_le_bytes(), head.as_slice(), entries].concat()
}

/// The module: the lines, and a unit that leaves all else to the file `name`.
fn skeleton(version: u8, name: &'static str) -> Ko {
    module(Source::new(&[super::unit()]).dwarf(version.into())).tweak_for(move |elf, profile| {
        for gone in ["debug_info", "debug_abbrev", "debug_str", "debug_ranges", "debug_rnglists"] {
            elf.remove(&format!(".{gone}"));
        }
        // Folder, lines; then the name of the file and where its addresses are: attributes of DWARF 5, or GNU's before.
        let (tag, dwo, addresses, id): (u8, &[u8], &[u8], &[u8]) = match version {
            5 => (0x4a, &[0x76], &[0x73], &[]),
            _ => (0x11, &[0xb0, 0x42], &[0xb3, 0x42], &[0xb1, 0x42, DATA8]),
        };
        let attributes: [&[u8]; 9] =
            [&[0x1b, STRING, 0x10, 0x17], dwo, &[STRING], addresses, &[0x17], &[0x11, 0x01], &[0x12, UDATA], id, &[]];
        let abbreviations = [abbreviation(1, tag, false, &attributes), vec![0]].concat();
        // A table of addresses has a head from DWARF 5.
        let head: &[u8] = if version == 5 { &[20, 0, 0, 0, 5, 0, 8, 0] } else { &[] };
        let id: &[u8] = if version == 5 { &[] } else { &ID };
        let entry =
            [&[1][..], b"/build/foo\0", &[0; 4], name.as_bytes(), &[0, head.len() as u8, 0, 0, 0], &[0; 8], &[40], id];
        let info = unit(version, 4, &entry.concat());
        let low = info.len() - id.len() - 9;
        elf.sections.push(Section::new(".debug_abbrev", 0, 1, abbreviations));
        elf.sections.push(Section::new(".debug_info", 0, 1, info));
        elf.sections.push(Section::new(".debug_addr", 0, 1, [head, &[0; 16]].concat()));
        section_symbol(elf, ".text");
        let mut point = |section, offset: usize, addend| {
            refer(elf.section(section), profile, (offset as u64, 8), ".text", profile.pointer().0, addend);
        };
        point(".debug_info", low, 0x40);
        point(".debug_addr", head.len(), 0x40);
        point(".debug_addr", head.len() + 8, 0x58);
    })
}

/// The file beside: `foo_read`, and `put_page` inlined in line 12 of it. Addresses are numbers in the table of the module.
fn dwo(version: u8) -> Vec<u8> {
    let addrx: &[u8] = if version == 5 { &[0x1b] } else { &[0x81, 0x3e] };
    let low: &[&[u8]] = &[&[0x11], addrx, &[0x12, UDATA]];
    let id: &[u8] = if version == 5 { &[] } else { &[0xb1, 0x42, DATA8] };
    let function = [&[&[0x03, STRING][..]], low].concat();
    let inlined = [&[&[0x31, 0x13][..]], low, &[&[0x58, UDATA, 0x59, UDATA]]].concat();
    let abbreviations = [
        abbreviation(1, 0x11, true, &[&[0x03, STRING], id]),
        abbreviation(2, 0x2e, false, &[&[0x03, STRING, 0x20, 0x0b]]),
        abbreviation(3, 0x2e, true, &function),
        abbreviation(4, 0x1d, false, &inlined),
        vec![0],
    ];
    let id: &[u8] = if version == 5 { &[] } else { &ID };
    let head = if version == 5 { 20 } else { 11 };
    let top = [&[1][..], b"main.c\0", id].concat();
    let origin = (head + top.len()) as u32;
    // The file of a call is a number in the module's list: from 0 in DWARF 5, from 1 before.
    let file = u8::from(version < 5);
    let entries = [
        top.as_slice(),
        &[2],
        b"put_page\0\x03",
        &[3],
        b"foo_read\0",
        &[0, 40],
        &[4],
        &origin.to_le_bytes(),
        &[1, 8, file, 12],
        &[0, 0],
    ];
    let sections = vec![
        Section::new(".debug_abbrev.dwo", 0, 1, abbreviations.concat()),
        Section::new(".debug_info.dwo", 0, 1, unit(version, 5, &entries.concat())),
    ];
    Elf { e_flags: 0, sections, symbols: Vec::new() }.write(&x86_64())
}

/// By the name the object has for it, in the folder of the object, whichever folder the compiler was run in.
#[test]
fn units_in_files_beside_the_module() {
    for version in [4, 5] {
        for name in ["main.dwo", "objects/main.dwo"] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("foo.ko");
            std::fs::write(&path, skeleton(version, name).build(&x86_64())).expect("the folder is ours");
            let verdict = || {
                let image = Image::open(&path).expect("it is there");
                explained(&image, &["__put_page"], DebugFiles::default()).expect("no file is asked for")
            };
            // Without its other half the debug information knows no function.
            assert_eq!(uses(&verdict()), &BARE[1..], "DWARF {version}, {name}");
            std::fs::write(folder.path().join("main.dwo"), dwo(version)).expect("the folder is ours");
            assert_eq!(uses(&verdict()), [CALL], "DWARF {version}, {name}");
            assert_eq!(verdict().debug_info, DebugInfo::Read { file: path.display().to_string() });
        }
    }
}

/// Where a path out of the module leads is up to whoever built it: it is followed below the folder of the module and of debug files
/// only, and through no link that leads out of them.
#[test]
fn units_in_files_elsewhere_are_not_opened() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("module/sub")).expect("the folder is ours");
    std::fs::create_dir_all(path("elsewhere")).expect("the folder is ours");
    std::fs::write(path("elsewhere/main.dwo"), dwo(5)).expect("the folder is ours");
    let uses_with = |name: &str, debug: Option<&str>| {
        std::fs::write(path("module/foo.ko"), skeleton(5, name.to_owned().leak()).build(&x86_64()))
            .expect("the folder is ours");
        let image = Image::open(path("module/foo.ko")).expect("it is there");
        uses(&explained(&image, &["__put_page"], DebugFiles::new(debug.map(path))).expect("no file is asked for"))
    };
    let elsewhere = path("elsewhere/main.dwo").display().to_string();
    let up = "../elsewhere/main.dwo";
    assert_eq!(uses_with(&elsewhere, None), &BARE[1..]);
    assert_eq!(uses_with(up, None), &BARE[1..]);
    assert_eq!(uses_with(&elsewhere, Some("elsewhere")), [CALL]);
    assert_eq!(uses_with(&elsewhere, Some("module")), &BARE[1..]);
    symlink(&elsewhere, path("module/main.dwo")).expect("linked");
    assert_eq!(uses_with("main.dwo", None), &BARE[1..], "a link leads out");
    std::fs::remove_file(path("module/main.dwo")).expect("removed");
    symlink("../elsewhere", path("module/out")).expect("linked");
    assert_eq!(uses_with("out/main.dwo", None), &BARE[1..], "a link to a folder leads out");
    std::fs::copy(path("elsewhere/main.dwo"), path("module/sub/main.dwo")).expect("copied");
    let below = path("module/sub/main.dwo").display().to_string();
    for name in ["sub/main.dwo", "./sub/../sub/main.dwo", &below] {
        assert_eq!(uses_with(name, None), [CALL], "{name}");
    }
    symlink(&below, path("module/link.dwo")).expect("linked");
    assert_eq!(uses_with("link.dwo", None), [CALL], "a link that stays below");
}

/// A file that is no object, and one that breaks off, leave what the module itself knows.
#[test]
fn broken_files_beside_the_module() {
    let whole = dwo(5);
    let module = skeleton(5, "main.dwo").build(&x86_64());
    for length in (0..whole.len()).step_by(7) {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
        write("foo.ko", &module);
        write("main.dwo", &whole[..length]);
        let image = Image::open(folder.path().join("foo.ko")).expect("it is there");
        let verdict = explained(&image, &["__put_page"], DebugFiles::default()).expect("no file is asked for");
        assert_eq!(verdict.findings[0].uses().len(), 1);
    }
}
