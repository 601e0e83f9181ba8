//! The check of the module signature, and what the kernel does if the module is not signed as it should be.

use std::sync::Arc;

use crate::history::{Behaviour, Registered};
use crate::image::{AppendedSignature, MarkedSignature};
use crate::kernel::{ConfigOption, Kernel};
use crate::load::ModuleInitFlags;
use crate::load::run::Run;
use crate::load::signature::crypto::{Crypto, CryptoAlgorithm, Support};
use crate::load::signature::verify_pkcs7::{
    Checked, HeaderFault, Pkcs7Verdict, mod_check_sig, needed, verify_pkcs7_assuming, verify_pkcs7_with_lines,
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
    if !run.module_sig()? {
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
    let ignored =
        !run.is_mangled() && (flags.has(mangling) || (flags.0 != 0 && !run.has(Behaviour::SigIgnoreOnlyMangling)?));
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
        Err(HeaderFault { errno, what, line }) => {
            let kind = if errno == Errno::ENOPKG { FailureKind::Unsupported } else { FailureKind::Malformed };
            return Ok(Err(Failure { errno, kind, what, line }));
        }
    };
    let whole = run.bytes().clone();
    truncate(run, message.start);
    let pkcs7 = || Pkcs7::parse(whole.part(message.clone()).unwrap_or_default());
    let memo = run.call.memo;
    let known = run.call.kernel.certificates();
    let trusted = known.unwrap_or_default();
    let data = || whole.part(0..message.start).unwrap_or_default();
    let (mut checked, signer) = run.try_cached(&memo.signatures, run.reading(), || {
        let pkcs7 = pkcs7();
        let crypto = crypto_for(run, &pkcs7, trusted)?;
        // Without a trusted certificate the verdict does not depend on the signed data.
        let data = if trusted.is_empty() { &[] } else { data() };
        Ok((verify_pkcs7_with_lines(data, &pkcs7, trusted, &crypto), signer(&pkcs7).into()))
    })?;
    if let Pkcs7Verdict::Undetermined { what } = &checked.verdict {
        let support = if run.ask(Missing::Crypto(what.clone()))? { Support::Available } else { Support::NotBuilt };
        let pkcs7 = pkcs7();
        let crypto = crypto_for(run, &pkcs7, trusted)?;
        checked = verify_pkcs7_assuming(data(), &pkcs7, trusted, &crypto, support);
    }
    let Checked { mut verdict, lines, unusable } = checked;
    let has_platform = !lines.is_empty() && verdict == Pkcs7Verdict::NoKey && asks_platform_keyring(run)?;
    let again = if has_platform { lines.clone() } else { Vec::new() };
    for KernelLine { level, text } in lines.into_iter().chain(again) {
        run.printk(level, text);
    }
    if verdict == Pkcs7Verdict::NoKey {
        verdict = match known {
            None => by_key_that_may_be_there(run, Missing::Signer(Arc::clone(&signer)), unusable)?,
            Some(_) if run.call.kernel.has_given_certificates() => verdict,
            Some(_) => in_other_keyrings(run, &signer, unusable)?,
        };
    }
    Ok(match verdict {
        Pkcs7Verdict::Valid { .. } if run.is_mangled() => {
            let (kind, what) = (FailureKind::Invalid, signer.to_string());
            Err(Failure { errno: Errno::EKEYREJECTED, kind, what, line: None })
        }
        Pkcs7Verdict::Valid { .. } => Ok(()),
        Pkcs7Verdict::NoKey => {
            let (kind, what) = of_key(FailureKind::UnknownKey, unusable, &signer);
            Err(Failure { errno: Errno::ENOKEY, kind, what, line: None })
        }
        Pkcs7Verdict::NoPkg { what } => {
            Err(Failure { errno: Errno::ENOPKG, kind: FailureKind::Unsupported, what, line: None })
        }
        // The kernel says what the message must not have. Whether it fits the module is not looked at.
        Pkcs7Verdict::KeyRejected { line: Some(line) } => {
            let what = line.text.to_string().trim_start_matches("PKCS7: ").to_owned();
            Err(Failure { errno: Errno::EKEYREJECTED, kind: FailureKind::Malformed, what, line: Some(line) })
        }
        Pkcs7Verdict::KeyRejected { line: None } => {
            let (kind, what) = of_key(FailureKind::Invalid, unusable, &signer);
            Err(Failure { errno: Errno::EKEYREJECTED, kind, what, line: None })
        }
        Pkcs7Verdict::BadMessage { reason, line } => {
            Err(Failure { errno: Errno::EBADMSG, kind: FailureKind::Malformed, what: reason, line })
        }
        Pkcs7Verdict::Other { errno, reason, line } => {
            Err(Failure { errno, kind: FailureKind::Malformed, what: reason, line })
        }
        Pkcs7Verdict::Undetermined { what } | Pkcs7Verdict::Unable { what } => {
            if !run.is_mangled() && run.ask(Missing::Verification(what))? {
                Ok(())
            } else {
                let what = signer.to_string();
                Err(Failure { errno: Errno::EKEYREJECTED, kind: FailureKind::Invalid, what, line: None })
            }
        }
    })
}

/// What is wrong with a signature whose key is not there or does not fit: perhaps that the kernel cannot use a key of that
/// algorithm.
fn of_key(kind: FailureKind, unusable: Option<CryptoAlgorithm>, signer: &str) -> (FailureKind, String) {
    match unusable {
        Some(algorithm) => (FailureKind::Unsupported, format!("a key for {algorithm}")),
        None => (kind, signer.to_owned()),
    }
}

/// The verdict where no certificate in the kernel's image is that of the signer, but other keyrings may have it: those of the
/// machine's owner and of the firmware, which no file shows. With such a key, a signature that does not fit the module is
/// refused, and without it only the taint tells.
fn in_other_keyrings(run: &Run<'_>, signer: &Arc<str>, unusable: Option<CryptoAlgorithm>) -> StageResult<Pkcs7Verdict> {
    let config = run.call.kernel.config();
    let may_be_set = |name| config.is_none_or(|config| config.state(ConfigOption(name)) != Some(false));
    let has_machine_keyring = may_be_set("INTEGRITY_MACHINE_KEYRING")
        && may_be_set("SECONDARY_TRUSTED_KEYRING")
        && run.has(Behaviour::SigMachineKeyring)?;
    let has_platform_keyring = may_be_set("INTEGRITY_PLATFORM_KEYRING") && run.has(Behaviour::SigPlatformKeyring)?;
    if has_machine_keyring || has_platform_keyring {
        by_key_that_may_be_there(run, Missing::FirmwareKeys(Arc::clone(signer)), unusable)
    } else {
        Ok(Pkcs7Verdict::NoKey)
    }
}

/// Returns whether the kernel verifies a signature by an unknown key once more, with the keys of the firmware.
fn asks_platform_keyring(run: &Run<'_>) -> StageResult<bool> {
    Ok(run.has(Behaviour::SigPlatformKeyring)? && run.config("INTEGRITY_PLATFORM_KEYRING")?)
}

/// The verdict where no file tells whether the kernel has the signer's key: asks that (`has_key`), and then whether the signature
/// is good. No signature is good by a key whose algorithm the kernel does not have.
fn by_key_that_may_be_there(
    run: &Run<'_>,
    has_key: Missing,
    unusable: Option<CryptoAlgorithm>,
) -> StageResult<Pkcs7Verdict> {
    if !run.ask(has_key)? {
        return Ok(Pkcs7Verdict::NoKey);
    }
    if unusable.is_none() && !run.is_mangled() && run.ask(Missing::SignatureMatch)? {
        return Ok(Pkcs7Verdict::Valid { certificate: 0 });
    }
    Ok(Pkcs7Verdict::KeyRejected { line: None })
}

/// Algorithms whose identifiers the kernel's source knows since a date, or until one.
const DATED: [(Behaviour, &[CryptoAlgorithm]); 6] = {
    use DigestAlgorithm::{Md4, Md5, Sha1, Sha3_256, Sha3_384, Sha3_512};
    [
        (Behaviour::SigEcdsa, &[CryptoAlgorithm::Ecdsa, CryptoAlgorithm::EcdsaP521]),
        (Behaviour::SigEcdsaP521, &[CryptoAlgorithm::EcdsaP521]),
        (Behaviour::SigMd5, &[CryptoAlgorithm::Digest(Md4), CryptoAlgorithm::Digest(Md5)]),
        (Behaviour::SigSha1, &[CryptoAlgorithm::Digest(Sha1)]),
        (
            Behaviour::SigSha3,
            &[CryptoAlgorithm::Digest(Sha3_256), CryptoAlgorithm::Digest(Sha3_384), CryptoAlgorithm::Digest(Sha3_512)],
        ),
        (Behaviour::SigMlDsa, &[CryptoAlgorithm::MlDsa]),
    ]
};

/// The cryptography of the kernel, as far as the verification of a message needs it: the algorithms of its configuration, without
/// those whose identifiers its source does not know.
fn crypto_for(run: &Run<'_>, pkcs7: &Pkcs7, trusted: &[Certificate]) -> StageResult<Arc<Crypto>> {
    let needed = needed(pkcs7, trusted);
    let registered: Vec<_> = pkcs7.identifiers.iter().map(|noted| Registered::of(pkcs7.contents_of(*noted))).collect();
    let mut crypto = run.cached(&run.call.memo.crypto, Some(()), || Arc::new(crypto(run.call.kernel)));
    for (behaviour, algorithms) in DATED {
        let is_needed = algorithms.iter().any(|algorithm| needed.contains(algorithm));
        if (is_needed || registered.contains(&Registered::With(behaviour))) && !run.has(behaviour)? {
            let crypto = Arc::make_mut(&mut crypto);
            crypto.set_lacking(behaviour);
            for algorithm in algorithms {
                crypto.set(*algorithm, Support::Unrecognised);
            }
        }
    }
    if registered.iter().any(|registered| *registered != Registered::Always) {
        Arc::make_mut(&mut crypto).set_numbers(run.call.memo.oid_numbers(run.call.kernel));
    }
    if pkcs7.has_content && !run.has(Behaviour::SigDataLine)? {
        Arc::make_mut(&mut crypto).set_lacking(Behaviour::SigDataLine);
    }
    Ok(crypto)
}

fn crypto(kernel: &Kernel) -> Crypto {
    match kernel.config().filter(|config| config.is_whole()) {
        Some(config) => Crypto::from_config(|option| config.value_named(option)),
        None => Crypto::common(),
    }
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
