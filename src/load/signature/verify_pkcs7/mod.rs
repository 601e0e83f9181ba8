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
use self::algorithms::unusable_key;
use self::pkcs7_verdict::err;
use self::verification::Verification;
use crate::image::{MarkedSignature, SignatureInfo};
use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::terms::Errno;
use crate::verdict::KernelLine;
use crate::x509::{Certificate, Pkcs7};

/// What is wrong with the header of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderFault {
    /// What `mod_verify_sig()` returns.
    pub errno: Errno,
    /// What is wrong.
    pub what: String,
    /// What the kernel prints, if anything.
    pub line: Option<KernelLine>,
}

/// Mirrors the size check of `mod_verify_sig()` (kernel/module/signing.c) and `mod_check_sig()` (kernel/module_signature.c).
///
/// Returns the range of the message in the file, or what is wrong. On success the kernel's `info->len` becomes the start of that
/// range; otherwise it remains `unmarked_len`.
pub fn mod_check_sig(marked: &MarkedSignature) -> Result<Range<usize>, HeaderFault> {
    let fault = |errno: Errno, what: String, line: Option<KernelLine>| Err(HeaderFault { errno, what, line });
    let Some(info) = marked.info else {
        let what = format!("the file has only {} bytes before the marker", marked.unmarked_len);
        return fault(Errno::EBADMSG, what, None);
    };
    let Some(message) = marked.message.clone() else {
        let left = marked.unmarked_len.saturating_sub(SignatureInfo::SIZE);
        let what =
            format!("its header gives {} bytes for the message, and the file has {left} before it", info.sig_len);
        return fault(Errno::EBADMSG, what, None);
    };
    if info.id_type != SignatureInfo::PKEY_ID_PKCS7 {
        let name = match info.id_type {
            0 => " (OpenPGP)",
            1 => " (X.509)",
            _ => "",
        };
        let what = format!("identifier type {}{name} instead of 2 (PKCS#7)", info.id_type);
        return fault(Errno::ENOPKG, what, err("module: not signed with expected PKCS#7 message"));
    }
    let SignatureInfo { algo: 0, hash: 0, signer_len: 0, key_id_len: 0, pad: [0, 0, 0], .. } = info else {
        let what = "its header has values other than zero in fields that PKCS#7 does not use".to_owned();
        return fault(Errno::EBADMSG, what, err("module: PKCS#7 signature info has unexpected non-zero params"));
    };
    Ok(message)
}

/// Mirrors `verify_pkcs7_signature()` (certs/system_keyring.c) for VERIFYING_MODULE_SIGNATURE: checks whether a trusted
/// certificate vouches for `data`.
///
/// If the kernel may or may not have a needed algorithm, the verdict is certain only if it is equal in all cases.
pub fn verify_pkcs7_signature(data: &[u8], message: &Pkcs7, trusted: &[Certificate], crypto: &Crypto) -> Pkcs7Verdict {
    verify_pkcs7_with_lines(data, message, trusted, crypto).verdict
}

/// [`verify_pkcs7_signature()`], and what the kernel prints on the way to the verdict.
pub(in crate::load) fn verify_pkcs7_with_lines(
    data: &[u8],
    message: &Pkcs7,
    trusted: &[Certificate],
    crypto: &Crypto,
) -> Checked {
    let needed = needed(message, trusted);
    let unknown: Vec<_> = needed.iter().filter(|algorithm| crypto.support(**algorithm) == Support::Unknown).collect();
    if unknown.is_empty() {
        return verify(data, message, trusted, crypto);
    }
    let [with, without, unrecognised] = [Support::Available, Support::NotBuilt, Support::Unrecognised]
        .map(|support| verify(data, message, trusted, &crypto.assuming(&needed, support)));
    let is_same = |one: &Checked| one.verdict == with.verdict && one.lines == with.lines;
    if is_same(&without) && is_same(&unrecognised) {
        return Checked { unusable: None, ..with };
    }
    let names: Vec<_> = unknown.iter().map(ToString::to_string).collect();
    Pkcs7Verdict::Undetermined { what: names.join(", ") }.into()
}

/// The verdict under the assumption that all needed algorithms whose support is unknown have this support.
pub(in crate::load) fn verify_pkcs7_assuming(
    data: &[u8],
    message: &Pkcs7,
    trusted: &[Certificate],
    crypto: &Crypto,
    support: Support,
) -> Checked {
    verify(data, message, trusted, &crypto.assuming(&needed(message, trusted), support))
}

/// The result of a verification.
#[derive(Clone, Debug)]
pub(in crate::load) struct Checked {
    pub verdict: Pkcs7Verdict,
    /// What the kernel prints before.
    pub lines: Vec<KernelLine>,
    /// The algorithm of the signer's key, if the kernel does not have it: then it cannot use that key, whether it is trusted or not.
    pub unusable: Option<CryptoAlgorithm>,
}

impl From<Pkcs7Verdict> for Checked {
    fn from(verdict: Pkcs7Verdict) -> Self {
        Self { verdict, lines: Vec::new(), unusable: None }
    }
}

/// The verdict for a kernel whose cryptography is known.
fn verify(data: &[u8], message: &Pkcs7, trusted: &[Certificate], crypto: &Crypto) -> Checked {
    let mut verification = Verification::new(data, message, trusted, crypto);
    let verdict = verification.run().unwrap_or_else(|verdict| verdict);
    let unusable = unusable_key(message, trusted, crypto);
    Checked { verdict, lines: verification.lines, unusable }
}

#[cfg(test)]
mod tests;
