//! Which algorithms the verification of a signature needs.

use std::collections::{HashMap, HashSet};

use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::x509::{Certificate, Curve, Pkcs7, PublicKey, SignatureAlgorithm, SignerInfo};

/// All algorithms that the verdict may depend on, sorted.
pub(in crate::load) fn needed(message: &Pkcs7, trusted: &[Certificate]) -> Vec<CryptoAlgorithm> {
    let mut needed = Vec::new();
    for signer in message.signers.iter().chain(&message.unfinished) {
        needed.extend(signer.digest.iter().flatten().map(|digest| CryptoAlgorithm::Digest(*digest)));
        needed.extend(signer.signature_algorithm.iter().filter_map(signature_family));
        if let Some(SignatureAlgorithm::Ecdsa(digest)) = signer.signature_algorithm {
            needed.push(CryptoAlgorithm::Digest(digest));
        }
    }
    if !trusted.is_empty() {
        let signers = message.signers.iter().chain(&message.unfinished);
        let key_ids: HashSet<&[u8]> = signers.map(|signer| &signer.key_id[..]).collect();
        let is_signer = |known: &&Certificate| ids(known).any(|id| key_ids.contains(&id[..]));
        needed.extend(trusted.iter().filter(is_signer).filter_map(|known| key_family(&known.public_key)));
    }
    for certificate in message.certificates.iter().filter_map(|embedded| Certificate::parse_der(&embedded.der).ok()) {
        needed.extend(key_family(&certificate.public_key));
        needed.extend(certificate.signature_algorithm.map(|(_, digest)| CryptoAlgorithm::Digest(digest)));
    }
    needed.sort();
    needed.dedup();
    needed
}

/// The algorithm of the first signer's key, if the kernel has the algorithms of none of the signers' keys. It tells by the trusted
/// certificate of a signer, or by the kind of its signature.
pub(super) fn unusable_key(message: &Pkcs7, trusted: &[Certificate], crypto: &Crypto) -> Option<CryptoAlgorithm> {
    let is_unusable =
        |family: &CryptoAlgorithm| matches!(crypto.support(*family), Support::NotBuilt | Support::Unrecognised);
    let unusable = |known: &Certificate| key_family(&known.public_key).filter(is_unusable);
    let keys = keys_by_id(trusted, |known| unusable(known).is_some());
    let of_signer = |signer: &SignerInfo| {
        let key = keys.get(&signer.key_id[..]).and_then(|key| unusable(trusted.get(*key)?));
        key.or_else(|| signer.signature_algorithm.as_ref().and_then(signature_family).filter(is_unusable))
    };
    let mut all = message.signers.iter().map(of_signer);
    let first = all.next()?;
    if all.all(|other| other.is_some()) { first } else { None }
}

/// The identifiers of a certificate: see [`Certificate::has_id`].
fn ids(certificate: &Certificate) -> impl Iterator<Item = Vec<u8>> {
    certificate.skid.clone().into_iter().chain([certificate.id()])
}

/// The first of the certificates that `counts` with each identifier.
pub(super) fn keys_by_id(trusted: &[Certificate], counts: impl Fn(&Certificate) -> bool) -> HashMap<Vec<u8>, usize> {
    let mut first = HashMap::new();
    for (index, certificate) in trusted.iter().enumerate().filter(|(_, certificate)| counts(certificate)) {
        for id in ids(certificate) {
            first.entry(id).or_insert(index);
        }
    }
    first
}

/// The algorithm that a signature of this kind needs.
pub(super) fn signature_family(algorithm: &SignatureAlgorithm) -> Option<CryptoAlgorithm> {
    Some(match algorithm {
        SignatureAlgorithm::Rsa => CryptoAlgorithm::Rsa,
        SignatureAlgorithm::Ecdsa(_) => CryptoAlgorithm::Ecdsa,
        SignatureAlgorithm::MlDsa(_) => CryptoAlgorithm::MlDsa,
        SignatureAlgorithm::Sm2 => CryptoAlgorithm::Sm2,
        SignatureAlgorithm::Ecrdsa => CryptoAlgorithm::Ecrdsa,
        // No kernel up to 7.3 knows RSASSA-PSS.
        SignatureAlgorithm::RsaPss | SignatureAlgorithm::Other(_) => return None,
    })
}

/// The algorithm that a key of this kind needs.
pub(super) fn key_family(key: &PublicKey) -> Option<CryptoAlgorithm> {
    Some(match key {
        PublicKey::Rsa(_) => CryptoAlgorithm::Rsa,
        PublicKey::Ec(Curve::P521, _) => CryptoAlgorithm::EcdsaP521,
        PublicKey::Ec(Curve::P256 | Curve::P384, _) => CryptoAlgorithm::Ecdsa,
        PublicKey::Other(oid) => return SignatureAlgorithm::of_key(oid).as_ref().and_then(signature_family),
    })
}
