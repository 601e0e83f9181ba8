//! What describes a kernel: files, directories, trees; and what is wrong with them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gplok::check::check;
use gplok::image::Image;
use gplok::kernel::{Difference, Fact, Kernel};
use gplok::load::{Cmdline, Insmod, Machine};
use gplok::terms::{ElfMachine, Errno, KernelVersion, ModuleName};
use gplok::verdict::{Code, Outcome};
use tempfile::TempDir;

#[cfg(feature = "cli")]
use crate::cli::Desk;
use crate::ko::{Ko, Profile};
use crate::made::Made;

const SYMVERS: &str =
    "0x12345678\tkmalloc\tvmlinux\tEXPORT_SYMBOL\t\n0x9abcdef0\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n";

/// A folder with these files.
pub fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    folder
}

fn error(path: &Path) -> String {
    let text = Kernel::open(&[path]).expect_err("an error").to_string();
    text.replace(&path.display().to_string(), "PATH")
}

/// Files that depmod wrote tell what is built in; without any module beside them they are no tree.
#[test]
fn lists_without_modules_are_no_tree() {
    let bare = folder(&[("Module.symvers", SYMVERS.as_bytes()), ("modules.builtin", b"kernel/lib/built_in.ko\n")]);
    let kernel = Kernel::open(&[bare.path()]).expect("a kernel");
    assert!(kernel.tree().is_none());
    assert_eq!(kernel.builtin(), Some(&[ModuleName::new("built_in")][..]));
}

#[test]
fn a_headers_directory_names_itself_in_utsrelease() {
    // Debian's packages change the release after kbuild has written it: kernel.release keeps the stable version.
    let headers = folder(&[
        ("Module.symvers", SYMVERS.as_bytes()),
        (".config", b"CONFIG_X86_64=y\nCONFIG_MODVERSIONS=y\n"),
        ("include/generated/utsrelease.h", b"#define UTS_RELEASE \"6.1.0-56-amd64\"\n"),
        ("include/config/kernel.release", b"6.1.192\n"),
    ]);
    let kernel = Kernel::open(&[headers.path()]).expect("a kernel");
    assert_eq!(kernel.release().map(ToString::to_string).as_deref(), Some("6.1.0-56-amd64"));
    assert_eq!(kernel.version(), Some(KernelVersion::new(6, 1, 192)));
    assert_eq!(kernel.exports().map(|exports| exports.rows().len()), Some(2));
    assert_eq!(kernel.modversions(), Some(true));
}

#[test]
fn compressed_files_are_found_behind_their_names() {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(SYMVERS.as_bytes()).expect("in memory");
    let zst = zstd::bulk::compress(b"# Linux/arm64 6.1.0 Kernel Configuration\nCONFIG_ARM64=y\nCONFIG_64BIT=y\n", 1)
        .expect("in memory");
    let files = [("Module.symvers.xz", xz.finish().expect("in memory")), ("config.zst", zst)];
    let kernel = folder(&files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice())));
    let kernel = Kernel::open(&[kernel.path()]).expect("a kernel");
    assert_eq!(kernel.arch(), Some(gplok::terms::Arch::ARM64));
    assert!(kernel.exports().is_some_and(|exports| exports.vmlinux("kmalloc").is_some()));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let broken = folder(&[("Module.symvers", b"0x12345678\tkmalloc\tvmlinux\tEXPORT_SYMBOL\nkfree\n")]);
    let text = error(broken.path());
    assert_eq!(
        text,
        "cannot read PATH/Module.symvers: line 2: expected 2 to 5 columns: crc, symbol, module, export, namespace: \"kfree\""
    );
    assert!(error(folder(&[]).path()).starts_with("cannot read PATH: nothing here describes a kernel"));
    assert!(error(folder(&[("Module.symvers", b"\n")]).path()).contains("it lists no export"));
    assert!(error(folder(&[("certs.pem", b"-----BEGIN CERTIFICATE-----\nnonsense\n")]).path()).contains("certs.pem"));
    assert!(error(Path::new("/nowhere/at/all")).starts_with("cannot read PATH: No such file"));
    assert!(error(Path::new("6.8.0-nowhere")).contains("no release of that name"));
    let cut = folder(&[("config.xz", &[0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1])]);
    assert!(error(cut.path()).contains("config.xz: broken xz data"), "{}", error(cut.path()));
    let two = folder(&[("a/release", b"6.1.0\n"), ("b/release", b"6.2.0\n")]);
    let both = Kernel::open(&[two.path().join("a"), two.path().join("b")]).expect_err("two releases").to_string();
    assert!(both.contains("it describes 6.2.0") && both.ends_with("describes 6.1.0"), "{both}");
}

#[test]
fn a_module_tree_says_what_to_load_first() {
    let profile = Profile::load("6.12");
    let tree = folder(&[
        ("6.12.117+deb13-amd64/kernel/lib/giver.ko", &Ko::new("giver").intree().export("give").build(&profile)),
        (
            "6.12.117+deb13-amd64/kernel/lib/bad.ko",
            &Ko::new("bad").intree().export("take").needs("nobody").build(&profile),
        ),
        ("6.12.117+deb13-amd64/modules.builtin", b"kernel/lib/built_in.ko\n"),
    ]);
    let facts = format!("{}/testdata/kernels/6.12", env!("CARGO_MANIFEST_DIR"));
    let root = tree.path().join("6.12.117+deb13-amd64");
    let kernel = Arc::new(Kernel::open(&[facts.into(), root]).expect("a kernel"));
    let image = |ko: Ko| Image::from_bytes("x.ko", ko.build(&profile)).expect("not compressed");

    let user = [image(Ko::new("user").needs("give")), image(Ko::new("other").needs("take"))];
    let verdicts = check(&kernel, &Cmdline::default(), &user, &Insmod::default()).expect("readable");
    assert_eq!(verdicts[0].outcome, Outcome::Loads, "{:#?}", verdicts[0]);
    let codes: Vec<_> = verdicts[1].findings.iter().map(|finding| finding.code().name()).collect();
    assert_eq!(codes, ["dependency-refused", "missing-symbol"]);

    let mut machine = Machine::boot(Arc::clone(&kernel), Cmdline::default());
    let names = |verdicts: Vec<gplok::verdict::Verdict>| verdicts.into_iter().map(|v| v.name).collect::<Vec<_>>();
    assert_eq!(names(machine.modprobe("giver").expect("in the tree")), ["giver"]);
    assert_eq!(machine.insmod(&user[0], &Insmod::default()).outcome, Outcome::Loads);
    assert_eq!(machine.loaded(), ["user", "giver"]);
    assert!(machine.modprobe("nowhere").is_err());
}

#[test]
fn a_release_is_inferred_from_a_module_built_with_its_headers() {
    let profile = Profile::load("6.12");
    let symvers = format!("{}/testdata/kernels/6.12/Module.symvers", env!("CARGO_MANIFEST_DIR"));
    let mut kernel = Kernel::open(&[symvers]).expect("a kernel");
    assert_eq!(kernel.release(), None);
    let stranger = Ko::new("foo").crc("module_layout", 1).build(&profile);
    kernel.infer_release(&Image::from_bytes("stranger.ko", stranger).expect("not compressed"));
    assert_eq!(kernel.release(), None);
    let own = Ko::new("foo").build(&profile);
    kernel.infer_release(&Image::from_bytes("own.ko", own).expect("not compressed"));
    assert_eq!(kernel.release().map(ToString::to_string), Some(profile.release));
}

// A configuration that names another architecture counts more than the version of module_layout.
#[test]
fn no_release_is_inferred_from_a_module_of_another_architecture() {
    let profile = Profile::load("6.12");
    let symvers = format!("{}/testdata/kernels/6.12/Module.symvers", env!("CARGO_MANIFEST_DIR"));
    let config = folder(&[("config", b"CONFIG_S390=y\nCONFIG_64BIT=y\nCONFIG_MODULES=y\n")]);
    let config = config.path().join("config").display().to_string();
    let mut kernel = Kernel::open(&[symvers, config]).expect("a kernel");
    kernel.infer_release(&Image::from_bytes("own.ko", Ko::new("foo").build(&profile)).expect("not compressed"));
    assert_eq!((kernel.release(), kernel.arch().map(|arch| arch.machine)), (None, Some(ElfMachine::S390)));
}

// A configuration of another series does, too: the list of exports is then of another kernel.
#[test]
fn no_release_is_inferred_where_the_configuration_is_of_another_series() {
    let profile = Profile::load("6.12");
    let symvers = format!("{}/testdata/kernels/6.12/Module.symvers", env!("CARGO_MANIFEST_DIR"));
    let own = Image::from_bytes("own.ko", Ko::new("foo").build(&profile)).expect("not compressed");
    for (version, release) in [("6.6.1", None), ("6.12.117", Some(profile.release.clone()))] {
        let config = format!("# Linux/x86 {version} Kernel Configuration\nCONFIG_X86_64=y\nCONFIG_MODULES=y\n");
        let folder = folder(&[("config", config.as_bytes())]);
        let mut kernel = Kernel::open(&[PathBuf::from(&symvers), folder.path().join("config")]).expect("a kernel");
        kernel.infer_release(&own);
        assert_eq!(kernel.release().map(ToString::to_string), release, "{version}");
    }
}

// A part of a configuration says nothing about the options that it does not name.
#[test]
fn a_part_of_a_configuration_does_not_switch_modules_off() {
    let kernel = folder(&[("release", b"6.12.0\n"), ("config", b"CONFIG_X86_64=y\n")]);
    let mut machine = Machine::boot(Arc::new(Kernel::open(&[kernel.path()]).expect("a kernel")), Cmdline::default());
    let verdict =
        machine.insmod(&crate::made::image("foo.ko", Ko::new("foo").build(&Profile::load("6.12"))), &Insmod::default());
    assert_ne!(verdict.outcome.errno(), Some(Errno::ENOSYS), "{verdict:#?}");
}

#[test]
fn built_in_modules_with_parameters_are_known_by_their_strings() {
    let tree = folder(&[
        ("lib/modules/6.1.0/modules.builtin", b"kernel/kernel/printk/printk.ko\nkernel/lib/plain.ko\n"),
        ("lib/modules/6.1.0/modules.builtin.modinfo", b"printk.parmtype=time:bool\0plain.license=GPL\0"),
    ]);
    let kernel = Kernel::open(&[tree.path().join("lib/modules/6.1.0")]).expect("a kernel");
    assert_eq!(kernel.builtin(), Some(&[ModuleName::new("printk"), ModuleName::new("plain")][..]));
    assert!(kernel.is_builtin_with_parameters("printk"));
    assert!(!kernel.is_builtin_with_parameters("plain"));
}

/// The tree of an installed release leads to the files beside it.
#[test]
fn a_tree_leads_to_configuration_and_headers() {
    let root = folder(&[
        ("lib/modules/6.1.0/modules.builtin", b""),
        ("boot/config-6.1.0", b"CONFIG_X86_64=y\nCONFIG_MODVERSIONS=y\n"),
        ("usr/src/linux-headers-6.1.0/Module.symvers", SYMVERS.as_bytes()),
        ("boot/System.map-6.1.0", b"ffffffffffffffff B The real System.map is elsewhere\n"),
    ]);
    let kernel = Kernel::open(&[root.path().join("lib/modules/6.1.0")]).expect("a kernel");
    assert_eq!(kernel.release().map(ToString::to_string).as_deref(), Some("6.1.0"));
    assert_eq!(kernel.modversions(), Some(true));
    assert_eq!(kernel.exports().map(|exports| exports.rows().len()), Some(2));
    assert_eq!(kernel.conflicts(), []);
}

/// Headers alone install a folder that only links to them: its name tells the release.
#[test]
fn a_release_folder_without_modules_tells_the_release() {
    let root = folder(&[
        ("lib/modules/6.1.0-56-amd64/build/Module.symvers", SYMVERS.as_bytes()),
        ("lib/modules/6.1.0-56-amd64/build/include/config/kernel.release", b"6.1.192\n"),
        ("boot/config-6.1.0-56-amd64", b"CONFIG_X86_64=y\n"),
    ]);
    let kernel = Kernel::open(&[root.path().join("lib/modules/6.1.0-56-amd64")]).expect("a kernel");
    assert_eq!(kernel.release().map(ToString::to_string).as_deref(), Some("6.1.0-56-amd64"));
    assert_eq!(kernel.version(), Some(KernelVersion::new(6, 1, 192)));
    assert_eq!(kernel.arch(), Some(gplok::terms::Arch::X86_64));
    assert_eq!(kernel.exports().map(|exports| exports.rows().len()), Some(2));
}

/// The files of a headers package give the same facts as the unpacked folder.
#[test]
fn a_headers_package_says_what_its_folder_says() {
    let files: [(&str, &[u8]); 4] = [
        ("usr/src/linux-headers-6.1.0-56-amd64/Module.symvers", SYMVERS.as_bytes()),
        ("usr/src/linux-headers-6.1.0-56-amd64/.config", b"CONFIG_X86_64=y\nCONFIG_MODVERSIONS=y\n"),
        ("usr/src/linux-headers-6.1.0-56-amd64/include/config/kernel.release", b"6.1.192\n"),
        (
            "usr/src/linux-headers-6.1.0-56-amd64/include/generated/utsrelease.h",
            b"#define UTS_RELEASE \"6.1.0-56-amd64\"\n",
        ),
    ];
    let mut package = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        package.append_data(&mut header, path, bytes).expect("added");
    }
    let package = folder(&[("headers.pkg.tar", &package.into_inner().expect("written"))]);
    let unpacked = folder(&files);
    let paths = [package.path().join("headers.pkg.tar"), unpacked.path().join("usr/src/linux-headers-6.1.0-56-amd64")];
    for path in paths {
        let kernel = Kernel::open(&[path]).expect("a kernel");
        assert_eq!(kernel.release().map(ToString::to_string).as_deref(), Some("6.1.0-56-amd64"));
        assert_eq!(kernel.version(), Some(KernelVersion::new(6, 1, 192)));
        assert_eq!(kernel.exports().map(|exports| exports.rows().len()), Some(2));
    }
}

/// Two lists of exports are never mixed: the first counts, and the other is named.
#[test]
fn lists_of_two_builds_are_told_apart() {
    let other = SYMVERS.replace("0x12345678", "0x00000001");
    let files = folder(&[("a.symvers", SYMVERS.as_bytes()), ("b.symvers", other.as_bytes())]);
    let (a, b) = (files.path().join("a.symvers"), files.path().join("b.symvers"));
    assert_eq!(Kernel::open(&[&a, &a]).expect("a kernel").conflicts(), []);
    let kernel = Kernel::open(&[&a, &b]).expect("a kernel");
    let conflicts = kernel.conflicts();
    let [conflict] = conflicts.as_slice() else { panic!("one conflict: {conflicts:?}") };
    assert_eq!((conflict.fact, &conflict.used, &conflict.passed_over), (Fact::Exports, &a, &b));
    assert_eq!(conflict.difference, Difference::Entries { different: 1, of: 2, example: "kmalloc".to_owned() });
    let crc = kernel.exports().and_then(|exports| exports.vmlinux("kmalloc")?.crc);
    assert_eq!(crc, Some(gplok::terms::Crc(0x1234_5678)));
}

// A list without a row of the kernel describes modules from outside its tree: it is added, whichever list comes first, and
// replaces the tree's module of the same name.
#[test]
fn a_list_of_outside_modules_is_added() {
    const OWN: &[u8] =
        b"0x00000001\tkmalloc\tvmlinux\tEXPORT_SYMBOL\t\n0x00000002\told_verb\tdrivers/ib-core\tEXPORT_SYMBOL\t\n";
    const OUTSIDE: &[u8] = b"0x00000003\tnew_verb\t/usr/src/ofa/ib_core\tEXPORT_SYMBOL\t\n0x00000003\tnew_verb\t/usr/src/ofa/ib_core\tEXPORT_SYMBOL\t\n";
    const OTHER: &[u8] =
        b"0x00000004\tnew_verb\textra/ib_core\tEXPORT_SYMBOL\t\n0x00000005\tthird\textra/spl\tEXPORT_SYMBOL\t\n";
    let files = folder(&[("own.symvers", OWN), ("outside.symvers", OUTSIDE), ("other.symvers", OTHER)]);
    let open = |names: &[&str]| {
        let paths: Vec<_> = names.iter().map(|name| files.path().join(name)).collect();
        Kernel::open(&paths).expect("a kernel")
    };
    for order in [["own.symvers", "outside.symvers"], ["outside.symvers", "own.symvers"]] {
        let kernel = open(&order);
        let exports = kernel.exports().expect("known");
        let rows: Vec<_> = exports.rows().map(|row| (row.name, row.crc.map(|crc| crc.0), row.exporter)).collect();
        assert_eq!(rows, [("kmalloc", Some(1), "vmlinux"), ("new_verb", Some(3), "/usr/src/ofa/ib_core")], "{order:?}");
        assert_eq!(kernel.conflicts(), [], "{order:?}");
    }
    // Of two such lists the first counts, and a contradiction is reported.
    let kernel = open(&["outside.symvers", "other.symvers", "own.symvers"]);
    let exports = kernel.exports().expect("known");
    assert_eq!(exports.named("new_verb").map(|row| row.crc.map(|crc| crc.0)).collect::<Vec<_>>(), [Some(3)]);
    assert!(exports.named("third").next().is_some());
    assert_eq!(kernel.conflicts().len(), 1);
    // Alone they do not tell what the kernel exports.
    assert!(open(&["outside.symvers"]).exports().is_none());
}

// A kernel without CONFIG_MODULES has no system calls for modules.
#[test]
fn a_kernel_without_modules_answers_enosys() {
    let kernel = folder(&[("release", b"6.12.0\n"), ("config", b"CONFIG_X86_64=y\n# CONFIG_MODULES is not set\n")]);
    let kernel = Arc::new(Kernel::open(&[kernel.path()]).expect("a kernel"));
    let image = Image::from_bytes("foo.ko", Ko::new("foo").build(&Profile::load("6.12"))).expect("not compressed");
    let mut machine = Machine::boot(kernel, Cmdline::default());
    let verdict = machine.insmod(&image, &Insmod::default());
    assert_eq!(verdict.outcome.errno(), Some(Errno::ENOSYS));
    assert_eq!(verdict.findings.iter().map(|finding| finding.code()).collect::<Vec<_>>(), [Code::NoModules]);
    assert!(verdict.log.is_empty() && verdict.missing.is_empty());
    assert_eq!(machine.rmmod("foo").outcome.errno(), Some(Errno::ENOSYS));
}

// The head of a configuration tells the version where nothing else does.
#[test]
fn a_configuration_tells_the_version() {
    let config = b"#\n# Automatically generated file; DO NOT EDIT.\n# Linux/mips 4.14.151 Kernel Configuration\n#\nCONFIG_MIPS=y\n";
    let kernel = folder(&[("config", config)]);
    let opened = Kernel::open(&[kernel.path()]).expect("a kernel");
    assert_eq!(opened.version().map(|version| version.to_string()).as_deref(), Some("4.14.151"));
    let both = folder(&[("config", config), ("release", b"4.14.9-x\n")]);
    let opened = Kernel::open(&[both.path()]).expect("a kernel");
    assert_eq!(opened.version().map(|version| version.to_string()).as_deref(), Some("4.14.9"));
}

/// A few lines of a configuration say nothing of the options that they do not name.
#[cfg(feature = "cli")]
#[test]
fn a_fragment_of_a_configuration_leaves_the_rest_open() {
    let made = Made::new("6.1.0").no_tree();
    let desk = Desk::with(made.clone());
    desk.file("foo.ko", Ko::new("foo").build(&made.profile));
    let verdict = |config: &str| {
        desk.file("k/config", config);
        let json = desk.run("check -k k foo.ko --format json").json();
        (json["modules"][0]["outcome"].clone(), json["modules"][0]["missing"].to_string())
    };
    let (outcome, missing) = verdict("CONFIG_X86_64=y\n");
    assert_eq!(outcome, "undetermined", "{missing}");
    assert!(missing.contains("vermagic") && !missing.contains("too-many"), "{missing}");
    let page = desk.run("check -k k foo.ko").ended(3).out.clone();
    assert!(page.contains("or its configuration, -k /boot/config-6.1.0"), "{page}");
    // What kconfig writes is whole.
    let (outcome, missing) =
        verdict("#\n# Automatically generated file; DO NOT EDIT.\n#\nCONFIG_X86_64=y\nCONFIG_64BIT=y\n");
    assert_eq!(outcome, "refused", "SMP is off: {missing}");
    let whole = "# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_X86_64=y\nCONFIG_64BIT=y\nCONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\nCONFIG_KALLSYMS=y\n";
    assert_eq!(verdict(whole).0, "loaded");
    // A fragment beside it changes nothing, before it or after it, and disagrees only in what it names.
    desk.file("fragment", "CONFIG_SMP=y\n").file("other", "# CONFIG_SMP is not set\nCONFIG_X86_64=y\n");
    for (paths, disagrees) in [("-k fragment -k k", false), ("-k k -k fragment", false), ("-k k -k other", true)] {
        let json = desk.run(&format!("check {paths} foo.ko --format json")).json();
        assert_eq!(json["modules"][0]["outcome"], "loaded", "{paths}");
        assert_eq!(!json["kernel"]["conflicts"].as_array().expect("a list").is_empty(), disagrees, "{paths}");
    }
    let told = desk.run("exports -k fragment -k k/release -k k/Module.symvers --evidence").out.clone();
    assert!(told.contains("1 option is set; a fragment"), "{told}");
}

/// The copy of a configuration that is installed with the headers differs from that of the image in what signs the build.
#[cfg(feature = "cli")]
#[test]
fn what_signs_a_build_makes_no_other_build() {
    let desk = Desk::with(Made::new("6.1.0").no_tree());
    let config = std::fs::read_to_string(desk.path("k/config")).expect("written");
    desk.file(
        "salted",
        format!("{config}CONFIG_BUILD_SALT=\"6.1.0\"\nCONFIG_MODULE_SIG_ALL=y\nCONFIG_MODULE_SIG_KEY=\"k.pem\"\n"),
    );
    desk.file("other", format!("{config}CONFIG_PREEMPT_BUILD=y\n"));
    let conflicts = |path: &str| {
        let json = desk.run(&format!("check -k k -k {path} k/Module.symvers --format json")).json();
        json["kernel"]["conflicts"].as_array().expect("a list").len()
    };
    assert_eq!((conflicts("salted"), conflicts("other")), (0, 1));
}

/// A list of exports that has lost rows neither takes the place of the whole one nor makes what it lacks absent.
#[cfg(feature = "cli")]
#[test]
fn a_part_of_a_list_of_exports_is_no_other_list() {
    let made = Made::new("6.1.0").modversions().export("kick").export("hold").no_tree();
    let desk = Desk::with(made.clone());
    let whole = std::fs::read_to_string(desk.path("k/Module.symvers")).expect("written");
    let part: String = whole.lines().filter(|line| line.contains("kick")).map(|line| format!("{line}\n")).collect();
    desk.file("part/Module.symvers", &part).file("foo.ko", Ko::new("foo").needs("hold").build(&made.profile));
    let json = |paths: &str| desk.run(&format!("check {paths} foo.ko --format json")).json();
    for paths in ["-k k -k part", "-k part -k k"] {
        let json = json(paths);
        assert_eq!(json["modules"][0]["outcome"], "loaded", "{paths}");
        assert_eq!(json["kernel"]["conflicts"].as_array().map(Vec::len), Some(0), "{paths}");
        let aside = json["kernel"]["set_aside"][0].as_str().expect("a note");
        assert!(aside.starts_with("part/Module.symvers: it has only 1 of the"), "{aside}");
    }
    // Alone: symbols have versions, so module_layout is exported, and the list has left it out.
    std::fs::remove_file(desk.path("k/Module.symvers")).expect("removed");
    let alone = json("-k k -k part");
    assert_eq!(alone["modules"][0]["outcome"], "undetermined");
    assert!(alone["modules"][0]["missing"].to_string().contains("\"exports\""), "{}", alone["modules"][0]["missing"]);
}

/// The first rows of a list are no whole list, whether symbols have versions or not: every kernel exports kfree.
#[cfg(feature = "cli")]
#[test]
fn a_list_that_was_cut_short_is_not_whole() {
    let desk = |exports: &[&str]| {
        let mut made = Made::new("6.1.0").no_tree();
        for symbol in exports {
            made = made.export(symbol);
        }
        let desk = Desk::with(made.clone());
        desk.file("foo.ko", Ko::new("foo").needs("far_down").build(&made.profile));
        desk
    };
    let many: Vec<_> = (0..250).map(|number| format!("symbol_{number}")).collect();
    let mut exports: Vec<_> = many.iter().map(String::as_str).collect();
    let cut = desk(&exports).run("check -k k foo.ko --format json").ended(3).json();
    assert_eq!(cut["modules"][0]["missing"], serde_json::json!(["exports"]));
    exports.push("kfree");
    desk(&exports).run("check -k k foo.ko").ended(1);
}

/// Of two rows for one symbol of the kernel itself that differ, neither is true for certain.
#[cfg(feature = "cli")]
#[test]
fn rows_that_contradict_each_other_are_not_known() {
    let made = Made::new("6.1.0").modversions().export("kick").changed("kick").no_tree();
    let desk = Desk::with(made.clone());
    desk.file("foo.ko", Ko::new("foo").needs("kick").build(&made.profile));
    let json = desk.run("check -k k foo.ko --format json").json();
    assert_eq!(
        (&json["modules"][0]["outcome"], &json["modules"][0]["missing"][0]),
        (&"undetermined".into(), &"crc:kick".into())
    );
    // Twice the same is no contradiction.
    let made = Made::new("6.1.0").modversions().export("kick").export("kick").no_tree();
    let desk = Desk::with(made.clone());
    desk.file("foo.ko", Ko::new("foo").needs("kick").build(&made.profile));
    desk.run("check -k k foo.ko").ended(0);
}

/// Rows that differ in the namespace only contradict each other, too, unless the module imports each of these namespaces.
#[cfg(feature = "cli")]
#[test]
fn rows_in_different_namespaces_contradict_each_other() {
    let gpl = "EXPORT_SYMBOL_GPL";
    for namespaces in [["", "NS"], ["NS", ""], ["NS", "OTHER"], ["OTHER", "NS"]] {
        let [one, other] = namespaces;
        let made = Made::new("6.1.0").row("kick", "vmlinux", gpl, one).row("kick", "vmlinux", gpl, other).no_tree();
        let desk = Desk::with(made.clone());
        let foo = || Ko::new("foo").needs("kick");
        desk.file("foo.ko", foo().build(&made.profile));
        let importing = foo().more("import_ns", "NS").more("import_ns", "OTHER");
        desk.file("importing.ko", importing.build(&made.profile));
        let json = desk.run("check -k k foo.ko --format json").ended(3).json();
        assert_eq!(json["modules"][0]["missing"], serde_json::json!(["namespaces"]), "{namespaces:?}");
        desk.run("check -k k importing.ko").ended(0);
    }
}

/// kbuild's list of what is built in, `vmlinux.symvers`, does not say what modules export.
#[cfg(feature = "cli")]
#[test]
fn a_list_of_what_is_built_in_does_not_cover_modules() {
    let made = Made::new("6.1.0").no_tree();
    let desk = Desk::with(made.clone());
    std::fs::copy(desk.path("k/Module.symvers"), desk.path("vmlinux.symvers")).expect("copied");
    desk.file("foo.ko", Ko::new("foo").needs("of_a_module").build(&made.profile));
    let answer = |list: &str| {
        let json = desk.run(&format!("check foo.ko -k {list} -k k/config -k k/release --format json")).json();
        format!("{} {}", json["modules"][0]["outcome"], json["modules"][0]["missing"]).replace('"', "")
    };
    assert_eq!(answer("vmlinux.symvers"), "undetermined [module-exports]");
    assert!(answer("k/Module.symvers").starts_with("refused"));
}

/// A list beside the modules of a tree that cannot be read is not taken for an empty one without a word.
#[cfg(feature = "cli")]
#[test]
fn lists_of_built_in_modules_that_cannot_be_read_are_named() {
    let made = Made::new("6.1.0").no_tree();
    let desk = Desk::with(made.clone());
    desk.file("t/kernel/foo.ko", Ko::new("foo").build(&made.profile)).file("t/modules.order", "");
    let aside = || desk.run("check -k k -k t --format json").json()["kernel"]["set_aside"].clone();
    assert_eq!(aside(), serde_json::Value::Null);
    for list in ["modules.builtin", "modules.builtin.modinfo"] {
        std::fs::create_dir(desk.path(&format!("t/{list}"))).expect("made");
        assert!(aside().to_string().contains(&format!("t/{list}: ")), "{}", aside());
    }
}

/// A list of what is built in that cannot be read may have any module's name: an object of that name has a directory in sysfs, if it
/// has parameters. One that does not exist tells nothing, as does one of another kernel's folder.
#[cfg(feature = "cli")]
#[test]
fn a_list_of_built_in_modules_that_cannot_be_read_may_have_any_name() {
    let made = Made::new("6.1.0").no_tree();
    let desk = Desk::with(made.clone());
    desk.file("t/kernel/foo.ko", Ko::new("foo").export("kick").build(&made.profile)).file("t/modules.order", "");
    desk.file("bar.ko", Ko::new("bar").needs("kick").build(&made.profile));
    let verdicts = || {
        let json = desk.run("check -k k -k t t/kernel/foo.ko bar.ko --format json").json();
        let verdict = |index: usize| {
            let module = &json["modules"][index];
            format!("{} {}", module["outcome"].as_str().unwrap_or_default(), module["missing"])
        };
        [verdict(0), verdict(1)]
    };
    assert_eq!(verdicts(), ["loaded []", "loaded []"]);
    for list in ["modules.builtin", "modules.builtin.modinfo"] {
        let path = desk.path(&format!("t/{list}"));
        for kind in ["folder", "link"] {
            match kind {
                "folder" => std::fs::create_dir(&path).expect("made"),
                _ => std::os::unix::fs::symlink("nowhere", &path).expect("made"),
            }
            for verdict in verdicts() {
                let expected = format!("undetermined [\"unread:t/{list}: ");
                assert!(verdict.starts_with(&expected), "{kind}: {verdict}");
                assert_eq!(verdict.matches("unread").count(), 1, "{verdict}");
            }
            let page = desk.run("check -k k -k t bar.ko").ended(3).out.clone();
            assert!(page.contains("has the module's name in sysfs"), "{page}");
            _ = std::fs::remove_dir(&path).or_else(|_| std::fs::remove_file(&path));
        }
        // Where the list of names can be read and has none, only the other one decides.
        desk.file(&format!("t/{list}"), "");
        assert_eq!(verdicts(), ["loaded []", "loaded []"], "{list} is empty");
    }
}

/// An empty Module.symvers is said to be one, and the other files still count.
#[cfg(feature = "cli")]
#[test]
fn an_empty_list_of_exports_is_told() {
    let made = Made::new("6.1.0").no_tree();
    let desk = Desk::with(made.clone());
    desk.file("k/Module.symvers", "").file("foo.ko", Ko::new("foo").needs("printk").build(&made.profile));
    let json = desk.run("check -k k foo.ko --format json").json();
    assert_eq!(json["modules"][0]["outcome"], "undetermined");
    let aside = json["kernel"]["set_aside"][0].as_str().expect("a note");
    assert!(aside.starts_with("k/Module.symvers: it lists no export: modpost writes"), "{aside}");
    let page = desk.run("check -k k foo.ko").ended(3).out.clone();
    assert!(page.contains("k/Module.symvers: it lists no export"), "{page}");
    let error = desk.run("check -k k/Module.symvers foo.ko").err.clone();
    assert!(error.contains("it lists no export: modpost writes"), "{error}");
}

/// `/boot` describes the kernel whose files it holds; of several, one must be named.
#[cfg(feature = "cli")]
#[test]
fn a_boot_folder_is_a_kernel() {
    let made = Made::new("6.1.0").no_tree();
    let desk = Desk::with(made.clone());
    let config = std::fs::read(desk.path("k/config")).expect("written");
    let map = "ffffffff81000000 T _text\nffffffff81000010 T printk\nffffffff82000000 r __ksymtab_printk\n";
    desk.file("boot/config-6.1.0", &config).file("boot/System.map-6.1.0", map).file("boot/grub/grub.cfg", "");
    desk.file("foo.ko", Ko::new("foo").needs("printk").build(&made.profile));
    let json = desk.run("check -k boot foo.ko --format json").json();
    assert_eq!(json["kernel"]["release"], "6.1.0");
    let evidence = ["release: boot", "exports: boot/System.map-6.1.0", "config: boot/config-6.1.0"];
    assert_eq!(json["kernel"]["evidence"], serde_json::json!(evidence));
    assert_eq!(json["modules"][0]["missing"], serde_json::json!(["namespaces"]), "a map has names only");
    desk.file("boot/config-6.2.0", &config).file("boot/vmlinuz-0-rescue-abc", "");
    let error = desk.run("check -k boot foo.ko").err.clone();
    assert!(
        error.contains("several releases (6.1.0, 6.2.0): give those of one, such as -k boot/vmlinuz-6.1.0"),
        "{error}"
    );
    let json = desk.run("check -k k/release -k boot foo.ko --format json").json();
    assert_eq!(json["kernel"]["evidence"].as_array().map(Vec::len), Some(4), "that of the known release");
}

/// A list of modules that does not fit its tree, or cannot be read, is named.
#[cfg(feature = "cli")]
#[test]
fn a_stale_index_of_a_tree_is_told() {
    let made = Made::new("6.1.0").no_tree();
    let desk = Desk::with(made.clone());
    desk.file("t/kernel/foo.ko", Ko::new("foo").build(&made.profile));
    let aside = |index: &str| {
        desk.file("t/modules.dep", index);
        let json = desk.run("check -k k -k t --format json").json();
        json["kernel"]["set_aside"][0].as_str().map(str::to_owned)
    };
    assert_eq!(aside("kernel/foo.ko:\n"), None);
    let gone = "t/modules.dep: it lists 1 file that the tree does not have, such as kernel/bar.ko";
    assert_eq!(aside("kernel/foo.ko:\nkernel/bar.ko: kernel/foo.ko\n").as_deref(), Some(gone));
    assert!(aside("").is_some_and(|why| why.contains("it does not list 1 file of the tree")));
    std::fs::write(desk.path("t/modules.dep"), [0xff, 0xfe]).expect("written");
    let page = desk.run("check -k k -k t").ended(0).out.clone();
    assert!(page.contains("t/modules.dep: stream did not contain valid UTF-8"), "{page}");
}

/// The lists that only modprobe reads are named, too, if they cannot be read; with what they would have told.
#[cfg(feature = "cli")]
#[test]
fn lists_of_modprobe_that_cannot_be_read_are_named() {
    let made = Made::new("6.1.0").no_tree();
    let desk = Desk::with(made.clone());
    desk.file("t/kernel/foo.ko", Ko::new("foo").build(&made.profile)).file("t/modules.dep", "kernel/foo.ko:\n");
    let aside = || desk.run("check -k k -k t --format json").json()["kernel"]["set_aside"].clone();
    let lists = [
        "modules.order",
        "modules.dep.bin",
        "modules.alias.bin",
        "modules.softdep",
        "modules.weakdep",
        "modules.builtin.bin",
    ];
    for list in lists {
        assert_eq!(aside(), serde_json::Value::Null);
        let path = desk.path(&format!("t/{list}"));
        std::os::unix::fs::symlink("nowhere", &path).expect("made");
        let named = aside().to_string();
        let expected = format!("t/{list}: a link to nowhere: No such file or directory (os error 2); ");
        assert!(named.contains(&expected), "{named}");
        std::fs::remove_file(&path).expect("it is there");
    }
}

/// C has letters beyond ASCII. A symbol with one has one name, in a list of exports and in a module.
#[test]
fn a_symbol_with_other_letters_is_found() {
    let made = Made::new("6.1.0").export("größe").row("maß", "vmlinux", "EXPORT_SYMBOL_GPL", "Räume");
    let (kernel, _folder) = made.open();
    let judged = |ko: Ko| {
        let image = [made.image(&ko)];
        check(&kernel, &Cmdline::default(), &image, &Insmod::default()).expect("judged").remove(0)
    };
    assert_eq!(judged(Ko::new("foo").needs("größe")).outcome, Outcome::Loads);
    assert_eq!(judged(Ko::new("foo").needs("maß").import_ns("Räume")).outcome, Outcome::Loads);
    assert!(
        judged(Ko::new("foo").needs("grösse")).findings.iter().any(|finding| finding.code() == Code::MissingSymbol)
    );
}
