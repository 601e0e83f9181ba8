//! Opens the kernel that a user describes by paths, a release and certificates; without any path, the running kernel.

use std::path::{Path, PathBuf};

use super::{Error, ErrorKind, Kernel};
use crate::terms::KernelRelease;

/// The file in which the running kernel gives its release.
const OSRELEASE: &str = "/proc/sys/kernel/osrelease";

/// A description of one kernel, as a user gives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelRequest<'a> {
    /// The paths that [`Kernel::open`] reads, in order. If there are none, the files of the running kernel's release.
    pub paths: &'a [PathBuf],
    /// The release string, which replaces what the files say.
    pub release: Option<&'a str>,
    /// Files with further certificates that the kernel trusts, PEM or DER.
    pub certificates: &'a [PathBuf],
}

/// A requested kernel cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelRequestError {
    /// The request has no path, and the release of the running kernel cannot be read.
    #[error("no -k KERNEL was given, and the running kernel is unknown: {OSRELEASE}: {0}")]
    RunningUnknown(std::io::Error),
    /// A file that describes the kernel cannot be read.
    #[error(transparent)]
    Kernel(#[from] Error),
}

impl<'a> KernelRequest<'a> {
    /// A request for the kernel that these paths describe, with nothing added.
    pub fn of_paths(paths: &'a [PathBuf]) -> Self {
        Self { paths, ..Self::default() }
    }

    /// Reads everything that the request names.
    ///
    /// # Errors
    /// As [`Kernel::open`]; when a file of certificates cannot be read; when no path is given and the running kernel's release
    /// is unknown.
    pub fn open(&self) -> Result<Kernel, KernelRequestError> {
        let mut kernel = match self.paths {
            [] => Kernel::open(&[running_release()?])?,
            paths => Kernel::open(paths)?,
        };
        if let Some(release) = self.release {
            kernel = kernel.with_release(KernelRelease::new(release));
        }
        for path in self.certificates {
            let bytes = std::fs::read(path).map_err(|error| Error::new(path, ErrorKind::Io(error)))?;
            kernel.add_certificates(path, &bytes)?;
        }
        Ok(kernel)
    }

    /// Opens two kernels side by side. If neither can be opened, the error is about this one.
    ///
    /// # Errors
    /// As [`KernelRequest::open`].
    pub fn open_with(&self, other: &Self) -> Result<(Kernel, Kernel), KernelRequestError> {
        let (this, other) = rayon::join(|| self.open(), || other.open());
        Ok((this?, other?))
    }
}

/// The release of the running kernel, which [`Kernel::open`] takes as the name of an installed release.
fn running_release() -> Result<PathBuf, KernelRequestError> {
    let release = std::fs::read_to_string(OSRELEASE).map_err(KernelRequestError::RunningUnknown)?;
    Ok(Path::new(release.trim()).to_owned())
}
