//! Facts that were not at hand.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::history::Behaviour;
use crate::kernel::ConfigOption;

/// One fact about the kernel or its machine that its files did not tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// The release string, and with it every dated behaviour.
    Release,
    /// A configuration option.
    Config(ConfigOption),
    /// Whether this release has a behaviour: its date is known only to lie between two versions.
    Behaviour(Behaviour),
    /// The architecture.
    Arch,
    /// The kernel's own vermagic string.
    Vermagic,
    /// `sizeof(struct module)`.
    StructModuleSize,
    /// Which certificates the kernel trusts.
    Certificates,
    /// Whether a signer is among them: of who signs all of a kernel's modules, this is one question for all. Verdicts name the
    /// certificates instead.
    Signer(Arc<str>),
    /// What the kernel (the part that is always there) exports.
    Exports,
    /// What the kernel's own modules export, who might provide what the kernel does not.
    ModuleExports,
    /// Which namespaces the kernel's exports are in.
    Namespaces,
    /// The CRCs of the kernel's exports.
    Crcs,
    /// Whether a signature fits the module, which only the signer's certificate can tell.
    SignatureMatch,
    /// The CRC of one exported symbol.
    Crc(String),
    /// Whether a symbol is exported GPL-only.
    ExportKind(String),
    /// The kernel's own type information, which a module's is checked against.
    Btf,
    /// Whether a module's own function accepts a parameter's value.
    Parameter(String),
    /// Whether something built into the kernel has no parameters, and so leaves its name in sysfs free.
    NoParameters(String),
    /// The licence of a module that exports what this one needs.
    ExporterLicense(String),
    /// Whether an algorithm for signatures is built into the kernel.
    Crypto(String),
    /// Where in memory the kernel places modules: a relocation reaches its target or not.
    Addresses,
    /// What happens to lie in memory behind the named part of the module.
    Memory(String),
    /// The rest of a module file, of which only parts are in memory.
    Unread(String),
    /// More facts than gplok follows at once.
    TooMany,
}

impl Missing {
    /// Is it about the one module being loaded, and not about the kernel?
    pub(crate) const fn is_of_one_load(&self) -> bool {
        matches!(
            self,
            Self::Arch
                | Self::Vermagic
                | Self::StructModuleSize
                | Self::SignatureMatch
                | Self::Btf
                | Self::Parameter(_)
                | Self::Addresses
                | Self::Memory(_)
        )
    }

    /// A short stable word for machines, with what it is about behind a colon.
    pub fn word(&self) -> String {
        match self {
            Self::Release => "release".into(),
            Self::Config(option) => format!("config:{option}"),
            Self::Behaviour(behaviour) => format!("behaviour:{behaviour}"),
            Self::Arch => "arch".into(),
            Self::Vermagic => "vermagic".into(),
            Self::StructModuleSize => "struct-module-size".into(),
            Self::Certificates | Self::Signer(_) => "certificates".into(),
            Self::SignatureMatch => "signature-match".into(),
            Self::Exports => "exports".into(),
            Self::ModuleExports => "module-exports".into(),
            Self::Namespaces => "namespaces".into(),
            Self::Crcs => "crcs".into(),
            Self::Crc(symbol) => format!("crc:{symbol}"),
            Self::ExportKind(symbol) => format!("export-kind:{symbol}"),
            Self::Btf => "btf".into(),
            Self::Parameter(name) => format!("parameter:{name}"),
            Self::NoParameters(name) => format!("no-parameters:{name}"),
            Self::ExporterLicense(module) => format!("exporter-license:{module}"),
            Self::Crypto(what) => format!("crypto:{what}"),
            Self::Addresses => "addresses".into(),
            Self::Memory(what) => format!("memory:{what}"),
            Self::Unread(path) => format!("unread:{path}"),
            Self::TooMany => "too-many".into(),
        }
    }
}

impl Serialize for Missing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.word())
    }
}
