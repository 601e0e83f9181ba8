//! Adding folders with headers to a kernel, and reading one header.

use std::path::{Component, Path, PathBuf};

use super::root::{HeaderRoot, package_root};
use crate::image::{in_root, is_dir, read_regular_text, real_path};
use crate::kernel::description::Kernel;
use crate::kernel::fact::Fact;
use crate::kernel::package::PackageStore;

impl Kernel {
    /// Returns whether the kernel's public headers were given.
    pub fn has_headers(&self) -> bool {
        self.headers.iter().any(HeaderRoot::is_public)
    }

    /// The text of a header by its path in the kernel's source tree, read on each call; `None` if it was not given or cannot be
    /// read.
    pub fn header(&self, name: &str) -> Option<String> {
        let below = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let bytes = self.headers.iter().filter(|_| below).find_map(|root| root.read(name));
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Adds a directory with headers, and the source tree that its Makefile includes or that its link `source` points to.
    pub(in crate::kernel) fn add_headers(&mut self, folder: &Path) {
        if !is_dir(&folder.join("include")) {
            return;
        }
        // A build directory apart from its source has a Makefile with "include /usr/src/linux-headers-X-common/Makefile".
        let makefile = read_regular_text(&folder.join("Makefile")).unwrap_or_default();
        let included =
            makefile.lines().filter_map(|line| line.strip_prefix("include ")?.trim().strip_suffix("/Makefile"));
        let included = included.filter_map(|included| included_folder(folder, included));
        self.add_header_root(HeaderRoot::Folder(folder.to_owned()), folder);
        let linked = std::iter::once(folder.join("source")).chain(included);
        for source in linked.filter(|source| is_dir(&source.join("include"))) {
            let root = HeaderRoot::Folder(source.clone());
            self.add_header_root(root, &source);
        }
    }

    /// Adds the folders of a package that hold headers.
    pub(in crate::kernel) fn add_package_headers(&mut self, store: &PackageStore, path: &Path) {
        let mut folders: Vec<_> = store.paths().filter_map(package_root).collect();
        folders.dedup();
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            self.add_header_root(HeaderRoot::Package(store.clone(), folder.to_owned()), path);
        }
    }

    fn add_header_root(&mut self, root: HeaderRoot, source: &Path) {
        let is_known = self.headers.iter().any(|known| match (known, &root) {
            (HeaderRoot::Folder(known), HeaderRoot::Folder(root)) => known == root,
            _ => false,
        });
        if is_known {
            return;
        }
        if root.is_public() {
            self.note(Fact::Headers, source);
        }
        self.headers.push(root);
    }
}

/// The folders that distributions install headers in.
const INSTALLED: [&str; 3] = ["/usr/src", "/usr/lib/modules", "/lib/modules"];

/// The folder that the Makefile of another one includes, if it lies within that one, beside it, or where headers are installed: what
/// is written in a file leads nowhere else.
fn included_folder(folder: &Path, included: &str) -> Option<PathBuf> {
    let from = real_path(folder).ok()?;
    let path = match included.strip_prefix('/') {
        Some(_) => in_root(included),
        None => folder.join(included),
    };
    let path = real_path(&path).ok()?;
    let beside = from.parent().filter(|above| above.parent().is_some()).unwrap_or(&from);
    let is_installed = || INSTALLED.iter().any(|top| real_path(&in_root(top)).is_ok_and(|top| path.starts_with(top)));
    (path.starts_with(beside) || is_installed()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::super::root::MARK;
    use super::*;

    /// Debian's package of headers that all flavours share has nothing else.
    #[test]
    fn a_package_of_headers_alone_describes_a_kernel() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("headers.tar");
        let mut package = tar::Builder::new(std::fs::File::create(&path).expect("it can be made"));
        for (name, text) in [(MARK, "int f(void);\n"), ("include/linux/a.h", "#define g f()\n")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len().try_into().expect("it is short"));
            let name = format!("usr/src/linux-headers-6.1.0-1-common/{name}");
            package.append_data(&mut header, name, text.as_bytes()).expect("it can be written");
        }
        package.finish().expect("it can be written");
        let kernel = Kernel::open(&[&path]).expect("it is a kernel's");
        assert!(kernel.has_headers() && kernel.header_files() == 2);
        assert_eq!(kernel.sources(Fact::Headers), [path]);
        assert_eq!(kernel.header("include/linux/a.h").as_deref(), Some("#define g f()\n"));
        let mentions = kernel.mentions(&["f"].into()).expect("they are at hand");
        assert!(mentions.of("f").is_some_and(|mention| mention.declared.len() + mention.used_by.len() == 2));
    }
}
