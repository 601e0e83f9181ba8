//! xz, decompressed on all cores: the xz data of packages has many large blocks.

use std::io::{BufRead, Read, Result};
use std::thread::Builder;

use liblzma::bufread::XzDecoder;
use liblzma::stream::{MtStreamBuilder, Stream};

/// The memory limit of the xz and LZMA decoders, because the data can request a large dictionary before there is any output. It
/// allows files of xz's highest preset (64 MiB of dictionary), with room to spare.
pub(super) const XZ_MEMORY: u64 = 256 << 20;

/// A reader of all streams of a file, one after the other.
pub(super) struct Parallel<R>(Option<XzDecoder<R>>);

impl<R: BufRead> Parallel<R> {
    pub(super) fn new(input: R) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Where no thread is to be had, the decoder that uses threads ends with an error.
        let has_threads = cores > 1 && Builder::new().spawn(|| ()).is_ok_and(|thread| thread.join().is_ok());
        let stream = if has_threads {
            let mut builder = MtStreamBuilder::new();
            builder.threads(u32::try_from(cores).unwrap_or(1)).memlimit_threading(XZ_MEMORY).memlimit_stop(XZ_MEMORY);
            builder.decoder()?
        } else {
            Stream::new_stream_decoder(XZ_MEMORY, 0)?
        };
        Ok(Self(Some(XzDecoder::new_stream(input, stream))))
    }
}

impl<R: BufRead> Read for Parallel<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if let Some(mut input) = self.0.take().map(XzDecoder::into_inner)
                && !input.fill_buf()?.is_empty()
            {
                *self = Self::new(input)?;
            }
        }
        Ok(0)
    }
}
