//! The grammar of a certificate, field by field.

use super::values::{Certificate, CertificateErrorKind, CertificateSignature, Curve, PublicKey};
use crate::x509::DigestAlgorithm;
use crate::x509::asn1::{self, Asn1Reader, Asn1Value, context, context_primitive, x509_decode_time};
use crate::x509::distinguished_name::{Name, name};

const OID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_SECP521R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const OID_RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
const OID_AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];

/// The fields of a certificate.
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
pub(super) struct Fields<'a> {
    tbs: &'a [u8],
    serial: &'a [u8],
    tbs_algorithm: &'a [u8],
    issuer: Name<'a>,
    valid_from: i64,
    valid_to: i64,
    subject: Name<'a>,
    key_algorithm: &'a [u8],
    key_parameters: Option<Asn1Value<'a>>,
    key: &'a [u8],
    skid: Option<&'a [u8]>,
    akid: Akid<'a>,
    algorithm: &'a [u8],
    signature: &'a [u8],
}

/// An AuthorityKeyIdentifier.
#[derive(Default)]
struct Akid<'a> {
    key_id: Option<&'a [u8]>,
    issuer: Option<&'a [u8]>,
    serial: Option<&'a [u8]>,
}

type Parsed<T> = Result<T, CertificateErrorKind>;

impl<'a> Fields<'a> {
    /// Reads the fields, mirrors the grammar x509.asn1.
    pub(super) fn read(reader: &mut Asn1Reader<'a>) -> Parsed<Self> {
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
        let valid_from = time(reader)?;
        let valid_to = time(reader)?;
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
            valid_from,
            valid_to,
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
    fn extensions(&mut self, reader: &mut Asn1Reader<'a>) -> Parsed<()> {
        let list = reader.enter(asn1::SEQUENCE)?;
        loop {
            let extension = reader.enter(asn1::SEQUENCE)?;
            let kind = reader.primitive(asn1::OBJECT_IDENTIFIER)?.bytes;
            reader.optional_primitive(asn1::BOOLEAN)?;
            let value = reader.primitive(asn1::OCTET_STRING)?;
            match kind {
                OID_SUBJECT_KEY_IDENTIFIER => {
                    // The kernel checks the two bytes of the header itself.
                    match value.bytes {
                        [asn1::OCTET_STRING, len, skid @ ..]
                            if self.skid.is_none() && !skid.is_empty() && skid.len() == usize::from(*len) =>
                        {
                            self.skid = Some(skid);
                        }
                        _ => {
                            let reason = "subject key identifier";
                            return Err(CertificateErrorKind::Malformed { reason, offset: value.offset });
                        }
                    }
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

    /// The certificate, if both signature algorithms are the same.
    pub(super) fn certificate(self) -> Parsed<Certificate> {
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
            valid_from: self.valid_from,
            valid_to: self.valid_to,
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
    let mut reader = Asn1Reader::new(bytes);
    let sequence = reader.enter(asn1::SEQUENCE)?;
    akid.key_id = reader.optional_primitive(context_primitive(0))?.map(|value| value.bytes);
    if let Some(names) = reader.optional_enter(context(1))? {
        loop {
            // Only directoryName [4] is used; the other forms are not checked.
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

fn algorithm_identifier<'a>(reader: &mut Asn1Reader<'a>) -> Parsed<(&'a [u8], Option<Asn1Value<'a>>)> {
    let sequence = reader.enter(asn1::SEQUENCE)?;
    let algorithm = reader.primitive(asn1::OBJECT_IDENTIFIER)?.bytes;
    let parameters = reader.optional_any()?;
    reader.leave(sequence)?;
    Ok((algorithm, parameters))
}

/// The contents of a BIT STRING of whole bytes: the kernel rejects unused bits.
fn bit_string<'a>(reader: &mut Asn1Reader<'a>) -> Parsed<&'a [u8]> {
    let value = reader.primitive(asn1::BIT_STRING)?;
    match value.bytes {
        [0, bytes @ ..] => Ok(bytes),
        _ => Err(CertificateErrorKind::Malformed { reason: "bit string", offset: value.offset }),
    }
}

fn time(reader: &mut Asn1Reader<'_>) -> Parsed<i64> {
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
