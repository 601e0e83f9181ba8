//! How a distribution configures its kernels, used if the configuration itself is unknown.

use super::calendar::Calendar;
use crate::terms::{Distribution, KernelVersion};

/// The setting of an option in all kernels of a distribution from a version on, in every flavour and architecture.
struct Setting {
    option: &'static str,
    from: KernelVersion,
    set: bool,
}

const fn setting(option: &'static str, major: u16, minor: u16, set: bool) -> Setting {
    Setting { option, from: KernelVersion::new(major, minor, 0), set }
}

/// Debian's settings, read from the configurations of 5.10.262, 6.1.192, 6.12.117 and 7.3.4. Of several rows for an option the
/// newest that is not newer than the kernel counts.
const DEBIAN: &[Setting] = &[
    setting("MODULE_FORCE_LOAD", 5, 10, true),
    setting("MODULE_UNLOAD", 5, 10, true),
    setting("MODULE_SIG", 5, 10, true),
    setting("MODULE_SIG_FORCE", 5, 10, false),
    setting("STRICT_MODULE_RWX", 5, 10, true),
    setting("MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS", 5, 10, false),
    setting("UNUSED_SYMBOLS", 5, 10, false),
    setting("CONSTRUCTORS", 5, 10, false),
    setting("KALLSYMS", 5, 10, true),
    setting("SMP", 5, 10, true),
    setting("SECURITY_LOCKDOWN_LSM", 5, 10, true),
    setting("MODULE_DECOMPRESS", 6, 12, true),
];

impl Calendar {
    /// Returns whether the distribution sets an option, by its name without `CONFIG_`; `None` if that is unknown.
    pub fn distribution_config(self, option: &str) -> Option<bool> {
        match self.distribution? {
            Distribution::Debian => {
                let rows = DEBIAN.iter().filter(|row| row.option == option && row.from <= self.version);
                rows.max_by_key(|row| row.from).map(|row| row.set)
            }
        }
    }
}
