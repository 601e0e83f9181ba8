//! Which of several module files with one name counts: the one that `modules.dep` lists, which modprobe reads, as far as the
//! `search` and `override` lines of depmod.d, which depmod reads, do not say otherwise.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::tree_module::TreeModule;
use crate::image::{read_dir, read_regular_text};
use crate::terms::Shown;

/// The folders of depmod's configuration. Of two files with one name, that in the earlier folder counts.
const FOLDERS: [&str; 5] =
    ["etc/depmod.d", "run/depmod.d", "usr/local/lib/depmod.d", "usr/lib/depmod.d", "lib/depmod.d"];

/// The word of a `search` line for all other folders.
const BUILT_IN: &str = "built-in";

/// depmod's own order, without configuration.
const DEFAULT: [&str; 2] = ["updates", BUILT_IN];

/// The order that distributions configure in full or in part.
const USUAL: [&str; 4] = ["updates", "extra", BUILT_IN, "weak-updates"];

/// How depmod chooses among the files of a tree.
#[derive(Debug)]
pub(super) struct Precedence {
    /// The folder that the paths in depmod's configuration are relative to, `/lib/modules/RELEASE`.
    root: PathBuf,
    /// The folders to search, the first one counts; `None` if nothing configures it.
    search: Option<Vec<String>>,
    /// The files that count before all others of their name, without suffix.
    overrides: Vec<PathBuf>,
    /// Such files for kernels that a regular expression chooses, which is not evaluated here.
    open_overrides: Vec<PathBuf>,
    /// Whether a part of the configuration could not be read.
    is_unread: bool,
}

impl Precedence {
    /// How depmod chooses in the tree below `root`, or in the tree of the release that `file` lies in.
    pub fn of(root: &Path, file: &Path) -> Self {
        let root = release_folder(root, file);
        let mut precedence =
            Self { root, search: None, overrides: Vec::new(), open_overrides: Vec::new(), is_unread: false };
        precedence.read_configuration();
        precedence
    }

    /// Reads the configuration in the file system that the tree lies in.
    fn read_configuration(&mut self) {
        let absolute = std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
        let Some(lib) = absolute.parent().filter(|parent| parent.ends_with("lib/modules")) else { return };
        let Some(system) = lib.ancestors().nth(2) else { return };
        let system = system.parent().filter(|_| system.ends_with("usr")).unwrap_or(system);
        let release = absolute.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mut files: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        for folder in FOLDERS {
            let folder = system.join(folder);
            let entries = match read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.is_unread |= error.kind() != std::io::ErrorKind::NotFound;
                    continue;
                }
            };
            for entry in entries {
                match entry {
                    Ok(entry) => {
                        let path = folder.join(entry.file_name());
                        if path.extension().is_some_and(|end| end == "conf") {
                            files.entry(entry.file_name()).or_insert(path);
                        }
                    }
                    Err(_) => self.is_unread = true,
                }
            }
        }
        for file in files.values() {
            match read_regular_text(file) {
                Ok(text) => text.lines().for_each(|line| self.add_line(line, release)),
                Err(_) => self.is_unread = true,
            }
        }
    }

    /// Adds one line of a configuration, as `cfg_file_parse()` does (kmod, tools/depmod.c). Several `search` lines add up.
    fn add_line(&mut self, line: &str, release: &str) {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("search") => self.search.get_or_insert_default().extend(words.map(str::to_owned)),
            Some("override") => {
                let (Some(name), Some(version), Some(folder)) = (words.next(), words.next(), words.next()) else {
                    return;
                };
                let file = self.root.join(folder).join(name);
                match kernel_matches(version, release) {
                    Some(true) => self.overrides.push(file),
                    Some(false) => {}
                    None => self.open_overrides.push(file),
                }
            }
            _ => {}
        }
    }

    /// The place of a file in an order of folders; that of all other folders if none has it.
    fn rank(&self, file: &Path, order: &[impl AsRef<str>]) -> usize {
        let inside = file.strip_prefix(&self.root).unwrap_or(file);
        let place = order.iter().position(|folder| inside.starts_with(folder.as_ref()));
        let others = || order.iter().position(|folder| folder.as_ref() == BUILT_IN);
        place.or_else(others).unwrap_or(order.len())
    }

    /// Compares two files of one name: the one that counts is the lesser. They are equal where depmod takes the one that the
    /// folder lists first or last.
    fn known(&self, one: &TreeModule, other: &TreeModule) -> Ordering {
        let is_chosen = |file: &TreeModule| self.overrides.iter().any(|chosen| is_file(chosen, &file.path));
        let rank = |file: &TreeModule| match &self.search {
            Some(search) => self.rank(&file.path, search),
            None => self.rank(&file.path, &DEFAULT),
        };
        is_chosen(other).cmp(&is_chosen(one)).then_with(|| rank(one).cmp(&rank(other)))
    }

    /// Compares two files of one name by what is usual where depmod's own rules do not tell.
    fn usual(&self, one: &TreeModule, other: &TreeModule) -> Ordering {
        let by_folder = || match self.search {
            Some(_) => Ordering::Equal,
            None => self.rank(&one.path, &USUAL).cmp(&self.rank(&other.path, &USUAL)),
        };
        self.known(one, other).then_with(by_folder).then_with(|| one.path.as_os_str().cmp(other.path.as_os_str()))
    }

    /// Sorts files of one name, so that the one that counts is the first. If that is not certain, returns how many of them may
    /// count, and why it is not known.
    pub fn sort(&self, files: &mut [TreeModule]) -> Option<(usize, String)> {
        files.sort_by(|one, other| self.usual(one, other));
        let [first, rest @ ..] = &*files else { return None };
        let is_open = files.iter().any(|file| self.open_overrides.iter().any(|open| is_file(open, &file.path)));
        let tied = 1 + rest.iter().take_while(|file| self.known(first, file) == Ordering::Equal).count();
        let tied = if is_open || self.is_unread { files.len() } else { tied };
        // depmod has chosen one of them, and modprobe reads what it has written.
        let dep = self.root.join("modules.dep");
        let why = match read_regular_text(&dep) {
            Ok(text) => {
                let listed = |file: &TreeModule| text.lines().any(|line| self.is_line_of(line, &file.path));
                let mut chosen = files.iter().enumerate().filter(|(_, file)| listed(file)).map(|(place, _)| place);
                match (chosen.next(), chosen.next()) {
                    (Some(chosen), None) if chosen < tied => {
                        files.get_mut(..=chosen).iter_mut().for_each(|files| files.rotate_right(1));
                        return None;
                    }
                    (Some(chosen), None) => {
                        files.get_mut(..=chosen).iter_mut().for_each(|files| files.rotate_right(1));
                        let why =
                            format!("{} is older than the order of folders that depmod follows now", Shown::path(&dep));
                        return Some((tied + 1, format!("{why}: it lists the first")));
                    }
                    (Some(_), Some(_)) => format!("{} lists more than one of them", Shown::path(&dep)),
                    (None, _) => format!("{} lists none of them", Shown::path(&dep)),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "there is no modules.dep".to_owned(),
            // What cannot be read may list any of them.
            Err(error) => return Some((files.len(), format!("{} cannot be read: {error}", Shown::path(&dep)))),
        };
        let open = if is_open || self.is_unread {
            "depmod's configuration is not known in full"
        } else {
            "depmod has no order for their folders and takes the one that the file system lists first or last"
        };
        (tied > 1).then(|| (tied, format!("{open}, and {why}")))
    }

    /// Returns whether a line of `modules.dep` is that of a file.
    fn is_line_of(&self, line: &str, file: &Path) -> bool {
        line.split_once(':').is_some_and(|(listed, _)| self.root.join(listed) == file)
    }
}

/// The folder `/lib/modules/RELEASE` below `root` that a file lies in, or else `root`.
fn release_folder(root: &Path, file: &Path) -> PathBuf {
    let mut folders = file.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    let release = folders.find(|folder| folder.parent().is_some_and(|lib| lib.ends_with("lib/modules")));
    release.unwrap_or(root).to_owned()
}

/// Returns whether a path is that of a file, except for its suffix.
fn is_file(without_suffix: &Path, file: &Path) -> bool {
    let stem = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.split(".ko").next());
    without_suffix.parent() == file.parent() && without_suffix.file_name().and_then(|name| name.to_str()) == stem
}

/// Mirrors `cfg_kernel_matches()` (kmod, tools/depmod.c) for what is no regular expression; `None` for one.
fn kernel_matches(version: &str, release: &str) -> Option<bool> {
    let is_plain = version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte));
    match version {
        "*" => Some(true),
        version if is_plain => Some(release.contains(version)),
        _ => None,
    }
}
