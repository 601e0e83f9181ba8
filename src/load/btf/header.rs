//! The header, and the parts that it describes.

use super::env::{End, Env};
use crate::btf::Header;
use crate::history::Behaviour;
use crate::terms::{Endian, Errno};

/// `BTF_MAX_NAME_OFFSET`.
pub(super) const MAX_NAME_OFFSET: u32 = 0x00ff_ffff;

/// The types and the strings.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub types: &'a [u8],
    pub strings: &'a [u8],
}

/// Type information of which only the ends may be in memory.
pub(super) struct Source<'a> {
    /// Its length in bytes.
    pub len: u32,
    /// Returns the bytes between two offsets.
    pub bytes: &'a dyn Fn(u32, u32) -> &'a [u8],
}

/// Returns the types and the strings of whole type information.
pub(super) fn parse<'a>(env: &mut Env<'_>, bytes: &'a [u8], endian: Endian, has_base: bool) -> Result<Parts<'a>, End> {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let header = check(env, &Source { len, bytes: &|from, to| part(bytes, from, to) }, endian, has_base)?;
    let body = part(bytes, header.header_len, len);
    let piece = |offset: u32, len: u32| part(body, offset, offset.saturating_add(len));
    let types = piece(header.types_offset, header.types_len);
    Ok(Parts { types, strings: piece(header.strings_offset, header.strings_len) })
}

/// Mirrors `btf_parse_hdr()`, `btf_check_sec_info()` and `btf_parse_str_sec()`. `has_base` says that the types are based on
/// others.
pub(super) fn check(env: &mut Env<'_>, source: &Source<'_>, endian: Endian, has_base: bool) -> Result<Header, End> {
    env.in_header = true;
    let header = check_fields(env, source, endian, has_base)?;
    env.in_header = false;
    Ok(header)
}

fn check_fields(env: &mut Env<'_>, source: &Source<'_>, endian: Endian, has_base: bool) -> Result<Header, End> {
    let len = source.len;
    let Some(header) = Header::read((source.bytes)(0, len.min(Header::LONG)), endian) else {
        return env.refuse("hdr_len not found");
    };
    if len < header.header_len {
        return env.refuse("btf_header not found");
    }
    let is_zero =
        |from: u32| (source.bytes)(from.min(header.header_len), header.header_len).iter().all(|byte| *byte == 0);
    // The kernel knows the layout, or that part of the header is unknown to it.
    let knows_layout = !is_zero(Header::SHORT) && env.has(Behaviour::BtfLayout)?;
    if !is_zero(if knows_layout { Header::LONG } else { Header::SHORT }) {
        env.log("Unsupported btf_header");
        return Err(End::Invalid(Errno::E2BIG));
    }
    if header.magic != Header::MAGIC {
        return env.refuse("Invalid magic");
    }
    if header.version != 1 {
        env.log("Unsupported version");
        return Err(End::Invalid(Errno::ENOTSUPP));
    }
    if header.flags != 0 {
        env.log("Unsupported flags");
        return Err(End::Invalid(Errno::ENOTSUPP));
    }
    if !has_base && len == header.header_len {
        return env.refuse("No data");
    }
    let mut sections = vec![(header.types_offset, header.types_len), (header.strings_offset, header.strings_len)];
    if knows_layout && header.layout_len > 0 {
        sections.push((header.layout_offset, header.layout_len));
    }
    check_sections(env, &mut sections, len - header.header_len)?;
    let start = header.header_len.saturating_add(header.strings_offset);
    let end = start.saturating_add(header.strings_len);
    // With a long header the strings need not be the last part for a kernel that knows one.
    if end != len && (header.header_len < Header::LONG || !env.has(Behaviour::BtfLayout)?) {
        return env.refuse("String section is not at the end");
    }
    if has_base && header.strings_len == 0 {
        return Ok(header);
    }
    let is_too_long = header.strings_len.checked_sub(1).is_none_or(|last| last > MAX_NAME_OFFSET);
    let is_nul = |at: u32| (source.bytes)(at, at.saturating_add(1)) == [0];
    if is_too_long || !is_nul(end - 1) || !has_base && !is_nul(start) {
        return env.refuse("Invalid string section");
    }
    Ok(header)
}

/// Mirrors `btf_check_sec_info()`: the parts lie one after another, without gaps.
fn check_sections(env: &mut Env<'_>, sections: &mut [(u32, u32)], all: u32) -> Result<(), End> {
    // Mirrors btf_sec_info_cmp(), which compares differences as signed numbers.
    sections.sort_by(|one, other| {
        let difference = |one: u32, other: u32| one.wrapping_sub(other).cast_signed().cmp(&0);
        difference(one.0, other.0).then(difference(one.1, other.1))
    });
    let mut total: u32 = 0;
    for (offset, len) in sections.iter().copied() {
        if all < offset {
            return env.refuse("Invalid section offset");
        }
        if total < offset {
            return env.refuse("Unsupported section found");
        }
        if total > offset {
            return env.refuse("Section overlap found");
        }
        if all - total < len {
            return env.refuse("Total section length too long");
        }
        total += len;
    }
    if all != total {
        return env.refuse("Unsupported section found");
    }
    Ok(())
}

/// The bytes between two offsets, as far as they exist.
fn part(bytes: &[u8], from: u32, to: u32) -> &[u8] {
    let index = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(index(from)..index(to)).unwrap_or_default()
}
