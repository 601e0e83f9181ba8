//! The checks of `.modinfo`: the vermagic string, and whether the kernel takes live patches.

use std::sync::Arc;

use crate::load::ModuleInitFlags;
use crate::load::run::Run;
use crate::load::stages::vermagic::vermagic;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel, Missing};

/// Mirrors `check_modinfo()` (kernel/module/main.c) up to the comparison of the vermagic strings.
pub(in crate::load) fn check_vermagic(run: &mut Run<'_>) -> StageResult {
    if run.insmod.as_rebuilt {
        return Ok(());
    }
    let by_flag = run.insmod.flags.has(ModuleInitFlags::IGNORE_VERMAGIC);
    let info = run.info()?;
    let has_versions = info.vers.is_some();
    let modinfo = Arc::clone(&info.modinfo);
    let Some(module) = modinfo.get("vermagic").filter(|_| !by_flag) else {
        return run.try_to_force_load("bad vermagic", |forced| Some(Cause::NoVermagic { forced, by_flag }));
    };
    let known =
        run.try_cached(&run.call.memo.vermagic, Some(()), || vermagic(run).map(|known| known.map(Arc::from)))?;
    let Some(kernel) = known else { return unknown_vermagic(run, module) };
    let only_flags = has_versions && run.modversions()?;
    if same_magic(module, &kernel, only_flags) {
        return Ok(());
    }
    let line = format!("{}: version magic '{module}' should be '{kernel}'", run.info_name());
    let cause = Cause::Vermagic { module: module.to_owned(), kernel: kernel.to_string(), with_release: !only_flags };
    run.say(cause, LogLevel::Err, line);
    Err(Stop::Refused(Errno::ENOEXEC))
}

/// Mirrors `same_magic()` (kernel/module/version.c). With symbol versions (`only_flags`) the release is not compared.
fn same_magic(module: &str, kernel: &str, only_flags: bool) -> bool {
    if only_flags { flags_of(module) == flags_of(kernel) } else { module == kernel }
}

/// The part of a vermagic string from the first blank on.
fn flags_of(magic: &str) -> &str {
    magic.find(' ').and_then(|blank| magic.get(blank..)).unwrap_or_default()
}

/// Judges the module's string where the kernel's is unknown: neither a configuration nor a module of the kernel's tree tells
/// it. A module that names the kernel's release and has its version of `module_layout` was built with its headers, and so has
/// its string.
fn unknown_vermagic(run: &mut Run<'_>, module: &str) -> StageResult {
    let kernel = run.call.kernel;
    let release = module.split(' ').next().unwrap_or_default();
    let same_release = kernel.release().is_some_and(|known| known.as_str() == release);
    let info = run.info()?;
    let wanted = info.vers.as_ref().and_then(|versions| versions.get("module_layout"));
    let has_versions = run.modversions()?;
    let same_layout = wanted.zip(kernel.module_layout()).is_some_and(|(wanted, crc)| wanted == u64::from(crc.0));
    if same_release && (same_layout || !has_versions) {
        let with = if has_versions { ", with its version of module_layout" } else { "" };
        run.inferred.push(format!("vermagic fits: the module was built for this release{with}"));
        return Ok(());
    }
    if run.ask(Missing::Vermagic)? {
        return Ok(());
    }
    run.find(Cause::Vermagic { module: module.to_owned(), kernel: String::new(), with_release: true }, None);
    Err(Stop::Refused(Errno::ENOEXEC))
}

/// Mirrors `check_modinfo_livepatch()` (kernel/module/main.c): refuses a live patch where `CONFIG_LIVEPATCH` is not set. The
/// line has no newline.
pub(in crate::load) fn check_livepatch(run: &mut Run<'_>) -> StageResult {
    if !run.info()?.modinfo.has("livepatch") || run.config("LIVEPATCH")? {
        return Ok(());
    }
    let name = run.mod_name();
    let line = format!("{name}: module is marked as livepatch module, but livepatch support is disabled");
    run.find(Cause::LivepatchDisabled, Some(line.clone().into()));
    run.printk_held(LogLevel::Err, line);
    Err(Stop::Refused(Errno::ENOEXEC))
}
