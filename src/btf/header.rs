//! The header of type information.

use crate::terms::Endian;

/// `struct btf_header`, as far as the bytes go. Fields behind the end of the bytes, or of the header itself, are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The magic number.
    pub magic: u16,
    /// The version.
    pub version: u8,
    /// The flags.
    pub flags: u8,
    /// The length of the header in bytes.
    pub header_len: u32,
    /// Where the types begin, in bytes behind the header. All offsets are counted from there.
    pub types_offset: u32,
    /// The length of the types in bytes.
    pub types_len: u32,
    /// Where the strings begin.
    pub strings_offset: u32,
    /// The length of the strings in bytes.
    pub strings_len: u32,
    /// Where the layout begins. Headers of 24 bytes do not have it.
    pub layout_offset: u32,
    /// The length of the layout in bytes.
    pub layout_len: u32,
}

impl Header {
    /// The magic number of type information.
    pub const MAGIC: u16 = 0xeb9f;
    /// The length of a header without a layout.
    pub const SHORT: u32 = 24;
    /// The length of a header with a layout.
    pub const LONG: u32 = 32;

    /// Reads a header; `None` if the bytes end before its length.
    pub fn read(bytes: &[u8], endian: Endian) -> Option<Self> {
        let header_len = u32_at(bytes, 4, endian)?;
        let end = usize::try_from(header_len).unwrap_or(usize::MAX).min(bytes.len());
        let inside = bytes.get(..end).unwrap_or_default();
        let field = |offset| u32_at(inside, offset, endian).unwrap_or(0);
        let magic = inside.first_chunk::<2>().copied().unwrap_or_default();
        Some(Self {
            magic: match endian {
                Endian::Little => u16::from_le_bytes(magic),
                Endian::Big => u16::from_be_bytes(magic),
            },
            version: inside.get(2).copied().unwrap_or(0),
            flags: inside.get(3).copied().unwrap_or(0),
            header_len,
            types_offset: field(8),
            types_len: field(12),
            strings_offset: field(16),
            strings_len: field(20),
            layout_offset: field(24),
            layout_len: field(28),
        })
    }
}

/// The 32-bit number at an offset.
pub(super) fn u32_at(bytes: &[u8], offset: usize, endian: Endian) -> Option<u32> {
    let word = *bytes.get(offset..)?.first_chunk::<4>()?;
    Some(match endian {
        Endian::Little => u32::from_le_bytes(word),
        Endian::Big => u32::from_be_bytes(word),
    })
}
