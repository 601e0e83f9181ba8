//! Facts that are not known.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::history::Behaviour;
use crate::kernel::{ConfigOption, UnreadFile};
use crate::terms::ElfMachine;

/// One fact about the kernel or its machine that is not in the given files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// The release string, and with it every dated behaviour.
    Release,
    /// Which changes of later kernels an enterprise distribution has carried into this one.
    Backports,
    /// What a kernel older than 4.18 does otherwise: the table of behaviours knows older kernels in part only.
    OldKernel,
    /// A configuration option.
    Config(ConfigOption),
    /// Whether this release has a behaviour whose date is known only to lie between two versions.
    Behaviour(Behaviour),
    /// The architecture.
    Arch,
    /// What the kernel's code for an architecture does that gplok does not model.
    Unmodelled(ElfMachine),
    /// The kernel's own vermagic string.
    Vermagic,
    /// `sizeof(struct module)`.
    StructModuleSize,
    /// Where the kernel has the fields of `struct module`.
    StructModuleLayout,
    /// Which certificates the kernel trusts.
    Certificates,
    /// Whether the kernel trusts this signer. One signer signs all modules of a kernel, so this is one unknown fact for all of
    /// them. Verdicts name [`Certificates`](Self::Certificates) instead.
    Signer(Arc<str>),
    /// The exports of the kernel itself, without its modules.
    Exports,
    /// The exports of the kernel's own modules, which may export symbols that the kernel itself does not.
    ModuleExports,
    /// The symbols of the kernel itself (`vmlinux`) or of a module, exported or not.
    Symbols(String),
    /// The namespaces of the kernel's exports.
    Namespaces,
    /// The CRCs of the kernel's exports.
    Crcs,
    /// Whether the signature matches the module; only the signer's certificate can tell.
    SignatureMatch,
    /// The CRC of one exported symbol.
    Crc(String),
    /// Whether a symbol is exported GPL-only.
    ExportKind(String),
    /// The kernel's own type information, against which the kernel checks that of the module.
    Btf,
    /// Whether a module's own function accepts a parameter's value.
    Parameter(String),
    /// Whether no code that is built into the kernel has this name in sysfs (yes). Such code has it for its parameters, its version
    /// or, since 6.15, a driver.
    NoParameters(String),
    /// Whether the kernel can verify a signature with these algorithms.
    Crypto(String),
    /// Whether a signature is good that gplok cannot verify.
    Verification(String),
    /// Whether the firmware's lists of keys hold that of this signer.
    FirmwareKeys(Arc<str>),
    /// Where in memory the kernel places modules, which decides whether a relocation reaches its target.
    Addresses,
    /// What a loaded live patch changes in a module that is loaded after it (`module`), or whether it is still enabled.
    LivePatch {
        /// The live patch.
        patch: String,
        /// The module.
        module: Option<String>,
    },
    /// The memory contents around the named part of the module.
    Memory(String),
    /// The rest of a module file, of which only parts are in memory.
    Unread(String),
    /// Whether the program that loads modules decompresses a file itself (yes) or lets the kernel do it.
    Loader,
    /// Whether the program that loads modules reads a kind of compression: `gzip`, `zstd-without-size`, `zstd-of-other-size`,
    /// `zstd-cut-short`; or `gzip-as-it-is` and `as-it-is`, whether one that does not read a kind hands such a file over as it is; or
    /// `forced-without-vermagic`, whether it forces a compressed module that has no version magic.
    LoaderReads(&'static str),
    /// Whether the kernel has so many MiB of memory for its decompressor.
    FreeMemory(u64),
    /// Module files of the tree that could not be read, and with them what they export.
    UnreadModule {
        /// The first of these files.
        path: Arc<str>,
        /// Why it could not be read.
        why: Arc<str>,
        /// How many more there are.
        more: usize,
        /// Whether the question is not if such a module exports a symbol, but if it has the version that is wanted.
        version: bool,
    },
    /// Whether something that is built into the kernel has the module's name in sysfs: the list that tells could not be read.
    UnreadBuiltin {
        /// The list.
        path: Arc<str>,
        /// Why it could not be read.
        why: Arc<str>,
    },
    /// Which of several files of one module name modprobe loads.
    WhichFile {
        /// The files.
        files: Arc<[String]>,
        /// Why that is not known.
        why: Arc<str>,
        /// Whether the question is not if the module exports a symbol, but if it has the version that is wanted.
        version: bool,
    },
    /// More unknown facts than gplok tries at once.
    TooMany,
}

impl Missing {
    /// The question about a file that could not be read, and `more` such files; or about files of which one counts.
    pub(crate) fn unread(file: &UnreadFile, more: usize, version: bool) -> Self {
        if let Some(contest) = &file.contest {
            let files = contest.files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
            return Self::WhichFile { files, why: contest.why.as_str().into(), version };
        }
        Self::UnreadModule { path: file.path.to_string_lossy().into(), why: file.why.as_str().into(), more, version }
    }

    /// The question about a list of what is built in that could not be read.
    pub(crate) fn unread_builtin(file: &UnreadFile) -> Self {
        Self::UnreadBuiltin { path: file.path.to_string_lossy().into(), why: file.why.as_str().into() }
    }

    /// Returns whether the fact concerns only the module that is loaded, and not the kernel.
    pub(crate) const fn is_of_one_load(&self) -> bool {
        matches!(
            self,
            Self::Arch
                | Self::Unmodelled(_)
                | Self::Vermagic
                | Self::StructModuleSize
                | Self::StructModuleLayout
                | Self::SignatureMatch
                | Self::Verification(_)
                | Self::Btf
                | Self::Parameter(_)
                | Self::Addresses
                | Self::LivePatch { .. }
                | Self::Memory(_)
                | Self::FreeMemory(_)
                | Self::UnreadBuiltin { .. }
        )
    }

    /// A short stable word for machines; a colon and the subject follow where there is one.
    pub fn word(&self) -> String {
        match self {
            Self::Release => "release".into(),
            Self::Backports => "backports".into(),
            Self::OldKernel => "old-kernel".into(),
            Self::Config(option) => format!("config:{option}"),
            Self::Behaviour(behaviour) => format!("behaviour:{behaviour}"),
            Self::Arch => "arch".into(),
            Self::Unmodelled(machine) => format!("unmodelled:{machine}"),
            Self::Vermagic => "vermagic".into(),
            Self::StructModuleSize => "struct-module-size".into(),
            Self::StructModuleLayout => "struct-module-layout".into(),
            Self::Certificates | Self::Signer(_) => "certificates".into(),
            Self::SignatureMatch => "signature-match".into(),
            Self::Exports => "exports".into(),
            Self::ModuleExports => "module-exports".into(),
            Self::Symbols(object) => format!("symbols:{object}"),
            Self::Namespaces => "namespaces".into(),
            Self::Crcs => "crcs".into(),
            Self::Crc(symbol) => format!("crc:{symbol}"),
            Self::ExportKind(symbol) => format!("export-kind:{symbol}"),
            Self::Btf => "btf".into(),
            Self::Parameter(name) => format!("parameter:{name}"),
            Self::NoParameters(name) => format!("no-parameters:{name}"),
            Self::Crypto(what) => format!("crypto:{what}"),
            Self::Verification(what) => format!("verification:{what}"),
            Self::FirmwareKeys(_) => "firmware-keys".into(),
            Self::Addresses => "addresses".into(),
            Self::LivePatch { patch, module: None } => format!("live-patch:{patch}"),
            Self::LivePatch { patch, module: Some(module) } => format!("live-patch:{patch} in {module}"),
            Self::Memory(what) => format!("memory:{what}"),
            Self::Unread(path) => format!("unread:{path}"),
            Self::Loader => "loader".into(),
            Self::LoaderReads(kind) => format!("loader-reads:{kind}"),
            Self::FreeMemory(size) => format!("free-memory:{size} MiB"),
            Self::UnreadModule { path, why, more: 0, .. } | Self::UnreadBuiltin { path, why } => {
                format!("unread:{path}: {why}")
            }
            Self::UnreadModule { path, why, more, .. } => format!("unread:{path}: {why} (and {more} more)"),
            Self::WhichFile { files, .. } => format!("which-file:{}", files.join(" or ")),
            Self::TooMany => "too-many".into(),
        }
    }
}

impl Serialize for Missing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.word())
    }
}
