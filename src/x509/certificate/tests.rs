//! Tests of `certificate`.

use cms::cert::x509;
use der::{Decode, Encode};

use super::*;
use crate::x509::distinguished_name::hex;

const RSA: &[u8] = include_bytes!("../../../testdata/keys/rsa.pem");
const P384: &[u8] = include_bytes!("../../../testdata/keys/p384.pem");

fn der(pem: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(pem);
    let mut base64 = Base64::default();
    text.lines().filter(|line| !line.starts_with('-')).for_each(|line| base64.line(line).expect("base64"));
    base64.bytes
}

#[test]
fn a_file_may_hold_several_certificates() {
    let text = [b"text before\n", RSA, b"\nand between\r\n", P384].concat();
    let certificates = Certificate::parse_all(&text).expect("two certificates");
    let names: Vec<_> = certificates.iter().map(|certificate| certificate.public_key.name()).collect();
    assert_eq!(names, ["rsa", "ecdsa-nist-p384"]);
    assert_eq!(certificates[0].subject, "O=gplok tests, CN=gplok test key rsa");
    assert!(certificates.iter().all(Certificate::names_itself));
    assert_eq!(Certificate::parse_all(&[der(RSA), der(P384)].concat()).as_ref(), Ok(&certificates));
}

/// The `cms` and `der` crates read the same values.
#[test]
fn another_parser_agrees() {
    for pem in [RSA, P384] {
        let der = der(pem);
        let ours = Certificate::parse_der(&der).expect("certificate");
        let theirs = x509::Certificate::from_der(&der).expect("certificate").tbs_certificate;
        assert_eq!(ours.serial, theirs.serial_number.as_bytes());
        assert!(theirs.issuer.to_der().expect("name").ends_with(&ours.raw_issuer));
        assert!(theirs.subject.to_der().expect("name").ends_with(&ours.raw_subject));
        let key = theirs.subject_public_key_info.subject_public_key.raw_bytes();
        assert!(matches!(&ours.public_key, PublicKey::Rsa(ours) | PublicKey::Ec(_, ours) if ours == key));
        assert_eq!(ours.tbs, theirs.to_der().expect("tbs"));
        let seconds = |time: x509::time::Time| i64::try_from(time.to_unix_duration().as_secs()).expect("seconds");
        assert_eq!(ours.valid_from, seconds(theirs.validity.not_before));
        assert_eq!(ours.valid_to, seconds(theirs.validity.not_after));
    }
}

#[test]
fn keys_are_found_by_either_identifier() {
    let certificate = &Certificate::parse_all(RSA).expect("certificate")[0];
    assert!(certificate.has_id(&certificate.id()));
    assert!(certificate.has_id(certificate.skid.as_deref().expect("identifier")));
    assert!(!certificate.has_id(&certificate.serial) && !certificate.has_id(b""));
}

#[test]
fn errors_name_the_certificate_and_the_line() {
    let error = |file: &[u8]| Certificate::parse_all(file).expect_err("an error").to_string();
    assert_eq!(error(b"no certificate"), "certificate 1: neither PEM nor DER");
    let text = [RSA, b"-----BEGIN CERTIFICATE-----\nMII*\n"].concat();
    let line = RSA.split(|byte| *byte == b'\n').count();
    assert_eq!(error(&text), format!("certificate 2 (line {line}): not base64 in line {}", line + 1));
    assert_eq!(error(&RSA[..100]), "certificate 1 (line 1): no line -----END CERTIFICATE-----");
    assert_eq!(error(&[0x30, 0x03, 0x02, 0x01, 0x00]), "certificate 1: Unexpected tag at offset 2");
}

#[test]
fn json_has_the_readable_fields() {
    let certificate = &Certificate::parse_all(P384).expect("certificate")[0];
    let json = serde_json::to_value(certificate).expect("json");
    assert_eq!(json["issuer"], "O=gplok tests, CN=gplok test key p384");
    assert_eq!(json["algorithm"], "ecdsa-nist-p384");
    assert_eq!(json["serial"], hex(&certificate.serial));
}

/// Every prefix is rejected, and no flipped bit causes a panic.
#[test]
fn hostile_bytes_do_not_panic() {
    let der = der(P384);
    for len in 0..der.len() {
        assert!(Certificate::parse_der(&der[..len]).is_err(), "{len}");
    }
    for at in 0..der.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut flipped = der.clone();
            flipped[at] ^= bit;
            let _ = Certificate::parse_all(&flipped);
        }
    }
}
