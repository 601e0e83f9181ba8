//! Opens the kernel that a user describes by paths, a release and certificates; without any path, the running kernel.

use std::path::{Path, PathBuf};

use super::installed::installed_releases;
use super::{Error, ErrorKind, Kernel};
use crate::image::{read_regular, read_regular_text, root};
use crate::terms::{Budget, KernelRelease, Shown, parallel};

/// The file in which the running kernel gives its release.
const OSRELEASE: &str = "proc/sys/kernel/osrelease";

/// A description of one kernel, as a user gives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelRequest<'a> {
    /// The paths that [`Kernel::open`] reads, in order. If there are none, the files of the running kernel's release, or the only
    /// kernel that is installed below the root that was set.
    pub paths: &'a [PathBuf],
    /// The release string, which replaces what the files say.
    pub release: Option<&'a str>,
    /// Files with further certificates that the kernel trusts, PEM or DER.
    pub certificates: &'a [PathBuf],
    /// The budget for the files that are read for the kernel; `None` for one of its own.
    pub budget: Option<&'a Budget>,
}

/// A requested kernel cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelRequestError {
    /// The request has no path, and the release of the running kernel cannot be read.
    #[error("no -k KERNEL was given, and the running kernel is unknown: /{OSRELEASE}: {}", Shown(.0))]
    RunningUnknown(std::io::Error),
    /// The request has no path, and the system below the root has several kernels or none.
    #[error("no -k KERNEL was given, and {} has {}", Shown::path(root), Shown(several(releases)))]
    InRoot {
        /// The root.
        root: PathBuf,
        /// The releases whose modules are installed there.
        releases: Vec<String>,
    },
    /// A file that describes the kernel cannot be read.
    #[error(transparent)]
    Kernel(#[from] Error),
}

impl<'a> KernelRequest<'a> {
    /// A request for the kernel that these paths describe, with nothing added.
    pub fn of_paths(paths: &'a [PathBuf]) -> Self {
        Self { paths, ..Self::default() }
    }

    /// Counts the files that are read for the kernel in a budget that is shared with others.
    #[must_use]
    pub const fn within(self, budget: &'a Budget) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// Reads everything that the request names.
    ///
    /// # Errors
    /// As [`Kernel::open`]; when a file of certificates cannot be read; when no path is given and the running kernel's release
    /// is unknown.
    pub fn open(&self) -> Result<Kernel, KernelRequestError> {
        let budget = self.budget.cloned().unwrap_or_default();
        let mut kernel = match self.paths {
            [] => match root() {
                Some(root) => Kernel::open_within(&[only_installed(root)?], &budget)?,
                None => RunningKernel::of_this_machine().open(&budget)?,
            },
            paths => Kernel::open_within(paths, &budget)?,
        };
        if let Some(release) = self.release {
            kernel = kernel.with_release(KernelRelease::new(release));
        }
        for path in self.certificates {
            let bytes = read_regular(path).map_err(|error| Error::new(path, ErrorKind::Io(error)))?;
            kernel.add_certificates(path, &bytes)?;
        }
        Ok(kernel)
    }

    /// Opens two kernels side by side. If neither can be opened, the error is about this one.
    ///
    /// # Errors
    /// As [`KernelRequest::open`].
    pub fn open_with(&self, other: &Self) -> Result<(Kernel, Kernel), KernelRequestError> {
        let (this, other) = parallel::join(|| self.open(), || other.open());
        Ok((this?, other?))
    }
}

fn several(releases: &[String]) -> String {
    match releases {
        [] => "no kernel in lib/modules".to_owned(),
        releases => format!("several kernels in lib/modules: {}", releases.join(", ")),
    }
}

/// The release of the only kernel that is installed below a root. Which one runs there is not known.
fn only_installed(root: &Path) -> Result<PathBuf, KernelRequestError> {
    let releases = installed_releases();
    match releases.as_slice() {
        [release] => Ok(PathBuf::from(release)),
        _ => Err(KernelRequestError::InRoot { root: root.to_owned(), releases }),
    }
}

/// The files that a running kernel shows of itself.
const SHOWN: [&str; 3] = ["proc/config.gz", "proc/kallsyms", "sys/kernel/btf/vmlinux"];

/// The running kernel of the machine whose file system begins at `root`.
struct RunningKernel {
    root: PathBuf,
}

impl RunningKernel {
    fn of_this_machine() -> Self {
        Self { root: PathBuf::from("/") }
    }

    /// Reads the files that are installed for its release. If there are none, as in a container or a small virtual machine, it
    /// reads what the kernel shows of itself.
    fn open(&self, budget: &Budget) -> Result<Kernel, KernelRequestError> {
        let release = self.release()?;
        match Kernel::open_within(&[&release], budget) {
            Err(Error { kind: ErrorKind::NoSuchRelease, .. }) => self.open_shown(&release, budget),
            kernel => Ok(kernel?),
        }
    }

    fn open_shown(&self, release: &Path, budget: &Budget) -> Result<Kernel, KernelRequestError> {
        let name = release.to_string_lossy();
        let mut kernel = Kernel::within(budget).with_release(KernelRelease::new(release.to_string_lossy()));
        let mut read = Vec::new();
        for file in SHOWN.iter().map(|file| self.root.join(file)).filter(|file| file.exists()) {
            // A file that cannot be read tells nothing: /proc/kallsyms of a kernel without modules lists no exports.
            if kernel.add(&file).is_ok() {
                read.push(file.to_string_lossy().into_owned());
            }
        }
        if read.is_empty() {
            let path = self.root.join("lib/modules").join(release);
            return Err(Error::new(&path, ErrorKind::RunningWithoutFiles).into());
        }
        let files = read.join(", ");
        kernel.inferred.push(format!(
            "the kernel is the running one, {name}: nothing is installed for it, so it is known only from {files}"
        ));
        Ok(kernel)
    }

    /// Its release, which [`Kernel::open`] takes as the name of an installed release.
    fn release(&self) -> Result<PathBuf, KernelRequestError> {
        let file = self.root.join(OSRELEASE);
        let release = read_regular_text(&file).map_err(KernelRequestError::RunningUnknown)?;
        Ok(Path::new(release.trim()).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ConfigOption;

    // A machine without /lib/modules: the kernel tells its configuration, and is said to be the running one.
    #[test]
    fn a_running_kernel_without_files_tells_of_itself() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, bytes).expect("written");
        };
        write(OSRELEASE, b"6.18.44-none\n");
        let running = RunningKernel { root: root.path().to_owned() };
        let error = running.open(&Budget::default()).expect_err("nothing tells of it").to_string();
        assert!(error.contains("running kernel") && error.contains("6.18.44-none"), "{error}");
        write(
            "proc/config.gz",
            b"# Linux/x86 6.18.44 Kernel Configuration\nCONFIG_X86_64=y\n# CONFIG_MODULES is not set\n",
        );
        let kernel = running.open(&Budget::default()).expect("its configuration");
        assert_eq!(kernel.release().map(KernelRelease::as_str), Some("6.18.44-none"));
        assert!(kernel.config().is_some_and(|config| !config.is_set(ConfigOption("MODULES"))));
        assert!(kernel.inferred.iter().any(|fact| fact.contains("running one")), "{:?}", kernel.inferred);
    }
}
