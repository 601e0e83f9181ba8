//! What can keep a module file from being read.

use std::path::{Path, PathBuf};

use super::Compression;

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
    /// The compressed data is broken or cut short.
    #[error("broken {compression} data after {produced} bytes of output: {source}")]
    Compressed {
        /// The format.
        compression: Compression,
        /// How many bytes came out before it broke.
        produced: usize,
        /// What the decompressor says.
        source: std::io::Error,
    },
    /// It would fill memory.
    #[error("{compression} data grows beyond {limit} bytes")]
    TooLarge {
        /// The format.
        compression: Compression,
        /// The bound.
        limit: usize,
    },
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

impl ErrorKind {
    /// The same once more; of an error of the system or a decompressor, its kind and words.
    pub(super) fn again(&self) -> Self {
        let io = |error: &std::io::Error| std::io::Error::new(error.kind(), error.to_string());
        match self {
            Self::Io(error) => Self::Io(io(error)),
            Self::Compressed { compression, produced, source } => {
                Self::Compressed { compression: *compression, produced: *produced, source: io(source) }
            }
            Self::TooLarge { compression, limit } => Self::TooLarge { compression: *compression, limit: *limit },
            Self::Changed => Self::Changed,
            Self::NotElf => Self::NotElf,
            Self::AnotherBuild { module, found, wanted } => {
                Self::AnotherBuild { module: module.clone(), found: found.clone(), wanted: wanted.clone() }
            }
        }
    }
}
