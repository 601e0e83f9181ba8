//! What becomes of modules on another kernel: the file as it stands, and its source when it is built again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::diff::Comparison;
use super::judge::{inherit, read_headers};
use super::{Answer, Fate, SymbolImpact, Uncompared, Wanting};
use crate::check::{Check, ModprobeError, check};
use crate::history::{Behaviour, Calendar};
use crate::image::{Error, Image};
use crate::kernel::{Exports, Kernel};
use crate::load::{Cmdline, Insmod};
use crate::terms::License;
use crate::verdict::{Code, Missing, Outcome, Verdict};
use crate::why::inlines::{Inline, InlineChanges};
use crate::why::{Lookup, SourceFacts, explain, source_facts};

/// Modules for which each changed rule of the loader is tried both ways; of more only the answers are asked.
const RULES_FOR: usize = 64;

/// Two kernels, and what is known of their exports.
#[derive(Clone, Copy, Debug)]
pub struct Kernels<'a> {
    /// The earlier one.
    pub from: &'a Kernel,
    /// The later one, which judges.
    pub to: &'a Arc<Kernel>,
    /// What the earlier one exports, its modules included.
    pub before: Option<&'a Exports>,
    /// What the later one does.
    pub after: Option<&'a Exports>,
}

/// What is known beyond the kernels' exports.
#[derive(Debug, Default)]
pub struct Circumstances {
    /// How the later kernel is booted.
    pub cmdline: Cmdline,
    /// Where modules' debug information is.
    pub lookup: Lookup,
    /// What became of the inlines of the headers, if both maps are at hand.
    pub inlines: Option<InlineChanges>,
}

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

/// What becomes of one module.
#[derive(Clone, Debug)]
pub struct ModuleImpact<'a> {
    /// Its file.
    pub path: PathBuf,
    /// Its licences; the loader looks at the first, modpost at all.
    pub licenses: Vec<License>,
    /// The namespaces it imports.
    pub imports: Vec<String>,
    /// In one word.
    pub answer: Answer,
    /// What the later kernel does with the file as it is.
    pub binary: Verdict,
    /// What it would do with another build of the same source; `None` where the file loads as it is.
    pub rebuilt: Option<Verdict>,
    /// The symbols it needs that have changed or are kept from it, in order of name.
    pub symbols: Vec<SymbolImpact<'a>>,
    /// Rules that have changed and without which the answer for the file would be another.
    pub rules: Vec<Behaviour>,
    /// Inlines of the headers that the module uses and that need symbols now which it does not get.
    pub inlines: Vec<Inline>,
    /// Inlines of the earlier kernel's headers that the module's own source calls, and that the later ones do not have.
    pub gone_inlines: Vec<String>,
    /// Is it unknown, for want of debug information, which of the inlines that became restricted it uses?
    pub inlines_unknown: bool,
    /// Of two builds, has each to be signed with a key that the later kernel trusts?
    pub needs_signature: bool,
    /// Do versions tell which symbols are the same on both kernels?
    pub(super) versioned: bool,
}

impl ModuleImpact<'_> {
    /// The licence that the loader looks at.
    pub fn license(&self) -> Option<&License> {
        self.licenses.first()
    }

    /// Is it certain that the file as it is does not load?
    pub fn is_refused_as_it_is(&self) -> bool {
        matches!(self.binary.outcome, Outcome::Refused { .. } | Outcome::Crash { .. }) || self.binary.never_loads
    }

    /// The facts that are not at hand and that the answer depends on.
    pub fn missing(&self) -> &[Missing] {
        let undetermined = |verdict: &&Verdict| verdict.outcome == Outcome::Undetermined;
        let rebuilt = self.rebuilt.as_ref().filter(undetermined);
        rebuilt.or(Some(&self.binary).filter(undetermined)).map_or(&[], |verdict| &verdict.missing)
    }

    /// What would tell what becomes of symbols of which that is not known.
    pub fn wanting(&self) -> BTreeSet<Wanting> {
        let open = self.symbols.iter().filter_map(|symbol| match symbol.fate {
            Fate::Open { wanting } => Some(wanting),
            _ => None,
        });
        open.collect()
    }
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

impl ModuleImpact<'_> {
    /// Where the module uses the symbols that are in question, and what is inlined into it.
    fn facts(&self, image: &Image, circumstances: &Circumstances) -> Result<SourceFacts, Error> {
        let symbols: Vec<&str> = self.questioned().iter().map(|symbol| symbol.change.symbol.as_ref()).collect();
        if self.rebuilt.is_none() {
            return Ok(SourceFacts::default());
        }
        source_facts(image, &symbols, &circumstances.lookup)
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
        let check = Check::new(kernels.to).cmdline(circumstances.cmdline.clone()).insmod(insmod.clone());
        let others = check.otherwise(*rule).images(images)?;
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
