//! Behaviours on both sides of their dates: one row a kernel, and below it what it prints.

use gplok::image::Image;
use gplok::load::{Cmdline, Insmod, Machine, ModuleInitFlags};
use gplok::report::{Entry, Op, headline};
use gplok::terms::Errno;
use gplok::verdict::{Missing, Outcome};
use liblzma::stream::Check;

use crate::ko::{Ko, Place, Section, Symbol};
use crate::made::{Made, summary};

/// Loads the modules one after the other on each kernel, and writes down what happens.
struct Matrix {
    text: String,
}

/// One boot.
struct Boot {
    made: Made,
    cmdline: &'static str,
    modules: Vec<Ko>,
    insmod: Insmod,
}

impl Boot {
    fn new(made: Made, modules: &[Ko]) -> Self {
        Self { made, cmdline: "", modules: modules.to_vec(), insmod: Insmod::default() }
    }

    fn cmdline(mut self, cmdline: &'static str) -> Self {
        self.cmdline = cmdline;
        self
    }

    fn insmod(mut self, insmod: Insmod) -> Self {
        self.insmod = insmod;
        self
    }
}

impl Matrix {
    fn of(releases: &[&str], boot: impl Fn(Made) -> Boot) -> String {
        let mut matrix = Self { text: String::new() };
        for release in releases {
            matrix.row(&boot(Made::new(release)));
        }
        matrix.text
    }

    fn row(&mut self, boot: &Boot) {
        let (kernel, _folder) = boot.made.open();
        let summary = summary(&kernel);
        let mut machine = Machine::boot(kernel, Cmdline::parse(boot.cmdline));
        for ko in &boot.modules {
            let image = Image::from_bytes_raw(format!("{}.ko", ko.name()), ko.build(&boot.made.profile));
            let verdict = machine.insmod(&image, &boot.insmod);
            let path = image.path().display().to_string();
            let entry = Entry { op: Op::Insmod, path: Some(&path), verdict: &verdict };
            let tainted = verdict.kernel_tainted;
            let tainted = if tainted.is_empty() { String::new() } else { format!("; kernel {tainted}") };
            self.text.push_str(&format!("{}{tainted}\n", headline(&entry, &summary)));
            for line in &verdict.log {
                self.text.push_str(&format!("    {}\n", line.text));
            }
            if !verdict.missing.is_empty() && verdict.outcome != Outcome::Undetermined {
                let words: Vec<String> = verdict.missing.iter().map(Missing::word).collect();
                self.text.push_str(&format!("    (lines or taints depend on {})\n", words.join(", ")));
            }
        }
    }
}

macro_rules! matrix {
    ($(#[doc = $doc:literal])* $name:ident, [$($release:literal),*], $boot:expr) => {
        $(#[doc = $doc])*
        #[test]
        fn $name() {
            insta::with_settings!({ omit_expression => true }, {
                insta::assert_snapshot!(concat!("matrix.", stringify!($name)), Matrix::of(&[$($release),*], $boot));
            });
        }
    };
}

matrix!(
    /// A GPL module that uses a proprietary one loses the GPL-only symbols (5.9).
    inherit_taint,
    ["5.8.0", "5.9.0", "5.17.0", "5.18.0", "5.19.0"],
    |made| Boot::new(
        made.export_gpl("kick_gpl"),
        &[
            Ko::new("prop").license("Proprietary").export("prop_fn"),
            Ko::new("foo").needs("prop_fn"),
            Ko::new("both").needs("prop_fn").needs("kick_gpl"),
        ]
    )
);

matrix!(
    /// What is printed about a missing symbol: nothing of the error in 2.6.32, 0 up to 4.18, and the errno since 4.19. Before 4.18
    /// only such lines are certain, and no module certainly loads.
    unknown_symbol_errno,
    ["2.6.32", "4.14.151", "4.18.0", "4.19.0"],
    |made| Boot::new(made, &[Ko::new("foo").needs("gone"), Ko::new("bar").needs("printk")])
);

matrix!(
    /// Exports that were to become GPL-only: a warning, then (5.12) a table that is not read.
    gpl_future,
    ["5.11.0", "5.12.0"],
    |made| Boot::new(
        made,
        &[
            Ko::new("giver").export_in("_gpl_future", "soon_gpl", ""),
            Ko::new("foo").license("Proprietary").needs("soon_gpl"),
        ]
    )
);

matrix!(
    /// A second module of one name is refused, but taints the kernel all the same, until taints are set late (6.4).
    taint_late,
    ["6.2.0", "6.3.0", "6.4.0"],
    |made| Boot::new(made, &[Ko::new("foo").intree(), Ko::new("foo").license("Proprietary")])
);

matrix!(
    /// The list of a `module:` namespace counts, where before it was a namespace like any other (6.16).
    module_namespaces,
    ["6.14.0", "6.15.0", "6.16.0"],
    |made| Boot::new(
        made.row("vmm_only", "vmlinux", "EXPORT_SYMBOL_GPL", "module:vmm"),
        &[Ko::new("vmm").needs("vmm_only"), Ko::new("foo").needs("vmm_only"), Ko::new("cheat").import_ns("module:vmm")]
    )
);

matrix!(
    /// GPL-only exports of an older build are in a table that is no longer read (7.1).
    kflagstab,
    ["7.0.0", "7.1.0"],
    |made| {
        let mut old = made;
        old.profile.kflagstab = false;
        Boot::new(old, &[Ko::new("giver").export_gpl("gift"), Ko::new("foo").needs("gift")])
    }
);

matrix!(
    /// Sections that are both writable and executable are refused (5.8), and named (5.10).
    writable_executable,
    ["5.4.0", "5.7.0", "5.8.0", "5.9.0", "5.10.0"],
    |made| Boot::new(made, &[Ko::new("foo").section(Section::new(".wx", 7, 16, [0; 16]))])
);

matrix!(
    /// An undefined _GLOBAL_OFFSET_TABLE_ is passed over (5.12, and stable releases since March 2021).
    ignore_got,
    ["4.19.177", "4.19.178", "5.9.0", "5.10.19", "5.10.262", "5.11.2", "5.11.3", "5.12.0"],
    |made| Boot::new(
        made,
        &[Ko::new("foo").symbol(Symbol::undefined("_GLOBAL_OFFSET_TABLE_", object::elf::STB_GLOBAL))]
    )
);

matrix!(
    /// A second .modinfo is one too many (6.4).
    unique_sections,
    ["6.2.0", "6.3.0", "6.4.0"],
    |made| Boot::new(made, &[Ko::new("foo").section(Section::new(".modinfo", 2, 1, *b"a=b\0"))])
);

matrix!(
    /// The kernel itself undoes compression (5.17).
    compressed_flag,
    ["5.16.0", "5.17.0"],
    |made| Boot::new(
        made.config("MODULE_DECOMPRESS").config("MODULE_COMPRESS").config("MODULE_COMPRESS_GZIP"),
        &[Ko::new("foo").pack(gzip)]
    )
    .insmod(Insmod { flags: ModuleInitFlags::COMPRESSED_FILE, raw: true, ..Insmod::default() })
);

matrix!(
    /// What a plain `xz` writes has a check that the kernel's decoder does not know. Who decompresses the file decides, but only
    /// where the kernel decompresses (5.17).
    xz_of_another_check,
    ["5.16.0", "5.17.0"],
    |made| Boot::new(
        made.config("MODULE_DECOMPRESS").config("MODULE_COMPRESS").config("MODULE_COMPRESS_XZ"),
        &[Ko::new("bar").pack(|bytes| xz(bytes, Check::Crc32)), Ko::new("foo").pack(|bytes| xz(bytes, Check::Crc64))]
    )
);

matrix!(
    /// A file that decompresses to nothing: integrity measurement looks at that, too (between 6.12 and 7.0).
    decompressed_to_nothing,
    ["6.12.0", "6.13.0", "7.0.0"],
    |made| Boot::new(
        made.config("MODULE_DECOMPRESS").config("MODULE_COMPRESS_XZ").config("IMA_APPRAISE"),
        &[Ko::new("foo").pack(|_| xz(b"", Check::Crc32))]
    )
    .insmod(Insmod { flags: ModuleInitFlags::COMPRESSED_FILE, raw: true, ..Insmod::default() })
);

matrix!(
    /// Test modules taint (6.0).
    test_taint,
    ["5.19.0", "6.0.0"],
    |made| Boot::new(made, &[Ko::new("foo").intree().tag("test", "Y")])
);

matrix!(
    /// What is wrong with a signature is said (5.4), and said plainly (5.10).
    signature_reasons,
    ["4.19.0", "5.3.0", "5.4.0", "5.9.0", "5.10.0"],
    |made| Boot::new(made.config("MODULE_SIG"), &[Ko::new("foo")]).cmdline("module.sig_enforce=1")
);

matrix!(
    /// ML-DSA is an unknown identifier until 7.0. Then attributes are rejected, which every such signature has; before, the parser
    /// gives up first, and the module counts as unsigned.
    ml_dsa,
    ["6.12.0", "6.19.0", "7.0.0", "7.3.4"],
    |made| Boot::new(
        made.config("MODULE_SIG").config("CRYPTO_SHA256").config("CRYPTO_RSA").trusts(RSA),
        &[Ko::new("foo").signed(&with_algorithm(RSA_WITH_ATTRIBUTES, ML_DSA_65))]
    )
);

matrix!(
    /// No kernel knows RSASSA-PSS, with attributes or without. The number of the unknown identifier differs between releases.
    rsassa_pss,
    ["5.10.0", "6.12.0", "7.2.0"],
    |made| Boot::new(
        made.config("MODULE_SIG").config("CRYPTO_SHA256").config("CRYPTO_RSA").trusts(RSA),
        &[
            Ko::new("foo").signed(&with_algorithm(RSA_SHA256, RSASSA_PSS)),
            Ko::new("bar").signed(&with_algorithm(RSA_WITH_ATTRIBUTES, RSASSA_PSS)),
        ]
    )
);

matrix!(
    /// SHA-1 was gone from 6.7, and is back in 6.9; stable releases between may have it.
    sha1_is_absent_for_a_while,
    ["6.6.0", "6.7.0", "6.7.5", "6.8.0", "6.8.12", "6.9.0"],
    |made| Boot::new(
        made.config("MODULE_SIG").config("CRYPTO_SHA1").config("CRYPTO_RSA").trusts(RSA),
        &[Ko::new("foo").signed(include_bytes!("../../testdata/keys/rsa-sha1.p7s"))]
    )
);

matrix!(
    /// That the message brings its own data is a line of its own (6.3), also in stable releases of that day.
    signed_data_line,
    ["4.19.0", "5.10.177", "5.10.178", "5.10.200", "6.2.0", "6.3.0"],
    |made| Boot::new(
        made.config("MODULE_SIG").config("CRYPTO_SHA256").config("CRYPTO_RSA").trusts(RSA),
        &[Ko::new("foo").signed(include_bytes!("../../testdata/keys/rsa-with-content.p7s"))]
    )
);

matrix!(
    /// A blacklisted module is named (5.10).
    blacklist_message,
    ["5.9.0", "5.10.0"],
    |made| Boot::new(made, &[Ko::new("foo")]).cmdline("module_blacklist=foo")
);

matrix!(
    /// A symbol in a section that does not exist reads whatever is there, until section indices are checked (7.0).
    section_index_check,
    ["6.19.0", "7.0.0"],
    |made| Boot::new(made, &[Ko::new("foo").symbol(Symbol::new("lost", 1, 1, Place::Index(0x7777), 0))])
);

matrix!(
    /// Versions in the extended tables alone are enough (6.14).
    extended_versions,
    ["6.13.0", "6.14.0"],
    |made| Boot::new(made.modversions(), &[Ko::new("foo").needs("printk").no_versions().ext_versions()])
);

matrix!(
    /// A table of namespaces: a word without quotes and one with them are two names, on every kernel that has them (5.4).
    namespaces,
    ["5.3.0", "5.4.0", "6.12.0", "6.13.0"],
    |made| Boot::new(
        made.row("dma_buf_get", "vmlinux", "EXPORT_SYMBOL_GPL", "DMA_BUF"),
        &[
            Ko::new("without").needs("dma_buf_get"),
            Ko::new("quoted").needs("dma_buf_get").import_ns("\"DMA_BUF\""),
            Ko::new("bare").needs("dma_buf_get").import_ns("DMA_BUF"),
        ]
    )
);

/// An init function that says EEXIST makes the load fail with EBUSY (7.1).
#[test]
fn init_returns_eexist() {
    let mut rows = Vec::new();
    for release in ["7.0.0", "7.1.0"] {
        let made = Made::new(release);
        let (kernel, _folder) = made.open();
        let insmod = Insmod { init_returns: -17, ..Insmod::default() };
        let image = made.image(&Ko::new("foo"));
        rows.push(Machine::boot(kernel, Cmdline::default()).insmod(&image, &insmod).outcome.errno());
    }
    assert_eq!(rows, [Some(Errno::EEXIST), Some(Errno::EBUSY)]);
}

/// Tools of 7.x write a longer header of type information: what is zero in it troubles no kernel, what is not only those that
/// do not know it.
#[test]
fn a_longer_header_of_type_information_is_read() {
    let judged = |release: &str, beyond: u8| {
        let made = Made::new(release).config("DEBUG_INFO_BTF_MODULES");
        let (kernel, _folder) = made.open();
        let words = [24 + 8_u32, 0, 0, 0, 1, u32::from(beyond), 0];
        let words = words.into_iter().flat_map(u32::to_le_bytes);
        let btf: Vec<u8> = [0x9f, 0xeb, 1, 0].into_iter().chain(words).chain([0]).collect();
        let ko = Ko::new("foo").section(crate::ko::Section::new(".BTF", 0, 1, btf));
        let mut machine = Machine::boot(kernel, Cmdline::default());
        machine.insmod(&made.image(&ko), &Insmod::default()).outcome
    };
    for release in ["6.12.0", "7.3.0"] {
        assert_eq!(judged(release, 0), Outcome::Loads);
    }
    assert_eq!(judged("6.12.0", 1).errno(), Some(Errno::E2BIG));
    assert_eq!(judged("7.3.0", 1), Outcome::Loads);
}

const RSA: &[u8] = include_bytes!("../../testdata/keys/rsa.pem");
const RSA_SHA256: &[u8] = include_bytes!("../../testdata/keys/rsa-sha256.p7s");
const RSA_WITH_ATTRIBUTES: &[u8] = include_bytes!("../../testdata/keys/rsa-authattrs.p7s");
/// The contents of object identifiers, all nine bytes long.
const RSA_ENCRYPTION: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const RSASSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const ML_DSA_65: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x03\x12";

/// A message of RSA whose signer names another algorithm.
fn with_algorithm(message: &[u8], identifier: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let at = message.windows(9).rposition(|window| window == RSA_ENCRYPTION).expect("its last identifier");
    message[at..at + 9].copy_from_slice(identifier);
    message
}

/// A kernel of unknown release: a verdict is certain only where all releases agree.
#[test]
fn without_a_release_only_what_all_kernels_say_is_certain() {
    let made = Made::new("5.9.0");
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    made.write(folder.path());
    std::fs::remove_file(folder.path().join("release")).expect("it was written");
    let kernel = std::sync::Arc::new(gplok::kernel::Kernel::open(&[folder.path()]).expect("two files are left"));
    let mut machine = Machine::boot(kernel, Cmdline::parse("module_blacklist=foo"));
    let verdict = machine.insmod(&made.image(&Ko::new("foo")), &Insmod::default());
    assert!(matches!(verdict.outcome, Outcome::Refused { errno: Errno::EPERM, .. }), "{verdict:?}");
}

/// A kernel without its configuration: which kind of compression it reads is not known, and no kind is named.
#[test]
fn without_a_configuration_no_kind_of_compression_is_named() {
    let made = Made::new("6.12.0");
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    made.write(folder.path());
    std::fs::remove_file(folder.path().join("config")).expect("it was written");
    let kernel = std::sync::Arc::new(gplok::kernel::Kernel::open(&[folder.path()]).expect("two files are left"));
    let flags = Insmod { flags: ModuleInitFlags::COMPRESSED_FILE, raw: true, ..Insmod::default() };
    for (check, never) in [(Check::Crc32, false), (Check::Crc64, true)] {
        let ko = Ko::new("foo").pack(move |bytes| xz(bytes, check));
        let image = Image::from_bytes_raw("foo.ko.xz", ko.build(&made.profile));
        let verdict = Machine::boot(std::sync::Arc::clone(&kernel), Cmdline::default()).insmod(&image, &flags);
        assert_eq!(verdict.outcome, Outcome::Undetermined, "{verdict:?}");
        assert_eq!(verdict.never_loads, never, "{verdict:?}");
        let named = verdict.findings.iter().any(|finding| {
            matches!(&finding.cause, gplok::verdict::Cause::Decompression { supported: Some(kind), .. } if kind != "nothing")
        });
        assert!(!named, "{verdict:?}");
    }
}

pub fn xz(bytes: &[u8], check: Check) -> Vec<u8> {
    use std::io::Write as _;
    let stream = liblzma::stream::Stream::new_easy_encoder(1, check).expect("a preset of xz");
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).expect("a vector can grow");
    encoder.finish().expect("a vector can grow")
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("a vector can grow");
    encoder.finish().expect("a vector can grow")
}
