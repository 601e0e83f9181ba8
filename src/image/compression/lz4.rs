//! LZ4 in both of its frames.

use std::io::{BufRead, Chain, Error, ErrorKind, Read, Result};

use super::blocks::{Blocks, broken, read_block};

const LEGACY_MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];
/// What a block of a legacy frame grows to at most: 8 MiB.
const LEGACY_BLOCK: usize = 8 << 20;
/// And what it is stored in at most: `LZ4_COMPRESSBOUND()`.
const LEGACY_STORED: usize = LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16;

/// The first frame, whichever it is.
pub(super) fn decoder<'a>(mut input: impl BufRead + 'a) -> Result<Box<dyn Read + 'a>> {
    let mut magic = [0; 4];
    input.read_exact(&mut magic)?;
    if magic == LEGACY_MAGIC {
        return Ok(Box::new(legacy(input)));
    }
    Ok(Box::new(lz4_flex::frame::FrameDecoder::new(Unending(std::io::Cursor::new(magic).chain(input)))))
}

/// A legacy frame: u32 size, data; and so on to the end of the input, or to a size that no block has: what follows a
/// kernel's payload is the size of its contents. Frames may follow each other.
fn legacy<'a>(mut input: impl BufRead + 'a) -> impl Read + 'a {
    let mut stored = Vec::new();
    Blocks::new(move |block| {
        let mut word = LEGACY_MAGIC;
        while word == LEGACY_MAGIC {
            stored.clear();
            input.by_ref().take(4).read_to_end(&mut stored)?;
            match stored.as_slice().try_into() {
                Ok(four) => word = four,
                Err(_) if stored.is_empty() => return Ok(false),
                Err(_) => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
        let size = usize::try_from(u32::from_le_bytes(word)).unwrap_or(usize::MAX);
        if size == 0 || size > LEGACY_STORED {
            return Ok(false);
        }
        // The size of a small kernel's contents could be that of a block, if there were one.
        if input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        read_block(&mut input, size, &mut stored)?;
        block.resize(LEGACY_BLOCK, 0);
        let size = lz4_flex::block::decompress_into(&stored, block).map_err(broken)?;
        block.truncate(size);
        Ok(true)
    })
}

/// Input whose end comes too early whenever it comes: the decoder takes an end between two blocks for that of the frame,
/// and reads nothing behind a frame before it is asked to.
struct Unending<R, S>(Chain<R, S>);

impl<R: Read, S: Read> Read for Unending<R, S> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(Error::other("it ends within a frame")),
            read => Ok(read),
        }
    }
}
