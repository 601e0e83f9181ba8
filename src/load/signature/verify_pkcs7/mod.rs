//! Is a module's signature good, and if not, what does the kernel return?
//!
//! Decides what `verify_pkcs7_signature()` decides for modules (certs/system_keyring.c, with pkcs7_verify.c and
//! pkcs7_trust.c in crypto/asymmetric_keys), in its order. What a bad signature means for the load is decided by
//! `module_sig_check()`, elsewhere.
//!
//! Deliberately absent: the blacklist and revocation keyrings, whose contents are in no file of a kernel.

mod verification;

use std::ops::Range;

use self::verification::Verification;
use crate::image::{MarkedSignature, SignatureInfo};
use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::terms::Errno;
use crate::verdict::{KernelLine, LineText, LogLevel};
use crate::x509::{Certificate, Curve, PublicKey};
use crate::x509::{Pkcs7, SignatureAlgorithm};

/// What `verify_pkcs7_signature()` says of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pkcs7Verdict {
    /// 0: signed by a trusted key.
    Valid {
        /// Which of the trusted certificates vouches for it.
        certificate: usize,
    },
    /// ENOKEY: nobody trusted vouches for it. Whether the module is as it was signed is never looked at.
    NoKey,
    /// ENOPKG: an algorithm the kernel lacks.
    NoPkg {
        /// Its name, or its identifier.
        what: String,
    },
    /// EKEYREJECTED: not what was signed, or not signed as the kernel wants it.
    KeyRejected {
        /// What the kernel prints, if anything.
        line: Option<KernelLine>,
    },
    /// EBADMSG: no such message.
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
    /// It depends on something that is not known here.
    Undetermined {
        /// What is missing.
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
    /// What `verify_pkcs7_signature()` returns: `None` when it cannot be said, `Some(None)` for success.
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

/// Mirrors `mod_check_sig()` (kernel/module_signature.c) behind the size check of `mod_verify_sig()`
/// (kernel/module/signing.c): the place of the message, or the errno and the line printed.
///
/// On success the kernel's `info->len` becomes the start of that range; else it stays `unmarked_len`.
pub fn mod_check_sig(marked: &MarkedSignature) -> Result<Range<usize>, (Errno, Option<KernelLine>)> {
    let (Some(info), Some(message)) = (marked.info, marked.message.clone()) else { return Err((Errno::EBADMSG, None)) };
    if info.id_type != SignatureInfo::PKEY_ID_PKCS7 {
        return Err((Errno::ENOPKG, err("module: not signed with expected PKCS#7 message")));
    }
    let SignatureInfo { algo: 0, hash: 0, signer_len: 0, key_id_len: 0, pad: [0, 0, 0], .. } = info else {
        let line = err("module: PKCS#7 signature info has unexpected non-zero params");
        return Err((Errno::EBADMSG, line));
    };
    Ok(message)
}

/// Mirrors `verify_pkcs7_signature()` for VERIFYING_MODULE_SIGNATURE: does a trusted certificate vouch for `data`?
///
/// Where the kernel's cryptography is unknown, the verdict is given if it is the same with and without.
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

/// The verdict, were all that is unknown of the kernel's cryptography there, or none of it.
pub(in crate::load) fn verify_pkcs7_assuming(
    data: &[u8],
    message: &Pkcs7,
    trusted: &[Certificate],
    crypto: &Crypto,
    support: Support,
) -> Pkcs7Verdict {
    verify(data, message, trusted, &crypto.assuming(&needed(message, trusted), support))
}

/// Every algorithm that the verdict may depend on.
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
