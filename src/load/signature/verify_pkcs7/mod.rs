//! The verification of a module's signature.
//!
//! Mirrors `verify_pkcs7_signature()` for modules (certs/system_keyring.c, with pkcs7_verify.c and pkcs7_trust.c in
//! crypto/asymmetric_keys), with its checks in the kernel's order. The stage `module_sig_check()` decides what a bad signature
//! means for the load.
//!
//! The blacklist and revocation keyrings are left out, because no file of a kernel tells their contents.

mod verification;

use std::ops::Range;

use self::verification::Verification;
use crate::image::{MarkedSignature, SignatureInfo};
use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::terms::Errno;
use crate::verdict::{KernelLine, LineText, LogLevel};
use crate::x509::{Certificate, Curve, PublicKey};
use crate::x509::{Pkcs7, SignatureAlgorithm};

/// The result of `verify_pkcs7_signature()` for a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pkcs7Verdict {
    /// 0: signed by a trusted key.
    Valid {
        /// The index of the trusted certificate that vouches for it.
        certificate: usize,
    },
    /// ENOKEY: no trusted certificate vouches for it. The kernel does not check whether the module was changed.
    NoKey,
    /// ENOPKG: the kernel lacks an algorithm.
    NoPkg {
        /// Its name, or its identifier.
        what: String,
    },
    /// EKEYREJECTED: the module was changed, or was not signed in the way that the kernel requires.
    KeyRejected {
        /// What the kernel prints, if anything.
        line: Option<KernelLine>,
    },
    /// EBADMSG: it is not a PKCS#7 message that the kernel can parse.
    BadMessage {
        /// Why.
        reason: String,
        /// What the kernel prints, if anything.
        line: Option<KernelLine>,
    },
    /// Some other errno.
    Other {
        /// The errno.
        errno: Errno,
        /// Why.
        reason: String,
        /// What the kernel prints, if anything.
        line: Option<KernelLine>,
    },
    /// The result depends on something unknown.
    Undetermined {
        /// What is unknown.
        what: String,
    },
}

fn err(text: impl Into<LineText>) -> Option<KernelLine> {
    Some(KernelLine::new(LogLevel::Err, text))
}

fn warning(text: impl Into<LineText>) -> Option<KernelLine> {
    Some(KernelLine::new(LogLevel::Warn, text))
}

impl Pkcs7Verdict {
    /// What `verify_pkcs7_signature()` returns: `None` if it is unknown, `Some(None)` for success.
    pub fn errno(&self) -> Option<Option<Errno>> {
        Some(match self {
            Self::Valid { .. } => None,
            Self::NoKey => Some(Errno::ENOKEY),
            Self::NoPkg { .. } => Some(Errno::ENOPKG),
            Self::KeyRejected { .. } => Some(Errno::EKEYREJECTED),
            Self::BadMessage { .. } => Some(Errno::EBADMSG),
            Self::Other { errno, .. } => Some(*errno),
            Self::Undetermined { .. } => return None,
        })
    }

    fn rejected() -> Self {
        Self::KeyRejected { line: None }
    }

    fn error(errno: Errno, reason: impl Into<String>, line: Option<KernelLine>) -> Self {
        let reason = reason.into();
        match errno {
            Errno::EKEYREJECTED => Self::KeyRejected { line },
            Errno::ENOKEY => Self::NoKey,
            Errno::ENOPKG => Self::NoPkg { what: reason },
            Errno::EBADMSG => Self::BadMessage { reason, line },
            errno => Self::Other { errno, reason, line },
        }
    }
}

/// Mirrors the size check of `mod_verify_sig()` (kernel/module/signing.c) and `mod_check_sig()` (kernel/module_signature.c).
///
/// Returns the range of the message in the file, or the errno and the line that the kernel prints. On success the kernel's
/// `info->len` becomes the start of that range; otherwise it remains `unmarked_len`.
pub fn mod_check_sig(marked: &MarkedSignature) -> Result<Range<usize>, (Errno, Option<KernelLine>)> {
    let Some(info) = marked.info else { return Err((Errno::EBADMSG, None)) };
    let Some(message) = marked.message.clone() else { return Err((Errno::EBADMSG, None)) };
    if info.id_type != SignatureInfo::PKEY_ID_PKCS7 {
        return Err((Errno::ENOPKG, err("module: not signed with expected PKCS#7 message")));
    }
    let SignatureInfo { algo: 0, hash: 0, signer_len: 0, key_id_len: 0, pad: [0, 0, 0], .. } = info else {
        let line = err("module: PKCS#7 signature info has unexpected non-zero params");
        return Err((Errno::EBADMSG, line));
    };
    Ok(message)
}

/// Mirrors `verify_pkcs7_signature()` (certs/system_keyring.c) for VERIFYING_MODULE_SIGNATURE: checks whether a trusted
/// certificate vouches for `data`.
///
/// If the kernel may or may not have a needed algorithm, the verdict is certain only if it is equal in all cases.
pub fn verify_pkcs7_signature(data: &[u8], message: &Pkcs7, trusted: &[Certificate], crypto: &Crypto) -> Pkcs7Verdict {
    let needed = needed(message, trusted);
    let unknown: Vec<_> = needed.iter().filter(|algorithm| crypto.support(**algorithm) == Support::Unknown).collect();
    if unknown.is_empty() {
        return verify(data, message, trusted, crypto);
    }
    let [with, without, unrecognised] = [Support::Available, Support::NotBuilt, Support::Unrecognised]
        .map(|support| verify(data, message, trusted, &crypto.assuming(&needed, support)));
    if with == without && without == unrecognised {
        return with;
    }
    let names: Vec<_> = unknown.iter().map(ToString::to_string).collect();
    Pkcs7Verdict::Undetermined { what: format!("whether the kernel has {}", names.join(", ")) }
}

/// The verdict under the assumption that all needed algorithms whose support is unknown have this support.
pub(in crate::load) fn verify_pkcs7_assuming(
    data: &[u8],
    message: &Pkcs7,
    trusted: &[Certificate],
    crypto: &Crypto,
    support: Support,
) -> Pkcs7Verdict {
    verify(data, message, trusted, &crypto.assuming(&needed(message, trusted), support))
}

/// All algorithms that the verdict may depend on, sorted.
fn needed(message: &Pkcs7, trusted: &[Certificate]) -> Vec<CryptoAlgorithm> {
    let mut needed = Vec::new();
    for signer in message.signers.iter().chain(&message.unfinished) {
        needed.extend(signer.digest.iter().flatten().map(|digest| CryptoAlgorithm::Digest(*digest)));
        needed.extend(signer.signature_algorithm.iter().filter_map(signature_family));
        let keys = trusted.iter().filter(|certificate| certificate.has_id(&signer.key_id));
        needed.extend(keys.filter_map(|certificate| key_family(&certificate.public_key)));
    }
    for certificate in message.certificates.iter().filter_map(|embedded| Certificate::parse_der(&embedded.der).ok()) {
        needed.extend(key_family(&certificate.public_key));
        needed.extend(certificate.signature_algorithm.map(|(_, digest)| CryptoAlgorithm::Digest(digest)));
    }
    needed.sort();
    needed.dedup();
    needed
}

/// The algorithm that a signature of this kind needs.
fn signature_family(algorithm: &SignatureAlgorithm) -> Option<CryptoAlgorithm> {
    Some(match algorithm {
        SignatureAlgorithm::Rsa => CryptoAlgorithm::Rsa,
        SignatureAlgorithm::Ecdsa(_) => CryptoAlgorithm::Ecdsa,
        SignatureAlgorithm::MlDsa(_) => CryptoAlgorithm::MlDsa,
        SignatureAlgorithm::RsaPss => CryptoAlgorithm::RsaPss,
        SignatureAlgorithm::Sm2 => CryptoAlgorithm::Sm2,
        SignatureAlgorithm::Ecrdsa => CryptoAlgorithm::Ecrdsa,
        SignatureAlgorithm::Other(_) => return None,
    })
}

/// The algorithm that a key of this kind needs.
fn key_family(key: &PublicKey) -> Option<CryptoAlgorithm> {
    Some(match key {
        PublicKey::Rsa(_) => CryptoAlgorithm::Rsa,
        PublicKey::Ec(Curve::P521, _) => CryptoAlgorithm::EcdsaP521,
        PublicKey::Ec(Curve::P256 | Curve::P384, _) => CryptoAlgorithm::Ecdsa,
        PublicKey::Other(_) => return None,
    })
}

/// The verdict for a kernel whose cryptography is known.
fn verify(data: &[u8], message: &Pkcs7, trusted: &[Certificate], crypto: &Crypto) -> Pkcs7Verdict {
    Verification::new(data, message, trusted, crypto).run().unwrap_or_else(|verdict| verdict)
}

#[cfg(test)]
mod tests;
