//! The image that a kernel boots from, beside its other files: read at once when it is given, and only when needed where it
//! was found.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Error, Fact, Kernel, KernelImage};

/// An image, or where one is.
#[derive(Debug, Default)]
pub(super) struct Boot {
    given: Option<KernelImage>,
    found: Option<PathBuf>,
    read: OnceLock<Option<KernelImage>>,
}

impl Boot {
    /// The image that was given.
    pub const fn given(&self) -> Option<&KernelImage> {
        self.given.as_ref()
    }

    /// Gives one.
    pub fn give(&mut self, image: KernelImage) {
        self.given = Some(image);
    }

    /// Where one was found.
    pub fn found(&self) -> Option<&Path> {
        self.found.as_deref()
    }

    /// Remembers where one was found.
    pub fn find(&mut self, path: PathBuf) {
        self.found.get_or_insert(path);
    }

    /// The image that was found; `None` when it cannot be read.
    fn read(&self) -> Option<&KernelImage> {
        let path = self.found.as_ref()?;
        self.read.get_or_init(|| KernelImage::from_bytes(path, std::fs::read(path).ok()?).ok()).as_ref()
    }
}

impl Kernel {
    /// The image it boots from: the one given, or the one that was found with its other files. `None` without one, or when the
    /// one that was found cannot be read or is another release's.
    pub fn boot_image(&self) -> Option<&KernelImage> {
        let is_own = |image: &&KernelImage| self.release.is_none() || image.release() == self.release;
        self.boot.given().or_else(|| self.boot.read().filter(is_own))
    }

    /// Adds what an image tells that was given.
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
        self.set_image(image);
        Ok(())
    }
}
