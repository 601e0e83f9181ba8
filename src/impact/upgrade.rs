//! Judges modules on another kernel: each file as it is, and as a new build of its source.

use std::sync::{Mutex, PoisonError};

use super::diff::Comparison;
use super::judge::{inherit, read_headers};
use super::{Circumstances, Kernels, ModuleImpact, SymbolImpact, Uncompared};
use crate::check::{Check, ModprobeError, try_each};
use crate::history::{Behaviour, Calendar};
use crate::image::{Error, Image};
use crate::load::Insmod;
use crate::terms::parallel;
use crate::verdict::{Code, Outcome, Verdict};
use crate::why::{explain, undefined, without_memory};

/// The largest number of modules for which each changed loader rule is tried both ways.
const RULES_FOR: usize = 64;

/// The outcome for all modules on the later kernel.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Upgrade<'a> {
    /// The outcome for each module, in the order given.
    pub modules: Vec<ModuleImpact<'a>>,
    /// The aspects of the exports that cannot be compared.
    pub uncompared: Vec<Uncompared>,
    /// The loader behaviours that only one of the kernels has, and whether the later one has it.
    pub rules: Vec<(Behaviour, bool)>,
    /// Whether each rule was tried both ways. With many modules, or with some that do not fit into memory, none is.
    pub rules_tried: bool,
}

impl<'a> Upgrade<'a> {
    /// Judges modules on the later kernel and compares the symbols they need on both kernels. A module that depends on
    /// others of the given modules gets them, as they are judged themselves.
    ///
    /// # Errors
    /// When a file of the later kernel's tree, or a debug file that was asked for, cannot be read.
    pub fn of(kernels: Kernels<'a>, images: &[Image], circumstances: &Circumstances) -> Result<Self, ModprobeError> {
        let lookup = &circumstances.lookup;
        let as_it_is = Insmod { look_on: true, ..Insmod::default() };
        let as_rebuilt = Insmod { as_rebuilt: true, ..as_it_is.clone() };
        let judge = |insmod: &Insmod| checking(kernels, circumstances, insmod).images(images);
        let (binaries, rebuilt) = if images.iter().all(Image::is_whole) {
            parallel::join(|| judge(&as_it_is), || judge(&as_rebuilt))
        } else {
            // The files do not all fit into memory: they would take it from each other.
            (judge(&as_it_is), judge(&as_rebuilt))
        };
        let binaries = binaries?;
        let rebuilt = rebuilt?;
        let comparison = kernels.before.zip(kernels.after).map(|(before, after)| Comparison::of(before, after));
        let verdicts = binaries.into_iter().zip(rebuilt).map(|verdicts| Mutex::new(Some(verdicts)));
        let judged: Vec<_> = images.iter().zip(verdicts).collect();
        let begin = |image: &Image, verdicts: &Mutex<Option<(Verdict, Verdict)>>, may_read: bool| {
            let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
            // A file that does not fit into memory beside the others is read once for all of this.
            let completed = if may_read { completed(image, verdicts.as_ref())? } else { None };
            let image = completed.as_ref().unwrap_or(image);
            if let Some((binary, rebuilt)) = verdicts.as_mut().filter(|_| may_read)
                && binary.outcome != Outcome::Loads
            {
                explain(rebuilt, image, kernels.to, lookup)?;
            }
            let Some((binary, rebuilt)) = verdicts.take() else { return Ok(None) };
            let rebuilt = Some(rebuilt).filter(|_| binary.outcome != Outcome::Loads);
            let module = ModuleImpact::begun(kernels, comparison.as_ref(), image, binary, rebuilt);
            let facts = match if may_read { module.facts(image, circumstances) } else { Ok(module.without_facts()) } {
                Err(error) if error.is_about_memory() => module.without_facts(),
                facts => facts?,
            };
            Ok(Some((module, facts)))
        };
        let begun = try_each(&judged, |(image, verdicts)| begin(image, verdicts, true));
        let (mut modules, mut facts) = (Vec::with_capacity(images.len()), Vec::with_capacity(images.len()));
        for (begun, (image, verdicts)) in begun.into_iter().zip(&judged) {
            let begun = match begun {
                Err(error) if error.is_about_memory() => {
                    let mut begun = begin(image, verdicts, false)?;
                    let rebuilt = begun.iter_mut().flat_map(|(module, _)| &mut module.rebuilt);
                    rebuilt.for_each(|rebuilt| rebuilt.debug_info = without_memory(image, &error));
                    begun
                }
                begun => begun?,
            };
            if let Some((module, source)) = begun {
                modules.push(module);
                facts.push(source);
            }
        }
        read_headers(kernels, &mut modules, &facts);
        for (module, facts) in modules.iter_mut().zip(&facts) {
            module.symbols.retain(SymbolImpact::says_something);
            module.consider_inlines(kernels.after, circumstances.inlines.as_ref(), facts.inlined.as_ref());
            module.answer();
        }
        inherit(&mut modules);
        let rules: Vec<(Behaviour, bool)> = match (Calendar::of(kernels.from), Calendar::of(kernels.to)) {
            (Some(before), Some(after)) => before.changes(after).collect(),
            _ => Vec::new(),
        };
        // A file that would have to be read again for each rule is too large to try them.
        let rules_tried = images.len() <= RULES_FOR && !images.iter().any(|image| !image.is_whole() && image.lacked());
        if rules_tried {
            let changed: Vec<_> = rules.iter().map(|(behaviour, _)| *behaviour).collect();
            decisive(kernels, circumstances, images, &changed, &mut modules)?;
        }
        Ok(Self {
            modules,
            rules,
            rules_tried,
            uncompared: comparison.map(|known| known.uncompared()).unwrap_or_default(),
        })
    }
}

/// The whole image, if more of it is needed than is in memory; `None` if not.
///
/// # Errors
/// If the file cannot be read again.
fn completed(image: &Image, verdicts: Option<&(Verdict, Verdict)>) -> Result<Option<Image>, Error> {
    let loads = verdicts.is_some_and(|(binary, _)| binary.outcome == Outcome::Loads);
    // Of a module that loads, only the names that it needs are asked for.
    image.as_announced().iter().filter(|_| loads).for_each(|elf| _ = undefined(elf).count());
    if loads && !image.lacked() { Ok(None) } else { image.completed() }
}

/// How modules are judged on the later kernel.
fn checking<'c>(kernels: Kernels<'c>, circumstances: &'c Circumstances, insmod: &Insmod) -> Check<'c> {
    let check = Check::new(kernels.to).contests(&circumstances.contests);
    check.cmdline(circumstances.cmdline.clone()).insmod(insmod.clone())
}

/// Judges each file once more for every changed rule, with that rule unchanged, and records the rules that change the
/// verdict.
fn decisive(
    kernels: Kernels<'_>,
    circumstances: &Circumstances,
    images: &[Image],
    rules: &[Behaviour],
    modules: &mut [ModuleImpact<'_>],
) -> Result<(), ModprobeError> {
    let insmod = Insmod { look_on: true, ..Insmod::default() };
    for rule in rules {
        let others = checking(kernels, circumstances, &insmod).otherwise(*rule).images(images)?;
        for (module, other) in modules.iter_mut().zip(others) {
            if judgement(&module.binary) != judgement(&other) {
                module.rules.push(*rule);
            }
        }
    }
    Ok(())
}

/// The part of a verdict that is compared: the outcome and the findings that refuse the module.
fn judgement(verdict: &Verdict) -> (&Outcome, Vec<(Code, Option<&str>)>) {
    let refusing = verdict.findings.iter().filter(|finding| finding.refuses());
    (&verdict.outcome, refusing.map(|finding| (finding.code(), finding.symbol())).collect())
}
