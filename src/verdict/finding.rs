//! Findings: what is wrong (or worth knowing), as data. `report` makes the sentences.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Candidate, LineText, Stage, Use};
use crate::terms::{Crc, Errno, ExportKind, License, Namespace};

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The stage that found it.
    pub stage: Stage,
    /// What it is.
    pub cause: Cause,
    /// The line the kernel prints for it, if it prints one.
    pub kernel_line: Option<LineText>,
    /// Does the kernel get this far, or did an earlier stage refuse?
    pub reached: bool,
    /// What the module does with the symbol; filled by [`why`](crate::why).
    pub origin: Option<Box<Origin>>,
}

/// How a symbol has come into a module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Where the module uses the symbol.
    pub uses: Vec<Use>,
    /// Inlines of the kernel's headers that may have brought the symbol in, the likeliest first; where the chains in `uses`
    /// say it, there are none.
    pub candidates: Vec<Candidate>,
    /// The numbers of the [known incidents](crate::why::incidents) that fit.
    pub incidents: Vec<u32>,
}

impl Finding {
    /// A finding the kernel gets as far as, and prints nothing for.
    pub const fn new(stage: Stage, cause: Cause) -> Self {
        Self { stage, cause, kernel_line: None, reached: true, origin: None }
    }

    /// Where the module uses the symbol, as far as it was looked for.
    pub fn uses(&self) -> &[Use] {
        self.origin.as_ref().map_or(&[], |origin| &origin.uses)
    }

    /// Inlines that may have brought the symbol in.
    pub fn candidates(&self) -> &[Candidate] {
        self.origin.as_ref().map_or(&[], |origin| &origin.candidates)
    }

    /// The numbers of the known incidents that fit.
    pub fn incidents(&self) -> &[u32] {
        self.origin.as_ref().map_or(&[], |origin| &origin.incidents)
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        self.cause.code()
    }

    /// The symbol it is about.
    pub fn symbol(&self) -> Option<&str> {
        self.cause.symbol()
    }

    /// Would the kernel refuse for it, or does it only warn, or taint?
    pub const fn refuses(&self) -> bool {
        match &self.cause {
            Cause::UnknownKey { refused, .. } | Cause::UnsupportedSignature { refused, .. } => *refused,
            Cause::NoVersions { forced }
            | Cause::NoVermagic { forced, .. }
            | Cause::NoExportVersions { forced, .. } => !*forced,
            Cause::NoSymbolVersion { fatal, .. } => *fatal,
            Cause::NamespaceNotImported { allowed, .. } => !*allowed,
            Cause::ObsoleteExportTable { .. }
            | Cause::InheritedTaint { .. }
            | Cause::GplFutureSymbol { .. }
            | Cause::UnusedSymbol { .. }
            | Cause::RivalExport { .. }
            | Cause::ShadowedFile { .. }
            | Cause::UnknownParameter { .. } => false,
            _ => true,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $({ $($(#[$fdoc:meta])* $field:ident : $ty:ty),* $(,)? })? = $code:literal),* $(,)?) => {
        /// What was found, with its facts.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(tag = "code")]
        pub enum Cause {
            $($(#[$doc])* #[serde(rename = $code)] $variant $({ $($(#[$fdoc])* $field: $ty),* })?),*
        }

        /// The stable name of a kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name that `gplok explain` takes and JSON carries.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
        }
    };
}

codes! {
    /// The kernel loads no modules any more, or not for this caller.
    NotPermitted { /** The command line switch that says so. */ switch: String } = "not-permitted",
    /// `finit_module` does not know a flag.
    UnknownFlags { /** All flags given. */ flags: u32 } = "unknown-flags",
    /// The kernel was asked to decompress and cannot, or not this.
    Decompression { /** What the file is compressed with, by its magic. */ found: String, /** What the kernel can undo. */ supported: String } = "decompression",
    /// The file is not one the kernel reads.
    UnreadableFile { /** What is wrong with it. */ what: String } = "unreadable-file",

    /// Unsigned, and signatures are enforced.
    UnsignedRejected { /** What enforces it. */ by: String } = "unsigned-rejected",
    /// Signed by a key the kernel does not trust.
    UnknownKey { /** Issuer and serial number of the signer. */ signer: String, /** The trusted certificates. */ trusted: Vec<String>, /** Refused for it, or only tainted? */ refused: bool } = "unknown-key",
    /// The signature uses what the kernel has not.
    UnsupportedSignature { /** What. */ what: String, /** Refused for it, or only tainted? */ refused: bool } = "unsupported-signature",
    /// The signature does not fit the bytes.
    InvalidSignature { /** The certificate whose key it should be. */ signer: String } = "invalid-signature",
    /// The signature's own bytes are broken.
    MalformedSignature { /** How. */ what: String } = "malformed-signature",
    /// Lockdown wants signed modules.
    LockedDown = "locked-down",

    /// Not an ELF file this loader can walk.
    InvalidElf { /** Which rule it breaks, in the specification's terms. */ rule: String } = "invalid-elf",
    /// Built for another architecture.
    WrongArchitecture { /** `e_machine` of the module. */ module: u16, /** The kernel's. */ kernel: String } = "wrong-architecture",
    /// No symbol table, or more than one.
    NoSymbolTable { /** How many there are. */ count: usize } = "no-symbol-table",
    /// `.gnu.linkonce.this_module` is missing, doubled or not as it must be.
    BadThisModule { /** What is wrong. */ what: String } = "bad-this-module",
    /// `struct module` has another size in this kernel.
    StructModuleSize { /** Bytes in the module. */ module: u64, /** Bytes in the kernel, if known. */ kernel: Option<u64> } = "struct-module-size",

    /// Named on the boot command line.
    Blacklisted { /** The name. */ name: String } = "blacklisted",
    /// Built against another layout of the kernel's own structures.
    ModuleLayout { /** CRC in the module. */ module: u64, /** CRC in the kernel. */ kernel: Crc } = "module-layout",
    /// No symbol versions at all.
    NoVersions { /** Is it let in by force? */ forced: bool } = "no-versions",
    /// The version magic differs.
    Vermagic { /** The module's. */ module: String, /** The kernel's. */ kernel: String, /** Is the release compared too? With symbol versions it is not. */ with_release: bool } = "vermagic",
    /// No version magic, or told to ignore it.
    NoVermagic { /** Is it let in by force? */ forced: bool, /** By the caller's flag? */ by_flag: bool } = "no-vermagic",
    /// A live patch, and the kernel takes none.
    LivepatchDisabled = "livepatch-disabled",

    /// A module of this name is loaded.
    AlreadyLoaded { /** The name. */ name: String } = "already-loaded",
    /// A section is writable and executable.
    WritableExecutable { /** Its name. */ section: String, /** Its index. */ index: usize } = "writable-executable",
    /// Sections that the architecture needs are not there.
    ArchSections { /** Which. */ what: String } = "arch-sections",
    /// Too much per-CPU data.
    PercpuSpace { /** Bytes asked for. */ size: u64, /** Bytes there are for all modules. */ reserve: u64 } = "percpu-space",
    /// Two kinds of constructors.
    Constructors = "constructors",
    /// Exports without the flags this kernel reads.
    NoExportFlags { /** Symbols that would be exported. */ count: usize } = "no-export-flags",
    /// Exports in a table that this kernel no longer reads.
    ObsoleteExportTable { /** The table. */ section: String, /** The symbols in it. */ symbols: Vec<String> } = "obsolete-export-table",
    /// Exports without versions.
    NoExportVersions { /** The table. */ section: String, /** Is it let in by force? */ forced: bool } = "no-export-versions",
    /// Imports a `module:` namespace by name, which is never allowed.
    ImportsModuleNamespace { /** The namespace. */ namespace: String } = "imports-module-namespace",

    /// Nobody exports the symbol.
    MissingSymbol { /** The symbol. */ symbol: Arc<str>, /** Exporters that have refused to load in this run. */ refused_exporter: Option<Arc<str>> } = "missing-symbol",
    /// Exported GPL-only, and the module's licence is not GPL-compatible: invisible to it.
    GplOnlySymbol {
        /// The symbol.
        symbol: Arc<str>,
        /// Who exports it.
        exporter: String,
        /// How it is exported.
        kind: ExportKind,
        /// Its namespace.
        namespace: Option<Namespace>,
        /// The module's licence; `None` when it names none.
        license: Option<License>,
        /// The module is proprietary only because this one, whose symbols it uses, is.
        inherited_from: Option<String>,
    } = "gpl-only-symbol",
    /// Exported by a module that is not loaded.
    ExporterNotLoaded { /** The symbol. */ symbol: Arc<str>, /** Who would export it. */ exporter: String } = "exporter-not-loaded",
    /// The exporter is on its way out or not yet live.
    ExporterNotLive { /** The symbol. */ symbol: Arc<str>, /** Who exports it. */ exporter: String } = "exporter-not-live",
    /// The symbol's type has changed.
    SymbolVersion { /** The symbol. */ symbol: Arc<str>, /** Who exports it: most often the kernel. */ exporter: Cow<'static, str>, /** The CRC the module wants. */ module: u64, /** The CRC the exporter has. */ kernel: Crc } = "symbol-version",
    /// The module names no version for the symbol.
    NoSymbolVersion { /** The symbol. */ symbol: Arc<str>, /** Is that fatal on this kernel? */ fatal: bool } = "no-symbol-version",
    /// The symbol's namespace is not imported.
    NamespaceNotImported {
        /// The symbol.
        symbol: Arc<str>,
        /// Who exports it.
        exporter: String,
        /// The namespace to import.
        namespace: Namespace,
        /// What the module imports.
        imported: Vec<String>,
        /// Does this kernel want `MODULE_IMPORT_NS("X")` (since 6.13) or `MODULE_IMPORT_NS(X)`?
        quoted: bool,
        /// Is it only warned about?
        allowed: bool,
        /// Does this kernel know `module:` namespaces?
        module_list: bool,
    } = "namespace-not-imported",
    /// Uses a proprietary module's symbol, and so counts as proprietary itself.
    InheritedTaint { /** The symbol. */ symbol: Arc<str>, /** The proprietary module. */ exporter: String, /** Its licence, if known. */ license: Option<License> } = "inherited-taint",
    /// Uses GPL-only symbols first and a proprietary module's then.
    GplOnlyWithProprietary { /** The symbol. */ symbol: Arc<str>, /** The proprietary module. */ exporter: String, /** Its licence, if known. */ license: Option<License>, /** The GPL-only symbol met first. */ gpl_only: String } = "gpl-only-with-proprietary",
    /// Exported GPL-only from some day on.
    GplFutureSymbol { /** The symbol. */ symbol: Arc<str> } = "gpl-future-symbol",
    /// Exported only until its users are gone.
    UnusedSymbol { /** The symbol. */ symbol: Arc<str> } = "unused-symbol",
    /// A common symbol.
    CommonSymbol { /** The symbol. */ symbol: Arc<str> } = "common-symbol",
    /// A symbol in a section that does not exist.
    SymbolSection { /** The symbol. */ symbol: Arc<str>, /** `st_shndx`. */ shndx: u16, /** The last index there is. */ max: usize } = "symbol-section",

    /// A value does not fit where a relocation puts it.
    RelocationOverflow { /** The section. */ section: String, /** Its type. */ kind: u32, /** The symbol. */ symbol: Arc<str> } = "relocation-overflow",
    /// A type of relocation the kernel cannot apply.
    UnknownRelocation { /** The section. */ section: String, /** Its type. */ kind: u32 } = "unknown-relocation",
    /// The bytes to be relocated are not zero.
    RelocationTarget { /** The section. */ section: String, /** Its type. */ kind: u32, /** Where. */ offset: u64 } = "relocation-target",
    /// `SHT_REL` where the architecture uses `SHT_RELA`, or the other way round.
    RelocationKind { /** The section. */ section: String } = "relocation-kind",
    /// Something else is wrong with a relocation.
    BadRelocation { /** The section. */ section: String, /** What. */ what: String } = "bad-relocation",

    /// Exports a symbol that exists already.
    DuplicateExport { /** The symbol. */ symbol: Arc<str>, /** The exporter. */ #[serde(rename = "owner")] exporter: String } = "duplicate-export",
    /// The name is refused by livepatch.
    ReservedName { /** The name. */ name: String } = "reserved-name",
    /// A parameter that the module does not have.
    UnknownParameter { /** Its name. */ parameter: String } = "unknown-parameter",
    /// A parameter's value is not accepted.
    InvalidParameter { /** Its name. */ parameter: String, /** The value. */ value: String } = "invalid-parameter",
    /// Something built into the kernel has that name in sysfs.
    BuiltinName { /** The name. */ name: String } = "builtin-name",
    /// The name cannot stand in sysfs.
    SysfsName { /** The name. */ name: String, /** What is wrong with it. */ what: String } = "sysfs-name",

    /// Unloading something that is not loaded.
    NotLoaded { /** The name. */ name: String } = "not-loaded",
    /// Unloading what others use.
    InUse { /** The name. */ name: String, /** The users. */ users: Vec<String> } = "in-use",
    /// Unloading a module that has no exit function.
    NoExit { /** The name. */ name: String } = "no-exit",

    /// A module that has to be loaded first is refused itself.
    DependencyRefused { /** The module. */ dependency: String, /** Its errno. */ errno: Errno } = "dependency-refused",
    /// Modules need each other, so that none can be the first.
    DependencyCycle { /** Each needs the next, and the last the first. */ modules: Vec<String> } = "dependency-cycle",
    /// Another module exports a symbol of the same name: only one of the two can be loaded.
    RivalExport { /** The symbol. */ symbol: Arc<str>, /** The other module. */ module: String } = "rival-export",
    /// A file of the same name stands in another folder, where modprobe does not get to it.
    ShadowedFile { /** That file. */ file: String } = "shadowed-file",
}

impl Cause {
    /// The symbol it is about.
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
}

impl Code {
    /// The code of that name.
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
