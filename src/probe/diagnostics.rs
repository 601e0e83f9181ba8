//! Reads the error messages of compilers and assemblers.

/// One error of a compiler, with the functions it was inlined through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CompilerError {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) message: String,
    /// The last line of the probe's own text that is named as an includer.
    pub(super) included_at: Option<u32>,
    /// The functions that contain the error, innermost first.
    pub(super) functions: Vec<String>,
    /// It is the warning that an operand of an assembly statement probably does not match its constraint.
    pub(super) is_warning: bool,
}

impl CompilerError {
    /// The error with its place, on one line.
    pub(super) fn text(&self) -> String {
        format!("{}:{}: {}", self.file, self.line, self.message)
    }
}

/// All errors, in order. `unit` is the path of the probe's own text.
pub(super) fn errors(output: &str, unit: &str) -> Vec<CompilerError> {
    let mut found = refusals(output, unit);
    found.retain(|error| !error.is_warning);
    found
}

/// All errors, and all warnings of operands that do not match their constraints. Only the first of these is an error,
/// because the compiler stops after the function that contains it.
pub(super) fn refusals(output: &str, unit: &str) -> Vec<CompilerError> {
    let mut errors = Vec::new();
    let mut included_at = None;
    let mut functions = Vec::new();
    for line in output.lines() {
        if let Some(from) = included_from(line) {
            // The compiler omits the end of a chain that it printed before; the last line found then still applies.
            included_at = placed(from, unit).or(included_at);
        } else if let Some(name) = quoted_after(line, "In function ") {
            functions = vec![name];
        } else if line.contains("At top level") {
            functions.clear();
        } else if let Some(name) = quoted_after(line, "inlined from ") {
            functions.push(name);
        } else if let Some((file, line, message)) = error(line) {
            let functions = functions.clone();
            errors.push(CompilerError { file, line, message, included_at, functions, is_warning: false });
        } else if let Some((_, message)) = line.split_once(" warning: ").filter(|(_, message)| is_of_operand(message)) {
            let functions = functions.clone();
            let message = message.to_owned();
            errors.push(CompilerError {
                message,
                included_at,
                functions,
                is_warning: true,
                ..CompilerError::default()
            });
        }
    }
    errors
}

/// Reads `In file included from a.h:3,` and its continuation lines.
fn included_from(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("In file included from ").or_else(|| line.strip_prefix("from "))
}

fn placed(place: &str, unit: &str) -> Option<u32> {
    let rest = place.strip_prefix(unit)?.strip_prefix(':')?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// The quoted name after `words`, in typographic or plain quotes.
fn quoted_after(line: &str, words: &str) -> Option<String> {
    let (_, rest) = line.split_once(words)?;
    let name = rest.trim_start_matches(['\'', '‘', '`']);
    let end = name.find(|character: char| !character.is_alphanumeric() && character != '_')?;
    Some(name.get(..end)?.to_owned())
}

/// Returns whether a warning is "'asm' operand 0 probably does not match constraints".
fn is_of_operand(message: &str) -> bool {
    message.contains("asm") && message.contains(" operand ") && message.contains("does not match constraints")
}

/// Reads `file:line:column: error: message`. Fatal errors count, and the column may be missing.
fn error(line: &str) -> Option<(String, u32, String)> {
    let (place, message) = line.split_once(" error: ").or_else(|| line.split_once(" fatal error: "))?;
    let mut parts: Vec<&str> = place.trim_end_matches(" fatal").trim_end_matches(':').split(':').collect();
    let last = parts.pop()?;
    let line = match parts.last().and_then(|number| number.parse::<u32>().ok()) {
        Some(number) if parts.len() > 1 => {
            parts.pop();
            number
        }
        _ => last.parse().ok()?,
    };
    Some((parts.join(":"), line, message.to_owned()))
}

/// One line that an assembler refuses: its number in the assembler's input, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AssemblerError {
    pub(super) line: usize,
    pub(super) message: String,
}

/// Reads all lines such as `probe.s:6143: Error: bad memory operand`.
pub(super) fn assembler_errors(output: &str) -> Vec<AssemblerError> {
    let errors = output.lines().filter_map(|line| {
        let (place, message) = line.split_once(": Error: ").or_else(|| line.split_once(": error: "))?;
        // One assembler gives a column, the other does not.
        let number = place.split(':').skip(1).find_map(|number| number.parse().ok())?;
        Some(AssemblerError { line: number, message: message.to_owned() })
    });
    errors.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_line_of_its_include() {
        let output = "In file included from /k/b.h:5,\n                 from /t/unit.c:4:\n/k/c.h:1:2: error: #error no\n\
            In file included from /k/b.h:6:\n/k/d.h:2:2: error: #error none\n";
        let errors = errors(output, "/t/unit.c");
        let seen: Vec<_> = errors.iter().map(|error| (error.file.as_str(), error.line, error.included_at)).collect();
        assert_eq!(seen, [("/k/c.h", 1, Some(4)), ("/k/d.h", 2, Some(4))]);
    }

    #[test]
    fn an_error_has_the_functions_it_was_inlined_through() {
        let output = "In function 'branch',\n    inlined from 'is_on' at k.h:207:9,\n    inlined from 'event' at p.h:1:6:\n\
            j.h:27:9: error: impossible constraint in 'asm'\nx.h: At top level:\nx.h:3: error: what\n";
        let errors = errors(output, "/t/unit.c");
        assert_eq!(errors.first().map(|error| error.functions.join(" ")).as_deref(), Some("branch is_on event"));
        assert_eq!(errors.get(1).map(|error| (error.line, error.functions.len())), Some((3, 0)));
    }

    #[test]
    fn warnings_and_notes_are_no_errors() {
        assert!(errors("a.h:1:2: warning: x\na.h:1:2: note: y\n", "u").is_empty());
    }

    /// The compiler stops at the first impossible constraint, but warns of all.
    #[test]
    fn every_impossible_constraint_is_found() {
        let output = "In function ‘in1’,\n    inlined from ‘f1’ at a.c:2:52:\na.c:1:62: warning: ‘asm’ operand 0 probably does not match constraints\n\
            a.c:1:62: error: impossible constraint in ‘asm’\na.c: In function ‘f2’:\na.c:3:45: warning: unused variable ‘x’\n\
            a.c:3:45: warning: ‘asm’ operand 0 probably does not match constraints\n";
        let found = refusals(output, "");
        let seen: Vec<_> = found.iter().map(|error| (error.functions.join(" "), error.is_warning)).collect();
        assert_eq!(seen, [("in1 f1".into(), true), ("in1 f1".into(), false), ("f2".into(), true)]);
    }

    #[test]
    fn an_assembler_error_has_its_line() {
        let output = "/t/probe.s: Assembler messages:\n/t/probe.s:6143: Error: bad memory operand `%edi'\n/t/p.s:7:2: error: no\n";
        let seen: Vec<_> = assembler_errors(output).iter().map(|error| error.line).collect();
        assert_eq!(seen, [6143, 7]);
    }
}
