//! The type information of modules, checked against the kernel's.

use std::sync::Arc;

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Insmod, Machine};
use gplok::terms::{Arch, Errno};
use gplok::verdict::{Cause, Missing, Outcome, Verdict};

use super::types::{FUNC, FWD, INT, PTR, STRUCT, Told, Types};
use crate::ko::{Ko, Section};
use crate::made::Made;

const BTF: &str = "DEBUG_INFO_BTF_MODULES";
const ALLOW: &str = "MODULE_ALLOW_BTF_MISMATCH";

fn strict() -> Told {
    Told::new("7.3.0", Arch::X86_64, &[BTF])
}

/// Loads a module with sections.
fn load(told: &Told, machine: &mut Machine, name: &str, sections: &[Section]) -> Verdict {
    let ko = sections.iter().fold(Ko::new(name).intree(), |ko, section| ko.section(section.clone()));
    machine.insmod(&told.image(&ko, |_| ()), &Insmod::default())
}

/// The errno and the lines of a module with this type information.
#[track_caller]
fn verdict(told: &Told, sections: &[Section]) -> (Outcome, Vec<String>) {
    let verdict = load(told, &mut told.boot(), "foo", sections);
    assert_eq!(verdict.missing, [], "{verdict:#?}");
    let lines = verdict.log.iter().map(|line| line.text.to_string()).collect();
    (verdict.outcome, lines)
}

/// A function whose name is the kernel's string at an offset.
fn function(told: &Told, name: u32) -> Types {
    let mut types = Types::on(&told.types);
    types.add(name, FUNC, 0, 1, &[]);
    types
}

/// A name is a string of the kernel by its offset. In another kernel there is another string, or the end of one.
#[test]
fn a_name_that_is_none_in_this_kernel_is_refused() {
    let told = strict();
    // The string "int" begins at 1.
    assert_eq!(verdict(&told, &[function(&told, 1).section(".BTF")]), (Outcome::Loads, vec![]));
    let (outcome, lines) = verdict(&told, &[function(&told, 4).section(".BTF")]);
    assert_eq!(outcome.errno(), Some(Errno::EINVAL));
    let expected = ["BPF: [8] FUNC  ", "BPF: type_id=1", "BPF:  ", "BPF: Invalid name", "BPF: "];
    assert_eq!(lines[..5], expected);
    assert_eq!(lines[5..], ["failed to validate module [foo] BTF: -22"]);
    let finding = &load(&told, &mut told.boot(), "foo", &[function(&told, 4).section(".BTF")]).findings[0].cause;
    assert_eq!(
        *finding,
        Cause::BtfMismatch { what: "[8] FUNC: Invalid name".to_owned(), header: false, refused: true }
    );
}

/// Without the configuration, the messages in the image tell what the kernel does with types that do not fit.
#[test]
fn messages_tell_whether_types_must_fit() {
    const REFUSES: &str = "failed to validate module [%s] BTF: %ld\n\0";
    const ALLOWS: &str = "Kernel module BTF mismatch detected, BTF debug info may be unavailable for some modules\n\0";
    let answer = |release: &str, messages: &[&'static str]| {
        let told = Told::with_messages(release, Arch::X86_64, None, messages);
        let verdict = load(&told, &mut told.boot(), "foo", &[function(&told, 4).section(".BTF")]);
        let asks = verdict.missing.iter().any(|missing| missing.word().contains("BTF"));
        let refused = verdict.findings.iter().find_map(|finding| match &finding.cause {
            Cause::BtfMismatch { refused, .. } => Some(*refused),
            _ => None,
        });
        (asks, refused)
    };
    assert_eq!(answer("7.3.0", &[REFUSES]), (false, Some(true)));
    assert_eq!(answer("7.3.0", &[ALLOWS]), (false, Some(false)));
    assert_eq!(answer("7.3.0", &[]), (false, None));
    // Up to 6.2 a kernel that allows them complains all the same.
    assert!(answer("6.1.0", &[REFUSES]).0);
}

/// The running kernel shows its types in a file, which tells what those in the image tell.
#[test]
fn types_in_a_file_of_their_own_are_the_kernels() {
    let told = strict();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("vmlinux"), told.types.bytes()).expect("written");
    std::fs::write(path("release"), "7.3.0\n").expect("written");
    // The size of a pointer does not stand there.
    let config = std::fs::read_to_string(told.folder.path().join("config")).expect("written");
    std::fs::write(path("config"), config + "CONFIG_X86_64=y\n").expect("written");
    let open = |names: &[&str]| Kernel::open(&names.iter().map(|name| path(name)).collect::<Vec<_>>());
    let kernel = open(&["vmlinux", "release", "config"]).expect("a kernel");
    assert_eq!(kernel.struct_module_size(), told.kernel.struct_module_size());
    assert_eq!(kernel.struct_module(), told.kernel.struct_module());
    assert!(kernel.struct_module().is_some(), "the layout is known");
    let kernel = Arc::new(kernel);
    let errno = |name: u32| {
        let ko = Ko::new("foo").intree().section(function(&told, name).section(".BTF"));
        let verdict =
            Machine::boot(Arc::clone(&kernel), Cmdline::default()).insmod(&told.image(&ko, |_| ()), &Insmod::default());
        (verdict.outcome.errno(), verdict.missing.contains(&Missing::Btf))
    };
    assert_eq!([errno(1), errno(4)], [(None, false), (Some(Errno::EINVAL), false)]);
    // Cut short, it is an error that names the file.
    std::fs::write(path("vmlinux"), &told.types.bytes()[..30]).expect("written");
    let error = open(&["vmlinux"]).expect_err("malformed").to_string();
    assert!(error.contains("its type information (BTF) is malformed"), "{error}");
}

/// A header that no kernel takes is damage, and does not come from another kernel.
#[test]
fn a_header_that_is_none_is_damage() {
    let told = strict();
    let mut btf = function(&told, 1).section(".BTF");
    btf.data[0] ^= 1;
    let finding = &load(&told, &mut told.boot(), "foo", &[btf]).findings[0].cause;
    assert_eq!(*finding, Cause::BtfMismatch { what: "Invalid magic".to_owned(), header: true, refused: true });
}

/// With the mismatch allowed, the module loads; since 6.3 the kernel says so once a boot.
#[test]
fn an_allowed_mismatch_is_reported() {
    let quiet = Told::new("6.12.0", Arch::X86_64, &[BTF, ALLOW]);
    let mut machine = quiet.boot();
    let once = "Kernel module BTF mismatch detected, BTF debug info may be unavailable for some modules";
    for (name, lines) in [("foo", vec![once]), ("bar", vec![])] {
        let verdict = load(&quiet, &mut machine, name, &[function(&quiet, 4).section(".BTF")]);
        assert_eq!(verdict.outcome, Outcome::Loads);
        assert_eq!(verdict.log.iter().map(|line| line.text.to_string()).collect::<Vec<_>>(), lines);
    }
    let loud = Told::new("6.1.0", Arch::X86_64, &[BTF, ALLOW]);
    let (outcome, lines) = verdict(&loud, &[function(&loud, 4).section(".BTF")]);
    assert_eq!((outcome, lines.len()), (Outcome::Loads, 6));
}

/// Kernels without the option, and kernels before 5.11, do not read type information of modules.
#[test]
fn a_kernel_that_does_not_look_takes_anything() {
    for (release, options) in [("7.3.0", &[][..]), ("5.10.0", &[BTF][..])] {
        let told = Told::new(release, Arch::X86_64, options);
        assert_eq!(verdict(&told, &[function(&told, 4).section(".BTF")]), (Outcome::Loads, vec![]), "{release}");
    }
}

/// Each type is checked on its own.
#[test]
fn each_kind_of_type_has_its_rules() {
    let told = strict();
    let refused = |what: &str, errno: Errno, types: &Types| {
        let (outcome, lines) = verdict(&told, &[types.section(".BTF")]);
        assert_eq!(outcome.errno(), Some(errno), "{what}: {lines:?}");
        assert!(lines.iter().any(|line| *line == format!("BPF: {what}")), "{what}: {lines:?}");
    };
    let one = |kind, members, size, rest: &[u32]| {
        let mut types = Types::on(&told.types);
        let name = types.string("x");
        types.add(name, kind, members, size, rest);
        types
    };
    refused("vlen != 0", Errno::EINVAL, &one(INT, 1, 4, &[32]));
    refused("nr_bits exceeds type_size", Errno::EINVAL, &one(INT, 0, 2, &[32]));
    refused("Unsupported encoding", Errno::ENOTSUPP, &one(INT, 0, 4, &[0x0300_0020]));
    refused("Invalid name", Errno::EINVAL, &one(PTR, 0, 1, &[]));
    refused("Invalid elem", Errno::EINVAL, &{
        let mut types = Types::on(&told.types);
        types.add(0, 3, 0, 0, &[0, 1, 2]);
        types
    });
    refused("\\x09int type_id=0 bits_offset=0", Errno::EINVAL, &one(STRUCT, 1, 8, &[1, 0, 0]));
    refused("Unexpected size", Errno::EINVAL, &one(6, 0, 3, &[]));
    refused("type != 0", Errno::EINVAL, &one(FWD, 0, 9, &[]));
    refused("Invalid type_size", Errno::EINVAL, &one(16, 0, 7, &[]));
    refused("[8] Invalid kind:20", Errno::EINVAL, &one(20, 0, 4, &[]));
    refused("[8] Invalid name_offset:16777216", Errno::EINVAL, &{
        let mut types = Types::on(&told.types);
        types.add(0x0100_0000, INT, 0, 4, &[32]);
        types
    });
    // A qualifier of itself.
    refused("Max chain length or cycle detected", Errno::ELOOP, &{
        let mut types = Types::on(&told.types);
        types.add(0, 10, 0, 8, &[]);
        types
    });
    assert_eq!(verdict(&told, &[one(STRUCT, 1, 8, &[1, 1, 0]).section(".BTF")]).0, Outcome::Loads);
}

/// `.BTF.base` names the kernel's types that the module's refer to.
#[test]
fn a_base_is_looked_up_in_the_kernel() {
    let told = strict();
    let with_base = |add: &dyn Fn(&mut Types)| {
        let mut base = Types::new();
        add(&mut base);
        let mut types = Types::on(&base);
        types.add(0, PTR, 0, 1, &[]);
        verdict(&told, &[types.section(".BTF"), base.section(".BTF.base")])
    };
    let found = |add: &dyn Fn(&mut Types)| assert_eq!(with_base(add), (Outcome::Loads, vec![]));
    found(&|base| _ = base.int("int"));
    found(&|base| _ = base.structure("list_head", 16, &[]));
    // Only a structure that lies in another needs the kernel's size.
    found(&|base| _ = base.structure("list_head", 8, &[]));
    let lost = |line: &str, add: &dyn Fn(&mut Types)| {
        let (outcome, lines) = with_base(add);
        assert_eq!((outcome.errno(), lines[0].as_str()), (Some(Errno::EINVAL), line), "{lines:?}");
        assert_eq!(lines[1..], ["failed to validate module [foo] BTF: -22"]);
    };
    let line = "distilled base BTF type 'device' [1] is not mapped to base BTF id";
    lost(line, &|base| _ = base.structure("device", 8, &[]));
    lost("distilled base BTF type 'int' [1] is not mapped to base BTF id", &|base| {
        let name = base.string("int");
        base.add(name, INT, 0, 8, &[0x0100_0040]);
    });
    lost("type [1] in distilled based BTF has unexpected kind [2]", &|base| _ = base.add(0, PTR, 0, 0, &[]));
}

/// A structure of the kernel that lies in one of the module's has to have the kernel's size.
#[test]
fn an_embedded_structure_has_the_size_of_the_kernels() {
    let told = strict();
    for (size, refused) in [(16, None), (24, Some(Errno::EINVAL))] {
        let mut base = Types::new();
        let list = base.structure("list_head", size, &[]);
        let mut types = Types::on(&base);
        types.structure("mine", 32, &[("list", list, 0)]);
        let (outcome, lines) = verdict(&told, &[types.section(".BTF"), base.section(".BTF.base")]);
        assert_eq!(outcome.errno(), refused, "{lines:?}");
    }
}

/// Before 6.11 `.BTF.base` is not looked at, and so the offsets of names are those of the kernel's strings.
#[test]
fn an_old_kernel_takes_a_base_for_nothing() {
    let told = Told::new("6.1.0", Arch::X86_64, &[BTF]);
    let mut base = Types::new();
    base.int("int");
    let mut types = Types::on(&base);
    types.add(4, FUNC, 0, 1, &[]);
    let (outcome, _) = verdict(&told, &[types.section(".BTF"), base.section(".BTF.base")]);
    assert_eq!(outcome.errno(), Some(Errno::EINVAL));
}

/// Without the kernel's types, a module for exactly this release is taken to fit; of any other nothing is known.
#[test]
fn without_the_kernels_types_the_release_decides() {
    let made = Made::new("6.12.0").config(BTF).config("MODULE_FORCE_LOAD");
    let (kernel, _folder) = made.open();
    let types = Types::on(&Types::new()).section(".BTF");
    let load = |vermagic: &str| {
        let ko = Ko::new("foo").intree().tag("vermagic", vermagic).section(types.clone());
        let image = Image::from_bytes("foo.ko", ko.build(&made.profile)).expect("it can be read");
        let flags = gplok::load::ModuleInitFlags::IGNORE_VERMAGIC;
        let insmod = Insmod { flags, ..Insmod::default() };
        Machine::boot(std::sync::Arc::clone(&kernel), gplok::load::Cmdline::default()).insmod(&image, &insmod)
    };
    let own = load(&made.profile.vermagic);
    assert_eq!(own.outcome, Outcome::Loads);
    assert!(own.inferred.iter().any(|fact| fact.contains(".BTF")), "{:?}", own.inferred);
    let other = load("6.12.1 SMP mod_unload ");
    assert_eq!((other.outcome, other.missing), (Outcome::Undetermined, vec![Missing::Btf]));
}

/// The kernel prints the place in its registry of an identifier that it does not take. Its types tell it.
#[test]
fn the_place_of_an_identifier_in_the_registry_is_told_by_the_types() {
    const OPTIONS: [&str; 4] = ["MODULE_SIG", "CRYPTO_SHA1", "CRYPTO_SHA256", "CRYPTO_RSA"];
    let lines = |add: fn(&mut Types), message: &[u8]| {
        let told = Told::with_types("6.7.0", Arch::X86_64, Some(&OPTIONS), &[], add);
        let verdict = told.boot().insmod(&told.image(&Ko::new("foo").signed(message), |_| ()), &Insmod::default());
        let lines = verdict.log.iter().map(|line| line.text.to_string());
        lines.filter(|line| line.starts_with("Unsupported")).collect::<Vec<_>>()
    };
    let registry = |types: &mut Types| {
        types.enumeration("OTHER", &[("OID__NR", 7)]);
        types.enumeration("OID", &[("OID_sha1", 31), ("OID__NR", 104)]);
    };
    let sha1 = include_bytes!("../../../testdata/keys/rsa-sha1.p7s");
    let mut pss = include_bytes!("../../../testdata/keys/rsa-sha256.p7s").to_vec();
    let rsa = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    let at = pss.windows(9).rposition(|window| window == rsa).expect("its last identifier");
    pss[at + 8] = 10;
    assert_eq!(lines(registry, sha1), ["Unsupported digest algo: 31"]);
    assert_eq!(lines(registry, &pss), ["Unsupported pkey algo: 104"]);
    let unknown: fn(&mut Types) = |types| _ = types.enumeration("OID", &[("OID__NR", 1), ("OID__NR", 2)]);
    assert_eq!(lines(unknown, sha1), ["Unsupported digest algo: (____last_oid____)"]);
    assert_eq!(lines(unknown, &pss), ["Unsupported pkey algo: (____last_oid____)"]);
}
