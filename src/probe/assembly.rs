//! The compiler's assembly text, which is kept apart from the compiling so that a line the assembler refuses costs
//! a second and not the whole compilation.

use super::diagnostics::AssemblerError;

/// The text without the markers of the C lines that assembly statements came from. On some architectures the
/// assembler takes them for its own and then names a line of the header, not of this text.
pub(super) fn unmarked(assembly: &str) -> String {
    let is_marker =
        |line: &str| line.strip_prefix("# ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let mut out = String::with_capacity(assembly.len());
    for line in assembly.lines().filter(|line| !is_marker(line)) {
        out += line;
        out.push('\n');
    }
    out
}

/// The text without the refused lines, and of each the function it stood in, with the assembler's reason.
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

/// `.type name, @function`; the mark before the word is another one where `@` begins a comment.
fn function_begun(line: &str) -> Option<&str> {
    let (name, kind) = line.trim_start().strip_prefix(".type")?.trim_start().split_once(',')?;
    kind.contains("function").then_some(name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_line_goes_and_its_function_is_named() {
        let text = "\t.type\tone, @function\none:\n\tret\n\t.type\ttwo, %function\ntwo:\n\tbt (%edi)\n\tret\n";
        let refused = [AssemblerError { line: 6, message: "bad".into() }];
        let (left, dropped) = without(text, &refused);
        assert_eq!(dropped, [("two".to_owned(), "bad".to_owned())]);
        assert!(!left.contains("bt") && left.lines().count() == text.lines().count());
    }

    #[test]
    fn only_line_markers_go() {
        assert_eq!(unmarked("#APP\n# 37 \"a.h\" 1\n\tnop\n# 0 \"\" 2\n#NO_APP\n"), "#APP\n\tnop\n#NO_APP\n");
    }
}
