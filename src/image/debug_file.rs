//! The file that holds a module's debug information: the module itself, or one that lies apart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

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
}

impl DebugFiles {
    /// Looks at the files given first, and into the folders given as into `/usr/lib/debug`.
    pub fn new(given: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { given: given.into_iter().collect(), several_modules: false }
    }

    /// Is there more than one module to look for? A file given then is the debug file of one of them, and of another build
    /// than the others.
    #[must_use]
    pub fn among(self, modules: usize) -> Self {
        Self { several_modules: modules > 1, ..self }
    }

    /// The file with the debug information of a module: one given, else the module, else one installed under its build ID or
    /// its path. `None` where there is none.
    ///
    /// # Errors
    /// When a file that was given cannot be read, or, as the only one for the only module, is of another build.
    pub fn of(&self, image: &Image, elf: &Arc<ModuleElf>) -> Result<Option<DebugObject>, Error> {
        let wanted = build_id(elf);
        let files: Vec<&PathBuf> = self.given.iter().filter(|path| !path.is_dir()).collect();
        let only = files.len() == 1 && !self.several_modules;
        for path in files {
            if let Some(found) = given(path, image, wanted.as_deref(), only)? {
                return Ok(Some(DebugObject::new(path.clone(), found)));
            }
        }
        if has_debug_info(elf) {
            return Ok(Some(DebugObject::new(image.path().to_owned(), Arc::clone(elf))));
        }
        let folders = self.given.iter().filter(|path| path.is_dir()).map(PathBuf::as_path);
        let candidates =
            folders.chain([Path::new(INSTALLED)]).flat_map(|root| places(root, image.path(), wanted.as_deref()));
        for path in candidates.filter(|path| path.is_file()) {
            // Nobody asked for this very file: one that cannot be read is none.
            let Some(found) = Image::open(&path).ok().and_then(|image| image.as_announced()) else { continue };
            if build_id(&found) == wanted && has_debug_info(&found) {
                return Ok(Some(DebugObject::new(path, found)));
            }
        }
        Ok(None)
    }
}

/// A file that was named: is it this module's? With one file for one module, another build is an error; of several files,
/// each belongs to one of the modules.
fn given(path: &Path, image: &Image, wanted: Option<&str>, only: bool) -> Result<Option<Arc<ModuleElf>>, Error> {
    let elf = Image::open(path)?.as_announced().ok_or_else(|| Error::new(path, ErrorKind::NotElf))?;
    let found = build_id(&elf);
    match (found, wanted) {
        (Some(found), Some(wanted)) if found == wanted => Ok(Some(elf)),
        (Some(found), Some(wanted)) if only => {
            let (module, wanted) = (image.path().to_owned(), wanted.to_owned());
            Err(Error::new(path, ErrorKind::AnotherBuild { module, found, wanted }))
        }
        (Some(_), Some(_)) => Ok(None),
        // Without build IDs the name must do.
        _ => Ok((only || stem(path) == stem(image.path())).then_some(elf)),
    }
}

/// `foo` of `foo.ko`, `foo.ko.xz`, `foo.ko.debug`.
fn stem(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.split('.').next()
}

/// Where a debug file may lie below a root: by build ID, by the module's path, and by the release and path in a module tree.
fn places(root: &Path, module: &Path, build_id: Option<&str>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some((first, rest)) = build_id.and_then(|id| id.split_at_checked(2)) {
        places.push(root.join(format!(".build-id/{first}/{rest}.debug")));
    }
    let full = std::fs::canonicalize(module).unwrap_or_else(|_| module.to_owned());
    // /usr/lib/modules and /lib/modules are one.
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

/// The build ID, out of its note: the sizes of name and description, the type, `GNU`, the bytes.
fn build_id(elf: &ModuleElf) -> Option<String> {
    let section = elf.sections_named(".note.gnu.build-id").next()?;
    let note = elf.contents(section);
    let number = |offset| usize::try_from(elf.format().number(note, offset, 4)?).ok();
    let (name, description) = (number(0)?, number(4)?);
    let start = name.checked_next_multiple_of(4)?.checked_add(12)?;
    let bytes = note.get(start..start.checked_add(description)?)?;
    (!bytes.is_empty()).then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl DebugObject {
    fn new(path: PathBuf, elf: Arc<ModuleElf>) -> Self {
        Self { path, elf }
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The object with the debug sections.
    pub const fn elf(&self) -> &Arc<ModuleElf> {
        &self.elf
    }

    /// Opens a file that a unit was split into, as the unit names it: in the folder of compilation, else beside this one.
    /// `None` where it is not there any more.
    pub fn open_split(&self, folder: Option<&str>, path: &str) -> Option<Arc<ModuleElf>> {
        let beside = self.path.parent()?;
        let (folder, path) = (Path::new(folder.unwrap_or_default()), Path::new(path));
        let places = [folder.join(path), beside.join(path), beside.join(path.file_name()?)];
        places.iter().find_map(|path| Image::open(path).ok()?.as_announced())
    }
}
