//! One type.

use super::header::u32_at;
use crate::terms::Endian;

/// How wide the fields of `info` are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 5 bits for the kind, 16 for the number of members. Bits between them are not used.
    Narrow,
    /// 7 bits for the kind, 24 for the number of members.
    Wide,
}

/// The kinds of types, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub u8);

impl Kind {
    /// An integer.
    pub const INT: Self = Self(1);
    /// A pointer.
    pub const PTR: Self = Self(2);
    /// An array.
    pub const ARRAY: Self = Self(3);
    /// A structure.
    pub const STRUCT: Self = Self(4);
    /// A union.
    pub const UNION: Self = Self(5);
    /// An enumeration.
    pub const ENUM: Self = Self(6);
    /// A forward declaration.
    pub const FWD: Self = Self(7);
    /// A typedef.
    pub const TYPEDEF: Self = Self(8);
    /// `volatile`.
    pub const VOLATILE: Self = Self(9);
    /// `const`.
    pub const CONST: Self = Self(10);
    /// `restrict`.
    pub const RESTRICT: Self = Self(11);
    /// A function.
    pub const FUNC: Self = Self(12);
    /// The prototype of a function.
    pub const FUNC_PROTO: Self = Self(13);
    /// A variable.
    pub const VAR: Self = Self(14);
    /// The variables of a section.
    pub const DATASEC: Self = Self(15);
    /// A floating point number.
    pub const FLOAT: Self = Self(16);
    /// A tag of a declaration.
    pub const DECL_TAG: Self = Self(17);
    /// A tag of a type.
    pub const TYPE_TAG: Self = Self(18);
    /// An enumeration of 64-bit values.
    pub const ENUM64: Self = Self(19);

    /// Returns whether it is a structure or a union.
    pub const fn is_composite(self) -> bool {
        matches!(self, Self::STRUCT | Self::UNION)
    }

    /// Mirrors `btf_type_is_modifier()` (kernel/bpf/btf.c): the type behind it says the size.
    pub const fn is_modifier(self) -> bool {
        matches!(self, Self::TYPEDEF | Self::VOLATILE | Self::CONST | Self::RESTRICT | Self::TYPE_TAG)
    }

    /// How many bytes follow the first three words of a type of this kind with so many members; `None` for an unknown kind.
    pub const fn rest_len(self, members: u32) -> Option<u64> {
        Some(match self {
            Self::PTR | Self::FLOAT | Self::TYPE_TAG => 0,
            Self::FWD | Self::TYPEDEF | Self::VOLATILE | Self::CONST | Self::RESTRICT | Self::FUNC => 0,
            Self::INT | Self::VAR | Self::DECL_TAG => 4,
            Self::ARRAY => 12,
            Self::STRUCT | Self::UNION | Self::DATASEC | Self::ENUM64 => 12 * members as u64,
            Self::ENUM | Self::FUNC_PROTO => 8 * members as u64,
            _ => return None,
        })
    }
}

/// `struct btf_type` and what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The offset of its name.
    pub name: u32,
    /// Kind, number of members and flag, as they are stored.
    pub info: u32,
    /// The size in bytes, or the number of the type that it refers to.
    pub size: u32,
    /// The bytes from its end to the end of all types. Its members are at the beginning.
    rest: &'a [u8],
    endian: Endian,
    width: Width,
}

/// `struct btf_member`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The offset of its name.
    pub name: u32,
    /// The number of its type.
    pub of: u32,
    /// Its place, as it is stored.
    pub offset: u32,
}

impl<'a> Record<'a> {
    /// The length of what every type has.
    pub const LEN: usize = 12;

    /// Reads the type at the beginning of `bytes`; `None` if they are too short.
    pub fn read(bytes: &'a [u8], endian: Endian, width: Width) -> Option<Self> {
        let word = |offset| u32_at(bytes, offset, endian);
        Some(Self { name: word(0)?, info: word(4)?, size: word(8)?, rest: bytes.get(Self::LEN..)?, endian, width })
    }

    /// This type, with the fields of `info` as wide as given.
    #[must_use]
    pub const fn with_width(self, width: Width) -> Self {
        Self { width, ..self }
    }

    /// `BTF_INFO_KIND`.
    pub const fn kind(self) -> Kind {
        let [_, _, _, kind] = self.info.to_le_bytes();
        match self.width {
            Width::Narrow => Kind(kind & 0x1f),
            Width::Wide => Kind(kind & 0x7f),
        }
    }

    /// `BTF_INFO_VLEN`: the number of members.
    pub const fn members_len(self) -> u32 {
        match self.width {
            Width::Narrow => self.info & 0xffff,
            Width::Wide => self.info & 0x00ff_ffff,
        }
    }

    /// `BTF_INFO_KFLAG`.
    pub const fn flag(self) -> bool {
        self.info >> 31 != 0
    }

    /// The number of bytes that follow its first three words; `None` for an unknown kind.
    pub fn rest_len(self) -> Option<usize> {
        usize::try_from(self.kind().rest_len(self.members_len())?).ok()
    }

    /// A word behind the first three; 0 beyond the end of all types.
    pub fn word(self, index: usize) -> u32 {
        index.checked_mul(4).and_then(|offset| u32_at(self.rest, offset, self.endian)).unwrap_or(0)
    }

    /// The members of a structure or a union, the variables of a section, or other parts of three words.
    pub fn members(self) -> impl Iterator<Item = Member> {
        let len = self.rest_len().unwrap_or(0).min(self.rest.len());
        let parts = self.rest.get(..len).unwrap_or_default().chunks_exact(12);
        parts.map(move |part| {
            let word = |offset| u32_at(part, offset, self.endian).unwrap_or(0);
            Member { name: word(0), of: word(4), offset: word(8) }
        })
    }

    /// The enumerators of an enumeration: the offset of each name, and the value.
    pub fn enumerators(self) -> impl Iterator<Item = (u32, u32)> {
        let len = self.rest_len().unwrap_or(0).min(self.rest.len());
        let parts = self.rest.get(..len).unwrap_or_default().chunks_exact(8);
        parts.map(move |part| {
            let word = |offset| u32_at(part, offset, self.endian).unwrap_or(0);
            (word(0), word(4))
        })
    }

    /// Mirrors `__btf_member_bit_offset()` (include/linux/btf.h): the place of a member in bits.
    pub const fn bit_offset(self, member: Member) -> u32 {
        if self.flag() { member.offset & 0x00ff_ffff } else { member.offset }
    }

    /// Mirrors `__btf_member_bitfield_size()` (include/linux/btf.h): the size of a bit field in bits, else 0.
    pub const fn bitfield_size(self, member: Member) -> u32 {
        if self.flag() { member.offset >> 24 } else { 0 }
    }
}
