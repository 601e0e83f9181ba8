//! The notification of live patching and BTF that a module is coming.

use std::borrow::Cow;
use std::sync::Arc;

use crate::elf::{Section, SectionType};
use crate::history::Behaviour;
use crate::kernel::{ConfigOption, Kernel};
use crate::load::btf::{Facts, Invalid, Line, LineKind, Parsed, btf_parse_hdr, btf_parse_module};
use crate::load::run::Run;
use crate::load::state::{Info, Once, StageResult, Stop};
use crate::terms::{Errno, KernelRelease};
use crate::verdict::{Cause, LogLevel, Missing};

/// Whether the kernel reads the type information of modules.
const BTF_MODULES: ConfigOption = ConfigOption("DEBUG_INFO_BTF_MODULES");

/// Whether it loads a module whose type information does not fit.
const ALLOW_MISMATCH: ConfigOption = ConfigOption("MODULE_ALLOW_BTF_MISMATCH");

/// Mirrors `prepare_coming_module()` (kernel/module/main.c).
pub(in crate::load) fn prepare_coming_module(run: &mut Run<'_>) -> StageResult {
    klp_module_coming(run)?;
    btf_module_notify(run)
}

/// Mirrors `klp_module_coming()` (kernel/livepatch/core.c).
fn klp_module_coming(run: &mut Run<'_>) -> StageResult {
    let name = run.mod_name();
    if *name != *"vmlinux" {
        return klp_init_object_loaded(run, &name);
    }
    if !run.config("LIVEPATCH")? {
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

/// Mirrors the call of `klp_init_object_loaded()` (kernel/livepatch/core.c) for the live patches that patch the module. What they
/// patch is registered by their own code. If they cannot patch it, the module is refused.
fn klp_init_object_loaded(run: &mut Run<'_>, name: &str) -> StageResult {
    let patch = run.modules().iter().find(|module| module.may_patch(name)).map(|patch| Arc::clone(&patch.name));
    let Some(patch) = patch else { return Ok(()) };
    if !run.config("LIVEPATCH")?
        || run.ask(Missing::LivePatch { patch: patch.to_string(), module: Some(name.to_owned()) })?
    {
        return Ok(());
    }
    Err(Stop::Refused(Errno::EINVAL))
}

/// Mirrors `btf_module_notify()` (kernel/bpf/btf.c). What decides nothing is not asked: most modules fit.
fn btf_module_notify(run: &mut Run<'_>) -> StageResult {
    let info = Arc::clone(run.shared_info()?);
    let Some(btf) = section(run, &info) else { return Ok(()) };
    let config = run.call.kernel.config();
    let invalid = match &*parsed(run, &info, btf)? {
        Parsed::Valid => return Ok(()),
        Parsed::Invalid(invalid) => invalid.clone(),
        Parsed::WithoutKernel => {
            let built_for = info.modinfo.release();
            let release = run.call.kernel.release().map(KernelRelease::as_str);
            if built_for.is_none() || release == built_for {
                let is_strict = config.is_some_and(|config| config.state(ALLOW_MISMATCH) == Some(false));
                if is_strict && run.has(Behaviour::LoadBtf)? {
                    run.inferred.push("the module's .BTF fits the kernel's: it was built for this release".into());
                }
                return Ok(());
            }
            if run.ask(Missing::Btf)? {
                return Ok(());
            }
            Invalid { errno: Errno::EINVAL, lines: Vec::new(), in_header: false }
        }
    };
    if !run.has(Behaviour::LoadBtf)? || !checks_types(run)? {
        return Ok(());
    }
    report(run, invalid)
}

/// Returns whether the kernel reads the type information of modules. Without its configuration, the messages in its image tell.
fn checks_types(run: &Run<'_>) -> StageResult<bool> {
    let kernel = run.call.kernel;
    match kernel.btf_messages().filter(|_| !is_configured(kernel, BTF_MODULES)) {
        Some(messages) => Ok(messages.allows || messages.refuses),
        None => run.config(BTF_MODULES.0),
    }
}

/// Returns whether the kernel loads a module whose types do not fit. Without its configuration, the messages in its image tell.
fn allows_mismatch(run: &Run<'_>) -> StageResult<bool> {
    let kernel = run.call.kernel;
    let messages = kernel.btf_messages().filter(|_| !is_configured(kernel, ALLOW_MISMATCH));
    match messages {
        Some(messages) if messages.allows => Ok(true),
        // A kernel that allows it has no other message since this change.
        Some(messages) if messages.refuses && run.has(Behaviour::BtfQuiet)? => Ok(false),
        _ => run.config(ALLOW_MISMATCH.0),
    }
}

/// Returns whether the kernel's configuration tells whether an option is set.
fn is_configured(kernel: &Kernel, option: ConfigOption) -> bool {
    kernel.config().is_some_and(|config| config.state(option).is_some())
}

/// Prints why type information is not taken, and refuses the module where the kernel does.
fn report(run: &mut Run<'_>, invalid: Invalid) -> StageResult {
    let allowed = allows_mismatch(run)?;
    let quiet = allowed && run.has(Behaviour::BtfQuiet)?;
    let what = in_short(&invalid.lines);
    for line in invalid.lines {
        let is_printed = !(quiet && line.kind == LineKind::Split);
        if !is_printed {
            continue;
        }
        match line.kind {
            LineKind::Verifier | LineKind::Split => {
                let space = if run.has(Behaviour::BtfLogSpace)? { " " } else { "" };
                run.printk(line.level, format!("BPF:{space}{}", line.text));
            }
            LineKind::RelocateString if !run.has(Behaviour::BtfStringNewline)? => {
                run.printk_held(line.level, line.text)
            }
            LineKind::Relocate | LineKind::RelocateString => run.printk(line.level, line.text),
        }
    }
    let name = run.mod_name();
    let line = if quiet {
        "Kernel module BTF mismatch detected, BTF debug info may be unavailable for some modules".to_owned()
    } else {
        format!("failed to validate module [{name}] BTF: -{}", invalid.errno.number())
    };
    run.find(Cause::BtfMismatch { what, header: invalid.in_header, refused: !allowed }, Some(line.clone().into()));
    if !quiet || run.once(Once::BtfMismatch) {
        run.warn(line);
    }
    if allowed { Ok(()) } else { Err(Stop::Refused(invalid.errno)) }
}

/// The type and what is wrong with it: the first and the last of the lines that say anything.
fn in_short(lines: &[Line]) -> String {
    let plain = |line: &Line| {
        let text = line.text.replace("\\x09", " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let said: Vec<_> = lines.iter().map(plain).filter(|text| !text.is_empty()).collect();
    match said.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first, .., last] => format!("{first}: {last}"),
    }
}

/// The type information of the module; `None` if it has none, or if the configuration says that the kernel reads none.
fn section<'a>(run: &Run<'_>, info: &'a Info) -> Option<&'a Section> {
    let is_off = run.call.kernel.config().is_some_and(|config| config.state(BTF_MODULES) == Some(false));
    info.elf.sections_named(".BTF").next().filter(|section| section.size > 0 && !is_off)
}

/// Checks the type information while the whole file is in memory. [`prepare_coming_module`] finds the result in the cache.
pub(in crate::load) fn check_btf_ahead(run: &Run<'_>) {
    let Ok(info) = run.info() else { return };
    if let Some(btf) = section(run, info).filter(|_| run.call.memo.is_enabled()) {
        // A question that has no answer yet is asked again by the stage itself.
        drop(parsed(run, info, btf));
    }
}

/// What the kernel says to the type information of the module.
fn parsed(run: &Run<'_>, info: &Info, btf: &Section) -> StageResult<Arc<Parsed>> {
    let facts = Facts {
        kernel: run.call.kernel.types(),
        has: &|behaviour| run.has(behaviour),
        read_around: &|| run.read_around(".BTF", "reads a list of types far beyond its end"),
    };
    let endian = info.arch.endian;
    let base = match info.elf.sections_named(".BTF.base").next() {
        Some(base) if run.has(Behaviour::BtfBase)? => Some(base),
        _ => None,
    };
    let key = run.reading().map(|reading| (reading, info.arch, base.is_some()));
    run.try_cached(&run.call.memo.btf, key, || {
        if facts.kernel.is_none() && base.is_none() && btf.kind != SectionType::NOBITS {
            let len = u32::try_from(btf.size).unwrap_or(u32::MAX);
            return Ok(Arc::new(btf_parse_hdr(len, &|from, to| part(info, btf, from, to), endian, &facts)?));
        }
        let base = base.map(|base| contents(run, info, base)).transpose()?;
        Ok(Arc::new(btf_parse_module(&contents(run, info, btf)?, base.as_deref(), endian, &facts)?))
    })
}

/// The bytes between two offsets in a section; none if they are not in the file.
fn part<'a>(info: &'a Info, section: &Section, from: u32, to: u32) -> &'a [u8] {
    let at = |offset: u32| section.offset.saturating_add(u64::from(offset).min(section.size));
    info.elf.bytes().get(at(from)..at(to)).unwrap_or_default()
}

/// The bytes that the kernel has of a section: zeros if it has no contents in the file, but memory.
fn contents<'a>(run: &Run<'_>, info: &'a Info, section: &Section) -> StageResult<Cow<'a, [u8]>> {
    if section.kind != SectionType::NOBITS {
        return Ok(info.elf.contents(section).into());
    }
    if !info.keeps_alloc(section) {
        run.read_around(".BTF", "reads type information that is not in the file")?;
    }
    // No more than a header is looked at: it is none.
    Ok(vec![0; usize::try_from(section.size).unwrap_or(usize::MAX).min(64)].into())
}
