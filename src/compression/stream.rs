//! Reading parts of a stream. Memory grows only as bytes are read, because sizes in the data may be hostile.

use std::io::{Error, ErrorKind, Read, Result};

/// Reads the next `N` bytes.
pub(crate) fn array<const N: usize>(input: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Replaces the contents of `into` by the next `size` bytes.
pub(crate) fn read_into(input: &mut impl Read, size: u64, into: &mut Vec<u8>) -> Result<()> {
    into.clear();
    if input.take(size).read_to_end(into)? as u64 != size {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Skips `count` bytes.
pub(crate) fn skip(input: &mut impl Read, count: u64) -> Result<()> {
    if std::io::copy(&mut input.take(count), &mut std::io::sink())? != count {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// An error for data that violates its format.
pub(crate) fn broken(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// A reader whose end of input is an error, for formats that mark their own end. The error is not [`ErrorKind::UnexpectedEof`],
/// which some decoders take for a regular end.
pub(crate) struct Unending<R>(pub R);

impl<R: Read> Read for Unending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(broken("it is cut short")),
            read => Ok(read),
        }
    }
}
