//! Where the headers of a kernel are: directories, and packages that hold one.

use std::path::{Component, Path, PathBuf};

use super::files::is_header;
use crate::kernel::package::PackageStore;
use crate::kernel::{Fact, Kernel};

/// The largest header read; the kernel's largest, register lists of drivers, are no public headers.
const LARGEST: u64 = 4 << 20;

/// A header that every kernel has and that is none of those for programs.
const MARK: &str = "include/linux/init.h";

/// The top of a tree with headers.
#[derive(Clone, Debug)]
pub(in crate::kernel) enum HeaderRoot {
    /// A directory.
    Folder(PathBuf),
    /// A folder of a package.
    Package(PackageStore, String),
}

impl HeaderRoot {
    /// The bytes of a header; `None` where it is not there or too large.
    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let metadata = path.metadata().ok()?;
                let is_read = metadata.is_file() && metadata.len() <= LARGEST;
                std::fs::read(path).ok().filter(|_| is_read)
            }
            Self::Package(store, folder) => {
                let path = format!("{folder}/{name}");
                store.size(&path).filter(|size| *size <= LARGEST)?;
                store.get(&path).ok()
            }
        }
    }

    /// Are the headers that drivers include here, and not only some that a build has made?
    fn is_public(&self) -> bool {
        match self {
            Self::Folder(folder) => folder.join(MARK).is_file(),
            Self::Package(store, folder) => store.size(&format!("{folder}/{MARK}")).is_some(),
        }
    }
}

impl Kernel {
    /// Are the kernel's public headers at hand?
    pub fn has_headers(&self) -> bool {
        self.headers.iter().any(HeaderRoot::is_public)
    }

    /// The text of a header, named relative to the kernel's tree; `None` where it is not at hand.
    pub fn header(&self, name: &str) -> Option<String> {
        let below = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let bytes = self.headers.iter().filter(|_| below).find_map(|root| root.read(name));
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Remembers a directory that holds headers, and the source tree that its Makefile includes or that it links to.
    pub(in crate::kernel) fn add_headers(&mut self, folder: &Path) {
        if !folder.join("include").is_dir() {
            return;
        }
        // A build directory apart from its source: "include /usr/src/linux-headers-X-common/Makefile".
        let makefile = std::fs::read_to_string(folder.join("Makefile")).unwrap_or_default();
        let included =
            makefile.lines().filter_map(|line| line.strip_prefix("include ")?.trim().strip_suffix("/Makefile"));
        let linked = std::iter::once("source").chain(included).map(|source| folder.join(source));
        self.add_header_root(HeaderRoot::Folder(folder.to_owned()), folder);
        for source in linked.filter(|source| source.join("include").is_dir()) {
            let root = HeaderRoot::Folder(source.clone());
            self.add_header_root(root, &source);
        }
    }

    /// Remembers the folders of a package that hold headers.
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
        let is_known = |known: &HeaderRoot| match (known, &root) {
            (HeaderRoot::Folder(known), HeaderRoot::Folder(root)) => known == root,
            _ => false,
        };
        if self.headers.iter().any(is_known) {
            return;
        }
        if root.is_public() {
            self.note(Fact::Headers, source);
        }
        self.headers.push(root);
    }
}

/// The folder of a package that has headers below it, one of which is at this path; `None` for what is no header, or stands
/// elsewhere.
pub(in crate::kernel) fn package_root(path: &str) -> Option<&str> {
    if !path.ends_with(".h") {
        return None;
    }
    let source = path.strip_prefix("usr/src/");
    // The number of folders down to the top of the tree.
    let depth = match source.and_then(|rest| rest.split('/').next()) {
        Some("kernels") => 4,
        // SUSE's, built apart: usr/src/linux-6.4.0-150600.21-obj/x86_64/default.
        Some(name) if name.ends_with("-obj") => 5,
        Some(_) => 3,
        None if path.starts_with("lib/modules/") => 4,
        None if path.starts_with("usr/lib/modules/") => 5,
        None => return None,
    };
    let (end, _) = path.match_indices('/').nth(depth - 1)?;
    let (root, inside) = path.split_at_checked(end)?;
    let is_tree = source.is_some() || root.ends_with("/build");
    (is_tree && is_header(inside.strip_prefix('/')?)).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_known_in_the_packages_of_every_distribution() {
        for (path, root) in [
            ("usr/src/linux-headers-6.1.0-56-common/include/linux/mm.h", Some("usr/src/linux-headers-6.1.0-56-common")),
            ("usr/src/linux-headers-6.1.0/arch/x86/include/asm/io.h", Some("usr/src/linux-headers-6.1.0")),
            (
                "usr/src/kernels/6.11.4-300.fc41.x86_64/include/linux/mm.h",
                Some("usr/src/kernels/6.11.4-300.fc41.x86_64"),
            ),
            ("usr/lib/modules/6.11.5-arch1-1/build/include/linux/mm.h", Some("usr/lib/modules/6.11.5-arch1-1/build")),
            ("lib/modules/6.1.0/build/include/linux/mm.h", Some("lib/modules/6.1.0/build")),
            (
                "usr/src/linux-6.4.0-obj/x86_64/default/include/generated/a.h",
                Some("usr/src/linux-6.4.0-obj/x86_64/default"),
            ),
            ("usr/lib/modules/6.1.0/vdso/include/a.h", None),
            ("usr/src/linux-headers-6.1.0/tools/include/linux/mm.h", None),
            ("usr/src/linux-headers-6.1.0/scripts/include/list.h", None),
            ("usr/src/linux-headers-6.1.0/include/config/a.h", None),
            ("usr/src/linux-headers-6.1.0/include/linux/Kbuild", None),
            ("usr/include/linux/init.h", None),
        ] {
            assert_eq!(package_root(path), root, "{path}");
        }
    }
    /// Debian's packages of what all its flavours share have nothing else.
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
