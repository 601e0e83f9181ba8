//! What can keep a package from being read through.

use std::io;

/// What is wrong with a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A part of it cannot be read: it is broken, cut short, or the system refuses.
    #[error("{part}: {source}")]
    Part {
        /// Which: a header, an archive, or the path of an entry.
        part: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// An entry that would lie elsewhere.
    #[error("the path {0:?} leads nowhere or out of the package")]
    Path(String),
    /// It would fill the disk.
    #[error("it holds more than {0} bytes")]
    TooLarge(u64),
    /// Another kind of file.
    #[error("it is no package that gplok reads: neither .deb nor .rpm nor tar")]
    Unknown,
}

impl PackageError {
    /// Says which part an error is of.
    pub(super) fn part(part: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Part { part: part.to_owned(), source }
    }
}
