//! Those who want to know of a coming module: mirrors `klp_module_coming()`, kernel/livepatch/core.c, and
//! `btf_module_notify()`, kernel/bpf/btf.c.

use crate::elf::Section;
use crate::history::Behaviour;
use crate::image::ModuleElf;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel, Missing};

pub(in crate::load) fn prepare_coming_module(run: &mut Run<'_>) -> StageResult {
    klp_module_coming(run)?;
    btf_module_notify(run)
}

fn klp_module_coming(run: &mut Run<'_>) -> StageResult {
    let name = run.mod_name();
    if *name != *"vmlinux" || !run.config("LIVEPATCH")? {
        return Ok(());
    }
    let line = "livepatch: vmlinux.ko: invalid module name";
    run.find(Cause::ReservedName { name: name.to_string() }, Some(line.into()));
    if run.has(Behaviour::LoadKlpVmlinuxNewline)? {
        run.err(line);
    } else {
        run.printk_held(LogLevel::Err, line);
    }
    Err(Stop::Refused(Errno::EINVAL))
}

/// Does the header describe the section? Mirrors `btf_parse_hdr()`, `btf_check_sec_info()` and `btf_parse_str_sec()`; the
/// types themselves refer to the kernel's.
///
/// ```text
/// u16 magic, u8 version, u8 flags, u32 hdr_len, u32 type_off, u32 type_len, u32 str_off, u32 str_len; types; strings
/// ```
/// Tools of 7.x write a longer header; what a kernel does not know of it has to be zero.
fn is_whole_btf(elf: &ModuleElf, section: &Section) -> bool {
    let part = |from: u64, to: u64| {
        let place = |at: u64| section.offset.checked_add(at.min(section.size));
        elf.bytes().get(place(from)?..place(to)?)
    };
    let (header, total) = (part(0, 24).unwrap_or_default(), section.size);
    let number = |offset, width| elf.format().number(header, offset, width);
    let header = (number(0, 2), number(2, 1), number(3, 1), number(4, 4));
    let (Some(types), Some(types_len), Some(strings), Some(strings_len)) =
        (number(8, 4), number(12, 4), number(16, 4), number(20, 4))
    else {
        return false;
    };
    let (magic, version, flags, Some(length)) = header else { return false };
    let beyond = (24..=total).contains(&length).then(|| part(24, length)).flatten();
    (magic, version, flags) == (Some(0xeb9f), Some(1), Some(0))
        && beyond.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
        && types == 0
        && strings == types_len
        && length + types_len + strings_len == total
        // Beside the kernel's own a module may need no strings, or nothing at all.
        && (strings_len == 0 || part(total - 1, total) == Some(&[0]))
}

/// Type information is checked against the kernel's own. A module built for this very release has the right one; of
/// another's nobody can tell without the kernel's.
fn btf_module_notify(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let Some(btf) = info.elf.sections_named(".BTF").find(|section| section.size > 0) else { return Ok(()) };
    let broken = !info.elf.has_whole_btf(|| is_whole_btf(&info.elf, btf));
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
