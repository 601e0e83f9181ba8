//! The stages in their order, and what happens when one refuses.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::load::loaded::LoadedModule;
use crate::load::run::Run;
use crate::load::stages::{
    blacklisted, check_modinfo, check_version, complete_formation, do_init_module, elf_validity, find_module_sections,
    finit_module, layout, mod_sysfs_setup, module_sig_check, parse_args, percpu_modalloc, prepare_coming_module,
    relocations, rwx, same_name, simplify_symbols, taints,
};
use crate::load::state::{StageResult, Stop, World};
use crate::terms::Taints;
use crate::verdict::{Missing, Outcome, Stage, Verdict};

type Function = fn(&mut Run<'_>) -> StageResult;

/// Before the module's own name is known.
const FIRST: [(Stage, Function); 3] = [
    (Stage::FinitModule, finit_module::finit_module),
    (Stage::ModuleSigCheck, module_sig_check::module_sig_check),
    (Stage::ElfValidity, elf_validity::elf_validity),
];

/// Up to 6.3: a module that is refused late has tainted the kernel already.
const TAINTS_EARLY: [(Stage, Function); 10] = [
    (Stage::Blacklisted, blacklisted::blacklisted),
    (Stage::CheckModstructVersion, check_version::check_modstruct_version),
    (Stage::CheckModinfo, check_modinfo::check_vermagic),
    (Stage::CheckModinfo, taints::early_taints),
    (Stage::ModuleFrobArchSections, relocations::module_frob_arch_sections),
    (Stage::ModuleEnforceRwxSections, rwx::module_enforce_rwx_sections),
    (Stage::AddUnformedModule, layout::layout_and_allocate),
    (Stage::AddUnformedModule, same_name::module_patient_check_exists),
    (Stage::ModuleAugmentKernelTaints, taints::unsigned),
    (Stage::PercpuModalloc, percpu_modalloc::percpu_modalloc),
];

/// Since 6.4.
const TAINTS_LATE: [(Stage, Function); 10] = [
    (Stage::Blacklisted, blacklisted::blacklisted),
    (Stage::CheckModstructVersion, check_version::check_modstruct_version),
    (Stage::CheckModinfo, check_modinfo::check_vermagic),
    (Stage::CheckModinfo, check_modinfo::check_livepatch),
    (Stage::ModulePatientCheckExists, same_name::module_patient_check_exists),
    (Stage::ModuleFrobArchSections, relocations::module_frob_arch_sections),
    (Stage::ModuleEnforceRwxSections, rwx::module_enforce_rwx_sections),
    (Stage::AddUnformedModule, layout::layout_and_allocate),
    (Stage::ModuleAugmentKernelTaints, taints::module_augment_kernel_taints),
    (Stage::PercpuModalloc, percpu_modalloc::percpu_modalloc),
];

/// The same in every version.
const LAST: [(Stage, Function); 11] = [
    (Stage::FindModuleSections, find_module_sections::check_export_symbol_versions),
    (Stage::SetupModinfo, find_module_sections::setup_modinfo),
    (Stage::SimplifySymbols, simplify_symbols::simplify_symbols),
    (Stage::ApplyRelocations, relocations::apply_relocations),
    (Stage::ModuleFinalize, layout::post_relocation),
    (Stage::ModuleFinalize, relocations::module_finalize),
    (Stage::CompleteFormation, complete_formation::complete_formation),
    (Stage::PrepareComing, prepare_coming_module::prepare_coming_module),
    (Stage::ParseArgs, parse_args::parse_args),
    (Stage::ModSysfsSetup, mod_sysfs_setup::mod_sysfs_setup),
    (Stage::DoInitModule, do_init_module::do_init_module),
];

/// Mirrors `load_module()`: what happens in one world. `Err` asks for a fact.
pub(super) fn load_module(mut run: Run<'_>) -> Result<(World, Verdict), Missing> {
    let mut refused = None;
    for (stage, function) in &FIRST {
        step(&mut run, *stage, *function, &mut refused)?;
        let goes_on = run.surveys() && run.insmod.look_on && (*stage != Stage::ElfValidity || run.info.is_some());
        if refused.is_some() && !goes_on {
            return Ok(conclude(run, refused));
        }
    }
    let late = match run.has(Behaviour::LoadTaintLate) {
        Ok(late) => late,
        Err(Stop::Ask(missing)) => return Err(missing),
        Err(_) => true,
    };
    let early: &[(Stage, Function)] = if late { &TAINTS_LATE } else { &TAINTS_EARLY };
    let sections: [(Stage, Function); 2] = [
        (Stage::FindModuleSections, find_module_sections::find_module_sections),
        (Stage::FindModuleSections, if late { nothing } else { taints::check_module_license }),
    ];
    for (stage, function) in early.iter().chain(&sections).chain(&LAST) {
        let looks_on = refused.is_some();
        step(&mut run, *stage, *function, &mut refused)?;
        if refused.is_some() && !looks_on && !run.surveys() {
            break;
        }
    }
    Ok(conclude(run, refused))
}

fn nothing(_: &mut Run<'_>) -> StageResult {
    Ok(())
}

/// What a refused run has come to, put aside while the later stages are looked at.
struct Refusal {
    outcome: Outcome,
    world: World,
}

/// The stages whose outcome a build against the kernel's own headers makes good.
const MADE_GOOD: [Stage; 4] =
    [Stage::CheckModstructVersion, Stage::ModuleFrobArchSections, Stage::ApplyRelocations, Stage::PrepareComing];

/// Runs one stage. The first refusal is kept; behind it, stages run on a copy that prints and changes nothing.
fn step(run: &mut Run<'_>, stage: Stage, function: Function, refused: &mut Option<Refusal>) -> Result<(), Missing> {
    if run.insmod.as_rebuilt && MADE_GOOD.contains(&stage) {
        return Ok(());
    }
    run.stage = stage;
    if run.call.passed.has(run, stage) {
        return Ok(());
    }
    if stage == Stage::ElfValidity
        && let Some(info) = run.call.passed.info(run)
    {
        run.info = Some(info);
        return Ok(());
    }
    let said = |run: &Run<'_>| (run.findings.len(), run.log.len(), run.inferred.len());
    let before = said(run);
    let outcome = match function(run) {
        Ok(()) => {
            if said(run) == before {
                run.call.passed.keep(run, stage);
            }
            return Ok(());
        }
        Err(Stop::Ask(missing)) => return Err(missing),
        Err(Stop::Refused(errno)) => Outcome::Refused { errno, stage },
        Err(Stop::Crash(why)) => Outcome::Crash { stage, why },
    };
    if refused.is_none() {
        *refused = Some(Refusal { outcome, world: run.world.clone() });
        run.surveying = true;
    }
    Ok(())
}

fn conclude(run: Run<'_>, refused: Option<Refusal>) -> (World, Verdict) {
    let named = |info: &crate::load::state::Info| {
        if info.mod_name.is_empty() { info.name.to_string() } else { info.mod_name.to_string() }
    };
    let name = run.info.as_ref().map_or_else(|| announced_name(&run), named);
    let (outcome, mut world) = match refused {
        Some(Refusal { outcome, world }) => (outcome, world),
        None => (Outcome::Loads, run.world),
    };
    let mut module_taints = Taints::NONE;
    if let (Outcome::Loads, Some(info)) = (&outcome, run.info) {
        module_taints = info.taints;
        let section = info.elf.sections().get(info.this_module);
        let [has_init, has_exit] = section.map_or([false; 2], |section| info.elf.has_init_and_exit(section));
        let percpu = info.percpu.and_then(|index| info.elf.sections().get(index)).map_or(0, |section| section.size);
        let module = LoadedModule {
            name: info.mod_name,
            license: info.license,
            taints: info.taints,
            exports: info.exports,
            uses: info.uses,
            has_init,
            has_exit,
            percpu,
        };
        Arc::make_mut(&mut world.state.modules).insert(0, Arc::new(module));
    }
    let (kernel_tainted, log, findings, inferred) = (world.state.tainted, run.log, run.findings, run.inferred);
    let verdict = Verdict { log, module_taints, kernel_tainted, findings, inferred, ..Verdict::new(name, outcome) };
    (world, verdict)
}

/// The name before the loader knows one: what the file says of itself, else the file's.
fn announced_name(run: &Run<'_>) -> String {
    let announced = run.image.as_announced().and_then(|elf| elf.modinfo().get("name").map(str::to_owned));
    announced.or_else(|| crate::kernel::module_name_of(run.image.path())).unwrap_or_default()
}
