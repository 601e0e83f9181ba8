//! Lines of the kernel log.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A printk level (include/linux/kern_levels.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum LogLevel {
    /// KERN_ERR.
    Err = 3,
    /// KERN_WARNING.
    Warn = 4,
    /// KERN_NOTICE.
    Notice = 5,
}

impl Serialize for LogLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// One line of the kernel log, without time stamp.
///
/// Bytes that are not printable ASCII, and the backslash, are written as `\xNN`, as in `/dev/kmsg`. Addresses, which differ
/// from boot to boot, are written as `(____ptrval____)` or as the address at which gplok places the module. The number of an
/// object identifier, which differs between releases, is written as `(____last_oid____)` where it is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KernelLine {
    /// The level.
    pub level: LogLevel,
    /// The text.
    pub text: LineText,
}

impl KernelLine {
    /// A line with this level and text.
    pub fn new(level: LogLevel, text: impl Into<LineText>) -> Self {
        Self { level, text: text.into() }
    }
}

impl fmt::Display for KernelLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// The text of a line; [`Display`](fmt::Display) writes it.
///
/// For a module built for another kernel there are dozens of lines about symbols: these share the names with the findings
/// instead of copying them.
#[derive(Clone, Debug)]
pub struct LineText(Text);

#[derive(Clone, Debug)]
enum Text {
    Whole(Box<str>),
    OfSymbol { module: Arc<str>, says: OfSymbol, symbol: Arc<str> },
}

/// A message of the loader about one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfSymbol {
    /// `check_version()`, kernel/module/version.c.
    Disagrees,
    /// `simplify_symbols()`, kernel/module/main.c, for `-ENOENT`.
    Missing,
    /// That line up to 4.18: with 0 for the error.
    MissingAsZero,
    /// That line in 2.6.32: without the error.
    MissingBare,
    /// `simplify_symbols()`, kernel/module/main.c, for `-EINVAL`.
    Invalid,
}

impl LineText {
    /// A message of the loader about one symbol.
    pub(crate) const fn of_symbol(module: Arc<str>, says: OfSymbol, symbol: Arc<str>) -> Self {
        Self(Text::OfSymbol { module, says, symbol })
    }

    /// Returns whether it is such a message.
    pub(crate) const fn is_of_symbol(&self) -> bool {
        matches!(self.0, Text::OfSymbol { .. })
    }

    /// The text; allocates if it is stored in parts.
    pub fn to_str(&self) -> Cow<'_, str> {
        match &self.0 {
            Text::Whole(text) => Cow::Borrowed(text),
            Text::OfSymbol { .. } => Cow::Owned(self.parts().concat()),
        }
    }

    /// The parts whose concatenation is the text.
    fn parts(&self) -> [&str; 4] {
        match &self.0 {
            Text::Whole(text) => [text, "", "", ""],
            Text::OfSymbol { module, says: OfSymbol::Disagrees, symbol } => {
                [module, ": disagrees about version of symbol ", symbol, ""]
            }
            Text::OfSymbol { module, says: OfSymbol::Missing, symbol } => {
                [module, ": Unknown symbol ", symbol, " (err -2)"]
            }
            Text::OfSymbol { module, says: OfSymbol::MissingAsZero, symbol } => {
                [module, ": Unknown symbol ", symbol, " (err 0)"]
            }
            Text::OfSymbol { module, says: OfSymbol::MissingBare, symbol } => [module, ": Unknown symbol ", symbol, ""],
            Text::OfSymbol { module, says: OfSymbol::Invalid, symbol } => {
                [module, ": Unknown symbol ", symbol, " (err -22)"]
            }
        }
    }

    /// The length of the text in bytes.
    pub(crate) fn len(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }
}

impl fmt::Display for LineText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().iter().try_for_each(|part| f.write_str(part))
    }
}

impl PartialEq for LineText {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (
                Text::OfSymbol { module, says, symbol },
                Text::OfSymbol { module: other_module, says: says_other, symbol: other_symbol },
            ) if says == says_other && module.len() == other_module.len() => {
                symbol == other_symbol && module == other_module
            }
            _ => self.len() == other.len() && self.to_str() == other.to_str(),
        }
    }
}

impl Eq for LineText {}

impl<T: Into<Box<str>>> From<T> for LineText {
    fn from(text: T) -> Self {
        Self(Text::Whole(text.into()))
    }
}

impl Serialize for LineText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
