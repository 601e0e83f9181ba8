//! The errors of reading a module file.

use std::path::{Path, PathBuf};

use crate::compression::{CompressionError, stream};
use crate::terms::Shown;

/// `INT_MAX`, the size up to which the kernel reads a module (`init_module_from_file()`, kernel/module/main.c).
pub(super) const KERNEL_READS: u64 = 0x7fff_ffff;

/// A module file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {kind}", Shown::path(path))]
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

    /// Returns whether there was not enough memory for the file, which may be for what else was in memory at that time.
    pub(crate) fn is_about_memory(&self) -> bool {
        match &self.kind {
            ErrorKind::Io(error) => stream::is_out_of_memory(error),
            ErrorKind::Compression(CompressionError::Memory { .. }) => true,
            _ => false,
        }
    }
}

/// What is wrong with a module file.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// The operating system reports an error.
    #[error("{}", Shown(.0))]
    Io(std::io::Error),
    /// The compressed data cannot be decompressed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The file is longer than the 2 GiB that the kernel reads of a module. gplok does not read it either.
    #[error("it has {size} bytes, and the kernel reads no module of more than {KERNEL_READS}")]
    TooLong {
        /// Its size in bytes.
        size: u64,
    },
    /// The file has changed since it was opened.
    #[error("it has changed while it was read")]
    Changed,
    /// The file is not an ELF file.
    #[error("it is no ELF file")]
    NotElf,
    /// The file is the debug file of another build of the module.
    #[error(
        "it is not the debug file of {}: its build ID is {}, the module's {}",
        Shown::path(module),
        Shown(found),
        Shown(wanted)
    )]
    AnotherBuild {
        /// The module.
        module: PathBuf,
        /// The build ID of the debug file.
        found: String,
        /// The build ID of the module.
        wanted: String,
    },
}
