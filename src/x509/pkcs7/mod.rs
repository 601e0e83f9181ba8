//! A PKCS#7 SignedData message as facts, read as `pkcs7_parse_message()` reads it
//! (crypto/asymmetric_keys/pkcs7_parser.c with its grammar pkcs7.asn1).
//!
//! Nothing is verified here, and which algorithms a kernel knows is not asked. Reading stops where the kernel's would
//! and says why in [`Pkcs7::fault`]; everything noted until then is kept, because a kernel that does not know an
//! algorithm stops earlier than one that meets a malformed byte behind it.

mod parser;

use serde::Serialize;

use self::parser::Parser;
use crate::terms::Errno;
use crate::x509::DigestAlgorithm;
use crate::x509::asn1::{self, Asn1Fault, Reader};

/// The longest message `asn1_ber_decoder()` takes (lib/asn1_decoder.c).
const MAX_MESSAGE: usize = 65535;

/// `struct pkcs7_message` (crypto/asymmetric_keys/pkcs7_parser.h).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pkcs7 {
    /// SignedData version: 1 or 3.
    pub version: Option<u8>,
    /// What the message says was signed.
    pub content_type: Option<ContentType>,
    /// Does the message bring its own content? A module signature must not.
    pub has_content: bool,
    /// Certificates in the message, in its order.
    pub certificates: Vec<EmbeddedCertificate>,
    /// The complete signers, in the message's order; the kernel counts them from 1.
    pub signers: Vec<SignerInfo>,
    /// The signer that was being read when reading stopped: its algorithms were noted before the fault.
    pub unfinished: Option<SignerInfo>,
    /// Why the kernel stops reading, if it does.
    pub fault: Option<Pkcs7Fault>,
}

/// What was signed.
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
    /// Offset in the message.
    pub offset: usize,
    /// Its encoding.
    pub der: Vec<u8>,
}

/// `struct pkcs7_signed_info` (crypto/asymmetric_keys/pkcs7_parser.h).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerInfo {
    /// Whose key it is, as the message tells.
    pub id: SignerId,
    /// What the kernel looks the key up by, `sig->auth_ids[0]`: serial number then issuer, or subject key identifier.
    pub key_id: Vec<u8>,
    /// Digest algorithm, or the dotted identifier of one that no kernel knows.
    pub digest: Option<Result<DigestAlgorithm, String>>,
    /// Signature algorithm.
    pub signature_algorithm: Option<SignatureAlgorithm>,
    /// The authenticated attributes without their tag, as they are digested behind the tag of a SET OF.
    pub authattrs: Option<Vec<u8>>,
    /// The digest of the content among the attributes.
    pub message_digest: Option<Vec<u8>>,
    /// The time among the attributes, in seconds since 1970.
    pub signing_time: Option<i64>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// How a message names its signer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SignerId {
    /// Nothing was read yet.
    #[default]
    Missing,
    /// By the certificate's issuer (contents of the Name) and serial number (contents of the INTEGER).
    IssuerAndSerial {
        /// Contents of the issuer's Name.
        issuer: Vec<u8>,
        /// Contents of the serial number.
        serial: Vec<u8>,
    },
    /// By the certificate's subject key identifier.
    SubjectKeyId(Vec<u8>),
}

/// A signature algorithm some kernel's `pkcs7_sig_note_pkey_algo()` knows (crypto/asymmetric_keys/pkcs7_parser.c), or
/// one that newer kernels may know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureAlgorithm {
    /// rsaEncryption: RSA with PKCS#1 v1.5 padding.
    Rsa,
    /// ECDSA; the digest is that of the identifier, which the kernel does not compare with the signer's.
    Ecdsa(DigestAlgorithm),
    /// ML-DSA, by its parameter set: 44, 65 or 87.
    MlDsa(u8),
    /// RSASSA-PSS.
    RsaPss,
    /// SM2 with SM3.
    Sm2,
    /// GOST R 34.10-2012.
    Ecrdsa,
    /// No algorithm any kernel is known to take, by its dotted identifier.
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
            Self::Other(oid) => f.write_str(oid),
        }
    }
}

/// Where and why the kernel stops reading a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pkcs7Fault {
    /// What `pkcs7_parse_message()` returns.
    pub errno: Errno,
    /// Offset in the message.
    pub offset: usize,
    /// The reason, in the kernel's words where it has some.
    pub reason: &'static str,
    /// The warning the kernel prints.
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
            key_id: Vec::new(),
            digest: None,
            signature_algorithm: None,
            authattrs: None,
            message_digest: None,
            signing_time: None,
            signature: Vec::new(),
        }
    }
}

impl SignatureAlgorithm {
    /// The algorithm of an OBJECT IDENTIFIER's contents.
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

impl Pkcs7 {
    /// Mirrors `pkcs7_parse_message()`. Bytes behind the message are ignored, as the kernel ignores them.
    pub fn parse(message: &[u8]) -> Self {
        if message.len() > MAX_MESSAGE {
            let fault =
                Pkcs7Fault { errno: Errno::EMSGSIZE, offset: 0, reason: "longer than 65535 bytes", warning: None };
            return Self { fault: Some(fault), ..Self::default() };
        }
        let mut parser = Parser { message: Self::default(), signer: SignerInfo::default(), expect_skid: false };
        let mut reader = Reader::new(message);
        let parsed = parser.content_info(&mut reader).and_then(|()| parser.check_authattrs(reader.offset()));
        if let Err(fault) = parsed {
            parser.message.fault = Some(fault);
            if parser.signer != SignerInfo::default() {
                parser.message.unfinished = Some(parser.signer);
            }
        }
        parser.message
    }
}

#[cfg(test)]
mod tests;
