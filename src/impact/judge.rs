//! Derives the answer for a module from two verdicts, two lists of exports, the headers and the debug information.

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
    /// Collects what the verdicts and the exports say, without headers.
    pub(super) fn begun(
        kernels: Kernels<'a>,
        comparison: Option<&Comparison>,
        image: &Image,
        binary: Verdict,
        rebuilt: Option<Verdict>,
    ) -> Self {
        let elf = image.as_announced();
        let mut module = Self {
            path: image.path().to_owned(),
            licenses: elf.iter().flat_map(|elf| elf.modinfo().all("license")).map(License::new).collect(),
            imports: elf.iter().flat_map(|elf| elf.modinfo().all("import_ns")).map(str::to_owned).collect(),
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
        for name in names {
            let before = kernels.before.and_then(|exports| exports.find(&name));
            let after = kernels.after.and_then(|exports| exports.find(&name));
            let classes = comparison.map(|known| known.classes(before.as_ref(), after.as_ref())).unwrap_or_default();
            let change = ExportChange { symbol: Cow::Owned(name), before, after, classes };
            let blocked = blocked.get(change.symbol.as_ref()).cloned().or_else(|| module.refused_build(&change));
            // A symbol that is not reported itself may show how others came in.
            if blocked.is_some() || change.before.is_some() || change.after.is_some() {
                module.symbols.push(SymbolImpact {
                    change,
                    blocked,
                    fate: Fate::Stays,
                    prototypes: None,
                    uses: Vec::new(),
                    through: Vec::new(),
                    successors: Vec::new(),
                });
            }
        }
        module
    }

    /// The findings that withhold symbols from the rebuilt module, by symbol.
    fn blocked(&self) -> HashMap<String, Finding> {
        let mut blocked = HashMap::new();
        for finding in self.rebuilt.iter().flat_map(|rebuilt| &rebuilt.findings) {
            if !finding.refuses() || finding.stage != Stage::SimplifySymbols {
                continue;
            }
            if let Some(symbol) = finding.symbol() {
                blocked.insert(symbol.to_owned(), finding.clone());
            }
        }
        blocked
    }

    /// The refusal of a symbol by modpost. modpost refuses to build a module that refers, even weakly, to a GPL-only
    /// symbol and has a license that is not GPL-compatible. The loader looks only at the first license and accepts weak
    /// references.
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

    /// The symbols whose uses and mentions in headers matter: all of them, if the module has to be rebuilt.
    pub(super) fn questioned(&self) -> &[SymbolImpact<'a>] {
        if self.rebuilt.is_some() { &self.symbols } else { &[] }
    }

    /// Fills in what headers and debug information say. `facts.uses` are the uses of the questioned symbols, in the
    /// same order.
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
                // With modversions, symbols with equal CRCs have the same prototype.
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

    /// Determines which inline functions that became restricted the module uses. `inlined` are the functions inlined
    /// into it.
    pub(super) fn consider_inlines(
        &mut self,
        exports: Option<&Exports>,
        changes: Option<&InlineChanges>,
        inlined: Option<&Inlined>,
    ) {
        let Some(changes) = changes.filter(|_| self.rebuilt.is_some()) else { return };
        let mut restricted = [&changes.became, &changes.appeared, &changes.unknown].into_iter().flatten();
        match inlined {
            Some(names) => {
                let used = restricted.filter(|inline| names.all.contains(&inline.name));
                self.inlines = used.filter(|inline| self.is_denied(inline, exports)).cloned().collect();
            }
            None => self.inlines_unknown = restricted.any(|inline| self.is_denied(inline, exports)),
        }
    }

    /// Returns whether an inline function needs a symbol that the module does not get.
    fn is_denied(&self, inline: &Inline, exports: Option<&Exports>) -> bool {
        (!self.is_gpl_compatible() && !inline.gpl_only.is_empty())
            || !inline.unexported.is_empty()
            || inline.namespaced.iter().any(|symbol| self.lacks_import(symbol, exports))
    }

    /// Returns whether a symbol is exported in a namespace that the module does not import.
    fn lacks_import(&self, symbol: &str, exports: Option<&Exports>) -> bool {
        let namespace = exports.and_then(|exports| exports.find(symbol)?.namespace);
        namespace.is_some_and(|namespace| !self.imports.iter().any(|known| known == namespace.as_str()))
    }

    fn is_gpl_compatible(&self) -> bool {
        self.license().is_some_and(License::is_gpl_compatible)
    }

    /// Sets the answer from everything that is known.
    pub(super) fn answer(&mut self) {
        let cures = self.cures();
        self.needs_signature = cures.contains(&Cure::Signature);
        let Some(rebuilt) = &self.rebuilt else {
            self.answer = Answer::LoadsAsItIs;
            return;
        };
        let is_undetermined = matches!(rebuilt.outcome, Outcome::Undetermined) && !rebuilt.never_loads;
        let crashes = matches!(rebuilt.outcome, Outcome::Crash { .. });
        self.answer = if let Some(worst) = cures.iter().filter_map(|cure| cure.answer()).max() {
            worst
        } else if is_undetermined || crashes || self.is_opaque() {
            Answer::Unknown
        } else if self.only_signature_is_missing() {
            Answer::LoadsOnceSigned
        } else {
            Answer::LoadsAfterRebuild
        };
    }

    /// Returns whether the file does not show what a new build needs: it cannot be read as a module of this kernel, or the reason
    /// of its refusal is not certain.
    pub(crate) fn is_opaque(&self) -> bool {
        let Some(rebuilt) = &self.rebuilt else { return false };
        let mut refusing = rebuilt.findings.iter().filter(|finding| finding.refuses()).peekable();
        match refusing.peek() {
            None => rebuilt.never_loads || matches!(rebuilt.outcome, Outcome::Refused { .. }),
            Some(_) => refusing.any(|finding| finding.symbol().is_none() && cure(finding) == Cure::Unknown),
        }
    }

    fn only_signature_is_missing(&self) -> bool {
        let mut refusing = self.binary.findings.iter().filter(|finding| finding.refuses()).peekable();
        refusing.peek().is_some() && refusing.all(|finding| cure(finding) == Cure::Signature)
    }

    /// Everything that would have to be cured for the rebuilt module to load.
    fn cures(&self) -> Vec<Cure> {
        let mut cures = Vec::new();
        for finding in self.rebuilt.iter().flat_map(|rebuilt| &rebuilt.findings) {
            let is_about_symbol = finding.stage == Stage::SimplifySymbols && finding.symbol().is_some();
            if finding.refuses() && !is_about_symbol {
                cures.push(cure(finding));
            }
        }
        for symbol in &self.symbols {
            match (&symbol.blocked, &symbol.fate) {
                (None, _) | (_, Fate::Replaced(_)) => {}
                (Some(blocked), Fate::Stays) => cures.push(cure(blocked)),
                (Some(_), Fate::Open { .. }) => cures.push(Cure::Unknown),
            }
            if symbol.prototypes.as_ref().is_some_and(|prototypes| prototypes.called && prototypes.other_number) {
                cures.push(Cure::Source);
            }
        }
        for inline in &self.inlines {
            let needs_license = !self.is_gpl_compatible() && !inline.gpl_only.is_empty();
            cures.push(if needs_license { Cure::License } else { Cure::Source });
        }
        cures.extend(self.gone_inlines.iter().map(|_| Cure::Source));
        cures
    }
}

/// The functions that use a symbol; empty if some use is in data.
fn functions(uses: &[Use]) -> BTreeSet<String> {
    let names: Option<BTreeSet<String>> = uses.iter().map(|place| Some(place.chain.last()?.function.clone())).collect();
    names.unwrap_or_default()
}

impl Cure {
    /// The answer for a module that needs this cure; `None` if the cure alone does not decide the answer.
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

/// Lowers the answer of each module to the worst answer among the judged modules it depends on. Modules that depend on
/// each other in a circle never load.
pub(super) fn inherit(modules: &mut [ModuleImpact<'_>]) {
    let answers: HashMap<String, Answer> =
        modules.iter().map(|module| (module.binary.name.clone(), module.answer)).collect();
    let mut explained: HashSet<String> = HashSet::new();
    loop {
        let unexplained = modules.iter().filter(|module| !explained.contains(&module.binary.name));
        let new: Vec<String> = unexplained
            .filter(|module| module.is_explained_by(&explained))
            .map(|module| module.binary.name.clone())
            .collect();
        if new.is_empty() {
            break;
        }
        explained.extend(new);
    }
    for module in modules {
        let dependencies = module.dependencies();
        let worst = dependencies.iter().map(|name| answers.get(*name).copied().unwrap_or(Answer::Unknown)).max();
        let is_in_circle = !explained.contains(&module.binary.name);
        let own = if is_in_circle { module.answer.max(Answer::NeedsSourceChanges) } else { module.answer };
        module.answer = worst.map_or(own, |worst| worst.max(own));
    }
}

impl ModuleImpact<'_> {
    /// The modules that the refusal of this one depends on.
    fn dependencies(&self) -> Vec<&str> {
        let findings = self.rebuilt.iter().flat_map(|rebuilt| &rebuilt.findings);
        let dependencies = findings.filter_map(|finding| match &finding.cause {
            Cause::DependencyRefused { dependency, .. } => Some(dependency.as_str()),
            Cause::MissingSymbol { refused_exporter, .. } => refused_exporter.as_deref(),
            _ => None,
        });
        dependencies.collect()
    }

    /// Returns whether the answer for the module has a cause outside a circle of dependencies: one of its own, or a dependency
    /// whose answer is explained.
    fn is_explained_by(&self, explained: &HashSet<String>) -> bool {
        let dependencies = self.dependencies();
        self.cures().iter().any(|cure| *cure != Cure::Dependency)
            || dependencies.is_empty()
            || dependencies.iter().any(|dependency| explained.contains(*dependency))
            || self.is_cured()
    }

    /// Returns whether the kernel withholds a symbol that a new build does without.
    fn is_cured(&self) -> bool {
        self.symbols.iter().any(|symbol| symbol.blocked.is_some() && matches!(symbol.fate, Fate::Replaced(_)))
    }
}

/// Reads from the headers of both kernels what the modules' symbols leave open, and fills it in.
pub(super) fn read_headers(kernels: Kernels<'_>, modules: &mut [ModuleImpact<'_>], facts: &[SourceFacts]) {
    let mut blocked: BTreeSet<String> = BTreeSet::new();
    let mut changed: BTreeSet<String> = BTreeSet::new();
    for symbol in modules.iter().flat_map(|module| module.questioned()) {
        let names = if symbol.blocked.is_some() { &mut blocked } else { &mut changed };
        names.insert(symbol.change.symbol.to_string());
    }
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
