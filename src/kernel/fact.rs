//! The facts that can be known of a kernel.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// A fact that can be known of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fact {
    /// The release string.
    Release,
    /// The version, where a source gives it apart from the release.
    Version,
    /// The architecture.
    Arch,
    /// The configuration.
    Config,
    /// Whether symbols have versions: `CONFIG_MODVERSIONS`.
    Modversions,
    /// Which symbols are exported, and by which module.
    Exports,
    /// Which symbols modules from outside the kernel's tree export.
    OutsideExports,
    /// The kind of each export.
    Kinds,
    /// The versions of the exported symbols.
    Crcs,
    /// The namespaces of the exported symbols.
    Namespaces,
    /// The modules that belong to the kernel.
    Modules,
    /// The licenses of those modules.
    Licenses,
    /// The names of modules that are built in.
    Builtin,
    /// The version magic that a module must have.
    Vermagic,
    /// `sizeof(struct module)`.
    StructModuleSize,
    /// The certificates that the kernel trusts.
    Certificates,
    /// The kernel's own symbols, exported or not.
    Symbols,
    /// The image that the kernel boots from.
    Image,
    /// The public headers.
    Headers,
    /// The packages that the kernel was read from.
    Packages,
}

impl Fact {
    /// Every fact, in the order of the report.
    pub const ALL: [Self; 20] = [
        Self::Release,
        Self::Version,
        Self::Arch,
        Self::Config,
        Self::Modversions,
        Self::Exports,
        Self::OutsideExports,
        Self::Kinds,
        Self::Crcs,
        Self::Namespaces,
        Self::Modules,
        Self::Licenses,
        Self::Builtin,
        Self::Vermagic,
        Self::StructModuleSize,
        Self::Certificates,
        Self::Symbols,
        Self::Image,
        Self::Headers,
        Self::Packages,
    ];

    /// The stable name, as JSON has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Version => "version",
            Self::Arch => "arch",
            Self::Config => "config",
            Self::Modversions => "modversions",
            Self::Exports => "exports",
            Self::OutsideExports => "outside-exports",
            Self::Kinds => "kinds",
            Self::Crcs => "crcs",
            Self::Namespaces => "namespaces",
            Self::Modules => "modules",
            Self::Licenses => "licenses",
            Self::Builtin => "builtin",
            Self::Vermagic => "vermagic",
            Self::StructModuleSize => "struct-module-size",
            Self::Certificates => "certificates",
            Self::Symbols => "symbols",
            Self::Image => "image",
            Self::Headers => "headers",
            Self::Packages => "packages",
        }
    }

    /// The facts that this one can be derived from if no file gives it directly, the best first.
    pub(super) const fn told_by(self) -> &'static [Self] {
        match self {
            Self::Version => &[Self::Release],
            Self::Modversions => &[Self::Config, Self::Exports],
            Self::Kinds | Self::Crcs | Self::Namespaces => &[Self::Exports],
            Self::Licenses | Self::Vermagic | Self::StructModuleSize => &[Self::Modules],
            _ => &[],
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A fact and a file or directory that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The fact.
    pub fact: Fact,
    /// The file or directory.
    pub source: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names = Fact::ALL.map(Fact::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
