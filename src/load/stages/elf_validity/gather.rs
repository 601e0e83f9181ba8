//! Filling `struct load_info`, once all checks have passed.

use std::collections::HashSet;
use std::sync::Arc;

use super::checks::Checks;
use crate::elf::Section;
use crate::history::Behaviour;
use crate::image::{Modinfo, ModuleElf, Versions, is_randomized};
use crate::load::ModuleInitFlags;
use crate::load::run::Run;
use crate::load::state::{Info, StageResult, Stop, Uses};
use crate::terms::{ElfMachine, Errno};
use crate::verdict::Missing;

impl Checks<'_> {
    /// Sets the fields of `struct load_info` and `struct module` that later stages read. `this_module` is the index of
    /// `.gnu.linkonce.this_module`.
    pub(super) fn gather(&self, run: &mut Run<'_>, this_module: usize) -> StageResult {
        let elf = Arc::clone(self.elf);
        let section = elf.sections().get(this_module).cloned().ok_or(Stop::Refused(Errno::ENOEXEC))?;
        let ignore = run.insmod.flags.has(ModuleInitFlags::IGNORE_MODVERSIONS);
        let index = |name: &str| elf.find_sec(name).map(|section| section.index);
        let extended = run.has(Behaviour::ElfExtendedVersions)?;
        let vers_ext = elf.extended_versions().filter(|_| extended && !ignore).cloned();
        let mut vers = elf.symbol_versions().filter(|_| !ignore).cloned();
        if self.arch.machine == ElfMachine::Ppc64 {
            // dedotify_versions() (arch/powerpc/kernel/module_64.c) drops one leading dot.
            vers = vers.map(|versions| {
                let undotted = versions.iter().map(|(name, crc)| (name.strip_prefix('.').unwrap_or(name), crc));
                Arc::new(Versions::new(undotted))
            });
        }
        // Up to 6.3 the kernel does not see a .modinfo without SHF_ALLOC.
        let is_seen = elf.find_sec(".modinfo").is_some() || run.has(Behaviour::ElfUniqueSections)?;
        let modinfo = if is_seen { Arc::clone(elf.modinfo()) } else { Arc::<Modinfo>::default() };
        let mod_name = mod_name(run, &elf, &section)?;
        let percpu = index(".data..percpu");
        let mut dropped: Vec<_> = [index(".modinfo"), percpu].into_iter().flatten().collect();
        if !ignore {
            dropped.extend(["__versions", "__version_ext_crcs", "__version_ext_names"].into_iter().filter_map(index));
        }
        let info = Info {
            arch: self.arch,
            name: modinfo.get("name").map_or_else(|| Arc::clone(&mod_name), Arc::from),
            mod_name,
            vers,
            vers_ext,
            this_module,
            percpu,
            dropped,
            license: modinfo.get("license").map(crate::terms::License::new),
            modinfo,
            using_gplonly_symbols: None,
            inherited_from: None,
            uses: Uses::default(),
            unresolved: HashSet::new(),
            exports: Arc::default(),
            elf,
        };
        run.set_info(info);
        Ok(())
    }
}

/// `mod->name`: what is in the file where the kernel has the field.
fn mod_name(run: &Run<'_>, elf: &ModuleElf, section: &Section) -> StageResult<Arc<str>> {
    let kernel = run.call.kernel;
    let own = elf.modinfo().get("vermagic").filter(|_| !run.insmod.flags.has(ModuleInitFlags::IGNORE_VERMAGIC));
    // A module whose version magic is not the kernel's is refused before anything looks at its name.
    let is_kernel_randomized = match (own, kernel.vermagic()) {
        (Some(_), _) => elf.is_randomized(),
        (None, Some(kernel)) => is_randomized(kernel),
        (None, None) => run.config("RANDSTRUCT")? || run.config("GCC_PLUGIN_RANDSTRUCT")?,
    };
    if !is_kernel_randomized {
        let name = if elf.is_randomized() {
            elf.this_module_name_at(section, elf.usual_name_offset())
        } else {
            elf.this_module_name(section)
        };
        return Ok(name.unwrap_or_default());
    }
    let offset = kernel.struct_module().and_then(|layout| layout.name);
    if let Some(offset) = offset.or_else(|| own.and_then(|_| elf.this_module_name_offset(section))) {
        return Ok(elf.this_module_name_at(section, offset).unwrap_or_default());
    }
    if run.ask(Missing::StructModuleLayout)? {
        return Ok(elf.modinfo().get("name").map(Arc::from).unwrap_or_default());
    }
    Ok(Arc::default())
}
