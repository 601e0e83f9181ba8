//! Checking one signature with one key. Good signatures are checked once.

use std::collections::HashSet;
use std::rc::Rc;

use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::load::signature::public_key::{KeyCheck, digest, public_key_verify_signature};
use crate::load::signature::verify_pkcs7::algorithms::key_family;
use crate::terms::Errno;
use crate::x509::{Certificate, CertificateSignature, DigestAlgorithm, PublicKey, SignatureAlgorithm, SignerInfo};

/// A digest of the module; `None` if gplok cannot compute it, which matters only where a key is there.
pub(super) type Computed = Option<Rc<[u8]>>;

/// A signer after `pkcs7_verify_one()`.
pub(super) struct CheckedSigner<'a> {
    pub signer: &'a SignerInfo,
    pub algorithm: DigestAlgorithm,
    /// `None` if the kernel lacks the algorithm (`sinfo->unsupported_crypto`).
    pub digest: Option<Computed>,
    /// `sinfo->signer`: the index of its certificate in the message.
    pub certificate: Option<usize>,
}

/// The longest keys and signatures that are kept, in bytes: those of RSA with 4096 bits have about 520.
const KEPT: usize = 1024;

/// The signatures that were found good. A message may bring one many times; a bad one ends the verification.
#[derive(Default)]
pub(in super::super) struct Verified {
    good: HashSet<CheckedSignature>,
    /// How many signatures were verified.
    #[cfg(test)]
    pub computed: usize,
}

/// A key, what it has signed, and the signature.
type CheckedSignature = (PublicKey, DigestAlgorithm, Vec<u8>, Vec<u8>);

/// Verifies the signer's signature over the digest of the module with a key.
pub(super) fn verify_signer(
    crypto: &Crypto,
    verified: &mut Verified,
    key: &PublicKey,
    checked: &CheckedSigner<'_>,
) -> KeyCheck {
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
pub(super) fn verify_certificate(
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
pub(super) fn same_family(key: &PublicKey, algorithm: Option<&SignatureAlgorithm>) -> bool {
    matches!(
        (key, algorithm),
        (PublicKey::Rsa(_), Some(SignatureAlgorithm::Rsa)) | (PublicKey::Ec(..), Some(SignatureAlgorithm::Ecdsa(_)))
    )
}
