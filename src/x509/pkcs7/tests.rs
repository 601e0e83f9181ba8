//! Tests of `pkcs7`.

use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::{Decode, Encode};

use super::parser::OID_SIGNED_DATA;
use super::*;
use crate::x509::{DigestAlgorithm, asn1};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../../testdata/keys/", $name)).as_slice()
    };
}

/// The `cms` and `der` crates read the same values.
#[test]
fn another_parser_agrees() {
    for message in [
        file!("rsa-sha256.p7s"),
        file!("rsa-sha512-keyid.p7s"),
        file!("rsa-authattrs.p7s"),
        file!("rsa-with-certificate.p7s"),
        file!("rsa-with-content.p7s"),
        file!("p521-sha512.p7s"),
        file!("two-signers.p7s"),
    ] {
        let ours = Pkcs7::parse(message);
        let info = ContentInfo::from_der(message).expect("content info");
        let theirs: SignedData = info.content.decode_as().expect("signed data");
        assert_eq!(ours.fault, None);
        assert_eq!(ours.has_content, theirs.encap_content_info.econtent.is_some());
        assert_eq!(ours.certificates.len(), theirs.certificates.map_or(0, |set| set.0.len()));
        assert_eq!(ours.signers.len(), theirs.signer_infos.0.len());
        for (ours, theirs) in ours.signers.iter().zip(theirs.signer_infos.0.iter()) {
            assert_eq!(ours.signature, theirs.signature.as_bytes());
            assert_eq!(ours.digest.as_ref().map(Result::is_ok), Some(true));
            let digest = ours.digest.clone().and_then(Result::ok).expect("digest");
            assert_eq!(asn1::dotted(digest.oid()), theirs.digest_alg.oid.to_string());
            // Both digest the attributes with the tag of a set in front.
            let attributes = theirs.signed_attrs.as_ref().map(|set| set.to_der().expect("set")[1..].to_vec());
            assert_eq!(ours.authattrs, attributes);
            let id = theirs.sid.to_der().expect("identifier");
            match &ours.id {
                SignerId::IssuerAndSerial { issuer, serial } => {
                    assert!(id.ends_with(serial) && id.windows(issuer.len()).any(|window| window == issuer));
                    assert_eq!(*ours.key_id, [&serial[..], issuer].concat());
                }
                SignerId::SubjectKeyId(skid) => {
                    assert!(id.ends_with(skid));
                    assert_eq!(*ours.key_id, **skid);
                }
                SignerId::Missing => panic!("no identifier"),
            }
        }
    }
}

#[test]
fn authenticated_attributes_are_read() {
    let message = Pkcs7::parse(file!("rsa-authattrs.p7s"));
    let [signer] = &message.signers[..] else { panic!("one signer") };
    assert_eq!(signer.message_digest.as_ref().map(Vec::len), Some(32));
    assert!(signer.signing_time.is_some_and(|time| time > 1_700_000_000));
}

/// What was read before a fault is kept: a kernel that does not know the algorithm stops there.
#[test]
fn an_unfinished_signer_is_kept() {
    let message = file!("rsa-sha256.p7s");
    let fault_in_signature = [&message[..message.len() - 260], &[0xff; 260]].concat();
    let message = Pkcs7::parse(&fault_in_signature);
    assert_eq!(
        message.fault.map(|fault| (fault.errno, fault.reason)),
        Some((Errno::EBADMSG, "Long tag not supported"))
    );
    let signer = message.unfinished.expect("a signer");
    assert_eq!(signer.digest, Some(Ok(DigestAlgorithm::Sha256)));
    assert_eq!(signer.signature_algorithm, Some(SignatureAlgorithm::Rsa));
}

/// The faults that a change of one byte causes.
#[test]
fn a_changed_byte_is_a_fault() {
    let original = file!("rsa-sha256.p7s");
    let changed = |at: usize, byte: u8| {
        let mut message = original.to_vec();
        message[at] = byte;
        Pkcs7::parse(&message).fault.map(|fault| (fault.errno, fault.reason))
    };
    assert_eq!(changed(14, 3), Some((Errno::EINVAL, "Only support pkcs7_signedData type")));
    assert_eq!(changed(25, 2), Some((Errno::EINVAL, "Unsupported SignedData version")));
    assert_eq!(changed(25, 3), Some((Errno::EBADMSG, "SignedData-SignerInfo version mismatch")));
    assert_eq!(changed(53, 5), Some((Errno::EINVAL, "Unsupported data type")));
    // The kernel accepts a sequence without the constructed bit.
    assert_eq!(changed(0, 0x10), None);
    assert_eq!(changed(0, 0x31), Some((Errno::EBADMSG, "Unexpected tag")));
}

/// A message without content is well-formed, but has no signer.
#[test]
fn a_message_without_signers_is_a_fault() {
    let empty = [&[asn1::SEQUENCE, 11, asn1::OBJECT_IDENTIFIER, 9], OID_SIGNED_DATA].concat();
    let fault = Pkcs7::parse(&empty).fault.expect("a fault");
    assert_eq!((fault.errno, fault.warning), (Errno::EINVAL, Some("PKCS7: Inconsistently supplied authAttrs")));
}

/// The kernel's grammar looks up the identifiers of signed attributes, not those of unsigned ones.
#[test]
fn identifiers_of_unsigned_attributes_are_not_noted() {
    let message = file!("rsa-sha256.p7s");
    let noted = Pkcs7::parse(message).identifiers;
    // [1] { SEQUENCE { 1.2.840.113549.1.9.6, SET { NULL } } }
    let attributes = b"\xa1\x11\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x06\x31\x02\x05\x00";
    let mut longer = message.to_vec();
    // The lengths of the constructed elements that end where the message does.
    for at in 0..message.len() - 4 {
        let [tag, 0x82, high, low] = message[at..at + 4] else { continue };
        let len = usize::from(high) << 8 | usize::from(low);
        if at + 4 + len == message.len() && tag != 0x04 {
            let grown = u16::try_from(len + attributes.len()).expect("it is short");
            longer[at + 2..at + 4].copy_from_slice(&grown.to_be_bytes());
        }
    }
    longer.extend_from_slice(attributes);
    let parsed = Pkcs7::parse(&longer);
    assert_eq!((parsed.fault, parsed.signers.len()), (None, 1));
    assert_eq!(parsed.identifiers.len(), noted.len());
}
