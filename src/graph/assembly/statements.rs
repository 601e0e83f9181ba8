//! Cuts a text into statements, at the ends of lines and at semicolons, without its comments.

use std::borrow::Cow;

use super::dialect::Dialect;
use super::error::AssemblyError;

/// The text with a blank in place of each `/* … */`. Line numbers stay the same.
pub(super) fn without_comments(text: &str, dialect: Dialect) -> Result<Cow<'_, str>, AssemblyError> {
    if !text.contains("/*") {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut open = None;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let mut rest = line;
        loop {
            if open.is_some() {
                let Some((_, after)) = rest.split_once("*/") else {
                    out.push('\n');
                    break;
                };
                open = None;
                rest = after;
                out.push(' ');
            }
            let Some(start) = comment(rest, dialect) else {
                out += rest;
                break;
            };
            out += rest.get(..start).unwrap_or_default();
            rest = rest.get(start + 2..).unwrap_or_default();
            open = Some(number);
        }
    }
    match open {
        Some(line) => Err(AssemblyError::Unbalanced { line, what: "a comment begins here and has no end" }),
        None => Ok(Cow::Owned(out)),
    }
}

/// The position of the first `/*` that lies neither in a string nor in a comment.
fn comment(line: &str, dialect: Dialect) -> Option<usize> {
    // Most lines have none, and need no scan.
    if !line.contains("/*") {
        return None;
    }
    let bytes = line.as_bytes();
    scan(bytes, dialect, |at| bytes.get(at) == Some(&b'/') && bytes.get(at + 1) == Some(&b'*')).0
}

/// The statements of a line, in order.
pub(super) fn statements(line: &str, dialect: Dialect) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let bytes = line.as_bytes();
        let (found, end) = scan(bytes, dialect, |at| bytes.get(at) == Some(&b';'));
        rest = found.and_then(|at| line.get(at + 1..));
        line.get(..found.unwrap_or(end)).map(str::trim_ascii)
    })
}

/// The first position outside of strings for which `wanted` holds, and the position where the assembler stops reading
/// the line.
fn scan(bytes: &[u8], dialect: Dialect, wanted: impl Fn(usize) -> bool) -> (Option<usize>, usize) {
    let mut at = 0;
    let mut first = true;
    while let Some(&byte) = bytes.get(at) {
        if wanted(at) {
            return (Some(at), at);
        }
        if matches!(byte, b'#' | b'/') && dialect.begins_comment(byte, bytes.get(at + 1).copied(), first) {
            return (None, at);
        }
        at += match byte {
            b'"' => string(bytes.get(at..).unwrap_or_default()),
            b'\'' => character(bytes.get(at + 1).copied()),
            _ => 1,
        };
        first &= byte.is_ascii_whitespace();
    }
    (None, bytes.len())
}

/// The length of a string with its quotes, in bytes. A string without an end extends to the end of the line.
pub(super) fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

/// The length of a character constant, `'c` or `'\c`, in bytes.
const fn character(next: Option<u8>) -> usize {
    match next {
        Some(b'\\') => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, dialect: Dialect) -> Vec<String> {
        let text = without_comments(text, dialect).expect("closed comments");
        let all = text.lines().flat_map(|line| statements(line, dialect));
        all.filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn semicolons_end_statements_outside_of_strings() {
        assert_eq!(cut("lock; btsq %rdi,(%rsi)\n\tret\n", Dialect::X86), ["lock", "btsq %rdi,(%rsi)", "ret"]);
        assert_eq!(cut(".string \"a;b\\\"#;\" ; ret", Dialect::X86), [".string \"a;b\\\"#;\"", "ret"]);
        assert_eq!(cut(".byte ';, '\\'\nret", Dialect::X86), [".byte ';, '\\'", "ret"]);
    }

    #[test]
    fn comments_are_removed() {
        assert_eq!(cut("# 1 \"a.h\" 1\ncall f # then ; g\n", Dialect::X86), ["call f"]);
        assert_eq!(cut("# 1\n mov w0, #4 // f ; g\n", Dialect::Arm64), ["mov w0, #4"]);
        assert_eq!(cut("a /* b ; c */ d\n/* e\n f */ g\n", Dialect::X86), ["a   d", "g"]);
        assert_eq!(cut(".string \"/*\"\nnop # /*\nret", Dialect::X86), [".string \"/*\"", "nop", "ret"]);
        assert_eq!(
            without_comments("a\n/* b\n", Dialect::X86).map_err(|error| error.to_string()),
            Err("line 2: a comment begins here and has no end".to_owned())
        );
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text = without_comments("a /* b\nc\n*/ d\n", Dialect::X86).expect("a closed comment");
        assert_eq!(text.lines().map(str::trim).collect::<Vec<_>>(), ["a", "", "d"]);
    }
}
