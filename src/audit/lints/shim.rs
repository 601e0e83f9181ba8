//! Modules between proprietary ones and the GPL: what a GPL module takes from a proprietary one, and the reverse.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, VecDeque};

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Body, Detail, Hop, KnownExport, KnownModule, Subject};
use crate::graph::Spot;
use crate::terms::License;

/// How many functions of the module an export may go through.
const MAX_DEPTH: usize = 3;

/// A finding for each symbol that crosses the border.
pub fn lint(module: &Audited<'_>) -> Vec<AuditFinding> {
    if module.is_gpl_compatible() { passed_on(module) } else { taken_from_shims(module) }
}

/// The symbols that a module imports from another of which `is_such` is true, with their exports and the module.
fn imports_of<'m>(
    module: &'m Audited<'_>,
    is_such: impl Fn(&KnownModule, &KnownExport) -> bool,
) -> BTreeMap<&'m str, (&'m KnownExport, &'m KnownModule)> {
    let exporter = |import: &'m Cow<'_, str>| {
        let export = module.known.export(import)?;
        let exporter = module.known.module(&export.exporter).filter(|exporter| is_such(exporter, export))?;
        (*export.exporter != *module.name).then_some((&**import, (export, exporter)))
    };
    module.imports.iter().filter_map(exporter).collect()
}

fn finding(module: &Audited<'_>, symbol: &str, export: &KnownExport, exporter: &KnownModule) -> AuditFinding {
    // The kernel's own word for no licence (kernel/module/main.c, set_license()).
    let license = exporter.license.as_ref().map_or("unspecified", License::as_str);
    AuditFinding {
        symbol: Some(symbol.to_owned()),
        symbol_kind: Some(export.kind),
        detail: Detail::Exporter { module: export.exporter.to_string(), license: license.to_owned() },
        ..module.finding(AuditCode::ReexportsProprietary)
    }
}

/// A module that is not compatible with the GPL, and uses the plain exports of one that is, is not the kernel's own, and
/// itself uses what only GPL modules may.
fn taken_from_shims(module: &Audited<'_>) -> Vec<AuditFinding> {
    let is_shim = |exporter: &KnownModule, export: &KnownExport| {
        is_compatible(exporter) && !exporter.intree && exporter.uses_gpl_only && !export.kind.is_gpl_only()
    };
    let imports = imports_of(module, is_shim);
    imports.into_iter().map(|(symbol, (export, exporter))| finding(module, symbol, export, exporter)).collect()
}

fn is_compatible(exporter: &KnownModule) -> bool {
    exporter.license.as_ref().is_some_and(License::is_gpl_compatible)
}

/// A GPL module that uses symbols of a proprietary one; where an export of its own comes to one of them, with the way there.
fn passed_on(module: &Audited<'_>) -> Vec<AuditFinding> {
    let imports = imports_of(module, |exporter, _| !is_compatible(exporter));
    let mut found: BTreeMap<&str, AuditFinding> = BTreeMap::new();
    if let Some(subject) = module.subject.filter(|_| !imports.is_empty()) {
        // The plain exports first: they are open to all.
        let mut exports: Vec<_> = subject.exports.iter().collect();
        exports.sort_by_key(|export| export.kind.is_gpl_only());
        for export in exports {
            for (symbol, hops) in reached(module, subject, export.address) {
                let Some((symbol, (import, exporter))) = imports.get_key_value(&*symbol) else { continue };
                found.entry(symbol).or_insert_with(|| AuditFinding {
                    export: Some(export.name.clone()),
                    kind: Some(export.kind),
                    hops,
                    ..finding(module, symbol, import, exporter)
                });
            }
        }
    }
    for (symbol, (import, exporter)) in imports {
        found.entry(symbol).or_insert_with(|| finding(module, symbol, import, exporter));
    }
    found.into_values().collect()
}

/// The imports that a function calls, itself or through others of the module, each by the shortest way.
fn reached(module: &Audited<'_>, subject: &Subject<'_>, start: u64) -> Vec<(String, Vec<Hop>)> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([start]);
    let mut waiting: VecDeque<(u64, Vec<Hop>)> = VecDeque::from([(start, Vec::new())]);
    while let Some((start, way)) = waiting.pop_front() {
        let calls = Body::read(&subject.space, start).map(|body| body.calls).unwrap_or_default();
        for call in calls {
            let hops = || way.iter().cloned().chain([module.hop(start, call.at, call.how)]).collect();
            match call.callee {
                Some(import @ Spot::Undefined(_)) => {
                    found.extend(subject.name(import).map(|name| (name.to_owned(), hops())));
                }
                Some(Spot::Address(callee)) if way.len() < MAX_DEPTH && seen.insert(callee) => {
                    waiting.push_back((callee, hops()));
                }
                _ => {}
            }
        }
    }
    found
}
