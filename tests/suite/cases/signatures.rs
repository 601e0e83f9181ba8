//! Data appended to the module: signatures, good and bad, by a key the kernel does not know.

use super::{Case, case, foo};
use crate::ko::{Ko, Profile, SIGNATURE_MARKER};

/// A message made once by openssl with a throwaway key: see `testdata/oracle/README.md`.
fn message(name: &str) -> Vec<u8> {
    let path = format!("{}/testdata/oracle/p7s/{name}.p7s", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

const INFO: [u8; 8] = [0, 0, 2, 0, 0, 0, 0, 0];

pub fn cases(_: &Profile) -> Vec<Case> {
    let ec = message("ec-sha256");
    let len = ec.len() as u32;
    let with = |info: [u8; 8]| foo().signed_with(&message("ec-sha256"), info, len);
    let mut cases = vec![case("unsigned", "no signature", foo())];
    for name in ["ec-sha256", "rsa-sha256", "ec-attrs", "ec-attached", "rsa-md5", "rsa-rmd", "ec-cert", "ec-keyid"] {
        cases.push(case(format!("sig-{name}"), format!("signed by a stranger: {name}"), foo().signed(&message(name))));
    }
    cases.extend([
        case("marker-only", "the marker and nothing before it", foo().append(SIGNATURE_MARKER)),
        case(
            "marker-only-file",
            "a file that is the marker",
            Ko::new("foo").patch(|file| file.bytes.clear()).append(SIGNATURE_MARKER),
        ),
        case(
            "marker-12",
            "twelve bytes and the marker",
            Ko::new("foo").patch(|file| file.bytes.clear()).append(&[0; 12]).append(SIGNATURE_MARKER),
        ),
        case("marker-cut", "the marker lacks its last byte", cut(&ec)),
        case("marker-twice", "the marker twice", foo().signed(&ec).append(SIGNATURE_MARKER)),
        case("marker-then-byte", "a byte behind the marker", foo().signed(&ec).append(b"\n")),
        case("marker-case", "the marker in other letters", foo().append(b"~module signature appended~\n")),
        case("signed-twice", "two signatures, one behind the other", foo().signed(&ec).signed(&ec)),
        case("info-algo", "info: algo is 1", with([1, 0, 2, 0, 0, 0, 0, 0])),
        case("info-hash", "info: hash is 4", with([0, 4, 2, 0, 0, 0, 0, 0])),
        case("info-type-0", "info: PGP", with([0, 0, 0, 0, 0, 0, 0, 0])),
        case("info-type-1", "info: X.509", with([0, 0, 1, 0, 0, 0, 0, 0])),
        case("info-type-3", "info: a kind that does not exist", with([0, 0, 3, 0, 0, 0, 0, 0])),
        case("info-type-1-algo", "info: X.509, and algo is 1", with([1, 0, 1, 0, 0, 0, 0, 0])),
        case("info-signer", "info: a signer's name", with([0, 0, 2, 9, 0, 0, 0, 0])),
        case("info-key", "info: a key's name", with([0, 0, 2, 0, 9, 0, 0, 0])),
        case("info-pad", "info: padding is not zero", with([0, 0, 2, 0, 0, 0, 0, 1])),
        case("len-0", "the length is 0", foo().signed_with(&ec, INFO, 0)),
        case("len-short", "the length is one short", foo().signed_with(&ec, INFO, len - 1)),
        case("len-long", "the length is one long", foo().signed_with(&ec, INFO, len + 1)),
        case("len-file", "the length is that of the file and more", foo().signed_with(&ec, INFO, 1 << 20)),
        case("len-max", "the length is 0xffffffff", foo().signed_with(&ec, INFO, u32::MAX)),
        case("len-little", "the length is in the wrong order", foo().signed_with(&ec, INFO, len.swap_bytes())),
        case("der-garbage", "the message is garbage", foo().signed(&[0x5a; 100])),
        case("der-empty-sequence", "the message is an empty sequence", foo().signed(&[0x30, 0])),
        case("der-one", "the message is one byte", foo().signed(&[0x30])),
        case("der-cut", "the message is cut short", foo().signed(&ec[..ec.len() / 2])),
        case("der-trailing", "a byte behind the message", foo().signed(&[&ec[..], &[0]].concat())),
        case(
            "der-data",
            "the message is data, not signed data",
            foo().signed(&[0x30, 0x0b, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]),
        ),
        case("der-signature-flipped", "a bit of the signature is flipped", foo().signed(&flipped(&ec))),
        case("signed-bad-elf", "a signature and a bad ELF header", foo().patch(|file| file.bytes[0] = 0).signed(&ec)),
        case(
            "bad-signature-bad-elf",
            "a bad signature comes before a bad ELF header",
            foo().patch(|file| file.bytes[0] = 0).signed(&[0x5a; 100]),
        ),
        case("signed-proprietary", "a signed proprietary module", foo().license("Proprietary").signed(&ec)),
        case("signed-intree", "a signed module that says it is from the tree", foo().intree().signed(&ec)),
    ]);
    for flags in 1..4 {
        cases.push(
            case(format!("sig-flags-{flags}"), "flags make the signature unseen", foo().signed(&ec)).flags(flags),
        );
        cases.push(
            case(format!("sig-bad-flags-{flags}"), "flags make a bad signature unseen", foo().signed(&[0x5a; 100]))
                .flags(flags),
        );
    }
    cases
}

fn cut(message: &[u8]) -> Ko {
    let info = [&INFO[..], &(message.len() as u32).to_be_bytes()].concat();
    foo().append(message).append(&info).append(&SIGNATURE_MARKER[..SIGNATURE_MARKER.len() - 1])
}

fn flipped(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let last = message.len() - 1;
    message[last] ^= 1;
    message
}
