//! Compressed sections: `SHF_COMPRESSED`, and GNU's older `.zdebug_`.

use object::Endianness;
use object::elf as raw;

use super::{Elf, Section, SectionFlags};
use crate::terms::Class;

/// How a section is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionCompression {
    /// zlib.
    Zlib,
    /// Zstandard.
    Zstd,
    /// An algorithm that gplok does not know, by its number.
    Unknown(u32),
}

/// The contents of a compressed section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressedSection<'data> {
    /// The algorithm.
    pub compression: SectionCompression,
    /// The decompressed size in bytes.
    pub size: u64,
    /// The compressed bytes.
    pub data: &'data [u8],
}

impl Elf<'_> {
    /// The compressed contents of a section with the given bytes; `None` if the section is not compressed.
    ///
    /// `name` identifies GNU's older format, whose header is `ZLIB` and the size in big-endian.
    pub fn compressed<'a>(self, section: &Section, bytes: &'a [u8], name: &[u8]) -> Option<CompressedSection<'a>> {
        if section.flags & SectionFlags::COMPRESSED != 0 {
            return self.compression_header(bytes);
        }
        let rest = name.starts_with(b".zdebug_").then(|| bytes.strip_prefix(b"ZLIB"))??;
        let (size, data) = rest.split_first_chunk::<8>()?;
        Some(CompressedSection { compression: SectionCompression::Zlib, size: u64::from_be_bytes(*size), data })
    }

    fn compression_header<'a>(self, bytes: &'a [u8]) -> Option<CompressedSection<'a>> {
        let (kind, size, header) = match self.class {
            Class::Elf32 => (
                self.number(bytes, 0, 4)?,
                self.number(bytes, 4, 4)?,
                size_of::<raw::CompressionHeader32<Endianness>>(),
            ),
            Class::Elf64 => (
                self.number(bytes, 0, 4)?,
                self.number(bytes, 8, 8)?,
                size_of::<raw::CompressionHeader64<Endianness>>(),
            ),
        };
        let compression = match u32::try_from(kind).ok()? {
            raw::ELFCOMPRESS_ZLIB => SectionCompression::Zlib,
            raw::ELFCOMPRESS_ZSTD => SectionCompression::Zstd,
            other => SectionCompression::Unknown(other),
        };
        Some(CompressedSection { compression, size, data: bytes.get(header..)? })
    }
}
