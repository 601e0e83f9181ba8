//! Why a package cannot be read to its end.

use std::io;

use crate::terms::Shown;

/// What is wrong with a package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A part cannot be read: it is malformed or cut short, or the operating system returned an error.
    #[error("{}: {}", Shown(part), Shown(source))]
    Part {
        /// The part: a header, an archive, or the path of an entry.
        part: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The path of an entry is empty or leads out of the package.
    #[error("the path {0:?} leads nowhere or out of the package")]
    Path(String),
    /// The contents exceed the limit.
    #[error("it holds more than {0} bytes")]
    TooLarge(u64),
    /// The file is not a package that gplok reads.
    #[error("it is no package that gplok reads: neither .deb nor .rpm nor tar")]
    Unknown,
}

impl PackageError {
    /// Makes an I/O error an error of a part.
    pub(in crate::kernel) fn part(part: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Part { part: part.to_owned(), source }
    }
}
