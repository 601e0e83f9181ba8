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

/// The letters beyond ASCII of text from [`as_text`], as UTF-8. Whatever else was escaped remains so.
pub(crate) fn with_letters(text: &str) -> Cow<'_, str> {
    if !text.contains("\\x") {
        return Cow::Borrowed(text);
    }
    let mut letters = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        let (before, escapes) = rest.split_at(at);
        letters.push_str(before);
        let bytes: Vec<u8> =
            escapes.as_bytes().chunks(4).map_while(escaped_byte).take_while(|byte| *byte > 0x7f).collect();
        let valid = bytes.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
        letters.push_str(valid);
        // An escape that is no letter is passed as it is.
        let passed = if valid.is_empty() { 2 } else { 4 * valid.len() };
        let (kept, after) = escapes.split_at(passed);
        if valid.is_empty() {
            letters.push_str(kept);
        }
        rest = after;
    }
    letters.push_str(rest);
    Cow::Owned(letters)
}

/// The byte that one `\xNN` stands for.
fn escaped_byte(escape: &[u8]) -> Option<u8> {
    let digits = escape.strip_prefix(b"\\x").filter(|digits| digits.len() == 2)?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The bytes of [`as_text`]: skips the UTF-8 check, because most names are only compared.
pub(crate) fn text_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back_and_everything_else_remains_escaped() {
        for text in ["größe", "plain", "日本語_1", "é"] {
            assert_eq!(with_letters(&escaped(text.as_bytes())), text);
        }
        for bytes in [&b"a\x1b[2J"[..], b"back\\slash", b"\xc3", b"\xc3(", b"\\xc3", b"\xff\xfe", b"tail\\x"] {
            assert_eq!(with_letters(&escaped(bytes)), escaped(bytes));
        }
        assert_eq!(with_letters(&escaped(b"\xc3\xb6\xff")), "ö\\xff");
    }
}
