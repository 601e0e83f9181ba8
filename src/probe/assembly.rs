//! Edits the compiler's assembly text. The text is assembled in a separate step, so that a line that the assembler
//! refuses costs a second and not the whole compilation.

use std::ops::Range;

use super::diagnostics::AssemblerError;

/// The text without the markers of the C lines that assembly statements came from. Some assemblers read these as line
/// numbers, and then report a line of the header instead of a line of this text.
pub(super) fn unmarked(assembly: &str) -> String {
    let mut out = String::with_capacity(assembly.len());
    for line in assembly.lines() {
        let is_marker = line.strip_prefix("# ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if !is_marker {
            out += line;
            out.push('\n');
        }
    }
    out
}

/// The text without the refused lines, and for each of them the function that contained it and the assembler's reason.
pub(super) fn without(assembly: &str, refused: &[AssemblerError]) -> (String, Vec<(String, String)>) {
    let mut out = String::with_capacity(assembly.len());
    let mut function = "";
    let mut dropped = Vec::new();
    for (index, line) in assembly.lines().enumerate() {
        function = function_begun(line).unwrap_or(function);
        match refused.iter().find(|refused| refused.line == index + 1) {
            Some(refused) => dropped.push((function.to_owned(), refused.message.clone())),
            None => out += line,
        }
        out.push('\n');
    }
    (out, dropped)
}

/// The text of one function, and what lies between it and the next one.
struct Piece<'t> {
    /// The name of the function. It is empty before the first one.
    function: &'t str,
    /// The directive of the section that the piece begins in.
    section: &'t str,
    lines: Vec<&'t str>,
}

/// A text in pieces that can be assembled without each other.
pub(super) struct Pieces<'t> {
    pieces: Vec<Piece<'t>>,
    /// The directives that number the source files. Lines stay, because assemblers refuse some statements only for the
    /// place of the line after them.
    files: Vec<&'t str>,
}

impl<'t> Pieces<'t> {
    pub(super) fn of(assembly: &'t str) -> Self {
        let mut section = "";
        let mut is_statement = false;
        let mut files = Vec::new();
        let mut pieces = vec![Piece { function: "", section, lines: Vec::new() }];
        for line in assembly.lines() {
            if let Some(function) = function_begun(line).filter(|_| !is_statement) {
                pieces.push(Piece { function, section, lines: Vec::new() });
            }
            is_statement = statement_mark(line).unwrap_or(is_statement);
            if !is_statement && is_section(line) {
                section = line;
            }
            if is_file(line) {
                files.push(line);
            }
            if let Some(piece) = pieces.last_mut() {
                piece.lines.push(line);
            }
        }
        Self { pieces, files }
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The text of some pieces, without debugging information, which refers to all pieces.
    pub(super) fn text_of(&self, range: Range<usize>) -> String {
        let mut out: String = self.files.iter().flat_map(|line| [*line, "\n"]).collect();
        for piece in self.pieces.get(range).unwrap_or_default() {
            let mut is_debug = piece.section.contains(".debug");
            out.extend([piece.section, "\n"]);
            for line in &piece.lines {
                if is_section(line) {
                    is_debug = line.contains(".debug");
                }
                if !is_debug && !is_file(line) {
                    out.extend([*line, "\n"]);
                }
            }
        }
        out
    }

    /// The whole text, but of these pieces without the assembly statements; and the functions of these pieces with the
    /// reasons. All else comes from the compiler, which writes nothing that the assembler refuses.
    pub(super) fn without_statements(&self, refused: &[(usize, String)]) -> (String, Vec<(String, String)>) {
        let mut out = String::new();
        let mut dropped = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            let why = refused.iter().find(|(refused, _)| *refused == index).map(|(_, why)| why);
            dropped.extend(why.map(|why| (piece.function.to_owned(), why.clone())));
            let mut is_statement = false;
            for line in &piece.lines {
                is_statement = statement_mark(line).unwrap_or(is_statement);
                if why.is_none() || !is_statement {
                    out += line;
                }
                out.push('\n');
            }
        }
        (out, dropped)
    }
}

/// Reads the comments around an assembly statement: whether one begins (`#APP`) or ends (`#NO_APP`). Some architectures
/// begin comments with another mark.
fn statement_mark(line: &str) -> Option<bool> {
    match line.trim().trim_start_matches(['#', '/', '@', '!', ';', '|']) {
        "APP" => Some(true),
        "NO_APP" => Some(false),
        _ => None,
    }
}

fn is_file(line: &str) -> bool {
    line.split_whitespace().next() == Some(".file")
}

fn is_section(line: &str) -> bool {
    matches!(line.split_whitespace().next(), Some(".section" | ".text" | ".data" | ".bss"))
}

/// Reads `.type name, @function`. Another mark replaces `@` on architectures where that begins a comment.
fn function_begun(line: &str) -> Option<&str> {
    let (name, kind) = line.trim_start().strip_prefix(".type")?.trim_start().split_once(',')?;
    kind.contains("function").then_some(name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_line_is_removed_and_its_function_is_named() {
        let text = "\t.type\tone, @function\none:\n\tret\n\t.type\ttwo, %function\ntwo:\n\tbt (%edi)\n\tret\n";
        let refused = [AssemblerError { line: 6, message: "bad".into() }];
        let (left, dropped) = without(text, &refused);
        assert_eq!(dropped, [("two".to_owned(), "bad".to_owned())]);
        assert!(!left.contains("bt") && left.lines().count() == text.lines().count());
    }

    /// The second of three functions contains a statement that the assembler refuses without naming a line.
    #[test]
    fn pieces_are_assembled_alone_and_lose_their_statements() {
        let head = "\t.file\t\"a.c\"\n\t.section\t.text.one,\"ax\"\n";
        let one = "\t.type\tone, @function\none:\n\t.loc 1 2 3\n\tret\n\t.section\t.text.two,\"ax\"\n";
        let two = "\t.type\ttwo, %function\ntwo:\n#APP\n\t.ascii \"->\"\n#NO_APP\n\tret\n\t.text\n";
        let three = "\t.type\tthree, @function\nthree:\n\tret\n\t.section\t.debug_info\n\t.long two\n";
        let text = [head, one, two, three].concat();
        let pieces = Pieces::of(&text);
        assert_eq!(pieces.len(), 4);
        let file = "\t.file\t\"a.c\"\n";
        assert_eq!(pieces.text_of(2..3), format!("{file}\t.section\t.text.two,\"ax\"\n{two}"));
        assert_eq!(pieces.text_of(3..4), format!("{file}\t.text\n\t.type\tthree, @function\nthree:\n\tret\n"));
        assert!(pieces.text_of(1..2).contains(".loc"));
        let (left, dropped) = pieces.without_statements(&[(2, "bad".into())]);
        assert_eq!(left, text.replace("#APP\n\t.ascii \"->\"", "\n"));
        assert_eq!(dropped, [("two".to_owned(), "bad".to_owned())]);
    }

    #[test]
    fn only_line_markers_are_removed() {
        assert_eq!(unmarked("#APP\n# 37 \"a.h\" 1\n\tnop\n# 0 \"\" 2\n#NO_APP\n"), "#APP\n\tnop\n#NO_APP\n");
    }
}
