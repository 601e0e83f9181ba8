//! Reading parts of a stream. Memory grows only as bytes are read, because sizes in the data may be hostile.

use std::io::{Error, ErrorKind, Read, Result};

use crate::terms::{Budget, Claim, CountedBytes, OverBudget};

/// The steps in which a size that is not known is taken from a budget, in bytes.
const STEP: usize = 64 << 10;

impl From<OverBudget> for Error {
    fn from(error: OverBudget) -> Self {
        Self::new(ErrorKind::OutOfMemory, error)
    }
}

/// Returns whether an error is that the budget, or the memory of the machine, is used up.
pub(crate) fn is_out_of_memory(error: &Error) -> bool {
    error.kind() == ErrorKind::OutOfMemory
}

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

/// Reads to the end. `expected` is the size of the contents as far as it is known.
///
/// # Errors
/// If the input cannot be read, or if the contents do not fit into the budget.
pub(crate) fn read_all(input: &mut impl Read, expected: usize, budget: &Budget) -> Result<CountedBytes> {
    let mut claim = budget.take(expected)?;
    let mut bytes = Vec::new();
    // Address space, not memory, until it is filled. Without it the bytes move, and the last move reserves twice as much.
    _ = bytes.try_reserve_exact(expected);
    read_counted(input, &mut bytes, &mut claim)?;
    Ok(CountedBytes::new(bytes, claim))
}

/// Appends the input to `into`, up to its end. The claim is for all of `into`, and grows with it.
///
/// # Errors
/// As [`read_all`]. What was read before the error is in `into`.
pub(crate) fn read_counted(input: &mut impl Read, into: &mut Vec<u8>, claim: &mut Claim) -> Result<()> {
    loop {
        let room = claim.size().saturating_sub(into.len() as u64);
        let read = input.by_ref().take(room).read_to_end(into)?;
        if (read as u64) < room {
            break;
        }
        let mut next = Vec::new();
        if input.by_ref().take(1).read_to_end(&mut next)? == 0 {
            break;
        }
        claim.grow(STEP)?;
        into.try_reserve(1).map_err(|error| Error::new(ErrorKind::OutOfMemory, error))?;
        into.append(&mut next);
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
