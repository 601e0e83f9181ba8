//! The symbols that another kernel changes for modules: each once, with the modules that use it, what is alike together.

use std::collections::{BTreeMap, BTreeSet};

use super::called;
use crate::impact::{ChangeClass, Fate, ModuleImpact, SymbolImpact, SymbolReplacement};
use crate::kernel::{KernelExport, VMLINUX};
use crate::report::diff::sides;
use crate::report::wording::{all, list};
use crate::report::{KernelSummary, sentence};
use crate::verdict::{Cause, Code, Frame};

/// Lines of the source named for one symbol; where more symbols than that share a trouble, none, so that the page stays one.
const PLACES: usize = 3;
const WITH_PLACES: usize = 8;

/// Details of one symbol: those of several modules may differ.
const DETAILS: usize = 8;

/// What a symbol's change comes to, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// GPL-only, and the licence is not GPL-compatible.
    Hidden,
    /// Nobody exports it.
    Gone,
    /// Only for other modules, by name.
    ForOthers,
    /// Its namespace has to be imported.
    Namespace,
    /// Its prototype has changed, and the source calls it with another number of arguments.
    Prototype,
    /// It is gone, but the source may not need it when it is built again.
    Open,
    /// Its prototype has changed: the source may need work.
    MayNotCompile,
    /// Another module exports it.
    Moved,
    /// It is gone, and a rebuild does without.
    Replaced,
    /// Its version has changed.
    Version,
}

/// Symbols that are alike.
#[derive(Debug)]
pub(super) struct Line {
    pub symbols: Vec<String>,
    pub modules: Vec<String>,
    pub details: Vec<String>,
}

/// All of it, by what it comes to.
pub(super) fn lines(modules: &[ModuleImpact<'_>], to: &KernelSummary, whole: bool) -> BTreeMap<Trouble, Vec<Line>> {
    let mut users: BTreeMap<(Trouble, &str), Vec<(&ModuleImpact<'_>, &SymbolImpact<'_>)>> = BTreeMap::new();
    let mut numbers: BTreeMap<Trouble, BTreeSet<&str>> = BTreeMap::new();
    for module in modules {
        for impact in &module.symbols {
            for trouble in troubles(impact) {
                let symbol = impact.change.symbol.as_ref();
                users.entry((trouble, symbol)).or_default().push((module, impact));
                numbers.entry(trouble).or_default().insert(symbol);
            }
        }
    }
    let few = |trouble: &Trouble| numbers.get(trouble).is_some_and(|symbols| symbols.len() <= WITH_PLACES);
    let line = |((trouble, symbol), users): ((Trouble, &str), Vec<(&ModuleImpact<'_>, &SymbolImpact<'_>)>)| {
        let places = |module: &ModuleImpact<'_>, impact: &SymbolImpact<'_>| {
            details(trouble, impact, &module.binary.name, to, places(impact).filter(|_| whole || few(&trouble)))
        };
        let mut details: Vec<String> = Vec::new();
        // Several modules may use it in ways of their own; what is the same of all is said once.
        for (module, impact) in &users {
            let new = places(module, impact).into_iter().filter(|detail| !details.contains(detail)).collect::<Vec<_>>();
            details.extend(new);
        }
        details.truncate(if whole { usize::MAX } else { DETAILS });
        let modules = users.iter().map(|(module, _)| called(module)).collect();
        (trouble, Line { symbols: vec![symbol.to_owned()], modules, details })
    };
    let symbols: Vec<(Trouble, Line)> = users.into_iter().map(line).collect();
    let mut lines: BTreeMap<Trouble, Vec<Line>> = BTreeMap::new();
    for (trouble, mut line) in symbols {
        let lines = lines.entry(trouble).or_default();
        match lines.iter_mut().find(|known| known.details == line.details && known.modules == line.modules) {
            Some(known) => known.symbols.append(&mut line.symbols),
            None => lines.push(line),
        }
    }
    lines
}

fn troubles(impact: &SymbolImpact<'_>) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    // What another of the modules exports is that one's affair.
    let of_dependency = |cause: &Cause| matches!(cause, Cause::MissingSymbol { refused_exporter: Some(_), .. });
    if let Some(blocked) = impact.blocked.as_ref().filter(|blocked| !of_dependency(&blocked.cause)) {
        troubles.push(match (&impact.fate, &blocked.cause) {
            (Fate::Replaced(_), _) => Trouble::Replaced,
            (Fate::Open { .. }, _) => Trouble::Open,
            (_, Cause::NamespaceNotImported { module_list: true, .. }) => Trouble::ForOthers,
            (_, Cause::NamespaceNotImported { .. }) => Trouble::Namespace,
            (_, Cause::GplOnlySymbol { .. } | Cause::GplOnlyWithProprietary { .. }) => Trouble::Hidden,
            _ => Trouble::Gone,
        });
    }
    if let Some(prototypes) = &impact.prototypes {
        let certain = prototypes.other_number && prototypes.called;
        troubles.push(if certain { Trouble::Prototype } else { Trouble::MayNotCompile });
    }
    let classes = impact.change.classes;
    if classes.has(ChangeClass::ExporterMoved) && is_elsewhere(impact) {
        troubles.push(Trouble::Moved);
    }
    if classes.has(ChangeClass::CrcChanged) {
        troubles.push(Trouble::Version);
    }
    troubles
}

/// Does a module of another name export it? Only the name counts for those who load modules.
fn is_elsewhere(impact: &SymbolImpact<'_>) -> bool {
    let name =
        |export: &Option<KernelExport<'_>>| export.as_ref().map(|export| last(export.exporter).replace('-', "_"));
    name(&impact.change.before) != name(&impact.change.after)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `places` are the lines of the source, to be told.
fn details(
    trouble: Trouble,
    impact: &SymbolImpact<'_>,
    module: &str,
    to: &KernelSummary,
    places: Option<String>,
) -> Vec<String> {
    let mut details = Vec::new();
    let classes = impact.change.classes;
    match trouble {
        Trouble::Hidden => {
            details.push(match classes.has(ChangeClass::BecameGplOnly) {
                true => "it was EXPORT_SYMBOL, and is EXPORT_SYMBOL_GPL now".to_owned(),
                false if impact.change.before.is_some() => "it was GPL-only before, too".to_owned(),
                false => "it is EXPORT_SYMBOL_GPL".to_owned(),
            });
            if let Some(Cause::GplOnlySymbol { inherited_from: Some(other), .. }) =
                impact.blocked.as_ref().map(|b| &b.cause)
            {
                details.push(format!(
                    "{other}, whose symbols {module} uses, is proprietary, and so {module} counts as that"
                ));
            }
            details.extend(through(impact));
            details.extend(places);
        }
        Trouble::Gone | Trouble::Open => {
            let gone = match &impact.change.before {
                Some(before) if before.exporter == VMLINUX => None,
                Some(before) => Some(format!("{} exported it", last(before.exporter))),
                None => Some("the earlier kernel did not export it, either".to_owned()),
            };
            details.extend(gone);
            details.extend(through(impact));
            details.extend(places);
            details.extend(successors(impact));
        }
        Trouble::Namespace | Trouble::ForOthers => {
            let fix = impact.blocked.as_ref().map(|blocked| sentence(blocked, module, to).fix);
            details.extend(fix);
        }
        Trouble::Prototype | Trouble::MayNotCompile => {
            details.extend(impact.prototypes.iter().flat_map(|prototypes| {
                [format!("before: {}", prototypes.before), format!("now:    {}", prototypes.after)]
            }));
            details.extend(places);
        }
        Trouble::Moved => {
            let (before, after) = sides(&impact.change, ChangeClass::ExporterMoved);
            details.push(format!("from {} to {}", last(&before), last(&after)));
        }
        Trouble::Replaced => details.push(replaced(impact)),
        Trouble::Version => {}
    }
    details
}

fn through(impact: &SymbolImpact<'_>) -> Option<String> {
    let certain = !impact.uses.is_empty() && impact.uses.iter().all(|place| !place.divided().0.is_empty());
    let names: Vec<String> = impact.through.iter().map(|name| format!("{name}()")).collect();
    match (names.is_empty(), certain) {
        (true, _) => None,
        (false, true) => Some(format!("it comes through {} of the kernel's headers", list(&names, 4))),
        (false, false) => Some(format!("it may come through {} of the kernel's headers", list(&names, 4))),
    }
}

/// The lines of the module's own source that need it, or the functions where debug information does not tell lines.
fn places(impact: &SymbolImpact<'_>) -> Option<String> {
    let own = impact.uses.iter().filter_map(|place| place.divided().1.first());
    let place = |frame: &Frame| match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{file}:{line} in {}", frame.function),
        (Some(file), None) => format!("{file} in {}", frame.function),
        (None, _) => frame.function.clone(),
    };
    let places: BTreeSet<String> = own.map(place).collect();
    let places: Vec<String> = places.into_iter().collect();
    let at = if places.iter().any(|place| place.contains(':')) { "at" } else { "in" };
    (!places.is_empty()).then(|| format!("used {at} {}", list(&places, PLACES)))
}

fn replaced(impact: &SymbolImpact<'_>) -> String {
    match &impact.fate {
        Fate::Replaced(SymbolReplacement::Definition { is_macro, file, line }) => {
            let what = if *is_macro { "a macro" } else { "an inline function" };
            format!("{what} in {file}:{line} now")
        }
        Fate::Replaced(SymbolReplacement::Compiler) => "the compiler's options bring it in".to_owned(),
        _ if impact.through.is_empty() => "macros of the headers bring it in, which are still there".to_owned(),
        _ => {
            let names: Vec<String> = impact.through.iter().map(|name| format!("{name}()")).collect();
            format!(
                "{} of the headers brought it in, and {} still there",
                list(&names, 4),
                if names.len() == 1 { "is" } else { "are" }
            )
        }
    }
}

fn successors(impact: &SymbolImpact<'_>) -> Option<String> {
    let names: Vec<String> = impact
        .successors
        .iter()
        .map(|successor| match successor.kind {
            Some(kind) if kind.is_gpl_only() => format!("{} (GPL-only)", successor.symbol),
            _ => successor.symbol.clone(),
        })
        .collect();
    (!names.is_empty()).then(|| format!("new, and of a similar name (a suggestion): {}", all(&names)))
}

/// The code whose page explains it.
pub(super) const fn code(trouble: Trouble) -> Option<Code> {
    Some(match trouble {
        Trouble::Hidden => Code::GplOnlySymbol,
        Trouble::Gone | Trouble::Open | Trouble::Replaced => Code::MissingSymbol,
        Trouble::Namespace | Trouble::ForOthers => Code::NamespaceNotImported,
        Trouble::Version => Code::SymbolVersion,
        Trouble::Prototype | Trouble::MayNotCompile | Trouble::Moved => return None,
    })
}
