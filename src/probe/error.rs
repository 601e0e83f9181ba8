//! Errors when compiling the headers of a kernel.

use std::path::PathBuf;

use crate::terms::Shown;

/// The headers of a kernel could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The directory has no Makefile.
    #[error(
        "{} is no kernel build tree: it has no Makefile (a headers package or a build tree is needed)",
        Shown::path(path)
    )]
    NotATree {
        /// The directory.
        path: PathBuf,
    },
    /// The source tree is not configured.
    #[error(
        "the kernel in {} is not configured: it has no {missing} (run `make olddefconfig modules_prepare` in it)",
        Shown::path(path)
    )]
    NotConfigured {
        /// The directory.
        path: PathBuf,
        /// The missing file, which the configuration creates.
        missing: &'static str,
    },
    /// Somebody else may write what the build would run.
    #[error(
        "{} {}, and the build would run what somebody else wrote there as you (--trust-writable does so all the same)",
        Shown::path(path),
        Shown(why)
    )]
    Writable {
        /// The file or directory.
        path: PathBuf,
        /// Who may write to it.
        why: String,
    },
    /// A program is not installed.
    #[error("{} is not installed, and kbuild needs it (install {})", Shown(program), Shown(package))]
    NotInstalled {
        /// The name of the program.
        program: String,
        /// The package to install.
        package: String,
    },
    /// A command failed.
    #[error("{} failed: {}", Shown(command), Shown(tail.replace('\n', " | ")))]
    Failed {
        /// The command, shortened.
        command: String,
        /// The last lines it printed.
        tail: String,
    },
    /// kbuild did not write the command that it compiles with to its usual place.
    #[error("kbuild left no command in {}", Shown::path(path))]
    NoCommand {
        /// The file.
        path: PathBuf,
    },
    /// No header could be compiled.
    #[error("none of the {tried} public headers compiles; the first says: {}", Shown(first.replace('\n', " | ")))]
    NoHeaders {
        /// The number of headers that were tried.
        tried: usize,
        /// The first error.
        first: String,
    },
    /// The scratch directory or a header cannot be read or written.
    #[error("cannot use {}: {}", Shown::path(path), Shown(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

impl ProbeError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}

/// The last lines of an output, where commands report what went wrong.
pub(super) fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
}
