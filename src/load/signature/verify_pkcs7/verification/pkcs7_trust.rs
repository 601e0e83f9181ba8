//! Looking for a trusted key that vouches for a signer.

use super::checks::{CheckedSigner, verify_certificate, verify_signer};
use super::{Verification, VerifyResult, unable};
use crate::load::signature::public_key::KeyCheck;
use crate::load::signature::verify_pkcs7::pkcs7_verdict::Pkcs7Verdict;
use crate::terms::Errno;
use crate::x509::Certificate;

impl Verification<'_> {
    /// Mirrors `pkcs7_validate_trust()` (crypto/asymmetric_keys/pkcs7_trust.c).
    pub(super) fn pkcs7_validate_trust(&mut self, checked: &[CheckedSigner<'_>]) -> VerifyResult<Pkcs7Verdict> {
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
}
