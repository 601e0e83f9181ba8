//! What tells one kernel from another, as a digest takes it in.

use std::hash::{Hash, Hasher};
use std::path::Path;

use super::description::Kernel;
use super::vmlinux::KernelImage;

impl Kernel {
    /// Takes in everything that this kernel's files have told, so that two kernels with the same digest answer alike. Files that
    /// are read when something is asked of them, and images, which are large, are left to the caller: these.
    pub fn identify(&self, hasher: &mut impl Hasher) -> Vec<&Path> {
        (&self.release, self.version, self.arch, &self.cmdline, &self.packages, &self.inferred).hash(hasher);
        (&self.exports, &self.config).hash(hasher);
        let mut with_parameters: Vec<_> = self.with_parameters.iter().collect();
        with_parameters.sort_unstable();
        (&self.builtin, with_parameters).hash(hasher);
        format!("{:?} {:?} {:?}", self.certificates, self.evidence, self.conflicts).hash(hasher);
        self.boot.given().map(KernelImage::path).into_iter().chain(self.boot.found()).collect()
    }
}
