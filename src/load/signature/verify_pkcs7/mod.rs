//! The verification of a module's signature.
//!
//! Mirrors `verify_pkcs7_signature()` for modules (certs/system_keyring.c, with pkcs7_verify.c and pkcs7_trust.c in
//! crypto/asymmetric_keys), with its checks in the kernel's order. The stage `module_sig_check()` decides what a bad signature
//! means for the load.
//!
//! The blacklist and revocation keyrings are left out, because no file of a kernel tells their contents.

mod algorithms;
mod pkcs7_verdict;
mod verification;

pub use pkcs7_verdict::Pkcs7Verdict;

use std::ops::Range;

pub(in crate::load) use self::algorithms::needed;
use self::pkcs7_verdict::err;
use self::verification::Verification;
use crate::image::{MarkedSignature, SignatureInfo};
use crate::load::signature::crypto::{Crypto, Support};
use crate::terms::Errno;
use crate::verdict::KernelLine;
use crate::x509::{Certificate, Pkcs7};

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
    verify_pkcs7_with_lines(data, message, trusted, crypto).0
}

/// [`verify_pkcs7_signature()`], and what the kernel's parser prints about identifiers that it does not know.
pub(in crate::load) fn verify_pkcs7_with_lines(
    data: &[u8],
    message: &Pkcs7,
    trusted: &[Certificate],
    crypto: &Crypto,
) -> VerdictAndLines {
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
    (Pkcs7Verdict::Undetermined { what: names.join(", ") }, Vec::new())
}

/// The verdict under the assumption that all needed algorithms whose support is unknown have this support.
pub(in crate::load) fn verify_pkcs7_assuming(
    data: &[u8],
    message: &Pkcs7,
    trusted: &[Certificate],
    crypto: &Crypto,
    support: Support,
) -> VerdictAndLines {
    verify(data, message, trusted, &crypto.assuming(&needed(message, trusted), support))
}

/// A verdict and the lines that the kernel's parser prints before.
pub(in crate::load) type VerdictAndLines = (Pkcs7Verdict, Vec<KernelLine>);

/// The verdict for a kernel whose cryptography is known.
fn verify(data: &[u8], message: &Pkcs7, trusted: &[Certificate], crypto: &Crypto) -> VerdictAndLines {
    let mut verification = Verification::new(data, message, trusted, crypto);
    let verdict = verification.run().unwrap_or_else(|verdict| verdict);
    (verdict, verification.lines)
}

#[cfg(test)]
mod tests;
