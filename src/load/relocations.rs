//! Relocations: mirrors `apply_relocations()`, kernel/module/main.c, and the architecture's hooks around it.

use super::run::{Run, Step, Stop};
use crate::verdict::Missing;

pub(super) fn module_frob_arch_sections(run: &mut Run<'_>) -> Step {
    let _ = run.info()?;
    Ok(())
}

pub(super) fn apply_relocations(run: &mut Run<'_>) -> Step {
    let _ = run.info()?;
    Ok(())
}

/// The architecture looks for its own sections by name, and so reads the name of every section, also of those whose name
/// nobody has checked (up to 6.12, without `SHF_ALLOC`).
pub(super) fn module_finalize(run: &mut Run<'_>) -> Step {
    let elf = &run.info()?.elf;
    if elf.sections().iter().skip(1).all(|section| elf.section_name(section).is_some()) {
        return Ok(());
    }
    let place = "behind the section name table".to_owned();
    if run.ask(Missing::Memory(place.clone()))? {
        return Ok(());
    }
    Err(Stop::Crash(format!("reads a section's name {place}")))
}
