//! What becomes of a module on another kernel, in one word.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::verdict::{Cause, Code, Finding};

/// What becomes of a module, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// The file loads as it is.
    LoadsAsItIs,
    /// Nothing is wrong with it but that it is not signed with a key the kernel trusts.
    LoadsOnceSigned,
    /// The same source, built against the kernel's headers, gets all it needs. Whether it compiles only the compiler tells.
    LoadsAfterRebuild,
    /// It cannot be known, for want of facts that are named.
    Unknown,
    /// Whatever is done to the module, this kernel, as it is configured and booted, refuses it.
    RefusedByKernel,
    /// The source, as it was built, needs what the kernel no longer gives.
    NeedsSourceChanges,
    /// It needs what the kernel gives only to other licences.
    RefusedForLicense,
}

impl Answer {
    /// Every answer, the best first.
    pub const ALL: [Self; 7] = [
        Self::LoadsAsItIs,
        Self::LoadsOnceSigned,
        Self::LoadsAfterRebuild,
        Self::Unknown,
        Self::RefusedByKernel,
        Self::NeedsSourceChanges,
        Self::RefusedForLicense,
    ];

    /// Its stable name.
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

    /// The answer of that name, written with `_` or `-`.
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

/// What would make a finding good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cure {
    /// A build against the kernel's headers.
    Rebuild,
    /// A signature by a key the kernel trusts.
    Signature,
    /// Another source.
    Source,
    /// Another licence, or doing without.
    License,
    /// Another configuration of the kernel, or another boot.
    Kernel,
    /// That a module it depends on loads.
    Dependency,
    /// Nobody can say.
    Unknown,
}

/// What would make a finding about a module good that was judged as rebuilt.
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
        | Code::Constructors => Cure::Source,
        Code::NotPermitted
        | Code::Blacklisted
        | Code::LivepatchDisabled
        | Code::PercpuSpace
        | Code::AlreadyLoaded
        | Code::UnknownFlags => Cure::Kernel,
        Code::DependencyRefused | Code::DependencyCycle => Cure::Dependency,
        // Of a file that cannot be read nobody knows what it needs.
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
