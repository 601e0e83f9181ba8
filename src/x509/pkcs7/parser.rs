//! The grammar of a message: one method for each rule, with the action that the kernel takes there.

use std::sync::Arc;

use super::values::{
    ContentType, EmbeddedCertificate, NotedIdentifier, Pkcs7, Pkcs7Fault, SignatureAlgorithm, SignerId, SignerInfo,
};
use crate::terms::Errno;
use crate::x509::DigestAlgorithm;
use crate::x509::asn1::{self, Asn1Reader, Asn1Scope, Asn1Value, context, context_primitive, x509_decode_time};

const OID_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
pub(super) const OID_SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const OID_MS_INDIRECT_DATA: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x04];
const OID_CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const OID_MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const OID_SIGNING_TIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05];
const OID_SMIME_CAPABILITIES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0f];
const OID_MS_SP_OPUS_INFO: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0c];
const OID_MS_STATEMENT_TYPE: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0b];

/// `struct pkcs7_parse_context`, with one method for each rule of pkcs7.asn1.
pub(super) struct Parser {
    pub(super) message: Pkcs7,
    pub(super) signer: SignerInfo,
    pub(super) expect_skid: bool,
    /// The identifiers of the last signer that has one of each kind: serial number and issuer, and subject key identifier.
    pub(super) last_ids: [Arc<[u8]>; 2],
}

type ParseResult<T = ()> = Result<T, Pkcs7Fault>;

impl Parser {
    /// ```text
    /// PKCS7ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT SignedData OPTIONAL }
    /// ```
    pub(super) fn content_info(&mut self, reader: &mut Asn1Reader<'_>) -> ParseResult {
        let outer = reader.enter(asn1::SEQUENCE)?;
        let content_type = self.note_oid(reader)?;
        if content_type.bytes != OID_SIGNED_DATA {
            return Err(warn(Errno::EINVAL, content_type.offset, "PKCS7: Only support pkcs7_signedData type"));
        }
        if let Some(explicit) = reader.optional_enter(context(0))? {
            self.signed_data(reader)?;
            reader.leave(explicit)?;
        }
        reader.leave(outer)?;
        Ok(())
    }

    /// ```text
    /// SignedData ::= SEQUENCE { version INTEGER, digestAlgorithms CHOICE { SET OF, SEQUENCE OF } AlgorithmIdentifier,
    ///     contentInfo ContentInfo, certificates CHOICE { [0] SET OF, [2] SEQUENCE OF } Certificate OPTIONAL,
    ///     crls CHOICE { [1] SET OF, [3] SEQUENCE OF } CertificateList OPTIONAL,
    ///     signerInfos CHOICE { SET OF, SEQUENCE OF } SignerInfo }
    /// ```
    fn signed_data(&mut self, reader: &mut Asn1Reader<'_>) -> ParseResult {
        let signed_data = reader.enter(asn1::SEQUENCE)?;
        let version = reader.primitive(asn1::INTEGER)?;
        self.message.version = match version.bytes {
            [version @ (1 | 3)] => Some(*version),
            _ => return Err(warn(Errno::EINVAL, version.offset, "PKCS7: Unsupported SignedData version")),
        };
        let digests = enter_either(reader, asn1::SET, asn1::SEQUENCE)?;
        loop {
            self.algorithm_identifier(reader)?;
            if !reader.more(&digests)? {
                break;
            }
        }
        reader.leave(digests)?;
        self.inner_content_info(reader)?;
        self.message.noted_at_certificates = self.message.identifiers.len();
        self.certificates(reader)?;
        crls(reader)?;
        let signers = enter_either(reader, asn1::SET, asn1::SEQUENCE)?;
        loop {
            self.signer_info(reader)?;
            if !reader.more(&signers)? {
                break;
            }
        }
        reader.leave(signers)?;
        reader.leave(signed_data)?;
        Ok(())
    }

    /// ```text
    /// ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT ANY OPTIONAL }
    /// ```
    fn inner_content_info(&mut self, reader: &mut Asn1Reader<'_>) -> ParseResult {
        let content_info = reader.enter(asn1::SEQUENCE)?;
        let content_type = self.note_oid(reader)?;
        if let Some(explicit) = reader.optional_enter(context(0))? {
            reader.any()?;
            self.message.has_content = true;
            reader.leave(explicit)?;
        }
        reader.leave(content_info)?;
        self.message.content_type = match content_type.bytes {
            OID_DATA => Some(ContentType::Data),
            OID_MS_INDIRECT_DATA => Some(ContentType::MsIndirectData),
            // The kernel prints "Unsupported data type %d"; the number differs between releases.
            _ => return Err(fault(Errno::EINVAL, content_type.offset, "Unsupported data type")),
        };
        Ok(())
    }

    /// `pkcs7_extract_cert()` for each certificate.
    fn certificates(&mut self, reader: &mut Asn1Reader<'_>) -> ParseResult {
        let (list, may_be_empty) = match reader.optional_enter(context(0))? {
            // This list may be empty: an element of certSet is a CHOICE, and the decoder may skip a CHOICE.
            Some(list) => (list, true),
            None => match reader.optional_enter(context(2))? {
                Some(list) => (list, false),
                None => return Ok(()),
            },
        };
        if !(may_be_empty && reader.at_end()) {
            loop {
                let certificate = reader.any()?;
                if certificate.tag != asn1::SEQUENCE {
                    return Err(fault(Errno::EBADMSG, certificate.offset, "certificate is no sequence"));
                }
                self.message
                    .certificates
                    .push(EmbeddedCertificate { offset: certificate.offset, der: certificate.whole.to_vec() });
                if !reader.more(&list)? {
                    break;
                }
            }
        }
        reader.leave(list)?;
        Ok(())
    }

    /// ```text
    /// SignerInfo ::= SEQUENCE { version INTEGER, sid SignerIdentifier, digestAlgorithm AlgorithmIdentifier,
    ///     authenticatedAttributes CHOICE { [0] SET OF, [2] EXPLICIT SEQUENCE OF } AuthenticatedAttribute OPTIONAL,
    ///     digestEncryptionAlgorithm AlgorithmIdentifier, encryptedDigest OCTET STRING,
    ///     unauthenticatedAttributes CHOICE { [1] SET OF, [3] SEQUENCE OF } UnauthenticatedAttribute OPTIONAL }
    /// ```
    fn signer_info(&mut self, reader: &mut Asn1Reader<'_>) -> ParseResult {
        let signer_info = reader.enter(asn1::SEQUENCE)?;
        self.signer_version(reader.primitive(asn1::INTEGER)?)?;
        self.signer_identifier(reader)?;
        let digest = self.algorithm_identifier(reader)?;
        self.signer.digest = Some(DigestAlgorithm::from_oid(digest.bytes).ok_or_else(|| asn1::dotted(digest.bytes)));
        self.signer.noted_at_digest = self.message.identifiers.len();
        self.authenticated_attributes(reader)?;
        let algorithm = self.algorithm_identifier(reader)?;
        self.signer.signature_algorithm = Some(SignatureAlgorithm::from_oid(algorithm.bytes));
        self.signer.noted_at_algorithm = self.message.identifiers.len();
        self.signer.signature = reader.primitive(asn1::OCTET_STRING)?.bytes.to_vec();
        Self::unauthenticated_attributes(reader)?;
        let end = reader.leave(signer_info)?;
        self.note_signed_info(end.offset)
    }

    /// `pkcs7_note_signerinfo_version()`.
    fn signer_version(&mut self, version: Asn1Value<'_>) -> ParseResult {
        self.expect_skid = match version.bytes {
            [1] => false,
            [3] => true,
            _ => return Err(warn(Errno::EINVAL, version.offset, "PKCS7: Unsupported SignerInfo version")),
        };
        if self.expect_skid == (self.message.version == Some(1)) {
            return Err(warn(Errno::EBADMSG, version.offset, "PKCS7: SignedData-SignerInfo version mismatch"));
        }
        Ok(())
    }

    /// ```text
    /// SignerIdentifier ::= CHOICE { SEQUENCE { issuer Name, serialNumber INTEGER }, [0] IMPLICIT OCTET STRING }
    /// ```
    fn signer_identifier(&mut self, reader: &mut Asn1Reader<'_>) -> ParseResult {
        self.signer.id = if let Some(both) = reader.optional_enter(asn1::SEQUENCE)? {
            let issuer = self.name(reader)?.bytes.to_vec();
            let serial = reader.primitive(asn1::INTEGER)?.bytes.to_vec();
            reader.leave(both)?;
            SignerId::IssuerAndSerial { issuer, serial }
        } else {
            SignerId::SubjectKeyId(reader.primitive(context_primitive(0))?.bytes.to_vec())
        };
        Ok(())
    }

    /// ```text
    /// AuthenticatedAttribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }
    /// ```
    fn authenticated_attributes(&mut self, reader: &mut Asn1Reader<'_>) -> ParseResult {
        let mut seen = Vec::new();
        if let Some(set) = reader.optional_enter(context(0))? {
            self.attribute_list(reader, &set, &mut seen)?;
            let value = reader.leave(set)?;
            return self.note_set_of_authattrs(value, &seen);
        }
        // The grammar has no action for this form: the attributes are checked, but the kernel does not record them and digests
        // only the content.
        if let Some(explicit) = reader.optional_enter(context(2))? {
            let sequence = reader.enter(asn1::SEQUENCE)?;
            self.attribute_list(reader, &sequence, &mut seen)?;
            reader.leave(sequence)?;
            reader.leave(explicit)?;
        }
        Ok(())
    }

    fn attribute_list<'a>(
        &mut self,
        reader: &mut Asn1Reader<'a>,
        list: &Asn1Scope,
        seen: &mut Vec<&'a [u8]>,
    ) -> ParseResult {
        loop {
            let attribute = reader.enter(asn1::SEQUENCE)?;
            let kind = self.note_oid(reader)?.bytes;
            let values = reader.enter(asn1::SET)?;
            loop {
                let value = reader.any()?;
                self.note_authenticated_attr(kind, value, seen)?;
                if !reader.more(&values)? {
                    break;
                }
            }
            reader.leave(values)?;
            reader.leave(attribute)?;
            if !reader.more(list)? {
                return Ok(());
            }
        }
    }

    /// `pkcs7_sig_note_authenticated_attr()`.
    fn note_authenticated_attr<'a>(
        &mut self,
        kind: &'a [u8],
        value: Asn1Value<'_>,
        seen: &mut Vec<&'a [u8]>,
    ) -> ParseResult {
        let known = [
            OID_CONTENT_TYPE,
            OID_SIGNING_TIME,
            OID_MESSAGE_DIGEST,
            OID_SMIME_CAPABILITIES,
            OID_MS_SP_OPUS_INFO,
            OID_MS_STATEMENT_TYPE,
        ];
        if !known.contains(&kind) {
            return Ok(());
        }
        if seen.contains(&kind) {
            let warning = "PKCS7: Repeated/multivalue AuthAttrs not permitted";
            return Err(warn(Errno::EKEYREJECTED, value.offset, warning));
        }
        seen.push(kind);
        let authenticode = self.message.content_type == Some(ContentType::MsIndirectData);
        match kind {
            OID_CONTENT_TYPE => {
                let wanted = if authenticode { OID_MS_INDIRECT_DATA } else { OID_DATA };
                if value.bytes != wanted {
                    // The kernel's warning has numbers that differ between releases.
                    return Err(fault(Errno::EBADMSG, value.offset, "Mismatch between global data type and sinfo"));
                }
            }
            OID_SIGNING_TIME => {
                let time = x509_decode_time(value.tag, value.bytes);
                self.signer.signing_time =
                    Some(time.ok_or_else(|| fault(Errno::EBADMSG, value.offset, "unsupported or invalid time"))?);
            }
            OID_MESSAGE_DIGEST => {
                if value.tag != asn1::OCTET_STRING {
                    return Err(fault(Errno::EBADMSG, value.offset, "message digest is no octet string"));
                }
                self.signer.message_digest = Some(value.bytes.to_vec());
            }
            OID_SMIME_CAPABILITIES if !authenticode => {
                let warning = "PKCS7: S/MIME Caps only allowed with Authenticode";
                return Err(warn(Errno::EKEYREJECTED, value.offset, warning));
            }
            OID_MS_SP_OPUS_INFO | OID_MS_STATEMENT_TYPE if !authenticode => {
                let warning = "PKCS7: Authenticode AuthAttrs only allowed with Authenticode";
                return Err(warn(Errno::EKEYREJECTED, value.offset, warning));
            }
            _ => {}
        }
        Ok(())
    }

    /// `pkcs7_sig_note_set_of_authattrs()`.
    fn note_set_of_authattrs(&mut self, set: Asn1Value<'_>, seen: &[&[u8]]) -> ParseResult {
        if !seen.contains(&OID_CONTENT_TYPE) || !seen.contains(&OID_MESSAGE_DIGEST) {
            return Err(warn(Errno::EBADMSG, set.offset, "PKCS7: Missing required AuthAttr"));
        }
        self.signer.authattrs = Some(set.whole.get(1..).unwrap_or_default().to_vec());
        Ok(())
    }

    /// `pkcs7_note_signed_info()`.
    fn note_signed_info(&mut self, offset: usize) -> ParseResult {
        if self.message.content_type == Some(ContentType::MsIndirectData) && self.signer.authattrs.is_none() {
            return Err(warn(Errno::EBADMSG, offset, "PKCS7: Authenticode requires AuthAttrs"));
        }
        // The version, not the identifier, selects which identifier is used. If the signer does not have it, the kernel uses
        // that of the last signer before that has one, otherwise an empty one.
        let [by_issuer, by_skid] = &mut self.last_ids;
        match &self.signer.id {
            SignerId::IssuerAndSerial { issuer, serial } => *by_issuer = [&serial[..], issuer].concat().into(),
            SignerId::SubjectKeyId(skid) => *by_skid = skid[..].into(),
            SignerId::Missing => {}
        }
        self.signer.key_id = Arc::clone(if self.expect_skid { by_skid } else { by_issuer });
        self.message.signers.push(std::mem::take(&mut self.signer));
        Ok(())
    }

    /// `pkcs7_note_OID()`.
    fn note_oid<'a>(&mut self, reader: &mut Asn1Reader<'a>) -> ParseResult<Asn1Value<'a>> {
        let value = reader.primitive(asn1::OBJECT_IDENTIFIER)?;
        let header = value.whole.len().saturating_sub(value.bytes.len());
        self.message.identifiers.push(NotedIdentifier { offset: value.offset + header, len: value.bytes.len() });
        Ok(value)
    }

    /// ```text
    /// AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }
    /// ```
    fn algorithm_identifier<'a>(&mut self, reader: &mut Asn1Reader<'a>) -> ParseResult<Asn1Value<'a>> {
        let sequence = reader.enter(asn1::SEQUENCE)?;
        let algorithm = self.note_oid(reader)?;
        reader.optional_any()?;
        reader.leave(sequence)?;
        Ok(algorithm)
    }

    /// ```text
    /// Name ::= SEQUENCE OF SET OF SEQUENCE { attributeType OBJECT IDENTIFIER, attributeValue ANY }
    /// ```
    fn name<'a>(&mut self, reader: &mut Asn1Reader<'a>) -> ParseResult<Asn1Value<'a>> {
        let name = reader.enter(asn1::SEQUENCE)?;
        loop {
            let set = reader.enter(asn1::SET)?;
            loop {
                let pair = reader.enter(asn1::SEQUENCE)?;
                self.note_oid(reader)?;
                reader.any()?;
                reader.leave(pair)?;
                if !reader.more(&set)? {
                    break;
                }
            }
            reader.leave(set)?;
            if !reader.more(&name)? {
                return Ok(reader.leave(name)?);
            }
        }
    }

    /// ```text
    /// UnauthenticatedAttribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }
    /// ```
    fn unauthenticated_attributes(reader: &mut Asn1Reader<'_>) -> ParseResult {
        let list = match reader.optional_enter(context(1))? {
            Some(list) => list,
            None => match reader.optional_enter(context(3))? {
                Some(list) => list,
                None => return Ok(()),
            },
        };
        loop {
            let attribute = reader.enter(asn1::SEQUENCE)?;
            // The grammar has no action for this identifier.
            reader.primitive(asn1::OBJECT_IDENTIFIER)?;
            let values = reader.enter(asn1::SET)?;
            loop {
                reader.any()?;
                if !reader.more(&values)? {
                    break;
                }
            }
            reader.leave(values)?;
            reader.leave(attribute)?;
            if !reader.more(&list)? {
                break;
            }
        }
        reader.leave(list)?;
        Ok(())
    }

    /// `pkcs7_check_authattrs()`: all signers have authenticated attributes, or none has; and there is at least one signer.
    pub(super) fn check_authattrs(&self, offset: usize) -> ParseResult {
        let mut signers = self.message.signers.iter().map(|signer| signer.authattrs.is_some());
        match signers.next() {
            Some(first) if signers.all(|has| has == first) => Ok(()),
            _ => Err(warn(Errno::EINVAL, offset, "PKCS7: Inconsistently supplied authAttrs")),
        }
    }
}

/// Rejects revocation lists. The grammar defines them as lists of certificates ("this may be defined incorrectly"), which no
/// real one is: `x509_cert_parse()` rejects its first part.
fn crls(reader: &mut Asn1Reader<'_>) -> ParseResult {
    for number in [1, 3] {
        if reader.next_is(context(number))? {
            return Err(fault(Errno::EBADMSG, reader.offset(), "revocation list"));
        }
    }
    Ok(())
}

fn enter_either(reader: &mut Asn1Reader<'_>, first: u8, second: u8) -> ParseResult<Asn1Scope> {
    match reader.optional_enter(first)? {
        Some(scope) => Ok(scope),
        None => Ok(reader.enter(second)?),
    }
}

fn fault(errno: Errno, offset: usize, reason: &'static str) -> Pkcs7Fault {
    Pkcs7Fault { errno, offset, reason, warning: None }
}

/// A fault with a warning, whose text is also the reason.
fn warn(errno: Errno, offset: usize, warning: &'static str) -> Pkcs7Fault {
    let reason = warning.strip_prefix("PKCS7: ").unwrap_or(warning);
    Pkcs7Fault { errno, offset, reason, warning: Some(warning) }
}
