//! What to do about a finding: one instruction a cause, as exact as the facts allow.

use super::sentence::Topic;
use super::symbols;
use super::wording::all;
use crate::verdict::Cause;

const SIGN: &str = "sign it with a key the kernel trusts: scripts/sign-file sha256 KEY.priv CERT.x509 MODULE.ko, with the \
                    certificate enrolled (mokutil --import CERT.x509, then reboot) or built into the kernel";

/// The instruction.
pub(super) fn fix(topic: &Topic<'_>) -> String {
    let Topic { cause, names, module, kernel, .. } = topic;
    let release = kernel.called();
    let rebuild = || format!("rebuild the module against {release}: {}", kernel.build());
    match cause {
        Cause::NotPermitted { switch } => format!("boot without {switch}; once set it cannot be taken back while the kernel runs"),
        Cause::UnknownFlags { .. } => "call finit_module with flags this kernel knows, or decompress the file first".into(),
        Cause::Decompression { .. } => {
            "decompress the file (xz -d, zstd -d or gzip -d) and load the plain .ko; modprobe does that by itself where it can".into()
        }
        Cause::UnreadableFile { .. } => "give the kernel a regular, readable file that is not empty and not open for writing".into(),

        Cause::UnsignedRejected { .. } | Cause::LockedDown => SIGN.into(),
        Cause::UnknownKey { refused, .. } => match refused {
            true => "have the kernel trust the signer (mokutil --import CERT.x509, then reboot), or sign the module with a key it \
                     trusts already"
                .into(),
            false => "nothing, unless the taint matters; then have the kernel trust the signer (mokutil --import CERT.x509)".into(),
        },
        Cause::UnsupportedSignature { .. } => {
            "sign it again with a hash and key this kernel has built in, for example sign-file with sha256 and an RSA key".into()
        }
        Cause::InvalidSignature { .. } => {
            "take the file from its package again, or sign it again as the last step: strip, objcopy and edits break a signature".into()
        }
        Cause::MalformedSignature { .. } => {
            "take the file from its package again, or cut the trailer off (strip -g does) and sign it again".into()
        }

        Cause::InvalidElf { .. } => "build or fetch the module again: a file like this comes from a broken copy or a bad edit".into(),
        Cause::WrongArchitecture { kernel, .. } => format!("build the module for {kernel}; when cross-building, set ARCH= and CROSS_COMPILE= to match it"),
        Cause::NoSymbolTable { count: 0 } => "build it again and strip it with strip -g only, which keeps the symbol table".into(),
        Cause::NoSymbolTable { .. } => "link the module again: no usual tool chain writes two symbol tables".into(),
        Cause::BadThisModule { .. } => {
            "build the module with the kernel's own make, so that modpost writes the .mod.c file that defines this section".into()
        }
        Cause::StructModuleSize { .. } | Cause::ModuleLayout { .. } => rebuild(),

        Cause::Blacklisted { name } => format!("boot without {name} in module_blacklist=, or find out why someone put it there"),
        Cause::NoVersions { forced: true } | Cause::NoExportVersions { forced: true, .. } => {
            format!("nothing checks that the module fits: {}", rebuild())
        }
        Cause::NoVersions { .. } | Cause::NoExportVersions { .. } => {
            format!("{}; the headers must have CONFIG_MODVERSIONS and a Module.symvers", rebuild())
        }
        Cause::Vermagic { module: theirs, kernel: ours, .. } => vermagic(theirs, ours, &rebuild()),
        Cause::NoVermagic { forced: true, .. } => format!("nothing checks that the module fits: {}", rebuild()),
        Cause::NoVermagic { by_flag: true, .. } => format!("load it without --force-vermagic; if it is refused then, {}", rebuild()),
        Cause::NoVermagic { .. } => format!("{}; that writes vermagic= into .modinfo", rebuild()),
        Cause::LivepatchDisabled => "use a kernel with CONFIG_LIVEPATCH=y".into(),

        Cause::AlreadyLoaded { name } => format!("rmmod {name} first, if it is another build of it; modprobe takes this answer for success"),
        Cause::WritableExecutable { .. } => {
            format!("give {} code or data, not both: .section NAME,\"ax\" or \"aw\"", names.pick("that section", "those sections"))
        }
        Cause::ArchSections { .. } => format!("{}; that links with the architecture's own scripts/module.lds", rebuild()),
        Cause::PercpuSpace { .. } => {
            "allocate the data with alloc_percpu() at run time, unload other modules that use DEFINE_PER_CPU, or boot a kernel with \
             a larger reserve"
                .into()
        }
        Cause::Constructors => "build all parts of the module with one compiler and one version of binutils".into(),
        Cause::NoExportFlags { .. } | Cause::ObsoleteExportTable { .. } => rebuild(),
        Cause::ImportsModuleNamespace { .. } => {
            "delete that MODULE_IMPORT_NS line: a module on the list needs no import, and any other cannot use the symbol".into()
        }

        Cause::MissingSymbol { refused_exporter: Some(exporter), .. } => {
            format!("first get {exporter} loaded: what the kernel says about {exporter} is the cause of this too")
        }
        Cause::MissingSymbol { .. } => format!(
            "load the module that exports {} first, if there is one; if none does, {release} has dropped or renamed {}, or has \
             the option that brings {} switched off: use a version of {module} made for it",
            names.pick("it", "them"),
            names.pick("it", "them"),
            names.pick("it", "them")
        ),
        Cause::GplOnlySymbol { license, inherited_from, .. } => symbols::gpl_only(topic, license.as_ref(), inherited_from.as_deref()),
        Cause::ExporterNotLoaded { exporter, .. } => {
            format!("load it first: modprobe {exporter} (modprobe {module} does both once depmod has seen the modules)")
        }
        Cause::ExporterNotLive { exporter, .. } => {
            format!("wait until {exporter} is Live in /proc/modules, and find out what holds it up if it never is")
        }
        Cause::SymbolVersion { .. } => format!("{}; {}", rebuild(), exporters(topic)),
        Cause::NoSymbolVersion { .. } => {
            format!("{}; pass the Module.symvers of every other exporter in KBUILD_EXTRA_SYMBOLS", rebuild())
        }
        Cause::NamespaceNotImported { namespace, imported, quoted, module_list, .. } => {
            symbols::import_line(topic, namespace, imported, *quoted, *module_list)
        }
        Cause::InheritedTaint { exporter, .. } => {
            format!("nothing, if {module} needs no GPL-only symbol; if it does, do without the symbols of {exporter}")
        }
        Cause::GplOnlyWithProprietary { exporter, .. } => format!(
            "do without the symbols of {exporter}, or without GPL-only symbols; a shim module in between does not help, since \
             the taint spreads to it"
        ),
        Cause::GplFutureSymbol { .. } => "look for another way: from the kernel that makes it GPL-only the module will not load".into(),
        Cause::UnusedSymbol { .. } => "look for another way: 5.12 removed all such exports".into(),
        Cause::CommonSymbol { .. } => format!("compile with -fno-common, as the kernel's own make does, or write {} as static or extern", all_or_it(topic)),
        Cause::SymbolSection { .. } => "build or fetch the module again".into(),

        Cause::RelocationOverflow { .. } => {
            "compile with the kernel's own make, which sets the code model (-mcmodel=kernel on x86-64) and keeps code \
             position-dependent"
                .into()
        }
        Cause::UnknownRelocation { .. } => {
            "compile with the kernel's own make: GOT and PIC relocations come from a compiler run with -fPIC or -fPIE".into()
        }
        Cause::RelocationTarget { .. } => "fetch or build the file again; it must be the plain output of ld -r".into(),
        Cause::RelocationKind { .. } => "use the tool chain of the kernel's architecture, unpatched".into(),
        Cause::BadRelocation { .. } => rebuild(),

        Cause::DuplicateExport { exporter, .. } if exporter == "kernel" => {
            format!("do not load {module} if what it does is there already; or rename the {}", names.pick("export", "exports"))
        }
        Cause::DuplicateExport { exporter, .. } => {
            format!("load only one of {module} and {exporter}, or rename the {}", names.pick("export", "exports"))
        }
        Cause::ReservedName { .. } => "give the module another name (obj-m += NAME.o)".into(),
        Cause::UnknownParameter { .. } => {
            format!("see modinfo -p {module}.ko for the parameters there are, and options lines in /etc/modprobe.d for who gives this one")
        }
        Cause::InvalidParameter { .. } => format!("see modinfo -p {module}.ko for the type it wants"),
        Cause::BuiltinName { name } => format!("do not load {name}: this kernel has it built in; or build the module under another name"),
        Cause::SysfsName { .. } => "give the module another name (obj-m += NAME.o)".into(),

        Cause::NotLoaded { .. } => "look for its name in /proc/modules; there it is written with _ and never with -".into(),
        Cause::InUse { name, users } if users.is_empty() => format!("stop what holds {name}: an open file, a mount, a device in use"),
        Cause::InUse { name, users } => format!("unload {} first, or stop what holds {name}", all(users)),
        Cause::NoExit { .. } => "reboot to be rid of it, or give the module a module_exit function".into(),

        Cause::DependencyRefused { dependency, .. } => {
            format!("first get {dependency} loaded: what the kernel says about {dependency} is the cause of this too")
        }
        Cause::DependencyCycle { .. } => "move what both sides use into a module of its own, which needs none of them".into(),
        Cause::RivalExport { module: other, .. } => {
            format!("load only one of {module} and {other}, or rename the {}", names.pick("export", "exports"))
        }
        Cause::ShadowedFile { file } => format!("remove {file} if it is a leftover; else name the order in /etc/depmod.d (search …)"),
    }
}

fn all_or_it(topic: &Topic<'_>) -> &'static str {
    topic.names.pick("it", "them")
}

/// When only the release differs, rebuilding is all there is to it; a word that stands for the configuration is worth a hint.
fn vermagic(module: &str, kernel: &str, rebuild: &str) -> String {
    let release = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    if release(module) == release(kernel) {
        format!("{rebuild}; the release is the same, so take care to use that kernel's own configuration")
    } else {
        rebuild.to_owned()
    }
}

/// What rebuilding needs when the symbols come from modules.
fn exporters(topic: &Topic<'_>) -> String {
    let mut exporters: Vec<&str> = topic
        .group
        .iter()
        .filter_map(|finding| match &finding.cause {
            Cause::SymbolVersion { exporter, .. } if exporter != "vmlinux" => Some(&**exporter),
            _ => None,
        })
        .collect();
    exporters.sort_unstable();
    exporters.dedup();
    match exporters.as_slice() {
        [] => "forcing it in only moves the failure to run time".into(),
        some => format!(
            "if {} {} not part of the kernel, build {} first and pass its Module.symvers in KBUILD_EXTRA_SYMBOLS",
            all(some),
            if some.len() == 1 { "is" } else { "are" },
            if some.len() == 1 { "it" } else { "them" }
        ),
    }
}
