//! What describes a kernel: files, directories, trees; and what is wrong with them.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use gplok::check::check;
use gplok::image::Image;
use gplok::kernel::{Difference, Fact, Kernel};
use gplok::load::{Cmdline, Insmod, Machine};
use gplok::terms::{ElfMachine, Errno, KernelVersion, ModuleName};
use gplok::verdict::{Code, Outcome};
use tempfile::TempDir;

use crate::ko::{Ko, Profile};

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
    let zst = zstd::bulk::compress(b"CONFIG_ARM64=y\nCONFIG_64BIT=y\n", 1).expect("in memory");
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
    assert!(error(folder(&[("Module.symvers", b"\n")]).path()).contains("a list of exports without any"));
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
