//! The conditions of the preprocessor: which branches no C file ever sees.

use super::tokens::HeaderToken;

/// Names that are defined for assembly only.
const ASSEMBLY: [&str; 2] = ["__ASSEMBLY__", "__ASSEMBLER__"];

/// What is defined for the kernel, and not for the programs that borrow its headers.
const KERNEL: &str = "__KERNEL__";

/// The open conditions, the innermost last, each with the state of the reader where it began.
pub(super) struct Branches<S> {
    open: Vec<ConditionBranch<S>>,
    dead: usize,
}

struct ConditionBranch<S> {
    is_dead: bool,
    /// Will what follows `#else` be dead?
    is_other_dead: bool,
    state: S,
}

impl<S: Copy> Branches<S> {
    pub(super) const fn new() -> Self {
        Self { open: Vec::new(), dead: 0 }
    }

    /// Is this read by nobody?
    pub(super) const fn are_dead(&self) -> bool {
        self.dead > 0
    }

    /// Takes `#if`, `#ifdef`, `#ifndef` with what follows.
    pub(super) fn begin(&mut self, directive: &[HeaderToken<'_>], state: S) {
        let (is_dead, is_other_dead) = fates(directive);
        self.dead += usize::from(is_dead);
        self.open.push(ConditionBranch { is_dead, is_other_dead, state });
    }

    /// Takes `#else` and `#elif`: the state to go on with.
    pub(super) fn change(&mut self) -> Option<S> {
        let branch = self.open.last_mut()?;
        self.dead -= usize::from(branch.is_dead);
        branch.is_dead = branch.is_other_dead;
        self.dead += usize::from(branch.is_dead);
        Some(branch.state)
    }

    /// Takes `#endif`.
    pub(super) fn end(&mut self) {
        let ended = self.open.pop();
        self.dead -= usize::from(ended.is_some_and(|branch| branch.is_dead));
    }
}

/// Is the branch dead that a condition begins, and is the other?
fn fates(directive: &[HeaderToken<'_>]) -> (bool, bool) {
    let words: Vec<_> = directive.iter().map(|token| token.text).collect();
    match *words.as_slice() {
        ["if", "0"] | ["ifndef", KERNEL] => (true, false),
        ["if", "1"] | ["ifdef", KERNEL] => (false, true),
        ["ifdef", name] | ["if", "defined", name] | ["if", "defined", "(", name, ")"] => {
            (ASSEMBLY.contains(&name), false)
        }
        ["ifndef", name] | ["if", "!", "defined", name] | ["if", "!", "defined", "(", name, ")"] => {
            (false, ASSEMBLY.contains(&name))
        }
        _ => (false, false),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::{Piece, Pieces};
    use super::*;

    #[test]
    fn only_what_no_compiler_sees_is_dead() {
        let fates = |text| match Pieces::new(text).next() {
            Some(Piece::Directive(tokens)) => fates(&tokens),
            _ => panic!("{text} is a directive"),
        };
        assert_eq!(fates("#if 0 /* not yet */"), (true, false));
        assert_eq!(fates("#ifndef __ASSEMBLY__"), (false, true));
        assert_eq!(fates("#if !defined(__ASSEMBLER__)"), (false, true));
        assert_eq!(fates("# ifdef __ASSEMBLY__"), (true, false));
        assert_eq!(fates("#ifdef __KERNEL__"), (false, true));
        assert_eq!(fates("#ifdef CONFIG_SMP"), (false, false));
    }

    #[test]
    fn ends_without_beginnings_change_nothing() {
        let mut branches = Branches::<()>::new();
        branches.end();
        assert!(branches.change().is_none() && !branches.are_dead());
    }
}
