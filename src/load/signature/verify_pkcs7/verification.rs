//! One call of `verify_pkcs7_signature()` (certs/system_keyring.c) in a kernel whose cryptography is known.
//!
//! The methods are named after the kernel functions that they mirror.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::algorithms::{key_family, keys_by_id, signature_family};
use super::pkcs7_verdict::{Pkcs7Verdict, err, warning};
use crate::history::Behaviour;
use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::load::signature::public_key::{KeyCheck, digest, public_key_verify_signature};
use crate::terms::Errno;
use crate::verdict::KernelLine;
use crate::x509::DigestAlgorithm;
use crate::x509::asn1;
use crate::x509::{Certificate, CertificateErrorKind, CertificateSignature, PublicKey};
use crate::x509::{ContentType, Pkcs7, Pkcs7Fault, SignatureAlgorithm, SignerInfo};

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

/// A digest of the module; `None` if gplok cannot compute it, which matters only where a key is there.
type Computed = Option<Rc<[u8]>>;

/// The longest keys and signatures that are kept, in bytes: those of RSA with 4096 bits have about 520.
const KEPT: usize = 1024;

/// The signatures that were found good. A message may bring one many times; a bad one ends the verification.
#[derive(Default)]
pub(super) struct Verified {
    good: HashSet<CheckedSignature>,
    /// How many signatures were verified.
    #[cfg(test)]
    pub computed: usize,
}

/// A key, what it has signed, and the signature.
type CheckedSignature = (PublicKey, DigestAlgorithm, Vec<u8>, Vec<u8>);

/// A signer after `pkcs7_verify_one()`.
struct CheckedSigner<'a> {
    signer: &'a SignerInfo,
    algorithm: DigestAlgorithm,
    /// `None` if the kernel lacks the algorithm (`sinfo->unsupported_crypto`).
    digest: Option<Computed>,
    /// `sinfo->signer`: the index of its certificate in the message.
    certificate: Option<usize>,
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

    /// Mirrors `pkcs7_parse_message()` (crypto/asymmetric_keys/pkcs7_parser.c) as far as it depends on the kernel: the first
    /// algorithm that the kernel does not know ends the parsing.
    fn pkcs7_parse_message(&mut self) -> VerifyResult {
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
    fn note_oids(&mut self, end: usize) {
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
    fn print_unsupported(&mut self, kind: &str) {
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

    /// Mirrors `pkcs7_validate_trust()` (crypto/asymmetric_keys/pkcs7_trust.c).
    fn pkcs7_validate_trust(&mut self, checked: &[CheckedSigner<'_>]) -> VerifyResult<Pkcs7Verdict> {
        for embedded in &mut self.certificates {
            embedded.seen = false;
        }
        let mut verdict = Pkcs7Verdict::NoKey;
        for one in checked {
            match self.pkcs7_validate_trust_one(one)? {
                Pkcs7Verdict::NoKey => {}
                unsupported @ Pkcs7Verdict::NoPkg { .. } if verdict == Pkcs7Verdict::NoKey => verdict = unsupported,
                Pkcs7Verdict::NoPkg { .. } => {}
                // The verdict names the trusted certificate of the first good signer.
                valid if !matches!(verdict, Pkcs7Verdict::Valid { .. }) => verdict = valid,
                _ => {}
            }
        }
        Ok(verdict)
    }

    /// Mirrors `pkcs7_validate_trust_one()` (crypto/asymmetric_keys/pkcs7_trust.c).
    fn pkcs7_validate_trust_one(&mut self, checked: &CheckedSigner<'_>) -> VerifyResult<Pkcs7Verdict> {
        if checked.digest.is_none() {
            return Ok(Pkcs7Verdict::NoPkg { what: checked.algorithm.to_string() });
        }
        // Look for a trusted certificate among those in the message, from the signer upwards.
        let mut current = checked.certificate;
        let mut below = None;
        while let Some((index, embedded)) = current.and_then(|index| Some((index, self.certificates.get_mut(index)?))) {
            if embedded.seen {
                return Ok(match embedded.verified {
                    Some(certificate) => Pkcs7Verdict::Valid { certificate },
                    None => Pkcs7Verdict::NoKey,
                });
            }
            embedded.seen = true;
            let Some(embedded) = self.certificates.get(index) else { break };
            let skid = embedded.certificate.skid.as_deref();
            if let Ok(key) = self.find_asymmetric_key(Some(&embedded.certificate.id()), skid)? {
                return self.matched(checked, below, key, Some(index));
            }
            if embedded.signer == Some(index) {
                return Ok(Pkcs7Verdict::NoKey);
            }
            below = Some(index);
            current = embedded.signer;
        }
        // Look for the issuer of the last of them.
        if let Some(embedded) = below.and_then(|index| self.certificates.get(index)) {
            let Certificate { akid, akid_issuer_serial, .. } = &embedded.certificate;
            if akid.is_some() || akid_issuer_serial.is_some() {
                match self.find_asymmetric_key(akid_issuer_serial.as_deref(), akid.as_deref())? {
                    Ok(key) => return self.matched(checked, below, key, below),
                    Err(Errno::ENOKEY) => {}
                    Err(errno) => {
                        return Err(Pkcs7Verdict::error(errno, "issuer of a certificate in the message", None));
                    }
                }
            }
        }
        // Look for the signer itself. A module that the kernel's build signs has no certificates, so this alone decides.
        match self.find_asymmetric_key(Some(&checked.signer.key_id), None)? {
            Ok(key) => self.matched(checked, None, key, None),
            Err(Errno::ENOKEY) => Ok(Pkcs7Verdict::NoKey),
            Err(errno) => Err(Pkcs7Verdict::error(errno, "no identifier of the signer's key", None)),
        }
    }

    /// Mirrors the label `matched` of `pkcs7_validate_trust_one()`.
    ///
    /// The trusted key `key` has to verify what it vouches for: the certificate `vouched` in the message, or the module. Any
    /// failure gives the errno EKEYREJECTED. On success the certificates from the signer's up to `verified_to` are marked as
    /// verified.
    fn matched(
        &mut self,
        checked: &CheckedSigner<'_>,
        vouched: Option<usize>,
        key: usize,
        verified_to: Option<usize>,
    ) -> VerifyResult<Pkcs7Verdict> {
        let Some(trusted) = self.trusted.get(key) else { return Ok(Pkcs7Verdict::NoKey) };
        let check = match vouched.and_then(|index| self.certificates.get(index)) {
            Some(embedded) => {
                verify_certificate(self.crypto, &mut self.verified, &trusted.public_key, &embedded.certificate)
            }
            None => verify_signer(self.crypto, &mut self.verified, &trusted.public_key, checked),
        };
        match check {
            KeyCheck::Good => {}
            KeyCheck::Bad(_) => return Err(Pkcs7Verdict::rejected()),
            KeyCheck::Unable => return unable(trusted.public_key.name()),
        }
        let mut current = checked.certificate.filter(|_| verified_to.is_some());
        while let Some(embedded) = current.and_then(|index| self.certificates.get_mut(index)) {
            embedded.verified = Some(key);
            current = if current == verified_to { None } else { embedded.signer };
        }
        Ok(Pkcs7Verdict::Valid { certificate: key })
    }

    /// Mirrors `find_asymmetric_key()` (crypto/asymmetric_keys/asymmetric_type.c) among the keys that this
    /// kernel has loaded. Returns the index of the trusted certificate, or the errno as the inner `Err`.
    fn find_asymmetric_key(&self, id_0: Option<&[u8]>, id_1: Option<&[u8]>) -> VerifyResult<Result<usize, Errno>> {
        let Some(lookup) = id_0.or(id_1) else { return Ok(Err(Errno::EINVAL)) };
        if lookup.is_empty() {
            // asymmetric_key_hex_to_key_id() rejects an empty string.
            return Ok(Err(Errno::EINVAL));
        }
        let found = self.trusted_by_id.get(lookup).and_then(|index| Some((*index, self.trusted.get(*index)?)));
        let Some((index, certificate)) = found else { return Ok(Err(Errno::ENOKEY)) };
        let has_other_skid = id_0.is_some() && id_1.is_some() && certificate.skid.as_deref() != id_1;
        Ok(if has_other_skid { Err(Errno::EKEYREJECTED) } else { Ok(index) })
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

/// Verifies the signer's signature over the digest of the module with a key.
fn verify_signer(crypto: &Crypto, verified: &mut Verified, key: &PublicKey, checked: &CheckedSigner<'_>) -> KeyCheck {
    let SignerInfo { signature_algorithm, signature, .. } = checked.signer;
    if !matches!(key, PublicKey::Other(_)) && !same_family(key, signature_algorithm.as_ref()) {
        return KeyCheck::Bad(Errno::EKEYREJECTED);
    }
    match &checked.digest {
        Some(Some(digest)) => verify_digest(crypto, verified, key, (checked.algorithm, digest), signature),
        Some(None) | None => KeyCheck::Unable,
    }
}

/// Verifies the signature of a certificate with a key.
fn verify_certificate(
    crypto: &Crypto,
    verified: &mut Verified,
    key: &PublicKey,
    certificate: &Certificate,
) -> KeyCheck {
    let Some((family, algorithm)) = certificate.signature_algorithm else { return KeyCheck::Unable };
    let is_same_family = match (key, family) {
        (PublicKey::Rsa(_), CertificateSignature::Rsa) | (PublicKey::Ec(..), CertificateSignature::Ecdsa) => true,
        (PublicKey::Other(_), _) => return KeyCheck::Unable,
        _ => false,
    };
    if !is_same_family {
        return KeyCheck::Bad(Errno::EKEYREJECTED);
    }
    if crypto.support(CryptoAlgorithm::Digest(algorithm)) != Support::Available {
        return KeyCheck::Unable;
    }
    match digest(algorithm, &certificate.tbs) {
        Some(digest) => verify_digest(crypto, verified, key, (algorithm, &digest), &certificate.signature),
        None => KeyCheck::Unable,
    }
}

/// Verifies a signature over a digest with a key.
fn verify_digest(
    crypto: &Crypto,
    verified: &mut Verified,
    key: &PublicKey,
    (algorithm, digest): (DigestAlgorithm, &[u8]),
    signature: &[u8],
) -> KeyCheck {
    // crypto_alloc_sig() finds no such algorithm.
    if let Some(Support::NotBuilt | Support::Unrecognised) = key_family(key).map(|family| crypto.support(family)) {
        return KeyCheck::Bad(Errno::ENOENT);
    }
    let (PublicKey::Rsa(encoded) | PublicKey::Ec(_, encoded)) = key else { return KeyCheck::Unable };
    if encoded.len().max(signature.len()) > KEPT {
        return public_key_verify_signature(key, algorithm, digest, signature);
    }
    let checked = (key.clone(), algorithm, digest.to_vec(), signature.to_vec());
    if verified.good.contains(&checked) {
        return KeyCheck::Good;
    }
    #[cfg(test)]
    {
        verified.computed += 1;
    }
    let check = public_key_verify_signature(key, algorithm, digest, signature);
    if check == KeyCheck::Good {
        verified.good.insert(checked);
    }
    check
}

/// Returns whether a key is for signatures of this algorithm.
fn same_family(key: &PublicKey, algorithm: Option<&SignatureAlgorithm>) -> bool {
    matches!(
        (key, algorithm),
        (PublicKey::Rsa(_), Some(SignatureAlgorithm::Rsa)) | (PublicKey::Ec(..), Some(SignatureAlgorithm::Ecdsa(_)))
    )
}

/// Ends the verification, because gplok cannot verify `what`.
fn unable<T>(what: impl Into<String>) -> VerifyResult<T> {
    Err(Pkcs7Verdict::Unable { what: what.into() })
}
