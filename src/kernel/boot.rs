//! The image that a kernel boots from. A given image is read at once; an image found beside other files is read on first use.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::vmlinux::KernelImage;
use crate::image::read_counted;
use crate::terms::Budget;

/// A given image, and the path of a found one.
#[derive(Debug, Default)]
pub(super) struct BootImage {
    given: Option<KernelImage>,
    found: Option<PathBuf>,
    read: OnceLock<Option<KernelImage>>,
}

impl BootImage {
    /// The given image.
    pub const fn given(&self) -> Option<&KernelImage> {
        self.given.as_ref()
    }

    /// Records a given image.
    pub fn give(&mut self, image: KernelImage) {
        self.given = Some(image);
    }

    /// The path of the found image.
    pub fn found(&self) -> Option<&Path> {
        self.found.as_deref()
    }

    /// Records the path of a found image; the first one counts.
    pub fn find(&mut self, path: PathBuf) {
        self.found.get_or_insert(path);
    }

    /// The found image, read on first use; `None` if it cannot be read.
    pub fn read(&self, budget: &Budget) -> Option<&KernelImage> {
        let path = self.found.as_ref()?;
        self.read.get_or_init(|| KernelImage::read(path, read_counted(path, budget).ok()?, None).ok()).as_ref()
    }
}
