//! A digest of everything that is known of a kernel.

use std::hash::{Hash, Hasher};
use std::path::Path;

use super::description::Kernel;
use super::vmlinux::KernelImage;
use crate::compression::Compression;

impl Kernel {
    /// Feeds a hasher with everything that this kernel's files have given, so that two kernels with one digest give the same
    /// answers.
    ///
    /// Returns the paths of the files that the digest does not cover and the caller must add: the given image, which is large,
    /// the found image, which is read on first use, and the program that loads modules.
    pub fn identify(&self, hasher: &mut impl Hasher) -> Vec<&Path> {
        (&self.release, self.version, self.arch, &self.cmdline, &self.packages, &self.inferred).hash(hasher);
        (&self.exports, &self.config, &self.types).hash(hasher);
        let mut with_parameters: Vec<_> = self.with_parameters.iter().collect();
        with_parameters.sort_unstable();
        (&self.builtin, with_parameters).hash(hasher);
        format!("{:?} {:?} {:?}", self.certificates, self.evidence, self.conflicts).hash(hasher);
        self.loader().map(|(loader, _)| loader).hash(hasher);
        [Compression::Gzip, Compression::Xz, Compression::Zstd].map(|kind| self.loader_reads(kind)).hash(hasher);
        let images = self.boot.given().map(KernelImage::path).into_iter().chain(self.boot.found());
        images.chain(self.loader_path()).collect()
    }
}
