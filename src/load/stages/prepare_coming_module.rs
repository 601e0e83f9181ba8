//! The notification of live patching and BTF that a module is coming.

use crate::elf::Section;
use crate::history::Behaviour;
use crate::image::ModuleElf;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel, Missing};

/// Mirrors `prepare_coming_module()` (kernel/module/main.c).
pub(in crate::load) fn prepare_coming_module(run: &mut Run<'_>) -> StageResult {
    klp_module_coming(run)?;
    btf_module_notify(run)
}

/// Mirrors `klp_module_coming()` (kernel/livepatch/core.c).
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

/// Returns whether the BTF header describes the section. Mirrors `btf_parse_hdr()`, `btf_check_sec_info()` and
/// `btf_parse_str_sec()` (kernel/bpf/btf.c). The types themselves are not checked, because they refer to the kernel's.
///
/// ```text
/// u16 magic, u8 version, u8 flags, u32 hdr_len, u32 type_off, u32 type_len, u32 str_off, u32 str_len; types; strings
/// ```
/// Tools of 7.x write a longer header. The part that a kernel does not know has to be zero.
fn is_whole_btf(elf: &ModuleElf, section: &Section) -> bool {
    let total = section.size;
    let header = section_part(elf, section, 0, 24).unwrap_or_default();
    let number = |offset, width| elf.format().number(header, offset, width);
    if number(0, 2) != Some(0xeb9f) || number(2, 1) != Some(1) || number(3, 1) != Some(0) {
        return false;
    }
    let Some(header_len) = number(4, 4) else { return false };
    let Some(types) = number(8, 4) else { return false };
    let Some(types_len) = number(12, 4) else { return false };
    let Some(strings) = number(16, 4) else { return false };
    let Some(strings_len) = number(20, 4) else { return false };
    if !(24..=total).contains(&header_len) {
        return false;
    }
    let Some(unknown) = section_part(elf, section, 24, header_len) else { return false };
    unknown.iter().all(|byte| *byte == 0)
        && types == 0
        && strings == types_len
        && header_len + types_len + strings_len == total
        // A module's types extend the kernel's, so it may have no strings, or nothing at all.
        && (strings_len == 0 || section_part(elf, section, total - 1, total) == Some(&[0]))
}

/// The bytes of a section between two offsets in it. `None` if they are not in the file.
fn section_part<'a>(elf: &'a ModuleElf, section: &Section, from: u64, to: u64) -> Option<&'a [u8]> {
    let start = section.offset.checked_add(from.min(section.size))?;
    let end = section.offset.checked_add(to.min(section.size))?;
    elf.bytes().get(start..end)
}

/// Mirrors `btf_module_notify()` (kernel/bpf/btf.c). The kernel checks the module's types against its own. They fit if the
/// module was built for exactly this release; otherwise only the kernel's types would tell.
fn btf_module_notify(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let Some(btf) = info.elf.sections_named(".BTF").find(|section| section.size > 0) else { return Ok(()) };
    let is_broken = !info.elf.has_whole_btf(|| is_whole_btf(&info.elf, btf));
    if is_broken && run.has(Behaviour::LoadBtf)? && run.config("DEBUG_INFO_BTF_MODULES")? {
        let allowed = run.config("MODULE_ALLOW_BTF_MISMATCH")? || run.ask(Missing::Btf)?;
        return if allowed { Ok(()) } else { Err(Stop::Refused(Errno::EINVAL)) };
    }
    if is_broken || !run.has(Behaviour::LoadBtf)? {
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
