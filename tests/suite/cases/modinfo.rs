//! What `.modinfo` says: licence, vermagic, name and the tags that taint.

use super::{Case, case, foo};
use crate::ko::{Ko, Profile};

const LICENSES: [&str; 28] = [
    "GPL v2",
    "GPL and additional rights",
    "Dual BSD/GPL",
    "Dual MIT/GPL",
    "Dual MPL/GPL",
    "gpl",
    "GPL v3",
    "GPLv2",
    "GPL-2.0",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL v2 ",
    " GPL",
    "GPL\n",
    "LGPL",
    "BSD",
    "MIT",
    "Dual BSD/GPL v2",
    "Dual BSD/gpl",
    "GPL/BSD",
    "MPL",
    "Apache-2.0",
    "Proprietary",
    "Commercial",
    "CDDL",
    "NVIDIA",
    "unspecified",
    "",
];

pub fn licenses(_: &Profile) -> Vec<Case> {
    let mut cases = vec![case("license-gpl", "the licence is GPL", foo())];
    for (n, license) in LICENSES.into_iter().enumerate() {
        cases.push(case(format!("license-{n}"), format!("the licence is {license:?}"), foo().license(license)));
    }
    cases.extend([
        case("license-none", "no licence", foo().no_tag("license")),
        case("license-gpl-then-other", "two licences, the first GPL", foo().more("license", "Proprietary")),
        case("license-other-then-gpl", "two licences, the last GPL", foo().first("license", "Proprietary")),
        case(
            "license-none-gpl-tag",
            "a tag that only begins like licence",
            foo().no_tag("license").more("licenses", "GPL"),
        ),
        case(
            "license-nul",
            "text behind a NUL is not seen",
            foo().license("GPL\0for files only; proprietary otherwise"),
        ),
        case(
            "license-no-equals",
            "a tag without an equals sign",
            foo().no_tag("license").tweak(|elf| {
                elf.section(".modinfo").data.extend(*b"license\0license:GPL\0");
            }),
        ),
        case("license-equals", "a licence that begins with an equals sign", foo().license("=GPL")),
        case(
            "license-in-value",
            "a tag within another tag's value",
            foo().no_tag("license").more("author", "license=GPL"),
        ),
        case(
            "license-unended",
            "the last tag lacks its NUL",
            foo().no_tag("license").tweak(|elf| {
                elf.section(".modinfo").data.extend(*b"license=GPL");
            }),
        ),
        case(
            "license-padded",
            "NULs between the tags",
            foo().no_tag("license").tweak(|elf| {
                elf.section(".modinfo").data.extend(*b"\0\0\0license=GPL\0\0\0\0");
            }),
        ),
        case(
            "license-proprietary-gplonly",
            "a proprietary module asks for a GPL-only symbol",
            foo().license("Proprietary").needs("__symbol_get"),
        ),
        case(
            "license-bsd-gplonly",
            "a BSD module asks for a GPL-only symbol",
            foo().license("BSD").needs("__symbol_get"),
        ),
        case(
            "license-dual-gplonly",
            "a dual-licensed module asks for a GPL-only symbol",
            foo().license("Dual MIT/GPL").needs("__symbol_get"),
        ),
        case(
            "license-proprietary-weak",
            "a proprietary module asks weakly for a GPL-only symbol",
            foo().license("Proprietary").needs_weak("__symbol_get"),
        ),
        case(
            "license-proprietary-many",
            "a proprietary module asks for three GPL-only symbols among others",
            foo()
                .license("Proprietary")
                .needs("get_device")
                .needs("vfree")
                .needs("put_device")
                .needs("synchronize_rcu"),
        ),
    ]);
    cases
}

pub fn vermagic(profile: &Profile) -> Vec<Case> {
    let magic = profile.vermagic.clone();
    let (release, rest) = magic.split_once(' ').expect("a vermagic has words");
    let mut cases = Vec::new();
    let mut add = |name: &str, what: &str, text: String| {
        cases.push(case(format!("vermagic-{name}"), what, foo().tag("vermagic", &text)));
    };
    add("release", "another release, the rest equal", format!("1.2.3 {rest}"));
    add("release-prefix", "a release that only begins alike", format!("{release}x {rest}"));
    add("release-empty", "no release", format!(" {rest}"));
    add("release-only", "only the release", release.to_owned());
    add("release-only-space", "only the release and a space", format!("{release} "));
    add("no-smp", "not built for SMP", magic.replace("SMP ", ""));
    add("no-unload", "built without unloading", magic.replace("mod_unload ", ""));
    add(
        "preempt-other",
        "built for other preemption",
        if magic.contains("preempt ") { magic.replace("preempt ", "") } else { magic.replace("SMP ", "SMP preempt ") },
    );
    add("preempt-rt", "built for a real-time kernel", magic.replace("SMP ", "SMP preempt_rt "));
    add(
        "modversions-other",
        "with modversions where the kernel is without, and the other way round",
        if magic.contains("modversions ") { magic.replace("modversions ", "") } else { format!("{magic}modversions ") },
    );
    add("trimmed", "without the space at the end", magic.trim_end().trim_end_matches("aarch64").trim_end().to_owned());
    add("twice-space", "with another space at the end", format!("{magic} "));
    add("case", "lower case", magic.to_lowercase());
    add("prefix", "only the first half", magic[..magic.len() / 2].to_owned());
    add("longer", "with another word", format!("{magic}retpoline "));
    add("randstruct", "with randomised structures", format!("{magic}RANDSTRUCT_0123456789abcdef "));
    add("tab", "a tab for the first space", magic.replacen(' ', "\t", 1));
    add("garbage", "garbage", "%s%n".to_owned());
    add("586", "for a 586", format!("{magic}586 "));
    cases.push(case(
        "vermagic-empty",
        "an empty vermagic",
        foo().no_tag("vermagic").tweak(|elf| {
            elf.section(".modinfo").data.extend(*b"vermagic=\0");
        }),
    ));
    cases.push(case("vermagic-second", "two vermagics, the second right", foo().first("vermagic", "1.2.3 wrong ")));
    cases.push(case("vermagic-first", "two vermagics, the first right", foo().more("vermagic", "1.2.3 wrong ")));
    cases.push(case(
        "vermagic-release-no-versions",
        "another release and no __versions: the whole string counts",
        foo().tag("vermagic", &format!("1.2.3 {rest}")).no_versions(),
    ));
    cases.push(case(
        "vermagic-layout",
        "a wrong module_layout comes before a wrong vermagic",
        foo().tag("vermagic", "1.2.3 wrong ").crc("module_layout", 1),
    ));
    for flags in 0..4 {
        cases.push(
            case(
                format!("vermagic-wrong-flags-{flags}"),
                "a wrong vermagic with flags",
                foo().tag("vermagic", "1.2.3 wrong "),
            )
            .flags(flags),
        );
        cases.push(
            case(format!("vermagic-none-flags-{flags}"), "no vermagic with flags", foo().no_tag("vermagic"))
                .flags(flags),
        );
    }
    cases
}

pub fn tags(profile: &Profile) -> Vec<Case> {
    let mut cases = vec![case("tag-plain", "the first module out of the tree", foo())];
    for tag in ["intree", "staging", "livepatch", "test", "retpoline"] {
        for (n, value) in ["Y", "N", ""].into_iter().enumerate() {
            cases.push(case(format!("tag-{tag}-{n}"), format!("{tag}={value}"), foo().tag(tag, value)));
        }
        cases.push(case(format!("tag-{tag}-again"), format!("{tag} again"), foo().tag(tag, "Y")));
        cases.push(case(format!("tag-{tag}-none"), format!("no {tag}"), foo().no_tag(tag)));
    }
    cases.extend([
        case(
            "tag-all",
            "every tag that taints",
            foo().tag("staging", "Y").tag("livepatch", "Y").tag("test", "Y").license("Proprietary"),
        ),
        case(
            "tag-all-intree",
            "every tag that taints, and intree",
            foo().intree().tag("staging", "Y").tag("test", "Y").license("Proprietary"),
        ),
        case(
            "tag-livepatch-proprietary",
            "a proprietary live patch",
            foo().tag("livepatch", "Y").license("Proprietary"),
        ),
        case(
            "tag-version",
            "a version and a source version",
            foo().tag("version", "1.0").tag("srcversion", "0123456789ABCDEF"),
        ),
        case(
            "tag-scm",
            "tags the loader does not know",
            foo().tag("scmversion", "g0").tag("alias", "foo-*").tag("softdep", "pre: bar").tag("firmware", "foo.bin"),
        ),
        case("tag-long", "a tag of 3000 letters", foo().tag("description", &"d".repeat(3000))),
        case("name-other", "modinfo's name is not that of this_module", foo().tag("name", "bar").needs("nosuch")),
        case(
            "name-other-vermagic",
            "the same, with a wrong vermagic",
            foo().tag("name", "bar").tag("vermagic", "1.2.3 wrong "),
        ),
        case(
            "name-none",
            "modinfo without a name: that of this_module counts",
            foo().no_tag("name").tag("vermagic", "1.2.3 wrong "),
        ),
        case("name-none-ok", "modinfo without a name", foo().no_tag("name")),
        case("name-twice", "two names", foo().first("name", "first").tag("vermagic", "1.2.3 wrong ")),
        case("name-empty", "modinfo's name is empty", foo().tag("name", "").tag("vermagic", "1.2.3 wrong ")),
        case("name-dash", "a name with a dash", Ko::new("foo-bar").needs("nosuch")),
        case("name-percent", "a name that looks like a format", Ko::new("foo%s").needs("nosuch")),
        case("name-vmlinux", "a module called vmlinux", Ko::new("vmlinux")),
        case("name-kernel", "a module called kernel", Ko::new("kernel")),
        case("name-builtin", "a module called like one that is built in", Ko::new("printk")),
        case("name-builtin-workqueue", "and another", Ko::new("workqueue")),
        case("name-ndiswrapper", "the wrapper of Windows drivers", Ko::new("ndiswrapper").needs("__symbol_get")),
        case(
            "name-ndiswrapper-info",
            "only modinfo says ndiswrapper",
            foo().tag("name", "ndiswrapper").needs("__symbol_get"),
        ),
        case("name-driverloader", "the other wrapper of Windows drivers", Ko::new("driverloader").needs("kfree")),
        case(
            "name-driverloader-gpl",
            "the same asks for a GPL-only symbol",
            Ko::new("driverloader").needs("__symbol_get"),
        ),
        case("name-lve", "lve", Ko::new("lve").needs("kfree")),
        case("name-lve-gpl", "lve asks for a GPL-only symbol", Ko::new("lve").needs("__symbol_get")),
        case("ns-import-unused", "an import of a namespace that does not exist", foo().import_ns("NO_SUCH_NAMESPACE")),
        case("ns-import-empty", "an import of nothing", foo().import_ns("")),
        case("ns-import-module", "an import of a namespace of module names", foo().import_ns("module:kvm")),
        case("ns-import-module-bare", "an import of module: alone", foo().import_ns("module:")),
        case(
            "ns-import-module-later",
            "the same behind an innocent import",
            foo().import_ns("DMA_BUF").import_ns("module:foo"),
        ),
        case("ns-import-modules", "module without a colon is an ordinary name", foo().import_ns("modulekvm")),
        case(
            "ns-import-module-unknown",
            "the ban comes before unknown symbols",
            foo().import_ns("module:foo").needs("nosuch"),
        ),
        case("ns-import-module-case", "the ban knows only lower case", foo().import_ns("Module:foo")),
        case("ns-import-module-quoted", "with the quotes of a wrong macro", foo().import_ns("\"module:foo\"")),
    ]);
    let _ = profile;
    cases
}
