//! The symbols that another kernel changes for modules: each once, with the modules that use it. Symbols with equal details
//! share a line.

use std::collections::{BTreeMap, BTreeSet};

use super::words::called;
use crate::impact::{ChangeClass, Fate, ModuleImpact, SymbolImpact, SymbolReplacement};
use crate::kernel::{KernelExport, VMLINUX};
use crate::report::diff::sides;
use crate::report::entry::KernelSummary;
use crate::report::sentence::sentence;
use crate::report::wording::{all, list};
use crate::terms::ModuleName;
use crate::verdict::{Cause, Code, Frame};

/// How many lines of the source the page names for one symbol.
const PLACES: usize = 3;
/// The page names no lines of the source where more symbols than this have one trouble, to keep it short.
const WITH_PLACES: usize = 8;
/// How many details of one symbol the page shows; several modules may have different details.
const DETAILS: usize = 8;

/// The effect of a symbol's change on modules, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// It is GPL-only, and the module's license is not GPL-compatible.
    Hidden,
    /// It belongs to a proprietary module, and the module uses GPL-only symbols, too.
    OfProprietary,
    /// No exporter exports it.
    Gone,
    /// It is reserved for other modules by name.
    ForOthers,
    /// Its namespace must be imported.
    Namespace,
    /// Its prototype has changed, and the source calls it with another number of arguments.
    Prototype,
    /// It is gone, but a rebuilt module may not need it.
    Open,
    /// Its prototype has changed: the source may need changes.
    MayNotCompile,
    /// Another module exports it.
    Moved,
    /// It is gone, and a rebuilt module does not need it.
    Replaced,
    /// Its version has changed.
    Version,
}

/// Symbols with equal details and modules.
#[derive(Debug)]
pub(super) struct SymbolLine {
    pub symbols: Vec<String>,
    pub modules: Vec<String>,
    pub details: Vec<String>,
}

/// The lines for all symbols, by trouble.
pub(super) fn lines(
    modules: &[ModuleImpact<'_>],
    to: &KernelSummary,
    whole: bool,
) -> BTreeMap<Trouble, Vec<SymbolLine>> {
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
    let mut lines: BTreeMap<Trouble, Vec<SymbolLine>> = BTreeMap::new();
    for ((trouble, symbol), users) in users {
        let few = numbers.get(&trouble).is_some_and(|symbols| symbols.len() <= WITH_PLACES);
        let mut all_details: Vec<String> = Vec::new();
        // Modules may use the symbol differently; a detail that they share is listed once.
        for (module, impact) in &users {
            let places = places(impact).filter(|_| whole || few);
            let details = details(trouble, impact, &module.binary.name, to, places);
            let known = all_details.len();
            for detail in details {
                if !all_details[..known].contains(&detail) {
                    all_details.push(detail);
                }
            }
        }
        all_details.truncate(if whole { usize::MAX } else { DETAILS });
        let mut line = SymbolLine {
            symbols: vec![symbol.to_owned()],
            modules: users.iter().map(|(module, _)| called(module)).collect(),
            details: all_details,
        };
        let lines = lines.entry(trouble).or_default();
        match lines.iter_mut().find(|known| known.details == line.details && known.modules == line.modules) {
            Some(known) => known.symbols.append(&mut line.symbols),
            None => lines.push(line),
        }
    }
    lines
}

/// The troubles that one change causes.
fn troubles(impact: &SymbolImpact<'_>) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    match impact.blocked.as_ref().map(|blocked| &blocked.cause) {
        // The refused exporter is reported instead.
        None | Some(Cause::MissingSymbol { refused_exporter: Some(_), .. }) => {}
        Some(cause) => troubles.push(match (&impact.fate, cause) {
            (Fate::Replaced(_), _) => Trouble::Replaced,
            (Fate::Open { .. }, _) => Trouble::Open,
            (_, Cause::NamespaceNotImported { module_list: true, .. }) => Trouble::ForOthers,
            (_, Cause::NamespaceNotImported { .. }) => Trouble::Namespace,
            (_, Cause::GplOnlySymbol { .. }) => Trouble::Hidden,
            (_, Cause::GplOnlyWithProprietary { .. }) => Trouble::OfProprietary,
            _ => Trouble::Gone,
        }),
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

/// Returns whether an exporter of another name exports the symbol. The folder of the exporter does not matter to modprobe.
fn is_elsewhere(impact: &SymbolImpact<'_>) -> bool {
    exporter_name(impact.change.before.as_ref()) != exporter_name(impact.change.after.as_ref())
}

fn exporter_name(export: Option<&KernelExport<'_>>) -> Option<ModuleName> {
    export.map(|export| ModuleName::of_exporter(export.exporter))
}

/// The last component of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The details of a symbol with this trouble. `places` names the lines of the source, if the page shows them.
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
            let kind = if classes.has(ChangeClass::BecameGplOnly) {
                "it was EXPORT_SYMBOL, and is EXPORT_SYMBOL_GPL now"
            } else if impact.change.before.is_some() {
                "it was GPL-only before, too"
            } else {
                "it is EXPORT_SYMBOL_GPL"
            };
            details.push(kind.to_owned());
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
        Trouble::OfProprietary => {
            if let Some(blocked) = &impact.blocked {
                let sentence = sentence(blocked, module, to);
                details.push(sentence.cause());
                details.push(format!("fix: {}", sentence.fix));
            }
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

/// The inlines that the symbol comes through.
fn through(impact: &SymbolImpact<'_>) -> Option<String> {
    let certain = !impact.uses.is_empty() && impact.uses.iter().all(|place| !place.divided().0.is_empty());
    let names: Vec<String> = impact.through.iter().map(|name| format!("{name}()")).collect();
    if names.is_empty() {
        return None;
    }
    let comes = if certain { "comes" } else { "may come" };
    Some(format!("it {comes} through {} of the kernel's headers", list(&names, 4)))
}

/// The lines of the module's own source that use the symbol, or its functions where debug information has no lines.
fn places(impact: &SymbolImpact<'_>) -> Option<String> {
    let own = impact.uses.iter().filter_map(|place| place.divided().1.first());
    let places: BTreeSet<String> = own.map(place).collect();
    let places: Vec<String> = places.into_iter().collect();
    if places.is_empty() {
        return None;
    }
    let at = if places.iter().any(|place| place.contains(':')) { "at" } else { "in" };
    Some(format!("used {at} {}", list(&places, PLACES)))
}

/// `main.c:40 in foo_init`.
fn place(frame: &Frame) -> String {
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{file}:{line} in {}", frame.function),
        (Some(file), None) => format!("{file} in {}", frame.function),
        (None, _) => frame.function.clone(),
    }
}

/// What replaces the symbol when the module is rebuilt.
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

/// Suggestions for exports that may replace the symbol.
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

/// The code whose page explains a trouble.
pub(super) const fn code(trouble: Trouble) -> Option<Code> {
    Some(match trouble {
        Trouble::Hidden => Code::GplOnlySymbol,
        Trouble::OfProprietary => Code::GplOnlyWithProprietary,
        Trouble::Gone | Trouble::Open | Trouble::Replaced => Code::MissingSymbol,
        Trouble::Namespace | Trouble::ForOthers => Code::NamespaceNotImported,
        Trouble::Version => Code::SymbolVersion,
        Trouble::Prototype | Trouble::MayNotCompile | Trouble::Moved => return None,
    })
}
