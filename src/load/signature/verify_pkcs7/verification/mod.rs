//! One call of `verify_pkcs7_signature()` (certs/system_keyring.c) in a kernel whose cryptography is known.
//!
//! The methods are named after the kernel functions that they mirror.

mod checks;
mod pkcs7_parser;
mod pkcs7_trust;

use std::collections::HashMap;
use std::rc::Rc;

use self::checks::{CheckedSigner, Computed, Verified, same_family, verify_certificate, verify_signer};
use super::algorithms::{key_family, keys_by_id};
use super::pkcs7_verdict::{Pkcs7Verdict, err, warning};
use crate::history::Behaviour;
use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::load::signature::public_key::{KeyCheck, digest};
use crate::terms::Errno;
use crate::verdict::KernelLine;
use crate::x509::{Certificate, ContentType, DigestAlgorithm, Pkcs7, SignatureAlgorithm, SignerInfo};

/// One call of `verify_pkcs7_signature()`.
pub(super) struct Verification<'a> {
    data: &'a [u8],
    message: &'a Pkcs7,
    trusted: &'a [Certificate],
    crypto: &'a Crypto,
    /// The certificates in the message.
    certificates: Vec<Embedded>,
    /// The first certificate in the message with an identifier made of serial number and issuer, and with a subject key identifier.
    by_id: HashMap<Vec<u8>, usize>,
    by_skid: HashMap<Vec<u8>, usize>,
    /// The first trusted certificate with each identifier, among those that this kernel loads.
    trusted_by_id: HashMap<Vec<u8>, usize>,
    /// The digests of the module.
    digests: Vec<(DigestAlgorithm, Computed)>,
    pub(super) verified: Verified,
    /// What is printed on the way to the verdict.
    pub(super) lines: Vec<KernelLine>,
    /// How many identifiers the parser has looked up.
    noted: usize,
}

/// A certificate in the message.
struct Embedded {
    certificate: Certificate,
    self_signed: bool,
    /// `x509->signer`: the index of the certificate in the message that signed it.
    signer: Option<usize>,
    seen: bool,
    /// The number of the last signer whose chain it was met in, and whether the chain was found good from it upwards.
    walked_by: usize,
    is_chain_good: bool,
    /// The index of the trusted certificate that vouches for it.
    verified: Option<usize>,
}

/// What a check returns: `Err` ends the verification with a verdict.
type VerifyResult<T = ()> = Result<T, Pkcs7Verdict>;

impl<'a> Verification<'a> {
    pub(super) fn new(data: &'a [u8], message: &'a Pkcs7, trusted: &'a [Certificate], crypto: &'a Crypto) -> Self {
        // x509_key_preparse() (crypto/asymmetric_keys/x509_public_key.c) adds no key of an unknown algorithm to the keyring, and
        // no self-signed key whose signature it cannot verify. x509_cert_parse() takes no certificate with another key.
        let is_loaded = |certificate: &Certificate| {
            key_family(&certificate.public_key).is_some_and(|family| match crypto.support(family) {
                Support::Available | Support::Unknown => true,
                Support::NotBuilt => !certificate.names_itself(),
                Support::Unrecognised => false,
            })
        };
        Self {
            data,
            message,
            trusted,
            crypto,
            certificates: Vec::new(),
            by_id: HashMap::new(),
            by_skid: HashMap::new(),
            trusted_by_id: keys_by_id(trusted, is_loaded),
            digests: Vec::new(),
            verified: Verified::default(),
            lines: Vec::new(),
            noted: 0,
        }
    }

    /// Returns the verdict, as `Err` if a check ends the verification early.
    pub(super) fn run(&mut self) -> VerifyResult<Pkcs7Verdict> {
        self.pkcs7_parse_message()?;
        // pkcs7_supply_detached_data() (crypto/asymmetric_keys/pkcs7_verify.c)
        if self.message.has_content {
            if !self.crypto.is_lacking(Behaviour::SigDataLine) {
                self.lines.extend(warning("PKCS7: Data already supplied"));
            }
            let line = err("PKCS#7 signature with non-detached data");
            return Err(Pkcs7Verdict::error(Errno::EBADMSG, "the message brings its own content", line));
        }
        let checked = self.pkcs7_verify()?;
        self.pkcs7_validate_trust(&checked)
    }

    /// Mirrors `pkcs7_verify()` (crypto/asymmetric_keys/pkcs7_verify.c).
    fn pkcs7_verify(&mut self) -> VerifyResult<Vec<CheckedSigner<'a>>> {
        let message = self.message;
        if message.content_type != Some(ContentType::Data) {
            let line = warning("PKCS7: Invalid module sig (not pkcs7-data)");
            return Err(Pkcs7Verdict::KeyRejected { line });
        }
        // Either all signers have attributes or none has. The kernel checks this before it computes a digest or looks for a
        // key.
        if let Some(SignerInfo { authattrs: Some(_), signature_algorithm, .. }) = message.signers.first() {
            let ml_dsa = matches!(signature_algorithm, Some(SignatureAlgorithm::MlDsa(_)));
            let is_waivable = ml_dsa && self.crypto.support(CryptoAlgorithm::MlDsa) == Support::Available;
            if is_waivable && self.crypto.waives_authattrs() != Some(false) {
                return unable("ML-DSA with authenticated attributes");
            }
            let line = warning("PKCS7: Invalid module sig (has authattrs)");
            return Err(Pkcs7Verdict::KeyRejected { line });
        }
        let mut checked = Vec::with_capacity(message.signers.len());
        for (signer, number) in message.signers.iter().zip(1..) {
            checked.push(self.pkcs7_verify_one(signer, number)?);
        }
        match checked.iter().find(|one| one.digest.is_none()) {
            Some(missing) if checked.iter().all(|one| one.digest.is_none()) => {
                Err(Pkcs7Verdict::NoPkg { what: missing.algorithm.to_string() })
            }
            _ => Ok(checked),
        }
    }

    /// Mirrors `pkcs7_verify_one()` (crypto/asymmetric_keys/pkcs7_verify.c).
    fn pkcs7_verify_one(&mut self, signer: &'a SignerInfo, number: usize) -> VerifyResult<CheckedSigner<'a>> {
        let Some(Ok(algorithm)) = signer.digest else { return unable("a digest algorithm") };
        let mut checked = CheckedSigner { signer, algorithm, digest: None, certificate: None };
        if matches!(signer.signature_algorithm, Some(SignatureAlgorithm::MlDsa(_))) {
            // ML-DSA computes the digest of the data itself.
            checked.digest = Some(Some([].into()));
        } else {
            match self.crypto.support(CryptoAlgorithm::Digest(algorithm)) {
                Support::Available | Support::Unknown => {}
                Support::NotBuilt | Support::Unrecognised => return Ok(checked),
            }
            checked.digest = Some(self.digest_of_module(algorithm));
        }
        // pkcs7_find_key() (crypto/asymmetric_keys/pkcs7_verify.c)
        let Some((index, embedded)) =
            self.by_id.get(&signer.key_id[..]).and_then(|index| Some((*index, self.certificates.get(*index)?)))
        else {
            return Ok(checked);
        };
        let key = &embedded.certificate.public_key;
        if !same_family(key, signer.signature_algorithm.as_ref()) {
            return unable(format!("signer {number}, whose certificate in the message is of another algorithm"));
        }
        checked.certificate = Some(index);
        match verify_signer(self.crypto, &mut self.verified, key, &checked) {
            KeyCheck::Good => {}
            KeyCheck::Bad(errno) => return Err(Pkcs7Verdict::error(errno, "signature", None)),
            KeyCheck::Unable => return unable(key.name()),
        }
        self.pkcs7_verify_sig_chain(checked.certificate, number)?;
        Ok(checked)
    }

    /// Mirrors `pkcs7_verify_sig_chain()` (crypto/asymmetric_keys/pkcs7_verify.c).
    ///
    /// The kernel walks each signer's chain to its end. Where another signer's chain was found good, nothing new is found, so the
    /// walk ends there.
    fn pkcs7_verify_sig_chain(&mut self, first: Option<usize>, number: usize) -> VerifyResult {
        let mut walked = Vec::new();
        let mut current = first;
        while let Some((index, embedded)) = current.and_then(|index| Some((index, self.certificates.get_mut(index)?)))
            && !embedded.is_chain_good
        {
            embedded.walked_by = number;
            walked.push(index);
            current = if embedded.self_signed { Some(index) } else { self.verified_issuer(index, number)? };
            if let Some(embedded) = self.certificates.get_mut(index).filter(|_| current.is_some()) {
                embedded.signer = current;
            }
            if current == Some(index) {
                break;
            }
        }
        for index in walked {
            self.certificates.get_mut(index).into_iter().for_each(|embedded| embedded.is_chain_good = true);
        }
        Ok(())
    }

    /// The certificate in the message that signed another one there, after its signature was verified. `number` is that of the signer
    /// whose chain it is.
    fn verified_issuer(&mut self, index: usize, number: usize) -> VerifyResult<Option<usize>> {
        let Some(embedded) = self.certificates.get(index) else { return Ok(None) };
        let Certificate { akid, akid_issuer_serial, .. } = &embedded.certificate;
        let parent = match (akid_issuer_serial, akid) {
            (Some(id), _) => self.by_id.get(id),
            (None, Some(skid)) => self.by_skid.get(skid),
            (None, None) => None,
        };
        let Some((parent, issuer)) = parent.and_then(|parent| Some((*parent, self.certificates.get(*parent)?))) else {
            return Ok(None);
        };
        if akid_issuer_serial.is_some() && akid.is_some() && issuer.certificate.skid != *akid {
            let text =
                format!("PKCS7: Sig {number}: X.509 chain contains auth-skid nonmatch ({}->{})", index + 1, parent + 1);
            return Err(Pkcs7Verdict::KeyRejected { line: warning(text) });
        }
        if issuer.walked_by == number {
            return unable("a loop in the chain of the message's certificates");
        }
        match verify_certificate(self.crypto, &mut self.verified, &issuer.certificate.public_key, &embedded.certificate)
        {
            KeyCheck::Good => Ok(Some(parent)),
            KeyCheck::Bad(errno) => Err(Pkcs7Verdict::error(errno, "certificate chain", None)),
            KeyCheck::Unable => unable("the chain of the message's certificates"),
        }
    }

    /// A digest of the module, computed once for all signers.
    fn digest_of_module(&mut self, algorithm: DigestAlgorithm) -> Computed {
        if let Some((_, known)) = self.digests.iter().find(|(known, _)| *known == algorithm) {
            return known.clone();
        }
        let computed: Computed = digest(algorithm, self.data).map(Rc::from);
        self.digests.push((algorithm, computed.clone()));
        computed
    }
}

/// Ends the verification, because gplok cannot verify `what`.
fn unable<T>(what: impl Into<String>) -> VerifyResult<T> {
    Err(Pkcs7Verdict::Unable { what: what.into() })
}
