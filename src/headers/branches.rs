//! Follows the conditions of the preprocessor, and finds the branches that no C file ever sees.

use super::tokens::HeaderToken;

/// Names that are defined only for assembly.
const ASSEMBLY: [&str; 2] = ["__ASSEMBLY__", "__ASSEMBLER__"];

/// The name that is defined for the kernel, and not for user space programs that include its headers.
const KERNEL: &str = "__KERNEL__";

/// The open conditions, innermost last, each with the state of the reader at its beginning.
pub(super) struct Branches<S> {
    open: Vec<ConditionBranch<S>>,
    dead: usize,
}

struct ConditionBranch<S> {
    is_dead: bool,
    /// Whether the branch after `#else` is dead.
    is_other_dead: bool,
    state: S,
}

impl<S: Copy> Branches<S> {
    pub(super) const fn new() -> Self {
        Self { open: Vec::new(), dead: 0 }
    }

    /// Returns whether the current branch is dead: no C file ever sees it.
    pub(super) const fn are_dead(&self) -> bool {
        self.dead > 0
    }

    /// Handles `#if`, `#ifdef` and `#ifndef` with the rest of the line.
    pub(super) fn begin(&mut self, directive: &[HeaderToken<'_>], state: S) {
        let (is_dead, is_other_dead) = dead_branches(directive);
        self.dead += usize::from(is_dead);
        self.open.push(ConditionBranch { is_dead, is_other_dead, state });
    }

    /// Handles `#else` and `#elif`, and returns the state to continue with.
    pub(super) fn change(&mut self) -> Option<S> {
        let branch = self.open.last_mut()?;
        self.dead -= usize::from(branch.is_dead);
        branch.is_dead = branch.is_other_dead;
        self.dead += usize::from(branch.is_dead);
        Some(branch.state)
    }

    /// Handles `#endif`.
    pub(super) fn end(&mut self) {
        let ended = self.open.pop();
        self.dead -= usize::from(ended.is_some_and(|branch| branch.is_dead));
    }
}

/// Returns whether the branch that a condition begins is dead, and whether the branch after `#else` is.
fn dead_branches(directive: &[HeaderToken<'_>]) -> (bool, bool) {
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
    fn a_branch_is_dead_if_no_compiler_sees_it() {
        let dead = |text| match Pieces::new(text).next() {
            Some(Piece::Directive(tokens)) => dead_branches(&tokens),
            _ => panic!("{text} is a directive"),
        };
        assert_eq!(dead("#if 0 /* not yet */"), (true, false));
        assert_eq!(dead("#ifndef __ASSEMBLY__"), (false, true));
        assert_eq!(dead("#if !defined(__ASSEMBLER__)"), (false, true));
        assert_eq!(dead("# ifdef __ASSEMBLY__"), (true, false));
        assert_eq!(dead("#ifdef __KERNEL__"), (false, true));
        assert_eq!(dead("#ifdef CONFIG_SMP"), (false, false));
    }

    #[test]
    fn an_endif_without_a_condition_changes_nothing() {
        let mut branches = Branches::<()>::new();
        branches.end();
        assert!(branches.change().is_none() && !branches.are_dead());
    }
}
