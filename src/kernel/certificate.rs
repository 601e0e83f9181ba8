//! X.509 certificates: the keys a kernel trusts, and those a signature brings along.
//!
//! Read as `x509_cert_parse()` reads them (crypto/asymmetric_keys/x509_cert_parser.c with its grammars x509.asn1 and
//! x509_akid.asn1). Signatures are not verified here.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::image::asn1::{self, Asn1Fault, Reader, Value, context, context_primitive, x509_decode_time};
use crate::image::distinguished_name::{Name, hex, name};
use crate::terms::DigestAlgorithm;

const OID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_SECP521R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const OID_RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
const OID_AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];

const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const PEM_END: &str = "-----END CERTIFICATE-----";

/// `struct x509_certificate` (crypto/asymmetric_keys/x509_parser.h).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Subject, readable.
    pub subject: String,
    /// Issuer, readable.
    pub issuer: String,
    /// Serial number: the contents of the INTEGER.
    #[serde(serialize_with = "as_hex")]
    pub serial: Vec<u8>,
    /// The public key.
    #[serde(rename = "algorithm", serialize_with = "as_algorithm")]
    pub public_key: PublicKey,
    /// Subject key identifier.
    #[serde(rename = "subject_key_id", serialize_with = "as_optional_hex")]
    pub skid: Option<Vec<u8>>,
    /// The issuer's key identifier.
    #[serde(skip)]
    pub akid: Option<Vec<u8>>,
    /// The issuer's certificate as serial number then issuer, from the authority key identifier.
    #[serde(skip)]
    pub akid_issuer_serial: Option<Vec<u8>>,
    /// Contents of the subject's Name.
    #[serde(skip)]
    pub raw_subject: Vec<u8>,
    /// Contents of the issuer's Name.
    #[serde(skip)]
    pub raw_issuer: Vec<u8>,
    /// Seconds since 1970 of the first second of its validity.
    pub valid_from: i64,
    /// Seconds since 1970 of the last.
    pub valid_to: i64,
    /// The bytes its issuer signed.
    #[serde(skip)]
    pub tbs: Vec<u8>,
    /// How it was signed: is the issuer's key an elliptic curve key, and with which digest. `None` for an algorithm
    /// unknown here.
    #[serde(skip)]
    pub signature_algorithm: Option<(CertificateSignature, DigestAlgorithm)>,
    /// Its issuer's signature.
    #[serde(skip)]
    pub signature: Vec<u8>,
}

/// The family of a certificate's own signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateSignature {
    /// RSA with PKCS#1 v1.5 padding.
    Rsa,
    /// ECDSA.
    Ecdsa,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA: the encoded RSAPublicKey.
    Rsa(Vec<u8>),
    /// A point of an elliptic curve, encoded.
    Ec(Curve, Vec<u8>),
    /// Some other, by the dotted identifier of its algorithm or curve.
    Other(String),
}

/// An elliptic curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum Curve {
    P256,
    P384,
    P521,
}

/// What is wrong with a certificate, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificate {number}{}: {kind}", place(.line))]
pub struct CertificateError {
    /// Which one of the file, from 1.
    pub number: usize,
    /// Line of its BEGIN in PEM text, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: CertificateErrorKind,
}

fn place(line: &Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateErrorKind {
    /// PEM text without its END line.
    #[error("no line -----END CERTIFICATE-----")]
    NoEnd,
    /// PEM text that is no base64.
    #[error("not base64 in line {line}")]
    NotBase64 {
        /// Line in the text, from 1.
        line: usize,
    },
    /// No X.509: the kernel's parser returns EBADMSG.
    #[error("{reason} at offset {offset}")]
    Malformed {
        /// The decoder's words.
        reason: &'static str,
        /// Offset in the certificate.
        offset: usize,
    },
    /// The two signature algorithms of the certificate differ: the kernel's parser returns EINVAL.
    #[error("two different signature algorithms")]
    AlgorithmMismatch,
    /// Neither PEM nor DER.
    #[error("neither PEM nor DER")]
    NoCertificate,
}

impl From<Asn1Fault> for CertificateErrorKind {
    fn from(fault: Asn1Fault) -> Self {
        Self::Malformed { reason: fault.reason, offset: fault.offset }
    }
}

impl Certificate {
    /// Reads all certificates of a file: PEM text, in which anything else is ignored, or DER, one behind another as in
    /// the kernel's `system_certificate_list` (certs/system_keyring.c).
    pub fn parse_all(file: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let text = String::from_utf8_lossy(file);
        // PEM first: the tag of a SEQUENCE is the digit 0, with which a text may begin, too.
        if text.lines().any(|line| line.trim() == PEM_BEGIN) {
            Self::parse_pem(&text)
        } else if file.starts_with(&[asn1::SEQUENCE]) {
            Self::parse_der_list(file)
        } else {
            Err(error(1, None, CertificateErrorKind::NoCertificate))
        }
    }

    /// Reads one DER certificate, mirrors `x509_cert_parse()`. Bytes behind it are ignored, as the kernel ignores them.
    pub fn parse_der(der: &[u8]) -> Result<Self, CertificateErrorKind> {
        Fields::read(&mut Reader::new(der))?.certificate()
    }

    /// The identifier `serial number, issuer` that the kernel gives its key (`cert->id`).
    pub fn id(&self) -> Vec<u8> {
        [&self.serial[..], &self.raw_issuer].concat()
    }

    /// Does a signer's key identifier mean this certificate? Mirrors `asymmetric_match_key_ids()`
    /// (crypto/asymmetric_keys/asymmetric_type.c).
    pub fn has_id(&self, id: &[u8]) -> bool {
        self.skid.as_deref() == Some(id)
            || id.strip_prefix(&self.serial[..]).is_some_and(|issuer| issuer == self.raw_issuer)
    }

    /// Is it its own issuer, by its names and key identifiers? The first half of `x509_check_for_self_signed()`
    /// (crypto/asymmetric_keys/x509_public_key.c).
    pub fn names_itself(&self) -> bool {
        let same_key = self.akid.is_some() && self.skid == self.akid;
        let same_id = self.akid_issuer_serial.as_ref().is_some_and(|id| *id == self.id());
        let silent = self.akid.is_none() && self.akid_issuer_serial.is_none();
        self.raw_subject == self.raw_issuer && (silent || same_key || same_id)
    }

    fn parse_der_list(file: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let mut certificates = Vec::new();
        let mut rest = file;
        while !rest.is_empty() {
            let mut reader = Reader::new(rest);
            let certificate = Fields::read(&mut reader).and_then(Fields::certificate);
            certificates.push(certificate.map_err(|kind| error(certificates.len() + 1, None, kind))?);
            rest = rest.get(reader.offset()..).unwrap_or_default();
        }
        Ok(certificates)
    }

    fn parse_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        let mut certificates = Vec::new();
        let mut lines = text.lines().map(str::trim).zip(1..);
        while let Some((_, begin)) = lines.find(|(line, _)| *line == PEM_BEGIN) {
            let number = certificates.len() + 1;
            let fail = |kind| error(number, Some(begin), kind);
            let mut base64 = Base64::default();
            loop {
                match lines.next() {
                    None => return Err(fail(CertificateErrorKind::NoEnd)),
                    Some((PEM_END, _)) => break,
                    Some((line, number)) => {
                        base64.line(line).ok_or_else(|| fail(CertificateErrorKind::NotBase64 { line: number }))?;
                    }
                }
            }
            certificates.push(Self::parse_der(&base64.bytes).map_err(fail)?);
        }
        Ok(certificates)
    }
}

impl PublicKey {
    /// A short name for people, for example `rsa` or `ecdsa-nist-p384` (the kernel's own names).
    pub fn name(&self) -> String {
        match self {
            Self::Rsa(_) => "rsa".to_owned(),
            Self::Ec(Curve::P256, _) => "ecdsa-nist-p256".to_owned(),
            Self::Ec(Curve::P384, _) => "ecdsa-nist-p384".to_owned(),
            Self::Ec(Curve::P521, _) => "ecdsa-nist-p521".to_owned(),
            Self::Other(oid) => oid.clone(),
        }
    }
}

impl fmt::Display for Certificate {
    /// The name and serial number a person would look for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, serial {}", self.subject, hex(&self.serial))
    }
}

/// The parts of a certificate, as the grammar finds them.
///
/// ```text
/// Certificate ::= SEQUENCE { tbsCertificate TBSCertificate, signatureAlgorithm AlgorithmIdentifier,
///     signature BIT STRING }
/// TBSCertificate ::= SEQUENCE { version [0] INTEGER DEFAULT, serialNumber INTEGER, signature AlgorithmIdentifier,
///     issuer Name, validity SEQUENCE { notBefore Time, notAfter Time }, subject Name,
///     subjectPublicKeyInfo SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING },
///     issuerUniqueID [1] IMPLICIT BIT STRING OPTIONAL, subjectUniqueID [2] IMPLICIT BIT STRING OPTIONAL,
///     extensions [3] SEQUENCE OF Extension OPTIONAL }
/// ```
struct Fields<'a> {
    tbs: &'a [u8],
    serial: &'a [u8],
    tbs_algorithm: &'a [u8],
    issuer: Name<'a>,
    validity: (i64, i64),
    subject: Name<'a>,
    key_algorithm: &'a [u8],
    key_parameters: Option<Value<'a>>,
    key: &'a [u8],
    skid: Option<&'a [u8]>,
    akid: Akid<'a>,
    algorithm: &'a [u8],
    signature: &'a [u8],
}

#[derive(Default)]
struct Akid<'a> {
    key_id: Option<&'a [u8]>,
    issuer: Option<&'a [u8]>,
    serial: Option<&'a [u8]>,
}

type Parsed<T> = Result<T, CertificateErrorKind>;

impl<'a> Fields<'a> {
    fn read(reader: &mut Reader<'a>) -> Parsed<Self> {
        let certificate = reader.enter(asn1::SEQUENCE)?;
        let tbs = reader.enter(asn1::SEQUENCE)?;
        if let Some(version) = reader.optional_enter(context(0))? {
            reader.primitive(asn1::INTEGER)?;
            reader.leave(version)?;
        }
        let serial = reader.primitive(asn1::INTEGER)?.bytes;
        let (tbs_algorithm, _) = algorithm_identifier(reader)?;
        let issuer = name(reader, asn1::SEQUENCE)?;
        let validity = reader.enter(asn1::SEQUENCE)?;
        let (from, to) = (time(reader)?, time(reader)?);
        reader.leave(validity)?;
        let subject = name(reader, asn1::SEQUENCE)?;
        let spki = reader.enter(asn1::SEQUENCE)?;
        let (key_algorithm, key_parameters) = algorithm_identifier(reader)?;
        let key = bit_string(reader)?;
        reader.leave(spki)?;
        reader.optional_primitive(context_primitive(1))?;
        reader.optional_primitive(context_primitive(2))?;
        let mut fields = Self {
            tbs: &[],
            serial,
            tbs_algorithm,
            issuer,
            validity: (from, to),
            subject,
            key_algorithm,
            key_parameters,
            key,
            skid: None,
            akid: Akid::default(),
            algorithm: &[],
            signature: &[],
        };
        if let Some(explicit) = reader.optional_enter(context(3))? {
            fields.extensions(reader)?;
            reader.leave(explicit)?;
        }
        fields.tbs = reader.leave(tbs)?.whole;
        (fields.algorithm, _) = algorithm_identifier(reader)?;
        fields.signature = bit_string(reader)?;
        reader.leave(certificate)?;
        Ok(fields)
    }

    /// ```text
    /// Extension ::= SEQUENCE { extnid OBJECT IDENTIFIER, critical BOOLEAN DEFAULT, extnValue OCTET STRING }
    /// ```
    fn extensions(&mut self, reader: &mut Reader<'a>) -> Parsed<()> {
        let list = reader.enter(asn1::SEQUENCE)?;
        loop {
            let extension = reader.enter(asn1::SEQUENCE)?;
            let kind = reader.primitive(asn1::OBJECT_IDENTIFIER)?.bytes;
            reader.optional_primitive(asn1::BOOLEAN)?;
            let value = reader.primitive(asn1::OCTET_STRING)?;
            match kind {
                OID_SUBJECT_KEY_IDENTIFIER => {
                    let malformed =
                        CertificateErrorKind::Malformed { reason: "subject key identifier", offset: value.offset };
                    // The kernel looks at the two bytes of the header itself.
                    let skid = match value.bytes {
                        [asn1::OCTET_STRING, len, skid @ ..] if !skid.is_empty() => {
                            Some(skid).filter(|skid| skid.len() == usize::from(*len))
                        }
                        _ => None,
                    };
                    if self.skid.is_some() || skid.is_none() {
                        return Err(malformed);
                    }
                    self.skid = skid;
                }
                OID_AUTHORITY_KEY_IDENTIFIER => self.akid = authority_key_identifier(value.bytes)?,
                _ => {}
            }
            reader.leave(extension)?;
            if !reader.more(&list)? {
                break;
            }
        }
        reader.leave(list)?;
        Ok(())
    }

    fn certificate(self) -> Parsed<Certificate> {
        if self.algorithm != self.tbs_algorithm {
            return Err(CertificateErrorKind::AlgorithmMismatch);
        }
        let parameters = self.key_parameters.filter(|value| value.tag == asn1::OBJECT_IDENTIFIER);
        let key = self.key.to_vec();
        let public_key = match (self.key_algorithm, parameters.map(|value| value.bytes)) {
            (OID_RSA_ENCRYPTION, _) => PublicKey::Rsa(key),
            (OID_EC_PUBLIC_KEY, Some(OID_PRIME256V1)) => PublicKey::Ec(Curve::P256, key),
            (OID_EC_PUBLIC_KEY, Some(OID_SECP384R1)) => PublicKey::Ec(Curve::P384, key),
            (OID_EC_PUBLIC_KEY, Some(OID_SECP521R1)) => PublicKey::Ec(Curve::P521, key),
            (OID_EC_PUBLIC_KEY, Some(curve)) => PublicKey::Other(asn1::dotted(curve)),
            (algorithm, _) => PublicKey::Other(asn1::dotted(algorithm)),
        };
        let akid_issuer_serial =
            self.akid.serial.zip(self.akid.issuer).map(|(serial, issuer)| [serial, issuer].concat());
        Ok(Certificate {
            subject: self.subject.readable,
            issuer: self.issuer.readable,
            serial: self.serial.to_vec(),
            public_key,
            skid: self.skid.map(<[u8]>::to_vec),
            akid: self.akid.key_id.map(<[u8]>::to_vec),
            akid_issuer_serial,
            raw_subject: self.subject.raw.to_vec(),
            raw_issuer: self.issuer.raw.to_vec(),
            valid_from: self.validity.0,
            valid_to: self.validity.1,
            tbs: self.tbs.to_vec(),
            signature_algorithm: signature_algorithm(self.algorithm),
            signature: self.signature.to_vec(),
        })
    }
}

/// ```text
/// AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] IMPLICIT OCTET STRING OPTIONAL,
///     authorityCertIssuer [1] IMPLICIT SEQUENCE OF GeneralName OPTIONAL,
///     authorityCertSerialNumber [2] IMPLICIT INTEGER OPTIONAL }
/// ```
fn authority_key_identifier(bytes: &[u8]) -> Parsed<Akid<'_>> {
    let mut akid = Akid::default();
    let mut reader = Reader::new(bytes);
    let sequence = reader.enter(asn1::SEQUENCE)?;
    akid.key_id = reader.optional_primitive(context_primitive(0))?.map(|value| value.bytes);
    if let Some(names) = reader.optional_enter(context(1))? {
        loop {
            // Only directoryName [4] is of use; the forms of the others are not checked.
            match reader.optional_enter(context(4))? {
                Some(directory_name) => {
                    akid.issuer = Some(name(&mut reader, asn1::SEQUENCE)?.raw);
                    reader.leave(directory_name)?;
                }
                None => _ = reader.any()?,
            }
            if !reader.more(&names)? {
                break;
            }
        }
        reader.leave(names)?;
    }
    akid.serial = reader.optional_primitive(context_primitive(2))?.map(|value| value.bytes);
    reader.leave(sequence)?;
    Ok(akid)
}

fn algorithm_identifier<'a>(reader: &mut Reader<'a>) -> Parsed<(&'a [u8], Option<Value<'a>>)> {
    let sequence = reader.enter(asn1::SEQUENCE)?;
    let algorithm = reader.primitive(asn1::OBJECT_IDENTIFIER)?.bytes;
    let parameters = reader.optional_any()?;
    reader.leave(sequence)?;
    Ok((algorithm, parameters))
}

/// A BIT STRING of whole bytes: the kernel refuses unused bits.
fn bit_string<'a>(reader: &mut Reader<'a>) -> Parsed<&'a [u8]> {
    let value = reader.primitive(asn1::BIT_STRING)?;
    match value.bytes {
        [0, bytes @ ..] => Ok(bytes),
        _ => Err(CertificateErrorKind::Malformed { reason: "bit string", offset: value.offset }),
    }
}

fn time(reader: &mut Reader<'_>) -> Parsed<i64> {
    let value = match reader.optional_primitive(asn1::UTC_TIME)? {
        Some(value) => value,
        None => reader.primitive(asn1::GENERALIZED_TIME)?,
    };
    let offset = value.offset;
    x509_decode_time(value.tag, value.bytes).ok_or(CertificateErrorKind::Malformed { reason: "time", offset })
}

/// `x509_note_sig_algo()`.
fn signature_algorithm(oid: &[u8]) -> Option<(CertificateSignature, DigestAlgorithm)> {
    use CertificateSignature::{Ecdsa, Rsa};
    use DigestAlgorithm::{Sha1, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512};
    Some(match *oid {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
            0x05 => (Rsa, Sha1),
            0x0b => (Rsa, Sha256),
            0x0c => (Rsa, Sha384),
            0x0d => (Rsa, Sha512),
            0x0e => (Rsa, Sha224),
            _ => return None,
        },
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, last] => match last {
            0x0a => (Ecdsa, Sha3_256),
            0x0b => (Ecdsa, Sha3_384),
            0x0c => (Ecdsa, Sha3_512),
            0x0e => (Rsa, Sha3_256),
            0x0f => (Rsa, Sha3_384),
            0x10 => (Rsa, Sha3_512),
            _ => return None,
        },
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => (Ecdsa, Sha1),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] => match last {
            0x01 => (Ecdsa, Sha224),
            0x02 => (Ecdsa, Sha256),
            0x03 => (Ecdsa, Sha384),
            0x04 => (Ecdsa, Sha512),
            _ => return None,
        },
        _ => return None,
    })
}

/// Base64 over lines.
#[derive(Default)]
struct Base64 {
    bytes: Vec<u8>,
    bits: u32,
    count: u32,
}

impl Base64 {
    fn line(&mut self, line: &str) -> Option<()> {
        for byte in line.bytes() {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => continue,
                _ => return None,
            };
            self.bits = self.bits << 6 & 0xffff | u32::from(digit);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                self.bytes.push(u8::try_from(self.bits >> self.count & 0xff).ok()?);
            }
        }
        Some(())
    }
}

fn error(number: usize, line: Option<usize>, kind: CertificateErrorKind) -> CertificateError {
    CertificateError { number, line, kind }
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

#[cfg(test)]
mod tests;
