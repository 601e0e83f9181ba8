//! The module's directory in sysfs.

use std::collections::HashSet;
use std::sync::Arc;

use crate::history::{Behaviour, is_always_in_sysfs, may_be_in_sysfs};
use crate::kernel::SysfsFolder;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::{Errno, KernelRelease};
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
    if &*name == "compression" && decompresses(run)? {
        let line = format!("sysfs: cannot create duplicate filename '/module/{name}'");
        let what = "the kernel has a directory of that name, which tells how it decompresses modules".to_owned();
        run.say(Cause::SysfsName { name: name.to_string(), what }, LogLevel::Warn, line);
        return Err(Stop::Refused(Errno::EEXIST));
    }
    section_attributes(run)
}

/// Returns whether the kernel itself decompresses modules. It then has a directory `compression`, which is no module's
/// (`module_decompress_sysfs_init()`, kernel/module/decompress.c).
fn decompresses(run: &Run<'_>) -> StageResult<bool> {
    match run.call.kernel.module_compression() {
        Some(kind) => Ok(kind.is_some()),
        None => run.config("MODULE_DECOMPRESS"),
    }
}

/// Returns whether a built-in module has this directory already.
///
/// A kernel's image has the names. Without it, a name that some kernel has may be taken, unless this kernel has that code as a module.
fn is_builtin(run: &mut Run<'_>, name: &str) -> StageResult<bool> {
    if is_always_in_sysfs(name) {
        return Ok(true);
    }
    let kernel = run.call.kernel;
    let is_listed = kernel.builtin().unwrap_or_default().iter().any(|known| known.as_str() == name);
    let may_be = is_listed || kernel.is_builtin_with_parameters(name) || may_be_in_sysfs(name);
    // Reading an image takes long, and few modules have such a name.
    let image = if may_be { kernel.boot_image() } else { kernel.given_image() };
    match image.map_or(SysfsFolder::Unknown, |image| image.sysfs_folder(name)) {
        SysfsFolder::Made => return Ok(true),
        SysfsFolder::Absent => return Ok(false),
        SysfsFolder::IfRegistered => {}
        SysfsFolder::Unknown if may_be => {}
        // A list that could not be read may have any name.
        SysfsFolder::Unknown => match kernel.unread_builtin() {
            Some(file) => return Ok(!run.ask(Missing::unread_builtin(file))?),
            None => return Ok(false),
        },
    }
    if !is_listed && is_of_kernel(run, name)? {
        return Ok(false);
    }
    Ok(!run.ask(Missing::NoParameters(name.to_owned()))?)
}

/// Returns whether the kernel has the code of that name as a module, so that it is not built in.
fn is_of_kernel(run: &mut Run<'_>, name: &str) -> StageResult<bool> {
    if run.call.kernel.tree().is_some_and(|tree| tree.module(name).is_some()) {
        return Ok(true);
    }
    let modinfo = &run.info()?.modinfo;
    let release = run.call.kernel.release().map(KernelRelease::as_str);
    if !modinfo.has("intree") || release.is_none() || modinfo.release() != release {
        return Ok(false);
    }
    run.infer(format!("{name} is the module of this kernel's own build, and not built into it"));
    Ok(true)
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
