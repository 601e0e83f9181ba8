//! Kernel images made to hurt: cut short, with flipped bytes, with headers that lie.

use std::path::Path;
use std::time::{Duration, Instant};

use gplok::compression::Compression;
use gplok::kernel::{ImageErrorKind, Kernel, KernelImage};
use gplok::terms::Arch;

use super::forms::{bz_image, pack, payload, uki, zboot};
use super::kallsyms::{FORMS, Form};
use super::parts;
use super::vmlinux::Vmlinux;
use crate::hostile::ends;

/// How many cuts and how many flips are tried of one file.
const SAMPLES: usize = 40;

/// Asks of a file all there is to ask; `false` when it is no kernel.
fn examine(bytes: Vec<u8>) -> bool {
    match KernelImage::from_bytes(Path::new("vmlinuz"), bytes) {
        Ok(image) => {
            let exports = image.exports().map(|exports| exports.rows().len());
            exports.unwrap_or_else(|error| error.len());
            image.symbols().map(|symbols| symbols.iter().map(|symbol| symbol.name.len()).sum::<usize>());
            let _ = (image.certificates(), image.struct_module_size(), image.config(), image.vermagic());
            let _ = (image.release(), image.stable_version(), image.uname(), image.arch());
            true
        }
        Err(error) => {
            assert!(error.to_string().starts_with("at offset 0x"), "{error}");
            false
        }
    }
}

fn kernel(arch: Arch) -> Vmlinux {
    let mut kernel = Vmlinux::new("6.1.0-test").on(arch);
    kernel.config = Some("CONFIG_MODULES=y\n".to_owned());
    kernel.module_size = Some(0x500);
    kernel.certificates = vec![parts::certificate("p256")];
    kernel.exports.truncate(80);
    kernel
}

/// Cut short, with flipped bytes, with absurd words; the first bytes of the file closely.
fn spoil(bytes: Vec<u8>) {
    ends(move || {
        assert!(examine(bytes.clone()));
        let step = (bytes.len() / SAMPLES).max(1);
        let places = (0..64).chain((0x1f0..0x250).step_by(4)).chain((64..bytes.len()).step_by(step));
        for at in places.filter(|at| *at < bytes.len()) {
            examine(bytes[..at].to_vec());
            let mut spoilt = bytes.clone();
            spoilt[at] ^= if at % 2 == 0 { 0xff } else { 1 << (at % 8) };
            examine(spoilt);
            if at % 4 == 0 && at + 4 <= bytes.len() {
                let mut spoilt = bytes.clone();
                spoilt[at..at + 4].copy_from_slice(&[u32::MAX, 1 << 31, 0][at / 4 % 3].to_le_bytes());
                examine(spoilt);
            }
        }
    });
}

#[test]
fn spoilt_bz_image() {
    spoil(bz_image(&payload(Compression::Gzip, &kernel(Arch::X86_64).elf())));
}

#[test]
fn spoilt_zboot() {
    spoil(zboot("zstd", &payload(Compression::Zstd, &kernel(Arch::ARM64).bare())));
}

#[test]
fn spoilt_uki() {
    let inner = bz_image(&payload(Compression::Lz4, &kernel(Arch::X86_64).elf()));
    spoil(uki(&[(".uname", b"6.1.0-test"), (".linux", &inner)]));
}

#[test]
fn spoilt_elf() {
    spoil(kernel(Arch::X86_64).unstripped());
    spoil(kernel(Arch::I386).headless());
}

#[test]
fn spoilt_bare_image() {
    spoil(kernel(Arch::ARM64).bare());
}

/// Every other cut of a kernel on a disk is an error that names it.
#[test]
fn errors_name_the_file() {
    let whole = bz_image(&payload(Compression::Xz, &kernel(Arch::X86_64).elf()));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("vmlinuz-cut");
    for length in [0, 1, 0x1f1, 0x240, 0x24e, 0x600, whole.len() / 2] {
        std::fs::write(&path, &whole[..length]).expect("written");
        let error = Kernel::open(&[&path]).expect_err("it is cut").to_string();
        assert!(error.starts_with(&format!("cannot read {}: ", path.display())), "{error}");
    }
}

#[track_caller]
fn refused(bytes: Vec<u8>) -> ImageErrorKind {
    KernelImage::from_bytes(Path::new("vmlinuz"), bytes).map(drop).expect_err("it lies").kind
}

#[test]
fn payloads_beyond_the_end() {
    let contents = kernel(Arch::X86_64).elf();
    let whole = bz_image(&payload(Compression::Zstd, &contents));
    let zboot = zboot("zstd", &payload(Compression::Zstd, &contents));
    for (bytes, fields) in [(&whole, [0x248, 0x24c]), (&zboot, [8, 12])] {
        for at in fields {
            for value in [u32::MAX, i32::MAX as u32, bytes.len() as u32] {
                let mut lie = bytes.clone();
                lie[at..at + 4].copy_from_slice(&value.to_le_bytes());
                assert!(matches!(refused(lie), ImageErrorKind::Outside { .. }), "{at:#x} {value:#x}");
            }
        }
    }
}

/// The size that follows a payload is a hint, and no more.
#[test]
fn absurd_sizes_of_what_is_packed() {
    let kernel = kernel(Arch::X86_64);
    for compression in [Compression::Zstd, Compression::Xz, Compression::Bzip2, Compression::Lz4] {
        for size in [0, 1, u32::MAX, 1 << 31] {
            let packed = [pack(compression, &kernel.elf()), u32::to_le_bytes(size).to_vec()].concat();
            super::same(&kernel, bz_image(&packed), &format!("{compression} {size}"));
        }
    }
}

/// More than 512 MiB of nothing.
fn bombs() -> Vec<Vec<u8>> {
    fn fill(mut encoder: impl std::io::Write) {
        let block = vec![0; 1 << 20];
        (0..513).for_each(|_| encoder.write_all(&block).expect("a vector can grow"));
    }
    let (mut gzip, mut xz, mut zstd) = (Vec::new(), Vec::new(), Vec::new());
    fill(flate2::write::GzEncoder::new(&mut gzip, flate2::Compression::fast()));
    fill(liblzma::write::XzEncoder::new(&mut xz, 0));
    fill(zstd::stream::Encoder::new(&mut zstd, 1).expect("it can be made").auto_finish());
    vec![gzip, xz, zstd]
}

#[test]
fn bombs_are_refused() {
    for bomb in bombs() {
        let (started, size) = (Instant::now(), bomb.len());
        for bytes in [bz_image(&bomb), bomb] {
            let refused = ends(move || refused(bytes).to_string());
            assert!(refused.ends_with("data grows beyond 536870912 bytes"), "{refused}");
        }
        assert!(size < 4 << 20 && started.elapsed() < Duration::from_secs(60), "{size}: {:?}", started.elapsed());
    }
}

#[test]
fn containers_in_containers_come_to_an_end() {
    let nest = |wrap: &dyn Fn(&[u8]) -> Vec<u8>, times: usize| {
        (0..times).fold(kernel(Arch::ARM64).bare(), |bytes, _| wrap(&bytes))
    };
    let gzip = |bytes: &[u8]| pack(Compression::Gzip, bytes);
    let unified = |bytes: &[u8]| uki(&[(".linux", bytes)]);
    assert!(examine(nest(&gzip, 5)) && examine(nest(&unified, 5)));
    assert!(matches!(refused(nest(&gzip, 7)), ImageErrorKind::TooDeep(_)));
    assert!(matches!(refused(nest(&unified, 7)), ImageErrorKind::TooDeep(_)));
    // One that holds itself.
    let mut itself = unified(&[0; 512]);
    let size = itself.len() as u32;
    for (at, value) in [(8, size), (16, size), (20, 0)] {
        let at = 0x98 + 0xf0 + at;
        itself[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    assert!(matches!(refused(itself), ImageErrorKind::TooDeep(_)));
}

#[test]
fn pe_headers_that_lie() {
    let whole = uki(&[(".linux", &kernel(Arch::ARM64).bare())]);
    // The place of the header, how many sections, the size of the optional header, of the section, where it is.
    for at in [0x3c, 0x86, 0x94, 0x98 + 108, 0x98 + 0xf0 + 8, 0x98 + 0xf0 + 16, 0x98 + 0xf0 + 20] {
        for value in [0, 1, 0x7fff, 0xffff] {
            let mut lie = whole.clone();
            lie[at..at + 2].copy_from_slice(&u16::to_le_bytes(value));
            ends(move || examine(lie));
        }
        let mut lie = whole.clone();
        lie[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        ends(move || examine(lie));
    }
}

/// Token tables and rising numbers without end, and no names that belong to them: the search for the names gives up.
#[test]
fn the_search_for_names_comes_to_an_end() {
    let mut bytes = kernel(Arch::ARM64).bare();
    let digits = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0";
    let at = bytes.windows(digits.len()).position(|window| window == digits).expect("a token table");
    let tokens = bytes[at - 2048..].to_vec();
    // The kernel's own table is none any more.
    bytes[at] = b'x';
    let pair: Vec<u8> = [0_u32, 300].into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.extend(pair.repeat(60_000));
    bytes.extend(tokens.repeat(40));
    ends(move || assert!(examine(bytes)));
}

/// Every number of the table is absurd once: counts, markers, lengths, offsets, the index.
#[test]
fn kallsyms_that_lie() {
    for form in FORMS {
        let mut kernel = kernel(Arch::ARM64);
        kernel.kallsyms = None;
        let before = kernel.bare().len();
        kernel.kallsyms = Some(form);
        let whole = kernel.bare();
        ends(move || {
            for at in (before..whole.len() - 4).step_by(if form == Form::Behind { 97 } else { 331 }) {
                for value in [u32::MAX, 1 << 31, 0] {
                    let mut lie = whole.clone();
                    lie[at & !3..][..4].copy_from_slice(&value.to_le_bytes());
                    examine(lie);
                }
            }
        });
    }
}

/// Headers of sections over each other, over everything, and beyond the end.
#[test]
fn sections_that_lie() {
    let kernel = kernel(Arch::X86_64);
    let whole = kernel.unstripped();
    let table = u64::from_le_bytes(whole[0x28..0x30].try_into().expect("eight bytes")) as usize;
    let headers = (whole.len() - table) / 64;
    let len = whole.len() as u64;
    ends(move || {
        for header in 1..headers {
            for (offset, size) in [(0, len), (u64::MAX, 8), (8, u64::MAX), (len, 0), (0x1000, 0x1000), (len - 1, 1)] {
                let mut lie = whole.clone();
                let at = table + header * 64;
                lie[at + 24..at + 32].copy_from_slice(&offset.to_le_bytes());
                lie[at + 32..at + 40].copy_from_slice(&size.to_le_bytes());
                examine(lie);
            }
        }
    });
}

#[test]
fn type_information_that_lies() {
    let kernel = kernel(Arch::X86_64);
    for whole in [kernel.elf(), kernel.headless()] {
        let magic = [0x9f, 0xeb, 1, 0];
        let at = whole.windows(4).position(|bytes| bytes == magic).expect("it is there");
        ends(move || {
            for field in (at + 4..at + 0x200).step_by(4) {
                for value in [u32::MAX, 1 << 31, 0, 0x0400_ffff, 0x1f00_0000] {
                    let mut lie = whole.clone();
                    lie[field..field + 4].copy_from_slice(&value.to_le_bytes());
                    let image = KernelImage::from_bytes(Path::new("vmlinux"), lie).expect("a kernel in any case");
                    let _ = image.struct_module_size();
                }
            }
        });
    }
}
