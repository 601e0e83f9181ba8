//! Edits the compiler's assembly text. The text is assembled in a separate step, so that a line that the assembler
//! refuses costs a second and not the whole compilation.

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

    #[test]
    fn only_line_markers_are_removed() {
        assert_eq!(unmarked("#APP\n# 37 \"a.h\" 1\n\tnop\n# 0 \"\" 2\n#NO_APP\n"), "#APP\n\tnop\n#NO_APP\n");
    }
}
