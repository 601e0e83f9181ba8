//! Causes and fixes: what is advised is of use.

use gplok::terms::{Arch, Class, ElfMachine, Endian};

use crate::cli::Desk;
use crate::ko::Ko;
use crate::made::{CONFIG_HEAD, Made};

/// The page of `check` about one module.
fn page(made: Made, ko: &Ko) -> String {
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    desk.file("foo.ko", ko.build(&profile));
    desk.run("check -k k foo.ko --no-cache").out
}

/// No module exports what compilers emit, so there is none to load first. Each kind is a cause of its own.
#[test]
fn symbols_that_compilers_emit_have_their_own_fix() {
    let ko = Ko::new("foo").needs("gone").needs("__udivdi3").needs("__stack_chk_guard").needs("__stack_chk_fail");
    let text = page(Made::new("5.10.0"), &ko.needs("__x86_indirect_thunk_rax").needs("__fentry__").needs("cosf"));
    for part in [
        "1 missing symbol [missing-symbol]\n    what: foo needs gone\n",
        "what: foo needs __udivdi3, which compilers call for a division of 64 bits on a 32-bit machine\n",
        "what: foo needs __stack_chk_guard and __stack_chk_fail, which code compiled with -fstack-protector uses\n",
        "fix: divide with div_u64(), div64_u64() or do_div()",
        "-fno-stack-protector",
        "CONFIG_MITIGATION_RETPOLINE",
        "CONFIG_FUNCTION_TRACER",
        "fix: compute with integers or fixed-point numbers",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(text.matches("load the module that exports").count(), 1, "{text}");
}

/// The page of a tree has one line for each kind.
#[test]
fn a_page_of_many_modules_keeps_them_apart() {
    let made = Made::new("5.10.0");
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    for (name, symbol) in [("a", "__udivdi3"), ("b", "__udivdi3"), ("c", "gone"), ("d", "__gcov_init")] {
        desk.file(&format!("t/{name}.ko"), Ko::new(name).needs(symbol).build(&profile));
    }
    let text = desk.run("check -k k --tree t --no-cache").ended(1).out.clone();
    for part in [": __udivdi3 (2)\n", ": gone (1)\n", ": __gcov_init (1)\n", "do_div()", "CONFIG_GCOV_KERNEL"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

const ESCAPE: [&str; 2] =
    ["_RNvMNtCsbnUg9pXy1Qk_4core3stre12escape_debug", "_RNvMNtCs2lKf6AS60Zg_4core3stre12escape_debug"];

/// The same path in a crate of another hash comes from another rustc.
#[test]
fn a_rust_symbol_of_another_compiler_is_recognized() {
    let ko = Ko::new("foo").needs(ESCAPE[0]).needs("_RNvNtCs1234_7mycrate3foo3bar");
    let made = Made::new("6.12.0").export_gpl(ESCAPE[1]);
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    desk.file("foo.ko", ko.build(&profile));
    let json = desk.run("check -k k foo.ko --format json").ended(1).json();
    let findings = &json["modules"][0]["findings"];
    assert_eq!(findings[0]["facts"]["namesake"], ESCAPE[1]);
    let cause = findings[0]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("(<str>::escape_debug)") && cause.contains("built with another rustc"), "{cause}");
    assert!(findings[0]["fix"].as_str().unwrap_or_default().contains("CONFIG_RUSTC_VERSION_TEXT"), "{findings}");
    assert_eq!(findings[1]["facts"]["namesake"], serde_json::Value::Null);
    assert!(findings[1]["cause"].as_str().unwrap_or_default().contains("(mycrate::foo::bar)"), "{findings}");
}

/// Where nothing lists what the kernel's modules export, the symbols that one of them must export are named.
#[test]
fn symbols_that_the_kernel_itself_lacks_are_named_while_its_modules_are_unknown() {
    let made = Made::new("6.12.0").no_tree();
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    desk.file("m/release", "6.12.0\n");
    desk.file("m/config", desk.read("k/config"));
    let map = "ffffffff81000000 T _text\nffffffff82000000 R __start___ksymtab\nffffffff82000000 r __ksymtab_printk\n\
               ffffffff8200000c R __stop___ksymtab\n";
    desk.file("System.map", map);
    desk.file("foo.ko", Ko::new("foo").needs("printk").needs("perhaps").needs(ESCAPE[0]).build(&profile));
    let text = desk.run("check -k m -k System.map foo.ko").ended(3).out.clone();
    assert!(text.contains("perhaps is exported by one of the kernel's modules"), "{text}");
    assert!(text.contains("(<str>::escape_debug) is exported by one of the kernel's modules"), "{text}");
    assert!(!text.contains("printk is exported by one"), "{text}");
}

/// The build stops before any kernel sees the module; each release has its words for it, where they are known.
#[test]
fn what_modpost_says_is_told_in_the_words_of_the_release() {
    let of = |release: &str| {
        let made = Made::new(release).export_gpl("one").export_gpl("two").export_gpl("three");
        let ko = Ko::new("foo").license("CDDL").needs("one").needs("two").needs("three");
        let page = page(made, &ko);
        page.lines().find_map(|line| line.trim().strip_prefix("build: ")).map(str::to_owned)
    };
    let stops = "modpost stops it, too:";
    let fatal = "FATAL: modpost: GPL-incompatible module foo.ko uses GPL-only symbol 'three'; it stops at the first that it comes to";
    let error = "ERROR: modpost: GPL-incompatible module foo.ko uses GPL-only symbol 'one'; and 2 such lines more";
    let module_first =
        "ERROR: modpost: foo.ko: GPL-incompatible module uses GPL-only symbol 'one'; and 2 such lines more";
    assert_eq!(of("4.18.0"), Some(format!("{stops} {fatal}")));
    assert_eq!(of("5.10.0"), Some(format!("{stops} {fatal}")));
    assert_eq!(of("5.15.0"), None);
    assert_eq!(of("6.1.0"), Some(format!("{stops} {error}")));
    assert_eq!(of("7.2.0"), Some(format!("{stops} {error}")));
    assert_eq!(of("7.3.0"), Some(format!("{stops} {module_first}")));
}

/// A module without a license is stopped for that, since 6.1 at the latest, and once for all symbols.
#[test]
fn modpost_misses_a_license_once() {
    let build = |release: &str| {
        let made = Made::new(release).export_gpl("one").export_gpl("two");
        let page = page(made, &Ko::new("foo").no_tag("license").needs("one").needs("two"));
        page.lines().find_map(|line| line.trim().strip_prefix("build: ")).map(str::to_owned)
    };
    let stops = "modpost stops it, too: ERROR: modpost:";
    assert_eq!(build("5.10.0"), None);
    assert_eq!(build("6.12.0"), Some(format!("{stops} missing MODULE_LICENSE() in foo.o")));
    assert_eq!(build("7.3.0"), Some(format!("{stops} foo.ko: missing MODULE_LICENSE()")));
}

/// modpost does not know the taint that a module inherits.
#[test]
fn modpost_says_nothing_of_an_inherited_taint() {
    let made = Made::new("6.1.0").export_gpl("gpl");
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    desk.file("nv.ko", Ko::new("nv").license("NVIDIA").export("nv_fn").build(&profile));
    desk.file("foo.ko", Ko::new("foo").needs("nv_fn").needs("gpl").build(&profile));
    let json = desk.run("check -k k nv.ko foo.ko --format json").ended(1).json();
    let findings = json["modules"][1]["findings"].as_array().cloned().unwrap_or_default();
    let hidden = findings.iter().find(|finding| finding["code"] == "gpl-only-symbol");
    assert_eq!(hidden.map(|finding| &finding["modpost"]), Some(&serde_json::Value::Null));
}

/// `upgrade` says of a module what `check` says: that the other module is proprietary, not that its export is GPL-only.
#[test]
fn upgrade_and_check_name_one_cause() {
    let made = Made::new("6.1.0").export_gpl("gpl");
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    desk.file("nv.ko", Ko::new("nv").license("NVIDIA").export("nv_fn").build(&profile));
    desk.file("foo.ko", Ko::new("foo").needs("gpl").needs("nv_fn").build(&profile));
    let check = desk.run("check -k k nv.ko foo.ko").ended(1).out.clone();
    let upgrade = desk.run("upgrade --from k --to k nv.ko foo.ko").ended(1).out.clone();
    let why = "nv_fn of nv, whose license \"NVIDIA\" is not GPL-compatible";
    assert!(check.contains(why) && upgrade.contains(why), "{check}\n{upgrade}");
    assert!(
        upgrade.contains("1 symbol of proprietary modules, beside GPL-only ones [gpl-only-with-proprietary]"),
        "{upgrade}"
    );
    assert!(upgrade.contains("no rebuild helps foo.ko"), "{upgrade}");
    assert!(!upgrade.contains("it is EXPORT_SYMBOL_GPL"), "{upgrade}");
}

/// The loader looks at the first license alone, modpost at all; every page says so, and nothing else.
#[test]
fn two_licenses_are_one_story() {
    let made = Made::new("6.1.0");
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    for (first, second, loads) in
        [("GPL", "GPL v3", true), ("GPL", "Proprietary", true), ("GPLv2", "GPL", false), ("Proprietary", "GPL", false)]
    {
        desk.file("lic.ko", Ko::new("lic").license(first).more("license", second).build(&profile));
        let (loader, counts) =
            if loads { ("GPL-compatible", "loads on") } else { ("proprietary", "taints the kernel") };
        let audit = desk.run("audit lic.ko -k k").ended(1).out.clone();
        assert_eq!(audit.matches("the loader takes lic for").count(), 1, "{audit}");
        assert!(audit.contains(&format!("the loader takes lic for {loader}, by the first alone; modpost")), "{audit}");
        let inspect = desk.run("inspect lic.ko").ended(0).out.clone();
        assert!(inspect.contains("modpost looks at all, and takes the module for proprietary"), "{inspect}");
        let check = desk.run("check -k k lic.ko").ended(0).out.clone();
        let line = format!("module license '{first}' taints kernel");
        assert!(check.contains(if loads { counts } else { &line }), "{check}");
        assert!(
            check.contains(&format!("looks only at the first license, \"{first}\", and never at \"{second}\"")),
            "{check}"
        );
        assert!(check.contains(&format!("lic counts as {loader}; modpost looks at all")), "{check}");
    }
    let page = desk.run("explain odd-license").ended(0).out.clone();
    assert!(page.contains("the first license=") && page.contains("modpost"), "{page}");
}

/// The kernel tries each symbol without a version, and the page says once that there are none.
#[test]
fn that_there_are_no_versions_is_said_once() {
    for made in [Made::new("6.1.0").modversions(), Made::new("6.1.0").modversions().config("MODULE_FORCE_LOAD")] {
        let made = made.export("kick");
        let text = page(made, &Ko::new("foo").needs("printk").needs("kick").no_versions());
        assert_eq!(text.matches("[no-versions]").count(), 1, "{text}");
    }
}

/// A kind of compression that nobody undoes is no broken copy.
#[test]
fn a_compression_that_no_loader_knows_is_named() {
    for (head, kind) in [(&b"BZh91AY&SY"[..], "bzip2"), (b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0", "lzma")] {
        let head = head.to_vec();
        let text = page(Made::new("6.1.0"), &Ko::new("foo").pack(move |_| [&head[..], &[7; 80]].concat()));
        assert!(text.contains(&format!("neither undoes {kind}")) && !text.contains("broken copy"), "{text}");
        assert!(text.contains("Invalid ELF header magic"), "{text}");
    }
}

/// What is asked for is what was not given.
#[test]
fn a_configuration_that_was_given_is_not_asked_for() {
    let made = Made::new("6.1.0").no_tree();
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    desk.file("m/config", desk.read("k/config"));
    desk.file("m/Module.symvers", desk.read("k/Module.symvers"));
    desk.file("foo.ko", Ko::new("foo").build(&profile));
    let text = desk.run("check -k m foo.ko").ended(3).out.clone();
    assert!(text.contains("version magic: add its modules") && text.contains("--release RELEASE"), "{text}");
    assert!(!text.contains("/boot/config-"), "{text}");
}

/// The processor and the size of words of mips are words of the version magic, as the kernel's headers put them.
#[test]
fn the_version_magic_of_mips_names_the_processor() {
    let page = |config: &str, vermagic: &str| {
        let mut made = Made::new("4.19.0").no_tree();
        made.profile.arch = Arch { machine: ElfMachine::Mips, class: Class::Elf32, endian: Endian::Big };
        made.profile.vermagic = vermagic.to_owned();
        let profile = made.profile.clone();
        let desk = Desk::with(made);
        let common = "CONFIG_MIPS=y\nCONFIG_CPU_BIG_ENDIAN=y\nCONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\n";
        desk.file("m/config", format!("{CONFIG_HEAD}{common}{config}"));
        desk.file("m/Module.symvers", desk.read("k/Module.symvers"));
        desk.file("foo.ko", Ko::new("foo").build(&profile));
        desk.run("check -k m --release 4.19.0 foo.ko").out.clone()
    };
    let config = "CONFIG_32BIT=y\nCONFIG_CPU_MIPS32_R2=y\n";
    let fits = page(config, "4.19.0 mod_unload MIPS32_R2 32BIT ");
    assert!(!fits.contains("vermagic]"), "{fits}");
    let differs = page(config, "4.19.0 mod_unload MIPS32_R1 32BIT ");
    assert!(differs.contains("should be '4.19.0 mod_unload MIPS32_R2 32BIT '"), "{differs}");
    let unknown = page("CONFIG_32BIT=y\nCONFIG_CPU_LOONGSON1=y\n", "4.19.1 mod_unload LOONGSON1 32BIT ");
    assert!(unknown.contains("version magic: add its modules"), "{unknown}");
}

/// What the C library has is not in the kernel.
#[test]
fn a_program_is_not_a_module() {
    let text = page(Made::new("6.1.0"), &Ko::new("foo").needs("malloc").needs("pthread_create").needs("memcpy"));
    assert!(text.contains("foo needs malloc and pthread_create, which programs take from the C library"), "{text}");
    assert!(text.contains("what: foo needs memcpy\n"), "{text}");
}

/// What did not exist yet is not asked for: signatures came with 3.7.
#[test]
fn an_old_kernel_is_not_asked_for_signatures() {
    let made = Made::new("2.6.32").no_tree();
    let profile = made.profile.clone();
    let desk = Desk::with(made);
    desk.file("m/Module.symvers", desk.read("k/Module.symvers"));
    desk.file("foo.ko", Ko::new("foo").needs("gone").build(&profile));
    let of = |release: &str| desk.run(&format!("check -k m --release {release} foo.ko")).out.clone();
    assert!(!of("2.6.32").contains("MODULE_SIG") && of("3.10.0").contains("CONFIG_MODULE_SIG"));
}

/// A key whose algorithm the kernel lacks is not one to enroll: another kind of key is what helps.
#[test]
fn a_key_that_the_kernel_cannot_use_is_not_one_to_enroll() {
    let p384 = include_bytes!("../../testdata/keys/p384.pem");
    let made = || Made::new("6.1.0").config("MODULE_SIG").config("CRYPTO_SHA512").config("CRYPTO_RSA").trusts(p384);
    let ko = Ko::new("foo").signed(include_bytes!("../../testdata/keys/p384-sha384.p7s"));
    let text = page(made(), &ko);
    assert!(text.contains("uses a key for ecdsa, which this kernel does not support"), "{text}");
    assert!(text.contains("an RSA key") && !text.contains("mokutil"), "{text}");
    let text = page(made().config("CRYPTO_ECDSA"), &ko);
    assert!(text.contains("[invalid-signature]"), "{text}");
}

/// What is wrong with the header of a signature is said in words of its own.
#[test]
fn the_header_of_a_signature_is_described() {
    let message = include_bytes!("../../testdata/keys/rsa-sha256.p7s");
    let page = |info: [u8; 8], len: u32| {
        page(Made::new("6.1.0").config("MODULE_SIG"), &Ko::new("foo").signed_with(message, info, len))
    };
    let text = page([0, 0, 2, 0, 0, 0, 0, 0], 1 << 20);
    assert!(text.contains("its header gives 1048576 bytes for the message"), "{text}");
    let text = page([0, 0, 1, 0, 0, 0, 0, 0], message.len() as u32);
    assert!(text.contains("uses identifier type 1 (X.509) instead of 2 (PKCS#7), which this kernel"), "{text}");
}
