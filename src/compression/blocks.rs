//! Streams out of formats that are decoded one block at a time.

use std::io::{Cursor, Read, Result};

/// Serves block after block as one stream. `next` leaves the next block in the buffer, and is false when there is none.
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
