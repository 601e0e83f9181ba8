//! The directories in `/sys/module` that exist before any module is loaded.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::terms::{Arch, Distribution, ElfMachine, KernelRelease, KernelVersion};

const LISTED: &str = include_str!("sysfs_modules.txt");

/// Built-in code that every kernel has, with parameters in every kernel.
const ALWAYS: [&str; 3] = ["kernel", "printk", "workqueue"];

/// The builds whose directories were listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedBuild(&'static str);

impl ListedBuild {
    /// The listed build of a release. The point releases of a Debian series have one configuration.
    pub fn of(release: &KernelRelease, arch: Arch) -> Option<Self> {
        release.distribution().filter(|distribution| *distribution == Distribution::Debian)?;
        let KernelVersion { major, minor, .. } = release.version()?;
        Some(Self(match (major, minor, arch.machine) {
            (5, 10, ElfMachine::X86_64) => "5.10",
            (6, 1, ElfMachine::X86_64) => "6.1",
            (6, 12, ElfMachine::X86_64) => "6.12",
            (6, 12, ElfMachine::Arm64) => "6.12-arm64",
            (7, 3, ElfMachine::X86_64) => "7.3",
            _ => return None,
        }))
    }
}

/// Returns whether `/sys/module/NAME` exists. `None` if the directories of this build were never listed and not every kernel
/// has it.
pub fn is_taken_in_sysfs(build: Option<ListedBuild>, name: &str) -> Option<bool> {
    if ALWAYS.contains(&name) {
        return Some(true);
    }
    static BUILDS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        let lines = LISTED.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once(' ')).collect()
    });
    let ListedBuild(column) = build?;
    Some(BUILDS.get(name).is_some_and(|builds| builds.split(' ').any(|build| build == column)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        let names = LISTED.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').next());
        assert!(names.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn only_listed_builds_are_known() {
        let taken =
            |release: &str, name| is_taken_in_sysfs(ListedBuild::of(&KernelRelease::new(release), Arch::X86_64), name);
        assert_eq!(taken("6.1.0-56-amd64", "keyboard"), Some(true));
        assert_eq!(taken("6.1.0-56-amd64", "openafs"), Some(false));
        assert_eq!(taken("6.8.0-45-generic", "keyboard"), None);
        assert_eq!(taken("6.8.0-45-generic", "printk"), Some(true));
    }
}
