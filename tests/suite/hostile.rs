//! Files made to hurt: cut short, with flipped bytes and absurd numbers, or with so much of something that whoever looks at
//! everything twice for everything never ends. No panic, no hang, no more memory than the file is worth.
//!
//! Deterministic: what is sampled is sampled at fixed distances.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gplok::check::check;
use gplok::image::Image;
use gplok::kernel::{Exports, Kernel};
use gplok::load::{Cmdline, Crypto, Insmod, Machine, verify_pkcs7_signature};
use gplok::terms::{Arch, ElfMachine, Errno, Loader};
use gplok::verdict::{Outcome, Verdict};
use gplok::x509::Certificate;
use gplok::x509::Pkcs7;

use crate::chain::Chain;
use crate::ko::{Ko, Profile, Re};
use crate::made::{CONFIG_HEAD, Made, image};
use crate::why::explained;

const S390: Arch =
    Arch { machine: ElfMachine::S390, class: gplok::terms::Class::Elf64, endian: gplok::terms::Endian::Big };

/// How many cuts, and how many changes of each kind, are tried of one file.
const SAMPLES: usize = 120;
/// Nothing here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(120);

fn root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs something that must come to an end.
pub fn ends<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let runner = std::thread::spawn(move || sender.send(run()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(runner.join().expect_err("it ended without a result"))
        }
    }
}

fn recorded_kernel(version: &str) -> Arc<Kernel> {
    let kernel = Kernel::open(&[root("testdata/kernels").join(version)]).expect("a recorded kernel");
    // A program that reads every kind of compressed file.
    Arc::new(kernel.with_loader(Loader::Kmod30).with_zlib(true))
}

/// A kernel of which only release and architecture are known.
fn bare_kernel(option: &str) -> Arc<Kernel> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("release"), "6.12.0\n").expect("a file");
    std::fs::write(
        folder.path().join("config"),
        format!("{CONFIG_HEAD}CONFIG_{option}=y\nCONFIG_64BIT=y\nCONFIG_MODULES=y\nCONFIG_KALLSYMS=y\n"),
    )
    .expect("a file");
    Arc::new(Kernel::open(&[folder.path()]).expect("a kernel"))
}

/// Asks of a file all there is to ask.
fn examine(kernel: &Arc<Kernel>, bytes: Vec<u8>) -> Verdict {
    let image = Image::from_bytes_raw("hostile.ko", bytes);
    let _ = image.facts();
    if let Some(elf) = image.as_announced() {
        let (_, _, _) = (elf.exports(), elf.parameters(), elf.announced_layout());
    }
    let mut machine = Machine::boot(Arc::clone(kernel), Cmdline::default());
    let raw = machine.insmod(&image, &Insmod { raw: true, ..Insmod::default() });
    if image.compression().is_some() { machine.insmod(&image, &Insmod::default()) } else { raw }
}

/// Every place at about so many equal distances; the first 64 bytes one by one, because they hold the file header.
fn places(len: usize) -> impl Iterator<Item = usize> {
    let step = (len / SAMPLES).max(1);
    (0..len.min(64)).chain((64..len).step_by(step))
}

/// The file cut short, and with bytes and words changed.
fn spoilt(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cuts = places(bytes.len()).map(|len| bytes[..len].to_vec());
    let flips = places(bytes.len()).map(|at| {
        let mut spoilt = bytes.to_vec();
        spoilt[at] ^= if at % 2 == 0 { 0xff } else { 1 << (at % 8) };
        spoilt
    });
    let word = |at: usize| {
        const ABSURD: [u32; 5] = [0, u32::MAX, i32::MAX as u32, 0x8000_0000, 0xfff0];
        let mut spoilt = bytes.to_vec();
        let at = at & !3;
        let end = spoilt.len().min(at + 4);
        spoilt[at..end].copy_from_slice(&ABSURD[at / 4 % ABSURD.len()].to_le_bytes()[..end - at]);
        spoilt
    };
    cuts.chain(flips).chain(places(bytes.len()).map(word))
}

fn module() -> Ko {
    Ko::new("foo")
        .needs("kfree")
        .needs("printk")
        .needs_weak("nobody")
        .export("one")
        .export_gpl("two")
        .param("n", "param_ops_int")
        .import_ns("SPACE")
}

fn spoil(kernel: &Arc<Kernel>, profile: &Profile) {
    let bytes = module().build(profile);
    let kernel = Arc::clone(kernel);
    ends(move || {
        examine(&kernel, bytes.clone());
        // The section headers are at the end: each of their words once.
        let table = bytes.len().saturating_sub(64 * 40);
        for at in (table..bytes.len()).step_by(28) {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 0xff;
            examine(&kernel, spoilt);
        }
        for spoilt in spoilt(&bytes) {
            examine(&kernel, spoilt);
        }
    });
}

#[test]
fn spoilt_x86_64() {
    spoil(&recorded_kernel("5.10"), &Profile::load("5.10"));
    spoil(&recorded_kernel("7.3"), &Profile::load("7.3"));
}

#[test]
fn spoilt_arm64() {
    spoil(&recorded_kernel("6.12-arm64"), &Profile::load("6.12-arm64"));
}

#[test]
fn spoilt_i386() {
    spoil(&bare_kernel("X86_32"), &Profile::synthetic(Arch::I386));
}

#[test]
fn spoilt_big_endian() {
    spoil(&bare_kernel("S390"), &Profile::synthetic(S390));
}

#[test]
fn spoilt_compression() {
    let kernel = recorded_kernel("6.12");
    let bytes = module().build(&Profile::load("6.12"));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, &bytes).expect("gzip");
    let xz = crate::matrix::xz(&bytes, liblzma::stream::Check::Crc32);
    let zstd = zstd::stream::encode_all(&bytes[..], 3).expect("zstd");
    for packed in [gzip.finish().expect("gzip"), xz, zstd] {
        let (kernel, whole) = (Arc::clone(&kernel), examine(&kernel, packed.clone()));
        assert!(!whole.log.is_empty(), "{:?}", whole.outcome);
        ends(move || spoilt(&packed).for_each(|spoilt| drop(examine(&kernel, spoilt))));
    }
}

/// A megabyte of zeros becomes a kilobyte, a gigabyte a megabyte: there is a limit to what is taken out.
#[test]
fn a_bomb_is_not_swallowed() {
    let mut bomb = Vec::new();
    for _ in 0..3 {
        bomb.extend(zstd::stream::encode_all(&vec![0; 4 << 20][..], 1).expect("zstd"));
    }
    // The frame says of itself that it holds 2^62 bytes.
    let liar = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1_u64 << 62).to_le_bytes(), &[1, 0, 0]].concat();
    let kernel = recorded_kernel("6.12");
    ends(move || [bomb, liar].map(|bytes| examine(&kernel, bytes)));
}

/// Every prefix of a module with debug information, and each of its bytes flipped.
#[test]
fn spoilt_debug_information() {
    let whole = std::fs::read(crate::founding::folder().join(crate::founding::OPENAFS)).expect("the file is kept");
    let explain = |bytes: Vec<u8>| {
        let image = Image::from_bytes_raw("openafs.ko", bytes);
        let debug = gplok::image::DebugFiles::default();
        let verdict = explained(&image, &["devmap_managed_key", "__put_devmap_managed_page"], debug);
        verdict.expect("no file is asked for").findings.iter().map(|finding| finding.uses().len()).sum::<usize>()
    };
    ends(move || {
        assert_eq!(explain(whole.clone()), 12);
        for at in 0..whole.len() {
            explain(whole[..at].to_vec());
            let mut spoilt = whole.clone();
            spoilt[at] ^= if at % 2 == 0 { 0xff } else { 1 << (at % 8) };
            explain(spoilt);
        }
    });
}

#[test]
fn spoilt_symvers() {
    const TEXT: &str = "0x12345678\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n0x00000000\tfoo\tdrivers/a\tEXPORT_SYMBOL_GPL\tNS\n\
                        0x9\tbar\n0x1\tbaz\tNS\tdrivers/b\tEXPORT_SYMBOL\n0x1 x vmlinux EXPORT_UNUSED_SYMBOL\n";
    ends(|| {
        for len in (0..TEXT.len()).filter(|len| TEXT.is_char_boundary(*len)) {
            let _ = Exports::parse(&TEXT[..len]);
        }
        for at in 0..TEXT.len() {
            for byte in [b'\t', b'\n', b' ', b'0', b'x', 0, 0x7f] {
                let mut spoilt = TEXT.as_bytes().to_vec();
                spoilt[at] = byte;
                let exports = Exports::parse(String::from_utf8(spoilt).expect("ASCII"));
                let _ = exports.map(|exports| exports.named("foo").count() + exports.rows().count());
            }
        }
    });
}

#[test]
fn spoilt_signatures_and_certificates() {
    ends(|| {
        let crypto = Crypto::common();
        let text = std::fs::read(root("testdata/keys/text")).expect("what was signed");
        for (message, certificate) in
            [("rsa-with-certificate", "rsa"), ("two-signers", "rsa"), ("p384-sha384", "p384"), ("p256-sha256", "p256")]
        {
            let message = std::fs::read(root(&format!("testdata/keys/{message}.p7s"))).expect("a message");
            let pem = std::fs::read(root(&format!("testdata/keys/{certificate}.pem"))).expect("a certificate");
            let trusted = Certificate::parse_all(&pem).expect("a good certificate");
            for spoilt in spoilt(&message).step_by(4) {
                verify_pkcs7_signature(&text, &Pkcs7::parse(&spoilt), &trusted, &crypto);
            }
            let whole = Pkcs7::parse(&message);
            for spoilt in spoilt(&pem).step_by(4) {
                let trusted = Certificate::parse_all(&spoilt).unwrap_or_default();
                verify_pkcs7_signature(&text, &whole, &trusted, &crypto);
            }
        }
    });
}

/// A 64-bit little-endian file of nothing but what a test puts in: section headers as
/// `(name, type, flags, offset, size, link, info)`.
struct Crowd {
    bytes: Vec<u8>,
    sections: Vec<(u32, u32, u64, u64, u64, u32, u32)>,
}

impl Crowd {
    fn new() -> Self {
        Self { bytes: vec![0; 64], sections: vec![(0, 0, 0, 0, 0, 0, 0)] }
    }

    /// Puts bytes into the file and returns their offset.
    fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.bytes.len() as u64;
        self.bytes.extend(bytes);
        at
    }

    fn section(&mut self, name: u32, kind: u32, flags: u64, (offset, size): (u64, u64), link: u32, info: u32) -> u32 {
        self.sections.push((name, kind, flags, offset, size, link, info));
        self.sections.len() as u32 - 1
    }

    /// The file, its names in the section `shstrndx`; the headers are at its end.
    fn build(mut self, shstrndx: u32) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let table = self.bytes.len() as u64;
        for (name, kind, flags, offset, size, link, info) in &self.sections {
            self.bytes.extend(name.to_le_bytes());
            self.bytes.extend(kind.to_le_bytes());
            for word in [*flags, 0, *offset, *size] {
                self.bytes.extend(word.to_le_bytes());
            }
            self.bytes.extend(link.to_le_bytes());
            self.bytes.extend(info.to_le_bytes());
            self.bytes.extend(8_u64.to_le_bytes());
            self.bytes.extend(0_u64.to_le_bytes());
        }
        let (count, index) = (self.sections.len() as u16, shstrndx as u16);
        let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\x3e\0\x01\0\0\0".to_vec();
        header.extend([0; 16]);
        header.extend(table.to_le_bytes());
        header.extend([0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0]);
        header.extend(count.to_le_bytes());
        header.extend(index.to_le_bytes());
        self.bytes[..64].copy_from_slice(&header);
        self.bytes
    }
}

/// What a kernel looks at before it comes to the crowd: names, modinfo, `this_module`. The names begin with one that is as
/// long as `long`.
fn crowd(long: usize) -> (Crowd, u32, u32) {
    let mut crowd = Crowd::new();
    let mut names = vec![b'a'; long];
    let mut place = |name: &str| {
        names.push(0);
        let at = names.len() as u32;
        names.extend(name.as_bytes());
        at
    };
    let places = [".modinfo", ".gnu.linkonce.this_module", ".text", "__versions", "__ksymtab"].map(&mut place);
    names.push(0);
    names[0] = 0;
    let at = crowd.put(&names);
    let strings = crowd.section(0, 3, 0, (at, names.len() as u64), 0, 0);
    let modinfo = b"name=crowd\0license=GPL\0vermagic=6.12.0 SMP \0";
    let at = crowd.put(modinfo);
    crowd.section(places[0], 1, 2, (at, modinfo.len() as u64), 0, 0);
    let at = crowd.put(&[0; 0x500]);
    crowd.section(places[1], 1, 3, (at, 0x500), 0, 0);
    let at = crowd.put(&[0; 0x1000]);
    let text = crowd.section(places[2], 1, 6, (at, 0x1000), 0, 0);
    (crowd, strings, text)
}

fn undefined(count: usize, name: u32) -> Vec<u8> {
    let mut symbols = vec![0; 24];
    for _ in 0..count {
        symbols.extend(name.to_le_bytes());
        symbols.extend([0x10, 0, 0, 0]);
        symbols.extend([0; 16]);
    }
    symbols
}

fn judged(bytes: Vec<u8>) {
    ends(move || {
        let kernel = bare_kernel("X86_64");
        examine(&kernel, bytes.clone());
        let images = [Image::from_bytes_raw("crowd.ko", bytes.clone()), Image::from_bytes_raw("other.ko", bytes)];
        check(&kernel, &Cmdline::default(), &images, &Insmod::default()).expect("no tree is read");
    });
}

/// Ten thousand symbols that share a name of a megabyte.
#[test]
fn long_names_are_not_copied_for_every_symbol() {
    let (mut crowd, strings, _) = crowd(1 << 20);
    let symbols = undefined(10_000, 1);
    let at = crowd.put(&symbols);
    crowd.section(1, 2, 0, (at, symbols.len() as u64), strings, 1);
    judged(crowd.build(strings));
}

/// Eight thousand sections, each with the same long name.
#[test]
fn long_names_are_not_read_for_every_section() {
    let (mut crowd, strings, _) = crowd(1 << 20);
    for _ in 0..8_000 {
        crowd.section(1, 1, 2, (64, 8), 0, 0);
    }
    judged(crowd.build(strings));
}

/// Hundreds of relocation sections that each span the whole file, and all change the same two.
#[test]
fn sections_over_each_other_are_not_all_read() {
    let (mut crowd, strings, text) = crowd(64);
    let at = crowd.put(&vec![0; 1 << 18]);
    // The section in front of `.text` is `this_module`, whose relocations are looked for by their symbols.
    for number in 0..400 {
        crowd.section(1, 4, 0, (at, 1 << 18), 0, text - number % 2);
    }
    let symbols = undefined(1, 1);
    let at = crowd.put(&symbols);
    crowd.section(1, 2, 0, (at, symbols.len() as u64), strings, 1);
    judged(crowd.build(strings));
}

/// The crowd with an empty unit of debug information, whose section is handed on, and one use of `wanted`.
fn with_debug_information(mut crowd: Crowd, strings: u32, text: u32, more: impl FnOnce(&mut Crowd, u32)) -> Vec<u8> {
    let name = crowd.put(b"\0.debug_info\0\0wanted\0");
    let names = crowd.sections[strings as usize].3;
    let unit = crowd.put(&[7, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8]);
    let info = crowd.section((name + 1 - names) as u32, 1, 0, (unit, 11), 0, 0);
    let symbols = undefined(1, 14);
    let at = crowd.put(&symbols);
    // Its strings are the few that were just put there.
    let few = crowd.section(1, 3, 0, (name, 21), 0, 0);
    crowd.section(1, 2, 0, (at, symbols.len() as u64), few, 1);
    // R_X86_64_64 of the symbol, in the first bytes of .text.
    let at = crowd.put(&[[0; 8], [1, 0, 0, 0, 1, 0, 0, 0], [0; 8]].concat());
    crowd.section(1, 4, 0, (at, 24), 0, text);
    more(&mut crowd, info);
    crowd.build(strings)
}

/// The use of `wanted` is found, and an end.
fn is_explained(bytes: Vec<u8>) {
    let verdict = ends(move || {
        let image = Image::from_bytes_raw("crowd.ko", bytes);
        explained(&image, &["wanted"], gplok::image::DebugFiles::default()).expect("no file is asked for")
    });
    assert!(verdict.findings.iter().all(|finding| finding.uses().len() == 1));
    assert!(matches!(verdict.debug_info, gplok::verdict::DebugInfo::Read { .. }), "{:?}", verdict.debug_info);
}

/// Ten thousand sections with one long name: which of them are which in the debug file is found without comparing each
/// with each.
#[test]
fn sections_find_their_like_without_comparing_all() {
    let (mut crowd, strings, text) = crowd(1 << 20);
    for _ in 0..10_000 {
        crowd.section(1, 1, 2, (64, 8), 0, 0);
    }
    is_explained(with_debug_information(crowd, strings, text, |_, _| {}));
}

/// Tens of thousands of relocation sections that each span the whole file, all for the one debug section.
#[test]
fn relocations_of_debug_information_over_each_other_are_not_all_read() {
    let (mut crowd, strings, text) = crowd(64);
    let at = crowd.put(&vec![0; 1 << 20]);
    let bytes = with_debug_information(crowd, strings, text, |crowd, info| {
        for _ in 0..40_000 {
            crowd.section(1, 4, 0, (at, 1 << 20), 0, info);
        }
    });
    is_explained(bytes);
}

/// Many versions, many symbols that look for one.
#[test]
fn versions_are_found_without_reading_all() {
    let (mut crowd, strings, _) = crowd(64);
    let name = crowd.put(b"wanted\0") as u32;
    let mut versions = Vec::new();
    for number in 0..20_000_u64 {
        versions.extend(number.to_le_bytes());
        versions.extend(format!("{number:055}\0").as_bytes());
    }
    let at = crowd.put(&versions);
    let versions_name = 64 + 1 + ".modinfo".len() as u32 + 1 + ".gnu.linkonce.this_module".len() as u32 + 1 + 6;
    crowd.section(versions_name, 1, 2, (at, versions.len() as u64), 0, 0);
    let symbols = undefined(20_000, name);
    let at = crowd.put(&symbols);
    crowd.section(1, 2, 0, (at, symbols.len() as u64), strings, 1);
    let bytes = crowd.build(strings);
    let image = Image::from_bytes_raw("crowd.ko", bytes.clone());
    let versions = image.as_announced().and_then(|elf| elf.symbol_versions().map(|all| all.iter().len()));
    assert_eq!(versions, Some(20_000));
    judged(bytes);
}

/// The distance of relocations tells the layout of an export table, but not where they are thrown about.
#[test]
fn far_relocations_of_an_export_table_are_no_layout() {
    let profile = Profile::load("6.12");
    let far = Ko::new("far").export("near").patch(|file| {
        for (index, offset) in [0, 0x6000_0000_0000_0000, 0xc000_0000_0000_0000].into_iter().enumerate() {
            file.reloc_set(".rela__ksymtab", index, Re::Offset, offset);
        }
    });
    let bytes = far.build(&profile);
    let image = Image::from_bytes_raw("far.ko", bytes.clone());
    let layout = image.as_announced().and_then(|elf| elf.announced_layout()).expect("it has exports");
    assert!(!layout.prel32);
    judged(bytes);
}

/// Modules of which each needs the one before it: the work grows with their number, not with its square.
#[test]
fn a_long_chain_of_modules_is_no_deep_one() {
    let profile = Profile::load("6.12");
    let module = |index: usize| {
        let ko = Ko::new(&format!("link{index}")).export(&format!("symbol{index}"));
        let ko = if index > 0 { ko.needs(&format!("symbol{}", index - 1)) } else { ko };
        Image::from_bytes_raw(format!("link{index}.ko"), ko.build(&profile))
    };
    let images: Vec<_> = (0..400).map(module).collect();
    let verdicts = ends(move || {
        check(&recorded_kernel("6.12"), &Cmdline::default(), &images, &Insmod::default()).expect("no tree is read")
    });
    assert!(verdicts.iter().all(|verdict| verdict.outcome == Outcome::Loads));
}

/// A message whose certificates sign each other in a long chain, and that brings more signatures than certificates: each is verified
/// once. The kernel verifies the chain of each signer anew, and reads no message of more than 65,535 bytes.
#[test]
fn a_chain_of_certificates_is_verified_once() {
    const CERTIFICATES: usize = 90;
    let chain = Chain::new(CERTIFICATES);
    let verdict = |root: &[u8]| {
        let made = ["MODULE_SIG", "MODULE_SIG_FORCE", "CRYPTO_SHA256", "CRYPTO_ECDSA"];
        let made = made.into_iter().fold(Made::new("6.12.0"), Made::config).trusts(root);
        let bare = Ko::new("foo").build(&made.profile);
        let signed = Ko::new("foo").signed(&chain.message(&bare, 2 * CERTIFICATES)).build(&made.profile);
        let (kernel, _folder) = made.open();
        ends(move || Machine::boot(kernel, Cmdline::default()).insmod(&image("foo.ko", signed), &Insmod::default()))
    };
    assert_eq!(verdict(&chain.root()).outcome, Outcome::Loads);
    let stranger = std::fs::read(root("testdata/keys/rsa.pem")).expect("a certificate");
    let refused = verdict(&stranger);
    assert_eq!(refused.outcome.errno(), Some(Errno::EKEYREJECTED));
    assert!(refused.log.iter().any(|line| line.to_string() == "Loading of module with unavailable key is rejected"));
}
