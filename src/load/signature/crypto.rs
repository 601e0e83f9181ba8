//! The cryptography that a kernel has, as far as its files tell.

use std::collections::BTreeMap;
use std::fmt;

use crate::history::{Behaviour, Registered, RegistryNumbers};
use crate::x509::DigestAlgorithm;

/// An algorithm that verifying a module signature may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CryptoAlgorithm {
    /// A digest, which a message names (`pkcs7_sig_note_digest_algo()`) and the kernel computes (`crypto_alloc_shash()`).
    Digest(DigestAlgorithm),
    /// RSA with PKCS#1 v1.5 padding.
    Rsa,
    /// ECDSA over P-256 and P-384.
    Ecdsa,
    /// ECDSA over P-521.
    EcdsaP521,
    /// ML-DSA.
    MlDsa,
    /// SM2 with SM3.
    Sm2,
    /// GOST R 34.10-2012.
    Ecrdsa,
}

/// How a kernel supports an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// The kernel knows the identifier and has the code.
    Available,
    /// The kernel knows the identifier but was built without the code.
    NotBuilt,
    /// The kernel does not know the identifier.
    Unrecognised,
    /// The kernel's files do not tell.
    Unknown,
}

/// The algorithms of one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    support: BTreeMap<CryptoAlgorithm, Support>,
    /// Behaviours that the kernel does not have, of those that the check of a message depends on.
    lacks: Vec<Behaviour>,
    /// What it prints for identifiers that it does not take.
    numbers: RegistryNumbers,
    /// `CONFIG_PKCS7_WAIVE_AUTHATTRS_REJECTION_FOR_MLDSA`.
    waives_authattrs: Option<bool>,
}

impl Crypto {
    /// What stands in a line for the number of an identifier that is not known, as for an address: the kernel's name for it.
    pub(in crate::load) const NUMBER_UNKNOWN: &str = "(____last_oid____)";

    /// A kernel with the algorithms that `MODULE_SIG` selects or that are common with it: the SHA families, RSA and ECDSA. All
    /// others are [`Support::Unknown`].
    pub fn common() -> Self {
        use DigestAlgorithm::{Sha1, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512};
        let digests = [Sha1, Sha224, Sha256, Sha384, Sha512, Sha3_256, Sha3_384, Sha3_512];
        let keys = [CryptoAlgorithm::Rsa, CryptoAlgorithm::Ecdsa, CryptoAlgorithm::EcdsaP521];
        let all = digests.map(CryptoAlgorithm::Digest).into_iter().chain(keys);
        Self { support: all.map(|algorithm| (algorithm, Support::Available)).collect(), ..Self::of_nothing() }
    }

    /// A kernel of which nothing is known but that no kernel up to 7.3 understands SHAKE256.
    fn of_nothing() -> Self {
        let shake = (CryptoAlgorithm::Digest(DigestAlgorithm::Shake256), Support::Unrecognised);
        Self { support: [shake].into(), lacks: Vec::new(), numbers: RegistryNumbers::default(), waives_authattrs: None }
    }

    /// The cryptography that a kernel's configuration tells. `value` returns the value of an option without `CONFIG_`, or
    /// `None` if it is not set. An algorithm that is built as a module is [`Support::Unknown`], because it depends on
    /// whether user space loads that module.
    ///
    /// The configuration does not tell which identifiers the kernel's source knows. This depends on the version; use
    /// [`Crypto::set`] for it.
    pub fn from_config<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Self {
        use CryptoAlgorithm::{Digest, Ecdsa, EcdsaP521, Ecrdsa, MlDsa, Rsa, Sm2};
        use DigestAlgorithm::{
            Md4, Md5, Sha1, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512, Sm3, Streebog256, Streebog512,
        };
        let options = [
            ("CRYPTO_MD4", &[Digest(Md4)][..]),
            ("CRYPTO_MD5", &[Digest(Md5)]),
            ("CRYPTO_SHA1", &[Digest(Sha1)]),
            ("CRYPTO_SHA256", &[Digest(Sha224), Digest(Sha256)]),
            ("CRYPTO_SHA512", &[Digest(Sha384), Digest(Sha512)]),
            ("CRYPTO_SHA3", &[Digest(Sha3_256), Digest(Sha3_384), Digest(Sha3_512)]),
            ("CRYPTO_SM3_GENERIC", &[Digest(Sm3)]),
            ("CRYPTO_STREEBOG", &[Digest(Streebog256), Digest(Streebog512)]),
            ("CRYPTO_ECDSA", &[Ecdsa, EcdsaP521]),
            ("CRYPTO_MLDSA", &[MlDsa]),
            ("CRYPTO_SM2", &[Sm2]),
            ("CRYPTO_ECRDSA", &[Ecrdsa]),
        ];
        let waives_authattrs = Some(value("PKCS7_WAIVE_AUTHATTRS_REJECTION_FOR_MLDSA").is_some());
        let mut crypto = Self { waives_authattrs, ..Self::of_nothing() };
        // SYSTEM_DATA_VERIFICATION, which MODULE_SIG selects, selects it, also where a file has only a part of the configuration.
        crypto.set(Rsa, Support::Available);
        for (option, algorithms) in options {
            let support = match value(option) {
                Some("y") => Support::Available,
                Some("m") => Support::Unknown,
                _ => Support::NotBuilt,
            };
            for algorithm in algorithms {
                crypto.set(*algorithm, support);
            }
        }
        crypto
    }

    /// Sets how the kernel supports an algorithm.
    pub fn set(&mut self, algorithm: CryptoAlgorithm, support: Support) -> &mut Self {
        self.support.insert(algorithm, support);
        self
    }

    /// Says that the kernel does not have a behaviour.
    pub(in crate::load) fn set_lacking(&mut self, behaviour: Behaviour) {
        self.lacks.push(behaviour);
    }

    /// Whether it was said that the kernel does not have a behaviour.
    pub(in crate::load) fn is_lacking(&self, behaviour: Behaviour) -> bool {
        self.lacks.contains(&behaviour)
    }

    /// Sets what the kernel prints for identifiers that it does not take.
    pub(in crate::load) const fn set_numbers(&mut self, numbers: RegistryNumbers) {
        self.numbers = numbers;
    }

    /// Whether the kernel accepts authenticated attributes with ML-DSA; `None` if its files do not tell.
    pub(in crate::load) const fn waives_authattrs(&self) -> Option<bool> {
        self.waives_authattrs
    }

    /// The number that the kernel prints for an identifier that it does not take: of one that is not in its registry, the number
    /// of those that are. A word in its place if it is not known.
    pub(in crate::load) fn number_of(&self, identifier: &[u8]) -> String {
        let number = self.numbers.of_identifier(identifier, self.is_registered(identifier));
        number.map_or_else(|| Self::NUMBER_UNKNOWN.to_owned(), |number| number.to_string())
    }

    /// Whether an identifier is in the kernel's registry, as far as that is known.
    pub(in crate::load) fn is_registered(&self, identifier: &[u8]) -> Option<bool> {
        match Registered::of(identifier) {
            Registered::Always => Some(true),
            Registered::Never => Some(false),
            Registered::With(behaviour) => Some(!self.is_lacking(behaviour)),
            Registered::Unlisted => None,
        }
    }

    /// Returns how the kernel supports an algorithm.
    pub fn support(&self, algorithm: CryptoAlgorithm) -> Support {
        self.support.get(&algorithm).copied().unwrap_or(Support::Unknown)
    }

    /// This kernel under the assumption that those of `algorithms` whose support is unknown have this support.
    pub(in crate::load) fn assuming(&self, algorithms: &[CryptoAlgorithm], support: Support) -> Self {
        let mut assumed = self.clone();
        for algorithm in algorithms {
            if self.support(*algorithm) == Support::Unknown {
                assumed.set(*algorithm, support);
            }
        }
        assumed
    }
}

impl fmt::Display for CryptoAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Digest(digest) => digest.name(),
            Self::Rsa => "rsa",
            Self::Ecdsa => "ecdsa",
            Self::EcdsaP521 => "ecdsa-nist-p521",
            Self::MlDsa => "ML-DSA",
            Self::Sm2 => "sm2",
            Self::Ecrdsa => "ecrdsa",
        })
    }
}
