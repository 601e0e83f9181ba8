//! What becomes of modules on another kernel: the file as it stands, and its source when it is built again.

use rayon::prelude::*;

use super::diff::Comparison;
use super::judge::{inherit, read_headers};
use super::{Circumstances, Kernels, ModuleImpact, SymbolImpact, Uncompared};
use crate::history::{Behaviour, Calendar};
use crate::image::Image;
use crate::load::{Insmod, ModprobeError, check, check_otherwise};
use crate::verdict::{Code, Outcome, Verdict};
use crate::why::explain;

/// Modules for which each changed rule of the loader is tried both ways; of more only the answers are asked.
const RULES_FOR: usize = 64;

/// What becomes of modules.
#[derive(Clone, Debug, Default)]
pub struct Upgrade<'a> {
    /// Each module, in the order given.
    pub modules: Vec<ModuleImpact<'a>>,
    /// What cannot be compared.
    pub uncompared: Vec<Uncompared>,
    /// The behaviours of the loader that one kernel has and the other has not, and whether the later one has it.
    pub rules: Vec<(Behaviour, bool)>,
    /// Was every one of them tried both ways? Of many modules only the answers are asked.
    pub rules_tried: bool,
}

impl<'a> Upgrade<'a> {
    /// Judges modules on the later kernel, and compares what they need on both. A module that needs others of those given gets
    /// them, as they are judged themselves.
    ///
    /// # Errors
    /// When a file of the later kernel's tree, or a debug file that was asked for, cannot be read.
    pub fn of(kernels: Kernels<'a>, images: &[Image], circumstances: &Circumstances) -> Result<Self, ModprobeError> {
        let Circumstances { cmdline, lookup, .. } = circumstances;
        let insmod = |as_rebuilt| Insmod { as_rebuilt, look_on: true, ..Insmod::default() };
        let judge = |as_rebuilt| check(kernels.to, cmdline, images, &insmod(as_rebuilt));
        let (binaries, rebuilt) = rayon::join(|| judge(false), || judge(true));
        let (binaries, mut rebuilt) = (binaries?, rebuilt?);
        let explained = rebuilt.par_iter_mut().zip(images);
        explained.map(|(verdict, image)| explain(verdict, image, kernels.to, lookup)).collect::<Result<(), _>>()?;
        let comparison = kernels.before.zip(kernels.after).map(|(before, after)| Comparison::of(before, after));
        let mut modules = Vec::new();
        let mut rebuilt = rebuilt.into_iter();
        for (image, binary) in images.iter().zip(binaries) {
            let rebuilt = rebuilt.next().filter(|_| binary.outcome != Outcome::Loads);
            modules.push(ModuleImpact::begun(kernels, comparison.as_ref(), image, binary, rebuilt));
        }
        let facts = modules.par_iter().zip(images).map(|(module, image)| module.facts(image, circumstances));
        let facts = facts.collect::<Result<Vec<_>, _>>()?;
        read_headers(kernels, &mut modules, &facts);
        for (module, facts) in modules.iter_mut().zip(&facts) {
            module.symbols.retain(SymbolImpact::says_something);
            module.consider_inlines(kernels.after, circumstances.inlines.as_ref(), facts.inlined.as_ref());
            module.answer();
        }
        inherit(&mut modules);
        let rules = Calendar::of(kernels.from).zip(Calendar::of(kernels.to));
        let rules: Vec<_> = rules.into_iter().flat_map(|(before, after)| before.changes(after)).collect();
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

/// Judges each file once more for every rule that has changed, as if that one had not.
fn decisive(
    kernels: Kernels<'_>,
    circumstances: &Circumstances,
    images: &[Image],
    rules: &[Behaviour],
    modules: &mut [ModuleImpact<'_>],
) -> Result<(), ModprobeError> {
    let insmod = Insmod { look_on: true, ..Insmod::default() };
    for rule in rules {
        let others = check_otherwise(kernels.to, &circumstances.cmdline, images, &insmod, *rule)?;
        for (module, other) in modules.iter_mut().zip(others) {
            if judgement(&module.binary) != judgement(&other) {
                module.rules.push(*rule);
            }
        }
    }
    Ok(())
}

/// What matters of a verdict: the outcome, and what is wrong.
fn judgement(verdict: &Verdict) -> (&Outcome, Vec<(Code, Option<&str>)>) {
    let refusing = verdict.findings.iter().filter(|finding| finding.refuses());
    (&verdict.outcome, refusing.map(|finding| (finding.code(), finding.symbol())).collect())
}
