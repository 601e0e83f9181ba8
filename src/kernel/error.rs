//! What can keep a kernel's files from being read.

use std::path::{Path, PathBuf};

/// A kernel could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {kind}", path.display())]
pub struct Error {
    /// The file or directory.
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

/// What is wrong with a kernel's files.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// The system refuses.
    #[error("{0}")]
    Io(std::io::Error),
    /// Compressed data that cannot be undone.
    #[error("{0}")]
    Decompress(crate::compression::CompressionError),
    /// A line of `Module.symvers` that is none.
    #[error("line {line}: {what}: {text:?}")]
    SymversLine {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
        /// Its beginning.
        text: String,
    },
    /// A kernel image that is none, or broken.
    #[error("{0}")]
    Image(super::vmlinux::ImageError),
    /// A `System.map` that tells nothing.
    #[error("{0}")]
    SystemMap(SystemMapFault),
    /// A file of certificates that holds none, or a broken one.
    #[error("{0}")]
    Certificate(crate::x509::CertificateError),
    /// A package that cannot be read through.
    #[error("{0}")]
    Package(super::package::PackageError),
    /// Nothing in it describes a kernel.
    #[error(
        "nothing here describes a kernel: expected an image (vmlinuz, vmlinux), Module.symvers, config, release, certs.pem, a headers directory or a module tree"
    )]
    NothingFound,
    /// A kind of file that gplok does not read.
    #[error("{0} is not a file gplok reads kernels from")]
    UnknownFile(&'static str),
    /// Two sources name two releases.
    #[error("it describes {found}, but {} describes {known}", other.display())]
    TwoReleases {
        /// The release named here.
        found: String,
        /// The release named before.
        known: String,
        /// By that file.
        other: PathBuf,
    },
    /// An installed release that is not there.
    #[error("no such file or directory, and no release of that name under /lib/modules")]
    NoSuchRelease,
}

/// What makes such a file useless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SystemMapFault {
    /// Debian's: one line that says where the real one is.
    #[error("a stub: the real System.map is in the package with the kernel's debug information")]
    Stub,
    /// Symbols without `__ksymtab_` ones: a kernel without modules, or without `CONFIG_KALLSYMS_ALL`.
    #[error("it lists no __ksymtab_ symbols, so it does not tell what is exported")]
    NoExports,
}
