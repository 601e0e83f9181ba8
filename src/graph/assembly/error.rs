//! Errors in assembly text.

/// Why assembly text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// Nothing in it is marked as a function, although compilers mark every function.
    #[error("it is no assembly text: nothing in it is marked as a function")]
    NoFunctions,
    /// It is for an architecture whose operands are unknown.
    #[error("assembly of this architecture is not read: give the object")]
    Architecture,
    /// A statement that cannot be interpreted.
    #[error("line {line}: {what} is not read: give the object")]
    Unread {
        /// The line of the statement.
        line: usize,
        /// What the statement is.
        what: &'static str,
    },
    /// Something has a beginning without an end, or an end without a beginning.
    #[error("line {line}: {what}")]
    Unbalanced {
        /// The line of the statement.
        line: usize,
        /// What is missing.
        what: &'static str,
    },
}
