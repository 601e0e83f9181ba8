//! What a certificate says.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::x509::asn1::Asn1Fault;
use crate::x509::distinguished_name::hex;
use crate::x509::{DigestAlgorithm, SignatureAlgorithm};

/// `struct x509_certificate` (crypto/asymmetric_keys/x509_parser.h).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The subject, readable.
    pub subject: String,
    /// The issuer, readable.
    pub issuer: String,
    /// The serial number: the contents of the INTEGER.
    #[serde(serialize_with = "as_hex")]
    pub serial: Vec<u8>,
    /// The public key.
    #[serde(rename = "algorithm", serialize_with = "as_algorithm")]
    pub public_key: PublicKey,
    /// The subject key identifier.
    #[serde(rename = "subject_key_id", serialize_with = "as_optional_hex")]
    pub skid: Option<Vec<u8>>,
    /// The issuer's key identifier.
    #[serde(skip)]
    pub akid: Option<Vec<u8>>,
    /// The serial number and the issuer of the issuer's certificate, concatenated, from the authority key identifier.
    #[serde(skip)]
    pub akid_issuer_serial: Option<Vec<u8>>,
    /// The contents of the subject's Name.
    #[serde(skip)]
    pub raw_subject: Vec<u8>,
    /// The contents of the issuer's Name.
    #[serde(skip)]
    pub raw_issuer: Vec<u8>,
    /// The first second of its validity, in seconds since 1970.
    pub valid_from: i64,
    /// The last second of its validity, in seconds since 1970.
    pub valid_to: i64,
    /// The bytes that the issuer signed.
    #[serde(skip)]
    pub tbs: Vec<u8>,
    /// The algorithm and the digest of the issuer's signature; `None` for an unknown algorithm.
    #[serde(skip)]
    pub signature_algorithm: Option<(CertificateSignature, DigestAlgorithm)>,
    /// The issuer's signature.
    #[serde(skip)]
    pub signature: Vec<u8>,
}

/// The algorithm of the signature of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateSignature {
    /// RSA with PKCS#1 v1.5 padding.
    Rsa,
    /// ECDSA.
    Ecdsa,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// RSA, with the encoded RSAPublicKey.
    Rsa(Vec<u8>),
    /// A key on an elliptic curve, with the encoded point.
    Ec(Curve, Vec<u8>),
    /// Another key, with the dotted identifier of its algorithm or curve.
    Other(String),
}

/// An elliptic curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum Curve {
    P256,
    P384,
    P521,
}

/// A certificate of a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificate {number}{}: {kind}", place(.line))]
pub struct CertificateError {
    /// The number of the certificate in the file, from 1.
    pub number: usize,
    /// The line of its BEGIN in PEM text, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: CertificateErrorKind,
}

fn place(line: &Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateErrorKind {
    /// The PEM text has no END line.
    #[error("no line -----END CERTIFICATE-----")]
    NoEnd,
    /// A line of the PEM text is not base64.
    #[error("not base64 in line {line}")]
    NotBase64 {
        /// The line in the text, from 1.
        line: usize,
    },
    /// The data is no X.509 certificate: the kernel's parser returns EBADMSG.
    #[error("{reason} at offset {offset}")]
    Malformed {
        /// The decoder's message.
        reason: &'static str,
        /// The offset in the certificate.
        offset: usize,
    },
    /// The two signature algorithms of the certificate differ: the kernel's parser returns EINVAL.
    #[error("two different signature algorithms")]
    AlgorithmMismatch,
    /// The file is neither PEM nor DER.
    #[error("neither PEM nor DER")]
    NoCertificate,
}

impl From<Asn1Fault> for CertificateErrorKind {
    fn from(fault: Asn1Fault) -> Self {
        Self::Malformed { reason: fault.reason, offset: fault.offset }
    }
}

impl Certificate {
    /// The key identifier that the kernel makes of the serial number and the issuer (`cert->id`).
    pub fn id(&self) -> Vec<u8> {
        [&self.serial[..], &self.raw_issuer].concat()
    }

    /// Returns whether a signer's key identifier is that of this certificate. Mirrors `asymmetric_match_key_ids()`
    /// (crypto/asymmetric_keys/asymmetric_type.c).
    pub fn has_id(&self, id: &[u8]) -> bool {
        self.skid.as_deref() == Some(id)
            || id.strip_prefix(&self.serial[..]).is_some_and(|issuer| issuer == self.raw_issuer)
    }

    /// Returns whether the certificate names itself as its issuer, by names and key identifiers. Mirrors the first half of
    /// `x509_check_for_self_signed()`
    /// (crypto/asymmetric_keys/x509_public_key.c).
    pub fn names_itself(&self) -> bool {
        let same_key = self.akid.is_some() && self.skid == self.akid;
        let same_id = self.akid_issuer_serial.as_ref().is_some_and(|id| *id == self.id());
        let silent = self.akid.is_none() && self.akid_issuer_serial.is_none();
        self.raw_subject == self.raw_issuer && (silent || same_key || same_id)
    }
}

impl PublicKey {
    /// The kernel's name of the key type, for example `rsa` or `ecdsa-nist-p384`; for others another
    /// name or the dotted identifier.
    pub fn name(&self) -> String {
        match self {
            Self::Rsa(_) => "rsa".to_owned(),
            Self::Ec(Curve::P256, _) => "ecdsa-nist-p256".to_owned(),
            Self::Ec(Curve::P384, _) => "ecdsa-nist-p384".to_owned(),
            Self::Ec(Curve::P521, _) => "ecdsa-nist-p521".to_owned(),
            Self::Other(oid) => SignatureAlgorithm::of_key(oid).map_or_else(|| oid.clone(), |name| name.to_string()),
        }
    }
}

impl fmt::Display for Certificate {
    /// The subject and the serial number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, serial {}", self.subject, hex(&self.serial))
    }
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

fn as_optional_hex<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.as_deref().map(hex).serialize(serializer)
}

fn as_algorithm<S: Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&key.name())
}
