//! The GPL-only symbols that a plain export comes to on its way, however much work of its own it does.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::body::How;
use super::finding::{AuditCode, AuditFinding, Hop};
use super::known::{KnownExports, Standing};
use super::plumbing::is_plumbing;
use super::subject::Subject;
use crate::graph::Spot;

/// How many pointers of one piece of data are followed.
const MAX_POINTERS: usize = 256;

/// A reference out of a function.
type Edge = (u64, Spot, How);

/// Follows references, and remembers what it has read.
pub struct Reach<'s, 'a> {
    subject: &'s Subject<'a>,
    known: &'s KnownExports,
    edges: HashMap<u64, Rc<[Edge]>>,
}

impl<'s, 'a> Reach<'s, 'a> {
    /// Nothing read yet.
    pub fn new(subject: &'s Subject<'a>, known: &'s KnownExports) -> Self {
        Self { subject, known, edges: HashMap::new() }
    }

    /// What an export comes to within so many calls, each symbol once, by the shortest way.
    pub fn of(&mut self, object: usize, export: &super::Export, depth: usize) -> Vec<AuditFinding> {
        let (mut findings, mut seen) = (Vec::new(), HashSet::from([Spot::Address(export.address)]));
        let mut todo = VecDeque::from([(export.address, Vec::<Hop>::new())]);
        while let Some((address, way)) = todo.pop_front() {
            for (at, to, how) in self.edges(address).iter() {
                if !seen.insert(*to) {
                    continue;
                }
                let (symbol, standing) = self.known.standing_in(self.subject, *to);
                let mut hops = way.clone();
                hops.push(self.subject.hop(address, *at, *how));
                match (standing, to) {
                    (Standing::GplOnly, _) if !is_plumbing(&symbol) => findings.push(AuditFinding {
                        export: Some(export.name.clone()),
                        kind: Some(export.kind),
                        symbol_kind: self.known.kind(&symbol),
                        symbol: Some(symbol),
                        hops,
                        ..AuditFinding::new(AuditCode::ReachesGplOnly, object)
                    }),
                    (Standing::Unexported, Spot::Address(address)) if hops.len() < depth => {
                        todo.push_back((*address, hops));
                    }
                    _ => {}
                }
            }
        }
        findings
    }

    fn edges(&mut self, address: u64) -> Rc<[Edge]> {
        if let Some(known) = self.edges.get(&address) {
            return Rc::clone(known);
        }
        let found: Rc<[Edge]> = self.read(address).into();
        self.edges.insert(address, Rc::clone(&found));
        found
    }

    fn read(&self, address: u64) -> Vec<Edge> {
        let space = &self.subject.space;
        if let Some(body) = self.subject.body(address) {
            let calls = body.calls.iter().filter_map(|call| Some((call.at, call.callee?, call.how)));
            let addresses = body.addresses.iter().map(|(at, spot)| (*at, *spot, How::Address));
            let start = |(at, spot, how): Edge| match spot {
                // A place inside of something stands for all of it.
                Spot::Address(inside) => {
                    let label = space.covering(inside)?;
                    (label.address != address).then_some((at, Spot::Address(label.address), how))
                }
                Spot::Undefined(_) => Some((at, spot, how)),
            };
            return calls.chain(addresses).filter_map(start).collect();
        }
        let Some(label) = space.covering(address).filter(|label| !label.code) else { return Vec::new() };
        let pointers = space.pointers(label.address..label.address.saturating_add(label.size));
        let found = pointers.into_iter().take(MAX_POINTERS).map(|(at, spot)| (at, spot, How::Pointer));
        // What else stands in memory are numbers: only those that lead to a beginning are pointers.
        found.filter(|(_, spot, _)| spot.address().is_none_or(|address| !space.names(address).is_empty())).collect()
    }
}
