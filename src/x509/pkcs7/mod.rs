//! A PKCS#7 SignedData message as facts. It is read as `pkcs7_parse_message()` reads it
//! (crypto/asymmetric_keys/pkcs7_parser.c with its grammar pkcs7.asn1).
//!
//! Nothing is verified here, and algorithms are recorded whether or not a kernel knows them. Reading stops where the kernel's
//! parser stops, with the reason in [`Pkcs7::fault`]. Everything read before the fault is kept, because a kernel that does not
//! know an algorithm stops there, before it reaches the malformed byte.

mod parser;
mod values;

pub use values::{ContentType, EmbeddedCertificate, Pkcs7, Pkcs7Fault, SignatureAlgorithm, SignerId, SignerInfo};

use self::parser::Parser;
use crate::terms::Errno;
use crate::x509::asn1::Asn1Reader;

/// The longest message that `asn1_ber_decoder()` accepts (lib/asn1_decoder.c).
const MAX_MESSAGE: usize = 65535;

impl Pkcs7 {
    /// Mirrors `pkcs7_parse_message()`. Bytes after the message are ignored, as in the kernel.
    pub fn parse(message: &[u8]) -> Self {
        if message.len() > MAX_MESSAGE {
            let fault =
                Pkcs7Fault { errno: Errno::EMSGSIZE, offset: 0, reason: "longer than 65535 bytes", warning: None };
            return Self { fault: Some(fault), ..Self::default() };
        }
        let empty = Self { der: message.to_vec(), ..Self::default() };
        let mut parser =
            Parser { message: empty, signer: SignerInfo::default(), expect_skid: false, last_ids: Default::default() };
        let mut reader = Asn1Reader::new(message);
        let parsed = parser.content_info(&mut reader).and_then(|()| parser.check_authattrs(reader.offset()));
        if let Err(fault) = parsed {
            parser.message.fault = Some(fault);
            if parser.signer != SignerInfo::default() {
                parser.message.unfinished = Some(parser.signer);
            }
        }
        parser.message
    }
}

#[cfg(test)]
mod tests;
