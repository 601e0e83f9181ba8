//! The kernel's registry of object identifiers (include/linux/oid_registry.h), as far as its parser of signatures prints what is
//! not in it.

use const_oid::ObjectIdentifier;

use super::behaviour::Behaviour;
use super::calendar::{Backports, Calendar};
use crate::kernel::Kernel;
use crate::x509::asn1::dotted;

/// Whether a kernel's registry has an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// Every kernel has it since 4.18.
    Always,
    /// No kernel up to 7.3 has it.
    Never,
    /// The kernels with this behaviour have it.
    With(Behaviour),
    /// Some kernels have it; which is not listed.
    Unlisted,
}

/// Identifiers that all kernels since 4.18 have. Those that nearly every signature has come first, because they are looked up for
/// every module.
const ALWAYS: [ObjectIdentifier; 49] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1"),
    ObjectIdentifier::new_unwrap("2.5.4.3"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.2.1"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.14"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.15"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.11"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.11"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.12"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.15"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.21"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.16.4"),
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1"),
    ObjectIdentifier::new_unwrap("2.5.4.4"),
    ObjectIdentifier::new_unwrap("2.5.4.6"),
    ObjectIdentifier::new_unwrap("2.5.4.7"),
    ObjectIdentifier::new_unwrap("2.5.4.8"),
    ObjectIdentifier::new_unwrap("2.5.4.10"),
    ObjectIdentifier::new_unwrap("2.5.4.11"),
    ObjectIdentifier::new_unwrap("2.5.4.12"),
    ObjectIdentifier::new_unwrap("2.5.4.13"),
    ObjectIdentifier::new_unwrap("2.5.4.41"),
    ObjectIdentifier::new_unwrap("2.5.4.42"),
    ObjectIdentifier::new_unwrap("2.5.4.43"),
    ObjectIdentifier::new_unwrap("2.5.4.44"),
    ObjectIdentifier::new_unwrap("2.5.29.14"),
    ObjectIdentifier::new_unwrap("2.5.29.15"),
    ObjectIdentifier::new_unwrap("2.5.29.17"),
    ObjectIdentifier::new_unwrap("2.5.29.18"),
    ObjectIdentifier::new_unwrap("2.5.29.19"),
    ObjectIdentifier::new_unwrap("2.5.29.31"),
    ObjectIdentifier::new_unwrap("2.5.29.32"),
    ObjectIdentifier::new_unwrap("2.5.29.35"),
    ObjectIdentifier::new_unwrap("2.5.29.37"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"),
    ObjectIdentifier::new_unwrap("1.2.840.10040.4.1"),
];

/// The beginnings of identifiers that some kernels have: GOST, SM2 and SM3, TPM keys, mechanisms of GSSAPI, curves, and
/// signatures of RSA and DSA with old digests.
const UNLISTED: [&str; 15] = [
    "1.2.643.",
    "1.2.156.10197.",
    "2.23.133.10.1.",
    "1.2.752.43.14.",
    "1.2.840.113554.",
    "1.2.840.48018.",
    "1.2.840.10030.4.3",
    "1.2.840.10045.3.1.",
    "1.2.840.113549.1.1.",
    "1.2.840.113549.2.2",
    "1.3.132.0.",
    "1.3.14.3.2.26",
    "1.3.5.1.5.2.7",
    "1.3.6.1.4.1.311.2.2.",
    "1.3.6.1.5.",
];

impl Registered {
    /// Whether the registry has an identifier, whose contents are encoded.
    pub fn of(identifier: &[u8]) -> Self {
        const NIST: &str = "2.16.840.1.101.3.4.";
        if ALWAYS.iter().any(|always| always.as_bytes() == identifier) {
            return Self::Always;
        }
        let dotted = dotted(identifier);
        let dotted = dotted.as_str();
        let nist = dotted.strip_prefix(NIST).and_then(|rest| rest.split_once('.'));
        match (dotted, nist) {
            // RSASSA-PSS.
            ("1.2.840.113549.1.1.10", _) => Self::Never,
            ("1.2.840.113549.2.4" | "1.2.840.113549.2.5", _) => Self::With(Behaviour::SigMd5),
            (_, Some(("2", "8" | "9" | "10")) | Some(("3", "10" | "11" | "12" | "14" | "15" | "16"))) => {
                Self::With(Behaviour::SigSha3)
            }
            (_, Some(("3", "17" | "18" | "19"))) => Self::With(Behaviour::SigMlDsa),
            _ if dotted.starts_with("1.2.840.10045.4.3.") => Self::With(Behaviour::SigEcdsa),
            _ if UNLISTED.iter().any(|beginning| dotted.starts_with(beginning)) => Self::Unlisted,
            _ => Self::Never,
        }
    }
}

/// The numbers that a kernel prints for identifiers, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RegistryNumbers {
    /// The number of identifiers in the registry (`OID__NR`), which it prints for one that is not there.
    pub count: Option<u32>,
    /// The place of SHA-1 in the registry. Some kernels have it there, but do not take it.
    pub sha1: Option<u32>,
}

impl RegistryNumbers {
    /// The numbers of a kernel, from its type information, or else as in the logs of real kernels.
    ///
    /// May read a found image.
    pub fn of(kernel: &Kernel) -> Self {
        Self { count: kernel.oid("OID__NR").or_else(|| measured(kernel)), sha1: kernel.oid("OID_sha1") }
    }

    /// The number that the kernel prints for an identifier that it does not take.
    pub fn of_identifier(self, identifier: &[u8], is_registered: Option<bool>) -> Option<u32> {
        const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
        match is_registered {
            Some(false) => self.count,
            _ => self.sha1.filter(|_| identifier == SHA1.as_bytes()),
        }
    }
}

/// The number of identifiers in the registry of a series of kernels; `None` for those of which there is no log.
fn measured(kernel: &Kernel) -> Option<u32> {
    let version = Calendar::of(kernel).filter(|calendar| calendar.backports == Backports::Listed)?.version;
    let series = [((5, 10), 78), ((6, 1), 98), ((6, 12), 103), ((7, 3), 106)];
    series.into_iter().find(|(series, _)| *series == (version.major, version.minor)).map(|(_, number)| number)
}
