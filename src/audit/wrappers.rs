//! What plain exports hand on: their bodies, with those of the thin functions that they call in between.

use std::collections::{BTreeSet, HashMap};

use super::body::{Arguments, Call};
use super::finding::{AuditCode, AuditFinding, Hop, Thinness};
use super::known::{KnownExports, Standing};
use super::plumbing::{is_order, is_plumbing};
use super::subject::Subject;
use crate::graph::Spot;

/// How deep wrappers of wrappers are followed.
const MAX_DEPTH: usize = 5;
/// A function with more instructions of its own does work.
pub const MAX_OWN: usize = 14;
/// And one that hands on to more functions brings them together.
const MAX_CALLS: usize = 4;

/// Something that a function hands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Its name.
    pub symbol: String,
    /// How it stands to modules.
    pub standing: Standing,
    /// The calls that lead to it.
    pub hops: Vec<Hop>,
    /// What it is given.
    pub arguments: Arguments,
    /// Does the function give back what it gives?
    pub result: bool,
}

/// What a function comes to, with the thin functions it is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Instructions of their own.
    pub own: usize,
    /// Does one of them go back?
    pub loops: bool,
    /// What is handed on.
    pub handed: Vec<Handed>,
    /// What is called besides, by name.
    pub others: Vec<String>,
    /// Symbols that are called and of which nobody says how they are exported.
    pub unknown: Vec<String>,
}

impl Summary {
    /// Does it do nothing but hand on?
    pub fn is_thin(&self) -> bool {
        !self.loops && self.own <= MAX_OWN && self.others.is_empty() && self.handed.len() <= MAX_CALLS
    }
}

/// Reads functions and remembers them.
pub struct Wrappers<'s, 'a> {
    subject: &'s Subject<'a>,
    known: &'s KnownExports,
    summaries: HashMap<u64, Summary>,
}

impl<'s, 'a> Wrappers<'s, 'a> {
    /// Nothing read yet.
    pub fn new(subject: &'s Subject<'a>, known: &'s KnownExports) -> Self {
        Self { subject, known, summaries: HashMap::new() }
    }

    /// What an export launders: its findings, and the symbols of which nobody says how they are exported.
    pub fn laundered(&mut self, object: usize, export: &super::Export) -> (Vec<AuditFinding>, Vec<String>) {
        let mut summary = self.summary(export.address);
        // The place may have other names.
        let own = self.subject.name(Spot::Address(export.address)).unwrap_or_default();
        for hop in summary.handed.iter_mut().filter_map(|handed| handed.hops.first_mut()) {
            if hop.function == own {
                hop.function.clone_from(&export.name);
            }
        }
        let unknown = std::mem::take(&mut summary.unknown);
        if !summary.is_thin() {
            return (Vec::new(), unknown);
        }
        let (instructions, calls) = (summary.own, summary.handed.len());
        let mut seen = BTreeSet::new();
        let finding = |handed: Handed| {
            let (arguments, result) = (handed.arguments, handed.result);
            let code = match handed.standing {
                Standing::GplOnly => AuditCode::LaundersGplOnly,
                _ => AuditCode::ExposesUnexported,
            };
            AuditFinding {
                export: Some(export.name.clone()),
                kind: Some(export.kind),
                symbol_kind: self.known.kind(&handed.symbol),
                symbol: Some(handed.symbol),
                hops: handed.hops,
                thinness: Some(Thinness { instructions, calls, arguments, result }),
                ..AuditFinding::new(code, object)
            }
        };
        (summary.handed.into_iter().filter(|handed| seen.insert(handed.symbol.clone())).map(finding).collect(), unknown)
    }

    /// What the function at an address comes to.
    pub fn summary(&mut self, address: u64) -> Summary {
        self.at_depth(address, 0)
    }

    fn at_depth(&mut self, address: u64, depth: usize) -> Summary {
        if let Some(known) = self.summaries.get(&address) {
            return known.clone();
        }
        // One that calls itself finds itself here, and does work.
        let itself = Summary { loops: true, ..Summary::default() };
        self.summaries.insert(address, itself);
        let summary = self.read(address, depth);
        self.summaries.insert(address, summary.clone());
        summary
    }

    fn read(&mut self, address: u64, depth: usize) -> Summary {
        let Some(body) = self.subject.body(address) else { return Summary::default() };
        let mut summary = Summary { own: body.own, loops: body.loops, ..Summary::default() };
        let mut order = Vec::new();
        for call in &body.calls {
            let hop = self.subject.hop(address, call.at, call.how);
            order.extend(self.take(&mut summary, call, hop, depth));
        }
        // Where putting in order is all that is done, that is what is handed on.
        if summary.own == 0 && summary.handed.is_empty() && summary.others.is_empty() && order.len() == 1 {
            summary.handed = order;
        }
        summary
    }

    /// Takes a call into account; what puts in order and is GPL-only comes back.
    fn take(&mut self, summary: &mut Summary, call: &Call, hop: Hop, depth: usize) -> Option<Handed> {
        let Some(callee) = call.callee else {
            summary.others.push("?".to_owned());
            return None;
        };
        let (name, standing) = self.known.standing_in(self.subject, callee);
        if is_plumbing(&name) {
            let (arguments, result) = (call.arguments, call.result);
            let handed = Handed { symbol: name, standing, hops: vec![hop], arguments, result };
            return Some(handed).filter(|handed| handed.standing == Standing::GplOnly && is_order(&handed.symbol));
        }
        match (standing, callee) {
            (Standing::GplOnly, _) | (Standing::Unexported, Spot::Undefined(_)) => {
                let (arguments, result) = (call.arguments, call.result);
                summary.handed.push(Handed { symbol: name, standing, hops: vec![hop], arguments, result });
            }
            (Standing::Unexported, Spot::Address(address)) => {
                let inner = if depth < MAX_DEPTH { self.at_depth(address, depth + 1) } else { Summary::default() };
                if depth < MAX_DEPTH && inner.is_thin() && !inner.handed.is_empty() {
                    summary.own += inner.own;
                    summary.unknown.extend(inner.unknown);
                    for handed in inner.handed {
                        let mut hops = vec![hop.clone()];
                        hops.extend(handed.hops);
                        summary.handed.push(Handed {
                            hops,
                            arguments: handed.arguments.max(call.arguments),
                            result: handed.result && call.result,
                            ..handed
                        });
                    }
                } else {
                    summary.others.push(name);
                }
            }
            (Standing::Plain, _) => summary.others.push(name),
            (Standing::Unknown, _) => {
                summary.unknown.push(name.clone());
                summary.others.push(name);
            }
        }
        None
    }
}
