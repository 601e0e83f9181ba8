//! The bytes of a file, shared by everyone who reads them.

use std::ops::Deref;
use std::sync::Arc;

/// Bytes that are read from several sides, or only their beginning: the loader cuts a signature off without copying.
#[derive(Clone, Debug, Default)]
pub struct Bytes {
    all: Arc<Vec<u8>>,
    len: usize,
}

impl Bytes {
    /// The first `len` bytes; all, where there are fewer.
    #[must_use]
    pub fn prefix(&self, len: usize) -> Self {
        Self { all: Arc::clone(&self.all), len: self.len.min(len) }
    }

    /// The beginning of the very same bytes in memory, or all of them?
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.all, &other.all) && self.len <= other.len
    }

    /// The very same bytes in memory?
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.all, &other.all) && self.len == other.len
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len(), all: Arc::new(bytes) }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.all.get(..self.len).unwrap_or(&self.all)
    }
}
