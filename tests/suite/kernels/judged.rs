//! Verdicts from an image: the same as from the lists that describe the same kernel.

use std::sync::Arc;

use gplok::check::check;
use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Insmod, Machine};
use gplok::terms::{Arch, Errno};
use gplok::verdict::{Missing, Outcome, Verdict};
use rsa::pkcs8::DecodePrivateKey as _;
use sha2::Digest as _;
use tempfile::TempDir;

use super::forms::{bz_image, payload};
use super::parts;
use super::types::Told;
use super::vmlinux::Vmlinux;
use crate::ko::{CrcTable, Ko, Profile, Symbol};
use crate::made::CONFIG_HEAD;

/// A kernel twice: as an image, and as a list, a configuration and its certificates.
struct Both {
    profile: Profile,
    image: Arc<Kernel>,
    lists: Arc<Kernel>,
    _folder: TempDir,
}

fn both(options: &[&str]) -> Both {
    let profile = Profile::made_up("6.1.0").with_modversions(CrcTable::Immediate);
    let names =
        ["64BIT", "X86", "X86_64", "SMP", "MODULES", "MODULE_UNLOAD", "KALLSYMS", "STRICT_MODULE_RWX", "MODVERSIONS"];
    let options: String = names.iter().chain(options).map(|name| format!("CONFIG_{name}=y\n")).collect();
    let config = format!("{CONFIG_HEAD}{options}");
    let mut kernel = Vmlinux::new("6.1.0");
    for (name, gpl, namespace) in [
        ("module_layout", false, ""),
        ("kfree", false, ""),
        ("printk", false, ""),
        ("kick_gpl", true, ""),
        ("in_space", false, "SPACE"),
    ] {
        kernel = kernel.export(name, gpl, profile.crc(name), namespace);
    }
    kernel.vermagic = Some(profile.vermagic.clone());
    kernel.module_size = Some(profile.this_module as u32);
    kernel.config = Some(config.clone());
    kernel.certificates = vec![parts::certificate("rsa")];
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, bytes).expect("written");
    };
    write("vmlinuz", &bz_image(&payload(gplok::compression::Compression::Zstd, &kernel.elf())));
    write("k/release", b"6.1.0\n");
    write("k/config", config.as_bytes());
    write("k/Module.symvers", kernel.symvers().as_bytes());
    write("k/kernel/own.ko", &Ko::new("own").intree().build(&profile));
    write("k/certs.pem", &kernel.certificates.concat());
    let open =
        |name: &str| Arc::new(Kernel::open(&[folder.path().join(name)]).unwrap_or_else(|error| panic!("{error}")));
    Both { profile, image: open("vmlinuz"), lists: open("k"), _folder: folder }
}

impl Both {
    fn judge(kernel: &Arc<Kernel>, bytes: Vec<u8>) -> Verdict {
        let image = Image::from_bytes("foo.ko", bytes).unwrap_or_else(|error| panic!("{error}"));
        let mut all = check(kernel, &Cmdline::default(), &[image], &Insmod::default()).expect("it can be read");
        all.remove(0)
    }

    /// The verdict that both give.
    #[track_caller]
    fn verdict(&self, what: &str, bytes: Vec<u8>) -> Verdict {
        let [image, lists] = [&self.image, &self.lists].map(|kernel| Self::judge(kernel, bytes.clone()));
        assert_eq!(image.outcome, lists.outcome, "{what}: {image:#?}\n{lists:#?}");
        assert_eq!(format!("{:#?}", image.findings), format!("{:#?}", lists.findings), "{what}");
        assert_eq!(format!("{:#?}", image.log), format!("{:#?}", lists.log), "{what}");
        assert_eq!(image.module_taints, lists.module_taints, "{what}");
        image
    }
}

#[test]
fn an_image_judges_as_its_lists_do() {
    let both = both(&[]);
    let outcome = |what: &str, ko: Ko| both.verdict(what, ko.build(&both.profile)).outcome;
    let foo = || Ko::new("foo").needs("printk");
    assert_eq!(outcome("good", foo()), Outcome::Loads);
    assert_eq!(outcome("GPL", foo().needs("kick_gpl")), Outcome::Loads);
    for (what, ko) in [
        ("proprietary", foo().license("Proprietary").needs("kick_gpl")),
        ("another version", foo().crc("printk", 1)),
        ("another vermagic", foo().tag("vermagic", "6.1.0 mod_unload modversions ")),
        ("another layout", foo().crc("module_layout", 1)),
        ("no import", foo().needs("in_space")),
    ] {
        assert!(matches!(outcome(what, ko), Outcome::Refused { .. }), "{what}");
    }
    assert_eq!(outcome("import", foo().needs("in_space").import_ns("SPACE")), Outcome::Loads);
    assert_eq!(outcome("proprietary, for all", foo().license("Proprietary")), Outcome::Loads);
}

#[test]
fn a_symbol_of_the_gpl_is_named() {
    let both = both(&[]);
    let ko = Ko::new("foo").license("Proprietary").needs("kick_gpl");
    let verdict = both.verdict("proprietary", ko.build(&both.profile));
    assert!(verdict.findings.iter().any(|finding| finding.code().name() == "gpl-only-symbol"), "{verdict:#?}");
}

/// An image does not tell what modules export: on one machine nothing else is loaded, but who knows what could be.
#[test]
fn what_the_image_does_not_export_a_module_may() {
    let both = both(&[]);
    let bytes = Ko::new("foo").needs("nobody_has_it").build(&both.profile);
    let verdict = Both::judge(&both.image, bytes.clone());
    assert_eq!(verdict.outcome, Outcome::Undetermined, "{verdict:#?}");
    let missing: Vec<_> = verdict.missing.iter().map(|missing| missing.word()).collect();
    assert_eq!(missing, ["module-exports"]);
    let verdict = Both::judge(&both.lists, bytes.clone());
    assert!(matches!(verdict.outcome, Outcome::Refused { .. }), "{verdict:#?}");
    let mut machine = Machine::boot(Arc::clone(&both.image), Cmdline::default());
    let image = Image::from_bytes("foo.ko", bytes).expect("not compressed");
    let verdict = machine.insmod(&image, &Insmod::default());
    assert!(matches!(verdict.outcome, Outcome::Refused { .. }), "{verdict:#?}");
}

/// The module, signed with the key of `testdata/keys/rsa.pem`: a message of the right shape, with the signature put in.
fn signed(module: Vec<u8>) -> Vec<u8> {
    const SHA256: &[u8] = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let key = rsa::RsaPrivateKey::from_pkcs8_pem(include_str!("../../../testdata/keys/rsa.key")).expect("a key");
    let scheme = rsa::Pkcs1v15Sign { hash_len: Some(32), prefix: SHA256.into() };
    let signature = key.sign(scheme, &sha2::Sha256::digest(&module)).expect("it signs");
    let mut message = include_bytes!("../../../testdata/keys/rsa-sha256.p7s").to_vec();
    let at = message.len() - signature.len();
    message[at..].copy_from_slice(&signature);
    let info = [&[0, 0, 2, 0, 0, 0, 0, 0], &(message.len() as u32).to_be_bytes()[..]].concat();
    [module, message, info, crate::ko::SIGNATURE_MARKER.to_vec()].concat()
}

#[test]
fn signatures_are_verified_with_the_certificates_of_the_image() {
    let both = both(&["MODULE_SIG", "MODULE_SIG_FORCE", "CRYPTO_SHA256", "CRYPTO_RSA", "X509_CERTIFICATE_PARSER"]);
    let module = Ko::new("foo").needs("printk").build(&both.profile);
    assert_eq!(both.verdict("signed", signed(module.clone())).outcome, Outcome::Loads);
    assert!(matches!(both.verdict("unsigned", module.clone()).outcome, Outcome::Refused { .. }));
    let mut changed = signed(module);
    changed[0x60] ^= 1;
    assert!(matches!(both.verdict("changed", changed).outcome, Outcome::Refused { .. }));
    let stranger = Ko::new("foo").signed(include_bytes!("../../../testdata/keys/p384-sha384.p7s"));
    assert!(matches!(both.verdict("stranger", stranger.build(&both.profile)).outcome, Outcome::Refused { .. }));
}

/// A key that is not in the image may be in the firmware, whose lists no file shows. With the key, the kernel refuses a signature
/// that does not fit, so that even where signatures are not enforced no verdict is certain. It is not asked where the configuration
/// leaves such keyrings out, or where the certificates were given.
#[test]
fn a_key_of_the_firmware_is_not_in_the_image() {
    const KEYRINGS: [&str; 2] = ["INTEGRITY_MACHINE_KEYRING", "SECONDARY_TRUSTED_KEYRING"];
    let basis = ["MODULE_SIG", "CRYPTO_SHA384", "CRYPTO_SHA512", "CRYPTO_ECDSA", "CRYPTO_RSA"];
    let stranger = Ko::new("foo").signed(include_bytes!("../../../testdata/keys/p384-sha384.p7s"));
    let judge = |options: &[&str], given: bool| {
        let both = both(&[&basis, options].concat());
        Both::judge(if given { &both.lists } else { &both.image }, stranger.build(&both.profile))
    };
    let words = |missing: &[Missing]| missing.iter().map(Missing::word).collect::<Vec<_>>();
    let tolerant = judge(&KEYRINGS, false);
    assert_eq!((tolerant.outcome, tolerant.module_taints.to_string().as_str()), (Outcome::Undetermined, ""));
    assert_eq!(words(&tolerant.missing), ["signature-match", "firmware-keys"]);
    let known = judge(&KEYRINGS, true);
    assert_eq!((known.outcome, known.module_taints.to_string().as_str()), (Outcome::Loads, "OE"));

    let forced = [&KEYRINGS[..], &["MODULE_SIG_FORCE"]].concat();
    let enforced = judge(&forced, false);
    assert_eq!(enforced.outcome, Outcome::Undetermined);
    assert_eq!(words(&enforced.missing), ["signature-match", "firmware-keys"]);
    assert!(matches!(judge(&forced, true).outcome, Outcome::Refused { errno: Errno::EKEYREJECTED, .. }));

    let certain = judge(&["INTEGRITY_MACHINE_KEYRING"], false);
    assert_eq!((certain.outcome, certain.module_taints.to_string().as_str()), (Outcome::Loads, "OE"));
    assert!(certain.missing.is_empty(), "{:?}", certain.missing);
}

/// Nothing exports the global offset table, so no unknown export matters: x86 ignores it, and other architectures do not find it.
#[test]
fn no_module_exports_the_global_offset_table() {
    let ko = Ko::new("foo").intree().symbol(Symbol::undefined("_GLOBAL_OFFSET_TABLE_", object::elf::STB_GLOBAL));
    for (release, arch, errno) in [
        ("6.12.0", Arch::X86_64, None),
        ("5.11.2", Arch::X86_64, Some(Errno::ENOENT)),
        ("6.12.0", Arch::ARM64, Some(Errno::ENOENT)),
    ] {
        let told = Told::new(release, arch, &[]);
        for mut machine in [told.boot(), told.boot().with_dependencies_loaded()] {
            let verdict = machine.insmod(&told.image(&ko, |_| {}), &Insmod::default());
            assert_eq!(verdict.outcome.errno(), errno, "{release} {arch:?}: {verdict:#?}");
            assert_eq!((verdict.missing, verdict.inferred), (vec![], vec![]), "{release} {arch:?}");
        }
    }
}
