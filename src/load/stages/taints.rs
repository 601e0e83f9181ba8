//! The taints that a module gives to the kernel.

use crate::history::Behaviour;
use crate::load::run::Run;
use crate::load::state::{Once, StageResult};
use crate::terms::{ElfMachine, License, Taint};
use crate::verdict::Cause;

/// Mirrors `module_augment_kernel_taints()` (kernel/module/main.c), since 6.4: sets all taints once the module is in the list.
pub(in crate::load) fn module_augment_kernel_taints(run: &mut Run<'_>) -> StageResult {
    let before = run.test_taint(Taint::ProprietaryModule);
    out_of_tree(run)?;
    retpoline(run)?;
    staging(run)?;
    livepatch(run)?;
    license(run)?;
    test(run)?;
    unsigned(run)?;
    special_names(run)?;
    license_line(run, before);
    Ok(())
}

/// Mirrors the taints of `check_modinfo()` (kernel/module/main.c) up to 6.3. The check for live patches is between them.
pub(in crate::load) fn early_taints(run: &mut Run<'_>) -> StageResult {
    out_of_tree(run)?;
    retpoline(run)?;
    staging(run)?;
    super::check_modinfo::check_livepatch(run)?;
    livepatch(run)?;
    license(run)?;
    test(run)
}

/// The taint of an unsigned module. Up to 6.3 `load_module()` (kernel/module/main.c) sets it.
pub(in crate::load) fn unsigned(run: &mut Run<'_>) -> StageResult {
    if run.sig_ok() || !run.module_sig()? {
        return Ok(());
    }
    if run.once(Once::VerificationFailed) {
        let name = run.mod_name();
        run.notice(format!(
            "{name}: module verification failed: signature and/or required key missing - tainting kernel"
        ));
    }
    run.add_taint_module(Taint::UnsignedModule, false)
}

/// Mirrors `check_module_license_and_versions()` (kernel/module/main.c) up to 6.3: the modules that count as proprietary by
/// name. The line is printed only if this function sets the taint, not if an earlier one did.
pub(in crate::load) fn check_module_license(run: &mut Run<'_>) -> StageResult {
    let before = run.test_taint(Taint::ProprietaryModule);
    special_names(run)?;
    license_line(run, before);
    Ok(())
}

/// Returns whether `.modinfo` has a field of that tag.
fn modinfo_has(run: &Run<'_>, tag: &str) -> StageResult<bool> {
    Ok(run.info()?.modinfo.has(tag))
}

fn out_of_tree(run: &mut Run<'_>) -> StageResult {
    if modinfo_has(run, "intree")? {
        return Ok(());
    }
    if !run.test_taint(Taint::OotModule) {
        let name = run.mod_name();
        run.warn(format!("{name}: loading out-of-tree module taints kernel."));
    }
    run.add_taint_module(Taint::OotModule, false)
}

fn retpoline(run: &mut Run<'_>) -> StageResult {
    let x86 = matches!(run.info()?.arch.machine, ElfMachine::X86_64 | ElfMachine::I386);
    if !x86 || modinfo_has(run, "retpoline")? || run.call.cmdline.no_spectre_v2 {
        return Ok(());
    }
    if run.config("RETPOLINE")? || run.config("MITIGATION_RETPOLINE")? {
        let name = run.mod_name();
        run.err("Spectre V2 : System may be vulnerable to spectre v2");
        run.warn(format!("{name}: loading module not compiled with retpoline compiler."));
    }
    Ok(())
}

fn staging(run: &mut Run<'_>) -> StageResult {
    if modinfo_has(run, "staging")? {
        run.add_taint_module(Taint::Crap, false)?;
        let name = run.mod_name();
        run.warn(format!(
            "{name}: module is from the staging directory, the quality is unknown, you have been warned."
        ));
    }
    Ok(())
}

fn livepatch(run: &mut Run<'_>) -> StageResult {
    if !modinfo_has(run, "livepatch")? {
        return Ok(());
    }
    run.add_taint_module(Taint::Livepatch, false)?;
    if run.once(Once::Livepatch) {
        let name = run.mod_name();
        run.notice(format!("{name}: tainting kernel with TAINT_LIVEPATCH"));
    }
    Ok(())
}

/// Finds that the module has licenses of both kinds. The loader never looks at those after the first.
fn several_licenses(run: &mut Run<'_>) -> StageResult {
    let mut licenses = run.info()?.modinfo.all("license").map(License::new);
    let Some(first) = licenses.next() else { return Ok(()) };
    let others: Vec<License> = licenses.collect();
    if others.iter().any(|other| other.is_gpl_compatible() != first.is_gpl_compatible()) {
        run.find(Cause::SeveralLicenses { first, others }, None);
    }
    Ok(())
}

/// Mirrors `module_license_taint_check()` (kernel/module/main.c).
fn license(run: &mut Run<'_>) -> StageResult {
    several_licenses(run)?;
    let license = match &run.info()?.license {
        Some(license) if license.is_gpl_compatible() => return Ok(()),
        Some(license) => license.clone(),
        None => License::new("unspecified"),
    };
    if !run.test_taint(Taint::ProprietaryModule) {
        let name = run.mod_name();
        run.warn(format!("{name}: module license '{license}' taints kernel."));
    }
    run.add_taint_module(Taint::ProprietaryModule, true)
}

fn test(run: &mut Run<'_>) -> StageResult {
    if !modinfo_has(run, "test")? || !run.has(Behaviour::LoadTestTaint)? {
        return Ok(());
    }
    if !run.test_taint(Taint::Test) {
        let name = run.mod_name();
        run.warn(format!("{name}: loading test module taints kernel."));
    }
    run.add_taint_module(Taint::Test, false)
}

/// The modules that count as proprietary by name, whatever their license. ndiswrapper taints only the kernel, because it is
/// free but loads proprietary code.
fn special_names(run: &mut Run<'_>) -> StageResult {
    match &*run.mod_name() {
        "ndiswrapper" => run.add_taint(Taint::ProprietaryModule, true),
        "driverloader" | "lve" => run.add_taint_module(Taint::ProprietaryModule, true),
        _ => Ok(()),
    }
}

/// Prints the line of the proprietary taint, if the kernel did not have the taint before.
fn license_line(run: &mut Run<'_>, tainted_before: bool) {
    if !tainted_before && run.test_taint(Taint::ProprietaryModule) {
        let name = run.mod_name();
        run.warn(format!("{name}: module license taints kernel."));
    }
}
