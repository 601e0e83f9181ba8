//! Export tables of single modules. How others see them is in `groups`.

use object::elf::{SHF_ALLOC, SHF_WRITE};

use super::{Case, case, foo};
use crate::ko::{Ko, Profile, Section, Sh};

pub fn cases(profile: &Profile) -> Vec<Case> {
    let mut cases = vec![
        case("one", "one export", foo().export("foo_a")),
        case("gpl", "one GPL-only export", foo().export_gpl("foo_a")),
        case(
            "both",
            "exports of both kinds",
            foo().export("foo_a").export_gpl("foo_b").export("foo_c").export_gpl("foo_d"),
        ),
        case("fifty", "fifty exports", (0..50).fold(foo(), |ko, n| ko.export(&format!("foo_{n:02}")))),
        case("proprietary", "a proprietary module exports", foo().license("Proprietary").export("foo_a")),
        case(
            "proprietary-gpl",
            "a proprietary module exports for GPL modules only",
            foo().license("Proprietary").export_gpl("foo_a"),
        ),
        case("kernel", "a symbol the kernel exports", foo().export("vfree")),
        case("kernel-gpl", "a symbol the kernel exports for GPL modules", foo().export("synchronize_rcu")),
        case(
            "kernel-gpl-proprietary",
            "a proprietary module exports a GPL-only symbol of the kernel",
            foo().license("Proprietary").export("synchronize_rcu"),
        ),
        case("kernel-as-gpl", "a plain symbol of the kernel, for GPL modules", foo().export_gpl("vfree")),
        case("kernel-two", "two symbols of the kernel", foo().export("vfree").export("memcpy")),
        case("kernel-second", "one of its own and one of the kernel", foo().export("aaa").export("vfree")),
        case("kernel-namespaced", "a symbol of the kernel, in another namespace", foo().export_in("", "vfree", "FOO")),
        case(
            "kernel-and-unknown",
            "an unknown symbol comes before a duplicate export",
            foo().export("vfree").needs("nosuch"),
        ),
        case("kernel-own-use", "uses and exports the same symbol", Ko::new("foo").export("vfree").needs("kfree")),
        case("same-twice", "the same symbol in both tables", foo().export("foo_a").export_gpl("foo_a")),
        case("namespace", "exports into a namespace", foo().export("foo_a").export_gpl("foo_b").namespace("FOO")),
        case("namespace-module", "exports for named modules", foo().export_gpl("foo_a").namespace("module:bar,baz-*")),
        case("namespace-empty-list", "exports for no module", foo().export_gpl("foo_a").namespace("module:")),
        case("gpl-future", "exports that will be GPL-only", foo().export_in("_gpl_future", "foo_a", "")),
        case("unused", "exports that are unused", foo().export_in("_unused", "foo_a", "")),
        case("unused-gpl", "exports that are unused, for GPL modules", foo().export_in("_unused_gpl", "foo_a", "")),
        case(
            "gpl-future-kernel",
            "a symbol of the kernel among those that will be GPL-only",
            foo().export_in("_gpl_future", "vfree", ""),
        ),
        case("unused-kernel", "a symbol of the kernel among the unused", foo().export_in("_unused", "vfree", "")),
        case(
            "no-crcs-flag-1",
            "exports without versions are no matter of flags",
            foo().export("foo_a").tweak(drop_crcs),
        )
        .flags(1),
        case("no-crcs", "exports without versions", foo().export("foo_a").tweak(drop_crcs)),
        case("no-crcs-gpl", "GPL-only exports without versions", foo().export_gpl("foo_a").tweak(drop_crcs)),
        case(
            "no-crcs-half",
            "only the GPL-only exports have versions",
            foo().export("foo_a").export_gpl("foo_b").tweak(|elf| {
                elf.remove("__kcrctab");
            }),
        ),
        case("empty-table", "an empty export table", foo().section(Section::new("__ksymtab", SHF_ALLOC, 4, []))),
        case(
            "empty-table-gpl",
            "an empty table of GPL-only exports",
            foo().section(Section::new("__ksymtab_gpl", SHF_ALLOC, 4, [])),
        ),
        case(
            "legacy-gpl",
            "a table of GPL-only exports, as before 7.1",
            foo().section(Section::new("__ksymtab_gpl", SHF_ALLOC, 4, [])).section(Section::new(
                "__kcrctab_gpl",
                SHF_ALLOC,
                4,
                [],
            )),
        ),
        case(
            "flags-alone",
            "export flags without exports",
            foo().section(Section::new("__kflagstab", SHF_ALLOC, 1, [1])),
        ),
        case(
            "not-alloc",
            "an export table that is not loaded",
            foo().export("vfree").patch(|file| {
                let index = file.section("__ksymtab");
                file.section_set(index, Sh::Flags, 0);
            }),
        ),
        case(
            "writable",
            "an export table that is writable",
            foo().export("foo_a").patch(|file| {
                file.patch("__ksymtab", Sh::Flags, u64::from(SHF_ALLOC | SHF_WRITE));
            }),
        ),
        case(
            "odd-size",
            "half an entry at the end of the table",
            foo().export("foo_a").tweak(|elf| {
                elf.section("__ksymtab").data.extend([0; 6]);
            }),
        ),
    ];
    if profile.kflagstab {
        cases.push(case(
            "kflagstab-none",
            "exports without flags",
            foo().export("foo_a").tweak(|elf| elf.remove("__kflagstab")),
        ));
        cases.push(case(
            "kflagstab-none-two",
            "two exports without flags",
            foo().export("foo_a").export_gpl("foo_b").tweak(|elf| elf.remove("__kflagstab")),
        ));
        cases.push(case(
            "kflagstab-not-alloc",
            "flags that are not loaded",
            foo().export("foo_a").patch(|file| file.patch("__kflagstab", Sh::Flags, 0)),
        ));
        cases.push(case(
            "kflagstab-all",
            "every flag is set",
            foo().export("foo_a").tweak(|elf| elf.section("__kflagstab").data[0] = 0xff),
        ));
        cases.push(case(
            "kflagstab-none-unknown",
            "missing flags come before unknown symbols",
            foo().needs("nosuch").export("foo_a").tweak(|elf| elf.remove("__kflagstab")),
        ));
        cases.push(case(
            "kcrctab",
            "versions where the kernel knows none",
            foo().export("foo_a").section(Section::new("__kcrctab", SHF_ALLOC, 4, [1; 4])),
        ));
    }
    cases
}

fn drop_crcs(elf: &mut crate::ko::Elf) {
    for table in ["__kcrctab", "__kcrctab_gpl"] {
        if elf.find(table).is_some() {
            elf.remove(table);
        }
    }
}
