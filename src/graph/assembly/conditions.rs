//! Conditional statements (`.if`) and the bodies of macros: which statements to skip.
//!
//! Only conditions on plain numbers can be evaluated. If a condition is unknown, all its branches are read.

use super::error::AssemblyError;
use super::operands::number;

/// The state of an open `.if`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    /// The current branch is taken.
    Taken,
    /// No branch is taken yet.
    Awaited,
    /// An earlier branch was taken, or the whole `.if` is skipped.
    Over,
    /// Which branch is taken is unknown, so all are read.
    Unknown,
}

/// Decides which statements are read.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// The open `.if`s, the innermost last.
    branches: Vec<Branch>,
    /// How many of them skip their current branch.
    unread: usize,
    /// How many macro definitions are open.
    macros: usize,
    /// The line where the outermost of them begins.
    macro_line: usize,
}

impl Conditions {
    /// Handles a directive. Returns true if there is nothing more to do, because it is a condition or because it is
    /// skipped.
    pub fn take(&mut self, directive: &str, rest: &str, line: usize) -> bool {
        match directive {
            ".macro" => {
                if self.macros == 0 {
                    self.macro_line = line;
                }
                self.macros += 1;
            }
            ".endm" | ".endmacro" => self.macros = self.macros.saturating_sub(1),
            _ if self.macros > 0 => {}
            ".else" => self.next_branch(Some(true)),
            ".elseif" => self.next_branch(constant(rest)),
            ".endif" => _ = self.pop(),
            ".if" | ".ifne" => self.begin(constant(rest)),
            ".ifeq" => self.begin(constant(rest).map(|holds| !holds)),
            _ if directive.starts_with(".if") => self.begin(None),
            _ => return self.is_unread(),
        }
        true
    }

    /// Returns whether statements are skipped here.
    pub const fn is_unread(&self) -> bool {
        self.macros > 0 || self.unread > 0
    }

    /// Checks that nothing is open at the end of the text.
    pub const fn finish(&self) -> Result<(), AssemblyError> {
        if self.macros == 0 {
            return Ok(());
        }
        Err(AssemblyError::Unbalanced { line: self.macro_line, what: "a macro begins here and has no end" })
    }

    fn begin(&mut self, holds: Option<bool>) {
        self.push(match holds {
            _ if self.unread > 0 => Branch::Over,
            Some(true) => Branch::Taken,
            Some(false) => Branch::Awaited,
            None => Branch::Unknown,
        });
    }

    fn next_branch(&mut self, holds: Option<bool>) {
        let Some(before) = self.pop() else { return };
        self.push(match (before, holds) {
            (Branch::Taken | Branch::Over, _) => Branch::Over,
            (Branch::Awaited, Some(true)) => Branch::Taken,
            (Branch::Awaited, Some(false)) => Branch::Awaited,
            (Branch::Awaited, None) | (Branch::Unknown, _) => Branch::Unknown,
        });
    }

    fn push(&mut self, branch: Branch) {
        self.unread += usize::from(matches!(branch, Branch::Awaited | Branch::Over));
        self.branches.push(branch);
    }

    fn pop(&mut self) -> Option<Branch> {
        let branch = self.branches.pop()?;
        self.unread -= usize::from(matches!(branch, Branch::Awaited | Branch::Over));
        Some(branch)
    }
}

/// Returns whether a condition holds; `None` unless it is one number or a comparison of two.
fn constant(condition: &str) -> Option<bool> {
    let condition = condition.trim_ascii();
    let inner = condition.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let condition = inner.unwrap_or(condition);
    if let Some((left, right)) = condition.split_once("==") {
        return Some(operand(left)? == operand(right)?);
    }
    if let Some((left, right)) = condition.split_once("!=").or_else(|| condition.split_once("<>")) {
        return Some(operand(left)? != operand(right)?);
    }
    Some(operand(condition)? != 0)
}

fn operand(text: &str) -> Option<i64> {
    number(text.trim_ascii().trim_matches(['(', ')']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[(&str, &str)]) -> Vec<String> {
        let mut conditions = Conditions::default();
        let unread = text.iter().filter(|(word, rest)| !conditions.take(word, rest, 1)).map(|(word, _)| word);
        let unread: Vec<String> = unread.map(|word| (*word).to_owned()).collect();
        assert_eq!(conditions.finish(), Ok(()));
        unread
    }

    #[test]
    fn conditions_on_numbers_are_evaluated() {
        let (a, b, end) = ((".a", ""), (".b", ""), (".endif", ""));
        assert_eq!(read(&[(".if", "1 == 1"), a, (".else", ""), b, end]), [".a"]);
        assert_eq!(read(&[(".if", "0 == 1"), a, (".else", ""), b, end]), [".b"]);
        assert_eq!(read(&[(".if", "(.Lfound != 1)"), a, (".else", ""), b, end]), [".a", ".b"]);
        assert_eq!(read(&[(".ifeq", "1"), a, (".elseif", "0"), a, (".elseif", "2"), b, end]), [".b"]);
        assert_eq!(read(&[(".if", "0"), (".if", "1"), a, end, (".ifc", "a,b"), a, end, end, b]), [".b"]);
    }

    #[test]
    fn bodies_of_macros_are_not_read() {
        assert_eq!(read(&[(".macro", "m"), (".if", "0"), (".a", ""), (".endm", ""), (".b", "")]), [".b"]);
        let mut conditions = Conditions::default();
        conditions.take(".macro", "m", 3);
        assert_eq!(
            conditions.finish().map_err(|error| error.to_string()),
            Err("line 3: a macro begins here and has no end".to_owned())
        );
    }

    #[test]
    fn an_end_without_a_beginning_is_ignored() {
        assert_eq!(read(&[(".endif", ""), (".else", ""), (".endm", ""), (".a", "")]), [".a"]);
    }
}
