//! The types of a module, with the types that they are based on: `struct btf`.

use super::header::{MAX_NAME_OFFSET, Parts};
use crate::btf::{Record, Table};

/// The types that others are based on.
#[derive(Clone, Copy)]
pub(super) enum Base<'a> {
    None,
    Kernel(Table<'a>),
    /// `.BTF.base`.
    Distilled(&'a Types<'a>),
}

/// Types that were checked one by one.
pub(super) struct Types<'a> {
    pub base: Base<'a>,
    pub records: Vec<Record<'a>>,
    strings: &'a [u8],
    /// `start_id`: the number of the first type. `void` is the first of types without a base.
    start_id: u32,
    /// `start_str_off`: the offset of the first string.
    start_string: u32,
}

/// A type by its number.
#[derive(Clone, Copy)]
pub(super) enum Type<'a> {
    Void,
    Record(Record<'a>),
}

impl<'a> Base<'a> {
    /// `btf_nr_types()`.
    fn len(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Kernel(table) => table.count(),
            Self::Distilled(types) => types.len(),
        }
    }

    fn strings_len(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Kernel(table) => table.strings_len(),
            Self::Distilled(types) => types.strings_len(),
        }
    }

    pub const fn exists(self) -> bool {
        !matches!(self, Self::None)
    }
}

impl<'a> Types<'a> {
    pub fn new(parts: Parts<'a>, base: Base<'a>) -> Self {
        Self {
            base,
            records: Vec::new(),
            strings: parts.strings,
            start_id: base.len(),
            start_string: base.strings_len(),
        }
    }

    /// Returns whether they are based on others.
    pub const fn has_base(&self) -> bool {
        self.base.exists()
    }

    /// `btf_nr_types()`: the number of types, with those of the base. `void` counts as soon as there is another type.
    pub fn len(&self) -> u32 {
        let own = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        let void = u32::from(!self.has_base() && own > 0);
        self.start_id.saturating_add(own).saturating_add(void)
    }

    /// The length of its own strings in bytes.
    pub fn strings_len(&self) -> u32 {
        u32::try_from(self.strings.len()).unwrap_or(u32::MAX)
    }

    /// The number of the first type of its own, `void` left out.
    pub fn first(&self) -> u32 {
        if self.has_base() { self.start_id } else { 1 }
    }

    /// Mirrors `btf_type_by_id()`; `None` beyond the last type.
    pub fn get(&self, id: u32) -> Option<Type<'a>> {
        if id < self.start_id {
            return match self.base {
                Base::None => None,
                Base::Kernel(_) if id == 0 => Some(Type::Void),
                Base::Kernel(table) => table.get(id).map(Type::Record),
                Base::Distilled(types) => types.get(id),
            };
        }
        if id == 0 && !self.has_base() {
            return (!self.records.is_empty()).then_some(Type::Void);
        }
        let index = usize::try_from(id.checked_sub(self.first())?).ok()?;
        self.records.get(index).copied().map(Type::Record)
    }

    /// Mirrors `btf_name_offset_valid()`.
    pub fn is_string(&self, offset: u32) -> bool {
        offset <= MAX_NAME_OFFSET && offset.checked_sub(self.start_string).is_none_or(|own| own < self.strings_len())
    }

    /// Mirrors `btf_str_by_offset()`; the string without its NUL.
    pub fn string(&self, offset: u32) -> Option<&'a [u8]> {
        let Some(own) = offset.checked_sub(self.start_string) else {
            return match self.base {
                Base::None => None,
                Base::Kernel(table) => table.string(offset),
                Base::Distilled(types) => types.string(offset),
            };
        };
        let rest = self.strings.get(usize::try_from(own).ok()?..).filter(|rest| !rest.is_empty())?;
        rest.get(..memchr::memchr(0, rest).unwrap_or(rest.len()))
    }
}
