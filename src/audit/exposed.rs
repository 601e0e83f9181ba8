//! Functions that a kernel does not export, but that its plain exports hand out.
//!
//! Every export calls functions that are not exported, and most of these are merely parts of it. A finding is a
//! function that the kernel itself uses in many places, that lies in another source file, and that only a few plain
//! exports reach.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::body::{Arguments, Call};
use super::finding::{AuditCode, AuditFinding, Hop, Thinness};
use super::plumbing::is_plumbing;
use super::subject::Subject;
use crate::graph::{Action, AddressSpace, Spot, Way};
use crate::terms::{ExportKind, parallel};

/// A function with fewer callers is merely a part of them.
const MIN_USERS: usize = 8;
/// A function that more plain exports reach is no secret.
const MAX_EXPORTS: usize = 3;
/// How many static functions of the export's own file may lie on the path.
const MAX_HELPERS: usize = 2;
/// An export that calls more functions than this combines them, and hands out none of them.
const MAX_CALLS: usize = 12;

/// A path from a plain export to a function.
struct Exposure {
    export: String,
    hops: Vec<Hop>,
    thinness: Thinness,
}

/// Finds the functions that a kernel's plain exports hand out.
pub fn exposed(subject: &Subject<'_>, object: usize) -> Vec<AuditFinding> {
    let exported: HashSet<u64> = subject.exports.iter().map(|export| export.address).collect();
    let finder = Finder { subject, exported };
    let plain: Vec<_> = subject.exports.iter().filter(|export| export.kind == ExportKind::Plain).collect();
    let all = parallel::map(&plain, |export| {
        let mut found = BTreeMap::new();
        finder.follow(&export.name, export.address, &mut Vec::new(), &mut found);
        found
    });
    let mut by_function: BTreeMap<u64, Vec<Exposure>> = BTreeMap::new();
    for (function, exposure) in all.into_iter().flatten() {
        by_function.entry(function).or_default().push(exposure);
    }
    let users = count_users(&subject.space, &by_function.keys().copied().collect());
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
    /// Adds the unexported functions that the function at an address calls, itself or through static functions. `path`
    /// holds the calls that led there.
    fn follow(&self, export: &str, address: u64, path: &mut Vec<(Hop, Thinness)>, found: &mut BTreeMap<u64, Exposure>) {
        let Some(body) = self.subject.body(address) else { return };
        let calls: Vec<_> = body.calls.iter().filter(|call| !self.is_plumbing(call)).collect();
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
            path.push((self.subject.hop(address, call.at, call.how), thinness));
            if label.global {
                self.add(export, callee, path, found);
            } else if path.len() <= MAX_HELPERS {
                self.follow(export, callee, path, found);
            }
            path.pop();
        }
    }

    fn is_plumbing(&self, call: &Call) -> bool {
        call.callee.is_some_and(|callee| is_plumbing(self.subject.name(callee).unwrap_or_default()))
    }

    /// Adds a function that a path leads to, if no path with a higher score leads there.
    fn add(&self, export: &str, callee: u64, path: &[(Hop, Thinness)], found: &mut BTreeMap<u64, Exposure>) {
        let arguments = path.iter().map(|(_, thinness)| thinness.arguments).max().unwrap_or(Arguments::Own);
        let thinness = Thinness {
            instructions: path.iter().map(|(_, thinness)| thinness.instructions).sum(),
            calls: path.iter().map(|(_, thinness)| thinness.calls).sum::<usize>() + 1 - path.len(),
            arguments,
            result: path.iter().all(|(_, thinness)| thinness.result),
        };
        let hops = path.iter().map(|(hop, _)| hop.clone()).collect();
        let new = Exposure { export: export.to_owned(), hops, thinness };
        let known = found.get(&callee).map(|known| known.thinness.score());
        if known.is_none_or(|known| known < new.thinness.score()) {
            found.insert(callee, new);
        }
    }
}

/// How many functions call each of the functions at the addresses `wanted`.
fn count_users(space: &AddressSpace<'_>, wanted: &BTreeSet<u64>) -> HashMap<u64, usize> {
    let mut starts: Vec<u64> = space.labels().iter().filter(|label| label.code).map(|label| label.address).collect();
    starts.dedup();
    let all: Vec<BTreeSet<u64>> = parallel::map(&starts, |start| callees(space, *start, wanted));
    let mut users = HashMap::new();
    for callee in all.into_iter().flatten() {
        *users.entry(callee).or_default() += 1;
    }
    users
}

/// Which of the functions at the addresses `wanted` the function at `start` calls, apart from itself.
fn callees(space: &AddressSpace<'_>, start: u64, wanted: &BTreeSet<u64>) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let Some((_, end)) = space.function(start) else { return found };
    for step in space.steps(start..end) {
        if let Action::Call(Way::To(Spot::Address(to)))
        | Action::Jump(Way::To(Spot::Address(to)))
        | Action::Branch(Spot::Address(to)) = step.action
            && to != start
            && wanted.contains(&to)
        {
            found.insert(to);
        }
    }
    found
}
