//! The signature at the end of a module file: the marker, the header, and the place of the PKCS#7 message.
//!
//! Records the bytes as `mod_verify_sig()` and `mod_check_sig()` find them (kernel/module/signing.c,
//! kernel/module_signature.c); the loader in `load` judges them.
//!
//! ```text
//! module | PKCS#7 message (sig_len bytes) | struct module_signature (12 bytes) | "~Module signature appended~\n"
//! ```

use std::ops::Range;

use serde::Serialize;

use super::Bytes;

/// Whether a file ends with the signature marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AppendedSignature {
    /// The file does not end with the marker, or consists only of the marker: the module is unsigned.
    Absent,
    /// The file ends with the marker.
    Marked(MarkedSignature),
}

/// A file that ends with the marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkedSignature {
    /// Length of the file without the marker: the kernel's `info->len` as soon as it has found the marker, even if it
    /// rejects the rest.
    pub unmarked_len: usize,
    /// The header before the marker; `None` if no byte is left before it (`modlen <= sizeof(ms)`).
    pub info: Option<SignatureInfo>,
    /// The place of the PKCS#7 message in the file; `None` if `sig_len` leaves no module before it
    /// (`sig_len >= modlen - sizeof(ms)`). Its start is the module's length, the kernel's `info->len` after
    /// `mod_check_sig()` accepted the header.
    pub message: Option<Range<usize>>,
}

/// `struct module_signature` (include/linux/module_signature.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureInfo {
    /// Public key algorithm; 0 for PKCS#7.
    pub algo: u8,
    /// Digest algorithm; 0 for PKCS#7.
    pub hash: u8,
    /// Key identifier type; 2 is PKCS#7.
    pub id_type: u8,
    /// Length of the signer's name; 0 for PKCS#7.
    pub signer_len: u8,
    /// Length of the key identifier; 0 for PKCS#7.
    pub key_id_len: u8,
    /// Padding; all 0.
    pub pad: [u8; 3],
    /// Length of the signature.
    pub sig_len: u32,
}

impl AppendedSignature {
    /// MODULE_SIG_STRING.
    pub const MARKER: &'static [u8; 28] = b"~Module signature appended~\n";

    /// Reads the end of a file.
    pub fn read(file: &[u8]) -> Self {
        Self::at_end(file, file.len())
    }

    /// Reads the end of a file of which perhaps only parts are in memory.
    pub fn of(file: &Bytes) -> Self {
        let size = (Self::MARKER.len() + SignatureInfo::SIZE + 1).min(file.len());
        Self::at_end(file.tail(file.len() - size, size), file.len())
    }

    /// Reads the last bytes of a file of `len` bytes: `end` holds the marker, the header and one more byte, or the
    /// whole file.
    fn at_end(end: &[u8], len: usize) -> Self {
        match end.strip_suffix(Self::MARKER) {
            None | Some([]) => Self::Absent,
            Some(unmarked) => Self::Marked(MarkedSignature::read(unmarked, len - Self::MARKER.len())),
        }
    }
}

impl MarkedSignature {
    fn read(unmarked: &[u8], unmarked_len: usize) -> Self {
        let absent = Self { unmarked_len, info: None, message: None };
        let Some((before, bytes)) = unmarked.split_last_chunk::<{ SignatureInfo::SIZE }>() else { return absent };
        if before.is_empty() {
            return absent;
        }
        let info = SignatureInfo::from_bytes(bytes);
        let end = unmarked_len - SignatureInfo::SIZE;
        let start = usize::try_from(info.sig_len).ok().and_then(|len| end.checked_sub(len));
        let message = start.filter(|start| *start > 0).map(|start| start..end);
        Self { info: Some(info), message, ..absent }
    }
}

impl SignatureInfo {
    /// Its size in the file.
    pub const SIZE: usize = 12;
    /// `id_type` of a PKCS#7 message.
    pub const PKEY_ID_PKCS7: u8 = 2;

    fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let [algo, hash, id_type, signer_len, key_id_len, pad @ .., a, b, c, d] = *bytes;
        Self { algo, hash, id_type, signer_len, key_id_len, pad, sig_len: u32::from_be_bytes([a, b, c, d]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(body: &[u8], message: &[u8], info: [u8; 12]) -> Vec<u8> {
        [body, message, &info, AppendedSignature::MARKER].concat()
    }

    fn marked(file: &[u8]) -> MarkedSignature {
        match AppendedSignature::read(file) {
            AppendedSignature::Marked(marked) => marked,
            AppendedSignature::Absent => panic!("no marker"),
        }
    }

    #[test]
    fn a_signature_is_found_at_the_end_of_the_file() {
        let info = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        let marked = marked(&file(b"module", b"PKCS7", info));
        assert_eq!((marked.unmarked_len, marked.message), (23, Some(6..11)));
        let read = marked.info.expect("info");
        assert_eq!((read.id_type, read.pad, read.sig_len), (2, [0; 3], 5));
    }

    #[test]
    fn header_fields_are_read_in_order() {
        let info = marked(&file(b"m", b"", [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0])).info.expect("info");
        assert_eq!((info.algo, info.hash, info.id_type), (1, 2, 3));
        assert_eq!((info.signer_len, info.key_id_len, info.pad), (4, 5, [6, 7, 8]));
    }

    /// T096: the marker without its last newline is not a marker. A file that consists only of the marker is unsigned.
    #[test]
    fn a_file_without_a_whole_marker_is_unsigned() {
        let whole = file(b"module", b"", [0; 12]);
        assert_eq!(AppendedSignature::read(&whole[..whole.len() - 1]), AppendedSignature::Absent);
        assert_eq!(AppendedSignature::read(AppendedSignature::MARKER), AppendedSignature::Absent);
        assert_eq!(AppendedSignature::read(b""), AppendedSignature::Absent);
    }

    /// The kernel requires at least one byte of module before the header, and before the message.
    #[test]
    fn a_marker_without_a_module_before_it_has_no_message() {
        let header_only = marked(&file(b"", b"", [0; 12]));
        assert_eq!((header_only.unmarked_len, header_only.info), (12, None));
        for sig_len in [6_u32, 7, u32::MAX] {
            let mut info = [0; 12];
            info[8..].copy_from_slice(&sig_len.to_be_bytes());
            let marked = marked(&file(b"", b"module", info));
            assert_eq!((marked.info.map(|info| info.sig_len), marked.message), (Some(sig_len), None));
        }
    }
}
