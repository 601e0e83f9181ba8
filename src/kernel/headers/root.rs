//! The folders that hold a kernel's headers: directories, and folders of packages.

use std::path::PathBuf;

use crate::image::{is_file, metadata, read_regular};
use crate::kernel::package::PackageStore;

/// The largest header that is read: 4 MiB. The largest headers of the kernel, register lists of drivers, are not public.
const LARGEST: u64 = 4 << 20;

/// A header that every kernel has and that is not exported to user space: it marks public headers.
pub(super) const MARK: &str = "include/linux/init.h";

/// The top folder of a source tree with headers.
#[derive(Clone, Debug)]
pub(in crate::kernel) enum HeaderRoot {
    /// A directory.
    Folder(PathBuf),
    /// A folder of a package.
    Package(PackageStore, String),
}

impl HeaderRoot {
    /// The bytes of a header; `None` if it is missing or larger than [`LARGEST`].
    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                metadata(&path).ok().filter(|metadata| metadata.len() <= LARGEST)?;
                read_regular(&path).ok()
            }
            Self::Package(store, folder) => {
                let path = format!("{folder}/{name}");
                store.size(&path).filter(|size| *size <= LARGEST)?;
                Some(store.get(&path).ok()?.into_parts().0)
            }
        }
    }

    /// Returns whether the headers that drivers include are here, and not only headers that a build has generated.
    pub(super) fn is_public(&self) -> bool {
        match self {
            Self::Folder(folder) => is_file(&folder.join(MARK)),
            Self::Package(store, folder) => store.size(&format!("{folder}/{MARK}")).is_some(),
        }
    }
}

/// The folder of a package that is the top of the source tree which the header at this path belongs to; `None` for a path that
/// is no header or lies elsewhere.
pub(in crate::kernel) fn package_root(path: &str) -> Option<&str> {
    if !path.ends_with(".h") {
        return None;
    }
    let source = path.strip_prefix("usr/src/");
    // The number of path components down to the top of the tree.
    let depth = match source.and_then(|rest| rest.split('/').next()) {
        Some("kernels") => 4,
        // SUSE builds apart from the source: usr/src/linux-6.4.0-150600.21-obj/x86_64/default.
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

/// Returns whether a path, relative to the top of a source tree, is that of a header below an `include` folder,
/// `include/config` excepted.
pub(super) fn is_header(name: &str) -> bool {
    let below = name.strip_prefix("include/").or_else(|| {
        let (_, rest) = name.strip_prefix("arch/")?.split_once('/')?;
        rest.strip_prefix("include/")
    });
    name.ends_with(".h") && below.is_some_and(|below| !below.starts_with("config/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_folders_are_found_in_the_packages_of_every_distribution() {
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
}
