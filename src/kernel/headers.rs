//! The headers of a kernel, where its headers package or source tree is at hand.

use std::path::{Component, Path, PathBuf};

use super::Kernel;

/// The largest header read; the kernel's largest, register lists of drivers, are no public headers.
const LARGEST: u64 = 4 << 20;

impl Kernel {
    /// The text of a header, named relative to the kernel's tree; `None` where it is not at hand.
    pub fn header(&self, name: &str) -> Option<String> {
        let below = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let files = self.headers.iter().filter(|_| below).map(|root| root.join(name));
        let small =
            |path: &PathBuf| path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST);
        files
            .filter(small)
            .find_map(|path| std::fs::read(path).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Remembers a directory that holds headers, and the source tree that its Makefile includes or that it links to.
    pub(super) fn add_headers(&mut self, folder: &Path) {
        if !folder.join("include").is_dir() {
            return;
        }
        self.headers.push(folder.to_owned());
        let linked = folder.join("source");
        if linked.join("include").is_dir() {
            self.headers.push(linked);
        }
        // A build directory apart from its source: "include /usr/src/linux-headers-X-common/Makefile".
        let makefile = std::fs::read_to_string(folder.join("Makefile")).unwrap_or_default();
        let included =
            makefile.lines().filter_map(|line| line.strip_prefix("include ")?.trim().strip_suffix("/Makefile"));
        self.headers
            .extend(included.map(|source| folder.join(source)).filter(|source| source.join("include").is_dir()));
    }
}
