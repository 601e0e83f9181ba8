//! Causes and their codes: every kind of finding, with its facts.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::compression::Compression;
use crate::terms::{Crc, Errno, ExportKind, License, Namespace};

/// Defines [`Cause`] and [`Code`] with one variant for each row; the literal is the stable name of the code.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $({ $($(#[$fdoc:meta])* $field:ident : $ty:ty),* $(,)? })? = $code:literal),* $(,)?) => {
        /// What was found, with its facts.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(tag = "code")]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[$doc])* #[serde(rename = $code)] $variant $({ $($(#[$fdoc])* $field: $ty),* })?),*
        }

        /// The stable name of a kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant),*
        }

        impl Cause {
            /// The code of this cause.
            pub const fn code(&self) -> Code {
                match self { $(Self::$variant { .. } => Code::$variant),* }
            }
        }

        impl Code {
            /// All codes, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in JSON and in `gplok explain`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
        }
    };
}

/// Why the module that exports a symbol cannot be loaded from the kernel's tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Absent {
    /// modprobe does not load the file that exports it, because another one of that name takes precedence.
    Shadowed {
        /// The file that exports the symbol.
        file: String,
        /// The file that modprobe loads.
        by: String,
    },
    /// It is a module of this kernel, but the tree does not have its file.
    NotInstalled {
        /// The module, as `Module.symvers` names it.
        module: String,
        /// The tree.
        tree: String,
    },
    /// The file of the module that exports it is damaged: the kernel refuses it.
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        damage: String,
    },
    /// Nothing tells which module exports it, but there are module files that are damaged, and what they export is not known. The
    /// kernel refuses them.
    PerhapsDamaged {
        /// How many files are damaged.
        files: usize,
        /// The first of them.
        first: String,
        /// What is wrong with it.
        damage: String,
    },
    /// Nothing tells which module exports it, but the tree lacks files that its `modules.order` lists.
    PerhapsNotInstalled {
        /// How many files are not there.
        files: usize,
        /// The first of them.
        first: String,
        /// The tree.
        tree: String,
    },
}

impl Absent {
    /// Returns whether it is only a possible reason.
    pub(crate) const fn is_guess(&self) -> bool {
        matches!(self, Self::PerhapsDamaged { .. } | Self::PerhapsNotInstalled { .. })
    }

    /// Returns whether the file of a module is, or may be, missing.
    pub(crate) const fn lacks_file(&self) -> bool {
        matches!(self, Self::NotInstalled { .. } | Self::PerhapsNotInstalled { .. })
    }
}

codes! {
    /// The kernel is built without `CONFIG_MODULES`: it has no system calls for modules.
    NoModules = "no-modules",
    /// The kernel does not load modules, or not for this caller.
    NotPermitted {
        /// The command line switch that causes this.
        switch: String,
    } = "not-permitted",
    /// `finit_module` does not know a flag.
    UnknownFlags {
        /// All flags of the call.
        flags: u32,
    } = "unknown-flags",
    /// The kernel is to decompress the file and cannot: it reads another kind of compression, or none, or the file uses what its
    /// decompressor does not know.
    Decompression {
        /// The compression of the file, by its magic bytes.
        found: String,
        /// The compression that the kernel reads, or `nothing`; `None` if it is not known.
        supported: Option<String>,
        /// What in a file of its kind the kernel cannot read, in words that follow the kind.
        fault: Option<String>,
        /// Whether the kernel refuses the module. Otherwise the program that loads it decompresses it.
        refused: bool,
    } = "decompression",
    /// The kernel does not read this kind of file.
    UnreadableFile {
        /// What is wrong with the file.
        what: String,
    } = "unreadable-file",

    /// The module has no signature, and signatures are enforced.
    UnsignedRejected {
        /// What enforces signatures.
        by: String,
    } = "unsigned-rejected",
    /// The module is signed by a key that the kernel does not trust.
    UnknownKey {
        /// Issuer and serial number of the signer.
        signer: String,
        /// The trusted certificates.
        trusted: Vec<String>,
        /// Whether the kernel refuses the module; otherwise it only taints.
        refused: bool,
    } = "unknown-key",
    /// The signature uses something that the kernel does not support.
    UnsupportedSignature {
        /// What the kernel does not support.
        what: String,
        /// Whether the kernel refuses the module; otherwise it only taints.
        refused: bool,
    } = "unsupported-signature",
    /// The signature does not match the bytes of the module.
    InvalidSignature {
        /// The certificate whose key the signature names.
        signer: String,
    } = "invalid-signature",
    /// The bytes of the signature cannot be parsed.
    MalformedSignature {
        /// What is wrong with them.
        what: String,
    } = "malformed-signature",
    /// Lockdown requires signed modules.
    LockedDown = "locked-down",

    /// The file is not an ELF file that this loader accepts.
    InvalidElf {
        /// The rule that the file breaks, in the terms of the specification.
        rule: String,
        /// The kind of compression by the first bytes, if it is one that neither kmod nor a kernel undoes.
        #[serde(skip_serializing_if = "Option::is_none")]
        compressed: Option<Compression>,
    } = "invalid-elf",
    /// The module is built for another architecture.
    WrongArchitecture {
        /// `e_machine` of the module.
        module: u16,
        /// The architecture of the kernel.
        kernel: String,
    } = "wrong-architecture",
    /// The module has no symbol table, or more than one.
    NoSymbolTable {
        /// The number of symbol tables.
        count: usize,
    } = "no-symbol-table",
    /// `.gnu.linkonce.this_module` is missing, present twice or malformed.
    BadThisModule {
        /// What is wrong with it.
        what: String,
    } = "bad-this-module",
    /// `struct module` has another size in this kernel.
    StructModuleSize {
        /// Its size in the module, in bytes.
        module: u64,
        /// Its size in the kernel in bytes, if known.
        kernel: Option<u64>,
    } = "struct-module-size",
    /// `struct module` has a function at another place in this kernel.
    StructModuleLayout {
        /// The field that holds the function: `init` or `exit`.
        field: String,
        /// Its offset in the module, in bytes.
        module: u64,
        /// Its offset in the kernel, in bytes; `None` if the kernel does not have the field.
        kernel: Option<u64>,
        /// Whether the kernel refuses the module or crashes; otherwise it loads the module and does not find the function.
        refused: bool,
    } = "struct-module-layout",
    /// The module's type information does not fit the kernel's.
    BtfMismatch {
        /// The type that does not fit, and what the kernel says about it; empty if the kernel's types are not known.
        what: String,
        /// Whether the kernel rejects the header, before it looks at a type: no kernel of this release takes it.
        header: bool,
        /// Whether the kernel refuses the module; otherwise it loads it without the type information.
        refused: bool,
    } = "btf-mismatch",

    /// `module_blacklist=` on the boot command line names the module.
    Blacklisted {
        /// The name of the module.
        name: String,
    } = "blacklisted",
    /// The module is built against another layout of the kernel's own structures.
    ModuleLayout {
        /// The CRC in the module.
        module: u64,
        /// The CRC in the kernel.
        kernel: Crc,
    } = "module-layout",
    /// The module has no symbol versions at all.
    NoVersions {
        /// Whether the kernel loads the module by force.
        forced: bool,
    } = "no-versions",
    /// The version magic differs.
    Vermagic {
        /// The version magic of the module.
        module: String,
        /// The version magic of the kernel.
        kernel: String,
        /// Whether the release is compared too. It is not when the module has symbol versions.
        with_release: bool,
    } = "vermagic",
    /// The module has no version magic, or the caller asks to ignore it.
    NoVermagic {
        /// Whether the kernel loads the module by force.
        forced: bool,
        /// Whether the caller's flag is the reason.
        by_flag: bool,
    } = "no-vermagic",
    /// The module is a live patch, and the kernel does not support live patches.
    LivepatchDisabled = "livepatch-disabled",

    /// A module of this name is loaded already.
    AlreadyLoaded {
        /// The name of the module.
        name: String,
    } = "already-loaded",
    /// A section is writable and executable.
    WritableExecutable {
        /// The name of the section.
        section: String,
        /// The index of the section.
        index: usize,
    } = "writable-executable",
    /// Sections that the architecture needs are missing.
    ArchSections {
        /// Which sections.
        what: String,
    } = "arch-sections",
    /// The module needs too much per-CPU memory.
    PercpuSpace {
        /// The size that the module needs, in bytes.
        size: u64,
        /// The size that the kernel reserves for all modules, in bytes.
        reserve: u64,
    } = "percpu-space",
    /// The alignment of the module's per-CPU data is no power of two.
    PercpuAlignment {
        /// The alignment, in bytes.
        align: u64,
    } = "percpu-alignment",
    /// The module has two kinds of constructors.
    Constructors = "constructors",
    /// The module's exports lack the flags that this kernel reads.
    NoExportFlags {
        /// The number of symbols that the module exports.
        count: usize,
    } = "no-export-flags",
    /// The module exports symbols in a table that this kernel no longer reads.
    ObsoleteExportTable {
        /// The table.
        section: String,
        /// The symbols in the table.
        symbols: Vec<String>,
    } = "obsolete-export-table",
    /// The module's exports have no versions.
    NoExportVersions {
        /// The table.
        section: String,
        /// Whether the kernel loads the module by force.
        forced: bool,
    } = "no-export-versions",
    /// The module imports a `module:` namespace by name, which is never allowed.
    ImportsModuleNamespace {
        /// The namespace.
        namespace: String,
    } = "imports-module-namespace",

    /// No exporter exports the symbol.
    MissingSymbol {
        /// The symbol.
        symbol: Arc<str>,
        /// The exporter of the symbol that was refused in this run, if there is one.
        refused_exporter: Option<Arc<str>>,
        /// The exported symbol with the same Rust path, in a crate of another hash.
        namesake: Option<String>,
        /// Why the module that exports the symbol cannot be loaded from the kernel's tree, if that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        absent: Option<Box<Absent>>,
    } = "missing-symbol",
    /// The symbol is exported GPL-only, and the module's license is not GPL-compatible: the module does not see the symbol.
    GplOnlySymbol {
        /// The symbol.
        symbol: Arc<str>,
        /// The exporter.
        exporter: String,
        /// The kind of the export.
        kind: ExportKind,
        /// The namespace of the symbol.
        namespace: Option<Namespace>,
        /// The license of the module; `None` when it declares none.
        license: Option<License>,
        /// The proprietary module whose symbols the module uses, if the module counts as proprietary only for that.
        inherited_from: Option<String>,
    } = "gpl-only-symbol",
    /// The module has several license strings, of which some are GPL-compatible and others not. The loader looks at the first alone.
    SeveralLicenses {
        /// The first.
        first: License,
        /// The others.
        others: Vec<License>,
    } = "several-licenses",
    /// The exporter of the symbol is not loaded.
    ExporterNotLoaded {
        /// The symbol.
        symbol: Arc<str>,
        /// The exporter.
        exporter: String,
        /// Why it cannot be loaded from the kernel's tree, if that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        absent: Option<Box<Absent>>,
    } = "exporter-not-loaded",
    /// The exporter of the symbol is being unloaded, or is not live yet.
    ExporterNotLive {
        /// The symbol.
        symbol: Arc<str>,
        /// The exporter.
        exporter: String,
    } = "exporter-not-live",
    /// The exporter has another version of the symbol: its type has changed.
    SymbolVersion {
        /// The symbol.
        symbol: Arc<str>,
        /// The exporter; in most cases the kernel.
        exporter: Cow<'static, str>,
        /// The CRC that the module wants.
        module: u64,
        /// The CRC that the exporter has.
        kernel: Crc,
    } = "symbol-version",
    /// The module has no version for the symbol.
    NoSymbolVersion {
        /// The symbol.
        symbol: Arc<str>,
        /// Whether this kernel refuses the module for it.
        fatal: bool,
    } = "no-symbol-version",
    /// The module does not import the namespace of the symbol.
    NamespaceNotImported {
        /// The symbol.
        symbol: Arc<str>,
        /// The exporter.
        exporter: String,
        /// The namespace to import.
        namespace: Namespace,
        /// The namespaces that the module imports.
        imported: Vec<String>,
        /// Whether this kernel wants `MODULE_IMPORT_NS("X")` (since 6.13) instead of `MODULE_IMPORT_NS(X)`.
        quoted: bool,
        /// Whether this kernel only warns.
        allowed: bool,
        /// Whether this kernel knows `module:` namespaces.
        module_list: bool,
    } = "namespace-not-imported",
    /// The module uses a symbol of a proprietary module, and therefore counts as proprietary itself.
    InheritedTaint {
        /// The symbol.
        symbol: Arc<str>,
        /// The proprietary module.
        exporter: String,
        /// The license of the proprietary module, if known.
        license: Option<License>,
    } = "inherited-taint",
    /// The module uses GPL-only symbols first, and then a symbol of a proprietary module.
    GplOnlyWithProprietary {
        /// The symbol.
        symbol: Arc<str>,
        /// The proprietary module.
        exporter: String,
        /// The license of the proprietary module, if known.
        license: Option<License>,
        /// The first GPL-only symbol that the module uses.
        gpl_only: String,
    } = "gpl-only-with-proprietary",
    /// The symbol is exported with `EXPORT_SYMBOL_GPL_FUTURE`: it will become GPL-only.
    GplFutureSymbol {
        /// The symbol.
        symbol: Arc<str>,
    } = "gpl-future-symbol",
    /// The symbol is exported with `EXPORT_UNUSED_SYMBOL`: the export will be removed.
    UnusedSymbol {
        /// The symbol.
        symbol: Arc<str>,
    } = "unused-symbol",
    /// The symbol is a common symbol.
    CommonSymbol {
        /// The symbol.
        symbol: Arc<str>,
    } = "common-symbol",
    /// The symbol is in a section that does not exist.
    SymbolSection {
        /// The symbol.
        symbol: Arc<str>,
        /// `st_shndx` of the symbol.
        shndx: u16,
        /// The index of the last section.
        max: usize,
    } = "symbol-section",

    /// A value does not fit into the field that a relocation writes.
    RelocationOverflow {
        /// The section.
        section: String,
        /// The type of the relocation.
        kind: u32,
        /// The symbol.
        symbol: Arc<str>,
    } = "relocation-overflow",
    /// The kernel cannot apply relocations of this type.
    UnknownRelocation {
        /// The section.
        section: String,
        /// The type of the relocation.
        kind: u32,
        /// The name of the type, if the processor's ABI gives it one.
        name: Option<String>,
    } = "unknown-relocation",
    /// The bytes that a relocation overwrites are not zero.
    RelocationTarget {
        /// The section.
        section: String,
        /// The type of the relocation.
        kind: u32,
        /// The offset in the section.
        offset: u64,
    } = "relocation-target",
    /// `SHT_REL` where the architecture uses `SHT_RELA`, or the other way round.
    RelocationKind {
        /// The section.
        section: String,
    } = "relocation-kind",
    /// A live patch refers to a symbol that the kernel or the module does not have, or has more than once.
    LivepatchSymbol {
        /// The symbol.
        symbol: String,
        /// The module that should have it; `vmlinux` for the kernel itself.
        object: String,
        /// Which of the symbols of that name, counted from 1; 0 for the only one.
        position: u64,
        /// How many symbols of that name there are; `None` if the module is not loaded.
        found: Option<usize>,
    } = "livepatch-symbol",
    /// Something else is wrong with a relocation.
    BadRelocation {
        /// The section.
        section: String,
        /// What is wrong.
        what: String,
    } = "bad-relocation",

    /// The module exports a symbol that is exported already.
    DuplicateExport {
        /// The symbol.
        symbol: Arc<str>,
        /// The exporter.
        #[serde(rename = "owner")]
        exporter: String,
    } = "duplicate-export",
    /// Livepatch refuses the name of the module.
    ReservedName {
        /// The name of the module.
        name: String,
    } = "reserved-name",
    /// The module does not have a parameter that it is given.
    UnknownParameter {
        /// The name of the parameter.
        parameter: String,
    } = "unknown-parameter",
    /// The module does not accept the value of a parameter.
    InvalidParameter {
        /// The name of the parameter.
        parameter: String,
        /// The value.
        value: String,
    } = "invalid-parameter",
    /// Something built into the kernel has the name of the module in sysfs.
    BuiltinName {
        /// The name of the module.
        name: String,
    } = "builtin-name",
    /// The name of the module cannot be a directory in sysfs.
    SysfsName {
        /// The name of the module.
        name: String,
        /// What is wrong with it.
        what: String,
    } = "sysfs-name",

    /// The module to unload is not loaded.
    NotLoaded {
        /// The name of the module.
        name: String,
    } = "not-loaded",
    /// The module to unload is in use.
    InUse {
        /// The name of the module.
        name: String,
        /// The modules that use it.
        users: Vec<String>,
    } = "in-use",
    /// The module to unload has no exit function.
    NoExit {
        /// The name of the module.
        name: String,
    } = "no-exit",

    /// The kernel refuses a module that must be loaded before this one.
    DependencyRefused {
        /// The refused module.
        dependency: String,
        /// The error number of the refusal.
        errno: Errno,
    } = "dependency-refused",
    /// Modules depend on each other, so that none can be loaded first.
    DependencyCycle {
        /// Each module depends on the next, and the last on the first. Of very many the first ones, and `…`.
        modules: Vec<String>,
    } = "dependency-cycle",
    /// Another module exports a symbol of the same name: only one of the two can be loaded.
    RivalExport {
        /// The symbol.
        symbol: Arc<str>,
        /// The other module.
        module: String,
    } = "rival-export",
    /// A file of the same name is in another folder. modprobe loads one of the two.
    ShadowedFile {
        /// The file that modprobe does not load.
        file: String,
        /// Whether that is certain. If not, depmod takes the file that the file system lists first.
        is_certain: bool,
    } = "shadowed-file",
}

impl Cause {
    /// The symbol that the cause is about, if it is about one.
    pub fn symbol(&self) -> Option<&str> {
        match self {
            Self::MissingSymbol { symbol, .. }
            | Self::GplOnlySymbol { symbol, .. }
            | Self::ExporterNotLoaded { symbol, .. }
            | Self::ExporterNotLive { symbol, .. }
            | Self::SymbolVersion { symbol, .. }
            | Self::NoSymbolVersion { symbol, .. }
            | Self::NamespaceNotImported { symbol, .. }
            | Self::InheritedTaint { symbol, .. }
            | Self::GplOnlyWithProprietary { symbol, .. }
            | Self::GplFutureSymbol { symbol }
            | Self::UnusedSymbol { symbol }
            | Self::CommonSymbol { symbol }
            | Self::SymbolSection { symbol, .. }
            | Self::RelocationOverflow { symbol, .. }
            | Self::RivalExport { symbol, .. }
            | Self::DuplicateExport { symbol, .. } => Some(symbol),
            Self::ModuleLayout { .. } => Some("module_layout"),
            _ => None,
        }
    }

    /// Why the module that exports the symbol cannot be loaded from the kernel's tree, if it is about that.
    pub(crate) fn absent(&self) -> Option<&Absent> {
        match self {
            Self::MissingSymbol { absent, .. } | Self::ExporterNotLoaded { absent, .. } => absent.as_deref(),
            _ => None,
        }
    }

    /// Returns whether the kernel refuses the module for it. For other causes the kernel warns, taints or does nothing.
    pub const fn refuses(&self) -> bool {
        match self {
            Self::UnknownKey { refused, .. }
            | Self::UnsupportedSignature { refused, .. }
            | Self::Decompression { refused, .. }
            | Self::StructModuleLayout { refused, .. }
            | Self::BtfMismatch { refused, .. } => *refused,
            Self::NoVersions { forced } | Self::NoVermagic { forced, .. } | Self::NoExportVersions { forced, .. } => {
                !*forced
            }
            Self::NoSymbolVersion { fatal, .. } => *fatal,
            Self::NamespaceNotImported { allowed, .. } => !*allowed,
            Self::ObsoleteExportTable { .. }
            | Self::SeveralLicenses { .. }
            | Self::InheritedTaint { .. }
            | Self::GplFutureSymbol { .. }
            | Self::UnusedSymbol { .. }
            | Self::RivalExport { .. }
            | Self::ShadowedFile { .. }
            | Self::UnknownParameter { .. } => false,
            _ => true,
        }
    }
}

impl Code {
    /// The code with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
