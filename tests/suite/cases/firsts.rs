//! Boots of their own: what happens only once, and what the command line changes.

use super::{Case, Topic, case, foo};
use crate::ko::{Ko, Profile};
use crate::oracle::Op;

/// The first module of a kind says more than the second.
pub fn firsts(_: &Profile) -> Vec<Topic> {
    let first = |name, cases| Topic { name, cmdline: "", cases };
    vec![
        first(
            "first-proprietary",
            vec![
                case("prop-first", "the first module is proprietary", foo().license("Proprietary")),
                case("prop-second", "the second one is too", foo().license("Proprietary")),
                case("prop-third", "the third has no licence", foo().no_tag("license")),
                case("prop-lve", "then lve", Ko::new("lve")),
                case("gpl-after", "then a GPL module", foo()),
            ],
        ),
        first(
            "first-proprietary-intree",
            vec![
                case("intree-prop", "a proprietary module of the tree", foo().intree().license("Proprietary")),
                case("oot-after", "then one from outside", foo()),
                case("forced-after", "then a forced one", foo().no_versions()),
            ],
        ),
        first(
            "first-refused",
            vec![
                case(
                    "refused-prop",
                    "a proprietary module that is refused for a symbol",
                    foo().license("Proprietary").needs("nosuch"),
                ),
                case("accepted", "then an ordinary one", foo()),
            ],
        ),
        first(
            "first-refused-early",
            vec![
                case(
                    "refused-magic",
                    "a proprietary module of a wrong vermagic",
                    foo().license("Proprietary").tag("vermagic", "1.2.3 wrong "),
                ),
                case(
                    "refused-layout",
                    "a proprietary module for another kernel",
                    foo().license("Proprietary").crc("module_layout", 1),
                ),
                case(
                    "refused-wx",
                    "a proprietary module with a writable .text",
                    foo().license("Proprietary").patch(|file| file.patch(".text", crate::ko::Sh::Flags, 7)),
                ),
                case(
                    "refused-livepatch",
                    "a proprietary live patch",
                    foo().license("Proprietary").tag("livepatch", "Y"),
                ),
                case("accepted", "then an ordinary one", foo()),
            ],
        ),
        first(
            "first-forced",
            vec![
                case("forced", "no __versions", foo().no_versions()),
                case("forced-magic", "then no vermagic", foo().no_tag("vermagic")),
                case("forced-prop", "then a proprietary one", foo().license("Proprietary")),
            ],
        ),
        first(
            "first-forced-magic",
            vec![
                case("forced-magic", "no vermagic", foo().no_tag("vermagic")),
                case("forced", "then no __versions", foo().no_versions()),
            ],
        ),
        first(
            "first-forced-flags",
            vec![case("forced-flags", "both flags", foo()).flags(3), case("unforced", "then none", foo())],
        ),
        first(
            "first-forced-exports",
            vec![
                case(
                    "forced-exports",
                    "exports without versions",
                    foo().export("foo_a").tweak(|elf| {
                        if elf.find("__kcrctab").is_some() {
                            elf.remove("__kcrctab");
                        }
                    }),
                ),
                case("unforced", "then an ordinary one", foo()),
            ],
        ),
        first(
            "first-forced-refused",
            vec![
                case(
                    "forced-refused",
                    "no __versions, and a wrong vermagic",
                    foo().no_versions().tag("vermagic", "1.2.3 wrong "),
                ),
                case("unforced", "then an ordinary one", foo()),
            ],
        ),
        first(
            "first-all",
            vec![
                case(
                    "all",
                    "every taint at once",
                    foo()
                        .tag("staging", "Y")
                        .tag("livepatch", "Y")
                        .tag("test", "Y")
                        .license("Proprietary")
                        .no_versions(),
                ),
                case(
                    "all-again",
                    "and again",
                    foo()
                        .tag("staging", "Y")
                        .tag("livepatch", "Y")
                        .tag("test", "Y")
                        .license("Proprietary")
                        .no_versions(),
                ),
            ],
        ),
        first(
            "first-lve",
            vec![
                case("lve", "lve", Ko::new("lve")),
                case("lve-again", "lve again", Ko::new("lve")),
                case("prop", "then a proprietary module", foo().license("Proprietary")),
            ],
        ),
        first(
            "first-ndiswrapper",
            vec![
                case("ndiswrapper", "ndiswrapper", Ko::new("ndiswrapper").needs("__symbol_get")),
                case("prop", "then a proprietary module", foo().license("Proprietary")),
                case("driverloader", "then driverloader", Ko::new("driverloader")),
            ],
        ),
        first(
            "first-driverloader",
            vec![
                case("driverloader-prop", "a proprietary driverloader", Ko::new("driverloader").license("Proprietary")),
                case("after", "then an ordinary one", foo()),
            ],
        ),
        first(
            "first-duplicate",
            vec![
                case("stays", "a module that stays", Ko::new("stays").intree().no_exit()),
                case(
                    "stays-again-prop",
                    "the same name, proprietary and from outside",
                    Ko::new("stays").license("Proprietary"),
                ),
                case("after", "then an ordinary one", foo()),
            ],
        ),
        first(
            "first-retpoline",
            vec![
                case("retpoline-none", "built without retpolines", foo().no_tag("retpoline")),
                case("retpoline-again", "and again", foo().no_tag("retpoline")),
            ],
        ),
        first(
            "first-versions",
            vec![
                case("crc-none", "a version that is missing", foo().no_crc("kfree")),
                case("crc-none-again", "and again", foo().no_crc("kfree")),
                case(
                    "ext-none",
                    "an extended version that is missing",
                    foo().ext_versions().versions().tweak(|elf| {
                        elf.section("__version_ext_names")
                            .data
                            .iter_mut()
                            .for_each(|byte| *byte = byte.to_ascii_uppercase());
                    }),
                ),
            ],
        ),
        first(
            "first-unsafe",
            vec![
                case("unsafe", "a dangerous parameter", foo().param_with("danger", "param_ops_int", 1))
                    .args("danger=1"),
                case("unsafe-prop", "then a proprietary module", foo().license("Proprietary")),
            ],
        ),
    ]
}

fn message() -> Vec<u8> {
    let path = format!("{}/testdata/oracle/p7s/ec-sha256.p7s", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// `module.sig_enforce=1`.
pub fn enforced(profile: &Profile) -> Vec<Case> {
    let mut cases = vec![
        case("enforced-unsigned", "unsigned", foo()),
        case("enforced-stranger", "signed by a stranger", foo().signed(&message())),
        case(
            "enforced-type",
            "a signature of another kind",
            foo().signed_with(&message(), [0, 0, 1, 0, 0, 0, 0, 0], message().len() as u32),
        ),
        case(
            "enforced-info",
            "a signature with odd numbers",
            foo().signed_with(&message(), [0, 1, 2, 0, 0, 0, 0, 0], message().len() as u32),
        ),
        case("enforced-garbage", "garbage for a signature", foo().signed(&[0x5a; 100])),
        case(
            "enforced-length",
            "a signature longer than the file",
            foo().signed_with(&message(), [0, 0, 2, 0, 0, 0, 0, 0], 1 << 20),
        ),
        case("enforced-magic", "unsigned and no ELF", foo().patch(|file| file.bytes[0] = 0)),
        case("enforced-short", "unsigned and ten bytes", foo().patch(|file| file.bytes.truncate(10))),
        case("enforced-empty", "an empty file", foo().patch(|file| file.bytes.clear())),
        case("enforced-flags-8", "a flag nobody knows", foo()).flags(8),
        case("enforced-flags-3", "flags make it unsigned", foo().signed(&message())).flags(3),
        case("enforced-init", "by init_module()", foo()).op(Op::InsmodInit),
        case("enforced-init-short", "ten bytes by init_module()", foo().patch(|file| file.bytes.truncate(10)))
            .op(Op::InsmodInit),
    ];
    for flags in [4, 5] {
        cases.push(
            case(format!("enforced-flags-{flags}"), "a plain file with the flag of compression", foo()).flags(flags),
        );
    }
    let _ = profile;
    cases
}

/// `lockdown=integrity`.
pub fn lockdown(_: &Profile) -> Vec<Case> {
    vec![
        case("lockdown-unsigned", "unsigned", foo()),
        case("lockdown-stranger", "signed by a stranger", foo().signed(&message())),
        case("lockdown-garbage", "garbage for a signature", foo().signed(&[0x5a; 100])),
        case("lockdown-flags", "flags make it unsigned", foo().signed(&message())).flags(1),
        case("lockdown-magic", "unsigned and no ELF", foo().patch(|file| file.bytes[0] = 0)),
    ]
}

/// Both, and more.
pub fn locked_and_enforced(_: &Profile) -> Vec<Case> {
    vec![
        case("both-unsigned", "unsigned", foo()),
        case("both-stranger", "signed by a stranger", foo().signed(&message())),
        case("both-garbage", "garbage for a signature", foo().signed(&[0x5a; 100])),
    ]
}

/// `module_blacklist=foo,bar_baz,lve`.
pub fn blacklist(_: &Profile) -> Vec<Case> {
    vec![
        case("listed", "in the list", foo()),
        case("listed-last", "last in the list", Ko::new("lve")),
        case("listed-underscore", "in the list with an underscore", Ko::new("bar_baz")),
        case("listed-dash", "a dash is another name", Ko::new("bar-baz")),
        case("listed-prefix", "a longer name", Ko::new("foobar")),
        case("listed-half", "a shorter name", Ko::new("fo")),
        case("listed-comma", "a name with a comma", Ko::new("foo,bar_baz")),
        case("listed-info", "modinfo's name is in the list", Ko::new("other").tag("name", "foo")),
        case("listed-this", "only this_module's name is in the list", foo().tag("name", "other")),
        case("listed-nameless", "modinfo has no name: this_module's is taken", foo().no_tag("name")),
        case("listed-magic", "a wrong ELF header comes first", foo().patch(|file| file.bytes[0] = 0)),
        case("listed-layout", "the list comes before versions", foo().crc("module_layout", 1)),
        case("listed-vermagic", "and before vermagic", foo().tag("vermagic", "1.2.3 wrong ")),
        case("listed-prop", "and before taints", foo().license("Proprietary")),
        case("listed-signature", "a bad signature comes first", foo().signed(&[0x5a; 100])),
        case("listed-flags", "flags change nothing", foo()).flags(3),
        case("listed-not", "not in the list", Ko::new("innocent")),
    ]
}

/// `nomodule`.
pub fn nomodule(_: &Profile) -> Vec<Case> {
    vec![
        case("nomodule", "an ordinary module", foo()),
        case("nomodule-bad", "no ELF", foo().patch(|file| file.bytes[0] = 0)),
        case("nomodule-flags", "a flag nobody knows", foo()).flags(8),
        case("nomodule-init", "by init_module()", foo()).op(Op::InsmodInit),
    ]
}

/// `kernel.modules_disabled=1`, set after a first module.
pub fn disabled(_: &Profile) -> Vec<Case> {
    vec![
        case("enabled", "modules may be loaded", Ko::new("stays").no_exit()),
        case("disable", "modules are disabled", Ko::new("foo").patch(|file| file.bytes.clear())).op(Op::DisableModules),
        case("disabled", "modules may not be loaded", foo()),
        case("disabled-same", "nor again", Ko::new("stays")),
        case("disabled-unknown", "nor looked at", foo().needs("nosuch")),
    ]
}
