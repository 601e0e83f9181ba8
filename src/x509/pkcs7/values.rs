//! What a message says.

use std::sync::Arc;

use serde::Serialize;

use crate::terms::Errno;
use crate::x509::DigestAlgorithm;
use crate::x509::asn1::{self, Asn1Fault};

/// `struct pkcs7_message` (crypto/asymmetric_keys/pkcs7_parser.h).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pkcs7 {
    /// The SignedData version: 1 or 3.
    pub version: Option<u8>,
    /// The type of the signed content.
    pub content_type: Option<ContentType>,
    /// Whether the message contains the signed content. A module signature must not.
    pub has_content: bool,
    /// The certificates in the message, in its order.
    pub certificates: Vec<EmbeddedCertificate>,
    /// How many of [`Pkcs7::identifiers`] the kernel has looked up when it reads the certificates.
    pub noted_at_certificates: usize,
    /// The complete signers, in the message's order. The kernel counts them from 1.
    pub signers: Vec<SignerInfo>,
    /// The signer that was being read when reading stopped, with what was read of it.
    pub unfinished: Option<SignerInfo>,
    /// The object identifiers that the kernel's parser looks up, in its order.
    pub identifiers: Vec<NotedIdentifier>,
    /// The encoded message, which the identifiers are part of.
    pub(super) der: Vec<u8>,
    /// Why the kernel stops reading the message; `None` if it reads it to the end.
    pub fault: Option<Pkcs7Fault>,
}

/// An object identifier for `pkcs7_note_OID()` (crypto/asymmetric_keys/pkcs7_parser.c), which prints those that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotedIdentifier {
    /// The offset of its contents in the message, in bytes.
    pub offset: usize,
    /// The length of its contents in bytes.
    pub len: usize,
}

impl Pkcs7 {
    /// The encoded contents of an identifier of this message.
    pub fn contents_of(&self, identifier: NotedIdentifier) -> &[u8] {
        let rest = self.der.get(identifier.offset..).unwrap_or_default();
        rest.get(..identifier.len).unwrap_or_default()
    }
}

/// The type of the signed content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentType {
    /// pkcs7-data.
    Data,
    /// Authenticode's SpcIndirectDataContent.
    MsIndirectData,
}

/// A certificate in the message, for `x509_cert_parse()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedCertificate {
    /// The offset in the message.
    pub offset: usize,
    /// The encoded certificate.
    pub der: Vec<u8>,
}

/// `struct pkcs7_signed_info` (crypto/asymmetric_keys/pkcs7_parser.h).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerInfo {
    /// How the message names the signer.
    pub id: SignerId,
    /// The identifier by which the kernel looks the key up, `sig->auth_ids[0]`: the serial number and the issuer, concatenated,
    /// or the subject key identifier.
    pub key_id: Arc<[u8]>,
    /// The digest algorithm, or the dotted identifier of one that no kernel knows.
    pub digest: Option<Result<DigestAlgorithm, String>>,
    /// How many of [`Pkcs7::identifiers`] the kernel has looked up when it judges the digest algorithm.
    pub noted_at_digest: usize,
    /// The signature algorithm.
    pub signature_algorithm: Option<SignatureAlgorithm>,
    /// How many of [`Pkcs7::identifiers`] the kernel has looked up when it judges the signature algorithm.
    pub noted_at_algorithm: usize,
    /// The encoded authenticated attributes without their tag. The digest covers them with the tag of a SET OF in front.
    pub authattrs: Option<Vec<u8>>,
    /// The digest of the content, from the authenticated attributes.
    pub message_digest: Option<Vec<u8>>,
    /// The signing time, from the authenticated attributes, in seconds since 1970.
    pub signing_time: Option<i64>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// How a message names its signer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SignerId {
    /// No identifier was read.
    #[default]
    Missing,
    /// By the issuer and the serial number of the certificate.
    IssuerAndSerial {
        /// The contents of the issuer's Name.
        issuer: Vec<u8>,
        /// The contents of the INTEGER.
        serial: Vec<u8>,
    },
    /// By the certificate's subject key identifier.
    SubjectKeyId(Vec<u8>),
}

/// A signature algorithm that some kernel's `pkcs7_sig_note_pkey_algo()` knows (crypto/asymmetric_keys/pkcs7_parser.c), or that
/// newer kernels may know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureAlgorithm {
    /// rsaEncryption: RSA with PKCS#1 v1.5 padding.
    Rsa,
    /// ECDSA, with the digest that the identifier names. The kernel does not compare it with the signer's digest algorithm.
    Ecdsa(DigestAlgorithm),
    /// ML-DSA, by its parameter set: 44, 65 or 87.
    MlDsa(u8),
    /// RSASSA-PSS.
    RsaPss,
    /// SM2 with SM3.
    Sm2,
    /// GOST R 34.10-2012.
    Ecrdsa,
    /// An algorithm that no kernel is known to accept, by its dotted identifier.
    Other(String),
}

impl std::fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa => f.write_str("RSA"),
            Self::Ecdsa(_) => f.write_str("ECDSA"),
            Self::MlDsa(set) => write!(f, "ML-DSA-{set}"),
            Self::RsaPss => f.write_str("RSASSA-PSS"),
            Self::Sm2 => f.write_str("SM2"),
            Self::Ecrdsa => f.write_str("EC-RDSA"),
            Self::Other(oid) => f.write_str(slh_dsa(oid).unwrap_or(oid)),
        }
    }
}

/// The name of an SLH-DSA identifier.
fn slh_dsa(oid: &str) -> Option<&'static str> {
    let number: u8 = oid.strip_prefix("2.16.840.1.101.3.4.3.")?.parse().ok()?;
    (20..=31).contains(&number).then_some("SLH-DSA")
}

/// Where and why the kernel stops reading a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pkcs7Fault {
    /// The error that `pkcs7_parse_message()` returns.
    pub errno: Errno,
    /// The offset in the message.
    pub offset: usize,
    /// The reason, in the kernel's words if it has any.
    pub reason: &'static str,
    /// The warning that the kernel prints.
    pub warning: Option<&'static str>,
}

impl From<Asn1Fault> for Pkcs7Fault {
    fn from(fault: Asn1Fault) -> Self {
        Self { errno: Errno::EBADMSG, offset: fault.offset, reason: fault.reason, warning: None }
    }
}

impl Default for SignerInfo {
    fn default() -> Self {
        Self {
            id: SignerId::Missing,
            key_id: Arc::default(),
            digest: None,
            noted_at_digest: 0,
            signature_algorithm: None,
            noted_at_algorithm: 0,
            authattrs: None,
            message_digest: None,
            signing_time: None,
            signature: Vec::new(),
        }
    }
}

impl SignatureAlgorithm {
    /// The algorithm of a key, by its dotted identifier, where a key of that algorithm makes signatures of no other kind.
    pub fn of_key(dotted: &str) -> Option<Self> {
        match dotted {
            "1.2.840.113549.1.1.10" => Some(Self::RsaPss),
            "2.16.840.1.101.3.4.3.17" => Some(Self::MlDsa(44)),
            "2.16.840.1.101.3.4.3.18" => Some(Self::MlDsa(65)),
            "2.16.840.1.101.3.4.3.19" => Some(Self::MlDsa(87)),
            "1.2.156.10197.1.301" => Some(Self::Sm2),
            "1.2.643.7.1.1.1.1" | "1.2.643.7.1.1.1.2" => Some(Self::Ecrdsa),
            _ => None,
        }
    }

    /// The algorithm for the contents of an OBJECT IDENTIFIER.
    pub fn from_oid(oid: &[u8]) -> Self {
        use DigestAlgorithm::{Sha1, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512};
        match *oid {
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01] => Self::Rsa,
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a] => Self::RsaPss,
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => Self::Ecdsa(Sha1),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x01] => Self::Ecdsa(Sha224),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02] => Self::Ecdsa(Sha256),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03] => Self::Ecdsa(Sha384),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04] => Self::Ecdsa(Sha512),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0a] => Self::Ecdsa(Sha3_256),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0b] => Self::Ecdsa(Sha3_384),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0c] => Self::Ecdsa(Sha3_512),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11] => Self::MlDsa(44),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12] => Self::MlDsa(65),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13] => Self::MlDsa(87),
            [0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75] => Self::Sm2,
            [0x2a, 0x85, 0x03, 0x07, 0x01, 0x01, 0x01, 0x01 | 0x02] => Self::Ecrdsa,
            _ => Self::Other(asn1::dotted(oid)),
        }
    }
}
