//! Converts the bytes of names and values to text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Bytes as text: printable ASCII as it is, every other byte and the backslash as `\xNN`.
pub fn escaped(bytes: &[u8]) -> String {
    as_text(bytes).into_owned()
}

/// Bytes as text like [`escaped`], without a copy if no byte needs escaping.
pub fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    if is_plain(bytes)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        match byte {
            b' '..=b'~' if *byte != b'\\' => text.push(char::from(*byte)),
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    Cow::Owned(text)
}

/// The bytes of [`as_text`]: skips the UTF-8 check, because most names are only compared.
pub(super) fn text_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(bytes) { Cow::Borrowed(bytes) } else { Cow::Owned(escaped(bytes).into_bytes()) }
}

/// Returns whether no byte needs escaping, so that the bytes are those of their text.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    is_plain_or(bytes, b' ')
}

/// Returns whether no byte but `separator` needs escaping.
pub(super) fn is_plain_or(bytes: &[u8], separator: u8) -> bool {
    // No early exit: a loop over all bytes is vectorized.
    bytes
        .iter()
        .fold(true, |plain, byte| plain & (matches!(byte, b' '..=b'~') & (*byte != b'\\') | (*byte == separator)))
}
