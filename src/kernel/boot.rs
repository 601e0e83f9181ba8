//! The image that a kernel boots from, beside its other files: read at once when it is given, and only when needed where it
//! was found.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::merge::image_conflict;
use super::{Error, ErrorKind, Fact, Kernel, KernelImage};

/// An image, or where one is.
#[derive(Debug, Default)]
pub(super) struct Boot {
    given: Option<KernelImage>,
    found: Option<PathBuf>,
    read: OnceLock<Result<KernelImage, Error>>,
}

impl Boot {
    /// The image that was given.
    pub const fn given(&self) -> Option<&KernelImage> {
        self.given.as_ref()
    }

    /// Where one was found.
    pub fn found(&self) -> Option<PathBuf> {
        self.found.clone()
    }
}

/// Reads an image from a file.
fn read(path: &Path) -> Result<KernelImage, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::new(path, ErrorKind::Io(source)))?;
    KernelImage::from_bytes(path, bytes).map_err(|error| Error::new(path, ErrorKind::Image(error)))
}

impl Kernel {
    /// The image it boots from: the one given, or the one that was found with its other files. `None` without one, or when the
    /// one that was found cannot be read or is another release's.
    pub fn boot_image(&self) -> Option<&KernelImage> {
        let is_own = |image: &&KernelImage| self.release.is_none() || image.release() == self.release;
        self.boot.given.as_ref().or_else(|| self.found_image()?.ok().filter(is_own))
    }

    /// The image that was found beside other files, and what keeps it from being read.
    pub fn found_image(&self) -> Option<Result<&KernelImage, &Error>> {
        let path = self.boot.found.as_ref()?;
        Some(self.boot.read.get_or_init(|| read(path)).as_ref())
    }

    /// Takes an image for this kernel's: what it tells counts before other files.
    pub(super) fn add_image(&mut self, image: KernelImage) -> Result<(), Error> {
        let path = image.path().to_owned();
        for release in image.release().into_iter().chain(image.uname()) {
            self.set_release(release, &path)?;
        }
        if self.version.is_none()
            && let Some(version) = image.stable_version().filter(|version| Some(*version) != self.version())
        {
            self.set_version(Some(version), &path);
        }
        self.cmdline = self.cmdline.take().or_else(|| image.cmdline().map(str::to_owned));
        self.note(Fact::Image, &path);
        match &self.boot.given {
            Some(known) => self.conflicts.extend(image_conflict(known, &image)),
            None => self.boot.given = Some(image),
        }
        Ok(())
    }

    /// Remembers an image that was found.
    pub(super) fn find_image(&mut self, path: &Path) {
        self.boot.found.get_or_insert_with(|| path.to_owned());
    }
}
