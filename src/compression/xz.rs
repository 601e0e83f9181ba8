//! xz, with its blocks undone on every core: those of packages are large and many.

use std::io::{BufRead, Read, Result};

use liblzma::bufread::XzDecoder;
use liblzma::stream::MtStreamBuilder;

use super::decoder::XZ_MEMORY;

/// The streams of a file, one after the other.
pub(super) struct Parallel<R>(Option<XzDecoder<R>>);

impl<R: BufRead> Parallel<R> {
    pub(super) fn new(input: R) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut builder = MtStreamBuilder::new();
        builder.threads(u32::try_from(cores).unwrap_or(1)).memlimit_threading(XZ_MEMORY).memlimit_stop(XZ_MEMORY);
        Ok(Self(Some(XzDecoder::new_stream(input, builder.decoder()?))))
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
