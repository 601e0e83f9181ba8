//! The directories in `/sys/module` that exist before any module is loaded.

use std::sync::LazyLock;

use crate::terms::{Arch, Distribution, ElfMachine, KernelRelease, KernelVersion};

const LISTED: &str = include_str!("sysfs_modules.txt");

/// Built-in code that every kernel has, with parameters in every kernel.
const ALWAYS: [&str; 3] = ["kernel", "printk", "workqueue"];

/// Returns whether `/sys/module/NAME` exists. `None` if the directories of this build were never listed and not every kernel
/// has it.
pub fn is_taken_in_sysfs(release: Option<&KernelRelease>, arch: Option<Arch>, name: &str) -> Option<bool> {
    if ALWAYS.contains(&name) {
        return Some(true);
    }
    let column = column(release?, arch?)?;
    static LINES: LazyLock<Vec<&str>> =
        LazyLock::new(|| LISTED.lines().filter(|line| !line.starts_with('#')).collect());
    let listed = LINES.partition_point(|line| line.split(' ').next().unwrap_or_default() < name);
    let mut words = LINES.get(listed).copied().unwrap_or_default().split(' ');
    Some(words.next() == Some(name) && words.any(|word| word == column))
}

/// The column of a release in the list. The point releases of a Debian series have one configuration.
fn column(release: &KernelRelease, arch: Arch) -> Option<&'static str> {
    release.distribution().filter(|distribution| *distribution == Distribution::Debian)?;
    let KernelVersion { major, minor, .. } = release.version()?;
    Some(match (major, minor, arch.machine) {
        (5, 10, ElfMachine::X86_64) => "5.10",
        (6, 1, ElfMachine::X86_64) => "6.1",
        (6, 12, ElfMachine::X86_64) => "6.12",
        (6, 12, ElfMachine::Arm64) => "6.12-arm64",
        (7, 3, ElfMachine::X86_64) => "7.3",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        let names = LISTED.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').next());
        assert!(names.is_sorted());
    }

    #[test]
    fn only_listed_builds_are_known() {
        let taken =
            |release: &str, name| is_taken_in_sysfs(Some(&KernelRelease::new(release)), Some(Arch::X86_64), name);
        assert_eq!(taken("6.1.0-56-amd64", "keyboard"), Some(true));
        assert_eq!(taken("6.1.0-56-amd64", "openafs"), Some(false));
        assert_eq!(taken("6.8.0-45-generic", "keyboard"), None);
        assert_eq!(taken("6.8.0-45-generic", "printk"), Some(true));
    }
}
