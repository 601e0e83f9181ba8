//! Tests of `verify_pkcs7`.

use super::*;
use crate::image::AppendedSignature;
use crate::x509::DigestAlgorithm;

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

/// Every kind of key with every digest: good as it is; neither the data nor the signature may change; and
/// without the key nobody looks at either.
#[test]
fn every_kind_of_signature() {
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
                // A key inside the message is tried before the trusted one, and shows what is wrong: no padding.
                if name.ends_with("certificate") { Errno::EBADMSG } else { Errno::EKEYREJECTED }
            )),
            "{name}, signature"
        );
        assert_eq!(judge(TEXT, message, &stranger), Pkcs7Verdict::NoKey, "{name}, stranger");
        assert_eq!(judge(TEXT, message, &[]), Pkcs7Verdict::NoKey, "{name}, nobody");
        let expected = if name.ends_with("certificate") { REJECTED } else { Pkcs7Verdict::NoKey };
        assert_eq!(judge(&flipped(TEXT, 5), message, &stranger), expected, "{name}, stranger and data");
    }
}

/// The certificate that vouches is named by its place.
#[test]
fn the_trusted_certificate_is_told() {
    let trusted = [p384(), rsa()].concat();
    assert_eq!(judge(TEXT, file!("rsa-sha256.p7s"), &trusted), Pkcs7Verdict::Valid { certificate: 1 });
}

/// Attributes are refused before any digest is computed or key looked for.
#[test]
fn authattrs_are_refused() {
    let line = warning("PKCS7: Invalid module sig (has authattrs)");
    for (data, trusted) in [(TEXT, rsa()), (TEXT, vec![]), (b"other", rsa())] {
        let verdict = judge(data, file!("rsa-authattrs.p7s"), &trusted);
        assert_eq!(verdict, Pkcs7Verdict::KeyRejected { line: line.clone() });
    }
}

#[test]
fn a_message_with_content_is_refused() {
    let verdict = judge(TEXT, file!("rsa-with-content.p7s"), &rsa());
    let Pkcs7Verdict::BadMessage { line, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(line, err("PKCS#7 signature with non-detached data"));
}

/// One trusted signer is enough, but a trusted signer whose signature is bad is one too many.
#[test]
fn two_signers() {
    let message = file!("two-signers.p7s");
    assert_eq!(judge(TEXT, message, &rsa()), VALID);
    assert_eq!(judge(TEXT, message, &p384()), VALID);
    assert_eq!(judge(TEXT, message, &[]), Pkcs7Verdict::NoKey);
    // The last byte belongs to the RSA signature, by the order of the set.
    let broken = flipped(message, message.len() - 1);
    let verdicts = [judge(TEXT, &broken, &rsa()), judge(TEXT, &broken, &p384())];
    assert!(verdicts.contains(&VALID) && verdicts.contains(&REJECTED), "{verdicts:?}");
    assert_eq!(judge(TEXT, &broken, &[rsa(), p384()].concat()), REJECTED);
}

/// A signer whose digest is not built in is passed over; one the parser does not know is the end.
#[test]
fn missing_cryptography() {
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
    // A key of an unknown curve was never loaded.
    assert_eq!(verdict(CryptoAlgorithm::EcdsaP521, Support::Unrecognised, &trusted), Pkcs7Verdict::NoKey);
    assert_eq!(verdict(CryptoAlgorithm::EcdsaP521, Support::Unknown, &trusted).errno(), None);
    assert_eq!(verdict(CryptoAlgorithm::EcdsaP521, Support::Unknown, &[]), Pkcs7Verdict::NoKey);
    let no_ecdsa = Pkcs7Verdict::NoPkg { what: "ecdsa".to_owned() };
    assert_eq!(verdict(CryptoAlgorithm::Ecdsa, Support::Unrecognised, &trusted), no_ecdsa);
}

/// What is not known is not guessed: ML-DSA, by its identifier in place of ecdsa-with-SHA256.
#[test]
fn unknown_schemes() {
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
    assert_eq!(verdict(Support::Unrecognised), Pkcs7Verdict::NoPkg { what: "mldsa".to_owned() });
    message.signers[0].signature_algorithm = Some(SignatureAlgorithm::Other("1.2.3".to_owned()));
    let other = verify_pkcs7_signature(TEXT, &message, &trusted, &Crypto::common());
    assert_eq!(other, Pkcs7Verdict::NoPkg { what: "1.2.3".to_owned() });
}

#[test]
fn junk_is_a_bad_message() {
    for junk in [&b""[..], b"junk", &[0x30, 0x00], &[0xff; 700], &[0x00; 12]] {
        assert_eq!(judge(TEXT, junk, &rsa()).errno(), Some(Some(Errno::EBADMSG)), "{junk:x?}");
    }
    assert_eq!(judge(TEXT, &vec![0; 65536], &rsa()).errno(), Some(Some(Errno::EMSGSIZE)));
}

/// Bytes behind the message are ignored, and all that is missing is noticed.
#[test]
fn truncations() {
    let (trusted, message) = (p384(), file!("p384-sha384.p7s"));
    for len in 0..message.len() {
        assert_eq!(judge(TEXT, &message[..len], &trusted).errno(), Some(Some(Errno::EBADMSG)), "{len}");
    }
    assert_eq!(judge(TEXT, &[message, b"more"].concat(), &trusted), VALID);
}

/// No flipped bit makes a good signature of another's, and none stops the program.
#[test]
fn every_byte_flipped() {
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

/// T091 to T093, and the order of the checks: length, type, the rest.
#[test]
fn headers() {
    assert_eq!(mod_check_sig(&marked([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 7])), Ok(11..18));
    assert_eq!(mod_check_sig(&marked([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 18])), Err((Errno::EBADMSG, None)));
    let not_pkcs7 = err("module: not signed with expected PKCS#7 message");
    assert_eq!(mod_check_sig(&marked([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7])), Err((Errno::ENOPKG, not_pkcs7)));
    let non_zero = err("module: PKCS#7 signature info has unexpected non-zero params");
    for at in [0, 1, 3, 4, 5, 6, 7] {
        let mut info = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        info[at] = 1;
        assert_eq!(mod_check_sig(&marked(info)), Err((Errno::EBADMSG, non_zero.clone())), "{at}");
    }
}
