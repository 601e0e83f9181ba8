//! LZ4, in current and in legacy frames.

use std::io::{BufRead, Cursor, ErrorKind, Read, Result};

use super::blocks::Blocks;
use crate::compression::stream::{Unending, array, broken, read_into};

const LEGACY_MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];
/// The largest decompressed block of a legacy frame: 8 MiB.
const LEGACY_BLOCK: usize = 8 << 20;
/// The largest compressed block of a legacy frame: `LZ4_COMPRESSBOUND()`.
const LEGACY_STORED: u64 = (LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16) as u64;

/// A reader of the first frame, of either kind.
pub(super) fn decoder<'a>(mut input: impl BufRead + 'a) -> Result<Box<dyn Read + 'a>> {
    let magic = array(&mut input)?;
    if magic == LEGACY_MAGIC {
        return Ok(Box::new(legacy(input)));
    }
    // The decoder would take an end of input between two blocks for the end of the frame. It does not read past the frame by
    // itself.
    Ok(Box::new(lz4_flex::frame::FrameDecoder::new(Unending(Cursor::new(magic).chain(input)))))
}

/// A reader of legacy frames: blocks of a u32 size and data, up to the end of the input or to a size that no block has. A
/// kernel's payload is followed by its decompressed size. Frames may follow each other.
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
        let size = u64::from(u32::from_le_bytes(word));
        if size == 0 || size > LEGACY_STORED {
            return Ok(false);
        }
        // The decompressed size of a small kernel, which ends the payload, may look like the size of a block: but no data
        // follows it.
        if input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        read_into(&mut input, size, &mut stored)?;
        block.resize(LEGACY_BLOCK, 0);
        let size = lz4_flex::block::decompress_into(&stored, block).map_err(broken)?;
        block.truncate(size);
        Ok(true)
    })
}
