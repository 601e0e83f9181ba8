//! Buffers for the parts of files, reused from one file to the next.

use std::io::{Error, ErrorKind, Result};
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

/// The buffers that are not in use.
static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
/// How many unused buffers are kept at most.
const MAX_FREE: usize = 4;
/// The sizes of buffers that are kept, in bytes: a larger one is freed, and a smaller one is not worth keeping.
const KEPT: std::ops::RangeInclusive<usize> = 4 << 10..=16 << 20;
/// A buffer up to this size is reused for any number of bytes. A larger one is reused only if at least half of it is
/// needed, and freed otherwise: it may be left over from a long file that was read first.
const ANY_USE: usize = 1 << 20;

/// Bytes whose memory is reused after they are dropped: the first `len` bytes of `memory`.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// Makes room for `len` bytes and returns it for writing. It may contain the bytes of an earlier file.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn of_len(&mut self, len: usize) -> Result<&mut [u8]> {
        let unused = if KEPT.contains(&len) { take_unused(len) } else { None };
        let memory = match unused {
            Some(memory) => memory,
            None if len > *KEPT.end() => zeroed(len)?,
            None => vec![0; len],
        };
        *self = Self { memory, len };
        Ok(self.memory.get_mut(..len).unwrap_or_default())
    }
}

/// A large buffer: there may not be enough memory for it.
fn zeroed(len: usize) -> Result<Vec<u8>> {
    // Memory that the system hands out is zero already. Only this way of asking for it does not write the zeros again, but it aborts
    // where there is none, so it is asked for twice.
    Vec::<u8>::new().try_reserve_exact(len).map_err(|error| Error::new(ErrorKind::OutOfMemory, error))?;
    Ok(vec![0; len])
}

/// Takes a buffer for `len` bytes. If none fits, one that is much too large is freed.
fn take_unused(len: usize) -> Option<Vec<u8>> {
    let largest = ANY_USE.max(len.saturating_mul(2));
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(fitting) = free.iter().rposition(|memory| (len..=largest).contains(&memory.len())) {
        return Some(free.swap_remove(fitting));
    }
    let too_large = free.iter().position(|memory| memory.len() > largest)?;
    drop(free.swap_remove(too_large));
    None
}

/// Keeps a buffer for the next file. If enough are kept, it takes the place of a smaller one: small buffers are cheap to make again.
fn keep_unused(memory: Vec<u8>) {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if free.len() < MAX_FREE {
        free.push(memory);
    } else if let Some(smallest) = free.iter_mut().min_by_key(|memory| memory.len())
        && smallest.len() < memory.len()
    {
        *smallest = memory;
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
            keep_unused(std::mem::take(&mut self.memory));
        }
    }
}
