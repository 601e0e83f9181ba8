//! Decompression with limits, because compressed data may be hostile.

use std::io::{BufRead, Read, Result as IoResult};

use liblzma::stream::{CONCATENATED, Stream};

use super::kmod::{GzRead, UpToCut};
use super::stream::{is_out_of_memory, read_counted};
use super::xz::{self, XZ_MEMORY};
use super::{Compression, CompressionError, lz4, lzo};
use crate::elf::{CompressedSection, SectionCompression};
use crate::terms::{Budget, CountedBytes};

/// The largest decompressed size: 512 MiB. The largest real modules, graphics drivers with debug information, stay below 200
/// MiB, and kernels below 100 MiB.
pub const DECOMPRESSED_LIMIT: usize = 512 << 20;
/// The binary logarithm of Zstandard's largest window: 128 MiB, which its highest level uses, the one for kernel images.
const WINDOW_LOG: u32 = 27;
/// An announced size is used up to this multiple of the compressed size. Kernels are 5 to 10 times as large.
const BELIEVED_RATIO: usize = 64;

/// How many times as large as its stored bytes a file may get that is larger than [`BELIEVED`]. Real modules with debug information
/// are 3 to 10 times as large; a file of zeros is a thousand times as large and more, and takes half a second each time it is read.
const LARGEST_RATIO: usize = 64;
/// Decompressed files up to this size may have any ratio: 64 MiB, or a sixteenth of the budget.
const BELIEVED: u64 = 64 << 20;

/// How a file is read to its end: it may have several streams after one another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Streams {
    /// The first stream; what follows it is ignored.
    First,
    /// All streams, and nothing else.
    All,
    /// As kmod reads a module.
    AsKmod,
}

/// A reader of the decompressed contents of `input`: of all its streams, if the format allows several, and on all cores if the
/// format allows that. Memory is limited, the size of the output is not.
///
/// # Errors
/// If the input cannot be read or does not begin as data of that format.
pub fn decompressor<'a>(compression: Compression, input: impl BufRead + 'a) -> IoResult<Box<dyn Read + 'a>> {
    match compression {
        Compression::Xz => Ok(Box::new(xz::Parallel::new(input)?)),
        _ => decoder(compression, input, Streams::All),
    }
}

fn decoder<'a>(compression: Compression, input: impl BufRead + 'a, streams: Streams) -> IoResult<Box<dyn Read + 'a>> {
    let all = streams != Streams::First;
    Ok(match compression {
        Compression::Gzip if streams == Streams::AsKmod => Box::new(GzRead::new(input)),
        Compression::Gzip if all => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Gzip => Box::new(flate2::bufread::GzDecoder::new(input)),
        Compression::Xz => {
            // The dictionary may be as large as the format allows, as for kmod and the kernel: only as much of it is used as there
            // is output, and that is limited.
            let memory = if all { u64::MAX } else { XZ_MEMORY };
            let stream = Stream::new_stream_decoder(memory, if all { CONCATENATED } else { 0 })?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
        }
        Compression::Lzma => {
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, Stream::new_lzma_decoder(XZ_MEMORY)?))
        }
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(WINDOW_LOG)?;
            match streams {
                Streams::First => Box::new(decoder.single_frame()),
                Streams::All => Box::new(decoder),
                Streams::AsKmod => Box::new(UpToCut(decoder)),
            }
        }
        Compression::Bzip2 if all => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Compression::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(input)),
        Compression::Lz4 => lz4::decoder(input)?,
        Compression::Lzo => Box::new(lzo::decoder(input)?),
    })
}

/// Decompresses all streams, in memory proportional to the output, which is at most [`DECOMPRESSED_LIMIT`] bytes. Beyond 64 MiB, or a
/// sixteenth of a budget that is larger than 1 GiB, it is also at most 64 times as large as the input.
///
/// # Errors
/// If the data is broken or cut short, or exceeds the limit or the budget.
pub fn decompress(compression: Compression, bytes: &[u8], budget: &Budget) -> Result<CountedBytes, CompressionError> {
    decompress_to_end(compression, bytes, Streams::All, budget)
}

/// Decompresses a module file as kmod does, which takes what there is of a gzip or, up to kmod 33, of a Zstandard file that is cut
/// short, and ignores what follows gzip data. The limits are those of [`decompress`].
///
/// # Errors
/// If kmod gives up, or as [`decompress`] where a limit is exceeded.
pub fn decompress_module(
    compression: Compression,
    bytes: &[u8],
    budget: &Budget,
) -> Result<CountedBytes, CompressionError> {
    decompress_to_end(compression, bytes, Streams::AsKmod, budget)
}

fn decompress_to_end(
    compression: Compression,
    bytes: &[u8],
    streams: Streams,
    budget: &Budget,
) -> Result<CountedBytes, CompressionError> {
    let limit = module_limit(bytes.len(), budget);
    decompress_streams(compression, bytes, bytes.len().saturating_mul(4), limit, streams, budget)
}

/// How large the contents of a file of this size may get.
pub(super) fn module_limit(size: usize, budget: &Budget) -> usize {
    let believed = usize::try_from(BELIEVED.max(budget.limit() / 16)).unwrap_or(usize::MAX);
    size.saturating_mul(LARGEST_RATIO).max(believed).min(DECOMPRESSED_LIMIT)
}

/// Decompresses the first stream of a kernel image's payload, at most [`DECOMPRESSED_LIMIT`] bytes. Data after the stream is
/// ignored.
///
/// `announced` is the decompressed size that the image gives. It only saves reallocations: a wrong size is no error.
///
/// # Errors
/// If the data is broken or cut short, or exceeds the limit or the budget.
pub fn decompress_payload(
    compression: Compression,
    bytes: &[u8],
    announced: Option<usize>,
    budget: &Budget,
) -> Result<CountedBytes, CompressionError> {
    let believed = announced.filter(|size| *size <= bytes.len().saturating_mul(BELIEVED_RATIO).min(DECOMPRESSED_LIMIT));
    if compression == Compression::Zstd
        && let Some(contents) = believed.and_then(|size| zstd_at_once(bytes, size, budget))
    {
        return Ok(contents);
    }
    let capacity = believed.unwrap_or(bytes.len().saturating_mul(4));
    decompress_streams(compression, bytes, capacity, DECOMPRESSED_LIMIT, Streams::First, budget)
}

/// The contents of the first frame, decompressed directly into memory without a stream's window; `None` if that fails for any
/// reason.
fn zstd_at_once(bytes: &[u8], size: usize, budget: &Budget) -> Option<CountedBytes> {
    let frame = bytes.get(..zstd::zstd_safe::find_frame_compressed_size(bytes).ok()?)?;
    let claim = budget.take(size).ok()?;
    let contents = zstd::bulk::decompress(frame, size).ok()?;
    Some(CountedBytes::new(contents, claim))
}

/// Returns whether a decompressor gave up for lack of memory.
fn is_about_memory(error: &std::io::Error) -> bool {
    use liblzma::stream::Error;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    is_out_of_memory(error) || matches!(inner, Some(Error::Mem | Error::MemLimit))
}

/// Decompresses into a vector with this capacity, which grows up to the limit.
fn decompress_streams(
    compression: Compression,
    bytes: &[u8],
    capacity: usize,
    limit: usize,
    streams: Streams,
    budget: &Budget,
) -> Result<CountedBytes, CompressionError> {
    let broken = |produced, source| match is_about_memory(&source) {
        true => CompressionError::Memory { compression, source },
        false => CompressionError::Broken { compression, produced, source },
    };
    let reader = decoder(compression, bytes, streams).map_err(|source| broken(0, source))?;
    let mut contents = Vec::new();
    // Only address space: memory is used as it is written to. Without it the contents grow in steps.
    _ = contents.try_reserve(capacity.min(limit));
    let mut claim = budget.hold(0);
    let result = read_counted(&mut reader.take(limit as u64 + 1), &mut contents, &mut claim);
    if contents.len() > limit {
        return Err(match limit {
            DECOMPRESSED_LIMIT => CompressionError::TooLarge { compression, limit },
            _ => CompressionError::OutOfProportion { compression, ratio: LARGEST_RATIO, limit },
        });
    }
    result.map_err(|source| broken(contents.len(), source))?;
    Ok(CountedBytes::new(contents, claim))
}

/// Decompresses the contents of a section, at most [`DECOMPRESSED_LIMIT`] bytes. The caller has counted the size in its header.
///
/// # Errors
/// If the algorithm is unknown, the data is broken, or its size is not the one in the header; the message follows the section's name.
pub fn decompress_section(section: &CompressedSection<'_>) -> Result<Vec<u8>, String> {
    let limit = DECOMPRESSED_LIMIT as u64;
    if section.size > limit {
        return Err(format!("it grows beyond {limit} bytes when decompressed"));
    }
    let broken = |error: std::io::Error| format!("broken compressed data: {error}");
    let reader: Box<dyn Read + '_> = match section.compression {
        SectionCompression::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(section.data)),
        SectionCompression::Zstd => decompressor(Compression::Zstd, section.data).map_err(broken)?,
        SectionCompression::Unknown(number) => return Err(format!("it is compressed in an unknown way ({number})")),
    };
    let mut bytes = Vec::new();
    reader.take(section.size).read_to_end(&mut bytes).map_err(broken)?;
    match u64::try_from(bytes.len()) {
        Ok(size) if size == section.size => Ok(bytes),
        _ => Err(format!("{} bytes when decompressed, not {} as its header says", bytes.len(), section.size)),
    }
}
