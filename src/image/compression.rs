//! The compressions modules are shipped in, told by their magic.

use std::fmt;
use std::io::Read;

use serde::Serialize;

use super::ErrorKind;
use crate::elf::{CompressedSection, SectionCompression};

/// The largest module gplok decompresses: 512 MiB. The largest real ones, graphics drivers with debug information, stay
/// below 200 MiB.
pub const DECOMPRESSED_LIMIT: usize = 512 << 20;
/// How far back Zstandard may refer: 128 MiB.
const WINDOW_LOG: u32 = 27;

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
}

impl Compression {
    /// Tells it by the first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

/// Undoes a compression, in memory proportional to what comes out and never more than [`DECOMPRESSED_LIMIT`].
///
/// # Errors
/// When the data is broken, cut short, or grows beyond the limit.
pub fn decompress(compression: Compression, bytes: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let broken = |source| ErrorKind::Compressed { compression, produced: 0, source };
    let reader: Box<dyn Read + '_> = match compression {
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        // A dictionary may ask for memory long before there is output: bound it as xz itself does by default for files
        // made with its highest preset (64 MiB of dictionary), with room to spare.
        Compression::Xz => Box::new(liblzma::read::XzDecoder::new_stream(
            bytes,
            liblzma::stream::Stream::new_stream_decoder(256 << 20, liblzma::stream::CONCATENATED)
                .map_err(|error| broken(error.into()))?,
        )),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
            decoder.window_log_max(WINDOW_LOG).map_err(broken)?;
            Box::new(decoder)
        }
    };
    let mut contents = Vec::with_capacity(bytes.len().saturating_mul(4).min(DECOMPRESSED_LIMIT));
    let result = reader.take(DECOMPRESSED_LIMIT as u64 + 1).read_to_end(&mut contents);
    if contents.len() > DECOMPRESSED_LIMIT {
        return Err(ErrorKind::TooLarge { compression, limit: DECOMPRESSED_LIMIT });
    }
    match result {
        Ok(_) => Ok(contents),
        Err(source) => Err(ErrorKind::Compressed { compression, produced: contents.len(), source }),
    }
}

/// Undoes the first stream only; never more than [`DECOMPRESSED_LIMIT`].
pub(super) fn first_stream(compression: Compression, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    let limit = DECOMPRESSED_LIMIT as u64;
    match compression {
        Compression::Gzip => flate2::read::GzDecoder::new(bytes).take(limit).read_to_end(&mut contents)?,
        Compression::Xz => liblzma::read::XzDecoder::new(bytes).take(limit).read_to_end(&mut contents)?,
        Compression::Zstd => {
            zstd::stream::read::Decoder::with_buffer(bytes)?.single_frame().take(limit).read_to_end(&mut contents)?
        }
    };
    Ok(contents)
}

/// The contents of a section that is stored compressed; never more than [`DECOMPRESSED_LIMIT`].
///
/// # Errors
/// When it is compressed in an unknown way, broken, or of another size than its header says; in words that follow the
/// section's name.
pub fn decompress_section(section: &CompressedSection<'_>) -> Result<Vec<u8>, String> {
    let limit = DECOMPRESSED_LIMIT as u64;
    if section.size > limit {
        return Err(format!("it grows beyond {limit} bytes when decompressed"));
    }
    let broken = |error: std::io::Error| format!("broken compressed data: {error}");
    let reader: Box<dyn Read + '_> = match section.compression {
        SectionCompression::Zlib => Box::new(flate2::read::ZlibDecoder::new(section.data)),
        SectionCompression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(section.data).map_err(broken)?;
            decoder.window_log_max(WINDOW_LOG).map_err(broken)?;
            Box::new(decoder)
        }
        SectionCompression::Unknown(number) => return Err(format!("it is compressed in an unknown way ({number})")),
    };
    let mut bytes = Vec::new();
    reader.take(section.size).read_to_end(&mut bytes).map_err(broken)?;
    match u64::try_from(bytes.len()) {
        Ok(size) if size == section.size => Ok(bytes),
        _ => Err(format!("{} bytes when decompressed, not {} as its header says", bytes.len(), section.size)),
    }
}
