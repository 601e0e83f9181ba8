//! Shims: modules that connect proprietary code with GPL-only symbols. A GPL module may use symbols of a proprietary
//! one, or a proprietary module those of a GPL shim.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Body, Detail, Hop, KnownExport, KnownModule, Subject};
use crate::graph::Spot;
use crate::terms::License;

/// How many functions of the module may lie between an export and the import that it reaches.
const MAX_DEPTH: usize = 3;

/// A finding for each imported symbol that crosses between proprietary and GPL code.
pub fn lint(module: &Audited<'_>) -> Vec<AuditFinding> {
    if module.is_gpl_compatible() { passed_on(module) } else { taken_from_shims(module) }
}

/// The symbols that a module imports from other modules for which `is_such` holds, each with its export and its
/// exporter.
fn imports_of<'m>(
    module: &'m Audited<'_>,
    is_such: impl Fn(&KnownModule, &KnownExport) -> bool,
) -> BTreeMap<&'m str, (&'m KnownExport, &'m KnownModule)> {
    let mut imports = BTreeMap::new();
    for import in &module.imports {
        let Some(export) = module.known.export(import) else { continue };
        let Some(exporter) = module.known.module(&export.exporter) else { continue };
        if export.exporter != module.name && is_such(exporter, export) {
            imports.insert(&**import, (export, exporter));
        }
    }
    imports
}

fn finding(module: &Audited<'_>, symbol: &str, export: &KnownExport, exporter: &KnownModule) -> AuditFinding {
    // The kernel's own word for no license (kernel/module/main.c, set_license()).
    let license = exporter.license.as_ref().map_or("unspecified", License::as_str);
    AuditFinding {
        symbol: Some(symbol.to_owned()),
        symbol_kind: Some(export.kind),
        detail: Detail::Exporter { module: export.exporter.to_string(), license: license.to_owned() },
        ..module.finding(AuditCode::ReexportsProprietary)
    }
}

/// The imports of a module that is not compatible with the GPL from shims: GPL modules from outside the kernel that use
/// GPL-only symbols and have plain exports.
fn taken_from_shims(module: &Audited<'_>) -> Vec<AuditFinding> {
    let imports = imports_of(module, |exporter, export| {
        is_compatible(exporter) && !exporter.intree && exporter.uses_gpl_only && !export.kind.is_gpl_only()
    });
    imports.into_iter().map(|(symbol, (export, exporter))| finding(module, symbol, export, exporter)).collect()
}

fn is_compatible(exporter: &KnownModule) -> bool {
    exporter.license.as_ref().is_some_and(License::is_gpl_compatible)
}

/// The imports of a GPL module from proprietary modules. If an export of the module reaches one of them, the finding
/// names the export and the path.
fn passed_on(module: &Audited<'_>) -> Vec<AuditFinding> {
    let imports = imports_of(module, |exporter, _| !is_compatible(exporter));
    let mut found: BTreeMap<&str, AuditFinding> = BTreeMap::new();
    if let Some(subject) = module.subject.filter(|_| !imports.is_empty()) {
        // Plain exports come first: every module may use them.
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

/// The imports that a function calls, directly or through other functions of the module, by the shortest path first.
fn reached(module: &Audited<'_>, subject: &Subject<'_>, start: u64) -> Vec<(String, Vec<Hop>)> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([start]);
    let mut waiting: VecDeque<(u64, Vec<Hop>)> = VecDeque::from([(start, Vec::new())]);
    while let Some((start, path)) = waiting.pop_front() {
        let calls = Body::read(&subject.space, start).map(|body| body.calls).unwrap_or_default();
        for call in calls {
            let hops = || path.iter().cloned().chain([module.hop(start, call.at, call.how)]).collect();
            match call.callee {
                Some(import @ Spot::Undefined(_)) => {
                    found.extend(subject.name(import).map(|name| (name.to_owned(), hops())));
                }
                Some(Spot::Address(callee)) if path.len() < MAX_DEPTH && seen.insert(callee) => {
                    waiting.push_back((callee, hops()));
                }
                _ => {}
            }
        }
    }
    found
}
