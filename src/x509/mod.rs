//! X.509 certificates and PKCS#7 messages, read as the kernel's own parsers read them.
//!
//! The kernel's ASN.1 decoder accepts more than DER, so this room has its own decoder (`asn1`) and uses no library. It
//! verifies no signatures: `load/signature/` does.

pub(crate) mod asn1;
mod certificate;
mod digest;
pub(crate) mod distinguished_name;
mod pkcs7;

pub use certificate::{Certificate, CertificateError, CertificateErrorKind, CertificateSignature, Curve, PublicKey};
pub use digest::DigestAlgorithm;
pub use pkcs7::{ContentType, EmbeddedCertificate, Pkcs7, Pkcs7Fault, SignatureAlgorithm, SignerId, SignerInfo};
