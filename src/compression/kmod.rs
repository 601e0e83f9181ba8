//! What kmod reads of a compressed module that is cut short, or that something follows.

use std::io::{BufRead, ErrorKind, Read, Result};

use flate2::bufread::GzDecoder;
use zstd::zstd_safe;

use super::format::lacks_size;

/// The first bytes of each member of a gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A reader whose input may be cut short: it ends there.
pub(super) struct UpToCut<R>(pub R);

impl<R: Read> Read for UpToCut<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.0.read(buffer) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
            read => read,
        }
    }
}

/// Mirrors `gzread()` of zlib, which `kmod_file_load_zlib()` calls (libkmod/libkmod-file-zlib.c): members follow each other, what
/// follows the last one is ignored if it does not begin as a member, and the end of the file is no error anywhere.
///
/// The input must have all bytes in its buffer.
pub(super) struct GzRead<R>(Option<UpToCut<GzDecoder<R>>>);

impl<R: BufRead> GzRead<R> {
    pub(super) fn new(input: R) -> Self {
        Self(Some(UpToCut(GzDecoder::new(input))))
    }
}

impl<R: BufRead> Read for GzRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if let Some(UpToCut(member)) = self.0.take() {
                let mut rest = member.into_inner();
                if rest.fill_buf()?.starts_with(&GZIP_MAGIC) {
                    *self = Self::new(rest);
                }
            }
        }
        Ok(0)
    }
}

/// What kmod 34 and later do not decompress of Zstandard files: they decompress all frames at once, into memory of the size that
/// the first one states (`kmod_file_load_zstd()`, libkmod/libkmod-file-zstd.c, since commit 72c0aa3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotAtOnce {
    /// The first frame does not state the size of its contents.
    WithoutSize,
    /// The contents have another size than the first frame states.
    OtherSize,
    /// A frame is cut short.
    CutShort,
}

impl NotAtOnce {
    /// Such a file, in words.
    pub const fn file(self) -> &'static str {
        match self {
            Self::WithoutSize => "a Zstandard frame that does not state the size of its contents",
            Self::OtherSize => "a Zstandard file whose first frame does not state the size of all contents",
            Self::CutShort => "a Zstandard file that is cut short",
        }
    }
}

/// What kmod 34 and later have against a Zstandard file, whose contents have `size` bytes as other decoders read it.
pub fn not_at_once(file: &[u8], size: usize) -> Option<NotAtOnce> {
    if lacks_size(file) {
        return Some(NotAtOnce::WithoutSize);
    }
    let mut rest = file;
    while !rest.is_empty() {
        match zstd_safe::find_frame_compressed_size(rest).ok().and_then(|size| rest.get(size..)) {
            Some(next) if next.len() < rest.len() => rest = next,
            _ => return Some(NotAtOnce::CutShort),
        }
    }
    let stated = zstd_safe::get_frame_content_size(file).ok().flatten();
    (size == 0 || stated != Some(size as u64)).then_some(NotAtOnce::OtherSize)
}
