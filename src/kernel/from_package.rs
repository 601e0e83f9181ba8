//! Reading a kernel from a distribution's package file.

use std::path::Path;

use super::description::Kernel;
use super::error::{Error, ErrorKind};
use super::fact::Fact;
use super::headers::package_root;
use super::installed::{is_boot_image, is_tree_image};
use super::package::{PackageError, PackageStore};
use super::tree::ModuleTree;
use crate::terms::{KernelRelease, ModuleName};

/// The folders of module trees in packages.
const LIBS: [&str; 2] = ["lib/modules/", "usr/lib/modules/"];

/// What a file of a package says of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Release,
    Config,
    Symvers,
    Builtin,
    BuiltinModinfo,
    /// `modules.order`, which the tree reads when it is asked what is not installed.
    Order,
    Module,
    Image,
    SystemMap,
    /// `include/config/kernel.release`, which is read after `utsrelease.h`: Debian's kernels have another release there.
    KernelRelease,
    Header,
}

/// The role of a file by its path; `None` for a file that says nothing of a kernel.
fn role(path: &str) -> Option<Role> {
    let in_tree = LIBS.iter().find_map(|lib| path.strip_prefix(lib)).and_then(|rest| rest.split_once('/'));
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let headers = folder.starts_with("usr/src/") || in_tree.is_some_and(|(_, inside)| inside.starts_with("build/"));
    let plain = [".gz", ".xz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    Some(match in_tree {
        Some((_, inside)) if ModuleName::of_file(Path::new(inside)).is_some() => Role::Module,
        Some((_, inside)) if is_tree_image(inside) => Role::Image,
        Some((_, "modules.builtin")) => Role::Builtin,
        Some((_, "modules.builtin.modinfo")) => Role::BuiltinModinfo,
        Some((_, "modules.order")) => Role::Order,
        Some((_, "config")) => Role::Config,
        Some((_, "System.map")) => Role::SystemMap,
        Some((_, inside)) if inside == name && plain == "symvers" => Role::Symvers,
        _ if folder == "boot" && is_boot_image(name) => Role::Image,
        _ if folder == "boot" && name.starts_with("config-") => Role::Config,
        _ if folder == "boot" && name.starts_with("symvers-") => Role::Symvers,
        _ if folder == "boot" && name.starts_with("System.map-") => Role::SystemMap,
        _ if headers && plain == "Module.symvers" => Role::Symvers,
        _ if headers && (name == ".config" || path.ends_with("/include/config/auto.conf")) => Role::Config,
        _ if headers && name == "utsrelease.h" => Role::Release,
        _ if headers && path.ends_with("/include/config/kernel.release") => Role::KernelRelease,
        _ if package_root(path).is_some() => Role::Header,
        _ => return None,
    })
}

impl Kernel {
    /// Adds the facts in a package.
    pub(super) fn add_package(&mut self, path: &Path) -> Result<(), Error> {
        let store = PackageStore::open(path, &self.budget, |entry| role(entry).is_some())?;
        let before = self.evidence.len();
        let mut files: Vec<_> = store.paths().filter_map(|path| Some((role(path)?, path.to_owned()))).collect();
        files.sort();
        let releases: Vec<_> = files.iter().filter_map(|(_, path)| tree_release(path)).collect();
        if let Some(first) = releases.first() {
            if let Some(other) = releases.iter().find(|release| *release != first) {
                let kind = ErrorKind::TwoReleases {
                    found: other.to_string(),
                    known: first.to_string(),
                    other: path.to_owned(),
                };
                return Err(Error::new(path, kind));
            }
            self.set_release(first.clone(), path)?;
        }
        for (role, inside) in &files {
            let full_path = path.join(inside);
            let known = match role {
                Role::Module | Role::Header | Role::Order => continue,
                Role::Config => self.config.is_some(),
                Role::SystemMap => self.exports.is_some() || self.boot.given().is_some(),
                Role::Image => self.boot.given().is_some(),
                Role::Builtin => self.builtin.is_some(),
                Role::Symvers | Role::Release | Role::KernelRelease | Role::BuiltinModinfo => false,
            };
            if known {
                continue;
            }
            let contents = store.get(inside);
            let contents =
                contents.map_err(|source| Error::new(path, ErrorKind::Package(PackageError::part(inside)(source))))?;
            match role {
                Role::Builtin => self.add_builtin(&String::from_utf8_lossy(&contents), &full_path),
                Role::BuiltinModinfo => self.add_builtin_modinfo(&contents),
                Role::KernelRelease => {
                    self.add_kernel_release(&String::from_utf8_lossy(&contents), &full_path)?;
                }
                Role::SystemMap => self.add_found_map(&full_path, contents)?,
                _ => self.add_contents(&full_path, contents)?,
            }
        }
        let metadata = store.metadata();
        self.packages.push(metadata.to_string());
        if let Some(version) = metadata.version.as_deref().map(KernelRelease::new)
            && self.distribution().is_some()
        {
            self.add_kernel_release(version.as_str(), path)?;
        }
        self.add_package_headers(&store, path);
        self.add_package_modules(store, path);
        if self.evidence.len() == before {
            return Err(Error::new(path, ErrorKind::NothingFound));
        }
        self.note(Fact::Packages, path);
        Ok(())
    }

    /// Adds the modules of a package to the module tree, which may come from several packages.
    fn add_package_modules(&mut self, store: PackageStore, path: &Path) {
        let folder = store.paths().find(|path| ModuleName::of_file(Path::new(path)).is_some()).and_then(tree_of);
        let Some(folder) = folder.map(str::to_owned) else { return };
        self.note(Fact::Modules, path);
        self.tree.get_or_insert_with(|| ModuleTree::within(&self.budget)).add_package(store, &folder);
    }
}

/// The folder of the module tree that a path lies in.
fn tree_of(path: &str) -> Option<&str> {
    let lib = LIBS.iter().find(|lib| path.starts_with(**lib))?;
    let (release, _) = path.get(lib.len()..)?.split_once('/')?;
    path.get(..lib.len() + release.len())
}

/// The release that the folder of the module tree is named after.
fn tree_release(path: &str) -> Option<KernelRelease> {
    let release = tree_of(path)?.rsplit('/').next().map(KernelRelease::new);
    release.filter(|release| release.version().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_every_distribution_have_their_roles() {
        let cases = [
            ("boot/vmlinuz-6.1.0-56-amd64", Some(Role::Image)),
            ("usr/lib/modules/7.3.4+deb13-amd64/vmlinuz", Some(Role::Image)),
            ("lib/modules/6.1.0/kernel/fs/ext4/ext4.ko.xz", Some(Role::Module)),
            ("usr/lib/modules/6.1.0/updates/dkms/zfs.ko", Some(Role::Module)),
            ("lib/modules/6.11.4-300.fc41.x86_64/symvers.gz", Some(Role::Symvers)),
            ("boot/symvers-5.14.0-503.el9.x86_64.gz", Some(Role::Symvers)),
            ("boot/config-6.1.0-56-amd64", Some(Role::Config)),
            ("lib/modules/6.11.4-300.fc41.x86_64/config", Some(Role::Config)),
            ("usr/src/linux-headers-6.1.0-56-amd64/Module.symvers", Some(Role::Symvers)),
            ("usr/src/linux-headers-6.1.0-56-amd64/include/config/auto.conf", Some(Role::Config)),
            ("usr/lib/modules/6.11.5-arch1-1/build/.config", Some(Role::Config)),
            ("boot/System.map-6.1.0-56-amd64", Some(Role::SystemMap)),
            ("lib/modules/6.1.0/modules.builtin", Some(Role::Builtin)),
            ("lib/modules/6.1.0/modules.order", Some(Role::Order)),
            ("usr/src/linux-headers-6.1.0-56-common/include/linux/mm.h", Some(Role::Header)),
            ("usr/src/linux-headers-6.1.0-56-amd64/include/generated/utsrelease.h", Some(Role::Release)),
            ("usr/src/linux-headers-6.1.0-56-amd64/include/config/kernel.release", Some(Role::KernelRelease)),
            ("usr/src/linux-headers-6.1.0-56-common/tools/include/linux/mm.h", None),
            ("lib/modules/6.1.0/modules.dep", None),
            ("usr/share/doc/linux-image/copyright", None),
        ];
        for (path, expected) in cases {
            assert_eq!(role(path), expected, "{path}");
        }
    }

    #[test]
    fn trees_are_found_by_their_folders() {
        assert_eq!(tree_of("usr/lib/modules/6.1.0/kernel/a.ko"), Some("usr/lib/modules/6.1.0"));
        assert_eq!(tree_of("boot/vmlinuz"), None);
        assert_eq!(tree_release("lib/modules/6.1.0-1-amd64/a.ko"), Some(KernelRelease::new("6.1.0-1-amd64")));
    }
}
