//! The input of reports: entries with verdicts, and the kernel that the verdicts are about.

use serde::{Serialize, Serializer};

use super::conflict::conflict;
use crate::kernel::{Evidence, Fact, Kernel};
use crate::terms::{Arch, Distribution, KernelRelease, Shown};
use crate::verdict::Verdict;

/// The request to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// One `finit_module` or `init_module`.
    Insmod,
    /// A load by `modprobe`, of the module itself or of a dependency.
    Modprobe,
    /// One `delete_module`.
    Rmmod,
}

impl Op {
    /// The word in JSON and in plans.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Insmod => "insmod",
            Self::Modprobe => "modprobe",
            Self::Rmmod => "rmmod",
        }
    }

    /// Returns whether the request loads a module; otherwise it unloads one.
    pub const fn loads(self) -> bool {
        !matches!(self, Self::Rmmod)
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One module that was checked, or one step of a boot.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The request.
    pub op: Op,
    /// The module's file, as the user named it; `None` for an unload.
    pub path: Option<&'a str>,
    /// The answer.
    pub verdict: &'a Verdict,
}

impl<'a> Entry<'a> {
    /// The module's file, or its name if there is no file.
    pub fn title(&self) -> &'a str {
        self.path.unwrap_or(&self.verdict.name)
    }
}

/// The kernel that the verdicts are about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KernelSummary {
    /// Its release, if known.
    pub release: Option<KernelRelease>,
    /// Its architecture, if known.
    #[serde(serialize_with = "arch")]
    pub arch: Option<Arch>,
    /// The distribution that built it, if its loader behaves differently.
    pub distribution: Option<Distribution>,
    /// The files that the facts come from, in the order of reading.
    pub evidence: Vec<String>,
    /// Conflicts between files of different builds, and which file counts.
    pub conflicts: Vec<String>,
    /// Files that tell nothing of the kernel, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<String>,
    /// Whether a whole configuration is among the files.
    #[serde(skip)]
    pub has_config: bool,
}

impl From<&Kernel> for KernelSummary {
    fn from(kernel: &Kernel) -> Self {
        let evidence =
            kernel.evidence().iter().map(|found| format!("{}: {}", found.fact, found.source.to_string_lossy()));
        let is_config = |found: &Evidence| found.fact == Fact::Config;
        let is_fragment = kernel.config.as_ref().is_some_and(|config| !config.is_whole());
        Self {
            has_config: !is_fragment && kernel.evidence().iter().any(is_config),
            release: kernel.release().cloned(),
            arch: kernel.arch(),
            distribution: kernel.distribution(),
            evidence: evidence.collect(),
            conflicts: kernel.conflicts().iter().map(conflict).collect(),
            set_aside: kernel
                .set_aside()
                .iter()
                .map(|file| format!("{}: {}", Shown::path(&file.path), file.why))
                .collect(),
        }
    }
}

impl KernelSummary {
    /// The release, or `this kernel` if it is not known.
    pub(super) fn called(&self) -> &str {
        self.release.as_ref().map_or("this kernel", KernelRelease::as_str)
    }

    /// The release, or the file that the exports are read from: for texts about two kernels.
    pub(super) fn told_apart(&self) -> &str {
        if let Some(release) = &self.release {
            return release.as_str();
        }
        let file = self.evidence.first().and_then(|evidence| evidence.split_once(": "));
        file.map_or("this kernel", |(_, path)| path)
    }

    /// The release for use in paths, or `RELEASE` if it is not known.
    pub(super) fn in_paths(&self) -> &str {
        self.release.as_ref().map_or("RELEASE", KernelRelease::as_str)
    }

    /// Returns whether the kernel's image is among the files.
    pub(super) fn is_image_given(&self) -> bool {
        self.evidence.iter().any(|evidence| evidence.starts_with("image: "))
    }

    /// The commands that build a module for this kernel. With the headers of 7.2 and later, one call of make that cleans and builds
    /// overwrites the module's own Makefile and does not end.
    pub(super) fn build(&self) -> String {
        match &self.release {
            Some(release) => {
                let make = format!("make -C /lib/modules/{release}/build M=$PWD");
                format!("{make} clean && {make} modules")
            }
            None => {
                "make -C DIR M=$PWD clean && make -C DIR M=$PWD modules, where DIR is the kernel's headers directory"
                    .to_owned()
            }
        }
    }
}

fn arch<S: Serializer>(arch: &Option<Arch>, serializer: S) -> Result<S::Ok, S::Error> {
    match arch {
        Some(arch) => serializer.collect_str(arch),
        None => serializer.serialize_none(),
    }
}
