//! Builds the probe's own text, one include line after another, and edits what the preprocessor makes of it.

use std::ops::Range;

use super::tokens::{CTokenKind, CTokens, line_marker};

/// Marks in the text which header comes next.
const ANNOUNCED: &str = "gplok_header ";

/// A range of bytes to replace in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) with: &'static str,
}

/// The text with all edits applied. If edits overlap, the first one counts.
pub(super) fn edited(text: &str, edits: &mut [Edit]) -> String {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut out = String::with_capacity(text.len() + edits.len() * 32);
    let mut done = 0;
    for edit in edits.iter() {
        if let Some(between) = text.get(done..edit.range.start) {
            out += between;
            out += edit.with;
            done = edit.range.end;
        }
    }
    out += text.get(done..).unwrap_or_default();
    out
}

/// A source file that includes all these headers.
pub(super) fn including(headers: &[String]) -> String {
    headers.iter().enumerate().map(|(index, header)| format!("{ANNOUNCED}{index}\n#include <{header}>\n")).collect()
}

/// The index of the header that a line of [`including`]'s text belongs to.
pub(super) fn header_of_line(line: u32) -> usize {
    usize::try_from(line.saturating_sub(1) / 2).unwrap_or(usize::MAX)
}

/// The index of the header that a line of the preprocessed text announces.
pub(super) fn announced(line: &str) -> Option<usize> {
    line.strip_prefix(ANNOUNCED)?.trim().parse().ok()
}

/// Ends whatever a header left open.
pub(super) const END: &str = "# 1 \"end\"\n{}\n";

/// The preprocessed text for checking. Each line marker has the number of the header before its file name, so that an
/// error gives both. No file has such a name, which also keeps the compiler from searching for the line in order to
/// show it, which would take minutes.
///
/// An empty body after each header ends whatever the header left open; the error that the body causes belongs to no
/// header. Without it, one missing semicolon turns all that follows into parameters.
pub(super) fn numbered(preprocessed: &str) -> String {
    let mut out = String::with_capacity(preprocessed.len() + preprocessed.len() / 8);
    let mut header = "";
    for line in preprocessed.lines() {
        if let Some(index) = line.strip_prefix(ANNOUNCED) {
            header = index.trim();
            out += END;
        } else if let Some(marker) = line_marker(line) {
            out += &format!("# {} \"{header}/{}\"\n", marker.line, marker.file);
        } else {
            out += line;
            out.push('\n');
        }
    }
    out
}

/// The preprocessed text for compiling. Line markers name files as `place` returns them, and no longer nest.
pub(super) fn placed(preprocessed: &str, mut place: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(preprocessed.len());
    let mut known = std::collections::HashMap::new();
    for line in preprocessed.lines() {
        if let Some(marker) = line_marker(line) {
            let file = known.entry(marker.file).or_insert_with(|| place(marker.file));
            out += &format!("# {} \"{file}\"", marker.line);
        } else if !line.starts_with(ANNOUNCED) {
            out += line;
        }
        out.push('\n');
    }
    out
}

/// The edits for functions that exist only to stop the build: the attribute that stops it becomes a visibility that
/// nothing else uses, which the symbol keeps in the object.
pub(super) fn unstopped(text: &str) -> Vec<Edit> {
    let tokens: Vec<_> = CTokens::new(text).filter(|token| token.kind != CTokenKind::Other).collect();
    let mut edits = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_plain =
            token.text == "error" && before(&tokens, at, 2) == "(" && before(&tokens, at, 3) == "__attribute__";
        if token.text != "__error__" && !is_plain {
            continue;
        }
        let rest = tokens.get(at + 1..).unwrap_or_default();
        let strings = rest.iter().skip(1).take_while(|token| token.kind == CTokenKind::Quoted).count();
        let close = rest.get(strings + 1).filter(|token| strings > 0 && token.text == ")");
        if let Some(close) = close {
            edits.push(Edit { range: token.range.start..close.range.end, with: "__visibility__(\"internal\")" });
        }
    }
    edits
}

fn before<'t>(tokens: &[super::tokens::CToken<'t>], at: usize, steps: usize) -> &'t str {
    at.checked_sub(steps).and_then(|at| tokens.get(at)).map_or("", |token| token.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_by_the_line_that_includes_it() {
        let text = including(&["linux/a.h".into(), "linux/b.h".into()]);
        let line = text.lines().position(|line| line == "#include <linux/b.h>").expect("it is there") + 1;
        assert_eq!(header_of_line(u32::try_from(line).expect("it is small")), 1);
    }

    #[test]
    fn markers_have_header_and_file() {
        let text = "gplok_header 7\n# 1 \"/k/a.h\" 1\nint a;\n";
        assert_eq!(numbered(text), "# 1 \"end\"\n{}\n# 1 \"7//k/a.h\"\nint a;\n");
        assert_eq!(placed(text, |file| file.replace("/k/", "")), "\n# 1 \"a.h\"\nint a;\n");
    }

    #[test]
    fn an_attribute_that_stops_the_build_becomes_a_visibility() {
        let text = "void a(void) __attribute__((__error__(\"x\" \"y\"))); void error(int); void b(void) __attribute__((error(\"z\")));";
        let expected = "void a(void) __attribute__((__visibility__(\"internal\"))); void error(int); \
            void b(void) __attribute__((__visibility__(\"internal\")));";
        assert_eq!(edited(text, &mut unstopped(text)), expected);
    }
}
