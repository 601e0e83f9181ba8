//! The sections that have to exist once (`.modinfo`, the symbol table and `.gnu.linkonce.this_module`), and the size of
//! `struct module`.

use super::checks::Checks;
use crate::elf::{Section, SectionType};
use crate::history::struct_module_size;
use crate::image::THIS_MODULE;
use crate::load::run::Run;
use crate::load::state::StageResult;
use crate::terms::KernelRelease;
use crate::verdict::{Cause, LogLevel, Missing};

/// The name that the kernel prints for a module without one.
pub(super) const NO_NAME: &str = "(missing .modinfo section or name field)";

/// `struct module` is aligned to the CPU's cache lines, and so is its size. No CPU that Linux runs on has shorter ones, in bytes.
const SHORTEST_LINE: u64 = 16;

impl Checks<'_> {
    /// Checks that there is at most one `.modinfo`.
    pub(super) fn modinfo_unique(&self, run: &mut Run<'_>) -> StageResult {
        if self.elf.sections_named(".modinfo").nth(1).is_some() {
            let line = "Only one .modinfo section must exist.".to_owned();
            return self.refuse(run, "there are several sections .modinfo", line);
        }
        Ok(())
    }

    /// The `name` field of `.modinfo`.
    pub(super) fn modinfo_name(&self) -> Option<&str> {
        self.elf.modinfo().get("name")
    }

    /// Checks that there is exactly one symbol table.
    pub(super) fn symtab_unique(&self, run: &mut Run<'_>, name: Option<&str>) -> StageResult {
        let count = self.elf.sections().iter().skip(1).filter(|section| section.kind == SectionType::SYMTAB).count();
        if count == 1 {
            return Ok(());
        }
        let line = format!("{}: module has no symbols (stripped?)", name.unwrap_or(NO_NAME));
        self.refuse_saying(run, Cause::NoSymbolTable { count }, LogLevel::Warn, line)
    }

    /// Refuses the file for its `.gnu.linkonce.this_module`. `what` is for the finding, `rest` for the line.
    pub(super) fn bad_this_module<T>(
        &self,
        run: &mut Run<'_>,
        name: Option<&str>,
        what: &str,
        rest: &str,
    ) -> StageResult<T> {
        let line = format!("module {}: {rest}", name.unwrap_or(NO_NAME));
        self.refuse_saying(run, Cause::BadThisModule { what: what.into() }, LogLevel::Err, line)
    }

    /// Returns the index of `.gnu.linkonce.this_module`, by the rules of 6.4 to 6.12: a section without contents does not
    /// count.
    pub(super) fn this_module_6_4(&self, run: &mut Run<'_>, name: Option<&str>) -> StageResult<usize> {
        let found: Vec<_> = self.elf.sections_named(THIS_MODULE).filter(|section| section.has_contents()).collect();
        match found.as_slice() {
            [section] => self.this_module_rest(run, name, section),
            found => {
                let what = format!("there are {} of it", found.len());
                self.bad_this_module(run, name, &what, &format!("Only one {THIS_MODULE} section must exist."))
            }
        }
    }

    /// Returns the index of `.gnu.linkonce.this_module`, by the rules since 6.13.
    pub(super) fn this_module_6_13(&self, run: &mut Run<'_>, name: Option<&str>) -> StageResult<usize> {
        let found: Vec<_> = self.elf.sections_named(THIS_MODULE).collect();
        match found.as_slice() {
            [section] if section.kind == SectionType::NOBITS => {
                let rest = format!("{THIS_MODULE} section must have a size set");
                self.bad_this_module(run, name, "it has no contents", &rest)
            }
            [section] => self.this_module_rest(run, name, section),
            found => {
                let what = format!("there are {} of it", found.len());
                self.bad_this_module(run, name, &what, &format!("Exactly one {THIS_MODULE} section must exist."))
            }
        }
    }

    /// Checks the flags and the size of the section, which is the size of `struct module`.
    pub(super) fn this_module_rest(
        &self,
        run: &mut Run<'_>,
        name: Option<&str>,
        section: &Section,
    ) -> StageResult<usize> {
        if !section.is_alloc() {
            let rest = format!("{THIS_MODULE} must occupy memory during process execution");
            return self.bad_this_module(run, name, "it does not occupy memory", &rest);
        }
        let kernel = kernel_struct_module_size(run);
        let fits = match kernel {
            _ if run.insmod.as_rebuilt => true,
            Some(size) => size == section.size,
            None if !section.size.is_multiple_of(SHORTEST_LINE) => false,
            None => self.size_follows(run)? || run.ask(Missing::StructModuleSize)?,
        };
        if !fits {
            let line = format!(
                "module {}: {THIS_MODULE} section size must match the kernel's built struct module size at run time",
                name.unwrap_or(NO_NAME)
            );
            // The rest of the file is read as if the size were right, for what the later stages find.
            run.say(Cause::StructModuleSize { module: section.size, kernel }, LogLevel::Err, line);
            run.survey();
        }
        Ok(section.index)
    }

    /// Returns whether the module's `struct module` has the kernel's size, where the kernel's size is unknown. The CRC of
    /// `module_layout` covers `struct module`. Without symbol versions, a module that was built for exactly this release was
    /// built with its header.
    pub(super) fn size_follows(&self, run: &mut Run<'_>) -> StageResult<bool> {
        let layout = self.elf.symbol_versions().and_then(|versions| versions.get("module_layout"));
        let kernel = run.call.kernel.module_layout().map(|crc| u64::from(crc.0)).filter(|crc| *crc != 0);
        if layout.is_some() && layout == kernel {
            run.inferred.push("sizeof(struct module) is the module's: the versions of module_layout are equal".into());
            return Ok(true);
        }
        let release = run.call.kernel.release().map(KernelRelease::as_str);
        let built_for = self.elf.modinfo().release();
        let same = release.is_some() && release == built_for && !run.modversions()?;
        if same {
            run.inferred.push("sizeof(struct module) is the module's: it was built for this very release".into());
        }
        Ok(same)
    }
}

/// `sizeof(struct module)` of the kernel in bytes: the size in the modules of its own tree, or the recorded measurement of this
/// build.
pub(in crate::load) fn kernel_struct_module_size(run: &Run<'_>) -> Option<u64> {
    let kernel = run.call.kernel;
    kernel
        .struct_module_size()
        .or_else(|| struct_module_size(kernel.release()?, run.call.memo.arch(kernel)?, kernel.module_layout()))
}
