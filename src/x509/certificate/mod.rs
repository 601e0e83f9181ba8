//! X.509 certificates: those that a kernel trusts, and those that a signature contains.
//!
//! They are read as `x509_cert_parse()` reads them (crypto/asymmetric_keys/x509_cert_parser.c with its grammars x509.asn1 and
//! x509_akid.asn1). Signatures are not verified here.

mod base64;
mod fields;
mod values;

pub use values::{Certificate, CertificateError, CertificateErrorKind, CertificateSignature, Curve, PublicKey};

use self::base64::Base64;
use self::fields::Fields;
use crate::x509::asn1::{self, Asn1Reader};

const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const PEM_END: &str = "-----END CERTIFICATE-----";

impl Certificate {
    /// Reads all certificates of a file: PEM text, in which text between certificates is ignored, or DER certificates after one
    /// another as in the kernel's `system_certificate_list` (certs/system_keyring.c).
    ///
    /// # Errors
    /// If a certificate is malformed, or the file is neither PEM nor DER.
    pub fn parse_all(file: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let text = String::from_utf8_lossy(file);
        // PEM is tried first: the tag of a SEQUENCE is the character `0`, with which a text may begin, too.
        if text.lines().any(|line| line.trim() == PEM_BEGIN) {
            Self::parse_pem(&text)
        } else if file.starts_with(&[asn1::SEQUENCE]) {
            Self::parse_der_list(file)
        } else {
            Err(error(1, None, CertificateErrorKind::NoCertificate))
        }
    }

    /// Mirrors `x509_cert_parse()`: reads one DER certificate. Bytes after it are ignored, as in the kernel.
    ///
    /// # Errors
    /// If the kernel's parser rejects the certificate.
    pub fn parse_der(der: &[u8]) -> Result<Self, CertificateErrorKind> {
        Fields::read(&mut Asn1Reader::new(der))?.certificate()
    }

    fn parse_der_list(file: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let mut certificates = Vec::new();
        let mut rest = file;
        while !rest.is_empty() {
            let mut reader = Asn1Reader::new(rest);
            let certificate = Fields::read(&mut reader).and_then(Fields::certificate);
            certificates.push(certificate.map_err(|kind| error(certificates.len() + 1, None, kind))?);
            rest = rest.get(reader.offset()..).unwrap_or_default();
        }
        Ok(certificates)
    }

    fn parse_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        let mut certificates = Vec::new();
        let mut lines = text.lines().map(str::trim).zip(1..);
        while let Some((_, begin)) = lines.find(|(line, _)| *line == PEM_BEGIN) {
            let number = certificates.len() + 1;
            let fail = |kind| error(number, Some(begin), kind);
            let mut base64 = Base64::default();
            loop {
                match lines.next() {
                    None => return Err(fail(CertificateErrorKind::NoEnd)),
                    Some((PEM_END, _)) => break,
                    Some((line, number)) => {
                        base64.line(line).ok_or_else(|| fail(CertificateErrorKind::NotBase64 { line: number }))?;
                    }
                }
            }
            certificates.push(Self::parse_der(&base64.bytes).map_err(fail)?);
        }
        Ok(certificates)
    }
}

fn error(number: usize, line: Option<usize>, kind: CertificateErrorKind) -> CertificateError {
    CertificateError { number, line, kind }
}

#[cfg(test)]
mod tests;
