//! What can keep assembly text from being read.

/// Assembly text could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// No function is marked in it, as compilers mark every one.
    #[error("it is no assembly text: nothing in it is marked as a function")]
    NoFunctions,
    /// Instructions of a machine whose operands are not known here.
    #[error("assembly of this architecture is not read: give the object")]
    Architecture,
    /// A statement whose meaning is not known here.
    #[error("line {line}: {what} is not read: give the object")]
    Unread {
        /// Where it stands.
        line: usize,
        /// What it is.
        what: &'static str,
    },
    /// Something is begun and not ended, or ended and not begun.
    #[error("line {line}: {what}")]
    Unbalanced {
        /// Where it stands.
        line: usize,
        /// What is missing.
        what: &'static str,
    },
}
