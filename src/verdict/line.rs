//! Lines of the kernel log.

use std::fmt;

use serde::{Serialize, Serializer};

/// A printk level (include/linux/kern_levels.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
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
/// Bytes that are not printable ASCII, and the backslash, stand as `\xNN`: the form of `/dev/kmsg`. Addresses, which
/// differ from boot to boot, stand as `(____ptrval____)` or as the address gplok placed the module at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KernelLine {
    /// Its level.
    pub level: LogLevel,
    /// Its text.
    pub text: String,
}

impl KernelLine {
    /// A line.
    pub fn new(level: LogLevel, text: impl Into<String>) -> Self {
        Self { level, text: text.into() }
    }
}

impl fmt::Display for KernelLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
