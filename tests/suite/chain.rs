//! Messages of PKCS#7 whose certificates sign each other, in a chain.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};

const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
const ECDSA_WITH_SHA256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
const SKID: &[u8] = b"\x55\x1d\x0e";
const AKID: &[u8] = b"\x55\x1d\x23";

const INTEGER: u8 = 2;
const BIT_STRING: u8 = 3;
const OCTETS: u8 = 4;
const IDENTIFIER: u8 = 6;
const UTF8: u8 = 0x0c;
const TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// An element of DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let len = (contents.len() as u32).to_be_bytes();
    let header = match contents.len() {
        0..0x80 => vec![tag, len[3]],
        0x80..0x100 => vec![tag, 0x81, len[3]],
        0x100..0x1_0000 => vec![tag, 0x82, len[2], len[3]],
        _ => vec![tag, 0x83, len[1], len[2], len[3]],
    };
    [header, contents].concat()
}

fn identifier(oid: &[u8]) -> Vec<u8> {
    der(IDENTIFIER, &[oid])
}

fn algorithm(oid: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[&identifier(oid)])
}

/// The certificates of a chain. Each is signed by the next one, and the last one by itself.
pub struct Chain {
    keys: Vec<SigningKey>,
}

impl Chain {
    pub fn new(certificates: usize) -> Self {
        let key = |number: usize| {
            let mut scalar = [0; 32];
            scalar[24..].copy_from_slice(&(number as u64 + 1).to_be_bytes());
            SigningKey::from_slice(&scalar).expect("a number below the order of the curve")
        };
        Self { keys: (0..certificates).map(key).collect() }
    }

    fn name(number: usize) -> Vec<u8> {
        let text = der(UTF8, &[format!("c{number}").as_bytes()]);
        der(SEQUENCE, &[&der(SET, &[&der(SEQUENCE, &[&identifier(COMMON_NAME), &text])])])
    }

    fn serial(number: usize) -> Vec<u8> {
        der(INTEGER, &[&[1], &(number as u32).to_be_bytes()])
    }

    fn key_id(number: usize) -> Vec<u8> {
        [[7; 16].as_slice(), &(number as u32).to_be_bytes()].concat()
    }

    fn sign(&self, number: usize, data: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.keys[number].sign(data);
        signature.as_bytes().to_vec()
    }

    /// One certificate, which the next one has signed.
    pub fn certificate(&self, number: usize) -> Vec<u8> {
        let issuer = (number + 1).min(self.keys.len() - 1);
        let times = der(SEQUENCE, &[&der(TIME, &[b"200101000000Z"]), &der(TIME, &[b"490101000000Z"])]);
        let point = self.keys[number].verifying_key().to_encoded_point(false);
        let kind = der(SEQUENCE, &[&identifier(EC_PUBLIC_KEY), &identifier(P256)]);
        let key = der(SEQUENCE, &[&kind, &der(BIT_STRING, &[&[0], point.as_bytes()])]);
        let extension = |oid: &[u8], value: &[u8]| der(SEQUENCE, &[&identifier(oid), &der(OCTETS, &[value])]);
        let own = extension(SKID, &der(OCTETS, &[&Self::key_id(number)]));
        let above = extension(AKID, &der(SEQUENCE, &[&der(0x80, &[&Self::key_id(issuer)])]));
        let signed = der(
            SEQUENCE,
            &[
                &der(0xa0, &[&der(INTEGER, &[&[2]])]),
                &Self::serial(number),
                &algorithm(ECDSA_WITH_SHA256),
                &Self::name(issuer),
                &times,
                &Self::name(number),
                &key,
                &der(0xa3, &[&der(SEQUENCE, &[&own, &above])]),
            ],
        );
        let signature = der(BIT_STRING, &[&[0], &self.sign(issuer, &signed)]);
        der(SEQUENCE, &[&signed, &algorithm(ECDSA_WITH_SHA256), &signature])
    }

    /// The last certificate, which is signed by itself.
    pub fn root(&self) -> Vec<u8> {
        self.certificate(self.keys.len() - 1)
    }

    /// A message that brings all certificates, and signatures of `data` by the first of them in turn.
    pub fn message(&self, data: &[u8], signers: usize) -> Vec<u8> {
        let signer = |number: usize| {
            let number = number % self.keys.len();
            let issuer = (number + 1).min(self.keys.len() - 1);
            der(
                SEQUENCE,
                &[
                    &der(INTEGER, &[&[1]]),
                    &der(SEQUENCE, &[&Self::name(issuer), &Self::serial(number)]),
                    &algorithm(SHA256),
                    &algorithm(ECDSA_WITH_SHA256),
                    &der(OCTETS, &[&self.sign(number, data)]),
                ],
            )
        };
        let certificates: Vec<u8> = (0..self.keys.len()).flat_map(|number| self.certificate(number)).collect();
        let signers: Vec<u8> = (0..signers).flat_map(signer).collect();
        let signed_data = der(
            SEQUENCE,
            &[
                &der(INTEGER, &[&[1]]),
                &der(SET, &[&algorithm(SHA256)]),
                &algorithm(DATA),
                &der(0xa0, &[&certificates]),
                &der(SET, &[&signers]),
            ],
        );
        der(SEQUENCE, &[&identifier(SIGNED_DATA), &der(0xa0, &[&signed_data])])
    }
}
