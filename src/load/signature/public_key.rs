//! The verification of a signature over a digest with a public key, and the algorithms that it uses.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};
use sha1::Digest;

use crate::terms::Errno;
use crate::x509::DigestAlgorithm;
use crate::x509::asn1::{self, Asn1Fault, Asn1Reader};
use crate::x509::{Curve, PublicKey};

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) enum KeyCheck {
    /// The signature is good.
    Good,
    /// The signature is bad, or the key is unusable. The errno matters only if the key is in the message.
    Bad(Errno),
    /// gplok cannot compute this kind of signature.
    Unable,
}

/// The digest of some data. `None` if gplok cannot compute it.
pub(in crate::load) fn digest(algorithm: DigestAlgorithm, data: &[u8]) -> Option<Vec<u8>> {
    Some(match algorithm {
        DigestAlgorithm::Sha1 => sha1::Sha1::digest(data).to_vec(),
        DigestAlgorithm::Sha224 => sha2::Sha224::digest(data).to_vec(),
        DigestAlgorithm::Sha256 => sha2::Sha256::digest(data).to_vec(),
        DigestAlgorithm::Sha384 => sha2::Sha384::digest(data).to_vec(),
        DigestAlgorithm::Sha512 => sha2::Sha512::digest(data).to_vec(),
        DigestAlgorithm::Sha3_256 => sha3::Sha3_256::digest(data).to_vec(),
        DigestAlgorithm::Sha3_384 => sha3::Sha3_384::digest(data).to_vec(),
        DigestAlgorithm::Sha3_512 => sha3::Sha3_512::digest(data).to_vec(),
        DigestAlgorithm::Md4
        | DigestAlgorithm::Md5
        | DigestAlgorithm::Shake256
        | DigestAlgorithm::Sm3
        | DigestAlgorithm::Streebog256
        | DigestAlgorithm::Streebog512 => return None,
    })
}

/// Mirrors `public_key_verify_signature()` (crypto/asymmetric_keys/public_key.c). The caller has checked that the key is for
/// signatures of this algorithm.
pub(in crate::load) fn public_key_verify_signature(
    key: &PublicKey,
    algorithm: DigestAlgorithm,
    digest: &[u8],
    signature: &[u8],
) -> KeyCheck {
    let errno = match key {
        PublicKey::Rsa(encoded) => rsa_verify(encoded, algorithm, digest, signature),
        PublicKey::Ec(curve, point) => ecdsa_verify(*curve, point, digest, signature),
        PublicKey::Other(_) => return KeyCheck::Unable,
    };
    match errno {
        Ok(()) => KeyCheck::Good,
        Err(None) => KeyCheck::Unable,
        Err(Some(errno)) => KeyCheck::Bad(errno),
    }
}

/// The result of an algorithm. `Err` has the errno, or `None` if the libraries reject a key that the kernel may accept.
type Verified = Result<(), Option<Errno>>;

impl From<Asn1Fault> for KeyFault {
    fn from(_: Asn1Fault) -> Self {
        Self
    }
}

/// The encoding of a key or a signature is invalid.
struct KeyFault;

/// Reads two integers in a sequence: an RSA public key (crypto/rsapubkey.asn1) or an ECDSA signature
/// (crypto/ecdsasignature.asn1).
fn two_integers(encoded: &[u8]) -> Result<(&[u8], &[u8]), KeyFault> {
    let mut reader = Asn1Reader::new(encoded);
    let sequence = reader.enter(asn1::SEQUENCE)?;
    let first = reader.primitive(asn1::INTEGER)?.bytes;
    let second = reader.primitive(asn1::INTEGER)?.bytes;
    reader.leave(sequence)?;
    Ok((first, second))
}

/// Mirrors `rsassa_pkcs1_verify()` (crypto/rsassa-pkcs1.c) and, before 6.13, `pkcs1pad_verify()` (crypto/rsa-pkcs1pad.c).
fn rsa_verify(encoded: &[u8], algorithm: DigestAlgorithm, digest: &[u8], signature: &[u8]) -> Verified {
    let (n, e) = two_integers(encoded).map_err(|KeyFault| Some(Errno::EINVAL))?;
    let n = BigUint::from_bytes_be(n);
    let e = BigUint::from_bytes_be(e);
    // rsa_check_key_length() (crypto/rsa.c) rejects the shorter ones only in FIPS mode.
    let size = n.bits().div_ceil(8);
    if ![64, 128, 192, 256, 384, 512].contains(&size) || signature.len() != size {
        return Err(Some(Errno::EINVAL));
    }
    let key = RsaPublicKey::new_with_max_size(n, e, 4096).map_err(|_| None)?;
    let signature = BigUint::from_bytes_be(signature);
    if signature >= *key.n() {
        return Err(Some(Errno::EINVAL));
    }
    // _rsa_enc() (crypto/rsa.c) refuses 0 and 1 with EINVAL in 6.12, not in 6.1. When that came is not known.
    if signature <= BigUint::from(1_u32) {
        return Err(None);
    }
    let decrypted = power(&signature, key.e(), key.n()).to_bytes_be();
    // The padded digest is 00 01 FF .. FF 00 DigestInfo. The number has no leading zero byte.
    if decrypted.len() == size {
        return Err(Some(Errno::EINVAL));
    }
    let [0x01, padded @ ..] = &decrypted[..] else { return Err(Some(Errno::EBADMSG)) };
    if decrypted.len() + 1 != size {
        return Err(Some(Errno::EBADMSG));
    }
    let padding = padded.iter().take_while(|byte| **byte == 0xff).count();
    let Some([0x00, info @ ..]) = padded.get(padding..) else { return Err(Some(Errno::EBADMSG)) };
    if padding < 8 {
        return Err(Some(Errno::EBADMSG));
    }
    let hash = info.strip_prefix(&digest_info_prefix(algorithm, digest)[..]).ok_or(Some(Errno::EBADMSG))?;
    if hash == digest { Ok(()) } else { Err(Some(Errno::EKEYREJECTED)) }
}

/// Returns `base` to the power of a public exponent, with one squaring for each bit. Public exponents are short and mostly
/// zeros; the library's function is made for exponents as long as the modulus.
fn power(base: &BigUint, exponent: &BigUint, modulus: &BigUint) -> BigUint {
    let mut result = BigUint::from(1_u32);
    let bits = exponent.to_bytes_be().into_iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 != 0));
    for is_set in bits.skip_while(|is_set| !is_set) {
        result = &result * &result % modulus;
        if is_set {
            result = result * base % modulus;
        }
    }
    result
}

/// Mirrors `rsa_digest_info_*` (crypto/rsassa-pkcs1.c): the bytes of a DigestInfo before the digest.
fn digest_info_prefix(algorithm: DigestAlgorithm, digest: &[u8]) -> Vec<u8> {
    let byte = |len: usize| u8::try_from(len).unwrap_or(u8::MAX);
    let oid = algorithm.oid();
    let mut prefix = vec![asn1::SEQUENCE, byte(oid.len() + digest.len() + 8), asn1::SEQUENCE, byte(oid.len() + 4)];
    prefix.extend([asn1::OBJECT_IDENTIFIER, byte(oid.len())]);
    prefix.extend(oid);
    prefix.extend([0x05, 0x00, asn1::OCTET_STRING, byte(digest.len())]);
    prefix
}

/// Mirrors `ecdsa_x962_verify()` (crypto/ecdsa-x962.c), which calls `ecdsa_verify()` (crypto/ecdsa.c).
fn ecdsa_verify(curve: Curve, point: &[u8], digest: &[u8], signature: &[u8]) -> Verified {
    // The kernel accepts only uncompressed points.
    if point.first() != Some(&0x04) {
        return Err(Some(Errno::EINVAL));
    }
    let (r, s) = two_integers(signature).map_err(|KeyFault| Some(Errno::EBADMSG))?;
    macro_rules! verify {
        ($curve:ident, $size:literal) => {{
            let scalar = |bytes: &[u8]| field::<$size>(bytes).ok_or(Some(Errno::EINVAL));
            let r = scalar(r)?;
            let s = scalar(s)?;
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| Some(Errno::EINVAL))?;
            let both = [r, s].concat();
            let signature = $curve::ecdsa::Signature::from_slice(&both).map_err(|_| Some(Errno::EBADMSG))?;
            // A digest shorter than the field is a smaller number. The library requires it with its leading zeros.
            let padded = field::<$size>(digest).map_or_else(|| digest.to_vec(), |padded| padded.to_vec());
            key.verify_prehash(&padded, &signature).map_err(|_| Some(Errno::EKEYREJECTED))
        }};
    }
    match curve {
        Curve::P256 => verify!(p256, 32),
        Curve::P384 => verify!(p384, 48),
        Curve::P521 => verify!(p521, 66),
    }
}

/// Returns a number in as many bytes as the field has. Mirrors `ecdsa_get_signature_rs()` (crypto/ecdsa-x962.c): one extra zero
/// byte is the sign of an ASN.1 INTEGER, and is dropped.
fn field<const SIZE: usize>(bytes: &[u8]) -> Option<[u8; SIZE]> {
    let bytes = match bytes {
        [] => return None,
        [0, rest @ ..] if rest.len() == SIZE => rest,
        bytes => bytes,
    };
    let mut padded = [0; SIZE];
    padded.get_mut(SIZE.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(padded)
}
