//! Splits preprocessed C into tokens, each with its header and line.

use std::ops::Range;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CTokenKind {
    /// A name or a keyword.
    Word,
    /// A string or character constant.
    Quoted,
    /// One character of punctuation.
    Mark(u8),
    /// A number, or anything else that does not matter here.
    Other,
}

/// A token with its place in the text and in the headers.
#[derive(Clone, Debug)]
pub(super) struct CToken<'t> {
    pub(super) kind: CTokenKind,
    pub(super) text: &'t str,
    pub(super) range: Range<usize>,
    pub(super) file: &'t str,
    pub(super) line: u32,
}

/// Iterates over the tokens of a text, and counts lines by the markers of the preprocessor.
pub(super) struct CTokens<'t> {
    text: &'t str,
    at: usize,
    end: usize,
    file: &'t str,
    line: u32,
}

impl<'t> CTokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut tokens = Self::within(text, 0..text.len());
        tokens.marker();
        tokens
    }

    /// The tokens of a part of the text. Their files and lines are not valid.
    pub(super) fn within(text: &'t str, range: Range<usize>) -> Self {
        Self { text, at: range.start, end: range.end.min(text.len()), file: "", line: 1 }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        (at < self.end).then(|| self.text.as_bytes().get(at).copied()).flatten()
    }

    /// Skips a line marker, which can only begin at the start of a line.
    fn marker(&mut self) {
        if self.byte(self.at) != Some(b'#') {
            return;
        }
        let rest = self.text.get(self.at..self.end).unwrap_or_default();
        let whole = rest.split('\n').next().unwrap_or_default();
        if let Some(marker) = line_marker(whole) {
            self.file = marker.file;
            // The newline that ends the marker is counted like every other.
            self.line = marker.line.saturating_sub(1);
        }
        self.at += whole.len();
    }

    fn while_byte(&self, from: usize, is: impl Fn(u8) -> bool) -> usize {
        let mut at = from;
        while self.byte(at).is_some_and(&is) {
            at += 1;
        }
        at
    }

    fn quoted(&self, from: usize, quote: u8) -> usize {
        let mut at = from + 1;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'\\' => at += 2,
                b'\n' => return at,
                _ if byte == quote => return at + 1,
                _ => at += 1,
            }
        }
        self.end
    }
}

impl<'t> Iterator for CTokens<'t> {
    type Item = CToken<'t>;

    fn next(&mut self) -> Option<CToken<'t>> {
        loop {
            let byte = self.byte(self.at)?;
            if byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.at += 1;
                self.marker();
            } else if byte.is_ascii_whitespace() {
                self.at += 1;
            } else {
                break;
            }
        }
        let start = self.at;
        let byte = self.byte(start)?;
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        let (kind, end) = match byte {
            b'"' | b'\'' => (CTokenKind::Quoted, self.quoted(start, byte)),
            b'0'..=b'9' => (CTokenKind::Other, self.while_byte(start, |byte| in_name(byte) || byte == b'.')),
            _ if in_name(byte) => (CTokenKind::Word, self.while_byte(start, in_name)),
            _ => (CTokenKind::Mark(byte), start + 1),
        };
        self.at = end;
        let text = self.text.get(start..end).unwrap_or_default();
        Some(CToken { kind, text, range: start..end, file: self.file, line: self.line })
    }
}

/// A line marker: the file and line of the next line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineMarker<'t> {
    pub(super) line: u32,
    pub(super) file: &'t str,
}

/// Reads `# 12 "include/linux/mm.h" 1 3`.
pub(super) fn line_marker(line: &str) -> Option<LineMarker<'_>> {
    let (number, rest) = line.strip_prefix("# ")?.split_once(' ')?;
    let (file, _) = rest.strip_prefix('"')?.split_once('"')?;
    Some(LineMarker { line: number.parse().ok()?, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_the_markers() {
        let text = "# 7 \"a.h\" 1\nint one;\n\nint two;\n# 40 \"b.h\" 2\nint \"x\\\"y\" 'c';\n";
        let words: Vec<_> = CTokens::new(text).map(|token| (token.text, token.file, token.line)).collect();
        assert_eq!(words.first(), Some(&("int", "a.h", 7)));
        assert_eq!(words.get(4), Some(&("two", "a.h", 9)));
        assert_eq!(words.get(7), Some(&("\"x\\\"y\"", "b.h", 40)));
        assert_eq!(words.get(8), Some(&("'c'", "b.h", 40)));
    }

    #[test]
    fn only_a_line_marker_is_read_as_one() {
        assert_eq!(line_marker("# 3 \"x y.h\" 1 3"), Some(LineMarker { line: 3, file: "x y.h" }));
        assert_eq!(line_marker("#pragma pack(1)"), None);
    }
}
