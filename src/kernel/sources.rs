//! Which files gave each fact of a kernel.

use std::path::Path;

use super::config::Config;
use super::description::Kernel;
use super::fact::{Evidence, Fact};
use super::vmlinux::KernelImage;

impl Kernel {
    /// The facts that files gave, with the files, in the order of reading.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The first file or directory that gave a fact: the one that counts.
    pub(super) fn first_source(&self, fact: Fact) -> Option<&Path> {
        let told = self.evidence.iter().find(|evidence| evidence.fact == fact);
        told.map(|evidence| evidence.source.as_path())
    }

    /// The files and directories that a fact comes from, also if it is derived from another fact. Empty if the fact is unknown
    /// or the user gave it.
    ///
    /// May read a found image on first use; if that fails, the image is no source.
    pub fn sources(&self, fact: Fact) -> Vec<&Path> {
        let all =
            self.evidence.iter().filter(|evidence| evidence.fact == fact).map(|evidence| evidence.source.as_path());
        let given = self.boot.given().filter(|image| image.tells(fact)).map(KernelImage::path);
        let told_by = || fact.told_by().iter().find_map(|other| self.sources(*other).first().copied());
        let found = || self.boot_image().filter(|image| image.tells(fact)).map(KernelImage::path);
        // The first source of a fact counts, but certificates, headers and packages add up.
        let first = match fact {
            Fact::Headers | Fact::Packages | Fact::OutsideExports => return all.collect(),
            Fact::Certificates if self.certificates.is_some() => return given.into_iter().chain(all).collect(),
            Fact::Arch if self.arch.is_some() => None,
            Fact::Arch if given.is_some() => given,
            Fact::Arch if self.config.as_ref().and_then(Config::arch).is_some() => self.first_source(Fact::Config),
            Fact::Arch => self.first_source(Fact::Release),
            Fact::StructModuleSize if given.is_none() && self.types.is_some() => self.first_source(fact),
            Fact::Vermagic | Fact::StructModuleSize => given.or_else(told_by).or_else(found),
            Fact::Version if self.version.is_none() && self.release.is_none() => self.first_source(Fact::Config),
            Fact::Release | Fact::Version | Fact::Modules | Fact::Licenses | Fact::Builtin => {
                self.first_source(fact).or_else(told_by)
            }
            _ => self.first_source(fact).or_else(found).or_else(told_by),
        };
        first.into_iter().collect()
    }
}

impl KernelImage {
    /// Returns whether this image gives a fact.
    fn tells(&self, fact: Fact) -> bool {
        match fact {
            Fact::Release | Fact::Version => self.release().is_some(),
            Fact::Arch => self.arch().is_some(),
            Fact::Config => self.config().is_some(),
            Fact::Modversions | Fact::Exports | Fact::Kinds | Fact::Crcs | Fact::Namespaces => self.exports().is_ok(),
            Fact::Modules | Fact::Licenses | Fact::Builtin | Fact::Headers | Fact::Packages | Fact::OutsideExports => {
                false
            }
            Fact::Vermagic => self.vermagic().is_some(),
            Fact::StructModuleSize => self.struct_module_size().is_some(),
            Fact::Certificates => self.certificates().is_some(),
            Fact::Symbols => self.symbols().is_some(),
            Fact::Image => true,
        }
    }
}
