//! Memory that files are read into one after another.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

/// Those that nobody uses at the moment: as many as threads read files at the same time, or more.
static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
const MAX_FREE: usize = 4;
/// What is larger is given back to the system, and what is smaller is not worth the while.
const KEPT: std::ops::RangeInclusive<usize> = 4 << 10..=16 << 20;
/// Memory this large may hold little; larger memory is given back when what it is to hold is much shorter, as it is when long
/// files are read first.
const ANY_USE: usize = 256 << 10;

/// Bytes whose memory is used again when they are no longer needed: the first so many of those in memory.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// Room for bytes that are about to be read: what is in it is left over from others.
    pub fn of_len(&mut self, len: usize) -> &mut [u8] {
        let free = || FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let memory = if KEPT.contains(&len) { free() } else { None };
        let fits = |memory: &Vec<u8>| (len..=ANY_USE.max(len.saturating_mul(2))).contains(&memory.len());
        *self = Self { memory: memory.filter(fits).unwrap_or_else(|| vec![0; len]), len };
        self.memory.get_mut(..len).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(memory: Vec<u8>) -> Self {
        Self { len: memory.len(), memory }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if KEPT.contains(&self.memory.len()) {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < MAX_FREE {
                free.push(std::mem::take(&mut self.memory));
            }
        }
    }
}
