//! The files of a release that is installed on this machine or in an unpacked package.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::compression::Compression;
use crate::image::{in_root, is_dir, is_file, open_regular, read_dir};
use crate::terms::{KernelRelease, Loader};

/// The names of installed images, before `-RELEASE`.
const IMAGES: [&str; 5] = ["vmlinuz", "vmlinux", "Image", "kernel", "vmlinuz.efi"];

/// Returns whether a file name is that of an image in `/boot`.
pub(super) fn is_boot_image(name: &str) -> bool {
    IMAGES.iter().any(|image| name.strip_prefix(image).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

/// Returns whether a file name is that of an image in a module tree.
pub(super) fn is_tree_image(name: &str) -> bool {
    IMAGES.contains(&name)
}

/// Returns whether a path is the name of a release.
pub(super) fn is_release_like(path: &Path) -> bool {
    path.to_str().is_some_and(|text| !text.contains('/') && KernelRelease::new(text).version().is_some())
}

/// The module tree of a release that is installed on this machine, or below the root that was set.
pub(super) fn installed(release: &Path) -> Option<PathBuf> {
    if !is_release_like(release) {
        return None;
    }
    TREES.iter().map(|root| in_root(root).join(release)).find(|tree| is_dir(tree))
}

/// The folders that hold the module trees of a system.
const TREES: [&str; 2] = ["/lib/modules", "/usr/lib/modules"];

/// The releases whose module trees are installed, in order of name.
pub(super) fn installed_releases() -> Vec<String> {
    let folders = TREES.iter().filter_map(|folder| read_dir(&in_root(folder)).ok());
    let names = folders.flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let releases: BTreeSet<String> = names.filter(|name| installed(Path::new(name)).is_some()).collect();
    releases.into_iter().collect()
}

/// The roots of the file system that a module tree may lie in: `/`, or the folder that a package was unpacked into.
fn roots(tree: &Path) -> Vec<PathBuf> {
    let Some(root) =
        tree.parent().filter(|parent| parent.ends_with("lib/modules")).and_then(|lib| lib.ancestors().nth(2))
    else {
        return Vec::new();
    };
    let usr = root.parent().filter(|_| root.ends_with("usr"));
    std::iter::once(root).chain(usr).map(Path::to_owned).collect()
}

/// `boot/NAME-RELEASE` in the file system of a tree.
fn in_boot(tree: &Path, name: &str) -> Option<PathBuf> {
    let release = tree.file_name()?.to_str()?;
    let places = roots(tree).into_iter().map(|root| root.join(format!("boot/{name}-{release}")));
    places.into_iter().find(|file| is_file(file))
}

/// The configuration in `/boot` of a tree's release.
pub(super) fn boot_config(tree: &Path) -> Option<PathBuf> {
    in_boot(tree, "config")
}

/// The `System.map` of a tree's release, in `/boot` or in the tree.
pub(super) fn system_map(tree: &Path) -> Option<PathBuf> {
    in_boot(tree, "System.map").or_else(|| Some(tree.join("System.map")).filter(|file| is_file(file)))
}

/// The image of a tree's release: in the tree (Arch, Fedora, Debian since 7.3) or in `/boot`.
pub(super) fn boot_image(tree: &Path) -> Option<PathBuf> {
    let inside = IMAGES.iter().map(|name| tree.join(name)).find(|file| is_file(file));
    inside.or_else(|| IMAGES.iter().find_map(|name| in_boot(tree, name)))
}

/// The files in a folder like `/boot` that are named after a release, each with the release, in order of release and name.
pub(super) fn boot_files(folder: &Path) -> Vec<(String, PathBuf)> {
    let of_release = |path: PathBuf| {
        let name = path.file_name()?.to_str()?;
        let kinds = ["config", "symvers", "System.map"].into_iter().chain(IMAGES);
        let release = kinds.filter_map(|kind| name.strip_prefix(kind)?.strip_prefix('-')).next()?;
        let release = [".gz", ".xz", ".zst"].iter().find_map(|end| release.strip_suffix(end)).unwrap_or(release);
        KernelRelease::new(release).version()?;
        Some((release.to_owned(), path.clone())).filter(|_| is_file(&path))
    };
    let entries = read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.filter_map(|entry| of_release(folder.join(entry.file_name()))).collect();
    files.sort();
    files
}

/// How much of a program is read, in bytes. kmod has 200,000.
const MAX_PROGRAM: u64 = 16 << 20;

/// The program in the file system of a tree that loads modules.
#[derive(Debug)]
pub(super) struct InstalledLoader {
    pub loader: Loader,
    /// Whether it reads a kind of compression, as far as it says so.
    pub reads: BTreeMap<Compression, bool>,
    pub path: PathBuf,
}

/// The kmod in the file system of a tree. `kmod --version` prints its version and what it was built with. One that asks which kind of
/// compression the kernel reads hands such files over.
pub(super) fn installed_loader(tree: &Path) -> Option<InstalledLoader> {
    let places = roots(tree).into_iter().flat_map(|root| ["usr/bin/kmod", "bin/kmod"].map(|name| root.join(name)));
    let path = places.into_iter().find(|file| is_file(file))?;
    let program = open_regular(&path).ok()?;
    let mut bytes = Vec::new();
    program.take(MAX_PROGRAM).read_to_end(&mut bytes).ok()?;
    let asks = memchr::memmem::find(&bytes, b"/sys/module/compression").is_some();
    let is_kmod = memchr::memmem::find(&bytes, b"/sys/module/%s/initstate").is_some();
    let by_deed = if asks { Loader::Kmod31 } else { Loader::Kmod30 };
    let loader = kmod_version(&bytes).map_or(by_deed, Loader::of_kmod);
    let says = |feature: &str| memchr::memmem::find(&bytes, feature.as_bytes()).is_some();
    let mut reads = BTreeMap::new();
    for (compression, feature) in [(Compression::Gzip, "ZLIB"), (Compression::Xz, "XZ"), (Compression::Zstd, "ZSTD")] {
        if says(&format!("+{feature}")) {
            reads.insert(compression, true);
        } else if says(&format!("-{feature}")) {
            reads.insert(compression, false);
        }
    }
    is_kmod.then_some(InstalledLoader { loader, reads, path })
}

/// The version that `kmod --version` prints.
fn kmod_version(program: &[u8]) -> Option<u32> {
    const BEFORE: &[u8] = b"kmod version ";
    let rest = program.get(memchr::memmem::find(program, BEFORE)? + BEFORE.len()..)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
}

/// The folder with a release's headers and `Module.symvers`: `build` in the tree, or a folder that packages install headers in.
pub(super) fn headers(tree: &Path) -> Option<PathBuf> {
    let release = tree.file_name()?.to_str()?;
    let sources = roots(tree).into_iter().flat_map(|root| {
        [
            format!("usr/src/linux-headers-{release}"),
            format!("src/linux-headers-{release}"),
            format!("usr/src/kernels/{release}"),
        ]
        .map(|name| root.join(name))
    });
    std::iter::once(tree.join("build")).chain(sources).find(|folder| is_file(&folder.join("Module.symvers")))
}
