//! Modules between proprietary ones and the GPL: what a GPL module takes from a proprietary one, and the reverse.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, VecDeque};

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Body, Detail, Hop, Module, Subject, WorldExport};
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
    is_such: impl Fn(&Module, &WorldExport) -> bool,
) -> BTreeMap<&'m str, (&'m WorldExport, &'m Module)> {
    let owner = |import: &'m Cow<'_, str>| {
        let export = module.world.export(import)?;
        let owner = module.world.module(&export.owner).filter(|owner| is_such(owner, export))?;
        (*export.owner != *module.name).then_some((&**import, (export, owner)))
    };
    module.imports.iter().filter_map(owner).collect()
}

fn finding(module: &Audited<'_>, symbol: &str, export: &WorldExport, owner: &Module) -> AuditFinding {
    // The kernel's own word for no licence (kernel/module/main.c, set_license()).
    let license = owner.license.as_ref().map_or("unspecified", License::as_str);
    AuditFinding {
        symbol: Some(symbol.to_owned()),
        symbol_kind: Some(export.kind),
        detail: Detail::Owner { module: export.owner.to_string(), license: license.to_owned() },
        ..module.finding(AuditCode::ReexportsProprietary)
    }
}

/// A module that is not compatible with the GPL, and uses the plain exports of one that is, is not the kernel's own, and
/// itself uses what only GPL modules may.
fn taken_from_shims(module: &Audited<'_>) -> Vec<AuditFinding> {
    let is_shim = |owner: &Module, export: &WorldExport| {
        is_compatible(owner) && !owner.intree && owner.uses_gpl_only && !export.kind.is_gpl_only()
    };
    let imports = imports_of(module, is_shim);
    imports.into_iter().map(|(symbol, (export, owner))| finding(module, symbol, export, owner)).collect()
}

fn is_compatible(owner: &Module) -> bool {
    owner.license.as_ref().is_some_and(License::is_gpl_compatible)
}

/// A GPL module that uses symbols of a proprietary one; where an export of its own comes to one of them, with the way there.
fn passed_on(module: &Audited<'_>) -> Vec<AuditFinding> {
    let imports = imports_of(module, |owner, _| !is_compatible(owner));
    let mut found: BTreeMap<&str, AuditFinding> = BTreeMap::new();
    if let Some(subject) = module.subject.filter(|_| !imports.is_empty()) {
        // The plain exports first: they are open to all.
        let mut exports: Vec<_> = subject.exports.iter().collect();
        exports.sort_by_key(|export| export.kind.is_gpl_only());
        for export in exports {
            for (symbol, hops) in reached(module, subject, export.address) {
                let Some((symbol, (import, owner))) = imports.get_key_value(&*symbol) else { continue };
                found.entry(symbol).or_insert_with(|| AuditFinding {
                    export: Some(export.name.clone()),
                    kind: Some(export.kind),
                    hops,
                    ..finding(module, symbol, import, owner)
                });
            }
        }
    }
    for (symbol, (import, owner)) in imports {
        found.entry(symbol).or_insert_with(|| finding(module, symbol, import, owner));
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
