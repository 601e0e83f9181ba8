//! `.if` and its like, and the bodies of macros.

use super::error::AssemblyError;
use super::operands::number;

/// One `.if` that is not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    /// This one is taken, so no other is.
    Taken,
    /// None is taken yet.
    Awaited,
    /// One has been taken.
    Over,
    /// Which is taken is not known: all are read.
    Unknown,
}

/// Which statements are read.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    branches: Vec<Branch>,
    /// How many of those are not read.
    unread: usize,
    /// Macros within macros, and where the outermost begins.
    macros: usize,
    macro_line: usize,
}

impl Conditions {
    /// Is a directive one of these, or does it stand where nothing is read?
    pub fn take(&mut self, directive: &str, rest: &str, line: usize) -> bool {
        match directive {
            ".macro" => {
                self.macro_line = if self.macros == 0 { line } else { self.macro_line };
                self.macros += 1;
            }
            ".endm" | ".endmacro" => self.macros = self.macros.saturating_sub(1),
            _ if self.macros > 0 => {}
            ".else" => self.turn(Some(true)),
            ".elseif" => self.turn(constant(rest)),
            ".endif" => self.end(),
            ".if" | ".ifne" => self.begin(constant(rest)),
            ".ifeq" => self.begin(constant(rest).map(|holds| !holds)),
            _ if directive.starts_with(".if") => self.begin(None),
            _ => return self.is_unread(),
        }
        true
    }

    pub const fn is_unread(&self) -> bool {
        self.macros > 0 || self.unread > 0
    }

    /// Nothing more comes.
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

    fn turn(&mut self, holds: Option<bool>) {
        let Some(before) = self.pop() else { return };
        self.push(match (before, holds) {
            (Branch::Taken | Branch::Over, _) => Branch::Over,
            (Branch::Awaited, Some(true)) => Branch::Taken,
            (Branch::Awaited, Some(false)) => Branch::Awaited,
            (Branch::Awaited, None) | (Branch::Unknown, _) => Branch::Unknown,
        });
    }

    fn end(&mut self) {
        self.pop();
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

/// Whether a condition holds that is made of numbers alone: one, or two compared.
fn constant(condition: &str) -> Option<bool> {
    let condition = condition.trim_ascii();
    let inner = condition.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let condition = inner.unwrap_or(condition);
    let number = |text: &str| number(text.trim_ascii().trim_matches(['(', ')']));
    if let Some((left, right)) = condition.split_once("==") {
        return Some(number(left)? == number(right)?);
    }
    if let Some((left, right)) = condition.split_once("!=").or_else(|| condition.split_once("<>")) {
        return Some(number(left)? != number(right)?);
    }
    Some(number(condition)? != 0)
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
    fn what_numbers_decide_is_decided() {
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
    fn what_ends_without_a_beginning_is_no_harm() {
        assert_eq!(read(&[(".endif", ""), (".else", ""), (".endm", ""), (".a", "")]), [".a"]);
    }
}
