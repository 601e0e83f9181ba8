//! `__versions` and the extended tables. On a kernel without modversions they are not checked.

use object::elf::SHF_ALLOC;

use super::{Case, case, foo};
use crate::ko::{Elf, Ko, Profile, Section, Sh};

/// One entry of `__versions` on a 64-bit machine.
fn entry(crc: u64, name: &str) -> Vec<u8> {
    let mut entry = crc.to_le_bytes().to_vec();
    entry.extend(name.bytes());
    entry.resize(64, 0);
    entry
}

fn table(elf: &mut Elf) -> &mut Vec<u8> {
    &mut elf.section("__versions").data
}

pub fn cases(profile: &Profile) -> Vec<Case> {
    let kfree = u64::from(profile.crc("kfree"));
    let layout = u64::from(profile.crc("module_layout"));
    let with = || foo().versions();
    let ext = || foo().ext_versions();
    let mut cases = vec![
        case("right", "every version is right", with()),
        case("layout-wrong", "built against another kernel", foo().crc("module_layout", 0xdead_beef)),
        case(
            "layout-high",
            "the version of module_layout has upper bits",
            foo().crc("module_layout", layout | 1 << 32),
        ),
        case("layout-none", "module_layout is not listed", foo().no_crc("module_layout")),
        case("layout-wrong-flag-2", "a wrong module_layout with flag 2", foo().crc("module_layout", 1)).flags(2),
        case("crc-wrong", "the version of kfree is wrong", foo().crc("kfree", 0x1234)),
        case("crc-zero", "the version of kfree is 0", foo().crc("kfree", 0)),
        case("crc-high", "the version of kfree has upper bits", foo().crc("kfree", kfree | 1 << 40)),
        case("crc-off-by-one", "the version of kfree is off by one bit", foo().crc("kfree", kfree ^ 1)),
        case("crc-none", "kfree is not listed", foo().no_crc("kfree")),
        case("crc-none-again", "kfree is not listed, again", foo().no_crc("kfree")),
        case("crc-none-two", "two symbols are not listed", foo().needs("vfree").no_crc("kfree").no_crc("vfree")),
        case("crc-none-weak", "a weak symbol is not listed", Ko::new("foo").needs_weak("kfree").no_crc("kfree")),
        case("crc-wrong-weak", "a weak symbol of a wrong version", Ko::new("foo").needs_weak("kfree").crc("kfree", 5)),
        case(
            "crc-wrong-gplonly",
            "a proprietary module with a wrong version of a GPL-only symbol",
            foo().license("Proprietary").needs("__symbol_get").crc("__symbol_get", 5),
        ),
        case(
            "crc-wrong-then-unknown",
            "a wrong version, then an unknown symbol",
            foo().crc("kfree", 5).needs("nosuch"),
        ),
        case(
            "crc-unknown-then-wrong",
            "an unknown symbol, then a wrong version",
            Ko::new("foo").needs("nosuch").needs("kfree").crc("kfree", 5),
        ),
        case(
            "crc-three-wrong",
            "three wrong versions",
            foo().needs("vfree").needs("memcpy").crc("kfree", 5).crc("vfree", 6).crc("memcpy", 7),
        ),
        case(
            "crc-extra",
            "versions of symbols nobody needs",
            with().tweak(|elf| {
                let more = entry(77, "nobody_needs_this");
                table(elf).extend(more);
            }),
        ),
        case("crc-layout-last", "module_layout stands last", with().tweak(|elf| table(elf).rotate_left(64))),
        case(
            "crc-twice-first-wrong",
            "two entries, the first wrong",
            with().tweak(|elf| {
                let wrong = entry(9, "kfree");
                table(elf).splice(64..64, wrong);
            }),
        ),
        case(
            "crc-twice-last-wrong",
            "two entries, the last wrong",
            with().tweak(|elf| table(elf).extend(entry(9, "kfree"))),
        ),
        case(
            "crc-name-dash",
            "names compare exactly",
            foo().no_crc("kfree").tweak(move |elf| table(elf).extend(entry(kfree, "Kfree"))),
        ),
        case(
            "crc-name-prefix",
            "a name that only begins alike",
            foo().no_crc("kfree").tweak(move |elf| table(elf).extend(entry(kfree, "kfreex"))),
        ),
        case(
            "crc-name-full",
            "a name that fills its room without NUL",
            with().tweak(|elf| {
                let full = entry(1, &"x".repeat(56));
                table(elf).extend(full);
            }),
        ),
        case("table-none", "no __versions", foo().no_versions()),
        case("table-none-again", "no __versions, again", foo().no_versions()),
        case("table-empty", "an empty __versions", with().tweak(|elf| table(elf).clear())),
        case("table-odd", "a table with half an entry at its end", with().tweak(|elf| table(elf).extend([1; 32]))),
        case(
            "table-cut",
            "the last entry is one byte short",
            with().tweak(|elf| {
                table(elf).pop();
            }),
        ),
        case(
            "table-garbage",
            "a table of garbage",
            with().tweak(|elf| table(elf).iter_mut().for_each(|byte| *byte = 0x55)),
        ),
        case(
            "table-not-alloc",
            "modprobe --force took the flag from the table",
            with().patch(|file| file.patch("__versions", Sh::Flags, 0)),
        ),
        case(
            "table-renamed",
            "a table by another name",
            with().tweak(|elf| elf.section("__versions").name = "__version".to_owned()),
        ),
        case(
            "table-nobits",
            "a table that takes no room in the file",
            foo().no_versions().section(Section::nobits("__versions", SHF_ALLOC, 8, 64)),
        ),
        case(
            "table-two",
            "two tables, the first right",
            with().section(Section::new("__versions", SHF_ALLOC, 8, entry(1, "module_layout"))),
        ),
        case(
            "table-two-swapped",
            "two tables, the first wrong",
            with().tweak(|elf| {
                elf.sections.insert(0, Section::new("__versions", SHF_ALLOC, 8, entry(1, "module_layout")));
            }),
        ),
        case("ext-right", "both kinds of tables, all right", ext().versions()),
        case("ext-only", "only extended tables, all right", ext().no_versions()),
        case(
            "ext-only-release",
            "only extended tables, and another release",
            ext().no_versions().tag("vermagic", "1.2.3 SMP "),
        ),
        case(
            "ext-crcs-only",
            "extended versions without names",
            ext().versions().tweak(|elf| elf.remove("__version_ext_names")),
        ),
        case("after-ext-crcs-only", "the next message ends the line", with()),
        case(
            "ext-names-only",
            "extended names without versions",
            ext().versions().tweak(|elf| elf.remove("__version_ext_crcs")),
        ),
        case(
            "ext-names-few",
            "fewer names than versions",
            ext().versions().tweak(|elf| elf.section("__version_ext_crcs").data.extend([1, 2, 3, 4])),
        ),
        case(
            "ext-names-more",
            "more names than versions",
            ext().versions().tweak(|elf| elf.section("__version_ext_names").data.extend(*b"more\0")),
        ),
        case(
            "ext-names-unended",
            "the last name lacks its NUL",
            ext().versions().tweak(|elf| {
                elf.section("__version_ext_names").data.pop();
            }),
        ),
        case(
            "ext-odd",
            "a version of three bytes",
            ext().versions().tweak(|elf| elf.section("__version_ext_crcs").data.extend([1, 2, 3])),
        ),
        case(
            "ext-empty",
            "empty extended tables",
            ext().versions().tweak(|elf| {
                elf.section("__version_ext_crcs").data.clear();
                elf.section("__version_ext_names").data.clear();
            }),
        ),
        case(
            "ext-wrong",
            "the extended version is wrong, the plain one right",
            ext().versions().tweak(|elf| {
                elf.section("__version_ext_crcs").data[4] ^= 1;
            }),
        ),
        case(
            "ext-not-alloc",
            "extended tables that are not loaded",
            ext().versions().patch(|file| {
                file.patch("__version_ext_crcs", Sh::Flags, 0);
                file.patch("__version_ext_names", Sh::Flags, 0);
            }),
        ),
        case(
            "ext-not-alloc-half",
            "extended versions that are not loaded",
            ext().versions().patch(|file| {
                file.patch("__version_ext_crcs", Sh::Flags, 0);
            }),
        ),
    ];
    let right: Vec<(String, Ko)> = vec![
        ("right".to_owned(), with()),
        ("wrong".to_owned(), foo().crc("kfree", 3)),
        ("layout".to_owned(), foo().crc("module_layout", 3)),
        ("release".to_owned(), with().tag("vermagic", "1.2.3 SMP ")),
    ];
    for (name, ko) in right {
        for flags in 1..4 {
            cases.push(
                case(format!("flags-{flags}-{name}"), format!("flags {flags}, versions {name}"), ko.clone())
                    .flags(flags),
            );
        }
    }
    cases
}
