//! Release strings, and what Debian's tell.

use std::fmt;

use serde::Serialize;

use super::{Arch, Class, ElfMachine, Endian, KernelVersion};

/// A distribution whose kernels' loader differs from upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Distribution {
    /// Debian's own builds, whose loader carries the patches DEB1 to DEB3.
    Debian,
}

/// A flavour of Debian's kernels, and the architecture that it runs on where gplok reads it off the flavour.
///
/// Debian's source package `linux` names its flavours under `debian/config/ARCH/`; they end the release string.
struct Flavour {
    name: &'static str,
    arch: Option<Arch>,
}

const fn flavour(name: &'static str, arch: Arch) -> Flavour {
    Flavour { name, arch: Some(arch) }
}

const fn without_arch(name: &'static str) -> Flavour {
    Flavour { name, arch: None }
}

const ARM: Arch = Arch { machine: ElfMachine::Arm, ..Arch::I386 };
const RISCV64: Arch = Arch { machine: ElfMachine::Riscv, ..Arch::ARM64 };
const LOONG64: Arch = Arch { machine: ElfMachine::Loongarch, ..Arch::ARM64 };
const PPC64LE: Arch = Arch { machine: ElfMachine::Ppc64, ..Arch::ARM64 };
const S390X: Arch = Arch { machine: ElfMachine::S390, class: Class::Elf64, endian: Endian::Big };

const DEBIAN_FLAVOURS: &[Flavour] = &[
    flavour("amd64", Arch::X86_64),
    flavour("cloud-amd64", Arch::X86_64),
    flavour("rt-amd64", Arch::X86_64),
    flavour("686", Arch::I386),
    flavour("686-pae", Arch::I386),
    flavour("rt-686-pae", Arch::I386),
    flavour("arm64", Arch::ARM64),
    flavour("cloud-arm64", Arch::ARM64),
    flavour("rt-arm64", Arch::ARM64),
    flavour("arm64-16k", Arch::ARM64),
    flavour("armmp", ARM),
    flavour("armmp-lpae", ARM),
    flavour("rt-armmp", ARM),
    flavour("marvell", ARM),
    flavour("rpi", ARM),
    flavour("riscv64", RISCV64),
    flavour("powerpc64le", PPC64LE),
    without_arch("powerpc64le-64k"),
    flavour("s390x", S390X),
    flavour("loong64", LOONG64),
    without_arch("4kc-malta"),
    without_arch("5kc-malta"),
    without_arch("mips32r2eb"),
    without_arch("mips64r2eb"),
    without_arch("loongson-3"),
    without_arch("octeon"),
];

fn debian_flavour(name: &str) -> Option<&'static Flavour> {
    DEBIAN_FLAVOURS.iter().find(|flavour| flavour.name == name)
}

/// What release strings of enterprise kernels name their distribution by, before its version: Red Hat and its rebuilds, Oracle,
/// Amazon, openEuler, Anolis and Alibaba, Kylin.
const ENTERPRISE_TAGS: [&str; 6] = ["el", "amzn", "oe", "an", "al", "ky"];

/// How the build numbers of SUSE's enterprise kernels begin: 150400 is that of version 15, service pack 4.
const SUSE_BUILDS: [&str; 2] = ["15", "16"];

const SUSE_FLAVOURS: [&str; 3] = ["-default", "-azure", "-rt"];

/// A release string as `uname -r` prints it, for example `6.12.117+deb13-amd64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct KernelRelease(String);

impl KernelRelease {
    /// Wraps a release string without the white space around it.
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

    /// The distribution, if the release string names one of its flavours.
    pub fn distribution(&self) -> Option<Distribution> {
        self.flavour().map(|_| Distribution::Debian)
    }

    /// Returns whether a distribution built it that carries changes of later kernels into an old base version for years, by the
    /// shape of its release string.
    pub(crate) fn is_of_enterprise(&self) -> bool {
        let is_tagged = |part: &str| {
            let digits = ENTERPRISE_TAGS.iter().find_map(|tag| part.strip_prefix(tag));
            digits.is_some_and(|digits| digits.starts_with(|first: char| first.is_ascii_digit()))
        };
        let Some((_, rest)) = self.0.split_once('-') else { return false };
        let is_suse = || {
            let (build, flavour) = rest.split_once('.').unwrap_or((rest, ""));
            SUSE_BUILDS.iter().any(|service_pack| build.starts_with(service_pack))
                && build.len() == 6
                && SUSE_FLAVOURS.iter().any(|name| flavour.ends_with(name))
        };
        // ELRepo builds upstream's kernels for enterprise distributions.
        let is_upstream = rest.contains(".elrepo");
        !is_upstream && (rest.split(['.', '_', '+']).any(is_tagged) || is_suse())
    }

    /// Returns whether it names the stable release. Distributions that count ABIs write `.0` there whatever the stable release is:
    /// `5.15.0-91-generic`.
    pub(crate) fn names_stable_release(&self) -> bool {
        self.version().is_some_and(|version| version.patch != 0) || (self.abi().is_none() && self.flavour().is_none())
    }

    /// The number that a distribution counts its ABIs by: 56 in `6.1.0-56-amd64`.
    pub(crate) fn abi(&self) -> Option<u32> {
        let (_, rest) = self.0.split_once('-').filter(|_| !self.is_of_enterprise())?;
        rest.split('-').next()?.parse().ok()
    }

    /// The architecture that a distribution's flavour names.
    pub fn flavour_arch(&self) -> Option<Arch> {
        self.flavour()?.arch
    }

    /// The flavour, recognized by the shape Debian has given its release strings since 2.6.26:
    /// `VERSION-ABI[-FEATURESET]-FLAVOUR` with a Debian flavour, or `VERSION+debN[...]-FLAVOUR`, or `X.Y.Z-FLAVOUR`.
    fn flavour(&self) -> Option<&'static Flavour> {
        let (version, rest) = self.0.split_once('-')?;
        if let Some((abi, name)) = rest.split_once('-')
            && let Some(flavour) = debian_flavour(name)
            && (abi.starts_with("0.deb") || abi.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Some(flavour);
        }
        let is_debian_version = version.contains("+deb") || version.split('.').count() == 3;
        debian_flavour(rest).filter(|_| is_debian_version)
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
    fn an_abi_stands_in_the_place_of_the_stable_release() {
        let names = |text: &str| KernelRelease::new(text).names_stable_release();
        for release in ["5.15.0-91-generic", "6.8.0-1021-azure", "6.1.0-56-amd64", "6.1.0-0.deb11.5-cloud-amd64"] {
            assert!(!names(release), "{release}");
        }
        for release in
            ["6.12.117+deb13-amd64", "6.8.12-1-pve", "5.15.0", "6.1.0-arch1-1", "6.5.0-57.fc39.x86_64", "7.0.0-rc3"]
        {
            assert!(names(release), "{release}");
        }
        assert_eq!(KernelRelease::new("5.15.0-91-generic").abi(), Some(91));
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

    #[test]
    fn enterprise_kernels_are_known_by_their_tags() {
        let enterprise = |text: &str| KernelRelease::new(text).is_of_enterprise();
        for release in [
            "3.10.0-1160.el7.x86_64",
            "4.18.0-553.el8.x86_64",
            "4.18.0-348.7.1.el8_5.aarch64",
            "4.18.0-553.rt7.342.el8_10.x86_64",
            "5.14.0-503.33.1.el9_5.x86_64+debug",
            "6.12.0-55.9.1.el10_0.x86_64",
            "5.15.0-200.131.27.el8uek.x86_64",
            "5.10.0-60.18.0.50.oe2203.x86_64",
            "4.19.91-26.an8.x86_64",
            "4.19.90-23.8.v2101.ky10.aarch64",
            "5.10.220-209.869.amzn2.x86_64",
            "5.14.21-150500.55.52-default",
        ] {
            assert!(enterprise(release), "{release}");
        }
        for release in [
            "4.18.0",
            "6.12.117+deb13-amd64",
            "5.10.0-46-amd64",
            "6.8.0-45-generic",
            "6.9.1-1.el9.elrepo.x86_64",
            "6.8.5-301.fc40.x86_64",
            "6.6.7-1-default",
            "6.6.8-arch1-1",
            "4.14.151-el",
            "5.4.0-elephant",
        ] {
            assert!(!enterprise(release), "{release}");
        }
    }

    #[test]
    fn debian_flavours_name_the_architecture() {
        let arch = |text: &str| KernelRelease::new(text).flavour_arch();
        assert_eq!(arch("6.1.0-0.deb11.5-cloud-amd64"), Some(Arch::X86_64));
        assert_eq!(arch("5.10.0-46-rt-686-pae"), Some(Arch::I386));
        assert_eq!(arch("6.12.117+deb13-arm64-16k"), Some(Arch::ARM64));
        assert_eq!(arch("6.1.0-56-armmp-lpae"), Some(ARM));
        assert_eq!(arch("6.1.0-56-s390x").map(|arch| arch.endian), Some(Endian::Big));
        assert_eq!(arch("6.1.0-56-octeon"), None);
        assert_eq!(arch("6.8.0-45-generic"), None);
    }
}
