//! Judges modules on another kernel: each file as it is, and as a new build of its source.

use super::diff::Comparison;
use super::judge::{inherit, read_headers};
use super::{Circumstances, Kernels, ModuleImpact, SymbolImpact, Uncompared};
use crate::check::{Check, ModprobeError, try_each};
use crate::history::{Behaviour, Calendar};
use crate::image::Image;
use crate::load::Insmod;
use crate::terms::parallel;
use crate::verdict::{Code, Outcome, Verdict};
use crate::why::explain_all;

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
    /// Whether each rule was tried both ways. With many modules none is.
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
        let mut rebuilt = rebuilt?;
        explain_all(&mut rebuilt, images, kernels.to, lookup)?;
        let comparison = kernels.before.zip(kernels.after).map(|(before, after)| Comparison::of(before, after));
        let mut modules = Vec::new();
        let mut rebuilt = rebuilt.into_iter();
        for (image, binary) in images.iter().zip(binaries) {
            let rebuilt = rebuilt.next().filter(|_| binary.outcome != Outcome::Loads);
            modules.push(ModuleImpact::begun(kernels, comparison.as_ref(), image, binary, rebuilt));
        }
        let read: Vec<_> = modules.iter().zip(images).collect();
        let facts = try_each(&read, |(module, image)| module.facts(image, circumstances));
        let facts = facts.into_iter().zip(&modules).map(|(facts, module)| match facts {
            Err(error) if error.is_about_memory() => Ok(module.without_facts()),
            facts => facts,
        });
        let facts = facts.collect::<Result<Vec<_>, _>>()?;
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
        let rules_tried = images.len() <= RULES_FOR;
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
