//! License strings, compared as the loader compares them.

use std::fmt;

use serde::Serialize;

/// The value of a module's first `license=` tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct License(String);

impl License {
    /// The strings that the kernel accepts as GPL-compatible: `license_is_gpl_compatible()`, include/linux/license.h, unchanged
    /// since 2.6.22.
    pub const GPL_COMPATIBLE: [&'static str; 6] =
        ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

    /// Wraps a license string.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Mirrors `license_is_gpl_compatible()`: compares the string with six strings exactly.
    pub fn is_gpl_compatible(&self) -> bool {
        Self::GPL_COMPATIBLE.contains(&self.0.as_str())
    }
}

impl fmt::Display for License {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
