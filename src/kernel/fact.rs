//! What can be known of a kernel, and which file told it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::{Kernel, KernelImage, arch_of_config};

/// Something that can be known of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The release string.
    Release,
    /// The version, where it is told apart from the release.
    Version,
    /// The architecture.
    Arch,
    /// The configuration.
    Config,
    /// Whether symbols have versions: `CONFIG_MODVERSIONS`.
    Modversions,
    /// Which symbols are exported, and by whom.
    Exports,
    /// How they are exported.
    Kinds,
    /// Their versions.
    Crcs,
    /// Their namespaces.
    Namespaces,
    /// The modules that belong to it.
    Modules,
    /// The licences of those.
    Licences,
    /// The names of modules that are built in.
    Builtin,
    /// The version magic that modules have to show.
    Vermagic,
    /// `sizeof(struct module)`.
    StructModuleSize,
    /// The certificates it trusts.
    Certificates,
    /// Its own symbols, exported or not.
    Symbols,
    /// The image it boots from.
    Image,
    /// Its public headers.
    Headers,
    /// The packages it comes in.
    Packages,
}

impl Fact {
    /// Every fact, in the order people are told of them.
    pub const ALL: [Self; 19] = [
        Self::Release,
        Self::Version,
        Self::Arch,
        Self::Config,
        Self::Modversions,
        Self::Exports,
        Self::Kinds,
        Self::Crcs,
        Self::Namespaces,
        Self::Modules,
        Self::Licences,
        Self::Builtin,
        Self::Vermagic,
        Self::StructModuleSize,
        Self::Certificates,
        Self::Symbols,
        Self::Image,
        Self::Headers,
        Self::Packages,
    ];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Version => "version",
            Self::Arch => "arch",
            Self::Config => "config",
            Self::Modversions => "modversions",
            Self::Exports => "exports",
            Self::Kinds => "kinds",
            Self::Crcs => "crcs",
            Self::Namespaces => "namespaces",
            Self::Modules => "modules",
            Self::Licences => "licences",
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

    /// The facts that tell this one where no file tells it by itself, the best first.
    const fn told_by(self) -> &'static [Self] {
        match self {
            Self::Version => &[Self::Release],
            Self::Modversions => &[Self::Config, Self::Exports],
            Self::Kinds | Self::Crcs | Self::Namespaces => &[Self::Exports],
            Self::Licences | Self::Vermagic | Self::StructModuleSize => &[Self::Modules],
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

/// Where a fact came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What.
    pub fact: Fact,
    /// The file or directory.
    pub source: PathBuf,
}

impl Kernel {
    /// Where each fact came from.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The first file or directory that was read for a fact: the one that counts.
    pub(super) fn first_source(&self, fact: Fact) -> Option<&Path> {
        let told = self.evidence.iter().find(|evidence| evidence.fact == fact);
        told.map(|evidence| evidence.source.as_path())
    }

    /// The files and directories that tell a fact, whatever they call it themselves. None where nobody tells it, or the
    /// user does.
    pub fn sources(&self, fact: Fact) -> Vec<&Path> {
        let all = || {
            let told = self.evidence.iter().filter(move |evidence| evidence.fact == fact);
            told.map(|evidence| evidence.source.as_path())
        };
        let given = self.boot.given().filter(|image| image.tells(fact)).map(KernelImage::path);
        let told_by = || fact.told_by().iter().find_map(|other| self.sources(*other).first().copied());
        let found = || self.boot_image().filter(|image| image.tells(fact)).map(KernelImage::path);
        // What the first has told, later ones do not change; but certificates, headers and packages add up.
        let first = match fact {
            Fact::Headers | Fact::Packages => return all().collect(),
            Fact::Certificates if self.certificates.is_some() => return given.into_iter().chain(all()).collect(),
            Fact::Arch if self.arch.is_some() => None,
            Fact::Arch if given.is_some() => given,
            Fact::Arch if self.config.as_ref().and_then(arch_of_config).is_some() => self.first_source(Fact::Config),
            Fact::Arch => self.first_source(Fact::Release),
            Fact::Vermagic | Fact::StructModuleSize => given.or_else(told_by).or_else(found),
            Fact::Release | Fact::Version | Fact::Modules | Fact::Licences | Fact::Builtin => {
                self.first_source(fact).or_else(told_by)
            }
            _ => self.first_source(fact).or_else(found).or_else(told_by),
        };
        first.into_iter().collect()
    }
}

impl KernelImage {
    /// Does it tell a fact?
    fn tells(&self, fact: Fact) -> bool {
        match fact {
            Fact::Release | Fact::Version => self.release().is_some(),
            Fact::Arch => self.arch().is_some(),
            Fact::Config => self.config().is_some(),
            Fact::Modversions | Fact::Exports | Fact::Kinds | Fact::Crcs | Fact::Namespaces => self.exports().is_ok(),
            Fact::Modules | Fact::Licences | Fact::Builtin | Fact::Headers | Fact::Packages => false,
            Fact::Vermagic => self.vermagic().is_some(),
            Fact::StructModuleSize => self.struct_module_size().is_some(),
            Fact::Certificates => self.certificates().is_some(),
            Fact::Symbols => self.symbols().is_some(),
            Fact::Image => true,
        }
    }
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
