//! Loading modules by name on one [`Machine`], dependencies first, as `modprobe` does.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::error::ModprobeError;
use super::needs::in_tree;
use crate::image::{Error, Image, as_text};
use crate::kernel::{Contest, Kernel, UnreadFile, module_name_of};
use crate::load::{Insmod, Machine, World};
use crate::terms::{Errno, Taints};
use crate::verdict::{Outcome, Verdict};

/// Loads a module. If not all that the loader asks for is in memory, the file is read once more. If there is no memory for that, the
/// verdict is undetermined.
///
/// # Errors
/// When the file cannot be read again, or has changed.
pub(super) fn insmod(machine: &mut Machine, image: &Image, insmod: &Insmod) -> Result<Verdict, Error> {
    if let Ok(verdict) = machine.insmod_whole(image, insmod) {
        return Ok(verdict);
    }
    let whole = match image.completed() {
        Err(error) if error.is_about_memory() => None,
        whole => whole?,
    };
    Ok(machine.insmod(whole.as_ref().unwrap_or(image), insmod))
}

/// Loads a module as [`insmod`] does, while other threads load others. If there is no memory to read its file beside theirs, it waits
/// until they are done. All of them pass the one lock, `reading`, and wait for nothing else while they hold it.
///
/// # Errors
/// As [`insmod`].
pub(super) fn insmod_beside(
    machine: &mut Machine,
    image: &Image,
    insmod: &Insmod,
    reading: &RwLock<()>,
) -> Result<Verdict, Error> {
    if let Ok(verdict) = machine.insmod_whole(image, insmod) {
        return Ok(verdict);
    }
    {
        let _with_others = reading.read().unwrap_or_else(PoisonError::into_inner);
        match image.completed() {
            Err(error) if error.is_about_memory() => {}
            whole => return Ok(machine.insmod(whole?.as_ref().unwrap_or(image), insmod)),
        }
    }
    let _alone = reading.write().unwrap_or_else(PoisonError::into_inner);
    self::insmod(machine, image, insmod)
}

/// What the refusal of a dependency does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The modules after it are not tried, as modprobe does.
    Ends,
    /// They are tried all the same.
    Ignored,
}

impl Refusal {
    /// Returns whether no other module is tried after these.
    fn has_ended(self, verdicts: &[Verdict]) -> bool {
        self == Self::Ends && verdicts.last().is_some_and(ends_modprobe)
    }
}

/// Returns whether modprobe certainly tries no other module after this one.
fn ends_modprobe(verdict: &Verdict) -> bool {
    match &verdict.outcome {
        Outcome::Undetermined => verdict.never_loads,
        outcome => is_the_end(outcome),
    }
}

/// Returns whether modprobe tries no other module where one ends so. A module that could not be read may be loaded.
fn is_the_end(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused { errno, .. } => *errno != Errno::EEXIST,
        Outcome::Crash { .. } => true,
        _ => false,
    }
}

/// The verdict on a module that modprobe does not try, because one that it needs was refused. The error is that of the other.
fn not_tried(name: &str, refused: &Verdict) -> Verdict {
    let mut verdict = Verdict {
        never_loads: refused.never_loads,
        errnos: refused.errnos.clone(),
        missing: refused.missing.clone(),
        kernel_tainted: refused.kernel_tainted,
        ..Verdict::new(name, refused.outcome.clone())
    };
    verdict.blame(refused);
    verdict
}

/// The verdict on a module that modprobe tries only if the modules before it were loaded, which is not known of all.
fn if_tried(verdict: Verdict, before: &[Verdict]) -> Verdict {
    let mut open = before.iter().filter(|verdict| verdict.outcome == Outcome::Undetermined).peekable();
    if open.peek().is_none() {
        return verdict;
    }
    let open: BTreeSet<_> = open.flat_map(|verdict| &verdict.missing).chain(&verdict.missing).cloned().collect();
    let never_loads = verdict.never_loads || verdict.outcome.errno().is_some();
    Verdict {
        outcome: Outcome::Undetermined,
        never_loads,
        errnos: Vec::new(),
        missing: open.into_iter().collect(),
        log: Vec::new(),
        ..verdict
    }
}

impl Machine {
    /// Loads a module of the kernel's tree by name, after the modules that it needs. Returns one verdict for each that was tried, in
    /// order, and one for the module itself.
    ///
    /// It mirrors `kmod_module_probe_insert_module()` of kmod (libkmod/libkmod-module.c): the first module that is refused ends it,
    /// unless one of its name is loaded (EEXIST). The modules after it are not tried.
    ///
    /// # Errors
    /// When the tree has no such module, or a file of it cannot be read.
    pub fn modprobe(&mut self, name: &str) -> Result<Vec<Verdict>, ModprobeError> {
        let module = self.kernel().tree().and_then(|tree| tree.module(name)).cloned();
        let module = module.ok_or_else(|| ModprobeError::NotFound(name.to_owned()))?;
        if self.is_loaded(&module.name) {
            return Ok(vec![self.already_loaded(&module.name)]);
        }
        let open = contest(self.kernel(), &module.path);
        if let Some(open) = open {
            return Ok(vec![self.leave_open(open)]);
        }
        let image = self.kernel().image(&module.path);
        let mut verdicts = Vec::new();
        let mut ended = Vec::new();
        self.load_dependencies_of(&image, Refusal::Ends, &mut verdicts, &mut ended)?;
        match verdicts.last().filter(|last| ends_modprobe(last)) {
            Some(Verdict { outcome: Outcome::Crash { .. }, .. }) => {}
            Some(refused) => verdicts.push(not_tried(&module.name, refused)),
            None => {
                let verdict = insmod(self, &image, &Insmod::default())?;
                verdicts.push(if_tried(verdict, &verdicts));
            }
        }
        self.put_back(ended);
        Ok(verdicts)
    }

    /// `modprobe` succeeds silently if a module is loaded already.
    fn already_loaded(&self, name: &str) -> Verdict {
        let state = self.first_world().map(|world| &world.state);
        let module = state.and_then(|state| state.modules.iter().find(|module| *module.name == *name));
        Verdict {
            module_taints: module.map_or(Taints::NONE, |module| module.taints),
            kernel_tainted: self.certain_taints(),
            ..Verdict::new(name, Outcome::Loads)
        }
    }

    /// Loads the modules of the kernel's tree that export what `image` imports.
    ///
    /// # Errors
    /// When a file of the tree cannot be read.
    pub fn load_dependencies(&mut self, image: &Image) -> Result<Vec<Verdict>, ModprobeError> {
        let mut verdicts = Vec::new();
        self.load_dependencies_of(image, Refusal::Ignored, &mut verdicts, &mut Vec::new())?;
        Ok(verdicts)
    }

    /// Loads them, however long their chains are, and adds a verdict for each. States in which a refusal ends modprobe are set aside:
    /// there the modules after it are not tried. Each module is tried once, as `modules.dep` lists it once.
    fn load_dependencies_of(
        &mut self,
        image: &Image,
        refusal: Refusal,
        verdicts: &mut Vec<Verdict>,
        ended: &mut Vec<World>,
    ) -> Result<(), ModprobeError> {
        if self.kernel().tree().is_none() {
            return Ok(());
        }
        self.leave_files_of_tree();
        let mut met = HashSet::new();
        // The modules that are loaded after those that they need. The first is the one that the caller loads.
        let mut open = vec![(None, self.dependencies(image)?.into_iter())];
        while let Some((_, dependencies)) = open.last_mut() {
            if let Some(path) = dependencies.next() {
                let is_loaded = module_name_of(&path).is_none_or(|name| self.is_loaded(&name));
                if !is_loaded && met.insert(path.clone()) {
                    let dependency = self.kernel().image(&path);
                    let dependencies = self.dependencies(&dependency)?;
                    open.push((Some(dependency), dependencies.into_iter()));
                }
                continue;
            }
            let Some((Some(dependency), _)) = open.pop() else { break };
            let verdict = insmod(self, &dependency, &Insmod::default())?;
            if refusal == Refusal::Ignored {
                verdicts.push(verdict);
                continue;
            }
            verdicts.push(if_tried(verdict, verdicts));
            ended.extend(self.set_aside(is_the_end));
            if refusal.has_ended(verdicts) {
                break;
            }
        }
        Ok(())
    }

    /// The files of the tree that export what a module imports, without duplicates, in the order of the imports. Those of which it
    /// is not known which counts are left out. What of the tree could not be read counts as such from now on.
    fn dependencies(&mut self, image: &Image) -> Result<Vec<PathBuf>, Error> {
        let paths = image.ask(|image| needed_files(self.kernel(), image))?;
        self.leave_files_of_tree();
        Ok(paths)
    }

    /// Counts what of the kernel's tree could not be read as such, and the modules of which it is not known which file counts.
    fn leave_files_of_tree(&mut self) {
        let kernel = Arc::clone(self.kernel());
        let Some(tree) = kernel.tree() else { return };
        let contests = tree.contests().iter().map(UnreadFile::contested);
        self.leave_unread_of_tree(tree.has_read_exports(), || contests.chain(tree.unread()).collect());
    }
}

/// The files of the kernel's tree that export what a module imports.
fn needed_files(kernel: &Kernel, image: &Image) -> Vec<PathBuf> {
    let is_contested = |file: &Path| kernel.tree().is_some_and(|tree| tree.is_contested(file));
    let Some(elf) = image.as_announced() else { return Vec::new() };
    let mut paths = Vec::new();
    let mut met = HashSet::new();
    for symbol in elf.undefined_symbols() {
        let name = as_text(elf.loose_name(symbol).unwrap_or_default());
        if kernel.exports().is_some_and(|exports| exports.in_vmlinux(&name)) {
            continue;
        }
        if let Some(module) = in_tree(kernel, &name, true)
            && module.path != image.path()
            && !is_contested(&module.path)
            && met.insert(&module.path)
        {
            paths.push(module.path.clone());
        }
    }
    paths
}

/// The files of the module that a file of the kernel's tree stands for, if it is not known which of them counts.
fn contest(kernel: &Kernel, file: &Path) -> Option<UnreadFile> {
    let tree = kernel.tree().filter(|tree| tree.is_contested(file))?;
    let is_it = |contest: &&Arc<Contest>| contest.files.first().is_some_and(|first| first == file);
    tree.contests().iter().find(is_it).map(UnreadFile::contested)
}
