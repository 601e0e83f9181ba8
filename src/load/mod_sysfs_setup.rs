//! Its place in sysfs: mirrors `mod_sysfs_setup()`, kernel/module/sysfs.c.

use std::collections::HashSet;
use std::sync::Arc;

use super::run::{Run, Step, Stop};
use crate::history::Behaviour;
use crate::terms::{Errno, Taint};
use crate::verdict::Cause;

pub(super) fn mod_sysfs_setup(run: &mut Run<'_>) -> Step {
    let name = run.mod_name();
    if name.is_empty() {
        // kobject_add_internal() warns with a stack dump, which taints W.
        run.find(Cause::SysfsName { name, what: "it is empty".into() }, None);
        if !run.surveying {
            run.world.state.tainted.add(Taint::Warn);
        }
        return Err(Stop::Refused(Errno::EINVAL));
    }
    if is_builtin(run, &name) {
        let line = format!("{name}: module is already loaded");
        run.find(Cause::BuiltinName { name }, Some(line.clone()));
        run.err(line);
        return Err(Stop::Refused(Errno::EINVAL));
    }
    section_attributes(run)
}

/// `/sys/module/kernel` is always there, for the kernel's own parameters; the others are those of `modules.builtin`.
fn is_builtin(run: &Run<'_>, name: &str) -> bool {
    let builtin = run.call.kernel.builtin().unwrap_or_default();
    name == "kernel" || builtin.iter().any(|known| known == name)
}

/// Every section that occupies memory gets a file; two of one name collide.
fn section_attributes(run: &mut Run<'_>) -> Step {
    let elf = Arc::clone(&run.info()?.elf);
    let mut seen = HashSet::new();
    for section in elf.sections().iter().filter(|section| section.is_alloc() && section.size > 0) {
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
        run.find(Cause::SysfsName { name: module, what }, Some(line.clone()));
        run.warn(line);
        if run.has(Behaviour::LoadSectionAttributesFail)? {
            return Err(Stop::Refused(Errno::EEXIST));
        }
        return Ok(());
    }
    Ok(())
}
