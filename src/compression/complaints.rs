//! What kmod says of a compressed module that it cannot read.

use liblzma::stream::{Action, CONCATENATED, Error, Status, Stream};
use zstd::zstd_safe;

use super::Compression;
use super::decoder::module_limit;
use crate::terms::Budget;

/// How often depmod reads a file that it cannot decompress: for what it exports, for what it needs, and to write what it has found.
pub const DEPMOD_READS: usize = 3;

/// How many bytes `kmod_file_open()` (libkmod/libkmod-file.c) reads to tell how a file is compressed. It takes no shorter file.
pub const KMOD_READS: usize = 6;

/// What kmod 34 prints of a file each time that depmod reads it, behind `xz: ` or `zstd: `. `None` if it decompresses the file, says
/// nothing of it, or if what it says is not known, because the contents are too large.
pub fn complaints(compression: Compression, file: &[u8], budget: &Budget) -> Option<[&'static str; DEPMOD_READS]> {
    let limit = module_limit(file.len(), budget);
    match compression {
        _ if file.len() < KMOD_READS => None,
        Compression::Zstd => Some([zstd_complaint(file, limit, budget)?; DEPMOD_READS]),
        Compression::Xz => {
            let mut rest = file;
            let first = xz_complaint(&mut rest, limit)?;
            // A later attempt begins where the one before it has stopped. What is there is hardly ever a whole stream.
            let mut next = || xz_complaint(&mut rest, limit);
            Some([first, next()?, next()?])
        }
        _ => None,
    }
}

/// Mirrors `kmod_file_load_zstd()` (libkmod/libkmod-file-zstd.c).
fn zstd_complaint(file: &[u8], limit: usize, budget: &Budget) -> Option<&'static str> {
    let size = match zstd_safe::get_frame_content_size(file) {
        Ok(Some(size)) if size > 0 => usize::try_from(size).ok().filter(|size| *size <= limit)?,
        _ => return Some("Failed to determine decompression size"),
    };
    let _claim = budget.take(size).ok()?;
    let mut contents: Vec<u8> = Vec::new();
    contents.try_reserve_exact(size).ok()?;
    zstd_safe::decompress(&mut contents, file).err().map(zstd_safe::get_error_name)
}

/// Mirrors `xz_uncompress()` (libkmod/libkmod-file-xz.c), which reads the file in chunks, up to the one in which it stops.
fn xz_complaint(rest: &mut &[u8], limit: usize) -> Option<&'static str> {
    const CHUNK: usize = 8192;
    let mut stream = Stream::new_stream_decoder(u64::MAX, CONCATENATED).ok()?;
    let mut output = vec![0; CHUNK];
    let mut chunk: &[u8] = &[];
    let mut is_at_end = false;
    while stream.total_out() <= limit as u64 {
        if chunk.is_empty() && !is_at_end {
            (chunk, *rest) = rest.split_at(rest.len().min(CHUNK));
            is_at_end = chunk.is_empty();
        }
        let before = stream.total_in();
        let action = if is_at_end { Action::Finish } else { Action::Run };
        let status = stream.process(chunk, &mut output, action);
        let taken = usize::try_from(stream.total_in().saturating_sub(before)).unwrap_or(usize::MAX);
        chunk = chunk.get(taken..).unwrap_or_default();
        match status {
            Ok(Status::StreamEnd) => return None,
            // The library says so when it can go on with neither more input nor more room.
            Ok(Status::MemNeeded) => return Some("Unexpected end of input"),
            Ok(_) => {}
            Err(error) => {
                return Some(match error {
                    Error::Data => "File is corrupt",
                    Error::Format => "File format not recognized",
                    Error::Options => "Unsupported compression options",
                    Error::Mem => "Cannot allocate memory",
                    _ => "Internal error (bug)",
                });
            }
        }
    }
    None
}
