//! Adding paths to a kernel: what each file is, and which other files belong to it.

use std::path::{Path, PathBuf};

use super::config::Config;
use super::description::Kernel;
use super::error::{Error, ErrorKind, SystemMapFault};
use super::exports::Exports;
use super::fact::Fact;
use super::installed::{
    boot_config, boot_files, boot_image, headers, installed, is_boot_image, is_release_like, system_map,
};
use super::package::PackageFormat;
use super::system_map::{SystemMap, is_system_map};
use super::tree::ModuleTree;
use super::tree_module::UnreadFile;
use super::types::TypeFile;
use super::vmlinux::{KernelImage, is_image};

use crate::compression::{Compression, decompress};
use crate::image::{
    exists, is_file, metadata, read_counted, read_dir, read_regular, read_regular_text, why_unread_unless_absent,
};
use crate::terms::{Budget, CountedBytes, KernelRelease, KernelVersion, ModuleName};
use crate::x509::Certificate;

/// What a file is. Mostly its contents tell, because names vary.
enum Contents {
    SystemMap(SystemMap),
    Symvers(Box<Exports>),
    Config(Config),
    Certificates(Vec<u8>),
    Release(KernelRelease),
}

/// The longest list or configuration: 128 MiB. The longest real ones, lists of all symbols, have 20 MiB. What is read from it takes
/// several times its size.
const LONGEST_TEXT: usize = 128 << 20;

/// The files that are looked for in a directory, also in the folders that packages put them in.
const KNOWN: &[&str] = &[
    "release",
    "symvers",
    "include/generated/utsrelease.h",
    "Module.symvers",
    "build/Module.symvers",
    "config",
    ".config",
    "build/.config",
    "include/config/auto.conf",
    "certs.pem",
];

/// What tells a module tree by its name.
const TREE_FILES: [&str; 7] =
    ["kernel", "modules.dep", "modules.order", "modules.builtin", "updates", "extra", "weak-updates"];

/// Returns whether a folder itself holds a module.
fn holds_module(folder: &Path) -> bool {
    let entries = read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| ModuleName::of_file(Path::new(&entry.file_name())).is_some())
}

impl Kernel {
    /// Reads what the paths say about one kernel, in their order. A later path does not change what an earlier one has given.
    ///
    /// A path is a file (an image, a package, `Module.symvers`, `System.map`, a configuration, a release, certificates;
    /// compressed or not), a directory that holds some of these, a headers or build directory, a module tree, or the name of an
    /// installed release. A given image counts before lists; see [`Kernel::conflicts`].
    ///
    /// # Errors
    /// If a path does not exist, cannot be read, says nothing about a kernel, or gives another release than the others.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, Error> {
        Self::open_within(paths, &Budget::default())
    }

    /// Reads what the paths say, and counts it in a budget that is shared with others.
    ///
    /// # Errors
    /// As [`Kernel::open`], or if a file takes more memory than is left.
    pub(super) fn open_within<P: AsRef<Path>>(paths: &[P], budget: &Budget) -> Result<Self, Error> {
        let mut kernel = Self::within(budget);
        for path in paths {
            kernel.add(path.as_ref())?;
        }
        // A file that tells nothing is an error if nothing else tells of the kernel.
        match kernel.set_aside.first() {
            Some(file) if kernel.evidence.is_empty() && kernel.boot.found().is_none() => {
                Err(Error::new(&file.path, ErrorKind::EmptySymvers))
            }
            _ => Ok(kernel),
        }
    }

    /// Reads a found image at once if no list of exports is known yet. An error is returned, unless the user has no permission
    /// to read the image, as in some distributions. With a list of exports, a found image is read only on first use.
    fn need_exports(&mut self) -> Result<(), Error> {
        if self.exports.is_some() || self.boot.given().is_some() {
            return Ok(());
        }
        let Some(path) = self.boot.found().map(Path::to_owned) else { return Ok(()) };
        match self.add_file(&path) {
            Err(Error { kind: ErrorKind::Io(error), .. }) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Ok(())
            }
            result => result,
        }
    }

    /// Adds what one more path says.
    ///
    /// # Errors
    /// As [`Kernel::open`].
    pub fn add(&mut self, path: &Path) -> Result<(), Error> {
        match metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.add_directory(path),
            Ok(_) => self.add_file(path),
            Err(source) => match installed(path) {
                Some(root) => self.add_directory(&root),
                None if is_release_like(path) => Err(Error::new(path, ErrorKind::NoSuchRelease)),
                None => Err(Error::new(path, ErrorKind::Io(source))),
            },
        }?;
        self.need_exports()
    }

    fn add_directory(&mut self, folder: &Path) -> Result<(), Error> {
        let before = (self.evidence.len(), self.set_aside.len());
        for name in KNOWN {
            for suffix in ["", ".xz", ".zst", ".gz"] {
                let path = folder.join(format!("{name}{suffix}"));
                if is_file(&path) {
                    self.add_file(&path)?;
                    break;
                }
            }
        }
        if let Some(image) = boot_image(folder) {
            self.boot.find(image);
        }
        self.add_headers_folder(folder)?;
        if folder.parent().is_some_and(|parent| parent.ends_with("lib/modules")) {
            self.add_release_folder(folder)?;
        }
        // OpenWrt keeps its modules in the folder itself, without any index.
        if (TREE_FILES.iter().any(|name| exists(&folder.join(name))) || holds_module(folder))
            && self.tree.is_none()
            && !exists(&folder.join("Kconfig"))
        {
            self.add_tree(folder)?;
        }
        if self.evidence.len() == before.0 {
            self.add_boot_folder(folder)?;
        }
        if (self.evidence.len(), self.set_aside.len()) == before && self.boot.found().is_none() {
            return Err(Error::new(folder, ErrorKind::NothingFound));
        }
        Ok(())
    }

    /// Adds the files of one release in a folder like `/boot`: `vmlinuz-RELEASE`, `config-RELEASE` and so on.
    fn add_boot_folder(&mut self, folder: &Path) -> Result<(), Error> {
        let files = boot_files(folder);
        let mut releases: Vec<_> = files.iter().map(|(release, _)| release.clone()).collect();
        releases.dedup();
        if let Some(known) = &self.release {
            releases.retain(|release| release == known.as_str());
        }
        let release = match releases.as_slice() {
            [] => return Ok(()),
            [release] => release.clone(),
            _ => return Err(Error::new(folder, ErrorKind::SeveralReleases { folder: folder.to_owned(), releases })),
        };
        self.set_release(KernelRelease::new(&release), folder)?;
        for (_, path) in files.into_iter().filter(|(of, _)| *of == release) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if is_boot_image(name) {
                self.boot.find(path);
            } else if name.starts_with("System.map") {
                if self.exports.is_none() {
                    let contents =
                        read_counted(&path, &self.budget).map_err(|source| Error::new(&path, ErrorKind::Io(source)))?;
                    self.add_found_map(&path, contents)?;
                }
            } else {
                self.add_file(&path)?;
            }
        }
        Ok(())
    }

    fn add_headers_folder(&mut self, folder: &Path) -> Result<(), Error> {
        self.add_headers(folder);
        let release = folder.join("include/config/kernel.release");
        match read_regular_text(&release) {
            Ok(text) => self.add_kernel_release(&text, &release),
            Err(_) => Ok(()),
        }
    }

    /// Adds the release from kbuild's `kernel.release`.
    ///
    /// Debian's packages change the release afterwards, and `utsrelease.h` has the kernel's own release string. This file then
    /// still gives the stable version.
    pub(super) fn add_kernel_release(&mut self, text: &str, path: &Path) -> Result<(), Error> {
        let release = KernelRelease::new(text);
        match &self.release {
            None if release.version().is_some() => self.set_release(release, path),
            Some(known) if self.version.is_none() => {
                let series = |release: &KernelRelease| release.version().map(KernelVersion::series);
                if series(known) == series(&release) && release != *known {
                    self.set_version(release.version(), path);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds the release that a folder `/lib/modules/RELEASE` is named after, and the files of that release that are installed
    /// elsewhere.
    fn add_release_folder(&mut self, folder: &Path) -> Result<(), Error> {
        let name = folder.file_name().and_then(|name| name.to_str()).map(KernelRelease::new);
        let Some(release) = name.filter(|release| release.version().is_some()) else { return Ok(()) };
        self.set_release(release, folder)?;
        if let Some(headers) = headers(folder) {
            match self.exports {
                None => self.add_directory(&headers)?,
                Some(_) => self.add_headers_folder(&headers)?,
            }
        }
        if let Some(config) = boot_config(folder).filter(|_| self.config.is_none()) {
            self.add_file(&config)?;
        }
        if let Some(map) = system_map(folder).filter(|_| self.exports.is_none()) {
            let contents = read_counted(&map, &self.budget);
            let contents = contents.map_err(|source| Error::new(&map, ErrorKind::Io(source)))?;
            self.add_found_map(&map, contents)?;
        }
        Ok(())
    }

    fn add_tree(&mut self, folder: &Path) -> Result<(), Error> {
        let tree = ModuleTree::open_within(folder, &self.budget)?;
        let builtin = folder.join("modules.builtin");
        match read_regular_text(&builtin) {
            Ok(text) => self.add_builtin(&text, &builtin),
            Err(error) => self.unread_builtin = self.set_unread_aside(&builtin, &error),
        }
        let modinfo = folder.join("modules.builtin.modinfo");
        match read_regular(&modinfo) {
            Ok(bytes) => self.add_builtin_modinfo(&bytes),
            Err(error) => self.unread_modinfo = self.set_unread_aside(&modinfo, &error),
        }
        // A folder with lists of modules but without modules is no tree: the modules are assumed to be installed elsewhere.
        if tree.modules().len() > 0 || !tree.unlisted().is_empty() {
            self.note(Fact::Modules, folder);
            self.tree.get_or_insert(tree);
        }
        Ok(())
    }

    /// Notes that a file beside others could not be read, and returns it, unless there is none.
    fn set_unread_aside(&mut self, path: &Path, error: &std::io::Error) -> Option<UnreadFile> {
        let file = UnreadFile::new(path, why_unread_unless_absent(path, error)?);
        self.set_aside.push(file.clone());
        Some(file)
    }

    /// Adds the names in `modules.builtin`.
    pub(super) fn add_builtin(&mut self, text: &str, path: &Path) {
        let names = text.lines().filter_map(|line| ModuleName::of_file(Path::new(line)));
        self.builtin.get_or_insert_with(|| names.collect());
        self.note(Fact::Builtin, path);
    }

    /// Adds the built-in modules with parameters or a version from the NUL-terminated strings `MODULE.TAG=VALUE` of
    /// `modules.builtin.modinfo`.
    pub(super) fn add_builtin_modinfo(&mut self, bytes: &[u8]) {
        for text in bytes.split(|byte| *byte == 0).filter_map(|text| std::str::from_utf8(text).ok()) {
            if let Some((key, _)) = text.split_once('=')
                && let Some((name, "parm" | "parmtype" | "version")) = key.split_once('.')
            {
                self.with_parameters.insert(ModuleName::new(name));
            }
        }
    }

    /// Adds a `System.map` that was found, not given. Such a file may be Debian's stub.
    pub(super) fn add_found_map(&mut self, path: &Path, contents: CountedBytes) -> Result<(), Error> {
        match self.add_contents(path, contents) {
            Err(Error { kind: ErrorKind::SystemMap(SystemMapFault::Stub), .. }) => Ok(()),
            result => result,
        }
    }

    fn add_map(&mut self, map: SystemMap, path: &Path) -> Result<(), Error> {
        let exports = map.exports().map_err(|fault| Error::new(path, ErrorKind::SystemMap(fault)))?;
        self.add_exports(exports, path);
        let place = if map.zeroed { &mut self.hidden_symbols } else { &mut self.symbols };
        place.get_or_insert(map.symbols);
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> Result<(), Error> {
        if PackageFormat::of(path)?.is_some() {
            return self.add_package(path);
        }
        let contents = read_counted(path, &self.budget);
        let contents = contents.map_err(|source| Error::new(path, ErrorKind::Io(source)))?;
        self.add_contents(path, contents)
    }

    /// Adds what the contents of a file say.
    pub(super) fn add_contents(&mut self, path: &Path, stored: CountedBytes) -> Result<(), Error> {
        let fail = |kind| Error::new(path, kind);
        let compression = Compression::of_payload(&stored);
        let bytes = match compression {
            None => stored,
            Some(compression) => {
                let bytes = decompress(compression, &stored, &self.budget);
                bytes.map_err(|kind| fail(ErrorKind::Decompress(kind)))?
            }
        };
        if TypeFile::is_one(&bytes) {
            self.types = Some(TypeFile::read(bytes).ok_or_else(|| fail(ErrorKind::TypeInformation))?);
            self.note(Fact::StructModuleSize, path);
            return Ok(());
        }
        if is_image(&bytes) {
            let image = KernelImage::read(path, bytes, compression).map_err(|error| fail(ErrorKind::Image(error)))?;
            return self.add_image(image);
        }
        if bytes.len() > LONGEST_TEXT {
            return Err(fail(ErrorKind::UnknownFile("a text of more than 128 MiB")));
        }
        let (bytes, _counted) = bytes.into_parts();
        let contents = match contents_of(path, bytes) {
            Err(ErrorKind::EmptySymvers) => {
                self.set_aside.push(UnreadFile::new(path, ErrorKind::EmptySymvers.to_string()));
                return Ok(());
            }
            contents => contents.map_err(fail)?,
        };
        match contents {
            Contents::SystemMap(map) => self.add_map(map, path)?,
            Contents::Symvers(exports) => self.add_exports(*exports, path),
            Contents::Config(config) => self.add_config(config, path)?,
            Contents::Certificates(bytes) => self.add_certificates(path, &bytes)?,
            Contents::Release(release) => self.set_release(release, path)?,
        }
        Ok(())
    }

    /// Adds certificates that the kernel trusts, PEM or DER.
    ///
    /// # Errors
    /// If there is no certificate or one is malformed.
    pub fn add_certificates(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let certificates =
            Certificate::parse_all(bytes).map_err(|error| Error::new(path, ErrorKind::Certificate(error)))?;
        self.note(Fact::Certificates, path);
        self.certificates.get_or_insert_default().extend(certificates);
        Ok(())
    }

    /// Records the stable version that a file gives apart from the release.
    pub(super) fn set_version(&mut self, version: Option<KernelVersion>, path: &Path) {
        self.version = version;
        self.note(Fact::Version, path);
    }

    /// Sets the release, in place of the one that files give.
    pub fn with_release(mut self, release: KernelRelease) -> Self {
        self.release = Some(release);
        self.evidence.retain(|evidence| evidence.fact != Fact::Release);
        self
    }

    pub(super) fn set_release(&mut self, release: KernelRelease, path: &Path) -> Result<(), Error> {
        match &self.release {
            Some(known) if *known != release => {
                let other = self.first_source(Fact::Release).map_or_else(PathBuf::new, Path::to_owned);
                let kind = ErrorKind::TwoReleases { found: release.to_string(), known: known.to_string(), other };
                Err(Error::new(path, kind))
            }
            _ => {
                self.note(Fact::Release, path);
                self.release = Some(release);
                Ok(())
            }
        }
    }
}

/// Determines what a file that is no image is.
fn contents_of(path: &Path, bytes: Vec<u8>) -> Result<Contents, ErrorKind> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let named = |stem: &str| name.starts_with(stem);
    if bytes.first() == Some(&0x30) && bytes.get(1).is_some_and(|byte| *byte >= 0x80) {
        return Ok(Contents::Certificates(bytes));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(ErrorKind::UnknownFile("binary data"));
    };
    if is_system_map(&text) {
        return SystemMap::parse(&text).map(Contents::SystemMap).map_err(ErrorKind::SystemMap);
    }
    if named("Module.symvers") || text.starts_with("0x") || name.ends_with(".symvers") {
        let mut exports = Exports::parse(text)?;
        if exports.rows().len() == 0 {
            return Err(ErrorKind::EmptySymvers);
        }
        // kbuild's list of what is built in: the modules are in modules-only.symvers, and both in Module.symvers.
        exports.covers_modules &= !named("vmlinux.symvers");
        return Ok(Contents::Symvers(Box::new(exports)));
    }
    if text.contains("-----BEGIN CERTIFICATE-----") || name.ends_with(".pem") {
        return Ok(Contents::Certificates(text.into_bytes()));
    }
    if named("utsrelease.h") {
        let release = text.split('"').nth(1).ok_or(ErrorKind::UnknownFile("a header without UTS_RELEASE"))?;
        return Ok(Contents::Release(KernelRelease::new(release)));
    }
    let release = KernelRelease::new(&text);
    if text.lines().count() == 1 && release.version().is_some() {
        return Ok(Contents::Release(release));
    }
    let empty = text.trim().is_empty();
    let unknown = ErrorKind::UnknownFile(if empty { "an empty file" } else { "this text" });
    Config::parse(text).map(Contents::Config).ok_or(unknown)
}
