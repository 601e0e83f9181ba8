//! The GPL-only symbols that a plain export reaches through calls, however much work of its own it does.

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

/// A reference from a function or a piece of data: where it is, what it refers to, and how.
type OutEdge = (u64, Spot, How);

/// Follows references. What a function or a piece of data refers to is read once.
pub struct Reach<'s, 'a> {
    subject: &'s Subject<'a>,
    known: &'s KnownExports,
    edges: HashMap<u64, Rc<[OutEdge]>>,
}

impl<'s, 'a> Reach<'s, 'a> {
    /// Starts with nothing read.
    pub fn new(subject: &'s Subject<'a>, known: &'s KnownExports) -> Self {
        Self { subject, known, edges: HashMap::new() }
    }

    /// The GPL-only symbols that an export reaches within `depth` calls, each once, by the shortest path.
    pub fn of(&mut self, object: usize, export: &super::Export, depth: usize) -> Vec<AuditFinding> {
        let mut findings = Vec::new();
        let mut seen = HashSet::from([Spot::Address(export.address)]);
        let mut todo = VecDeque::from([(export.address, Vec::<Hop>::new())]);
        while let Some((address, path)) = todo.pop_front() {
            for (at, to, how) in self.edges(address).iter() {
                if !seen.insert(*to) {
                    continue;
                }
                let (symbol, standing) = self.known.standing_in(self.subject, *to);
                let mut hops = path.clone();
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

    /// What the function or data at an address refers to.
    fn edges(&mut self, address: u64) -> Rc<[OutEdge]> {
        if let Some(known) = self.edges.get(&address) {
            return Rc::clone(known);
        }
        let found: Rc<[OutEdge]> = self.read(address).into();
        self.edges.insert(address, Rc::clone(&found));
        found
    }

    fn read(&self, address: u64) -> Vec<OutEdge> {
        let space = &self.subject.space;
        if let Some(body) = self.subject.body(address) {
            let calls = body.calls.iter().filter_map(|call| Some((call.at, call.callee?, call.how)));
            let addresses = body.addresses.iter().map(|(at, spot)| (*at, *spot, How::Address));
            return calls.chain(addresses).filter_map(|edge| self.to_start(edge, address)).collect();
        }
        let Some(label) = space.covering(address).filter(|label| !label.code) else { return Vec::new() };
        let pointers = space.pointers(label.address..label.address.saturating_add(label.size));
        let found = pointers.into_iter().take(MAX_POINTERS).map(|(at, spot)| (at, spot, How::Pointer));
        // A word in memory may be any number: only one that is the address of a symbol is taken for a pointer.
        found.filter(|(_, spot, _)| spot.address().is_none_or(|address| !space.names(address).is_empty())).collect()
    }

    /// Makes an edge to the middle of a function or of data lead to its start. `None` for one that stays inside `from`,
    /// and for one that leads to nothing that has a name.
    fn to_start(&self, (at, spot, how): OutEdge, from: u64) -> Option<OutEdge> {
        let Spot::Address(inside) = spot else { return Some((at, spot, how)) };
        let label = self.subject.space.covering(inside)?;
        (label.address != from).then_some((at, Spot::Address(label.address), how))
    }
}
