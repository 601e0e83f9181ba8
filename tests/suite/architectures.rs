//! Every architecture, class and byte order the kernel has: read, and judged on a kernel of its own.

use std::sync::Arc;

use gplok::compression::Compression;
use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Insmod, Machine, ModuleInitFlags};
use gplok::terms::{Arch, Class, ElfMachine, Endian, Errno, ExportKind, Taint};
use gplok::verdict::{Code, Missing, Outcome, Verdict};

use crate::ko::{Eh, Ko, Profile, Section};
use crate::made::{CONFIG_HEAD, Made};

/// The configuration that makes a kernel one of this architecture.
fn options(arch: Arch) -> String {
    let name = match arch.machine {
        ElfMachine::X86_64 => "X86_64",
        ElfMachine::I386 => "X86_32",
        ElfMachine::Arm64 => "ARM64",
        ElfMachine::Arm => "ARM",
        ElfMachine::Riscv => "RISCV",
        ElfMachine::Ppc64 => "PPC64",
        ElfMachine::Ppc => "PPC",
        ElfMachine::S390 => "S390",
        ElfMachine::Loongarch => "LOONGARCH",
        ElfMachine::Mips => "MIPS",
        named => panic!("kernels for {named} are not modelled"),
    };
    let wide = if arch.class == Class::Elf64 { "CONFIG_64BIT=y\n" } else { "" };
    let order = if arch.endian == Endian::Big { "CONFIG_CPU_BIG_ENDIAN=y\n" } else { "CONFIG_CPU_LITTLE_ENDIAN=y\n" };
    format!(
        "{CONFIG_HEAD}CONFIG_{name}=y\n{wide}{order}CONFIG_SMP=y\nCONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\nCONFIG_KALLSYMS=y\n"
    )
}

const ALL: [Arch; 13] = [
    Arch::X86_64,
    Arch::I386,
    Arch::ARM64,
    Arch { endian: Endian::Big, ..Arch::ARM64 },
    Arch { machine: ElfMachine::Arm, ..Arch::I386 },
    Arch { machine: ElfMachine::Riscv, ..Arch::ARM64 },
    Arch { machine: ElfMachine::Ppc64, ..Arch::ARM64 },
    Arch { machine: ElfMachine::Ppc64, class: Class::Elf64, endian: Endian::Big },
    Arch { machine: ElfMachine::S390, class: Class::Elf64, endian: Endian::Big },
    Arch { machine: ElfMachine::Loongarch, ..Arch::ARM64 },
    Arch { machine: ElfMachine::Mips, ..Arch::I386 },
    Arch { machine: ElfMachine::Mips, class: Class::Elf32, endian: Endian::Big },
    Arch { machine: ElfMachine::Mips, ..Arch::ARM64 },
];

fn module() -> Ko {
    Ko::new("foo")
        .license("Proprietary")
        .import_ns("NS")
        .needs("printk")
        .needs_weak("maybe")
        .export("a")
        .export_gpl("b")
}

#[test]
fn facts_are_the_same_everywhere() {
    for arch in ALL {
        let image = Image::from_bytes("foo.ko", module().build(&Profile::synthetic(arch))).expect("not compressed");
        let facts = image.facts().unwrap_or_else(|| panic!("{arch}: no facts"));
        assert_eq!(facts.arch, Some(arch));
        assert_eq!(facts.name.as_deref(), Some("foo"), "{arch}");
        assert_eq!(facts.modinfo.get("license"), Some("Proprietary"), "{arch}");
        let imports: Vec<_> = facts.imports.iter().map(|import| (import.name.as_str(), import.weak)).collect();
        assert_eq!(imports, [("printk", false), ("maybe", true)], "{arch}");
        assert!(facts.imports[0].crc.is_some(), "{arch}: a version of printk");
        let exports: Vec<_> = facts.exports.iter().map(|export| (export.name.as_str(), export.kind)).collect();
        assert_eq!(exports, [("a", ExportKind::Plain), ("b", ExportKind::Gpl)], "{arch}");
        assert!(facts.exports.iter().all(|export| export.crc.is_some()), "{arch}: a version of each export");
    }
}

#[test]
fn a_hidden_symbol_is_hidden_everywhere() {
    for arch in ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("release", "6.12.0\n");
        write("config", &options(arch));
        write("Module.symvers", "0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL_GPL\t\n");
        let kernel = Kernel::open(&[folder.path()]).expect("a kernel");
        assert_eq!(kernel.arch(), Some(arch));
        let mut bytes = module().build(&Profile::synthetic(arch));
        if (arch.machine, arch.endian) == (ElfMachine::Ppc64, Endian::Little) {
            // The ABI level, the lowest bits of e_flags: ELFv2.
            bytes[48] = 2;
        }
        let image = Image::from_bytes("foo.ko", bytes).expect("not compressed");
        let verdict = Machine::boot(Arc::new(kernel), Cmdline::default()).insmod(&image, &Insmod::default());
        let hidden = verdict.findings.iter().find(|finding| finding.code() == Code::GplOnlySymbol);
        assert_eq!(hidden.and_then(|finding| finding.symbol()), Some("printk"), "{arch}: {verdict:#?}");
        assert!(!matches!(verdict.outcome, Outcome::Loads | Outcome::Crash { .. }), "{arch}: {:?}", verdict.outcome);
    }
}

/// The per-CPU allocator takes alignments up to a page that are powers of two, and makes small ones four.
#[test]
fn an_odd_alignment_of_percpu_data_is_refused() {
    let made = Made::new("6.12.0");
    let (kernel, _folder) = made.open();
    for (align, errno) in [(3, None), (8, None), (24, Some(Errno::ENOMEM)), (4095, Some(Errno::ENOMEM)), (8191, None)] {
        let flags = object::elf::SHF_ALLOC | object::elf::SHF_WRITE;
        let data = Section::new(".data..percpu", flags, align, vec![0; 64]);
        let image = Image::from_bytes("foo.ko", Ko::new("foo").section(data).build(&made.profile));
        let mut machine = Machine::boot(kernel.clone(), Cmdline::default());
        let verdict = machine.insmod(&image.expect("not compressed"), &Insmod::default());
        let finding = verdict.findings.iter().any(|finding| finding.code() == Code::PercpuAlignment);
        assert_eq!((finding, verdict.kernel_tainted.has(Taint::Warn)), (errno.is_some(), errno.is_some()), "{align}");
        if errno.is_some() {
            assert_eq!(verdict.outcome.errno(), errno, "{align}: {verdict:#?}");
        }
    }
}

/// Some architectures look at more of the header than its machine.
#[test]
fn headers_are_checked_as_each_architecture_does() {
    const CLASS: usize = 4;
    const MACHINE: usize = 18;
    const ENTRY: usize = 24;
    let s390 = Arch { machine: ElfMachine::S390, class: Class::Elf64, endian: Endian::Big };
    let arm = Arch { machine: ElfMachine::Arm, ..Arch::I386 };
    let riscv = Arch { machine: ElfMachine::Riscv, ..Arch::ARM64 };
    let loongarch = Arch { machine: ElfMachine::Loongarch, ..Arch::ARM64 };
    let changes: [(Arch, &str, usize, &[u8], bool); 12] = [
        (s390, "6.12.0", CLASS, &[1], false),
        (s390, "6.12.0", MACHINE, &[0xa3, 0x90], true),
        (riscv, "6.12.0", CLASS, &[1], false),
        (riscv, "5.10.0", CLASS, &[1], true),
        (loongarch, "6.12.0", CLASS, &[0], false),
        (Arch::X86_64, "6.12.0", CLASS, &[1], true),
        (Arch::I386, "6.12.0", CLASS, &[2], true),
        (arm, "6.12.0", ENTRY, &[2], false),
        (arm, "6.12.0", ENTRY, &[3], true),
        (arm, "6.12.0", 36, &[8, 0, 0, 0], false),
        (arm, "6.12.0", 36, &[8, 0, 0, 5], true),
        (riscv, "6.12.0", ENTRY, &[2], true),
    ];
    for (arch, release, at, bytes, is_accepted) in changes {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("release", &format!("{release}\n"));
        write("config", &options(arch));
        write("Module.symvers", "0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n");
        let kernel = Kernel::open(&[folder.path()]).expect("a kernel");
        let mut file = Ko::new("foo").build(&Profile::synthetic(arch));
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let image = Image::from_bytes("foo.ko", file).expect("not compressed");
        let verdict = Machine::boot(Arc::new(kernel), Cmdline::default()).insmod(&image, &Insmod::default());
        let is_refused = verdict.findings.iter().any(|finding| finding.code() == Code::WrongArchitecture);
        assert_eq!(!is_refused, is_accepted, "{arch} {release}: {bytes:?} at {at}: {verdict:#?}");
    }
}

#[test]
fn another_architecture_is_refused() {
    let folder = format!("{}/testdata/kernels/6.12", env!("CARGO_MANIFEST_DIR"));
    let kernel = Arc::new(Kernel::open(&[folder]).expect("a kernel"));
    for arch in ALL.into_iter().filter(|arch| *arch != Arch::X86_64) {
        let image = Image::from_bytes("foo.ko", module().build(&Profile::synthetic(arch))).expect("not compressed");
        let verdict = Machine::boot(Arc::clone(&kernel), Cmdline::default()).insmod(&image, &Insmod::default());
        assert_eq!(verdict.outcome.errno(), Some(Errno::ENOEXEC), "{arch}");
        // In the other byte order not even e_type is right, and that is looked at first.
        let expected = if arch.endian == Endian::Big { Code::InvalidElf } else { Code::WrongArchitecture };
        assert_eq!(verdict.findings.first().map(|finding| finding.code()), Some(expected), "{arch}");
    }
}

/// The machines that are named only, with the option that a configuration names them by.
const NAMED: [(&str, ElfMachine, Class, Endian); 14] = [
    ("ALPHA", ElfMachine::Alpha, Class::Elf64, Endian::Little),
    ("ARC", ElfMachine::Arc, Class::Elf32, Endian::Little),
    ("CSKY", ElfMachine::Csky, Class::Elf32, Endian::Little),
    ("HEXAGON", ElfMachine::Hexagon, Class::Elf32, Endian::Little),
    ("IA64", ElfMachine::Ia64, Class::Elf64, Endian::Little),
    ("M68K", ElfMachine::M68k, Class::Elf32, Endian::Big),
    ("MICROBLAZE", ElfMachine::Microblaze, Class::Elf32, Endian::Big),
    ("NIOS2", ElfMachine::Nios2, Class::Elf32, Endian::Little),
    ("OPENRISC", ElfMachine::Openrisc, Class::Elf32, Endian::Big),
    ("PARISC", ElfMachine::Parisc, Class::Elf32, Endian::Big),
    ("SUPERH", ElfMachine::Sh, Class::Elf32, Endian::Little),
    ("SPARC", ElfMachine::Sparc, Class::Elf32, Endian::Big),
    ("SPARC64", ElfMachine::Sparc64, Class::Elf64, Endian::Big),
    ("XTENSA", ElfMachine::Xtensa, Class::Elf32, Endian::Little),
];

/// A kernel of 4.19.9 that exports `printk` and has no symbol versions, from a configuration, if one is given.
fn kernel_of(config: Option<&str>) -> Arc<Kernel> {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("release", "4.19.9\n");
    write("Module.symvers", "0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL\n");
    if let Some(config) = config {
        write("config", config);
    }
    Arc::new(Kernel::open(&[folder.path()]).expect("a kernel"))
}

fn verdict_on(kernel: &Arc<Kernel>, module: &Ko, arch: Arch) -> Verdict {
    let mut profile = Profile::synthetic(arch);
    profile.vermagic = "4.19.9 SMP mod_unload ".to_owned();
    let image = Image::from_bytes("foo.ko", module.build(&profile)).expect("not compressed");
    Machine::boot(Arc::clone(kernel), Cmdline::default()).insmod(&image, &Insmod::default())
}

fn words(verdict: &Verdict) -> Vec<String> {
    verdict.missing.iter().map(Missing::word).collect()
}

// Kernels for some architectures are not modelled. Whether they take a module is never certain, but what they lack is.
#[test]
fn an_architecture_that_is_not_modelled_is_named() {
    for (option, machine, class, endian) in NAMED {
        let arch = Arch { machine, class, endian };
        let kernel = kernel_of(Some(&format!("{CONFIG_HEAD}CONFIG_{option}=y\nCONFIG_SMP=y\nCONFIG_MODULES=y\n")));
        assert_eq!(kernel.arch().map(|arch| arch.machine), Some(machine));
        let unmodelled = format!("unmodelled:{machine}");
        let may_load = verdict_on(&kernel, &Ko::new("foo").needs("printk"), arch);
        assert_eq!((&may_load.outcome, may_load.never_loads), (&Outcome::Undetermined, false), "{machine}");
        assert_eq!(words(&may_load), [unmodelled.as_str()], "{machine}");
        let lacks = verdict_on(&kernel, &Ko::new("foo").needs("gone"), arch);
        assert!(lacks.never_loads, "{machine}: {lacks:#?}");
        assert_eq!(lacks.findings.iter().filter_map(|finding| finding.symbol()).collect::<Vec<_>>(), ["gone"]);
        let foreign = verdict_on(&kernel, &Ko::new("foo").needs("printk"), Arch { endian, class, ..Arch::ARM64 });
        assert_eq!(foreign.outcome.errno(), Some(Errno::ENOEXEC), "{machine}");
    }
}

// Nothing tells the kernel's architecture: it may be the module's, and is never one that stands nowhere.
#[test]
fn an_unknown_architecture_is_not_invented() {
    let kernel = kernel_of(None);
    let module = Ko::new("foo").needs("printk");
    let arc = Arch { machine: ElfMachine::Arc, class: Class::Elf32, endian: Endian::Little };
    let nameless = module.clone().patch(|image| image.set(Eh::Machine, 0x1234));
    for (module, arch, unmodelled) in
        [(&module, arc, "unmodelled:arc"), (&nameless, Arch::X86_64, "unmodelled:another architecture")]
    {
        let verdict = verdict_on(&kernel, module, arch);
        assert_eq!((&verdict.outcome, verdict.never_loads), (&Outcome::Undetermined, false), "{verdict:#?}");
        assert!(words(&verdict).iter().any(|word| word == "arch"), "{verdict:#?}");
        assert!(words(&verdict).iter().any(|word| word == unmodelled), "{verdict:#?}");
        assert!(verdict.findings.is_empty(), "{verdict:#?}");
    }
}

// The kernel would decompress with one of three decompressors. The file is for none of them: EINVAL is certain, the
// decompressor is not.
#[test]
fn a_reason_that_only_some_kernels_have_is_not_given() {
    let kernel = kernel_of(Some("CONFIG_X86_64=y\nCONFIG_64BIT=y\nCONFIG_MODULES=y\nCONFIG_MODULE_DECOMPRESS=y\n"));
    let image = Image::from_bytes("foo.ko", module().build(&Profile::synthetic(Arch::X86_64))).expect("not compressed");
    let insmod = Insmod { flags: ModuleInitFlags::COMPRESSED_FILE, raw: true, ..Insmod::default() };
    let unknown = {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("release"), "6.12.0\n").expect("written");
        Arc::new(Kernel::open(&[folder.path()]).expect("a kernel"))
    };
    let known = Machine::boot(kernel, Cmdline::default()).insmod(&image, &insmod);
    assert_eq!(known.findings.len(), 1, "{known:#?}");
    let verdict = Machine::boot(unknown, Cmdline::default()).insmod(&image, &insmod);
    let compress = ["config:CONFIG_MODULE_COMPRESS_GZIP", "config:CONFIG_MODULE_COMPRESS_XZ"];
    assert!(compress.iter().all(|word| words(&verdict).iter().any(|known| known == word)), "{verdict:#?}");
    assert!(verdict.findings.is_empty() && verdict.log.is_empty(), "{verdict:#?}");
}

#[test]
fn compression_is_told_by_magic_and_changes_nothing() {
    use std::io::Write as _;
    let plain = module().build(&Profile::synthetic(Arch::X86_64));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("in memory");
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).expect("in memory");
    let packed = [
        (Compression::Gzip, gzip.finish().expect("in memory")),
        (Compression::Xz, xz.finish().expect("in memory")),
        (Compression::Zstd, zstd::bulk::compress(&plain, 1).expect("in memory")),
    ];
    for (compression, bytes) in packed {
        let image = Image::from_bytes("a.name.that.says.nothing", bytes).expect("whole");
        assert_eq!(image.compression(), Some(compression));
        assert_eq!(*image.contents().whole(), *plain, "{compression}");
    }
}
