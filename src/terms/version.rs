//! Kernel versions and release strings.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An upstream kernel version: `major.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The first number.
    pub major: u16,
    /// The second number; with the first it names the stable series.
    pub minor: u16,
    /// The stable patch level; 0 for the release itself.
    pub patch: u16,
}

impl KernelVersion {
    /// A version from its three numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The series (`6.1` of `6.1.192`) as a version of its own.
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

    /// Reads the numbers at the start of a release string; anything may follow them.
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

/// Whose kernel it is, as far as loader behaviour differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Debian's own builds, whose loader carries the patches DEB1 to DEB3.
    Debian,
}

/// A release string as `uname -r` prints it, for example `6.12.117+deb13-amd64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct KernelRelease(String);

impl KernelRelease {
    /// Wraps a release string; surrounding white space is dropped.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim().to_owned())
    }

    /// The string itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The version numbers at its start, if there are any.
    ///
    /// A Debian release up to 6.11 (`6.1.0-56-amd64`) names the ABI, not the stable patch level: the patch number
    /// read from it is always 0 and says nothing about backports.
    pub fn version(&self) -> Option<KernelVersion> {
        self.0.parse().ok()
    }

    /// The distribution, recognised by the shape Debian has given its release strings since 2.6.26:
    /// `VERSION-ABI[-FEATURESET]-FLAVOUR` with a Debian flavour, or `VERSION+debN[...]`.
    pub fn distribution(&self) -> Option<Distribution> {
        const FLAVOURS: &[&str] = &[
            "amd64",
            "cloud-amd64",
            "rt-amd64",
            "686",
            "686-pae",
            "rt-686-pae",
            "arm64",
            "cloud-arm64",
            "rt-arm64",
            "arm64-16k",
            "armmp",
            "armmp-lpae",
            "rt-armmp",
            "marvell",
            "rpi",
            "riscv64",
            "powerpc64le",
            "powerpc64le-64k",
            "s390x",
            "loong64",
            "4kc-malta",
            "5kc-malta",
            "mips32r2eb",
            "mips64r2eb",
            "loongson-3",
            "octeon",
        ];
        let (version, rest) = self.0.split_once('-')?;
        let has_abi = rest.split_once('-').is_some_and(|(abi, flavour)| {
            let abi = abi.strip_prefix("0.deb").map_or(abi, |_| "0");
            abi.bytes().all(|byte| byte.is_ascii_digit()) && FLAVOURS.contains(&flavour)
        });
        let plus_deb = version.contains("+deb") && FLAVOURS.contains(&rest);
        let plain_flavour = version.split('.').count() == 3 && FLAVOURS.contains(&rest);
        (has_abi || plus_deb || plain_flavour).then_some(Distribution::Debian)
    }
}

impl fmt::Display for KernelRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_start_of_a_release() {
        let version = |text: &str| KernelRelease::new(text).version();
        assert_eq!(version("6.12.117+deb13-amd64"), Some(KernelVersion::new(6, 12, 117)));
        assert_eq!(version("5.10.0-46-amd64"), Some(KernelVersion::new(5, 10, 0)));
        assert_eq!(version("7.3"), Some(KernelVersion::new(7, 3, 0)));
        assert_eq!(version("4.18-rc1"), Some(KernelVersion::new(4, 18, 0)));
        assert_eq!(version("linux"), None);
    }

    #[test]
    fn debian_is_known_by_its_flavours() {
        let debian = |text: &str| KernelRelease::new(text).distribution().is_some();
        for release in ["5.10.0-46-amd64", "6.12.117+deb13-amd64", "7.3.4+deb13-arm64", "6.1.0-0.deb11.5-cloud-amd64"] {
            assert!(debian(release), "{release}");
        }
        for release in ["6.8.0-45-generic", "5.14.0-503.33.1.el9_5.x86_64", "6.12.1", "6.6.8-arch1-1"] {
            assert!(!debian(release), "{release}");
        }
    }
}
