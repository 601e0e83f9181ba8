//! Loading modules by name on one [`Machine`], dependencies first, as `modprobe` does.

use std::path::PathBuf;

use super::error::ModprobeError;
use super::needs::in_tree;
use crate::image::{Error, Image, as_text};
use crate::kernel::ModuleTree;
use crate::load::{Insmod, Machine};
use crate::terms::Taints;
use crate::verdict::{Outcome, Verdict};

/// How deep dependencies are followed. Those of Debian's modules are less than 20 deep.
const MAX_DEPENDENCIES: usize = 64;

/// Loads a module. If not all that the loader asks for is in memory, the file is read once more.
///
/// # Errors
/// When the file cannot be read again, or has changed.
pub(super) fn insmod(machine: &mut Machine, image: &Image, insmod: &Insmod) -> Result<Verdict, Error> {
    if let Ok(verdict) = machine.insmod_whole(image, insmod) {
        return Ok(verdict);
    }
    let whole = image.completed()?;
    Ok(machine.insmod(whole.as_ref().unwrap_or(image), insmod))
}

impl Machine {
    /// Loads a module of the kernel's tree by name, after the modules that it needs. Returns one verdict for each, in order.
    ///
    /// # Errors
    /// When the tree has no such module, or a file of it cannot be read.
    pub fn modprobe(&mut self, name: &str) -> Result<Vec<Verdict>, ModprobeError> {
        let module = self.kernel().tree().and_then(|tree| tree.module(name)).cloned();
        let module = module.ok_or_else(|| ModprobeError::NotFound(name.to_owned()))?;
        let image = self.kernel().image(&module.path);
        let mut verdicts = self.load_dependencies(&image)?;
        verdicts.push(match self.is_loaded(&module.name) {
            false => insmod(self, &image, &Insmod::default())?,
            true => self.already_loaded(&module.name),
        });
        Ok(verdicts)
    }

    /// `modprobe` succeeds silently if a module is loaded already.
    fn already_loaded(&self, name: &str) -> Verdict {
        let state = self.first_world().map(|world| &world.state);
        let module = state.and_then(|state| state.modules.iter().find(|module| *module.name == *name));
        Verdict {
            module_taints: module.map_or(Taints::NONE, |module| module.taints),
            kernel_tainted: state.map_or(Taints::NONE, |state| state.tainted),
            ..Verdict::new(name, Outcome::Loads)
        }
    }

    /// Loads the modules of the kernel's tree that export what `image` imports.
    ///
    /// # Errors
    /// When a file of the tree cannot be read.
    pub fn load_dependencies(&mut self, image: &Image) -> Result<Vec<Verdict>, ModprobeError> {
        let mut verdicts = Vec::new();
        self.load_dependencies_of(image, MAX_DEPENDENCIES, &mut verdicts)?;
        Ok(verdicts)
    }

    fn load_dependencies_of(
        &mut self,
        image: &Image,
        depth: usize,
        verdicts: &mut Vec<Verdict>,
    ) -> Result<(), ModprobeError> {
        if depth == 0 || self.kernel().tree().is_none() {
            return Ok(());
        }
        let dependencies = image.ask(|image| self.dependencies(image))?;
        let unread = self.kernel().tree().map(ModuleTree::unread);
        self.leave_unread(unread.unwrap_or_default());
        for path in dependencies {
            let Some(name) = crate::kernel::module_name_of(&path) else { continue };
            if self.is_loaded(&name) {
                continue;
            }
            let dependency = self.kernel().image(&path);
            self.load_dependencies_of(&dependency, depth - 1, verdicts)?;
            verdicts.push(insmod(self, &dependency, &Insmod::default())?);
        }
        Ok(())
    }

    /// The files of the tree that export what the module imports, without duplicates, in the order of the imports.
    fn dependencies(&self, image: &Image) -> Vec<PathBuf> {
        let Some(elf) = image.as_announced() else { return Vec::new() };
        let mut paths = Vec::new();
        for symbol in elf.undefined_symbols() {
            let name = as_text(elf.loose_name(symbol).unwrap_or_default());
            if self.kernel().exports().is_some_and(|exports| exports.in_vmlinux(&name)) {
                continue;
            }
            if let Some(module) = in_tree(self.kernel(), &name, true)
                && !paths.contains(&module.path)
                && module.path != image.path()
            {
                paths.push(module.path.clone());
            }
        }
        paths
    }
}
