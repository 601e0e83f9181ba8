//! The probe's own text: one include after another, what the preprocessor makes of them, and the edits to it.

use std::ops::Range;

use super::tokens::{CTokenKind, CTokens, line_marker};

/// Announces in the text which header comes next.
const ANNOUNCED: &str = "gplok_header ";

/// Bytes of the text to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) with: &'static str,
}

/// The text with its edits; of edits that overlap the first counts.
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

/// The header that the line of [`including`]'s text is about.
pub(super) fn header_of_line(line: u32) -> usize {
    usize::try_from(line.saturating_sub(1) / 2).unwrap_or(usize::MAX)
}

/// The preprocessed text made to be checked: each marker names its header by number before the file, so that an error
/// names both. No file has such a name, which also keeps the compiler from looking for the line to show it, at a cost
/// of minutes.
///
/// An empty body behind each header ends whatever the header left open; the error that it is itself stands at no
/// header. Without it one missing semicolon makes parameters of all that follows.
pub(super) fn numbered(preprocessed: &str) -> String {
    let mut out = String::with_capacity(preprocessed.len() + preprocessed.len() / 8);
    let mut header = "";
    for line in preprocessed.lines() {
        if let Some(index) = line.strip_prefix(ANNOUNCED) {
            header = index.trim();
            out += "# 1 \"end\"\n{}\n";
        } else if let Some(marker) = line_marker(line) {
            out += &format!("# {} \"{header}/{}\"\n", marker.line, marker.file);
        } else {
            out += line;
            out.push('\n');
        }
    }
    out
}

/// The preprocessed text made to be compiled: markers name files as `place` does and no longer nest.
pub(super) fn placed(preprocessed: &str, place: impl Fn(&str) -> String) -> String {
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

/// Functions that exist to stop the build are made ones that leave a mark: the attribute that stops becomes a
/// visibility nobody else uses, which the symbol keeps in the object.
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
    fn headers_are_found_again_by_the_line_that_includes_them() {
        let text = including(&["linux/a.h".into(), "linux/b.h".into()]);
        let line = text.lines().position(|line| line == "#include <linux/b.h>").expect("it is there") + 1;
        assert_eq!(header_of_line(u32::try_from(line).expect("it is small")), 1);
    }

    #[test]
    fn markers_name_header_and_file() {
        let text = "gplok_header 7\n# 1 \"/k/a.h\" 1\nint a;\n";
        assert_eq!(numbered(text), "# 1 \"end\"\n{}\n# 1 \"7//k/a.h\"\nint a;\n");
        assert_eq!(placed(text, |file| file.replace("/k/", "")), "\n# 1 \"a.h\"\nint a;\n");
    }

    #[test]
    fn what_stops_the_build_leaves_a_mark() {
        let text = "void a(void) __attribute__((__error__(\"x\" \"y\"))); void error(int); void b(void) __attribute__((error(\"z\")));";
        let expected = "void a(void) __attribute__((__visibility__(\"internal\"))); void error(int); \
            void b(void) __attribute__((__visibility__(\"internal\")));";
        assert_eq!(edited(text, &mut unstopped(text)), expected);
    }
}
