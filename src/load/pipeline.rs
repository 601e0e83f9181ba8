//! The order of the stages, and the survey of the later stages once one refuses the module.

use std::cell::Cell;
use std::sync::Arc;

use crate::history::Behaviour;
use crate::image::Image;
use crate::load::Insmod;
use crate::load::cache::passed::Passed;
use crate::load::loaded::LoadedModule;
use crate::load::run::forks::Forks;
use crate::load::run::{Call, Run};
use crate::load::stages::export_data::is_export_data_overwritten;
use crate::load::stages::function_pointers::function_pointers;
use crate::load::stages::struct_module::{Misfit, free_module};
use crate::load::stages::{
    blacklisted, check_modinfo, check_version, complete_formation, do_init_module, elf_validity, find_module_sections,
    finit_module, layout, livepatch, mod_sysfs_setup, module_sig_check, parse_args, percpu_modalloc,
    prepare_coming_module, relocations, rwx, same_name, simplify_symbols, taints,
};
use crate::load::state::{Open, StageResult, Stop, World};
use crate::terms::Taints;
use crate::verdict::{Outcome, Stage, Verdict};

/// A stage: the kernel function that it emulates.
type Function = fn(&mut Run<'_>) -> StageResult;

/// The stages before the module's name is known.
const FIRST: [(Stage, Function); 3] = [
    (Stage::FinitModule, finit_module::finit_module),
    (Stage::ModuleSigCheck, module_sig_check::module_sig_check),
    (Stage::ElfValidity, elf_validity::elf_validity),
];

/// The next stages up to 6.3. They taint the kernel early, so a module that a later stage refuses leaves its taints.
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

/// The next stages since 6.4. They taint the kernel once the module is in the list.
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

/// The last stages, in the order that every version has.
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

/// Mirrors `load_module()` (kernel/module/main.c) in one world.
///
/// Returns the world afterwards and the verdict, or as `Err` what a stage needs to know and no file tells.
pub(super) fn load_module(mut run: Run<'_>) -> Result<(World, Verdict), Open> {
    let mut refused = None;
    for (position, (stage, function)) in FIRST.iter().enumerate() {
        run_stage(&mut run, position, *stage, *function, &mut refused)?;
        if refused.is_none() {
            continue;
        }
        // The later stages need what the ELF checks gather.
        let goes_on = match *stage {
            Stage::ElfValidity => run.unrecorded_info().is_some(),
            // Of a file that is empty or cannot be decompressed, nothing is known that could be looked at.
            Stage::FinitModule if run.image.fault().is_some() || run.image.contents().is_empty() => false,
            _ => run.insmod.look_on,
        };
        if !run.surveys() || !goes_on {
            return Ok(conclude(run, refused));
        }
    }
    let late = match run.has(Behaviour::LoadTaintLate) {
        Ok(late) => late,
        Err(Stop::Ask(missing)) => return Err(Open::Question(missing)),
        Err(_) => true,
    };
    run.releases_agree()?;
    let early: &[(Stage, Function)] = if late { &TAINTS_LATE } else { &TAINTS_EARLY };
    let sections: [(Stage, Function); 2] = [
        (Stage::FindModuleSections, find_module_sections::find_module_sections),
        (Stage::FindModuleSections, if late { pass } else { taints::check_module_license }),
    ];
    // The positions of both orders are distinct, because they are the keys of `Call::passed`.
    let first = if late { FIRST.len() } else { FIRST.len() + early.len() + sections.len() + LAST.len() };
    for (position, (stage, function)) in early.iter().chain(&sections).chain(&LAST).enumerate() {
        let surveying = refused.is_some();
        run_stage(&mut run, first + position, *stage, *function, &mut refused)?;
        if refused.is_some() && !surveying && !run.surveys() {
            break;
        }
    }
    Ok(conclude(run, refused))
}

/// Attempts system calls in one world, up to the first that is not refused. The verdict is the last one's, with the lines of all.
pub(super) fn load_module_by(
    calls: &[Insmod],
    call: Call<'_>,
    image: &Image,
    world: &World,
    forks: &Forks,
) -> Result<(World, Verdict), Open> {
    let mut log = Vec::new();
    let mut asked = Vec::new();
    let mut world = world.clone();
    let mut ended = None;
    for insmod in calls {
        let passed = Passed::default();
        let call = Call { passed: &passed, ..call };
        let (after, mut verdict) = load_module(Run::new(call, image, insmod, world, forks))?;
        log.append(&mut verdict.log);
        asked.extend(after.asked.iter().cloned());
        world = after.clone();
        let is_refused = matches!(verdict.outcome, Outcome::Refused { .. });
        ended = Some((after, verdict));
        if !is_refused {
            break;
        }
    }
    // There is always a call.
    let (world, verdict) = ended.unwrap_or_else(|| (world, Verdict::new("", Outcome::Undetermined)));
    Ok((World { asked, ..world }, Verdict { log, ..verdict }))
}

/// A stage that this kernel does not have.
fn pass(_: &mut Run<'_>) -> StageResult {
    Ok(())
}

/// The outcome of a refused run and the world at that moment, kept while the later stages are surveyed.
struct Refusal {
    outcome: Outcome,
    world: World,
}

/// The stages that a module passes if it is built with the headers of this kernel.
const PASSED_IF_REBUILT: [Stage; 4] =
    [Stage::CheckModstructVersion, Stage::ModuleFrobArchSections, Stage::ApplyRelocations, Stage::PrepareComing];

/// The stages that free a module with relocated fields if they refuse it.
const FREES_RELOCATED: [Stage; 6] = [
    Stage::ModuleFinalize,
    Stage::CompleteFormation,
    Stage::PrepareComing,
    Stage::ParseArgs,
    Stage::ModSysfsSetup,
    Stage::DoInitModule,
];

/// Runs one stage, or skips it if another attempt passed it on equal premises.
///
/// The first refusal is kept in `refused`. The stages past it are surveyed and print nothing.
fn run_stage(
    run: &mut Run<'_>,
    position: usize,
    stage: Stage,
    function: Function,
    refused: &mut Option<Refusal>,
) -> Result<(), Open> {
    if run.insmod.as_rebuilt && PASSED_IF_REBUILT.contains(&stage) {
        return Ok(());
    }
    run.begin(stage);
    if run.may_skip()
        && let Some(effect) = run.call.passed.get(position, |premises| run.holds(premises))
    {
        run.take_over(effect);
        return Ok(());
    }
    let before = output_lengths(run);
    let mut result = function(run);
    if refused.is_none() && FREES_RELOCATED.contains(&stage) && matches!(result, Err(Stop::Refused(_))) {
        result = free_module(run).and(result);
    }
    run.releases_agree()?;
    let outcome = match result {
        Ok(()) => {
            // A stage that prints or finds something is not skipped. Neither is one that took a symbol for resolved, which it
            // may do while a file is read ahead.
            if run.may_keep() && output_lengths(run) == before && !run.call.assumed.is_some_and(Cell::get) {
                run.call.passed.keep(position, || run.recorded());
            }
            return Ok(());
        }
        Err(Stop::Ask(missing)) => return Err(Open::Question(missing)),
        Err(Stop::Refused(errno)) => Outcome::Refused { errno, stage },
        Err(Stop::Crash(why)) => Outcome::Crash { stage, why },
    };
    if refused.is_none() {
        *refused = Some(Refusal { outcome, world: run.unrecorded_world() });
        run.survey();
    }
    Ok(())
}

/// The number of findings, log lines and inferences so far.
const fn output_lengths(run: &Run<'_>) -> (usize, usize, usize) {
    (run.findings.len(), run.log.len(), run.inferred.len())
}

/// Makes the verdict. Adds the module to the list of loaded modules if no stage refused it.
fn conclude(run: Run<'_>, refused: Option<Refusal>) -> (World, Verdict) {
    let name = match run.unrecorded_info() {
        Some(info) if info.mod_name.is_empty() => info.name.to_string(),
        Some(info) => info.mod_name.to_string(),
        None => announced_name(&run),
    };
    // Only modules that are loaded one by one can be looked into later.
    let is_looked_into = refused.is_none() && !run.call.dependencies_loaded && run.call.assumed.is_none();
    let symbols = run.unrecorded_info().filter(|_| is_looked_into).and_then(|info| livepatch::kept_symbols(info));
    let patches = run.unrecorded_info().filter(|_| refused.is_none()).and_then(|info| livepatch::patched_modules(info));
    let call = run.call;
    let args = &run.insmod.args;
    let ended = run.end();
    let (outcome, mut world) = match refused {
        Some(Refusal { outcome, world }) => (outcome, world),
        None => (Outcome::Loads, ended.world),
    };
    world.asked = ended.asked;
    let mut module_taints = Taints::NONE;
    if let (Outcome::Loads, Some(info)) = (&outcome, ended.info) {
        module_taints = ended.taints;
        let [init, exit] = function_pointers(call, &info);
        let misfit = Misfit::of(call, &info);
        let is_overwritten = misfit.as_ref().is_some_and(|misfit| misfit.is_unforeseeable(args));
        let is_export_data_overwritten = is_export_data_overwritten(&info, misfit.as_ref());
        let percpu = info.percpu.and_then(|index| info.elf.sections().get(index)).map_or(0, |section| section.size);
        let module = LoadedModule {
            name: Arc::clone(&info.mod_name),
            number: call.number,
            license: info.license.clone(),
            taints: module_taints,
            exports: Arc::clone(&info.exports),
            uses: info.uses.names().to_vec(),
            init,
            exit,
            is_overwritten,
            is_export_data_overwritten,
            percpu,
            symbols,
            patches,
        };
        Arc::make_mut(&mut world.state.modules).insert(0, Arc::new(module));
    }
    let kernel_tainted = world.state.tainted;
    let verdict = Verdict {
        log: ended.log,
        module_taints,
        kernel_tainted,
        findings: ended.findings,
        inferred: ended.inferred,
        ..Verdict::new(name, outcome)
    };
    (world, verdict)
}

/// The module's name before the loader knows it: the `name` field of `.modinfo`, else the name of the file.
fn announced_name(run: &Run<'_>) -> String {
    let announced = run.image.as_announced().and_then(|elf| elf.modinfo().get("name").map(str::to_owned));
    announced.or_else(|| crate::kernel::module_name_of(run.image.path())).unwrap_or_default()
}
