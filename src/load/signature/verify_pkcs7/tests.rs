//! Tests of `verify_pkcs7`.

use super::pkcs7_verdict::warning;
use super::*;
use crate::history::{Behaviour, RegistryNumbers};
use crate::image::AppendedSignature;
use crate::load::signature::crypto::CryptoAlgorithm;
use crate::x509::{DigestAlgorithm, SignatureAlgorithm};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../../../testdata/keys/", $name)).as_slice()
    };
}

const TEXT: &[u8] = file!("text");

fn certificates(pem: &[u8]) -> Vec<Certificate> {
    Certificate::parse_all(pem).expect("the test certificates are good")
}

fn rsa() -> Vec<Certificate> {
    certificates(file!("rsa.pem"))
}

fn p384() -> Vec<Certificate> {
    certificates(file!("p384.pem"))
}

fn judge(data: &[u8], message: &[u8], trusted: &[Certificate]) -> Pkcs7Verdict {
    verify_pkcs7_signature(data, &Pkcs7::parse(message), trusted, &Crypto::common())
}

const VALID: Pkcs7Verdict = Pkcs7Verdict::Valid { certificate: 0 };
const REJECTED: Pkcs7Verdict = Pkcs7Verdict::KeyRejected { line: None };

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1;
    flipped
}

/// For each kind of key and digest: the signature is good; it is rejected if the data or the signature changes; and without the
/// key neither is checked.
#[test]
fn every_kind_of_signature_is_verified() {
    for (name, message, pem) in [
        ("rsa-sha256", file!("rsa-sha256.p7s"), file!("rsa.pem")),
        ("rsa-sha512-keyid", file!("rsa-sha512-keyid.p7s"), file!("rsa.pem")),
        ("rsa-sha1", file!("rsa-sha1.p7s"), file!("rsa.pem")),
        ("rsa-sha3-384", file!("rsa-sha3-384.p7s"), file!("rsa.pem")),
        ("rsa-with-certificate", file!("rsa-with-certificate.p7s"), file!("rsa.pem")),
        ("p256-sha256", file!("p256-sha256.p7s"), file!("p256.pem")),
        ("p384-sha384", file!("p384-sha384.p7s"), file!("p384.pem")),
        ("p384-sha1", file!("p384-sha1.p7s"), file!("p384.pem")),
        ("p521-sha256", file!("p521-sha256.p7s"), file!("p521.pem")),
        ("p521-sha512", file!("p521-sha512.p7s"), file!("p521.pem")),
    ] {
        let trusted = certificates(pem);
        let stranger = if name.starts_with("rsa") { p384() } else { rsa() };
        assert_eq!(judge(TEXT, message, &trusted), VALID, "{name}");
        assert_eq!(judge(&flipped(TEXT, 5), message, &trusted), REJECTED, "{name}, data");
        assert_eq!(
            judge(TEXT, &flipped(message, message.len() - 1), &trusted).errno(),
            Some(Some(
                // The key in the message is tried before the trusted one. Its errno is returned: the decrypted number does not begin
                // with a zero byte.
                if name.ends_with("certificate") { Errno::EINVAL } else { Errno::EKEYREJECTED }
            )),
            "{name}, signature"
        );
        assert_eq!(judge(TEXT, message, &stranger), Pkcs7Verdict::NoKey, "{name}, stranger");
        assert_eq!(judge(TEXT, message, &[]), Pkcs7Verdict::NoKey, "{name}, nobody");
        let expected = if name.ends_with("certificate") { REJECTED } else { Pkcs7Verdict::NoKey };
        assert_eq!(judge(&flipped(TEXT, 5), message, &stranger), expected, "{name}, stranger and data");
    }
}

/// The verdict names the certificate that vouches by its index.
#[test]
fn the_verdict_names_the_trusted_certificate() {
    let trusted = [p384(), rsa()].concat();
    assert_eq!(judge(TEXT, file!("rsa-sha256.p7s"), &trusted), Pkcs7Verdict::Valid { certificate: 1 });
}

/// The kernel rejects attributes before it computes a digest or looks for a key.
#[test]
fn authattrs_are_rejected() {
    let line = warning("PKCS7: Invalid module sig (has authattrs)");
    for (data, trusted) in [(TEXT, rsa()), (TEXT, vec![]), (b"other", rsa())] {
        let verdict = judge(data, file!("rsa-authattrs.p7s"), &trusted);
        assert_eq!(verdict, Pkcs7Verdict::KeyRejected { line: line.clone() });
    }
}

#[test]
fn a_message_with_content_is_rejected() {
    let verdict = judge(TEXT, file!("rsa-with-content.p7s"), &rsa());
    let Pkcs7Verdict::BadMessage { line, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(line, err("PKCS#7 signature with non-detached data"));
}

/// One trusted signer is enough, but a trusted signer with a bad signature makes the kernel reject the message.
#[test]
fn one_of_two_signers_is_enough() {
    let message = file!("two-signers.p7s");
    assert_eq!(judge(TEXT, message, &rsa()), VALID);
    assert_eq!(judge(TEXT, message, &p384()), VALID);
    assert_eq!(judge(TEXT, message, &[]), Pkcs7Verdict::NoKey);
    // The order of the set puts the RSA signature last, so the last byte belongs to it.
    let broken = flipped(message, message.len() - 1);
    let verdicts = [judge(TEXT, &broken, &rsa()), judge(TEXT, &broken, &p384())];
    assert!(verdicts.contains(&VALID) && verdicts.contains(&REJECTED), "{verdicts:?}");
    assert_eq!(judge(TEXT, &broken, &[rsa(), p384()].concat()), REJECTED);
}

/// The kernel skips a signer whose digest is not built in. An algorithm that the parser does not know ends the verification.
#[test]
fn missing_cryptography_is_reported() {
    let sha512 = CryptoAlgorithm::Digest(DigestAlgorithm::Sha512);
    let message = Pkcs7::parse(file!("p521-sha512.p7s"));
    let trusted = certificates(file!("p521.pem"));
    let no_sha512 = Pkcs7Verdict::NoPkg { what: "sha512".to_owned() };
    let verdict = |algorithm, support, trusted: &[Certificate]| {
        verify_pkcs7_signature(TEXT, &message, trusted, Crypto::common().set(algorithm, support))
    };
    assert_eq!(verdict(sha512, Support::NotBuilt, &trusted), no_sha512);
    assert_eq!(verdict(sha512, Support::Unrecognised, &trusted), no_sha512);
    assert_eq!(verdict(sha512, Support::Unknown, &trusted).errno(), None);
    // The kernel never loaded a key of an unknown curve.
    assert_eq!(verdict(CryptoAlgorithm::EcdsaP521, Support::Unrecognised, &trusted), Pkcs7Verdict::NoKey);
    assert_eq!(verdict(CryptoAlgorithm::EcdsaP521, Support::Unknown, &trusted).errno(), None);
    assert_eq!(verdict(CryptoAlgorithm::EcdsaP521, Support::Unknown, &[]), Pkcs7Verdict::NoKey);
    let no_ecdsa = Pkcs7Verdict::NoPkg { what: "ECDSA".to_owned() };
    assert_eq!(verdict(CryptoAlgorithm::Ecdsa, Support::Unrecognised, &trusted), no_ecdsa);
}

/// The verdict on an unknown scheme is undetermined: ML-DSA, whose identifier replaces ecdsa-with-SHA256.
#[test]
fn unknown_schemes_are_undetermined() {
    let ecdsa = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let mut message = Pkcs7::parse(file!("p256-sha256.p7s"));
    let trusted = certificates(file!("p256.pem"));
    assert!(file!("p256-sha256.p7s").windows(ecdsa.len()).any(|window| window == ecdsa));
    message.signers[0].signature_algorithm = Some(SignatureAlgorithm::MlDsa(65));
    let verdict = |support| {
        let mut crypto = Crypto::common();
        verify_pkcs7_signature(TEXT, &message, &trusted, crypto.set(CryptoAlgorithm::MlDsa, support))
    };
    assert_eq!(verdict(Support::Unknown).errno(), None);
    assert_eq!(verdict(Support::Unrecognised), Pkcs7Verdict::NoPkg { what: "ML-DSA-65".to_owned() });
    message.signers[0].signature_algorithm = Some(SignatureAlgorithm::Other("1.2.3".to_owned()));
    let other = verify_pkcs7_signature(TEXT, &message, &trusted, &Crypto::common());
    assert_eq!(other, Pkcs7Verdict::NoPkg { what: "1.2.3".to_owned() });
}

/// A digest that gplok cannot compute matters only with a key.
#[test]
fn a_digest_without_a_key_is_not_needed() {
    let mut message = Pkcs7::parse(file!("rsa-sha256.p7s"));
    message.signers[0].digest = Some(Ok(DigestAlgorithm::Md5));
    let mut crypto = Crypto::common();
    crypto.set(CryptoAlgorithm::Digest(DigestAlgorithm::Md5), Support::Available);
    assert_eq!(verify_pkcs7_signature(TEXT, &message, &p384(), &crypto), Pkcs7Verdict::NoKey);
    let unable = verify_pkcs7_signature(TEXT, &message, &rsa(), &crypto);
    assert!(matches!(unable, Pkcs7Verdict::Unable { .. }), "{unable:?}");
}

/// A certificate in the message whose curve the kernel does not know makes the signature unsupported. Without the code for ECDSA,
/// the kernel cannot check that the certificate has signed itself, which is an error.
#[test]
fn a_certificate_in_the_message_needs_its_algorithm() {
    let mut message = Pkcs7::parse(file!("rsa-with-certificate.p7s"));
    let (_, der) = rsa::pkcs8::der::pem::decode_vec(file!("p521.pem")).expect("it is PEM");
    message.certificates[0].der = der;
    let mut crypto = Crypto::common();
    crypto.set(CryptoAlgorithm::EcdsaP521, Support::Unrecognised);
    let verdict = verify_pkcs7_signature(TEXT, &message, &[], &crypto);
    assert_eq!(verdict, Pkcs7Verdict::NoPkg { what: "ecdsa-nist-p521".to_owned() });
    crypto.set(CryptoAlgorithm::EcdsaP521, Support::NotBuilt);
    let verdict = verify_pkcs7_signature(TEXT, &message, &[], &crypto);
    assert_eq!(verdict.errno(), Some(Some(Errno::ENOENT)));
}

/// What a number that RSA decrypts is refused for, as a kernel did with a certificate in the message: the first byte is not zero,
/// the second not one, the padding not long enough, another digest.
#[test]
fn the_padding_of_rsa_has_an_errno_for_each_fault() {
    let message = file!("rsa-with-certificate.p7s");
    let key = rsa::pkcs8::DecodePrivateKey::from_pkcs8_pem(include_str!("../../../../testdata/keys/rsa.key"));
    let key: rsa::RsaPrivateKey = key.expect("it is a key");
    let errno = |padded: &[u8]| {
        use rsa::traits::{PrivateKeyParts, PublicKeyParts};
        let number = rsa::BigUint::from_bytes_be(padded).modpow(key.d(), key.n()).to_bytes_be();
        let signature = [&vec![0; 256 - number.len()][..], &number].concat();
        judge(TEXT, &[&message[..message.len() - 256], &signature].concat(), &rsa()).errno()
    };
    let mut padded = [&[0, 1][..], &[0xff; 202], &[0], &[7; 51]].concat();
    assert_eq!(errno(&padded), Some(Some(Errno::EBADMSG)));
    padded[0] = 1;
    assert_eq!(errno(&padded), Some(Some(Errno::EINVAL)));
    padded[..2].copy_from_slice(&[0, 2]);
    assert_eq!(errno(&padded), Some(Some(Errno::EBADMSG)));
    padded[1] = 0;
    assert_eq!(errno(&padded), Some(Some(Errno::EBADMSG)));
    // Releases differ in what they return for 0 and 1.
    assert_eq!(errno(&[1]), None);
}

#[test]
fn junk_is_a_bad_message() {
    for junk in [&b""[..], b"junk", &[0x30, 0x00], &[0xff; 700], &[0x00; 12]] {
        assert_eq!(judge(TEXT, junk, &rsa()).errno(), Some(Some(Errno::EBADMSG)), "{junk:x?}");
    }
    assert_eq!(judge(TEXT, &vec![0; 65536], &rsa()).errno(), Some(Some(Errno::EMSGSIZE)));
}

/// Bytes after the message are ignored. A truncated message is rejected at every length.
#[test]
fn truncated_messages_are_rejected() {
    let trusted = p384();
    let message = file!("p384-sha384.p7s");
    for len in 0..message.len() {
        assert_eq!(judge(TEXT, &message[..len], &trusted).errno(), Some(Some(Errno::EBADMSG)), "{len}");
    }
    assert_eq!(judge(TEXT, &[message, b"more"].concat(), &trusted), VALID);
}

/// No flipped bit makes the signature valid for other data, and none makes the verification panic.
#[test]
fn flipped_bits_are_rejected() {
    let trusted = [rsa(), p384()].concat();
    for message in [file!("p384-sha384.p7s"), file!("rsa-authattrs.p7s"), file!("rsa-with-certificate.p7s")] {
        for at in 0..message.len() {
            for bit in [0x01, 0x80] {
                let mut bytes = message.to_vec();
                bytes[at] ^= bit;
                assert_ne!(judge(b"other", &bytes, &trusted), VALID, "{at}");
            }
        }
    }
}

fn marked(info: [u8; 12]) -> MarkedSignature {
    let file = [b"module and message", &info[..], AppendedSignature::MARKER].concat();
    match AppendedSignature::read(&file) {
        AppendedSignature::Marked(marked) => marked,
        AppendedSignature::Absent => panic!("no marker"),
    }
}

/// The checks come in this order: length, type, the rest. Each fault has words of its own.
#[test]
fn headers_are_checked_in_order() {
    let fault = |info| match mod_check_sig(&marked(info)) {
        Err(HeaderFault { errno, what, line }) => (errno, what, line),
        Ok(message) => panic!("{message:?}"),
    };
    assert_eq!(mod_check_sig(&marked([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 7])), Ok(11..18));
    let (errno, what, line) = fault([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 18]);
    assert_eq!((errno, line), (Errno::EBADMSG, None));
    assert_eq!(what, "its header gives 18 bytes for the message, and the file has 18 before it");
    let (errno, what, line) = fault([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    assert_eq!((errno, line), (Errno::ENOPKG, err("module: not signed with expected PKCS#7 message")));
    assert_eq!(what, "identifier type 1 (X.509) instead of 2 (PKCS#7)");
    for at in [0, 1, 3, 4, 5, 6, 7] {
        let mut info = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        info[at] = 1;
        let (errno, what, line) = fault(info);
        let non_zero = err("module: PKCS#7 signature info has unexpected non-zero params");
        assert_eq!((errno, line), (Errno::EBADMSG, non_zero), "{at}");
        assert!(what.contains("other than zero"), "{what}");
    }
}

/// A key whose algorithm the kernel does not have is no key, trusted or not; of several signers one usable key may be there.
#[test]
fn a_key_may_be_unusable() {
    let unusable = |message: &[u8], trusted: &[Certificate], crypto: &Crypto| {
        let checked = verify_pkcs7_with_lines(TEXT, &Pkcs7::parse(message), trusted, crypto);
        (checked.verdict, checked.unusable)
    };
    let no_key = |unusable| (Pkcs7Verdict::NoKey, unusable);
    let mut crypto = Crypto::common();
    assert_eq!(unusable(file!("p384-sha384.p7s"), &[], &crypto), no_key(None));
    crypto.set(CryptoAlgorithm::Ecdsa, Support::NotBuilt);
    let ecdsa = Some(CryptoAlgorithm::Ecdsa);
    assert_eq!(unusable(file!("p384-sha384.p7s"), &p384(), &crypto), no_key(ecdsa));
    assert_eq!(unusable(file!("p384-sha384.p7s"), &[], &crypto), no_key(ecdsa));
    assert_eq!(unusable(file!("two-signers.p7s"), &p384(), &crypto), no_key(None));
    let mut crypto = Crypto::common();
    crypto.set(CryptoAlgorithm::EcdsaP521, Support::Unrecognised);
    let p521 = certificates(file!("p521.pem"));
    assert_eq!(unusable(file!("p521-sha512.p7s"), &p521, &crypto), no_key(Some(CryptoAlgorithm::EcdsaP521)));
}

/// A message of RSA whose signer names another algorithm, in nine bytes.
fn with_algorithm(message: &[u8], identifier: &[u8; 9]) -> Vec<u8> {
    let rsa = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    let at = message.windows(9).rposition(|window| window == rsa).expect("its last identifier");
    [&message[..at], identifier, &message[at + 9..]].concat()
}

/// The parser stops at an identifier that the kernel does not know, before attributes are judged, and prints it.
#[test]
fn an_unknown_algorithm_ends_the_parsing() {
    let pss = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
    let ml_dsa = b"\x60\x86\x48\x01\x65\x03\x04\x03\x12";
    let mut old = Crypto::common();
    old.set(CryptoAlgorithm::MlDsa, Support::Unrecognised).set_lacking(Behaviour::SigMlDsa);
    old.set_numbers(RegistryNumbers { count: Some(103), sha1: None });
    for (identifier, what, dotted) in
        [(pss, "RSASSA-PSS", "1.2.840.113549.1.1.10"), (ml_dsa, "ML-DSA-65", "2.16.840.1.101.3.4.3.18")]
    {
        for message in [file!("rsa-sha256.p7s"), file!("rsa-authattrs.p7s")] {
            let message = with_algorithm(message, identifier);
            let Checked { verdict, lines, .. } = verify_pkcs7_with_lines(TEXT, &Pkcs7::parse(&message), &rsa(), &old);
            assert_eq!(verdict, Pkcs7Verdict::NoPkg { what: what.to_owned() });
            let at = message.windows(9).rposition(|window| window == identifier).expect("it was written");
            let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
            assert_eq!(
                lines,
                [format!("PKCS7: Unknown OID: [{at}] {dotted}"), "Unsupported pkey algo: 103".to_owned()]
            );
        }
    }
}

/// A kernel that knows ML-DSA rejects attributes before it needs the code, unless it is built to accept them.
#[test]
fn attributes_with_ml_dsa() {
    let message = with_algorithm(file!("rsa-authattrs.p7s"), b"\x60\x86\x48\x01\x65\x03\x04\x03\x12");
    let verdict = |options: &[&str]| {
        let crypto = Crypto::from_config(|option| options.contains(&option).then_some("y"));
        verify_pkcs7_signature(TEXT, &Pkcs7::parse(&message), &rsa(), &crypto)
    };
    let rejected = Pkcs7Verdict::KeyRejected { line: warning("PKCS7: Invalid module sig (has authattrs)") };
    assert_eq!(verdict(&["CRYPTO_SHA256"]), rejected);
    assert_eq!(verdict(&["CRYPTO_SHA256", "CRYPTO_MLDSA"]), rejected);
    let waived = verdict(&["CRYPTO_SHA256", "CRYPTO_MLDSA", "PKCS7_WAIVE_AUTHATTRS_REJECTION_FOR_MLDSA"]);
    assert_eq!(waived, Pkcs7Verdict::Unable { what: "ML-DSA with authenticated attributes".to_owned() });
}

/// The elements in the contents of a DER element.
fn elements(der: &[u8]) -> Vec<&[u8]> {
    let mut rest = contents(der);
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let len = rest.len() - contents(rest).len();
        let (element, after) = rest.split_at(len + length(rest));
        elements.push(element);
        rest = after;
    }
    elements
}

/// The length of an element's contents.
fn length(der: &[u8]) -> usize {
    match der[1] {
        0x81 => der[2].into(),
        0x82 => u16::from_be_bytes([der[2], der[3]]).into(),
        short => short.into(),
    }
}

/// What follows the header of an element.
fn contents(der: &[u8]) -> &[u8] {
    match der[1] {
        0x81 => &der[3..],
        0x82 => &der[4..],
        _ => &der[2..],
    }
}

/// An element of indefinite length.
fn constructed(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag, 0x80][..], &parts.concat(), &[0, 0]].concat()
}

/// A message that brings one signer again and again: its signature is verified once.
#[test]
fn one_signature_of_many_signers_is_verified_once() {
    const SIGNERS: usize = 150;
    let message = file!("p521-sha512.p7s");
    let [oid, explicit] = elements(message)[..] else { panic!("no message") };
    let [before @ .., signers] = &elements(elements(explicit)[0])[..] else { panic!("no signers") };
    let many = constructed(0x31, &vec![elements(signers)[0]; SIGNERS]);
    let signed_data = constructed(0x30, &[before.concat().as_slice(), many.as_slice()]);
    let many = Pkcs7::parse(&constructed(0x30, &[oid, &constructed(0xa0, &[&signed_data])]));
    assert_eq!((&many.fault, many.signers.len()), (&None, SIGNERS));
    let trusted = certificates(file!("p521.pem"));
    let crypto = Crypto::common();
    let mut verification = Verification::new(TEXT, &many, &trusted, &crypto);
    assert_eq!(verification.run(), Ok(VALID));
    assert_eq!(verification.verified.computed, 1);
}
