//! Every layout of export tables, in ELF files and bare images; and what else a kernel tells.

use gplok::kernel::ConfigOption;
use gplok::terms::{Arch, Class, ElfMachine, Endian};
use gplok::x509::Certificate;

use super::kallsyms::{FORMS, Form};
use super::vmlinux::{Crcs, Vmlinux, arch};
use super::{parts, read, same};

const ARM: Arch = arch(ElfMachine::Arm, Class::Elf32, Endian::Little);
const MIPS: Arch = arch(ElfMachine::Mips, Class::Elf32, Endian::Big);
const MIPS64: Arch = arch(ElfMachine::Mips, Class::Elf64, Endian::Little);
const PPC: Arch = arch(ElfMachine::Ppc, Class::Elf32, Endian::Big);
const PPC64: Arch = arch(ElfMachine::Ppc64, Class::Elf64, Endian::Big);
const PPC64LE: Arch = arch(ElfMachine::Ppc64, Class::Elf64, Endian::Little);
const S390: Arch = arch(ElfMachine::S390, Class::Elf64, Endian::Big);
const RISCV: Arch = arch(ElfMachine::Riscv, Class::Elf64, Endian::Little);
const LOONGARCH: Arch = arch(ElfMachine::Loongarch, Class::Elf64, Endian::Little);
const ARM64_BE: Arch = arch(ElfMachine::Arm64, Class::Elf64, Endian::Big);

const ALL: [Arch; 12] =
    [Arch::X86_64, Arch::I386, Arch::ARM64, ARM64_BE, ARM, MIPS, MIPS64, PPC, PPC64, PPC64LE, RISCV, LOONGARCH];

/// A kernel of an architecture in every layout of its tables.
fn layouts(arch: Arch) -> Vec<(String, Vmlinux)> {
    let mut all = Vec::new();
    for (namespaces, flagged) in [(false, false), (true, false), (true, true)] {
        for crcs in [Crcs::None, Crcs::Immediate, Crcs::Relative] {
            let relative = matches!(arch.machine, ElfMachine::Ppc | ElfMachine::Ppc64 | ElfMachine::S390);
            if crcs == Crcs::Relative && (!relative || flagged) {
                continue;
            }
            let mut kernel = Vmlinux::new("6.1.0-test").on(arch);
            (kernel.namespaces, kernel.flagged, kernel.crcs) = (namespaces, flagged, crcs);
            all.push((format!("{arch}, namespaces {namespaces}, flags {flagged}, {crcs:?}"), kernel));
        }
    }
    all
}

#[test]
fn every_layout_of_an_elf_file() {
    for arch in ALL.into_iter().chain([S390]) {
        for (what, mut kernel) in layouts(arch) {
            kernel.kallsyms = None;
            same(&kernel, kernel.elf(), &format!("{what}: sections"));
            same(&kernel, kernel.unstripped(), &format!("{what}: symbols"));
            if kernel.crcs != Crcs::Relative {
                same(&kernel, kernel.headless(), &format!("{what}: no sections, no symbols"));
            }
            kernel.kallsyms = Some(Form::Base);
            same(&kernel, kernel.headless(), &format!("{what}: no sections"));
        }
    }
}

#[test]
fn every_layout_of_a_bare_image() {
    for arch in [Arch::ARM64, ARM64_BE, RISCV, LOONGARCH] {
        for (what, mut kernel) in layouts(arch) {
            same(&kernel, kernel.bare(), &what);
            kernel.kallsyms = None;
            same(&kernel, kernel.bare(), &format!("{what}, by shape"));
        }
    }
}

/// Versions that are found relative to themselves: s390 and powerpc up to 5.18.
#[test]
fn relative_versions_of_a_bare_image() {
    let mut kernel = Vmlinux::new("5.10.0-test").on(S390);
    (kernel.crcs, kernel.padding) = (Crcs::Relative, 1 << 16);
    let packed = super::forms::pack(gplok::compression::Compression::Gzip, &kernel.bare());
    same(&kernel, super::forms::s390(&packed), "s390");
}

/// Exports of assembly have no namespace, not even an empty one, up to 5.6; and functions built in twice export twice.
#[test]
fn two_exports_of_one_name_are_one() {
    let kernel = Vmlinux::new("5.4.0-test").export("twice", false, 7, "").export("twice", false, 7, "");
    let image = read(kernel.elf());
    let exports = image.exports().expect("they are good");
    assert_eq!(exports.rows().filter(|row| row.name == "twice").count(), 1);
    assert_eq!(exports.rows().len(), kernel.exports.len() - 1);
}

/// Names, addresses, kinds and sizes, in every form there has been.
#[test]
fn every_form_of_kallsyms() {
    for arch in [Arch::X86_64, Arch::I386, Arch::ARM64, ARM64_BE, ARM, MIPS, PPC64, RISCV] {
        for form in FORMS {
            let mut kernel = Vmlinux::new("6.6.0-test").on(arch);
            kernel.kallsyms = Some(form);
            if form == Form::Percpu && arch.class == Class::Elf32 {
                continue;
            }
            let laid = kernel.lay();
            let image = same(&kernel, kernel.headless(), &format!("{arch} {form:?}"));
            let symbols = image.symbols().unwrap_or_else(|| panic!("{arch} {form:?}: no symbols"));
            let found: Vec<_> =
                symbols.iter().map(|symbol| (symbol.address, symbol.kind, symbol.name.to_owned())).collect();
            let wanted: Vec<_> = laid.symbols.into_iter().map(|s| (s.address, s.kind, s.name)).collect();
            assert_eq!(found, wanted, "{arch} {form:?}");
            assert!(found.iter().any(|(.., name)| name.len() == 480));
            let filler = symbols.iter().find(|symbol| symbol.name == "filler_000_init").expect("it is there");
            assert_eq!(filler.size, 16, "{arch} {form:?}");
        }
    }
}

/// Whatever form its symbols have, the exports of a bare image are found with them.
#[test]
fn bare_images_with_every_form_of_kallsyms() {
    for arch in [Arch::ARM64, ARM64_BE, RISCV, LOONGARCH] {
        for form in FORMS {
            let mut kernel = Vmlinux::new("6.6.0-test").on(arch);
            kernel.kallsyms = Some(form);
            let image = same(&kernel, kernel.bare(), &format!("{arch} {form:?}"));
            assert!(image.symbols().is_some_and(|symbols| symbols.len() > 700), "{arch} {form:?}");
        }
    }
}

#[test]
fn the_rest_is_read_back() {
    let names = ["rsa", "p384"];
    for arch in [Arch::X86_64, Arch::I386, Arch::ARM64, ARM64_BE, RISCV, MIPS] {
        for form in [Some(Form::Base), None] {
            let mut kernel = Vmlinux::new("6.1.0-test").on(arch);
            kernel.config = Some("CONFIG_MODULES=y\nCONFIG_MODVERSIONS=y\n# CONFIG_SMP is not set\n".to_owned());
            kernel.module_size = Some(0x4c0);
            kernel.certificates = names.map(parts::certificate).to_vec();
            kernel.kallsyms = form;
            let mut files = vec![kernel.elf(), kernel.unstripped(), kernel.headless()];
            if matches!(arch.machine, ElfMachine::Arm64 | ElfMachine::Riscv) {
                files.push(kernel.bare());
            }
            for (number, bytes) in files.into_iter().enumerate() {
                let what = format!("{arch} {form:?} {number}");
                let image = same(&kernel, bytes, &what);
                let config = image.config().unwrap_or_else(|| panic!("{what}: no configuration"));
                assert!(config.is_set(ConfigOption("MODVERSIONS")) && !config.is_set(ConfigOption("SMP")), "{what}");
                assert_eq!(image.struct_module_size(), Some(0x4c0), "{what}");
                let wanted: Vec<_> =
                    names.map(parts::certificate).iter().map(|der| Certificate::parse_all(der)).collect();
                let wanted: Vec<_> = wanted.into_iter().flat_map(|parsed| parsed.expect("a good one")).collect();
                // Without symbols the two sizes that follow decide, which are eight bytes each only on 64-bit.
                if arch.class == Class::Elf64 || form.is_some() || number == 1 {
                    assert_eq!(image.certificates(), Some(wanted.as_slice()), "{what}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_there_is_not_told() {
    let mut kernel = Vmlinux::new("6.1.0-test");
    (kernel.vermagic, kernel.kallsyms) = (None, None);
    let image = same(&kernel, kernel.headless(), "x86_64");
    assert!(image.config().is_none() && image.symbols().is_none() && image.certificates().is_none());
    assert_eq!((image.struct_module_size(), image.cmdline(), image.uname()), (None, None, None));
}

#[test]
fn a_kernel_without_modules_says_so() {
    let mut kernel = Vmlinux::new("6.1.0-test").on(Arch::ARM64);
    kernel.exports.clear();
    for (bytes, why) in [
        (kernel.elf(), "it has no export table: a kernel without modules"),
        (kernel.unstripped(), "it has no export table: a kernel without modules"),
        (kernel.bare(), "it has no export table that can be recognised"),
        (kernel.headless(), "it has no export table that can be recognised"),
    ] {
        let image = read(bytes);
        assert_eq!(image.exports().map(|exports| exports.rows().len()), Err(why));
    }
}
