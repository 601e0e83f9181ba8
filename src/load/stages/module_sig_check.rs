//! The check of the module signature, and what the kernel does if the module is not signed as it should be.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::image::{AppendedSignature, MarkedSignature};
use crate::kernel::ConfigOption;
use crate::load::ModuleInitFlags;
use crate::load::run::Run;
use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::load::signature::verify_pkcs7::{
    Pkcs7Verdict, mod_check_sig, verify_pkcs7_assuming, verify_pkcs7_signature,
};
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, KernelLine, LineText, LogLevel, Missing};
use crate::x509::Certificate;
use crate::x509::DigestAlgorithm;
use crate::x509::distinguished_name::readable_signer;
use crate::x509::{Pkcs7, SignerId};

/// A failed verification.
struct Failure {
    errno: Errno,
    kind: FailureKind,
    /// The signer for an unknown key and an invalid signature, otherwise what is unsupported or malformed.
    what: String,
    /// The line that the kernel prints, if any.
    line: Option<KernelLine>,
}

/// What is wrong with a signature.
#[derive(Clone, Copy)]
enum FailureKind {
    Unsigned,
    UnknownKey,
    Unsupported,
    Invalid,
    Malformed,
}

impl Failure {
    /// The finding for this failure. `refused`: whether the kernel refuses the module for it.
    fn into_cause(self, run: &Run<'_>, refused: bool) -> Cause {
        let what = self.what;
        match self.kind {
            FailureKind::Unsigned => unsigned(run),
            FailureKind::UnknownKey => unknown_key(run, what, refused),
            FailureKind::Unsupported => Cause::UnsupportedSignature { what, refused },
            FailureKind::Invalid => Cause::InvalidSignature { signer: what },
            FailureKind::Malformed => Cause::MalformedSignature { what },
        }
    }
}

/// Mirrors `module_sig_check()` (kernel/module/signing.c).
pub(in crate::load) fn module_sig_check(run: &mut Run<'_>) -> StageResult {
    if !run.config("MODULE_SIG")? {
        return Ok(());
    }
    let failure = match marked(run)? {
        None => Failure { errno: Errno::ENODATA, kind: FailureKind::Unsigned, what: String::new(), line: None },
        Some(marked) => {
            let len = marked.unmarked_len;
            match mod_verify_sig(run, &marked)? {
                Ok(()) => {
                    run.set_sig_ok();
                    return Ok(());
                }
                Err(failure) => {
                    truncate(run, len);
                    failure
                }
            }
        }
    };
    let line = failure.line.as_ref().map(|line| line.text.clone());
    if let Some(KernelLine { level, text }) = failure.line.clone() {
        run.printk(level, text);
    }
    if !run.has(Behaviour::SigReasons)? {
        return before_reasons(run, failure, line);
    }
    let reason = match failure.errno {
        Errno::ENODATA => "unsigned module",
        Errno::ENOPKG => "module with unsupported crypto",
        Errno::ENOKEY => "module with unavailable key",
        errno => {
            let cause = failure.into_cause(run, true);
            run.find(cause, line);
            return Err(Stop::Refused(errno));
        }
    };
    if is_module_sig_enforced(run)? {
        let loading = format!("Loading of {reason} is rejected");
        let loading = if run.has(Behaviour::SigReasonsPlain)? { loading } else { format!("(null): {loading}") };
        let cause = failure.into_cause(run, true);
        run.find(cause, Some(loading.clone().into()));
        run.notice(loading);
        return Err(Stop::Refused(Errno::EKEYREJECTED));
    }
    if failure.errno != Errno::ENODATA {
        let cause = failure.into_cause(run, false);
        run.find(cause, line);
    }
    locked_down(run)
}

/// Ends the check up to 5.3. These kernels print no reason, tolerate a missing key only, and treat an unsigned module as one
/// whose key is missing.
fn before_reasons(run: &mut Run<'_>, failure: Failure, line: Option<LineText>) -> StageResult {
    let errno = if failure.errno == Errno::ENODATA { Errno::ENOKEY } else { failure.errno };
    let tolerated = errno == Errno::ENOKEY && !is_module_sig_enforced(run)?;
    if failure.errno != Errno::ENODATA || !tolerated {
        let cause = failure.into_cause(run, !tolerated);
        run.find(cause, line);
    }
    if tolerated { Ok(()) } else { Err(Stop::Refused(errno)) }
}

/// The signature at the end of the file. Returns `None` if a flag tells the kernel that the module was changed after signing.
fn marked(run: &Run<'_>) -> StageResult<Option<MarkedSignature>> {
    let mangling = ModuleInitFlags::IGNORE_MODVERSIONS.with(ModuleInitFlags::IGNORE_VERMAGIC);
    let flags = run.insmod.flags;
    let ignored = flags.has(mangling) || (flags.0 != 0 && !run.has(Behaviour::SigIgnoreOnlyMangling)?);
    let own = run.bytes().is_same(run.image.contents());
    let signature = if own { run.image.signature().clone() } else { AppendedSignature::of(run.bytes()) };
    Ok(match signature {
        AppendedSignature::Marked(marked) if !ignored => Some(marked),
        _ => None,
    })
}

/// Mirrors the changes to `info->len`: it excludes the marker once the marker is found, and the signature once its header is
/// found good.
fn truncate(run: &mut Run<'_>, len: usize) {
    if len < run.bytes().len() {
        run.set_bytes(run.bytes().prefix(len));
    }
}

/// Mirrors `mod_verify_sig()` (kernel/module/signing.c).
fn mod_verify_sig(run: &mut Run<'_>, marked: &MarkedSignature) -> StageResult<Result<(), Failure>> {
    let message = match mod_check_sig(marked) {
        Ok(message) => message,
        Err((errno, line)) => {
            let what = "the header before the marker is not that of a PKCS#7 signature".to_owned();
            let kind = if errno == Errno::ENOPKG { FailureKind::Unsupported } else { FailureKind::Malformed };
            return Ok(Err(Failure { errno, kind, what, line }));
        }
    };
    let whole = run.bytes().clone();
    truncate(run, message.start);
    let pkcs7 = || Pkcs7::parse(whole.part(message.clone()).unwrap_or_default());
    let memo = run.call.memo;
    let crypto = || run.cached(&memo.crypto, Some(()), || Arc::new(crypto(run)));
    let known = run.call.kernel.certificates();
    let trusted = known.unwrap_or_default();
    let data = || whole.part(0..message.start).unwrap_or_default();
    let (mut verdict, signer) = run.cached(&memo.signatures, run.reading(), || {
        let pkcs7 = pkcs7();
        // Without a trusted certificate the verdict does not depend on the signed data.
        let data = if trusted.is_empty() { &[] } else { data() };
        (verify_pkcs7_signature(data, &pkcs7, trusted, &crypto()), signer(&pkcs7).into())
    });
    if known.is_none() && verdict == Pkcs7Verdict::NoKey {
        verdict = without_certificates(run, &signer)?;
    }
    if let Pkcs7Verdict::Undetermined { what } = &verdict {
        let support = if run.ask(Missing::Crypto(what.clone()))? { Support::Available } else { Support::NotBuilt };
        verdict = verify_pkcs7_assuming(data(), &pkcs7(), trusted, &crypto(), support);
    }
    Ok(match verdict {
        Pkcs7Verdict::Valid { .. } => Ok(()),
        Pkcs7Verdict::NoKey => {
            Err(Failure { errno: Errno::ENOKEY, kind: FailureKind::UnknownKey, what: signer.to_string(), line: None })
        }
        Pkcs7Verdict::NoPkg { what } => {
            Err(Failure { errno: Errno::ENOPKG, kind: FailureKind::Unsupported, what, line: None })
        }
        Pkcs7Verdict::KeyRejected { line } => {
            Err(Failure { errno: Errno::EKEYREJECTED, kind: FailureKind::Invalid, what: signer.to_string(), line })
        }
        Pkcs7Verdict::BadMessage { reason, line } => {
            Err(Failure { errno: Errno::EBADMSG, kind: FailureKind::Malformed, what: reason, line })
        }
        Pkcs7Verdict::Other { errno, reason, line } => {
            Err(Failure { errno, kind: FailureKind::Malformed, what: reason, line })
        }
        Pkcs7Verdict::Undetermined { what } => {
            // gplok cannot compute this scheme.
            let supported = run.ask(Missing::Crypto(what.clone()))?;
            let matches = run.ask(Missing::SignatureMatch)?;
            if !supported {
                Err(Failure { errno: Errno::ENOPKG, kind: FailureKind::Unsupported, what, line: None })
            } else if matches {
                Ok(())
            } else {
                let what = signer.to_string();
                Err(Failure { errno: Errno::EKEYREJECTED, kind: FailureKind::Invalid, what, line: None })
            }
        }
    })
}

/// The verdict where the certificates that the kernel trusts are unknown: asks whether it trusts the signer, and then whether
/// the signature is good.
fn without_certificates(run: &Run<'_>, signer: &Arc<str>) -> StageResult<Pkcs7Verdict> {
    if !run.ask(Missing::Signer(Arc::clone(signer)))? {
        return Ok(Pkcs7Verdict::NoKey);
    }
    if run.ask(Missing::SignatureMatch)? {
        return Ok(Pkcs7Verdict::Valid { certificate: 0 });
    }
    Ok(Pkcs7Verdict::KeyRejected { line: None })
}

/// The cryptography of the kernel: the algorithms of its configuration, without those that its source does not know yet.
fn crypto(run: &Run<'_>) -> Crypto {
    use DigestAlgorithm::{Sha3_256, Sha3_384, Sha3_512};
    let mut crypto = match run.call.kernel.config() {
        Some(config) => Crypto::from_config(|option| config.value_named(option)),
        None => Crypto::common(),
    };
    let dated = [
        (Behaviour::SigEcdsa, vec![CryptoAlgorithm::Ecdsa, CryptoAlgorithm::EcdsaP521]),
        (Behaviour::SigSha3, [Sha3_256, Sha3_384, Sha3_512].map(CryptoAlgorithm::Digest).to_vec()),
        (Behaviour::SigEcdsaP521, vec![CryptoAlgorithm::EcdsaP521]),
    ];
    for (behaviour, algorithms) in dated {
        let support = match run.known(behaviour) {
            Some(true) => continue,
            Some(false) => Support::Unrecognised,
            None => Support::Unknown,
        };
        for algorithm in algorithms {
            crypto.set(algorithm, support);
        }
    }
    crypto
}

/// Mirrors `is_module_sig_enforced()` (kernel/module/signing.c).
fn is_module_sig_enforced(run: &Run<'_>) -> StageResult<bool> {
    Ok(run.call.cmdline.sig_enforce || run.config("MODULE_SIG_FORCE")?)
}

/// Mirrors `security_locked_down(LOCKDOWN_MODULE_SIGNATURE)` (security/security.c).
fn locked_down(run: &mut Run<'_>) -> StageResult {
    if !run.call.cmdline.lockdown || !run.has(Behaviour::SigLockdown)? || !run.config("SECURITY_LOCKDOWN_LSM")? {
        return Ok(());
    }
    let comm = run.call.comm;
    let line = format!("Lockdown: {comm}: unsigned module loading is restricted; see man kernel_lockdown.7");
    run.say(Cause::LockedDown, LogLevel::Notice, line);
    Err(Stop::Refused(Errno::EPERM))
}

/// The first signer, as certificates name it.
fn signer(pkcs7: &Pkcs7) -> String {
    readable_signer(pkcs7.signers.first().map_or(&SignerId::Missing, |signer| &signer.id))
}

fn unsigned(run: &Run<'_>) -> Cause {
    let config = run.call.kernel.config().is_some_and(|config| config.is_set(ConfigOption("MODULE_SIG_FORCE")));
    let by = if run.call.cmdline.sig_enforce || !config { "module.sig_enforce=1" } else { "CONFIG_MODULE_SIG_FORCE=y" };
    Cause::UnsignedRejected { by: by.to_owned() }
}

fn unknown_key(run: &Run<'_>, signer: String, refused: bool) -> Cause {
    let trusted = run.call.kernel.certificates().unwrap_or_default().iter().map(Certificate::to_string).collect();
    Cause::UnknownKey { signer, trusted, refused }
}
