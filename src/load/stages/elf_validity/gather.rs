//! Filling `struct load_info`, once all checks have passed.

use std::collections::HashSet;
use std::sync::Arc;

use super::checks::Checks;
use crate::history::Behaviour;
use crate::image::{Modinfo, Versions};
use crate::load::ModuleInitFlags;
use crate::load::run::Run;
use crate::load::state::{Info, StageResult, Stop, Uses};
use crate::terms::{ElfMachine, Errno};

impl Checks<'_> {
    /// Sets the fields of `struct load_info` and `struct module` that later stages read. `this_module` is the index of
    /// `.gnu.linkonce.this_module`.
    pub(super) fn gather(&self, run: &mut Run<'_>, this_module: usize) -> StageResult {
        let elf = Arc::clone(self.elf);
        let section = elf.sections().get(this_module).cloned().ok_or(Stop::Refused(Errno::ENOEXEC))?;
        let mod_name = elf.this_module_name(&section).unwrap_or_default();
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
