//! Why the files of a kernel cannot be read.

use std::path::{Path, PathBuf};

use crate::terms::Shown;

/// A file or directory of a kernel could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {kind}", Shown::path(path))]
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
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system returned an error.
    #[error("{}", Shown(.0))]
    Io(std::io::Error),
    /// The file cannot be decompressed.
    #[error("{0}")]
    Decompress(crate::compression::CompressionError),
    /// A line of `Module.symvers` is malformed.
    #[error("line {line}: {what}: {text:?}")]
    SymversLine {
        /// The line number, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
        /// The beginning of the line.
        text: String,
    },
    /// The file is not a kernel image, or a malformed one.
    #[error("{0}")]
    Image(super::vmlinux::ImageError),
    /// The `System.map` does not list exports.
    #[error("{0}")]
    SystemMap(SystemMapFault),
    /// The file holds no certificate, or a malformed one.
    #[error("{0}")]
    Certificate(crate::x509::CertificateError),
    /// The package cannot be read to its end.
    #[error("{0}")]
    Package(super::package::PackageError),
    /// Nothing in the directory or package describes a kernel.
    #[error(
        "nothing here describes a kernel: expected an image (vmlinuz, vmlinux), Module.symvers, config, release, certs.pem, a headers directory or a module tree"
    )]
    NothingFound,
    /// gplok does not read this kind of file.
    #[error("{0} is not a file gplok reads kernels from")]
    UnknownFile(&'static str),
    /// Two sources give different releases.
    #[error("it describes {}, but {} describes {}", Shown(found), Shown::path(other), Shown(known))]
    TwoReleases {
        /// The release in this source.
        found: String,
        /// The release in the earlier source.
        known: String,
        /// The earlier source.
        other: PathBuf,
    },
    /// Two sources are of kernels for different architectures.
    #[error("it is of a kernel for {}, but {} is of one for {}", Shown(found), Shown::path(other), Shown(known))]
    TwoArchitectures {
        /// The architecture in this source.
        found: String,
        /// The architecture in the earlier source.
        known: String,
        /// The earlier source.
        other: PathBuf,
    },
    /// A list of exports without any.
    #[error(
        "it lists no export: modpost writes the list when the whole kernel is built with its modules, make modules_prepare does not"
    )]
    EmptySymvers,
    /// A folder holds the files of several releases.
    #[error("it holds the files of several releases ({}): give those of one, such as -k {}/vmlinuz-{}", Shown(releases.join(", ")), Shown::path(folder), Shown(releases.first().map_or("RELEASE", String::as_str)))]
    SeveralReleases {
        /// The folder.
        folder: PathBuf,
        /// The releases.
        releases: Vec<String>,
    },
    /// The running kernel has no installed files, and shows nothing of itself.
    #[error(
        "it is the running kernel, of which nothing is installed, and which shows neither /proc/config.gz nor /proc/kallsyms nor /sys/kernel/btf/vmlinux: give its files with -k"
    )]
    RunningWithoutFiles,
    /// Type information that cannot be read.
    #[error("its type information (BTF) is malformed")]
    TypeInformation,
    /// No release of that name is installed.
    #[error("no such file or directory, and no release of that name under /lib/modules")]
    NoSuchRelease,
}

/// Why a `System.map` does not give a kernel's exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SystemMapFault {
    /// Debian's stub: one line that says which package holds the real file.
    #[error("a stub: the real System.map is in the package with the kernel's debug information")]
    Stub,
    /// No symbol begins with `__ksymtab_`: the kernel has no modules, or lacks `CONFIG_KALLSYMS_ALL`.
    #[error("it lists no __ksymtab_ symbols, so it does not tell what is exported")]
    NoExports,
}
