//! What a kernel's plain exports hand out that it exports to nobody.
//!
//! Every export calls functions that are not exported; most of those are parts of its own. News is a function that the kernel
//! itself uses in many places, that is another file's, and that modules come to by a few plain exports only.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;

use super::body::Arguments;
use super::finding::{AuditCode, AuditFinding, Hop, Thinness};
use super::plumbing::is_plumbing;
use super::subject::Subject;
use crate::graph::{Action, AddressSpace, Spot, Way};
use crate::terms::ExportKind;

/// A function that fewer functions call is a part of those that do.
const MIN_USERS: usize = 8;
/// One that more plain exports come to is no secret.
const MAX_EXPORTS: usize = 3;
/// How many functions of the export's own file may stand in between.
const MAX_HELPERS: usize = 2;
/// Where an export calls more than this, one of them is not what it hands out.
const MAX_CALLS: usize = 12;

/// A way from a plain export to a function.
struct Exposure {
    export: String,
    hops: Vec<Hop>,
    thinness: Thinness,
}

/// Finds them in a kernel.
pub fn exposed(subject: &Subject<'_>, object: usize) -> Vec<AuditFinding> {
    let exported: HashSet<u64> = subject.exports.iter().map(|export| export.address).collect();
    let finder = Finder { subject, exported };
    let plain: Vec<_> = subject.exports.iter().filter(|export| export.kind == ExportKind::Plain).collect();
    let of_export = |export: &&super::Export| {
        let mut found = BTreeMap::new();
        finder.follow(&export.name, export.address, &mut Vec::new(), &mut found);
        found
    };
    let all: Vec<_> = plain.par_iter().map(of_export).collect();
    let mut by_function: BTreeMap<u64, Vec<Exposure>> = BTreeMap::new();
    for (function, exposure) in all.into_iter().flatten() {
        by_function.entry(function).or_default().push(exposure);
    }
    let users = users(&subject.space, &by_function.keys().copied().collect());
    let mut findings = Vec::new();
    for (function, exposures) in by_function {
        let users = users.get(&function).copied().unwrap_or_default();
        let names: BTreeSet<&str> = exposures.iter().map(|exposure| exposure.export.as_str()).collect();
        if users < MIN_USERS || names.len() > MAX_EXPORTS {
            continue;
        }
        let symbol = subject.name(Spot::Address(function)).unwrap_or_default();
        findings.extend(exposures.into_iter().map(|exposure| AuditFinding {
            export: Some(exposure.export),
            kind: Some(ExportKind::Plain),
            symbol: Some(symbol.to_owned()),
            hops: exposure.hops,
            thinness: Some(exposure.thinness),
            users: Some(users),
            ..AuditFinding::new(AuditCode::ExposesUnexported, object)
        }));
    }
    findings
}

struct Finder<'s, 'a> {
    subject: &'s Subject<'a>,
    exported: HashSet<u64>,
}

impl Finder<'_, '_> {
    /// Adds what the function at an address calls and nobody may, and what its helpers do.
    fn follow(&self, export: &str, address: u64, way: &mut Vec<(Hop, Thinness)>, found: &mut BTreeMap<u64, Exposure>) {
        let Some(body) = self.subject.body(address) else { return };
        let name = |spot| self.subject.name(spot).unwrap_or_default();
        let counts = |call: &&super::Call| call.callee.is_none_or(|callee| !is_plumbing(name(callee)));
        let calls: Vec<_> = body.calls.iter().filter(counts).collect();
        if calls.len() > MAX_CALLS {
            return;
        }
        for call in &calls {
            let Some(Spot::Address(callee)) = call.callee else { continue };
            let Some((label, _)) = self.subject.space.function(callee) else { continue };
            if self.exported.contains(&callee) || label.name.starts_with("__SCT__") {
                continue;
            }
            let thinness =
                Thinness { instructions: body.own, calls: calls.len(), arguments: call.arguments, result: call.result };
            way.push((self.subject.hop(address, call.at, call.how), thinness));
            if label.global {
                self.add(export, callee, way, found);
            } else if way.len() <= MAX_HELPERS {
                self.follow(export, callee, way, found);
            }
            way.pop();
        }
    }

    fn add(&self, export: &str, callee: u64, way: &[(Hop, Thinness)], found: &mut BTreeMap<u64, Exposure>) {
        let arguments = way.iter().map(|(_, thinness)| thinness.arguments).max().unwrap_or(Arguments::Own);
        let thinness = Thinness {
            instructions: way.iter().map(|(_, thinness)| thinness.instructions).sum(),
            calls: way.iter().map(|(_, thinness)| thinness.calls).sum::<usize>() + 1 - way.len(),
            arguments,
            result: way.iter().all(|(_, thinness)| thinness.result),
        };
        let hops = way.iter().map(|(hop, _)| hop.clone()).collect();
        let new = Exposure { export: export.to_owned(), hops, thinness };
        let known = found.get(&callee).map(|known| known.thinness.score());
        if known.is_none_or(|known| known < new.thinness.score()) {
            found.insert(callee, new);
        }
    }
}

/// By how many functions each of `wanted` is called.
fn users(space: &AddressSpace<'_>, wanted: &BTreeSet<u64>) -> HashMap<u64, usize> {
    let mut starts: Vec<u64> = space.labels().iter().filter(|label| label.code).map(|label| label.address).collect();
    starts.dedup();
    let calls = |start: &u64| {
        let Some((_, end)) = space.function(*start) else { return Vec::new() };
        let target = |action| match action {
            Action::Call(Way::To(Spot::Address(to)))
            | Action::Jump(Way::To(Spot::Address(to)))
            | Action::Branch(Spot::Address(to)) => Some(to).filter(|to| wanted.contains(to)),
            _ => None,
        };
        let steps = space.steps(*start..end);
        let called: BTreeSet<u64> = steps.iter().filter_map(|step| target(step.action)).collect();
        called.into_iter().filter(|to| to != start).collect::<Vec<_>>()
    };
    let all: Vec<Vec<u64>> = starts.par_iter().map(calls).collect();
    let mut users = HashMap::new();
    for callee in all.into_iter().flatten() {
        *users.entry(callee).or_default() += 1;
    }
    users
}
