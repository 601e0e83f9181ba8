//! Those who want to know of a coming module: mirrors `klp_module_coming()`, kernel/livepatch/core.c, and
//! `btf_module_notify()`, kernel/bpf/btf.c.

use super::run::{Run, Step, Stop};
use crate::history::Behaviour;
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel, Missing};

pub(super) fn prepare_coming_module(run: &mut Run<'_>) -> Step {
    klp_module_coming(run)?;
    btf_module_notify(run)
}

fn klp_module_coming(run: &mut Run<'_>) -> Step {
    let name = run.mod_name();
    if name != "vmlinux" || !run.config("LIVEPATCH")? {
        return Ok(());
    }
    let line = "livepatch: vmlinux.ko: invalid module name";
    run.find(Cause::ReservedName { name }, Some(line.to_owned()));
    if run.has(Behaviour::LoadKlpVmlinuxNewline)? {
        run.err(line);
    } else {
        run.printk_held(LogLevel::Err, line);
    }
    Err(Stop::Refused(Errno::EINVAL))
}

/// Type information is checked against the kernel's own. A module built for this very release has the right one; of
/// another's nobody can tell without the kernel's.
fn btf_module_notify(run: &mut Run<'_>) -> Step {
    let info = run.info()?;
    let Some(btf) = info.elf.sections_named(".BTF").find(|section| section.size > 0) else { return Ok(()) };
    // struct btf_header (include/uapi/linux/btf.h): 24 bytes that begin with the magic.
    let magic = info.elf.elf().number(info.elf.contents(btf), 0, 2);
    let broken = btf.size < 24 || magic != Some(0xeb9f);
    if broken && run.has(Behaviour::LoadBtf)? && run.config("DEBUG_INFO_BTF_MODULES")? {
        let allowed = run.config("MODULE_ALLOW_BTF_MISMATCH")? || run.ask(Missing::Btf)?;
        return if allowed { Ok(()) } else { Err(Stop::Refused(Errno::EINVAL)) };
    }
    if broken || !run.has(Behaviour::LoadBtf)? {
        return Ok(());
    }
    let release = run.call.kernel.release().map(ToString::to_string);
    let built_for = info.modinfo.get("vermagic").and_then(|vermagic| vermagic.split(' ').next());
    if built_for.is_none() || release.as_deref() == built_for || info.elf.sections_named(".BTF.base").next().is_some() {
        return Ok(());
    }
    if !run.config("DEBUG_INFO_BTF_MODULES")? || run.config("MODULE_ALLOW_BTF_MISMATCH")? || run.ask(Missing::Btf)? {
        return Ok(());
    }
    Err(Stop::Refused(Errno::EINVAL))
}
