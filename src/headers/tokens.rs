//! Splits the text of a header into tokens. Comments are skipped, and each directive of the preprocessor is one piece.

use memchr::memchr_iter;
use memchr::memmem;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderTokenKind {
    /// A name or a keyword.
    Word,
    /// Punctuation, a number, or a string or character constant.
    Other,
}

/// A token and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderToken<'t> {
    pub(super) kind: HeaderTokenKind,
    pub(super) text: &'t str,
    /// Its offset, in bytes of the header.
    pub(super) at: usize,
    pub(super) line: u32,
    /// Whether it is in the first column.
    pub(super) first: bool,
}

impl HeaderToken<'_> {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// Returns whether it directly follows another token.
    pub(super) fn touches(&self, previous: &Self) -> bool {
        self.at == previous.at + previous.text.len()
    }

    pub(super) fn is_word(&self) -> bool {
        self.kind == HeaderTokenKind::Word
    }
}

/// One piece of a header.
#[derive(Clone, Debug)]
pub(super) enum Piece<'t> {
    /// A token of C.
    Token(HeaderToken<'t>),
    /// The tokens after `#`, on that line and its continuation lines.
    Directive(Vec<HeaderToken<'t>>),
}

/// Iterates over the pieces of a text.
pub(super) struct Pieces<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    /// Whether the line so far has only blanks and comments.
    begins: bool,
}

/// Returns whether a byte can be part of a name. Bytes beyond ASCII count, so that a name never ends within a
/// character.
pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'t> Pieces<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, begins: true }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Advances by `length` bytes, and counts the lines in them.
    fn advance(&mut self, length: usize) {
        let passed = self.rest().get(..length).unwrap_or_else(|| self.rest());
        let lines = u32::try_from(memchr_iter(b'\n', passed).count()).unwrap_or(u32::MAX);
        self.line = self.line.saturating_add(lines);
        self.at += passed.len();
    }

    /// Skips blanks, comments and continued line ends; with `over_lines`, other line ends too.
    fn skip(&mut self, over_lines: bool) {
        loop {
            let length = match self.rest() {
                [b'\n', ..] if over_lines => {
                    self.begins = true;
                    1
                }
                [b'\n', ..] | [] => return,
                [b'\\', b'\n', ..] => 2,
                [b'\\', b'\r', b'\n', ..] => 3,
                [b'/', b'*', ..] => memmem::find(self.rest(), b"*/").map_or(usize::MAX, |end| end + 2),
                [b'/', b'/', ..] => line_length(self.rest()),
                [byte, ..] if byte.is_ascii_whitespace() => 1,
                _ => return,
            };
            self.advance(length);
        }
    }

    fn token(&mut self) -> Option<HeaderToken<'t>> {
        let rest = self.rest();
        let length = match rest {
            [] => return None,
            [b'"' | b'\'', ..] => quoted_length(rest),
            [b'.', b'.', b'.', ..] => 3,
            [b'-', b'>', ..] | [b'#', b'#', ..] => 2,
            [byte, ..] if is_name_byte(*byte) => rest.iter().take_while(|byte| is_name_byte(**byte)).count(),
            _ => 1,
        };
        let is_word = rest.first().is_some_and(|byte| is_name_byte(*byte) && !byte.is_ascii_digit());
        let kind = if is_word { HeaderTokenKind::Word } else { HeaderTokenKind::Other };
        let before = self.at.checked_sub(1).and_then(|at| self.text.as_bytes().get(at));
        let first = before.is_none_or(|byte| *byte == b'\n');
        let text = self.text.get(self.at..self.at + length).unwrap_or_default();
        let token = HeaderToken { kind, text, at: self.at, line: self.line, first };
        self.begins = false;
        self.advance(length);
        Some(token)
    }

    fn directive(&mut self) -> Vec<HeaderToken<'t>> {
        let mut tokens = Vec::new();
        loop {
            self.skip(false);
            if matches!(self.rest(), [b'\n', ..]) {
                return tokens;
            }
            match self.token() {
                Some(token) => tokens.push(token),
                None => return tokens,
            }
        }
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        self.skip(true);
        if self.begins && matches!(self.rest(), [b'#', ..]) {
            self.advance(1);
            return Some(Piece::Directive(self.directive()));
        }
        self.token().map(Piece::Token)
    }
}

/// The length up to the end of the line, including continuation lines.
fn line_length(text: &[u8]) -> usize {
    for end in memchr_iter(b'\n', text) {
        let line = text.get(..end).unwrap_or_default();
        if !line.ends_with(b"\\") && !line.ends_with(b"\\\r") {
            return end;
        }
    }
    text.len()
}

/// The length of a constant in quotes. An unclosed one ends with its line.
fn quoted_length(text: &[u8]) -> usize {
    let quote = text.first().copied();
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\n' => return at,
            _ if Some(*byte) == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The tokens of a text without directives.
#[cfg(test)]
pub(super) fn tokens(text: &str) -> Vec<HeaderToken<'_>> {
    let token = |piece| match piece {
        Piece::Token(token) => Some(token),
        Piece::Directive(_) => None,
    };
    Pieces::new(text).filter_map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let show = |token: HeaderToken<'_>| format!("{}:{}", token.line, token.text);
        Pieces::new(text)
            .map(|piece| match piece {
                Piece::Token(token) => show(token),
                Piece::Directive(tokens) => format!("#{}", tokens.into_iter().map(show).collect::<Vec<_>>().join(" ")),
            })
            .collect()
    }

    #[test]
    fn comments_are_skipped_and_lines_counted() {
        assert_eq!(shown("a /* b\n * c */ d // e\nf->g"), ["1:a", "2:d", "3:f", "3:->", "3:g"]);
        assert_eq!(shown("// a \\\n b\nc /* d"), ["3:c"]);
    }

    #[test]
    fn a_directive_includes_its_continuation_lines() {
        let text = "/* x */ # define A(x, ...) \\\n\tx ## 1 /* over\nlines */ + 2\nint b;";
        assert_eq!(shown(text), ["#1:define 1:A 1:( 1:x 1:, 1:... 1:) 2:x 2:## 2:1 3:+ 3:2", "4:int", "4:b", "4:;"]);
        assert_eq!(shown("#"), ["#"]);
    }

    #[test]
    fn an_unclosed_quote_ends_with_its_line() {
        assert_eq!(
            shown("'\\'' \"a\\\"b\" don't\nx \"\\\n y\""),
            ["1:'\\''", "1:\"a\\\"b\"", "1:don", "1:'t", "2:x", "2:\"\\\n y\""]
        );
    }

    #[test]
    fn a_name_never_ends_within_a_character() {
        assert_eq!(shown("é \"é\\é\" ü;"), ["1:é", "1:\"é\\é\"", "1:ü", "1:;"]);
    }
}
