//! What can keep a module file from being read.

use std::path::{Path, PathBuf};

use crate::compression::CompressionError;

/// A module file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {kind}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    #[source]
    pub kind: ErrorKind,
}

impl Error {
    pub(crate) fn new(path: &Path, kind: ErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
    }
}

/// What is wrong with a module file.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// The system refuses.
    #[error("{0}")]
    Io(std::io::Error),
    /// The compressed data cannot be decompressed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// It is no longer what it was when it was opened.
    #[error("it has changed while it was read")]
    Changed,
    /// Not an ELF file.
    #[error("it is no ELF file")]
    NotElf,
    /// The debug file of another build.
    #[error("it is not the debug file of {}: its build ID is {found}, the module's {wanted}", module.display())]
    AnotherBuild {
        /// The module.
        module: PathBuf,
        /// The build ID of the debug file.
        found: String,
        /// That of the module.
        wanted: String,
    },
}
