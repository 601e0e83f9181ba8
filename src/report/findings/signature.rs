//! Findings about the signature.

use crate::report::topic::{Because, Heading, Wording};
use crate::report::wording::all;

const SIGN: &str = "sign it with a key the kernel trusts: scripts/sign-file sha256 KEY.priv CERT.x509 MODULE.ko, with the \
                    certificate enrolled (mokutil --import CERT.x509, then reboot) or built into the kernel";

pub(super) const UNSIGNED_REJECTED: Heading =
    Heading::fixed("no signature", include_str!("../explain/unsigned-rejected.md"));

pub(super) fn unsigned_rejected(by: &str) -> Wording {
    Wording::new(Because::and("the module carries no signature", format!("{by} demands one")), SIGN)
}

pub(super) const UNKNOWN_KEY: Heading =
    Heading::fixed("signed by an unknown key", include_str!("../explain/unknown-key.md"));

pub(super) fn unknown_key(signer: &str, trusted: &[String], refused: bool) -> Wording {
    let why = match (trusted, refused) {
        ([], true) => "the kernel trusts no certificate for modules, and signatures are enforced".to_owned(),
        ([], false) => {
            "the kernel trusts no certificate for modules: it loads the module as unsigned, with taint E".to_owned()
        }
        (trusted, true) => format!("the kernel trusts only {}, and signatures are enforced", all(trusted)),
        (trusted, false) => {
            format!("the kernel trusts only {}: it loads the module as unsigned, with taint E", all(trusted))
        }
    };
    let fix = if refused {
        "have the kernel trust the signer (mokutil --import CERT.x509, then reboot), or sign the module with a key it \
         trusts already"
    } else {
        "nothing, unless the taint matters; then have the kernel trust the signer (mokutil --import CERT.x509)"
    };
    Wording::new(Because::but(format!("the module is signed by {signer}"), why), fix)
}

pub(super) const UNSUPPORTED_SIGNATURE: Heading =
    Heading::fixed("unsupported signature", include_str!("../explain/unsupported-signature.md"));

pub(super) fn unsupported_signature(what: &str, refused: bool) -> Wording {
    let why = if refused {
        "the kernel cannot check it, and refuses the module for that"
    } else {
        "it counts as unsigned: the module loads with taint E"
    };
    Wording::new(
        Because::so(format!("the module's signature uses {what}, which this kernel does not support"), why),
        "sign it again with a hash and key this kernel has built in, for example sign-file with sha256 and an RSA key",
    )
}

pub(super) const INVALID_SIGNATURE: Heading =
    Heading::fixed("wrong signature", include_str!("../explain/invalid-signature.md"));

pub(super) fn invalid_signature(signer: &str) -> Wording {
    let because = Because::but(
        format!("the kernel has the key of {signer}, from a keyring or from a certificate in the signature"),
        "it does not fit the file: module or signature was changed after signing, and the kernel refuses that even where \
         signatures are not enforced",
    );
    Wording::new(
        because,
        "take the file from its package again, or sign it again as the last step: strip, objcopy and edits break a signature",
    )
}

pub(super) const MALFORMED_SIGNATURE: Heading =
    Heading::fixed("malformed signature", include_str!("../explain/malformed-signature.md"));

pub(super) fn malformed_signature(what: &str) -> Wording {
    let because = Because::colon(
        "the file ends in a signature marker, but what stands before it is no signature the kernel can read",
        what,
    );
    Wording::new(
        because,
        "take the file from its package again, or cut the trailer off (strip -g does) and sign it again",
    )
}

pub(super) const LOCKED_DOWN: Heading = Heading::fixed("kernel lockdown", include_str!("../explain/locked-down.md"));

pub(super) fn locked_down() -> Wording {
    let because = Because::and(
        "the kernel is locked down (Secure Boot often switches that on)",
        "it takes only modules signed by a key it trusts",
    );
    Wording::new(because, SIGN)
}
