//! The names in certificates: the bytes that are compared, and the form that people read.

use super::SignerId;
use super::asn1::{self, Asn1Fault, Asn1Reader};

/// A Name of X.501.
#[derive(Default)]
pub(crate) struct Name<'a> {
    /// The contents of the encoded Name.
    pub raw: &'a [u8],
    /// The attributes as `KEY=VALUE`, separated by commas.
    pub readable: String,
}

/// Reads a Name with the tag `tag`.
pub(crate) fn name<'a>(reader: &mut Asn1Reader<'a>, tag: u8) -> Result<Name<'a>, Asn1Fault> {
    let mut parts = Vec::new();
    let name = reader.enter(tag)?;
    loop {
        let set = reader.enter(asn1::SET)?;
        loop {
            let pair = reader.enter(asn1::SEQUENCE)?;
            let kind = reader.primitive(asn1::OBJECT_IDENTIFIER)?.bytes;
            let value = reader.any()?;
            reader.leave(pair)?;
            parts.push(format!("{}={}", attribute_name(kind), String::from_utf8_lossy(value.bytes)));
            if !reader.more(&set)? {
                break;
            }
        }
        reader.leave(set)?;
        if !reader.more(&name)? {
            break;
        }
    }
    Ok(Name { raw: reader.leave(name)?.bytes, readable: parts.join(", ") })
}

/// The readable form of a signer: issuer and serial number, or the key identifier.
pub(crate) fn readable_signer(signer: &SignerId) -> String {
    match signer {
        SignerId::Missing => "nobody".to_owned(),
        SignerId::SubjectKeyId(id) => format!("key identifier {}", hex(id)),
        SignerId::IssuerAndSerial { issuer, serial } => {
            // The signer holds only the contents of the Name; the header of the SEQUENCE is added for the reader.
            let length: &[u8] = match issuer.len().to_be_bytes() {
                [.., 0, short] if short < 0x80 => &[short],
                [.., 0, byte] => &[0x81, byte],
                [.., high, low] => &[0x82, high, low],
            };
            let whole = [&[asn1::SEQUENCE], length, issuer].concat();
            let issuer = name(&mut Asn1Reader::new(&whole), asn1::SEQUENCE).map(|name| name.readable);
            format!("{}, serial {}", issuer.unwrap_or_else(|_| "an unreadable issuer".to_owned()), hex(serial))
        }
    }
}

fn attribute_name(oid: &[u8]) -> String {
    match *oid {
        [0x55, 0x04, 0x03] => "CN".to_owned(),
        [0x55, 0x04, 0x06] => "C".to_owned(),
        [0x55, 0x04, 0x07] => "L".to_owned(),
        [0x55, 0x04, 0x08] => "ST".to_owned(),
        [0x55, 0x04, 0x0a] => "O".to_owned(),
        [0x55, 0x04, 0x0b] => "OU".to_owned(),
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01] => "emailAddress".to_owned(),
        _ => asn1::dotted(oid),
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |number: u8| char::from_digit(number.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
