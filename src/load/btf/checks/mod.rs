//! The check of each type on its own. Mirrors `btf_check_meta()` (kernel/bpf/btf.c) and the functions named `*_check_meta`.

mod refusal;

use super::env::{End, Env};
use super::types::Types;
use crate::btf::{Kind, Member, Record, Width};
use crate::history::Behaviour;
use crate::terms::Errno;

/// `BTF_MAX_TYPE`.
const MAX_TYPE: u32 = 0x000f_ffff;

/// The type that is checked, and the types that its names belong to.
struct Check<'e, 'k, 'a> {
    env: &'e mut Env<'k>,
    types: &'e Types<'a>,
    record: Record<'a>,
}

/// Mirrors `btf_check_meta()`. `left` is the number of bytes behind the first three words. Returns the type as this kernel
/// reads it, and how many bytes belong to it.
pub(super) fn btf_check_meta<'a>(
    env: &mut Env<'_>,
    types: &Types<'a>,
    record: Record<'a>,
    left: u32,
) -> Result<(Record<'a>, usize), End> {
    const NARROW: u32 = 0x9f00_ffff;
    const NARROWEST: u32 = 0x8f00_ffff;
    let id = env.id;
    let info = record.info;
    // The bits that most kernels know mean the same in all.
    let record = if info & !NARROW != 0 && env.has(Behaviour::BtfLayout)? {
        record.with_width(Width::Wide)
    } else if info & !NARROW != 0 || info & !NARROWEST != 0 && !env.has(Behaviour::BtfFloat)? {
        return env.refuse(format!("[{id}] Invalid btf_info:{info:x}"));
    } else {
        record
    };
    let kind = record.kind();
    let is_known = match kind {
        Kind(0) | Kind(20..) => false,
        Kind::DECL_TAG => env.has(Behaviour::BtfDeclTag)?,
        Kind::TYPE_TAG => env.has(Behaviour::BtfTypeTag)?,
        Kind::ENUM64 => env.has(Behaviour::BtfEnum64)?,
        _ => true,
    };
    if !is_known {
        return env.refuse(format!("[{id}] Invalid kind:{}", kind.0));
    }
    if !types.is_string(record.name) {
        return env.refuse(format!("[{id}] Invalid name_offset:{}", record.name));
    }
    let rest = record.rest_len().unwrap_or(usize::MAX);
    let mut check = Check { env, types, record };
    // Types without anything behind their first words do not compare.
    if u32::try_from(rest).is_ok_and(|rest| rest <= left) {
        check.of_kind(kind)?;
        return Ok((record, rest));
    }
    let needed = u32::try_from(rest).unwrap_or(u32::MAX);
    check.refuse_with(&format!("meta_left:{left} meta_needed:{needed}"), Errno::EINVAL, false)
}

impl Check<'_, '_, '_> {
    fn of_kind(&mut self, kind: Kind) -> Result<(), End> {
        match kind {
            Kind::INT => self.int(),
            Kind::ARRAY => self.array(),
            Kind::STRUCT | Kind::UNION => self.structure(),
            Kind::ENUM | Kind::ENUM64 => self.enumeration(),
            Kind::FWD => self.forward(),
            Kind::FUNC => self.function(),
            Kind::FUNC_PROTO => self.prototype(),
            Kind::VAR => self.variable(),
            Kind::DATASEC => self.section(),
            Kind::FLOAT => self.float(),
            Kind::DECL_TAG => self.declaration_tag(),
            _ => self.reference(),
        }
    }

    /// Mirrors `btf_int_check_meta()`.
    fn int(&mut self) -> Result<(), End> {
        self.no_members()?;
        self.no_flag()?;
        let data = self.record.word(0);
        if data & !0x0fff_ffff != 0 {
            return self.refuse_with(&format!("Invalid int_data:{data:x}"), Errno::EINVAL, false);
        }
        let bits = (data & 0xff) + (data >> 16 & 0xff);
        if bits > 128 {
            return self.refuse("nr_bits exceeds 128");
        }
        if bits.div_ceil(8) > self.record.size {
            return self.refuse("nr_bits exceeds type_size");
        }
        if !matches!(data >> 24, 0 | 1 | 2 | 4) {
            return self.refuse_with("Unsupported encoding", Errno::ENOTSUPP, true);
        }
        Ok(())
    }

    /// Mirrors `btf_ref_type_check_meta()`.
    fn reference(&mut self) -> Result<(), End> {
        let kind = self.record.kind();
        self.no_members()?;
        if self.record.flag() && !(kind == Kind::TYPE_TAG && self.env.has(Behaviour::BtfTagFlag)?) {
            return self.refuse("Invalid btf_info kind_flag");
        }
        if self.record.size > MAX_TYPE {
            return self.refuse("Invalid type_id");
        }
        let name = self.record.name;
        let is_named = match kind {
            Kind::TYPEDEF => name != 0 && self.is_identifier(name)?,
            Kind::TYPE_TAG => self.types.string(name).is_some_and(|name| !name.is_empty()),
            _ => name == 0,
        };
        if is_named { Ok(()) } else { self.refuse("Invalid name") }
    }

    /// Mirrors `btf_fwd_check_meta()`.
    fn forward(&mut self) -> Result<(), End> {
        self.no_members()?;
        if self.record.size != 0 {
            return self.refuse("type != 0");
        }
        self.must_be_named()
    }

    /// Mirrors `btf_array_check_meta()`.
    fn array(&mut self) -> Result<(), End> {
        if self.record.name != 0 {
            return self.refuse("Invalid name");
        }
        self.no_members()?;
        self.no_flag()?;
        if self.record.size != 0 {
            return self.refuse("size != 0");
        }
        if !is_type(self.record.word(0)) {
            return self.refuse("Invalid elem");
        }
        if !is_type(self.record.word(1)) {
            return self.refuse("Invalid index");
        }
        Ok(())
    }

    /// Mirrors `btf_struct_check_meta()`.
    fn structure(&mut self) -> Result<(), End> {
        self.may_be_named()?;
        let record = self.record;
        let mut last = 0;
        for member in record.members() {
            if !self.types.is_string(member.name) {
                return self.refuse_member(member, &format!("Invalid member name_offset:{}", member.name));
            }
            if member.name != 0 && !self.is_identifier(member.name)? {
                return self.refuse_member(member, "Invalid name");
            }
            if !is_type(member.of) {
                return self.refuse_member(member, "Invalid type_id");
            }
            let offset = record.bit_offset(member);
            if record.kind() == Kind::UNION && offset != 0 || last > offset {
                return self.refuse_member(member, "Invalid member bits_offset");
            }
            if offset.div_ceil(8) > record.size {
                return self.refuse_member(member, "Member bits_offset exceeds its struct size");
            }
            last = offset;
        }
        Ok(())
    }

    /// Mirrors `btf_enum_check_meta()` and `btf_enum64_check_meta()`.
    fn enumeration(&mut self) -> Result<(), End> {
        let record = self.record;
        if record.flag() && !self.env.has(Behaviour::BtfEnum64)? {
            return self.refuse("Invalid btf_info kind_flag");
        }
        if record.size > 8 || !record.size.is_power_of_two() {
            return self.refuse("Unexpected size");
        }
        self.may_be_named()?;
        let words = if record.kind() == Kind::ENUM64 { 3 } else { 2 };
        for number in 0..record.members_len() {
            let index = usize::try_from(number).unwrap_or(usize::MAX).saturating_mul(words);
            let name = record.word(index);
            if !self.types.is_string(name) {
                return self.env.refuse(format!("\\x09Invalid name_offset:{name}"));
            }
            if name == 0 || !self.is_identifier(name)? {
                return self.refuse("Invalid name");
            }
        }
        Ok(())
    }

    /// Mirrors `btf_func_proto_check_meta()`.
    fn prototype(&mut self) -> Result<(), End> {
        if self.record.name != 0 {
            return self.refuse("Invalid name");
        }
        self.no_flag()
    }

    /// Mirrors `btf_func_check_meta()`.
    fn function(&mut self) -> Result<(), End> {
        const GLOBAL: u32 = 2;
        self.must_be_named()?;
        if self.record.members_len() > GLOBAL {
            return self.refuse("Invalid func linkage");
        }
        self.no_flag()
    }

    /// Mirrors `btf_var_check_meta()`.
    fn variable(&mut self) -> Result<(), End> {
        self.no_members()?;
        self.no_flag()?;
        let name = self.record.name;
        // Points were always allowed here.
        let text = self.types.string(name).unwrap_or_default();
        if name == 0 || !is_dotted_name(text) || !self.env.is_short(text)? {
            return self.refuse("Invalid name");
        }
        if !is_type(self.record.size) {
            return self.refuse("Invalid type_id");
        }
        if self.record.word(0) > 1 {
            return self.refuse("Linkage not supported");
        }
        Ok(())
    }

    /// Mirrors `btf_datasec_check_meta()`.
    fn section(&mut self) -> Result<(), End> {
        let record = self.record;
        if record.size == 0 {
            return self.refuse("size == 0");
        }
        self.no_flag()?;
        if record.name == 0 || !self.is_section_name(record.name)? {
            return self.refuse("Invalid name");
        }
        let mut last_end: u64 = 0;
        let mut sum: u64 = 0;
        // The words are those of a member: the type, the offset and the size.
        for Member { name: of, of: offset, offset: size } in record.members() {
            let end = u64::from(offset) + u64::from(size);
            let fault = if !is_type(of) {
                "Invalid type_id"
            } else if u64::from(offset) < last_end || offset >= record.size {
                "Invalid offset"
            } else if size == 0 || size > record.size {
                "Invalid size"
            } else if end > record.size.into() {
                "Invalid offset+size"
            } else {
                last_end = end;
                sum += u64::from(size);
                continue;
            };
            self.env.log(format!("\\x09 type_id={of} offset={offset} size={size}"));
            self.env.log(" ");
            self.env.log(fault);
            return self.env.refuse("");
        }
        if u64::from(record.size) < sum { self.refuse("Invalid btf_info size") } else { Ok(()) }
    }

    /// Mirrors `btf_float_check_meta()`.
    fn float(&mut self) -> Result<(), End> {
        self.no_members()?;
        self.no_flag()?;
        if matches!(self.record.size, 2 | 4 | 8 | 12 | 16) { Ok(()) } else { self.refuse("Invalid type_size") }
    }

    /// Mirrors `btf_decl_tag_check_meta()`.
    fn declaration_tag(&mut self) -> Result<(), End> {
        if self.types.string(self.record.name).is_none_or(<[u8]>::is_empty) {
            return self.refuse("Invalid value");
        }
        self.no_members()?;
        if self.record.flag() && !self.env.has(Behaviour::BtfTagFlag)? {
            return self.refuse("Invalid btf_info kind_flag");
        }
        if self.record.word(0).cast_signed() < -1 {
            return self.refuse("Invalid component_idx");
        }
        Ok(())
    }

    fn no_members(&mut self) -> Result<(), End> {
        if self.record.members_len() == 0 { Ok(()) } else { self.refuse("vlen != 0") }
    }

    fn no_flag(&mut self) -> Result<(), End> {
        if self.record.flag() { self.refuse("Invalid btf_info kind_flag") } else { Ok(()) }
    }

    fn may_be_named(&mut self) -> Result<(), End> {
        if self.record.name == 0 { Ok(()) } else { self.must_be_named() }
    }

    fn must_be_named(&mut self) -> Result<(), End> {
        let name = self.record.name;
        if name != 0 && self.is_identifier(name)? { Ok(()) } else { self.refuse("Invalid name") }
    }

    /// Mirrors `btf_name_valid_identifier()`.
    fn is_identifier(&self, name: u32) -> Result<bool, End> {
        let name = self.types.string(name).unwrap_or_default();
        if !is_dotted_name(name) {
            return Ok(false);
        }
        Ok((!name.contains(&b'.') || self.env.has(Behaviour::BtfDots)?) && self.env.is_short(name)?)
    }

    /// Mirrors `btf_name_valid_section()`.
    fn is_section_name(&self, name: u32) -> Result<bool, End> {
        let name = self.types.string(name).unwrap_or_default();
        let is_printable = !name.is_empty() && name.iter().all(|byte| is_print(*byte));
        let is_valid = is_dotted_name(name) || is_printable && self.env.has(Behaviour::BtfSectionNames)?;
        Ok(is_valid && self.env.is_short(name)?)
    }
}

impl Env<'_> {
    /// Returns whether a name is not longer than `KSYM_NAME_LEN`.
    fn is_short(&self, name: &[u8]) -> Result<bool, End> {
        const SHORT: usize = 128;
        const LONG: usize = 512;
        Ok(name.len() <= SHORT || name.len() <= LONG && self.has(Behaviour::KsymNameLen512)?)
    }
}

/// Mirrors `BTF_TYPE_ID_VALID()`, for what cannot be `void`.
const fn is_type(id: u32) -> bool {
    id != 0 && id <= MAX_TYPE
}

/// Returns whether a name consists of letters, digits, underscores and points, and does not begin with a digit.
fn is_dotted_name(name: &[u8]) -> bool {
    let is_other = |byte: &u8| matches!(byte, b'_' | b'.');
    name.first().is_some_and(|first| is_alpha(*first) || is_other(first))
        && name.iter().all(|byte| is_alpha(*byte) || byte.is_ascii_digit() || is_other(byte))
}

/// Mirrors `isalpha()` (lib/ctype.c), whose table is that of Latin-1.
const fn is_alpha(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0xc0 && byte != 0xd7 && byte != 0xf7
}

/// Mirrors `isprint()` (lib/ctype.c).
const fn is_print(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | 0xa0..)
}
