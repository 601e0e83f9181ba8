//! From two verdicts and two lists of exports to what becomes of a module.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::answer::{Cure, cure};
use super::diff::Comparison;
use super::fate::Headers;
use super::kernels::Kernels;
use super::successor::Successors;
use super::{Answer, ChangeClass, ExportChange, Fate, ModuleImpact, SymbolImpact, Uncompared};
use crate::image::Image;
use crate::kernel::Exports;
use crate::terms::License;
use crate::verdict::{Cause, Finding, Outcome, Stage, Use, Verdict};
use crate::why::inlines::{Inline, InlineChanges};
use crate::why::{Inlined, SourceFacts, undefined};

impl<'a> ModuleImpact<'a> {
    /// What the verdicts and the exports tell, without headers.
    pub(super) fn begun(
        kernels: Kernels<'a>,
        comparison: Option<&Comparison>,
        image: &Image,
        binary: Verdict,
        rebuilt: Option<Verdict>,
    ) -> Self {
        let elf = image.as_announced();
        let modinfo = |tag| -> Vec<String> {
            elf.iter().flat_map(|elf| elf.modinfo().all(tag).map(str::to_owned).collect::<Vec<_>>()).collect()
        };
        let mut module = Self {
            path: image.path().to_owned(),
            licenses: modinfo("license").iter().map(License::new).collect(),
            imports: modinfo("import_ns"),
            answer: Answer::Unknown,
            binary,
            rebuilt,
            symbols: Vec::new(),
            rules: Vec::new(),
            inlines: Vec::new(),
            gone_inlines: Vec::new(),
            inlines_unknown: false,
            needs_signature: false,
            versioned: comparison.is_some_and(|known| !known.uncompared().contains(&Uncompared::Versions)),
        };
        let names: BTreeSet<String> = elf.iter().flat_map(|elf| undefined(elf)).collect();
        let blocked = module.blocked();
        module.symbols = names
            .into_iter()
            .filter_map(|name| {
                let row = |exports: Option<&'a Exports>| exports?.find(&name);
                let (before, after) = (row(kernels.before), row(kernels.after));
                let classes =
                    comparison.map(|known| known.classes(before.as_ref(), after.as_ref())).unwrap_or_default();
                let change = ExportChange { symbol: Cow::Owned(name), before, after, classes };
                let blocked = blocked.get(change.symbol.as_ref()).cloned().or_else(|| module.refused_build(&change));
                let (prototypes, uses, through, successors) = (None, Vec::new(), Vec::new(), Vec::new());
                // What is not worth a word itself may tell how others came in.
                let worth_it = blocked.is_some() || change.before.is_some() || change.after.is_some();
                worth_it.then_some(SymbolImpact {
                    change,
                    blocked,
                    fate: Fate::Stays,
                    prototypes,
                    uses,
                    through,
                    successors,
                })
            })
            .collect();
        module
    }

    /// The findings that keep symbols from the rebuilt module.
    fn blocked(&self) -> HashMap<String, Finding> {
        let findings = self.rebuilt.iter().flat_map(|rebuilt| &rebuilt.findings);
        let blocking = |finding: &&Finding| finding.refuses() && finding.stage == Stage::SimplifySymbols;
        let named =
            findings.filter(blocking).filter_map(|finding| Some((finding.symbol()?.to_owned(), finding.clone())));
        named.collect()
    }

    /// modpost refuses to build a module that refers to a GPL-only symbol, if weakly, and has a licence that is not GPL-compatible;
    /// the loader looks at the first licence only, and lets weak references be.
    fn refused_build(&self, change: &ExportChange<'_>) -> Option<Finding> {
        let license = self.licenses.iter().find(|license| !license.is_gpl_compatible())?;
        let after = change.after.as_ref().filter(|_| self.rebuilt.is_some())?;
        let cause = Cause::GplOnlySymbol {
            symbol: (*change.symbol).into(),
            exporter: after.exporter.to_owned(),
            kind: after.kind.filter(|kind| kind.is_gpl_only())?,
            namespace: after.namespace.clone(),
            license: Some(license.clone()),
            inherited_from: None,
        };
        Some(Finding::new(Stage::SimplifySymbols, cause))
    }

    /// The symbols whose use in the module matters, and what headers say of them: all, where something is to be found out.
    pub(super) fn questioned(&self) -> &[SymbolImpact<'a>] {
        if self.rebuilt.is_some() { &self.symbols } else { &[] }
    }

    /// Fills in what headers and debug information tell. `uses` are those of the symbols questioned, in their order.
    pub(super) fn consider_headers(&mut self, headers: &Headers<'_>, successors: &Successors<'_>, facts: &SourceFacts) {
        if self.rebuilt.is_none() {
            return;
        }
        let uses = &facts.uses;
        let called = facts.inlined.iter().flat_map(|inlined| &inlined.by_source);
        self.gone_inlines = called.filter(|inline| headers.is_gone(inline)).cloned().collect();
        let functions: Vec<_> = self
            .symbols
            .iter()
            .zip(uses)
            .map(|(symbol, uses)| (symbol.change.symbol.to_string(), functions(uses)))
            .collect();
        for (impact, uses) in self.symbols.iter_mut().zip(uses) {
            let symbol = impact.change.symbol.as_ref();
            match &impact.blocked {
                Some(blocked) => {
                    impact.fate = headers.fate(symbol, &blocked.cause, uses, &functions);
                    impact.through = headers.through(symbol, uses);
                    if matches!(blocked.cause, Cause::MissingSymbol { .. }) && !matches!(impact.fate, Fate::Replaced(_))
                    {
                        impact.successors = successors.suggest(symbol);
                    }
                }
                // With versions, those that are the same have the same prototype.
                None if !self.versioned || impact.change.classes.has(ChangeClass::CrcChanged) => {
                    impact.prototypes = headers.prototypes(symbol, uses);
                }
                None => {}
            }
            if impact.blocked.is_some() || impact.prototypes.is_some() {
                uses.clone_into(&mut impact.uses);
            }
        }
    }

    /// Which inlines that became restricted does the module use? `inlined` are the names of what is inlined into it.
    pub(super) fn consider_inlines(
        &mut self,
        exports: Option<&Exports>,
        changes: Option<&InlineChanges>,
        inlined: Option<&Inlined>,
    ) {
        let Some(changes) = changes.filter(|_| self.rebuilt.is_some()) else { return };
        let gpl = self.license().is_some_and(License::is_gpl_compatible);
        let imports = &self.imports;
        let lacks = |symbol: &String| {
            let namespace = exports.and_then(|exports| exports.find(symbol)?.namespace);
            namespace.is_some_and(|namespace| !imports.iter().any(|known| known == namespace.as_str()))
        };
        let hurts = |inline: &&Inline| {
            (!gpl && !inline.gpl_only.is_empty())
                || !inline.unexported.is_empty()
                || inline.namespaced.iter().any(lacks)
        };
        let restricted = [&changes.became, &changes.appeared, &changes.unknown].into_iter().flatten().filter(hurts);
        match inlined {
            Some(names) => {
                self.inlines = restricted.filter(|inline| names.all.contains(&inline.name)).cloned().collect();
            }
            None => self.inlines_unknown = restricted.count() > 0,
        }
    }

    /// The answer, out of all that is known.
    pub(super) fn answer(&mut self) {
        let cures = self.cures();
        self.needs_signature = cures.contains(&Cure::Signature);
        self.answer = match &self.rebuilt {
            None => Answer::LoadsAsItIs,
            Some(rebuilt) => {
                let worst = cures.iter().filter_map(|cure| cure.answer()).max();
                let undetermined = matches!(rebuilt.outcome, Outcome::Undetermined) && !rebuilt.never_loads;
                let unreadable = matches!(rebuilt.outcome, Outcome::Crash { .. });
                match worst {
                    Some(worst) => worst,
                    None if undetermined || unreadable => Answer::Unknown,
                    None if self.only_signature_is_missing() => Answer::LoadsOnceSigned,
                    None => Answer::LoadsAfterRebuild,
                }
            }
        };
    }

    fn only_signature_is_missing(&self) -> bool {
        let mut refusing = self.binary.findings.iter().filter(|finding| finding.refuses()).peekable();
        refusing.peek().is_some() && refusing.all(|finding| cure(finding) == Cure::Signature)
    }

    /// What it would take to make good all that keeps the rebuilt module from loading.
    fn cures(&self) -> Vec<Cure> {
        let findings = self.rebuilt.iter().flat_map(|rebuilt| &rebuilt.findings);
        let elsewhere = findings.filter(|finding| {
            let of_symbol = finding.stage == Stage::SimplifySymbols && finding.symbol().is_some();
            finding.refuses() && !of_symbol
        });
        let blocked = self.symbols.iter().filter_map(|symbol| {
            let blocked = symbol.blocked.as_ref()?;
            match symbol.fate {
                Fate::Stays => Some(cure(blocked)),
                Fate::Replaced(_) => None,
                Fate::Open { .. } => Some(Cure::Unknown),
            }
        });
        let called = |symbol: &&SymbolImpact<'_>| {
            symbol.prototypes.as_ref().is_some_and(|prototypes| prototypes.called && prototypes.other_number)
        };
        let prototypes = self.symbols.iter().filter(called).map(|_| Cure::Source);
        let gpl = self.license().is_some_and(License::is_gpl_compatible);
        let inlines = self.inlines.iter().map(|inline| match !gpl && !inline.gpl_only.is_empty() {
            true => Cure::License,
            false => Cure::Source,
        });
        let gone = self.gone_inlines.iter().map(|_| Cure::Source);
        elsewhere.map(cure).chain(blocked).chain(prototypes).chain(inlines).chain(gone).collect()
    }
}

/// The functions that hold uses of a symbol; none where one stands in data.
fn functions(uses: &[Use]) -> BTreeSet<String> {
    let names: Option<BTreeSet<String>> = uses.iter().map(|place| Some(place.chain.last()?.function.clone())).collect();
    names.unwrap_or_default()
}

impl Cure {
    /// What a module is answered that needs it; `None` where the answer does not hang on it.
    const fn answer(self) -> Option<Answer> {
        match self {
            Self::Rebuild | Self::Signature | Self::Dependency => None,
            Self::Source => Some(Answer::NeedsSourceChanges),
            Self::License => Some(Answer::RefusedForLicense),
            Self::Kernel => Some(Answer::RefusedByKernel),
            Self::Unknown => Some(Answer::Unknown),
        }
    }
}

/// A module that needs others of those judged cannot be better off than they are; and modules that need each other in a circle
/// never load.
pub(super) fn inherit(modules: &mut [ModuleImpact<'_>]) {
    let answers: HashMap<String, Answer> =
        modules.iter().map(|module| (module.binary.name.clone(), module.answer)).collect();
    let mut explained: HashSet<String> = HashSet::new();
    loop {
        let is_new = |module: &&ModuleImpact<'_>| {
            let name = &module.binary.name;
            let by_itself = module.cures().iter().any(|cure| *cure != Cure::Dependency) || module.needed().is_empty();
            let by_others = || module.needed().iter().any(|needed| explained.contains(*needed));
            !explained.contains(name) && (by_itself || by_others() || module.is_cured())
        };
        let new: Vec<String> = modules.iter().filter(is_new).map(|module| module.binary.name.clone()).collect();
        if new.is_empty() {
            break;
        }
        explained.extend(new);
    }
    for module in modules {
        let needed = module.needed();
        let worst = needed.iter().map(|name| answers.get(*name).copied().unwrap_or(Answer::Unknown)).max();
        let circle = !explained.contains(&module.binary.name);
        let own = if circle { module.answer.max(Answer::NeedsSourceChanges) } else { module.answer };
        module.answer = worst.map_or(own, |worst| worst.max(own));
    }
}

impl ModuleImpact<'_> {
    /// The modules that its refusal hangs on.
    fn needed(&self) -> Vec<&str> {
        let findings = self.rebuilt.iter().flat_map(|rebuilt| &rebuilt.findings);
        let needed = findings.filter_map(|finding| match &finding.cause {
            Cause::DependencyRefused { dependency, .. } => Some(dependency.as_str()),
            Cause::MissingSymbol { refused_exporter, .. } => refused_exporter.as_deref(),
            _ => None,
        });
        needed.collect()
    }

    /// Is a symbol kept from it that another build does without?
    fn is_cured(&self) -> bool {
        self.symbols.iter().any(|symbol| symbol.blocked.is_some() && matches!(symbol.fate, Fate::Replaced(_)))
    }
}

/// Asks the headers of both kernels about all that the modules' symbols leave open.
pub(super) fn read_headers(kernels: Kernels<'_>, modules: &mut [ModuleImpact<'_>], facts: &[SourceFacts]) {
    let questioned = || modules.iter().flat_map(|module| module.questioned());
    let names = |blocked: bool| -> BTreeSet<String> {
        let wanted = questioned().filter(|symbol| symbol.blocked.is_some() == blocked);
        wanted.map(|symbol| symbol.change.symbol.to_string()).collect()
    };
    let (blocked, changed) = (names(true), names(false));
    let rebuilt = modules.iter().zip(facts).filter(|(module, _)| module.rebuilt.is_some());
    let called: BTreeSet<&str> = rebuilt
        .filter_map(|(_, facts)| facts.inlined.as_ref())
        .flat_map(|inlined| inlined.by_source.iter().map(String::as_str))
        .collect();
    let others = changed.iter().map(String::as_str).chain(called).collect();
    let uses: Vec<&Use> = facts.iter().flat_map(|facts| &facts.uses).flatten().collect();
    let blocked = blocked.iter().map(String::as_str).collect();
    let headers = Headers::read(kernels, &blocked, &others, &uses);
    let exports = kernels.before.zip(kernels.after).filter(|_| !blocked.is_empty());
    let successors = exports.map(|(before, after)| Successors::among(before, after)).unwrap_or_default();
    for (module, facts) in modules.iter_mut().zip(facts) {
        module.consider_headers(&headers, &successors, facts);
    }
}
