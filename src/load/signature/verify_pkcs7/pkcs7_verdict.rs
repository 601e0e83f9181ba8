//! How the verification of a signature ends.

use crate::terms::Errno;
use crate::verdict::{KernelLine, LineText, LogLevel};

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
    /// The result depends on whether the kernel has an algorithm, which is not known.
    Undetermined {
        /// The algorithm.
        what: String,
    },
    /// gplok cannot compute the result.
    Unable {
        /// What it cannot verify.
        what: String,
    },
}

pub(super) fn err(text: impl Into<LineText>) -> Option<KernelLine> {
    Some(KernelLine::new(LogLevel::Err, text))
}

pub(super) fn warning(text: impl Into<LineText>) -> Option<KernelLine> {
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
            Self::Undetermined { .. } | Self::Unable { .. } => return None,
        })
    }

    pub(super) fn rejected() -> Self {
        Self::KeyRejected { line: None }
    }

    pub(super) fn error(errno: Errno, reason: impl Into<String>, line: Option<KernelLine>) -> Self {
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
