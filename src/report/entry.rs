//! What the reports are made from.

use serde::{Serialize, Serializer};

use super::conflict::conflict;
use crate::kernel::Kernel;
use crate::terms::{Arch, Distribution, KernelRelease};
use crate::verdict::Verdict;

/// What was asked of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// One `finit_module` or `init_module`.
    Insmod,
    /// A load that `modprobe` made, of the module itself or of one it depends on.
    Modprobe,
    /// One `delete_module`.
    Rmmod,
}

impl Op {
    /// The word for it, in JSON and in plans.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Insmod => "insmod",
            Self::Modprobe => "modprobe",
            Self::Rmmod => "rmmod",
        }
    }

    /// Is a module loaded, or unloaded?
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
    /// What was asked.
    pub op: Op,
    /// The module's file, as the user named it; an unload has none.
    pub path: Option<&'a str>,
    /// The answer.
    pub verdict: &'a Verdict,
}

impl<'a> Entry<'a> {
    /// What to call it: its file, or else its name.
    pub fn title(&self) -> &'a str {
        self.path.unwrap_or(&self.verdict.name)
    }
}

/// Which kernel the verdicts are about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KernelSummary {
    /// Its release, if known.
    pub release: Option<KernelRelease>,
    /// Its architecture, if known.
    #[serde(serialize_with = "arch")]
    pub arch: Option<Arch>,
    /// Whose build it is, as far as loader behaviour differs.
    pub distribution: Option<Distribution>,
    /// Where the facts come from: the files read, in order.
    pub evidence: Vec<String>,
    /// Where files of two builds disagree, and which counts.
    pub conflicts: Vec<String>,
}

impl From<&Kernel> for KernelSummary {
    fn from(kernel: &Kernel) -> Self {
        let evidence = kernel.evidence().iter().map(|found| format!("{}: {}", found.fact, found.source.display()));
        Self {
            release: kernel.release().cloned(),
            arch: kernel.arch(),
            distribution: kernel.distribution(),
            evidence: evidence.collect(),
            conflicts: kernel.conflicts().iter().map(conflict).collect(),
        }
    }
}

impl KernelSummary {
    /// The release, or words for it.
    pub(super) fn called(&self) -> &str {
        self.release.as_ref().map_or("this kernel", KernelRelease::as_str)
    }

    /// The release, or the file that the exports are read from: where two kernels are spoken of.
    pub(super) fn told_apart(&self) -> &str {
        let file = || self.evidence.first()?.split_once(": ").map(|(_, path)| path);
        self.release.as_ref().map(KernelRelease::as_str).or_else(file).unwrap_or_else(|| self.called())
    }

    /// The release as it stands in paths.
    pub(super) fn in_paths(&self) -> &str {
        self.release.as_ref().map_or("RELEASE", KernelRelease::as_str)
    }

    /// The command that builds a module for this kernel.
    pub(super) fn build(&self) -> String {
        let tree = match &self.release {
            Some(release) => format!("/lib/modules/{release}/build"),
            None => "the kernel's headers directory".to_owned(),
        };
        match self.release {
            Some(_) => format!("make -C {tree} M=$PWD clean modules"),
            None => format!("make -C DIR M=$PWD clean modules, where DIR is {tree}"),
        }
    }
}

fn arch<S: Serializer>(arch: &Option<Arch>, serializer: S) -> Result<S::Ok, S::Error> {
    match arch {
        Some(arch) => serializer.collect_str(arch),
        None => serializer.serialize_none(),
    }
}
