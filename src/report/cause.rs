//! What is the case, and why it matters: one sentence a cause.

use super::sentence::Topic;
use super::symbols;
use super::wording::{all, bytes, count};
use crate::terms::{ElfMachine, License};
use crate::verdict::Cause;

/// Two halves of a sentence and what joins them.
pub(super) struct Because {
    pub what: String,
    pub link: &'static str,
    pub why: String,
}

impl Because {
    pub fn and(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), link: ", and ", why: why.into() }
    }

    pub fn but(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), link: ", but ", why: why.into() }
    }

    pub fn so(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), link: ", so ", why: why.into() }
    }

    pub fn colon(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), link: ": ", why: why.into() }
    }
}

/// The sentence, in its two halves.
pub(super) fn because(topic: &Topic<'_>) -> Because {
    let Topic { cause, names, module, kernel, .. } = topic;
    let (is, release) = (names.is(), kernel.called());
    match cause {
        Cause::NotPermitted { switch } => Because::so(
            format!("the kernel runs with {switch}"),
            "it answers every attempt to load a module with EPERM, without looking at the file and without a line in the log",
        ),
        Cause::UnknownFlags { flags } => Because::but(
            format!("finit_module is called with flags {flags:#x}"),
            "a kernel knows only 1 (ignore modversions), 2 (ignore vermagic) and, since 5.17, 4 (compressed file)",
        ),
        Cause::Decompression { found, supported } => Because::but(
            format!("the kernel is asked to decompress the file, which by its first bytes is {found}"),
            format!("this kernel's own decompressor reads {supported}"),
        ),
        Cause::UnreadableFile { what } => Because::colon("the kernel cannot read the file", what),

        Cause::UnsignedRejected { by } => Because::and("the module carries no signature", format!("{by} demands one")),
        Cause::UnknownKey { signer, trusted, refused } => Because::but(
            format!("the module is signed by {signer}"),
            match (trusted.as_slice(), *refused) {
                ([], true) => "the kernel trusts no certificate for modules, and signatures are enforced".to_owned(),
                ([], false) => {
                    "the kernel trusts no certificate for modules: it loads the module as unsigned, with taint E".into()
                }
                (trusted, true) => format!("the kernel trusts only {}, and signatures are enforced", all(trusted)),
                (trusted, false) => {
                    format!("the kernel trusts only {}: it loads the module as unsigned, with taint E", all(trusted))
                }
            },
        ),
        Cause::UnsupportedSignature { what, refused } => Because::so(
            format!("the module's signature uses {what}, which this kernel does not support"),
            match refused {
                true => "it counts as unsigned, and signatures are enforced",
                false => "it counts as unsigned: the module loads with taint E",
            },
        ),
        Cause::InvalidSignature { signer } => Because::but(
            format!("the signature names a key the kernel trusts, that of {signer}"),
            "it does not fit the file: module or signature was changed after signing, and the kernel refuses that even where \
             signatures are not enforced",
        ),
        Cause::MalformedSignature { what } => Because::colon(
            "the file ends in a signature marker, but what stands before it is no signature the kernel can read",
            what,
        ),
        Cause::LockedDown => Because::and(
            "the kernel is locked down (Secure Boot often switches that on)",
            "it takes only modules signed by a key it trusts",
        ),

        Cause::InvalidElf { rule } => {
            Because::colon("the file is not an ELF object this kernel's loader accepts", rule)
        }
        Cause::WrongArchitecture { module: machine, kernel } => {
            let module = match ElfMachine::from_e_machine(*machine) {
                Some(known) => format!("{known} (e_machine {machine})"),
                None => format!("e_machine {machine}"),
            };
            Because::and(format!("the module is built for {module}"), format!("the kernel is {kernel}"))
        }
        Cause::NoSymbolTable { count: 0 } => Because::and(
            "the module has no symbol table (it looks as if strip had been run without -g)",
            "without one the kernel cannot link it",
        ),
        Cause::NoSymbolTable { count: tables } => Because::and(
            format!("the module has {}", count(*tables, "symbol table", "symbol tables")),
            "exactly one is allowed",
        ),
        Cause::BadThisModule { what } => Because::colon(
            ".gnu.linkonce.this_module, the section that holds the module's struct module, is not as the kernel demands",
            what,
        ),
        Cause::StructModuleSize { module, kernel: size } => Because::and(
            format!("struct module takes {} in the module's .gnu.linkonce.this_module", bytes(*module)),
            match size {
                Some(size) => {
                    format!(
                        "it takes {} in {release}: the module was built with another version or configuration",
                        bytes(*size)
                    )
                }
                None => {
                    format!(
                        "it has another size in {release}: the module was built with another version or configuration"
                    )
                }
            },
        ),

        Cause::Blacklisted { name } => Because::so(
            format!("module_blacklist= on the boot command line names {name}"),
            "the kernel refuses it with EPERM",
        ),
        Cause::ModuleLayout { module, kernel: crc } => Because::so(
            format!("module_layout has version {module:#010x} in the module and {crc} in {release}"),
            "struct module or a structure near it is laid out differently: the module was built against another kernel",
        ),
        Cause::NoVersions { forced } => Because::and(
            "the module has no symbol versions (no __versions section), although this kernel checks them",
            match forced {
                true => "the kernel has CONFIG_MODULE_FORCE_LOAD and loads it unchecked, with taint F",
                false => {
                    "the kernel does not force modules in (CONFIG_MODULE_FORCE_LOAD is off); it prints nothing for it"
                }
            },
        ),
        Cause::Vermagic { module, kernel, with_release } => symbols::vermagic(module, kernel, *with_release),
        Cause::NoVermagic { forced, by_flag } => Because::and(
            match by_flag {
                true => "the caller asked to ignore the version magic (modprobe --force-vermagic)",
                false => "the module has no vermagic= in its .modinfo section",
            },
            match forced {
                true => "the kernel has CONFIG_MODULE_FORCE_LOAD and loads it unchecked, with taint F",
                false => {
                    "the kernel does not force modules in (CONFIG_MODULE_FORCE_LOAD is off); it prints nothing for it"
                }
            },
        ),
        Cause::LivepatchDisabled => {
            Because::but("the module is marked as a live patch", "this kernel is built without CONFIG_LIVEPATCH")
        }

        Cause::AlreadyLoaded { name } => {
            Because::and(format!("a module named {name} is there already"), "a name can be loaded only once")
        }
        Cause::WritableExecutable { .. } => Because::and(
            format!("{} {names} {is} writable and executable at once", names.pick("section", "sections")),
            "a kernel with CONFIG_STRICT_MODULE_RWX gives modules no such memory",
        ),
        Cause::ArchSections { what } => {
            Because::colon("a section the architecture's loader works on is not as it must be", what)
        }
        Cause::PercpuSpace { size, reserve } => Because::but(
            format!("the module asks for {} of static per-CPU data", bytes(*size)),
            format!("the kernel sets {} aside for all modules together", bytes(*reserve)),
        ),
        Cause::Constructors => Because::but(
            "the module has both .ctors and .init_array",
            "the kernel runs constructors from one of them only and refuses a mixture",
        ),
        Cause::NoExportFlags { count: exports } => Because::but(
            format!("the module exports {} without a __kflagstab section", count(*exports, "symbol", "symbols")),
            "this kernel (since 7.1) reads there which exports are GPL-only: the module was built for an older one",
        ),
        Cause::ObsoleteExportTable { section, symbols } => Because::so(
            format!("the module exports {} in {section}, which this kernel (since 7.1) ignores", all(symbols)),
            format!(
                "{module} loads, but for other modules {} will not exist",
                if symbols.len() == 1 { "that symbol" } else { "those symbols" }
            ),
        ),
        Cause::NoExportVersions { forced, .. } => Because::and(
            format!("the exports in {names} have no versions (no __kcrctab), although this kernel checks them"),
            match forced {
                true => "the kernel has CONFIG_MODULE_FORCE_LOAD and loads the module all the same, with taint F",
                false => {
                    "the kernel does not force modules in (CONFIG_MODULE_FORCE_LOAD is off); it prints nothing for it"
                }
            },
        ),
        Cause::ImportsModuleNamespace { .. } => Because::but(
            format!("the module imports {names} by name"),
            "a module: namespace lists the modules that may use a symbol and cannot be imported, not even by those on the list",
        ),

        Cause::MissingSymbol { .. }
        | Cause::GplOnlySymbol { .. }
        | Cause::ExporterNotLoaded { .. }
        | Cause::SymbolVersion { .. }
        | Cause::NoSymbolVersion { .. }
        | Cause::NamespaceNotImported { .. } => symbols::because(topic),
        Cause::ExporterNotLive { exporter, .. } => Because::but(
            format!("{names} {is} exported by {exporter}"),
            format!("{exporter} is still starting or already on its way out, and lends no symbols then"),
        ),
        Cause::InheritedTaint { exporter, license, .. } => Because::so(
            format!("{module} uses {names} of {exporter}, {}", proprietary(license.as_ref())),
            format!("{module} counts as proprietary too (taint P) and sees no GPL-only symbol from there on"),
        ),
        Cause::GplOnlyWithProprietary { exporter, license, gpl_only, .. } => Because::and(
            format!("{module} uses the GPL-only symbol {gpl_only}"),
            format!(
                "it also uses {names} of {exporter}, {}: the kernel allows either, not both, and hides the proprietary {}",
                proprietary(license.as_ref()),
                names.pick("one", "ones")
            ),
        ),
        Cause::GplFutureSymbol { .. } => Because::and(
            format!("{names} {is} exported with EXPORT_SYMBOL_GPL_FUTURE"),
            format!(
                "{module} is not GPL-compatible: the kernel lets it use {} and warns",
                names.pick("the symbol", "the symbols")
            ),
        ),
        Cause::UnusedSymbol { .. } => Because::and(
            format!("{names} {is} exported with EXPORT_UNUSED_SYMBOL"),
            "the kernel warns that it means to remove the export",
        ),
        Cause::CommonSymbol { .. } => Because::but(
            format!("{names} {is} a common symbol, a variable that the compiler left without a place"),
            "the kernel's loader does not allocate those",
        ),
        Cause::SymbolSection { shndx, max, .. } if names.one() => Because::but(
            format!("the symbol {names} lies in section {shndx}"),
            format!("the file's last section is {max}: it is damaged, or was edited badly"),
        ),
        Cause::SymbolSection { max, .. } => Because::so(
            format!("the symbols {names} lie in sections beyond {max}, the file's last"),
            "the file is damaged, or was edited badly",
        ),

        Cause::RelocationOverflow { kind, symbol, .. } => Because::so(
            format!("a relocation of type {kind} in {names} refers to {symbol}"),
            "its value does not fit where it belongs: the code was compiled for another place in memory than the kernel's",
        ),
        Cause::UnknownRelocation { kind, .. } => Because::but(
            format!("{names} {} relocations of type {kind}", names.pick("has", "have")),
            "this kernel cannot apply those",
        ),
        Cause::RelocationTarget { kind, offset, .. } => Because::but(
            format!("{names} {} a relocation of type {kind} at offset {offset:#x}", names.pick("has", "have")),
            "the bytes there are not zero: the file was relocated before, or is damaged",
        ),
        Cause::RelocationKind { .. } => Because::but(
            format!("{names} {} relocations of the wrong kind, SHT_REL or SHT_RELA", names.pick("holds", "hold")),
            "the architecture's loader reads only the other one",
        ),
        Cause::BadRelocation { section, what } => {
            Because::colon(format!("a relocation in {section} cannot be applied"), what)
        }

        Cause::DuplicateExport { exporter, .. } => Because::but(
            format!("{module} exports {names}"),
            format!(
                "{} exports {} already",
                if exporter == "kernel" { "the kernel itself" } else { exporter },
                names.pick("that name", "those names")
            ),
        ),
        Cause::ReservedName { name } => {
            Because::but(format!("the module is named {name}"), "livepatch keeps that name for the kernel itself")
        }
        Cause::UnknownParameter { .. } => Because::so(
            format!("{module} has no {} {names}", names.pick("parameter", "parameters")),
            "the kernel warns, ignores what was given and goes on",
        ),
        Cause::InvalidParameter { parameter, value } => Because::but(
            format!("the parameter {parameter} is given the value \"{value}\""),
            "the module does not accept it",
        ),
        Cause::BuiltinName { name } => Because::so(
            format!("/sys/module/{name} belongs to something built into the kernel"),
            "the kernel says \"module is already loaded\" and refuses with EINVAL",
        ),
        Cause::SysfsName { name, what } => {
            Because::colon(format!("the name {name} cannot become a directory in /sys/module"), what)
        }

        Cause::NotLoaded { name } => {
            Because::so(format!("no module named {name} is loaded"), "there is nothing to unload")
        }
        Cause::InUse { name, users } => Because::so(
            match users.as_slice() {
                [] => format!("{name} is in use"),
                users => format!("{name} is in use by {}", all(users)),
            },
            "the kernel does not let it go",
        ),
        Cause::NoExit { name } => Because::so(
            format!("{name} has an init function and no exit function"),
            "it can be loaded, but never unloaded",
        ),

        Cause::DependencyRefused { dependency, errno } => Because::and(
            format!("{module} depends on {dependency}"),
            format!("the kernel refuses {dependency} with {errno}"),
        ),
        Cause::DependencyCycle { modules } => Because::so(
            format!("{} need each other's symbols", all(modules)),
            "whichever comes first finds unknown symbols, and modprobe does not try",
        ),
        Cause::RivalExport { module: other, .. } => Because::so(
            format!("{module} exports {names}, and {other} does, too"),
            "the kernel refuses whichever of the two is loaded second",
        ),
        Cause::ShadowedFile { file } => Because::and(
            format!("{file} has the same name"),
            "modprobe takes this one: depmod looks into its folder first",
        ),
    }
}

/// How a module that is proprietary is described.
pub(super) fn proprietary(license: Option<&License>) -> String {
    match license {
        Some(license) => format!("whose license \"{license}\" is not GPL-compatible"),
        None => "which is proprietary".to_owned(),
    }
}
