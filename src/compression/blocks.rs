//! A reader for formats that are decoded block by block.

use std::io::{Cursor, Read, Result};

/// Reads the decoded blocks as one stream. `next` decodes the next block into the buffer, and returns false if there is none.
pub(super) struct Blocks<F> {
    next: F,
    block: Cursor<Vec<u8>>,
}

impl<F: FnMut(&mut Vec<u8>) -> Result<bool>> Blocks<F> {
    pub(super) const fn new(next: F) -> Self {
        Self { next, block: Cursor::new(Vec::new()) }
    }
}

impl<F: FnMut(&mut Vec<u8>) -> Result<bool>> Read for Blocks<F> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let read = self.block.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.block.set_position(0);
            if !(self.next)(self.block.get_mut())? {
                self.block.get_mut().clear();
                return Ok(0);
            }
        }
    }
}
