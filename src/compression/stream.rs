//! Reading a stream piece by piece, in memory that grows as bytes come: sizes are hostile.

use std::io::{Error, ErrorKind, Read, Result};

/// The next `N` bytes.
pub(crate) fn array<const N: usize>(input: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The next `size` bytes instead of what `into` had.
pub(crate) fn read_into(input: &mut impl Read, size: u64, into: &mut Vec<u8>) -> Result<()> {
    into.clear();
    match input.take(size).read_to_end(into)? as u64 == size {
        true => Ok(()),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// Passes over bytes.
pub(crate) fn skip(input: &mut impl Read, count: u64) -> Result<()> {
    match std::io::copy(&mut input.take(count), &mut std::io::sink())? == count {
        true => Ok(()),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// Data that is not what its format wants.
pub(crate) fn broken(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// Input whose end comes too early whenever it comes, for formats that say themselves where they end. It is not told as
/// [`ErrorKind::UnexpectedEof`], which some readers take for an end.
pub(crate) struct Unending<R>(pub R);

impl<R: Read> Read for Unending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(broken("it is cut short")),
            read => Ok(read),
        }
    }
}
