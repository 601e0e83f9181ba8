//! Data directives: which of them can hold pointers, and how many bytes they write.

use super::dialect::Dialect;
use super::operands::number;

/// The size of each number of a directive, in bytes; `None` if the directive does not hold numbers.
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

/// The offset after a directive that is written at the offset `at`.
pub(super) fn after(at: u64, directive: &str, rest: &str, dialect: Dialect) -> u64 {
    if let Some(width) = width(directive, dialect) {
        let count = rest.bytes().filter(|byte| *byte == b',').count() as u64 + 1;
        return at.saturating_add(width.saturating_mul(count));
    }
    match directive {
        ".zero" | ".skip" | ".space" => at.saturating_add(first_number(rest).unwrap_or(0)),
        ".string" | ".asciz" => at.saturating_add(string_bytes(rest, 1)),
        ".ascii" => at.saturating_add(string_bytes(rest, 0)),
        ".balign" => aligned(at, first_number(rest)),
        ".align" if dialect == Dialect::X86 => aligned(at, first_number(rest)),
        ".align" | ".p2align" => {
            let power = first_number(rest).and_then(|power| u32::try_from(power).ok());
            aligned(at, power.and_then(|power| 1_u64.checked_shl(power)))
        }
        _ => at,
    }
}

fn first_number(rest: &str) -> Option<u64> {
    let first = rest.split(',').next().unwrap_or_default();
    u64::try_from(number(first.trim_ascii())?).ok()
}

/// The next multiple of `to`, if that is known.
fn aligned(at: u64, to: Option<u64>) -> u64 {
    at.checked_next_multiple_of(to.unwrap_or(1).max(1)).unwrap_or(at)
}

/// How many bytes the strings of a directive take. Each is followed by `after` zero bytes.
fn string_bytes(rest: &str, after: u64) -> u64 {
    let mut bytes = rest.bytes().peekable();
    let mut written = 0_u64;
    let mut inside = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                written += if inside { after } else { 0 };
                inside = !inside;
            }
            _ if !inside => {}
            b'\\' => {
                written += 1;
                // One character, or up to three octal digits.
                if bytes.next().is_some_and(|byte| matches!(byte, b'0'..=b'7')) {
                    for _ in 0..2 {
                        bytes.next_if(|byte| matches!(byte, b'0'..=b'7'));
                    }
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
