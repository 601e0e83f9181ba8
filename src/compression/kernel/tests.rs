use std::io::{Read as _, Write as _};

use liblzma::stream::{Check, Filters, LzmaOptions, Stream};

use super::*;

/// Contents of several pages that do not compress to nothing.
fn contents() -> Vec<u8> {
    (0..20_000_u32).flat_map(|number| (number.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()).take(20_000).collect()
}

fn options() -> LzmaOptions {
    LzmaOptions::new_preset(1).unwrap()
}

fn xz(bytes: &[u8], filters: &Filters, check: Check) -> Vec<u8> {
    let stream = Stream::new_stream_encoder(filters, check).unwrap();
    let mut stored = Vec::new();
    liblzma::read::XzEncoder::new_stream(bytes, stream).read_to_end(&mut stored).unwrap();
    stored
}

/// With memory for all of it.
fn kernel_decompress(compression: Compression, stored: &[u8], lacking: &[&str]) -> KernelResult<Vec<u8>> {
    super::kernel_decompress(compression, stored, lacking, &Budget::default()).map(|contents| contents.to_vec())
}

/// As the kernel's build makes it.
fn plain(bytes: &[u8]) -> Vec<u8> {
    xz(bytes, Filters::new().lzma2(&options()), Check::Crc32)
}

fn line_of(stored: &[u8]) -> String {
    let compression = Compression::of(stored).unwrap();
    match kernel_decompress(compression, stored, &[]) {
        Ok(contents) => format!("{} bytes", contents.len()),
        Err(KernelDecompressFault::Refused { line, .. }) => line,
        Err(KernelDecompressFault::Limit) => "limit".to_owned(),
    }
}

#[test]
fn what_the_build_writes_is_read_by_both() {
    let contents = contents();
    for check in [Check::Crc32, Check::None] {
        let stored = xz(&contents, Filters::new().lzma2(&options()), check);
        assert_eq!(kernel_needs(Compression::Xz, &stored), Some(KernelNeeds { memory: 1 << 20, options: vec![] }));
        assert_eq!(kernel_decompress(Compression::Xz, &stored, &[]), Ok(contents.clone()));
    }
}

#[test]
fn checks_and_filters_that_the_kernel_does_not_know() {
    let contents = contents();
    for check in [Check::Crc64, Check::Sha256] {
        let stored = xz(&contents, Filters::new().lzma2(&options()), check);
        assert_eq!(kernel_needs(Compression::Xz, &stored), None);
        assert_eq!(line_of(&stored), "decompression failed with status 6");
    }
    let mut delta = Filters::new();
    delta.delta_properties(&[3]).unwrap().lzma2(&options());
    assert_eq!(line_of(&xz(&contents, &delta, Check::Crc32)), "decompression failed with status 6");
}

#[test]
fn a_filter_needs_its_option() {
    let contents = contents();
    let mut filters = Filters::new();
    filters.arm().lzma2(&options());
    let stored = xz(&contents, &filters, Check::Crc32);
    let needs = kernel_needs(Compression::Xz, &stored).unwrap();
    assert_eq!(needs.options, ["XZ_DEC_ARM"]);
    assert_eq!(kernel_wants(Compression::Xz, &stored), needs);
    assert_eq!(kernel_decompress(Compression::Xz, &stored, &[]), Ok(contents));
    assert!(kernel_decompress(Compression::Xz, &stored, &["XZ_DEC_ARM"]).is_err());
}

/// A dictionary of 256 MiB loads, and takes no such memory here.
#[test]
fn a_large_dictionary_is_no_fault() {
    let contents = contents();
    let stored = xz(&contents, Filters::new().lzma2(options().dict_size(256 << 20)), Check::Crc32);
    assert_eq!(kernel_needs(Compression::Xz, &stored).map(|needs| needs.memory), Some(256 << 20));
    assert_eq!(kernel_decompress(Compression::Xz, &stored, &[]), Ok(contents.clone()));
    assert_eq!(*crate::compression::decompress(Compression::Xz, &stored, &Budget::default()).unwrap(), *contents);
}

#[test]
fn only_the_first_stream_counts() {
    let contents = contents();
    let stored = plain(&contents);
    let padded = [&stored[..], &[0; 8]].concat();
    assert!(kernel_needs(Compression::Xz, &padded).is_some(), "padding adds nothing");
    for behind in [plain(b"more"), b"junk".to_vec()] {
        let several = [&stored[..], &behind].concat();
        assert_eq!(kernel_needs(Compression::Xz, &several), None);
        assert_eq!(kernel_decompress(Compression::Xz, &several, &[]), Ok(contents.clone()));
    }
}

/// A file cut short is status 0, at whatever place, and never a panic.
#[test]
fn a_file_cut_short_is_status_0() {
    let stored = plain(&contents()[..1000]);
    for end in 6..stored.len() {
        assert_eq!(line_of(&stored[..end]), "decompression failed with status 0", "cut at {end}");
        assert_eq!(kernel_needs(Compression::Xz, &stored[..end]), None, "cut at {end}");
    }
}

/// Every byte in turn is changed: status 6 or 7, or 0 where a size grows; nothing loads.
#[test]
fn a_damaged_file_is_refused() {
    let stored = plain(&contents()[..1000]);
    for at in 6..stored.len() {
        let mut damaged = stored.clone();
        damaged[at] ^= 0x10;
        assert!(line_of(&damaged).starts_with("decompression failed with status "), "byte {at}");
    }
}

fn gzip(header: flate2::GzBuilder) -> Vec<u8> {
    let mut encoder = header.write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&contents()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_headers_have_a_name_and_no_more() {
    for header in [flate2::GzBuilder::new(), flate2::GzBuilder::new().filename("foo.ko")] {
        let stored = gzip(header);
        assert_eq!(kernel_needs(Compression::Gzip, &stored), Some(KernelNeeds::default()));
        assert_eq!(kernel_decompress(Compression::Gzip, &stored, &[]), Ok(contents()));
        assert_eq!(line_of(&stored[..stored.len() / 2]), "decompression failed with status -5");
    }
    let stored = gzip(flate2::GzBuilder::new().comment("a comment"));
    assert_eq!(kernel_needs(Compression::Gzip, &stored), None);
    assert_eq!(line_of(&stored), "decompression failed with status -3");
    assert_eq!(line_of(b"\x1f\x8b\x08"), "not a gzip compressed module");
}

#[test]
fn zstd_windows_and_frames() {
    let contents = contents();
    let stored = ::zstd::stream::encode_all(&contents[..], 1).unwrap();
    assert!(kernel_needs(Compression::Zstd, &stored).is_some());
    assert_eq!(kernel_decompress(Compression::Zstd, &stored, &[]), Ok(contents.clone()));
    let twice = [&stored[..], &stored].concat();
    assert_eq!(kernel_needs(Compression::Zstd, &twice), None);
    assert_eq!(kernel_decompress(Compression::Zstd, &twice, &[]), Ok(contents.clone()));
    assert_eq!(line_of(&stored[..5]), "ZSTD-compressed data has an incomplete frame header");
    let cut = kernel_decompress(Compression::Zstd, &stored[..stored.len() - 3], &[]);
    assert!(cut.is_ok_and(|cut| contents.starts_with(&cut)), "a frame cut short is no error");
    // A window of 256 MiB.
    let large = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3][..], &[0; 8]].concat();
    assert_eq!(line_of(&large), "ZSTD-decompression failed with status 16");
}

// What does not fit into the budget says nothing about the kernel, and leaves nothing behind in it.
#[test]
fn contents_beyond_the_budget() {
    let budget = Budget::new(2 << 20);
    let contents = vec![7; 4 << 20];
    let gzip = {
        let mut stored = Vec::new();
        flate2::read::GzEncoder::new(&*contents, flate2::Compression::fast()).read_to_end(&mut stored).unwrap();
        stored
    };
    let zstd = ::zstd::stream::encode_all(&*contents, 1).unwrap();
    for (compression, stored) in
        [(Compression::Xz, plain(&contents)), (Compression::Gzip, gzip), (Compression::Zstd, zstd)]
    {
        let read = super::kernel_decompress(compression, &stored, &[], &budget).map(|contents| contents.len());
        assert_eq!(read, Err(KernelDecompressFault::Limit), "{compression}");
        assert_eq!(budget.taken(), 0);
    }
}
