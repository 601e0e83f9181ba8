//! Kernel versions.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An upstream kernel version: `major.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The first number.
    pub major: u16,
    /// The second number. The first two numbers name the stable series.
    pub minor: u16,
    /// The stable patch level; 0 for the release itself.
    pub patch: u16,
}

impl KernelVersion {
    /// A version from its three numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The first version of the series: `6.1` for `6.1.192`.
    pub const fn series(self) -> Self {
        Self::new(self.major, self.minor, 0)
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch != 0 {
            write!(f, ".{}", self.patch)?;
        }
        Ok(())
    }
}

impl FromStr for KernelVersion {
    type Err = ();

    /// Reads the numbers at the start of a release string. Any text may follow them.
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut parts = text.get(..digits).unwrap_or_default().split('.');
        let mut number = || parts.next().filter(|part| !part.is_empty()).map(|part| part.parse::<u16>());
        match (number(), number(), number()) {
            (Some(Ok(major)), Some(Ok(minor)), patch) => {
                Ok(Self { major, minor, patch: patch.and_then(Result::ok).unwrap_or(0) })
            }
            _ => Err(()),
        }
    }
}

impl Serialize for KernelVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
