//! Reading an archive that may be compressed.

use std::io::{BufRead, Cursor, Read, Result as IoResult};

use crate::compression::{Compression, decompressor};

/// A reader of the contents of `input`, decompressed if they begin as compressed data.
pub(super) fn decompressed<'a>(mut input: impl BufRead + 'a) -> IoResult<Box<dyn Read + 'a>> {
    let mut head = Vec::new();
    input.by_ref().take(Compression::HEAD).read_to_end(&mut head)?;
    let compression = Compression::of_payload(&head);
    let input = Cursor::new(head).chain(input);
    match compression {
        Some(compression) => decompressor(compression, input),
        None => Ok(Box::new(input)),
    }
}
