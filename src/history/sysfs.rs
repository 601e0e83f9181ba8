//! The directories in `/sys/module` that exist before any module is loaded.
//!
//! Which there are depends on the configuration: a kernel image tells. These lists are for where there is no image.

use std::collections::HashSet;
use std::sync::LazyLock;

const LISTED: &str = include_str!("sysfs_modules.txt");

/// Built-in code that every kernel has, with parameters in every kernel.
const ALWAYS: [&str; 3] = ["kernel", "printk", "workqueue"];

/// Returns whether every kernel has `/sys/module/NAME`.
pub fn is_always_in_sysfs(name: &str) -> bool {
    ALWAYS.contains(&name)
}

/// Returns whether some kernel is known to have `/sys/module/NAME`, because it has code of that name built in.
pub fn may_be_in_sysfs(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<&str>> =
        LazyLock::new(|| LISTED.lines().filter(|line| !line.starts_with('#')).collect());
    is_always_in_sysfs(name) || NAMES.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(LISTED.lines().filter(|line| !line.starts_with('#')).is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn names_that_no_kernel_has_are_not_listed() {
        assert!(may_be_in_sysfs("8250") && may_be_in_sysfs("kernel") && is_always_in_sysfs("printk"));
        assert!(!may_be_in_sysfs("openafs") && !is_always_in_sysfs("8250"));
    }
}
