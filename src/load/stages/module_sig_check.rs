//! The signature: mirrors `module_sig_check()` and `mod_verify_sig()`, kernel/module/signing.c.

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

/// What verifying came to, when it is not success: the errno and what to say of it.
struct Failure {
    errno: Errno,
    cause: fn(String, &Run<'_>, bool) -> Cause,
    what: String,
    line: Option<KernelLine>,
}

pub(in crate::load) fn module_sig_check(run: &mut Run<'_>) -> StageResult {
    if !run.config("MODULE_SIG")? {
        return Ok(());
    }
    let failure = match marked(run)? {
        None => Failure { errno: Errno::ENODATA, cause: unsigned, what: String::new(), line: None },
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
        return before_reasons(run, &failure, line);
    }
    let reason = match failure.errno {
        Errno::ENODATA => "unsigned module",
        Errno::ENOPKG => "module with unsupported crypto",
        Errno::ENOKEY => "module with unavailable key",
        errno => {
            run.find((failure.cause)(failure.what, run, true), line);
            return Err(Stop::Refused(errno));
        }
    };
    if is_module_sig_enforced(run)? {
        let loading = format!("Loading of {reason} is rejected");
        let loading = if run.has(Behaviour::SigReasonsPlain)? { loading } else { format!("(null): {loading}") };
        run.find((failure.cause)(failure.what, run, true), Some(loading.clone().into()));
        run.notice(loading);
        return Err(Stop::Refused(Errno::EKEYREJECTED));
    }
    if failure.errno != Errno::ENODATA {
        run.find((failure.cause)(failure.what, run, false), line);
    }
    locked_down(run)
}

/// Up to 5.3 nothing was explained, only a missing key was tolerated, and an unsigned module counted as that.
fn before_reasons(run: &mut Run<'_>, failure: &Failure, line: Option<LineText>) -> StageResult {
    let errno = if failure.errno == Errno::ENODATA { Errno::ENOKEY } else { failure.errno };
    let tolerated = errno == Errno::ENOKEY && !is_module_sig_enforced(run)?;
    if failure.errno != Errno::ENODATA || !tolerated {
        run.find((failure.cause)(failure.what.clone(), run, !tolerated), line);
    }
    if tolerated { Ok(()) } else { Err(Stop::Refused(errno)) }
}

/// The signature at the end, unless a flag says that the module is no longer what was signed.
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

/// Mirrors what happens to `info->len`: without the marker once it was seen, without the signature once its header was good.
fn truncate(run: &mut Run<'_>, len: usize) {
    if len < run.bytes().len() {
        run.set_bytes(run.bytes().prefix(len));
    }
}

fn mod_verify_sig(run: &mut Run<'_>, marked: &MarkedSignature) -> StageResult<Result<(), Failure>> {
    let message = match mod_check_sig(marked) {
        Ok(message) => message,
        Err((errno, line)) => {
            let what = "the header before the marker is not that of a PKCS#7 signature".to_owned();
            let cause = if errno == Errno::ENOPKG { unsupported } else { malformed };
            return Ok(Err(Failure { errno, cause, what, line }));
        }
    };
    let whole = run.bytes().clone();
    truncate(run, message.start);
    let pkcs7 = || Pkcs7::parse(whole.part(message.clone()).unwrap_or_default());
    let (crypto_of_kernel, known) = (run.call.memo.crypto(run, || crypto(run)), run.call.kernel.certificates());
    let trusted = known.unwrap_or_default();
    let data = || whole.part(0..message.start).unwrap_or_default();
    let (mut verdict, signer) = run.call.memo.signature(run, || {
        let pkcs7 = pkcs7();
        // Where nothing is trusted, nobody looks at what was signed.
        let data = if trusted.is_empty() { &[] } else { data() };
        (verify_pkcs7_signature(data, &pkcs7, trusted, &crypto_of_kernel), signer(&pkcs7).into())
    });
    if known.is_none() && verdict == Pkcs7Verdict::NoKey {
        verdict = without_certificates(run, &signer)?;
    }
    if let Pkcs7Verdict::Undetermined { what } = &verdict {
        let support = if run.ask(Missing::Crypto(what.clone()))? { Support::Available } else { Support::NotBuilt };
        verdict = verify_pkcs7_assuming(data(), &pkcs7(), trusted, &crypto_of_kernel, support);
    }
    Ok(match verdict {
        Pkcs7Verdict::Valid { .. } => Ok(()),
        Pkcs7Verdict::NoKey => {
            Err(Failure { errno: Errno::ENOKEY, cause: unknown_key, what: signer.to_string(), line: None })
        }
        Pkcs7Verdict::NoPkg { what } => Err(Failure { errno: Errno::ENOPKG, cause: unsupported, what, line: None }),
        Pkcs7Verdict::KeyRejected { line } => {
            Err(Failure { errno: Errno::EKEYREJECTED, cause: invalid, what: signer.to_string(), line })
        }
        Pkcs7Verdict::BadMessage { reason, line } => {
            Err(Failure { errno: Errno::EBADMSG, cause: malformed, what: reason, line })
        }
        Pkcs7Verdict::Other { errno, reason, line } => Err(Failure { errno, cause: malformed, what: reason, line }),
        Pkcs7Verdict::Undetermined { what } => {
            // A scheme that gplok does not compute itself.
            match (run.ask(Missing::Crypto(what.clone()))?, run.ask(Missing::SignatureMatch)?) {
                (false, _) => Err(Failure { errno: Errno::ENOPKG, cause: unsupported, what, line: None }),
                (true, true) => Ok(()),
                (true, false) => {
                    Err(Failure { errno: Errno::EKEYREJECTED, cause: invalid, what: signer.to_string(), line: None })
                }
            }
        }
    })
}

/// Nobody said what the kernel trusts: either the signer, and then the signature is taken for good, or not.
fn without_certificates(run: &Run<'_>, signer: &Arc<str>) -> StageResult<Pkcs7Verdict> {
    if !run.ask(Missing::Signer(Arc::clone(signer)))? {
        return Ok(Pkcs7Verdict::NoKey);
    }
    if run.ask(Missing::SignatureMatch)? {
        return Ok(Pkcs7Verdict::Valid { certificate: 0 });
    }
    Ok(Pkcs7Verdict::KeyRejected { line: None })
}

/// What the kernel can compute: its configuration, less what its source did not know yet.
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
        let known = run.known(behaviour);
        let support = match known {
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

fn is_module_sig_enforced(run: &Run<'_>) -> StageResult<bool> {
    Ok(run.call.cmdline.sig_enforce || run.config("MODULE_SIG_FORCE")?)
}

/// Mirrors `security_locked_down(LOCKDOWN_MODULE_SIGNATURE)`.
fn locked_down(run: &mut Run<'_>) -> StageResult {
    if !run.call.cmdline.lockdown || !run.has(Behaviour::SigLockdown)? || !run.config("SECURITY_LOCKDOWN_LSM")? {
        return Ok(());
    }
    let comm = run.call.comm;
    let line = format!("Lockdown: {comm}: unsigned module loading is restricted; see man kernel_lockdown.7");
    run.say(Cause::LockedDown, LogLevel::Notice, line);
    Err(Stop::Refused(Errno::EPERM))
}

/// Who signed, as certificates name it.
fn signer(pkcs7: &Pkcs7) -> String {
    readable_signer(pkcs7.signers.first().map_or(&SignerId::Missing, |signer| &signer.id))
}

fn unsigned(_: String, run: &Run<'_>, _: bool) -> Cause {
    let config = run.call.kernel.config().is_some_and(|config| config.is_set(ConfigOption("MODULE_SIG_FORCE")));
    let by = if run.call.cmdline.sig_enforce || !config { "module.sig_enforce=1" } else { "CONFIG_MODULE_SIG_FORCE=y" };
    Cause::UnsignedRejected { by: by.to_owned() }
}

fn unknown_key(signer: String, run: &Run<'_>, refused: bool) -> Cause {
    let trusted = run.call.kernel.certificates().unwrap_or_default().iter().map(Certificate::to_string).collect();
    Cause::UnknownKey { signer, trusted, refused }
}

fn unsupported(what: String, _: &Run<'_>, refused: bool) -> Cause {
    Cause::UnsupportedSignature { what, refused }
}

fn invalid(signer: String, _: &Run<'_>, _: bool) -> Cause {
    Cause::InvalidSignature { signer }
}

fn malformed(what: String, _: &Run<'_>, _: bool) -> Cause {
    Cause::MalformedSignature { what }
}
