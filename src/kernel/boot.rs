//! The image that a kernel boots from, beside its other files: read at once when it is given, and only when needed where it
//! was found.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::vmlinux::KernelImage;

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
    pub fn read(&self) -> Option<&KernelImage> {
        let path = self.found.as_ref()?;
        self.read.get_or_init(|| KernelImage::from_bytes(path, std::fs::read(path).ok()?).ok()).as_ref()
    }
}
