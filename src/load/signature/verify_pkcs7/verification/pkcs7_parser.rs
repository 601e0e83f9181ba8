//! What parsing the message depends on: which algorithms the kernel knows, and signatures of certificates by themselves.

use super::checks::verify_certificate;
use super::{Embedded, Verification, VerifyResult, unable};
use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::load::signature::public_key::KeyCheck;
use crate::load::signature::verify_pkcs7::algorithms::{key_family, signature_family};
use crate::load::signature::verify_pkcs7::pkcs7_verdict::{Pkcs7Verdict, warning};
use crate::terms::Errno;
use crate::x509::asn1;
use crate::x509::{Certificate, CertificateErrorKind, CertificateSignature, Pkcs7Fault, SignatureAlgorithm};

impl Verification<'_> {
    /// Mirrors `pkcs7_parse_message()` (crypto/asymmetric_keys/pkcs7_parser.c) as far as it depends on the kernel: the first
    /// algorithm that the kernel does not know ends the parsing.
    pub(super) fn pkcs7_parse_message(&mut self) -> VerifyResult {
        let message = self.message;
        self.note_oids(message.noted_at_certificates);
        for embedded in &message.certificates {
            let certificate = Certificate::parse_der(&embedded.der).map_err(|kind| {
                let errno = match kind {
                    CertificateErrorKind::AlgorithmMismatch => Errno::EINVAL,
                    _ => Errno::EBADMSG,
                };
                Pkcs7Verdict::error(errno, format!("certificate in the message: {kind}"), None)
            })?;
            if certificate.signature_algorithm.is_none() {
                return unable("the signature algorithm of a certificate in the message");
            }
            // The kernel stops at a certificate whose signature algorithm it does not know.
            if let Some((family, digest)) = &certificate.signature_algorithm {
                let family = match family {
                    CertificateSignature::Rsa => CryptoAlgorithm::Rsa,
                    CertificateSignature::Ecdsa => CryptoAlgorithm::Ecdsa,
                };
                self.recognise(family, &family)?;
                self.recognise(CryptoAlgorithm::Digest(*digest), digest)?;
            }
            // x509_extract_key_data() (crypto/asymmetric_keys/x509_cert_parser.c)
            if let Some(family) = key_family(&certificate.public_key) {
                self.recognise(family, &family)?;
            }
            let self_signed = self.x509_check_for_self_signed(&certificate)?;
            let index = self.certificates.len();
            self.by_id.entry(certificate.id()).or_insert(index);
            if let Some(skid) = &certificate.skid {
                self.by_skid.entry(skid.clone()).or_insert(index);
            }
            self.certificates.push(Embedded {
                certificate,
                self_signed,
                signer: None,
                seen: false,
                walked_by: 0,
                is_chain_good: false,
                verified: None,
            });
        }
        for signer in message.signers.iter().chain(&message.unfinished) {
            if let Some(digest) = &signer.digest {
                self.note_oids(signer.noted_at_digest);
                let known = match digest {
                    Ok(digest) => self.recognise(CryptoAlgorithm::Digest(*digest), digest),
                    Err(oid) => Err(Pkcs7Verdict::NoPkg { what: oid.clone() }),
                };
                known.inspect_err(|_| self.print_unsupported("digest"))?;
            }
            if let Some(algorithm) = &signer.signature_algorithm {
                self.note_oids(signer.noted_at_algorithm);
                self.pkcs7_sig_note_pkey_algo(algorithm).inspect_err(|_| self.print_unsupported("pkey"))?;
            }
        }
        self.note_oids(message.identifiers.len());
        match &message.fault {
            None => Ok(()),
            Some(Pkcs7Fault { errno, offset, reason, warning: text }) => {
                let line = text.and_then(warning);
                Err(Pkcs7Verdict::error(*errno, format!("{reason} at offset {offset}"), line))
            }
        }
    }

    /// Mirrors `pkcs7_sig_note_pkey_algo()` (crypto/asymmetric_keys/pkcs7_parser.c).
    fn pkcs7_sig_note_pkey_algo(&self, algorithm: &SignatureAlgorithm) -> VerifyResult {
        // A kernel knows the identifier of ECDSA with a digest only if it knows the digest.
        if let SignatureAlgorithm::Ecdsa(digest) = algorithm {
            self.recognise(CryptoAlgorithm::Digest(*digest), digest)?;
        }
        match signature_family(algorithm) {
            Some(family) => self.recognise(family, algorithm),
            None => Err(Pkcs7Verdict::NoPkg { what: algorithm.to_string() }),
        }
    }

    /// Ends the verification if the kernel does not know the identifier of an algorithm.
    fn recognise(&self, algorithm: CryptoAlgorithm, name: &impl ToString) -> VerifyResult {
        match self.crypto.support(algorithm) {
            Support::Unrecognised => Err(Pkcs7Verdict::NoPkg { what: name.to_string() }),
            _ => Ok(()),
        }
    }

    /// Mirrors `pkcs7_note_OID()` (crypto/asymmetric_keys/pkcs7_parser.c) for the identifiers up to a number.
    pub(super) fn note_oids(&mut self, end: usize) {
        // sprint_oid() gets a buffer of 50 bytes.
        const ROOM: usize = 49;
        for identifier in self.message.identifiers.get(self.noted..end).unwrap_or_default() {
            let contents = self.message.contents_of(*identifier);
            if self.crypto.is_registered(contents) == Some(false) {
                let mut dotted = asn1::dotted(contents);
                dotted.truncate(ROOM);
                let text = format!("PKCS7: Unknown OID: [{}] {dotted}", identifier.offset);
                self.lines.extend(warning(text));
            }
        }
        self.noted = self.noted.max(end);
    }

    /// The line about an algorithm whose identifier is the last that was looked up.
    pub(super) fn print_unsupported(&mut self, kind: &str) {
        let last = self.noted.checked_sub(1).and_then(|last| self.message.identifiers.get(last));
        let identifier = last.map(|last| self.message.contents_of(*last));
        let number = identifier
            .map_or_else(|| Crypto::NUMBER_UNKNOWN.to_owned(), |identifier| self.crypto.number_of(identifier));
        self.lines.extend(warning(format!("Unsupported {kind} algo: {number}")));
    }

    /// Mirrors `x509_check_for_self_signed()` (crypto/asymmetric_keys/x509_public_key.c): if a certificate
    /// claims to be self-signed, its signature has to be good.
    fn x509_check_for_self_signed(&mut self, certificate: &Certificate) -> VerifyResult<bool> {
        if !certificate.names_itself() {
            return Ok(false);
        }
        match verify_certificate(self.crypto, &mut self.verified, &certificate.public_key, certificate) {
            KeyCheck::Good => Ok(true),
            KeyCheck::Bad(Errno::ENOENT) => {
                let family = key_family(&certificate.public_key).map_or_else(String::new, |family| family.to_string());
                let reason = format!("it brings a certificate, and the kernel has no {family} to check that");
                Err(Pkcs7Verdict::error(Errno::ENOENT, reason, None))
            }
            KeyCheck::Bad(errno) => {
                Err(Pkcs7Verdict::error(errno, "the signature of a certificate in the message is wrong", None))
            }
            KeyCheck::Unable => unable("a certificate in the message"),
        }
    }
}
