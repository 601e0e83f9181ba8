//! The compression formats, recognized by their first bytes.

use std::fmt;

use serde::Serialize;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// The LZMA format that preceded xz.
    Lzma,
    /// bzip2.
    Bzip2,
    /// LZ4, in current frames or in the legacy frames of kernel images.
    Lz4,
    /// LZO, in lzop's container.
    Lzo,
}

impl Compression {
    /// The number of bytes that tell every format.
    pub const HEAD: u64 = 14;

    /// The format by the first bytes, among the formats of modules: kmod knows no others.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The format by the first bytes, among the formats of kernel images and packages.
    pub fn of_payload(bytes: &[u8]) -> Option<Self> {
        Self::of(bytes).or_else(|| match bytes {
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Some(Self::Bzip2),
            [0x02, 0x21, 0x4c, 0x18, ..] | [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            [0x89, b'L', b'Z', b'O', 0, 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Lzo),
            _ => is_lzma(bytes).then_some(Self::Lzma),
        })
    }
}

/// Returns whether a Zstandard frame does not state the size of its contents (RFC 8878, section 3.1.1.1): `zstd` does not know it
/// where it reads from a pipe.
pub(super) fn lacks_size(frame: &[u8]) -> bool {
    const SINGLE_SEGMENT: u8 = 1 << 5;
    matches!(frame, [0x28, 0xb5, 0x2f, 0xfd, descriptor, ..] if descriptor >> 6 == 0 && descriptor & SINGLE_SEGMENT == 0)
}

/// Returns whether the bytes begin as LZMA data. The format has no magic, so its header is checked: the usual properties, the
/// size of the dictionary (a power of two, or three times one), the size of the contents (or all ones), and the first byte of
/// the range coder, which is zero.
fn is_lzma(bytes: &[u8]) -> bool {
    let [0x5d, d0, d1, d2, d3, s0, s1, s2, s3, s4, s5, s6, s7, 0, ..] = bytes else { return false };
    let dictionary = u32::from_le_bytes([*d0, *d1, *d2, *d3]);
    let size = u64::from_le_bytes([*s0, *s1, *s2, *s3, *s4, *s5, *s6, *s7]);
    let rounded = dictionary.is_power_of_two() || (dictionary % 3 == 0 && (dictionary / 3).is_power_of_two());
    rounded && dictionary >= 1 << 16 && (size == u64::MAX || size < 1 << 38)
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Lzma => "lzma",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
            Self::Lzo => "lzo",
        })
    }
}
