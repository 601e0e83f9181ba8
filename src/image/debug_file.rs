//! Finds the file with a module's debug information: the module itself or a separate file.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::root::{in_its_system, in_root, is_dir, is_file, real_path};
use super::{Error, ErrorKind, Image, ModuleElf};

/// Where distributions install debug files.
const INSTALLED: &str = "/usr/lib/debug";

/// Where to look for debug files.
#[derive(Clone, Debug, Default)]
pub struct DebugFiles {
    given: Vec<PathBuf>,
    several_modules: bool,
}

/// The object that holds a module's debug information.
#[derive(Debug)]
pub struct DebugObject {
    path: PathBuf,
    elf: Arc<ModuleElf>,
    /// The folders in which files with split debug information are looked for.
    folders: Vec<PathBuf>,
}

impl DebugFiles {
    /// Tries the given files first, and searches the given folders like `/usr/lib/debug`.
    pub fn new(given: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { given: given.into_iter().collect(), several_modules: false }
    }

    /// Says how many modules debug files are wanted for. With more than one, a given file belongs to one of the
    /// modules, and it is not an error that its build ID differs from that of another.
    #[must_use]
    pub fn among(self, modules: usize) -> Self {
        Self { several_modules: modules > 1, ..self }
    }

    /// Finds the file with the debug information of a module: a given file, else the module itself, else a file
    /// installed under its build ID or its path. `None` if there is none.
    ///
    /// # Errors
    /// If a given file cannot be read, or if the only given file for the only module has another build ID.
    pub fn of(&self, image: &Image, elf: &Arc<ModuleElf>) -> Result<Option<DebugObject>, Error> {
        let wanted = build_id(elf);
        let files: Vec<&PathBuf> = self.given.iter().filter(|path| !is_dir(path)).collect();
        let only = files.len() == 1 && !self.several_modules;
        for path in files {
            if let Some(found) = open_given(path, image, wanted.as_deref(), only)? {
                return Ok(Some(self.object(path.clone(), found, image)));
            }
        }
        if has_debug_info(elf) {
            return Ok(Some(self.object(image.path().to_owned(), Arc::clone(elf), image)));
        }
        for folder in self.folders() {
            for path in
                candidate_paths(&folder, image.path(), wanted.as_deref()).into_iter().filter(|path| is_file(path))
            {
                // The user did not name this file, so it is skipped if it cannot be read.
                let opened = Image::open_below(&folder, &path, &image.budget()).ok();
                let Some(found) = opened.and_then(|image| image.as_announced()) else { continue };
                if build_id(&found) == wanted && has_debug_info(&found) {
                    return Ok(Some(self.object(path, found, image)));
                }
            }
        }
        Ok(None)
    }

    /// The folders that are laid out like `/usr/lib/debug`, and that folder.
    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        self.given.iter().filter(|path| is_dir(path)).cloned().chain([in_root(INSTALLED)])
    }

    /// The object in a file. What it says of further files is followed in its own folder, in that of the module, and in the folders
    /// with debug files.
    fn object(&self, path: PathBuf, elf: Arc<ModuleElf>, module: &Image) -> DebugObject {
        let mut folders: Vec<_> = [&*path, module.path()].into_iter().map(folder_of).collect();
        folders.extend(self.folders());
        folders.dedup();
        DebugObject { path, elf, folders }
    }
}

/// The folder that a file lies in.
fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Opens a given file; `None` if it is the debug file of another module. If it is the `only` file for the only module,
/// another build ID is an error.
fn open_given(path: &Path, image: &Image, wanted: Option<&str>, only: bool) -> Result<Option<Arc<ModuleElf>>, Error> {
    let elf =
        Image::open_within(path, &image.budget())?.as_announced().ok_or_else(|| Error::new(path, ErrorKind::NotElf))?;
    let found = build_id(&elf);
    match (found, wanted) {
        (Some(found), Some(wanted)) if found == wanted => Ok(Some(elf)),
        (Some(found), Some(wanted)) if only => {
            let module = image.path().to_owned();
            Err(Error::new(path, ErrorKind::AnotherBuild { module, found, wanted: wanted.to_owned() }))
        }
        (Some(_), Some(_)) => Ok(None),
        // Without build IDs only the names can be compared.
        _ => Ok((only || stem(path) == stem(image.path())).then_some(elf)),
    }
}

/// The name without extensions: `foo` for `foo.ko`, `foo.ko.xz` and `foo.ko.debug`.
fn stem(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.split('.').next()
}

/// The paths below `root` where a debug file may be installed: under the build ID, and under the module's path with and
/// without `usr`.
fn candidate_paths(root: &Path, module: &Path, build_id: Option<&str>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some((first, rest)) = build_id.and_then(|id| id.split_at_checked(2)) {
        places.push(root.join(format!(".build-id/{first}/{rest}.debug")));
    }
    let full = real_path(module).unwrap_or_else(|_| module.to_owned());
    let full = in_its_system(&full);
    // /usr/lib/modules and /lib/modules are the same folder.
    let inside = full.strip_prefix("/usr").or_else(|_| full.strip_prefix("/")).unwrap_or(&full).to_owned();
    let plain = inside.to_str().and_then(|path| path.find(".ko").and_then(|end| path.get(..end + 3)));
    for name in plain.iter().flat_map(|plain| [format!("{plain}.debug"), (*plain).to_owned()]) {
        places.push(root.join(&name));
        places.push(root.join("usr").join(&name));
    }
    places
}

fn has_debug_info(elf: &ModuleElf) -> bool {
    let debug = [".debug_info", ".zdebug_info"];
    debug.iter().any(|name| elf.sections_named(name).any(|section| section.has_contents()))
}

/// Reads the build ID from its note: the sizes of name and description, the type, `GNU`, and the bytes.
fn build_id(elf: &ModuleElf) -> Option<String> {
    let section = elf.sections_named(".note.gnu.build-id").next()?;
    let note = elf.contents(section);
    let number = |offset| usize::try_from(elf.format().number(note, offset, 4)?).ok();
    let name = number(0)?;
    let description = number(4)?;
    let start = name.checked_next_multiple_of(4)?.checked_add(12)?;
    let bytes = note.get(start..start.checked_add(description)?)?;
    (!bytes.is_empty()).then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl DebugObject {
    /// The path it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The object with the debug sections.
    pub const fn elf(&self) -> &Arc<ModuleElf> {
        &self.elf
    }

    /// Opens a file with split debug information by the path that the compilation unit states. Where the path leads is up to whoever
    /// built the module, so it is followed only into the folders with this file, the module and debug files: as it stands, relative
    /// to one of them, or by its name. `None` if the file does not exist there or cannot be read.
    pub fn open_split(&self, folder: Option<&str>, path: &str) -> Option<Arc<ModuleElf>> {
        let path = Path::new(path);
        let stated = plain(&Path::new(folder.unwrap_or_default()).join(path))?;
        let name = path.file_name()?;
        let budget = self.elf.bytes().budget();
        self.folders.iter().find_map(|folder| {
            let real = real_path(folder).ok()?;
            let as_stated = (stated.is_absolute() && stated.starts_with(&real)).then(|| stated.clone());
            let relative = plain(path).filter(|path| path.is_relative()).map(|path| real.join(path));
            let mut candidates = as_stated.into_iter().chain(relative).chain([real.join(name)]);
            candidates.find_map(|path| Image::open_below(&real, &path, &budget).ok()?.as_announced())
        })
    }
}

/// A path without `.` and `..`; `None` if it begins above where it starts.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !plain.pop() {
                    return None;
                }
            }
            part => plain.push(part),
        }
    }
    Some(plain)
}
