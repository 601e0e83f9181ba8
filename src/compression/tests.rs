use std::io::{Read, Write};

use super::*;
use crate::terms::Budget;

const SAMPLE: &[u8] = b"static int answer(void) { return 42; }\nstatic int answer_again(void) { return 42; }\n";
/// `lzop -9` of the sample.
const LZOP: &[u8] = b"\x89LZO\0\r\n\x1a\n\x10\x40\x20\xa0\x09\x40\x03\x09\x03\0\0\x0d\0\0\x81\xa4\x6b\x04\x2c\xa0\0\0\0\0\0\x34\
    \x94\x03\xd6\0\0\0\x54\0\0\0\x38\x01\xc0\x1d\x32\x38static int answer(void) { return 42; }\n\x2f\x98\0\x03_again4\xb0\0\
    \x11\0\0\0\0\0\0";
/// `lz4 -l -9` of the sample.
const LZ4_LEGACY: &[u8] =
    b"\x02\x21\x4c\x18\x3a\0\0\0\xfd\x18static int answer(void) { return 42; }\n\x27\0\x6d_again\x2d\0\
    \x50\x32; }\n";

fn xz(contents: &[u8]) -> Vec<u8> {
    let mut stored = Vec::new();
    liblzma::read::XzEncoder::new(contents, 1).read_to_end(&mut stored).unwrap();
    stored
}

fn lzma(contents: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut stored = Vec::new();
    liblzma::read::XzEncoder::new_stream(contents, stream).read_to_end(&mut stored).unwrap();
    stored
}

fn gzip(contents: &[u8]) -> Vec<u8> {
    let mut stored = Vec::new();
    flate2::read::GzEncoder::new(contents, flate2::Compression::fast()).read_to_end(&mut stored).unwrap();
    stored
}

fn bzip2(contents: &[u8]) -> Vec<u8> {
    let mut stored = Vec::new();
    ::bzip2::read::BzEncoder::new(contents, ::bzip2::Compression::fast()).read_to_end(&mut stored).unwrap();
    stored
}

fn zstd(contents: &[u8]) -> Vec<u8> {
    ::zstd::stream::encode_all(contents, 1).unwrap()
}

fn lz4(contents: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(contents).unwrap();
    encoder.finish().unwrap()
}

/// With memory for all of it.
fn decompress(compression: Compression, stored: &[u8]) -> Result<Vec<u8>, CompressionError> {
    super::decompress(compression, stored, &Budget::default()).map(|contents| contents.to_vec())
}

/// With memory for all of it.
fn decompress_payload(
    compression: Compression,
    stored: &[u8],
    announced: Option<usize>,
) -> Result<Vec<u8>, CompressionError> {
    super::decompress_payload(compression, stored, announced, &Budget::default()).map(|contents| contents.to_vec())
}

fn streamed(compression: Compression, stored: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    decompressor(compression, stored)?.read_to_end(&mut contents)?;
    Ok(contents)
}

/// The sample in every format.
fn all() -> Vec<(Compression, Vec<u8>)> {
    vec![
        (Compression::Gzip, gzip(SAMPLE)),
        (Compression::Xz, xz(SAMPLE)),
        (Compression::Zstd, zstd(SAMPLE)),
        (Compression::Lzma, lzma(SAMPLE)),
        (Compression::Bzip2, bzip2(SAMPLE)),
        (Compression::Lz4, lz4(SAMPLE)),
        (Compression::Lz4, LZ4_LEGACY.to_vec()),
        (Compression::Lzo, LZOP.to_vec()),
    ]
}

#[test]
fn every_format_is_recognized_and_decompressed() {
    for (compression, stored) in all() {
        assert_eq!(Compression::of_payload(&stored), Some(compression));
        assert_eq!(decompress(compression, &stored).unwrap(), SAMPLE, "{compression}");
        assert_eq!(streamed(compression, &stored).unwrap(), SAMPLE, "{compression}");
        for announced in [None, Some(0), Some(SAMPLE.len() - 1), Some(SAMPLE.len()), Some(4096), Some(usize::MAX)] {
            assert_eq!(decompress_payload(compression, &stored, announced).unwrap(), SAMPLE, "{compression}");
        }
    }
}

#[test]
fn modules_come_in_three_formats_only() {
    let of_modules = all().into_iter().filter_map(|(_, stored)| Compression::of(&stored));
    assert_eq!(of_modules.collect::<Vec<_>>(), [Compression::Gzip, Compression::Xz, Compression::Zstd]);
}

/// Exceptions: an empty input is a file without streams, and legacy LZ4 has no end mark, so its magic alone is complete.
#[test]
fn truncated_data_is_an_error() {
    for (compression, stored) in all() {
        for end in 0..stored.len() {
            let result = decompress(compression, &stored[..end]);
            assert_eq!(
                streamed(compression, &stored[..end]).ok(),
                result.as_ref().ok().cloned(),
                "{compression} cut at {end}"
            );
            match result {
                Err(CompressionError::Broken { .. }) => {}
                Err(other) => panic!("{compression} cut at {end}: {other}"),
                Ok(contents) => {
                    let has_no_end = compression == Compression::Lz4 && stored == LZ4_LEGACY;
                    assert!(contents.is_empty() && (end == 0 || has_no_end), "{compression} cut at {end}");
                }
            }
        }
    }
}

/// Every byte in turn is changed: the result may be anything, but there is no panic.
#[test]
fn broken_data_does_not_panic() {
    for (compression, stored) in all() {
        for at in 0..stored.len() {
            for flip in [0x01, 0x80] {
                let mut broken = stored.clone();
                broken[at] ^= flip;
                let _ = decompress_payload(compression, &broken, Some(SAMPLE.len()));
            }
        }
    }
}

/// On x86 the size of the contents follows the payload, and padding may follow that.
#[test]
fn data_after_a_payload_is_ignored() {
    for (compression, stored) in all() {
        for size in [SAMPLE.len(), 60 << 20] {
            let size = u32::try_from(size).unwrap().to_le_bytes();
            for trailer in [size.to_vec(), vec![0; 64], [&size[..], &[0; 60]].concat()] {
                // This trailer looks like the size of a truncated block. A caller that knows the end of the payload must cut
                // there.
                if stored == LZ4_LEGACY && trailer.len() > 4 && trailer[0] == 84 {
                    continue;
                }
                let payload = [&stored[..], &trailer].concat();
                assert_eq!(decompress_payload(compression, &payload, None).unwrap(), SAMPLE, "{compression}");
                assert_eq!(decompress_payload(compression, &payload, Some(84)).unwrap(), SAMPLE, "{compression}");
            }
        }
    }
}

#[test]
fn streams_that_follow_each_other_are_one_file() {
    for (compression, stored) in all() {
        let twice = [&stored[..], &stored].concat();
        let times = match compression {
            Compression::Lzo | Compression::Lzma => continue,
            Compression::Lz4 if stored != LZ4_LEGACY => continue,
            Compression::Lz4 => 2,
            _ => 1,
        };
        assert_eq!(decompress(compression, &twice).unwrap(), SAMPLE.repeat(2), "{compression}");
        assert_eq!(streamed(compression, &twice).unwrap(), SAMPLE.repeat(2), "{compression}");
        assert_eq!(decompress_payload(compression, &twice, None).unwrap(), SAMPLE.repeat(times), "{compression}");
    }
}

/// 600 MiB of zeros.
#[test]
fn the_size_of_the_output_is_limited() {
    let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    let block = vec![0; 1 << 20];
    for _ in 0..600 {
        encoder.write_all(&block).unwrap();
    }
    let stored = encoder.finish().unwrap();
    for announced in [None, Some(600 << 20)] {
        let result = decompress_payload(Compression::Zstd, &stored, announced);
        assert!(matches!(result, Err(CompressionError::TooLarge { limit: DECOMPRESSED_LIMIT, .. })));
    }
    let limit = |budget: u64| match super::decompress(Compression::Zstd, &stored, &Budget::new(budget)) {
        Err(CompressionError::TooLarge { limit, .. } | CompressionError::OutOfProportion { limit, .. }) => limit,
        result => panic!("{result:?}"),
    };
    assert_eq!((limit(1 << 30), limit(2 << 30), limit(64 << 30)), (64 << 20, 128 << 20, DECOMPRESSED_LIMIT));
    // Bytes that do not compress: no ratio is in the way.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(65 << 20)
    .collect();
    let stored = ::zstd::stream::encode_all(noise.as_slice(), 1).unwrap();
    assert_eq!(decompress(Compression::Zstd, &stored).map(|contents| contents.len()).ok(), Some(65 << 20));
}

/// A header that requests a dictionary of 2 GiB.
#[test]
fn the_size_of_the_dictionary_is_limited() {
    let mut stored = lzma(SAMPLE);
    stored[1..5].copy_from_slice(&(1_u32 << 31).to_le_bytes());
    assert!(matches!(decompress(Compression::Lzma, &stored), Err(CompressionError::Memory { .. })));
}

#[test]
fn other_files_are_not_taken_for_lzma() {
    let stored = lzma(SAMPLE);
    for (at, byte) in [(1, 1), (2, 1), (4, 0x0b), (12, 0), (13, 1)] {
        let mut other = stored.clone();
        other[at] = byte;
        assert_eq!(Compression::of_payload(&other), None, "byte {at} is {byte}");
    }
    assert_eq!(Compression::of_payload(b"]\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), None);
    assert_eq!(Compression::of_payload(b"BZh9 is how a text may begin"), None);
}

#[test]
fn a_stored_lzo_block_is_copied() {
    let mut stored = LZOP[..38].to_vec();
    stored.extend([0, 0, 0, 3, 0, 0, 0, 3, 1, 2, 3, 4]);
    stored.extend(b"abc\0\0\0\0");
    assert_eq!(decompress(Compression::Lzo, &stored).unwrap(), b"abc");
    stored[41] = 2;
    assert!(decompress(Compression::Lzo, &stored).is_err(), "stored in more than it has");
}

// Contents are counted as long as they are in memory; what does not fit is an error of its own, whatever size is announced.
#[test]
fn contents_are_counted() {
    let budget = Budget::new(1 << 20);
    let contents = vec![7; 600 << 10];
    let all =
        [(Compression::Gzip, gzip(&contents)), (Compression::Xz, xz(&contents)), (Compression::Zstd, zstd(&contents))];
    for (compression, stored) in all {
        let first = super::decompress(compression, &stored, &budget).unwrap();
        assert_eq!((first.len() as u64, budget.taken()), (600 << 10, 600 << 10), "{compression}");
        for announced in [None, Some(contents.len())] {
            let second = super::decompress_payload(compression, &stored, announced, &budget);
            let error = second.expect_err("there is room for one");
            assert!(matches!(error, CompressionError::Memory { .. }), "{compression}: {error}");
            assert!(error.to_string().contains("--max-memory"), "{error}");
        }
        drop(first);
        assert_eq!(budget.taken(), 0, "{compression}");
    }
}
