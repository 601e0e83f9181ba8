//! What BusyBox's xz decoder reads.

use std::ops::RangeInclusive;

/// Whether BusyBox decompresses xz data that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XzForBusyBox {
    /// It does.
    Reads,
    /// It reads nothing of it, because of a filter or the size of the dictionary.
    GivesUp,
    /// It may read a part, or the data has several streams.
    Unknown,
}

/// The size of a stream's header, and of its footer.
const HEADER: usize = 12;
const LZMA2: u8 = 0x21;
/// The property of LZMA2 that stands for 64 MiB, the largest dictionary (`DICT_MAX`, archival/libarchive/decompress_unxz.c).
const DICT_MAX: u8 = 28;

/// Reads the filters of all blocks. BusyBox knows LZMA2 alone, and skips integrity checks that it does not know.
pub fn xz_for_busybox(stored: &[u8]) -> XzForBusyBox {
    let Some(blocks) = blocks(stored) else { return XzForBusyBox::Unknown };
    let mut reads = blocks.iter().map(|header| reads(header));
    let Some(first) = reads.next() else { return XzForBusyBox::Reads };
    match (first, reads.all(|reads| reads == Some(true))) {
        (Some(false), _) => XzForBusyBox::GivesUp,
        (Some(true), true) => XzForBusyBox::Reads,
        _ => XzForBusyBox::Unknown,
    }
}

/// The blocks of a file that is one stream, each up to the end of the file; `None` if there may be more streams.
fn blocks(stored: &[u8]) -> Option<Vec<&[u8]>> {
    // xz pads what follows the stream to four bytes.
    let end = stored.iter().rposition(|byte| *byte != 0)? + 1;
    let stored = stored.get(..end)?;
    let footer = stored.get(stored.len().checked_sub(HEADER)?..)?;
    let words = u32::from_le_bytes(footer.get(4..8)?.try_into().ok()?);
    let size = usize::try_from(words).ok()?.checked_add(1)?.checked_mul(4)?;
    let index = stored.len().checked_sub(HEADER)?.checked_sub(size)?;
    let mut records = stored.get(index..)?.strip_prefix(&[0])?;
    let count = number(&mut records)?;
    let mut at = HEADER;
    let mut blocks = Vec::new();
    for _ in 0..count {
        blocks.push(stored.get(at..)?);
        let unpadded = usize::try_from(number(&mut records)?).ok()?;
        number(&mut records)?;
        at = at.checked_add(unpadded.checked_next_multiple_of(4)?)?;
    }
    (at == index).then_some(blocks)
}

/// Takes a number off that has seven bits in each byte.
fn number(rest: &mut &[u8]) -> Option<u64> {
    const BYTES: RangeInclusive<u32> = 0..=8;
    let mut number = 0;
    for index in BYTES {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Whether BusyBox takes a block's header.
fn reads(header: &[u8]) -> Option<bool> {
    const COUNT: u8 = 3;
    const SIZES: [u8; 2] = [0x40, 0x80];
    let flags = *header.get(1)?;
    if flags & COUNT != 0 {
        return Some(false);
    }
    let mut rest = header.get(2..)?;
    for _ in SIZES.iter().filter(|size| flags & **size != 0) {
        number(&mut rest)?;
    }
    let [filter, _, dictionary] = *rest.first_chunk()?;
    Some(filter == LZMA2 && dictionary <= DICT_MAX)
}
