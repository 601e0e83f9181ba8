//! What can keep the probe from being compiled.

use std::path::PathBuf;

/// The headers of a kernel could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is nothing to run `make` in.
    #[error("{} is no kernel build tree: it has no Makefile (a headers package or a build tree is needed)", path.display())]
    NotATree {
        /// The directory.
        path: PathBuf,
    },
    /// A source tree that nobody configured.
    #[error("the kernel in {} is not configured: it has no {missing} (run `make olddefconfig modules_prepare` in it)", path.display())]
    NotConfigured {
        /// The directory.
        path: PathBuf,
        /// The file that configuring makes.
        missing: &'static str,
    },
    /// A program that is not installed.
    #[error("{program} is not installed, and kbuild needs it (install {package})")]
    NotInstalled {
        /// Its name.
        program: String,
        /// What to install.
        package: String,
    },
    /// A command that failed.
    #[error("{command} failed:\n{tail}")]
    Failed {
        /// The command, shortened.
        command: String,
        /// The last lines it printed.
        tail: String,
    },
    /// kbuild did not leave the command it compiles with where it always does.
    #[error("kbuild left no command in {}", path.display())]
    NoCommand {
        /// The file.
        path: PathBuf,
    },
    /// No header at all could be compiled.
    #[error("none of the {tried} public headers compiles; the first says: {first}")]
    NoHeaders {
        /// How many were tried.
        tried: usize,
        /// The first error.
        first: String,
    },
    /// The scratch directory or a header.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl ProbeError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}

/// The last lines of an output, which is where commands say what went wrong.
pub(super) fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
}
