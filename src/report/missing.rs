//! Facts that are not known: what they are, and how to supply them.

use crate::history::{Behaviour, Calendar, FIRST_KNOWN, TABLE};
use crate::kernel::VMLINUX;
use crate::terms::ElfMachine;
use crate::verdict::Missing;

use super::entry::KernelSummary;
use super::printable::printable;

/// What is missing, and the argument that supplies it, in one line.
pub fn remedy(missing: &Missing, kernel: &KernelSummary) -> String {
    printable(supply(missing, kernel))
}

fn supply(missing: &Missing, kernel: &KernelSummary) -> String {
    let release = kernel.in_paths();
    let image = add_image(kernel);
    match missing {
        Missing::Release => "the kernel's release: give --release RELEASE, as uname -r prints it there".into(),
        Missing::Backports => format!(
            "what the distribution has carried into {} from later kernels: its release string does not tell, and gplok knows only \
             when upstream's loader changed",
            kernel.called()
        ),
        Missing::OldKernel => format!(
            "how {} differs from {FIRST_KNOWN}: gplok knows the loader in full from {FIRST_KNOWN} on, and only some changes \
             before that",
            kernel.called()
        ),
        Missing::Config(option) => format!("{option}: add the kernel's configuration, -k /boot/config-{release}"),
        Missing::Behaviour(behaviour) => dated(*behaviour, kernel),
        Missing::Arch => "the architecture: add the kernel's configuration with -k".into(),
        Missing::Unmodelled(ElfMachine::Other) => {
            "what a kernel of the module's architecture does with it: gplok does not know this e_machine".into()
        }
        Missing::Unmodelled(machine) => format!(
            "what {machine}'s own part of the loader does, such as relocations: gplok does not model kernels for {machine}"
        ),
        Missing::Vermagic => {
            let modules = format!("add its modules, -k /lib/modules/{release}");
            let how = match (kernel.release.is_some(), kernel.has_config) {
                // What is missing is a word that only the build knows, or that is not known for the architecture.
                (true, true) => modules,
                (true, false) => format!("{modules}, or its configuration, -k /boot/config-{release}"),
                (false, true) => format!("{modules}, or give --release RELEASE, as uname -r prints it there"),
                (false, false) => format!("{modules}, or give --release RELEASE and its configuration"),
            };
            format!("the kernel's version magic: {how}")
        }
        Missing::StructModuleSize => {
            format!("the size of struct module: add the kernel's own modules, -k /lib/modules/{release}")
        }
        Missing::StructModuleLayout => {
            format!(
                "what the kernel has at that place in struct module: {image}, whose type information (BTF) tells it"
            )
        }
        Missing::Certificates | Missing::Signer(_) => {
            format!("the certificates the kernel trusts: {image}, or give --certs FILE (PEM or DER)")
        }
        Missing::Exports => format!(
            "what the kernel exports: {image}, or its headers directory with Module.symvers, -k /lib/modules/{release}/build"
        ),
        Missing::ModuleExports => {
            format!("what the kernel's own modules export: add them, -k /lib/modules/{release}")
        }
        Missing::Symbols(object) if object == VMLINUX && kernel.is_image_given() => {
            "the kernel's own symbols (kallsyms), which were not found in its image: add its /proc/kallsyms".into()
        }
        Missing::Symbols(object) if object == VMLINUX => {
            format!("the kernel's own symbols (kallsyms): {image}, or its /proc/kallsyms")
        }
        Missing::Symbols(module) => {
            format!("the symbols of {module}, which counts as loaded: load its file first, as simulate does")
        }
        Missing::Namespaces => {
            format!("which namespaces the kernel's exports are in: {image}")
        }
        Missing::Crcs => format!("the versions of the kernel's exports: {image}"),
        Missing::Crc(symbol) => format!(
            "the version of {symbol}: add a Module.symvers that has it, -k /lib/modules/{release}/build, or the exporting module"
        ),
        Missing::ExportKind(symbol) => {
            format!(
                "how {symbol} is exported: this Module.symvers does not say; add that of the kernel's headers directory"
            )
        }
        Missing::SignatureMatch => {
            "whether the signature fits the module: only the signer's certificate can tell, give --certs FILE".into()
        }
        Missing::Btf => "the kernel's own type information, which the module's .BTF must fit: it is in vmlinux".into(),
        Missing::Parameter(name) => {
            format!(
                "whether the module's own function accepts this value for its parameter {name}: only running it tells"
            )
        }
        Missing::NoParameters(name) => {
            format!(
                "whether code that is built into the kernel has the directory /sys/module/{name}: the kernel's image tells, add -k \
                 /boot/vmlinuz-{release}; or look there"
            )
        }
        Missing::Crypto(what) if kernel.has_config => {
            format!("whether this kernel can verify {what}: it depends on whether the module with its code is loaded")
        }
        Missing::Crypto(what) => {
            format!("whether this kernel can verify {what}: add its configuration, -k /boot/config-{release}")
        }
        Missing::Verification(what) => format!("whether the signature is good: gplok cannot verify {what}"),
        Missing::FirmwareKeys(signer) => format!(
            "whether the kernel's machine or platform keyring has the key of {signer}: the firmware's lists (MokListRT, db) fill \
             them, mokutil --list-enrolled and --db show these; give the kernel's certificates and those with --certs FILE"
        ),
        Missing::Addresses => {
            "the address the kernel places the module at: no file tells it, it differs from boot to boot".into()
        }
        Missing::LivePatch { patch, module: None } => format!(
            "whether the live patch {patch} is enabled, which keeps it loaded: /sys/kernel/livepatch/{patch}/enabled tells it there"
        ),
        Missing::LivePatch { patch, module: Some(module) } => format!(
            "whether the live patch {patch} fits {module}: the kernel refuses {module} if it lacks a function that {patch} replaces, \
             and only the code of {patch} tells which functions these are"
        ),
        Missing::Memory(what) => format!("what lies in memory around {what}: no file tells it"),
        Missing::Unread(path) => format!("the rest of {path}: only parts of it were read"),
        Missing::Loader => {
            "who decompresses the file, the program that loads it (kmod 30 and earlier) or the kernel (kmod 31 and \
                            later): give --loader"
                .into()
        }
        Missing::LoaderReads("gzip") => "whether the program that loads modules reads gzip: kmod does if it was built with zlib, \
                                         which kmod --version shows there as +ZLIB or -ZLIB: give --loader, as in kmod31-zlib"
            .into(),
        Missing::LoaderReads("zstd-without-size") => {
            "whether the program that loads modules reads a Zstandard frame without the size of its contents, as kmod does up to 33: \
             give --loader"
                .into()
        }
        Missing::LoaderReads("zstd-of-other-size") => {
            "whether the program that loads modules reads a Zstandard file of several frames, as kmod does up to 33: give --loader"
                .into()
        }
        Missing::LoaderReads("zstd-cut-short") => {
            "whether the program that loads modules takes what it can read of a Zstandard file that is cut short, as kmod does up to \
             33: give --loader"
                .into()
        }
        Missing::LoaderReads("forced-without-vermagic") => {
            "whether the program that loads modules forces a compressed module that has no version magic, as kmod 30 does, or gives up, \
             as kmod 34 does: give --loader; a .ko that is not compressed can be forced"
                .into()
        }
        Missing::LoaderReads("gzip-as-it-is") => {
            "whether the program that loads modules hands a gzip file over as it is, as kmod does up to 32 without zlib: give --loader"
                .into()
        }
        Missing::LoaderReads(_) => {
            "whether the program that loads modules hands a file of a kind that it does not read over as it is, as kmod does up to 32: \
             give --loader"
                .into()
        }
        Missing::FreeMemory(size) => {
            format!("whether the kernel has {size} MiB of memory at once to decompress the file: no file tells it")
        }
        Missing::UnreadModule { path, why, more, .. } => {
            let others = if *more == 0 { String::new() } else { format!(", and {more} more were not read either") };
            format!("what is in {path} and what it exports: it could not be read ({why}){others}")
        }
        Missing::UnreadBuiltin { path, why } => format!(
            "whether something that is built into the kernel has the module's name in sysfs, for which the kernel refuses the module: \
             {path} could not be read ({why}); make it readable, or install the kernel's package again"
        ),
        Missing::WhichFile { files, why, .. } => {
            format!("which of {} modprobe loads: {why}; run depmod there, or remove the others", files.join(" and "))
        }
        Missing::TooMany => {
            "too many facts at once to try every combination: start with --release RELEASE and the configuration".into()
        }
    }
}

/// The argument that supplies facts which only the kernel's image has.
pub(super) fn add_image(kernel: &KernelSummary) -> String {
    format!("add its image, -k /boot/vmlinuz-{}", kernel.in_paths())
}

/// The text for a behaviour whose date is not known exactly.
fn dated(behaviour: Behaviour, kernel: &KernelSummary) -> String {
    let sentence = behaviour.sentence().trim().trim_end_matches('.');
    let row = TABLE.iter().find(|row| row.behaviour == behaviour);
    let span = match row.map(|row| (row.after, row.from.or(row.until))) {
        Some((Some(after), Some(by))) => format!("it came after {after} and by {by}"),
        Some((None, Some(by))) => format!("the date is {by}, but stable releases carry such changes earlier"),
        _ => "its date is not known".to_owned(),
    };
    let is_exact = kernel.release.as_ref().and_then(Calendar::of_release).is_some_and(|known| known.patch_known);
    let hint = if is_exact { "" } else { "; --release with the exact stable version may tell" };
    format!("whether this holds for the kernel: \"{sentence}\" ({span}{hint})")
}
