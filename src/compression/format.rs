//! What compresses a file.

use std::fmt;

use serde::Serialize;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// The format of LZMA before xz.
    Lzma,
    /// bzip2.
    Bzip2,
    /// LZ4, in the frames of today or in the legacy ones that kernel images have.
    Lz4,
    /// LZO, in the container of lzop.
    Lzo,
}

impl Compression {
    /// How many bytes tell them all.
    pub const HEAD: u64 = 14;

    /// Tells it by the first bytes, among those that modules come in: kmod knows no others.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Tells it by the first bytes, among those that kernel images and packages come in.
    pub fn of_payload(bytes: &[u8]) -> Option<Self> {
        Self::of(bytes).or_else(|| match bytes {
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Some(Self::Bzip2),
            [0x02, 0x21, 0x4c, 0x18, ..] | [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            [0x89, b'L', b'Z', b'O', 0, 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Lzo),
            _ => is_lzma(bytes).then_some(Self::Lzma),
        })
    }
}

/// There is no magic: the usual properties, the size of the dictionary (a power of two, or one and a half), that of the
/// contents (or all ones), and the range coder's first byte, which is zero. All of them are looked at.
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
