//! The outcome for a module on another kernel, as one of seven answers.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::verdict::{Cause, Code, Finding};

/// The outcome for a module on another kernel, ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// The file loads unchanged.
    LoadsAsItIs,
    /// The only fault is that no key the kernel trusts has signed the file.
    LoadsOnceSigned,
    /// A build of the same source against the kernel's headers has every symbol it needs. Only the compiler can tell
    /// whether that source compiles.
    LoadsAfterRebuild,
    /// Undetermined, because facts are missing. [`ModuleImpact::missing`](super::ModuleImpact::missing) and
    /// [`ModuleImpact::wanting`](super::ModuleImpact::wanting) name them.
    Unknown,
    /// The kernel, as configured and booted, refuses every build of the module.
    RefusedByKernel,
    /// The source needs something that the kernel no longer provides.
    NeedsSourceChanges,
    /// The module needs something that the kernel provides only to modules under another license.
    RefusedForLicense,
}

impl Answer {
    /// Every answer, from best to worst.
    pub const ALL: [Self; 7] = [
        Self::LoadsAsItIs,
        Self::LoadsOnceSigned,
        Self::LoadsAfterRebuild,
        Self::Unknown,
        Self::RefusedByKernel,
        Self::NeedsSourceChanges,
        Self::RefusedForLicense,
    ];

    /// The stable name, as used in JSON and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoadsAsItIs => "loads_as_it_is",
            Self::LoadsOnceSigned => "loads_once_signed",
            Self::LoadsAfterRebuild => "loads_after_rebuild",
            Self::Unknown => "unknown",
            Self::RefusedByKernel => "refused_by_kernel",
            Self::NeedsSourceChanges => "needs_source_changes",
            Self::RefusedForLicense => "refused_for_license",
        }
    }

    /// Finds an answer by its name, written with `_` or `-`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.name() == name.replace('-', "_"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What would remove the cause of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cure {
    /// Building the module against the kernel's headers.
    Rebuild,
    /// Signing the module with a key that the kernel trusts.
    Signature,
    /// Changing the module's source.
    Source,
    /// Changing the module's license, or not using the symbol.
    License,
    /// Configuring the kernel differently, or booting it with another command line.
    Kernel,
    /// Loading a module that this one depends on.
    Dependency,
    /// Not known.
    Unknown,
}

/// Returns what would remove the cause of a finding, for a module that was judged as if rebuilt.
pub(super) fn cure(finding: &Finding) -> Cure {
    if let Cause::MissingSymbol { refused_exporter: Some(_), .. } = finding.cause {
        return Cure::Dependency;
    }
    match finding.code() {
        Code::UnsignedRejected
        | Code::UnknownKey
        | Code::UnsupportedSignature
        | Code::InvalidSignature
        | Code::MalformedSignature
        | Code::LockedDown => Cure::Signature,
        Code::GplOnlySymbol | Code::GplOnlyWithProprietary => Cure::License,
        Code::MissingSymbol
        | Code::NamespaceNotImported
        | Code::DuplicateExport
        | Code::ImportsModuleNamespace
        | Code::ReservedName
        | Code::BuiltinName
        | Code::SysfsName
        | Code::WritableExecutable
        | Code::PercpuAlignment
        | Code::Constructors => Cure::Source,
        Code::NoModules
        | Code::NotPermitted
        | Code::Blacklisted
        | Code::LivepatchDisabled
        | Code::PercpuSpace
        | Code::AlreadyLoaded
        | Code::UnknownFlags => Cure::Kernel,
        Code::DependencyRefused | Code::DependencyCycle => Cure::Dependency,
        // What a file needs is not known when the file cannot be read.
        Code::UnreadableFile
        | Code::Decompression
        | Code::InvalidElf
        | Code::NoSymbolTable
        | Code::BadThisModule
        | Code::WrongArchitecture
        | Code::ExporterNotLoaded
        | Code::ExporterNotLive
        | Code::InvalidParameter => Cure::Unknown,
        _ => Cure::Rebuild,
    }
}
