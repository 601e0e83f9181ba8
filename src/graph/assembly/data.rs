//! Data: which directives hold pointers, and how many bytes each writes.

use super::dialect::Dialect;
use super::operands::number;

/// How many bytes each number of a directive takes; `None` of one that holds no numbers that could be pointers.
pub(super) fn width(directive: &str, dialect: Dialect) -> Option<u64> {
    Some(match directive {
        ".byte" | ".dc.b" | ".1byte" => 1,
        ".word" if dialect == Dialect::Arm64 => 4,
        ".word" | ".short" | ".hword" | ".value" | ".2byte" | ".dc.w" => 2,
        ".long" | ".int" | ".4byte" | ".dc.l" => 4,
        ".quad" | ".xword" | ".dword" | ".8byte" | ".dc.a" => 8,
        ".octa" => 16,
        _ => return None,
    })
}

/// Where the next byte goes once a directive has been written at `at`.
pub(super) fn after(at: u64, directive: &str, rest: &str, dialect: Dialect) -> u64 {
    let first = || number(rest.split(',').next().unwrap_or_default().trim_ascii()).and_then(|n| u64::try_from(n).ok());
    let aligned = |to: u64| at.checked_next_multiple_of(to.max(1)).unwrap_or(at);
    let power = || first().and_then(|power| 1_u64.checked_shl(u32::try_from(power).ok()?)).unwrap_or(1);
    if let Some(width) = width(directive, dialect) {
        let count = rest.bytes().filter(|byte| *byte == b',').count() as u64 + 1;
        return at.saturating_add(width.saturating_mul(count));
    }
    match directive {
        ".zero" | ".skip" | ".space" => at.saturating_add(first().unwrap_or(0)),
        ".string" | ".asciz" => at.saturating_add(text(rest, 1)),
        ".ascii" => at.saturating_add(text(rest, 0)),
        ".balign" => aligned(first().unwrap_or(1)),
        ".align" if dialect == Dialect::X86 => aligned(first().unwrap_or(1)),
        ".align" | ".p2align" => aligned(power()),
        _ => at,
    }
}

/// How many bytes strings take, each with so many behind it.
fn text(rest: &str, behind: u64) -> u64 {
    let (mut bytes, mut written, mut inside) = (rest.bytes().peekable(), 0_u64, false);
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                written += if inside { behind } else { 0 };
                inside = !inside;
            }
            _ if !inside => {}
            b'\\' => {
                written += 1;
                // Up to three octal digits, or one character.
                let octal = |byte: &u8| matches!(byte, b'0'..=b'7');
                let digits = if bytes.next().is_some_and(|byte| octal(&byte)) { 2 } else { 0 };
                for _ in 0..digits {
                    bytes.next_if(octal);
                }
            }
            _ => written += 1,
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted() {
        let after = |at, directive, rest| after(at, directive, rest, Dialect::Arm64);
        assert_eq!(after(1, ".quad", "a, b"), 17);
        assert_eq!(after(0, ".word", "1"), 4);
        assert_eq!(after(0, ".zero", "24"), 24);
        assert_eq!(after(3, ".string", "\"a\\n\\0012\", \"\\\"\""), 3 + 5 + 2);
        assert_eq!(after(5, ".align", "3"), 8);
        assert_eq!(after(5, ".p2align", "64"), 5);
        assert_eq!(after(u64::MAX, ".zero", "9223372036854775807"), u64::MAX);
    }
}
