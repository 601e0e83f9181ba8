//! The module's directory in sysfs.

use std::collections::HashSet;
use std::sync::Arc;

use crate::history::{Behaviour, is_taken_in_sysfs};
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel, Missing};

/// Mirrors `mod_sysfs_setup()` (kernel/module/sysfs.c).
pub(in crate::load) fn mod_sysfs_setup(run: &mut Run<'_>) -> StageResult {
    let name = run.mod_name();
    if name.is_empty() {
        // kobject_add_internal() warns with a stack dump and taints the kernel with W.
        run.find(Cause::SysfsName { name: name.to_string(), what: "it is empty".into() }, None);
        run.taint_warn();
        return Err(Stop::Refused(Errno::EINVAL));
    }
    if is_builtin(run, &name)? {
        let line = format!("{name}: module is already loaded");
        run.say(Cause::BuiltinName { name: name.to_string() }, LogLevel::Err, line);
        return Err(Stop::Refused(Errno::EINVAL));
    }
    section_attributes(run)
}

/// Returns whether a built-in module has this directory already. It has one if it has parameters or a version, which is known
/// for the builds whose directories were listed. A list that could not be read may have any name.
fn is_builtin(run: &Run<'_>, name: &str) -> StageResult<bool> {
    let kernel = run.call.kernel;
    if let Some(taken) = is_taken_in_sysfs(run.call.memo.listed_build(kernel), name) {
        return Ok(taken);
    }
    if kernel.is_builtin_with_parameters(name) {
        return Ok(true);
    }
    if kernel.builtin().unwrap_or_default().iter().any(|known| known.as_str() == name) {
        return Ok(!run.ask(Missing::NoParameters(name.to_owned()))?);
    }
    match kernel.unread_builtin() {
        Some(file) => Ok(!run.ask(Missing::unread_builtin(file))?),
        None => Ok(false),
    }
}

/// Mirrors `add_sect_attrs()` (kernel/module/sysfs.c): every section that occupies memory gets a file, so two sections of one
/// name collide. The first `.modinfo`, `__versions` and per-CPU section have no `SHF_ALLOC` any more.
fn section_attributes(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    if info.elf.has_distinct_names() {
        return Ok(());
    }
    let elf = Arc::clone(&info.elf);
    let mut seen = HashSet::new();
    let shown: Vec<_> = elf.sections().iter().filter(|section| info.keeps_alloc(section) && section.size > 0).collect();
    for section in shown {
        let name = elf.section_text(section);
        if seen.insert(name.clone()) {
            continue;
        }
        if !run.config("KALLSYMS")? {
            return Ok(());
        }
        let module = run.mod_name();
        let line = format!("sysfs: cannot create duplicate filename '/module/{module}/sections/{name}'");
        let what = format!("its sections {name} are two");
        run.say(Cause::SysfsName { name: module.to_string(), what }, LogLevel::Warn, line);
        if run.has(Behaviour::LoadSectionAttributesFail)? {
            return Err(Stop::Refused(Errno::EEXIST));
        }
        return Ok(());
    }
    Ok(())
}
