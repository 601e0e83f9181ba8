//! LZO in lzop's container, as the kernel's lib/decompress_unlzo.c reads it.

use std::io::{BufRead, Read, Result};

use super::blocks::Blocks;
use crate::compression::stream::{array, broken, read_into, skip};

/// The first version whose header has a level and the upper half of the time.
const VERSION_WITH_LEVEL: u16 = 0x0940;
const HAS_FILTER: u32 = 0x0800;
/// The largest block that lzop makes.
const BLOCK: usize = 256 << 10;

pub(super) fn decoder<'a>(mut input: impl BufRead + 'a) -> Result<impl Read + 'a> {
    skip_header(&mut input)?;
    let mut stored = Vec::new();
    // u32 size, u32 stored size, u32 checksum of the contents, data; and so on to a size of zero.
    Ok(Blocks::new(move |block| {
        let size = size(&mut input)?;
        if size == 0 {
            return Ok(false);
        }
        let stored_size = self::size(&mut input)?;
        skip(&mut input, 4)?;
        if size > BLOCK || stored_size == 0 || stored_size > size {
            return Err(broken("a block of an impossible size"));
        }
        if stored_size == size {
            read_into(&mut input, size as u64, block)?;
            return Ok(true);
        }
        read_into(&mut input, stored_size as u64, &mut stored)?;
        block.resize(size, 0);
        match lzokay::decompress::decompress(&stored, block) {
            Ok(written) if written == size => Ok(true),
            Ok(_) => Err(broken("a block is smaller than it says")),
            Err(error) => Err(broken(error.to_string())),
        }
    }))
}

/// Skips the header: magic; u16 version, u16 of the library, u16 needed; u8 method, u8 level; u32 flags, u32 filter; u32 mode;
/// u32 and u32 time; u8 length and the name; u32 checksum.
fn skip_header(input: &mut impl BufRead) -> Result<()> {
    skip(input, 9)?;
    let version = u16::from_be_bytes(array(input)?);
    let has_level = version >= VERSION_WITH_LEVEL;
    skip(input, if has_level { 6 } else { 5 })?;
    let flags = u32::from_be_bytes(array(input)?);
    skip(input, if flags & HAS_FILTER == 0 { 0 } else { 4 })?;
    skip(input, if has_level { 12 } else { 8 })?;
    let [name] = array(input)?;
    skip(input, u64::from(name) + 4)
}

fn size(input: &mut impl BufRead) -> Result<usize> {
    Ok(usize::try_from(u32::from_be_bytes(array(input)?)).unwrap_or(usize::MAX))
}
