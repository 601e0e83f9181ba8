//! What a boot loader is given, around a kernel.

use gplok::compression::Compression;
use gplok::kernel::KernelImage;
use gplok::terms::{Arch, Class, ElfMachine, Endian};

use super::forms::{COMPRESSIONS, bz_image, pack, payload, s390, uki, wrapper, z_image, zboot};
use super::same;
use super::vmlinux::{Vmlinux, arch};

fn x86() -> Vmlinux {
    Vmlinux::new("6.1.0-test")
}

/// One that is large enough for what looks for a payload to believe it.
fn padded(arch: Arch) -> Vmlinux {
    let mut kernel = Vmlinux::new("6.1.0-test").on(arch);
    kernel.padding = 1 << 16;
    kernel
}

fn names(image: &KernelImage) -> String {
    image.containers().iter().map(ToString::to_string).collect::<Vec<_>>().join(" > ")
}

#[test]
fn bz_images_of_every_compression() {
    for compression in COMPRESSIONS {
        for kernel in [x86(), x86().on(Arch::I386)] {
            let image = same(&kernel, bz_image(&payload(compression, &kernel.elf())), &compression.to_string());
            assert_eq!(names(&image), format!("bzImage > {compression}"));
            let image = same(&kernel, bz_image(&payload(compression, &kernel.headless())), &compression.to_string());
            assert_eq!(image.size(), kernel.headless().len());
        }
    }
}

#[test]
fn zboot_of_every_compression() {
    for compression in COMPRESSIONS {
        let kernel = x86().on(Arch::ARM64);
        let image = same(&kernel, zboot("any", &payload(compression, &kernel.bare())), &compression.to_string());
        assert_eq!(names(&image), format!("EFI zboot > {compression}"));
    }
}

#[test]
fn a_kernel_that_is_only_compressed() {
    for compression in COMPRESSIONS {
        let kernel = x86().on(Arch::ARM64);
        let image = same(&kernel, pack(compression, &kernel.bare()), &compression.to_string());
        assert_eq!(names(&image), compression.to_string());
        same(&kernel, pack(compression, &kernel.elf()), &compression.to_string());
    }
}

#[test]
fn unified_images_hold_whatever_boots() {
    let kernel = x86();
    let inner = bz_image(&payload(Compression::Zstd, &kernel.elf()));
    let sections: [(&str, &[u8]); 4] = [
        (".osrel", b"ID=test\n"),
        (".cmdline", b"root=/dev/sda quiet\n\0"),
        (".uname", b"6.1.0-test"),
        (".linux", &inner),
    ];
    let image = same(&kernel, uki(&sections), "bzImage");
    assert_eq!(names(&image), "UKI > bzImage > zstd");
    assert_eq!(image.cmdline(), Some("root=/dev/sda quiet"));
    assert_eq!(image.uname().map(|uname| uname.to_string()).as_deref(), Some("6.1.0-test"));

    let kernel = x86().on(Arch::ARM64);
    let inner = zboot("gzip", &payload(Compression::Gzip, &kernel.bare()));
    let image = same(&kernel, uki(&[(".linux", &inner)]), "zboot");
    assert_eq!((names(&image).as_str(), image.cmdline()), ("UKI > EFI zboot > gzip", None));
    let image = same(&kernel, uki(&[(".linux", &kernel.bare())]), "bare");
    assert_eq!(names(&image), "UKI");
    let whole = pack(Compression::Xz, &uki(&[(".linux", &inner)]));
    assert_eq!(names(&same(&kernel, whole, "compressed")), "xz > UKI > EFI zboot > gzip");
}

/// A unified image with profiles boots the first, with what stands before it and is shared by all.
#[test]
fn the_first_profile_of_a_unified_image_counts() {
    let kernel = x86();
    let inner = bz_image(&payload(Compression::Zstd, &kernel.elf()));
    let cmdline = |shared: &[u8], first: &[u8]| {
        let mut sections: Vec<(&str, &[u8])> =
            vec![(".linux", &inner), (".profile", b"ID=first"), (".profile", b"ID=other")];
        sections.push((".cmdline", b"module.sig_enforce=1"));
        if !first.is_empty() {
            sections.insert(2, (".cmdline", first));
        }
        if !shared.is_empty() {
            sections.insert(0, (".cmdline", shared));
        }
        same(&kernel, uki(&sections), "profiles").cmdline().map(str::to_owned)
    };
    assert_eq!(cmdline(b"", b""), None);
    assert_eq!(cmdline(b"quiet", b"").as_deref(), Some("quiet"));
    assert_eq!(cmdline(b"", b"debug").as_deref(), Some("debug"));
    assert_eq!(cmdline(b"quiet", b"debug").as_deref(), Some("debug"));
}

/// Those that do not say where their payload is.
#[test]
fn payloads_are_looked_for() {
    let arm = arch(ElfMachine::Arm, Class::Elf32, Endian::Little);
    let big = arch(ElfMachine::S390, Class::Elf64, Endian::Big);
    let mips = arch(ElfMachine::Mips, Class::Elf64, Endian::Little);
    for compression in COMPRESSIONS {
        let packed = |kernel: &Vmlinux| payload(compression, &kernel.bare());
        let kernel = padded(arm);
        let image = same(&kernel, z_image(&packed(&kernel)), &format!("zImage {compression}"));
        assert_eq!(names(&image), format!("zImage > {compression}"));
        let kernel = padded(big);
        let image = same(&kernel, s390(&packed(&kernel)), &format!("s390 {compression}"));
        assert_eq!(names(&image), format!("s390 image > {compression}"));
        let kernel = padded(mips);
        let image = same(&kernel, wrapper(mips, &packed(&kernel)), &format!("MIPS {compression}"));
        assert_eq!(names(&image), format!("boot wrapper > {compression}"));
    }
}

/// Also without symbols: the tables alone give the addresses.
#[test]
fn bare_images_in_containers_without_symbols() {
    for machine in [ElfMachine::Arm, ElfMachine::S390, ElfMachine::Mips] {
        let arch = match machine {
            ElfMachine::Arm => arch(machine, Class::Elf32, Endian::Little),
            ElfMachine::S390 => arch(machine, Class::Elf64, Endian::Big),
            _ => arch(machine, Class::Elf32, Endian::Big),
        };
        let mut kernel = padded(arch);
        kernel.kallsyms = None;
        let packed = payload(Compression::Gzip, &kernel.bare());
        let bytes = match machine {
            ElfMachine::Arm => z_image(&packed),
            ElfMachine::S390 => s390(&packed),
            _ => wrapper(arch, &packed),
        };
        same(&kernel, bytes, &arch.to_string());
    }
}
