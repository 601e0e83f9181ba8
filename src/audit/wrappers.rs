//! Thin wrappers: plain exports that only pass their arguments on to other functions.
//!
//! An export is read together with the thin internal functions that it calls.

use std::collections::{BTreeSet, HashMap};

use super::body::{Arguments, Call};
use super::finding::{AuditCode, AuditFinding, Hop, Thinness};
use super::known::{KnownExports, Standing};
use super::plumbing::{is_plumbing, orders_threads};
use super::subject::Subject;
use crate::graph::Spot;

/// How many nested wrappers are followed.
const MAX_DEPTH: usize = 5;
/// A function with more instructions of its own is not thin.
pub const MAX_OWN: usize = 14;
/// A function that passes its arguments on to more functions than this is not thin: it combines them.
const MAX_CALLS: usize = 4;

/// A restricted symbol that a function hands out: it passes its arguments on to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Its name.
    pub symbol: String,
    /// Which modules may use it directly.
    pub standing: Standing,
    /// The calls that lead to it.
    pub hops: Vec<Hop>,
    /// Where its arguments come from.
    pub arguments: Arguments,
    /// Whether the function returns its result.
    pub result: bool,
}

impl Handed {
    fn by_call(symbol: String, standing: Standing, hop: Hop, call: &Call) -> Self {
        Self { symbol, standing, hops: vec![hop], arguments: call.arguments, result: call.result }
    }
}

/// What a function does, together with the thin functions that it calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many instructions do work of their own.
    pub own: usize,
    /// Whether one of the functions contains a loop.
    pub loops: bool,
    /// The restricted symbols that it hands out.
    pub handed: Vec<Handed>,
    /// The names of other functions that it calls.
    pub others: Vec<String>,
    /// Symbols that it calls and whose kind of export is unknown.
    pub unknown: Vec<String>,
}

impl Summary {
    /// Returns whether the function does nothing but pass its arguments on.
    pub fn is_thin(&self) -> bool {
        !self.loops && self.own <= MAX_OWN && self.others.is_empty() && self.handed.len() <= MAX_CALLS
    }
}

/// Summarizes functions, each once.
pub struct Wrappers<'s, 'a> {
    subject: &'s Subject<'a>,
    known: &'s KnownExports,
    summaries: HashMap<u64, Summary>,
}

impl<'s, 'a> Wrappers<'s, 'a> {
    /// Starts with no function read.
    pub fn new(subject: &'s Subject<'a>, known: &'s KnownExports) -> Self {
        Self { subject, known, summaries: HashMap::new() }
    }

    /// The restricted symbols that an export hands out, as findings, and the symbols it calls whose kind of export is
    /// unknown.
    pub fn laundered(&mut self, object: usize, export: &super::Export) -> (Vec<AuditFinding>, Vec<String>) {
        let mut summary = self.summary(export.address);
        // The address may have several names: show the export's.
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
        let instructions = summary.own;
        let calls = summary.handed.len();
        let mut seen = BTreeSet::new();
        let mut findings = Vec::new();
        for handed in summary.handed {
            if !seen.insert(handed.symbol.clone()) {
                continue;
            }
            let code = match handed.standing {
                Standing::GplOnly => AuditCode::LaundersGplOnly,
                _ => AuditCode::ExposesUnexported,
            };
            findings.push(AuditFinding {
                export: Some(export.name.clone()),
                kind: Some(export.kind),
                symbol_kind: self.known.kind(&handed.symbol),
                symbol: Some(handed.symbol),
                hops: handed.hops,
                thinness: Some(Thinness { instructions, calls, arguments: handed.arguments, result: handed.result }),
                ..AuditFinding::new(code, object)
            });
        }
        (findings, unknown)
    }

    /// Summarizes the function at an address.
    pub fn summary(&mut self, address: u64) -> Summary {
        self.at_depth(address, 0)
    }

    fn at_depth(&mut self, address: u64, depth: usize) -> Summary {
        if let Some(known) = self.summaries.get(&address) {
            return known.clone();
        }
        // While the function is read, its summary says that it loops: a recursive function is not thin.
        self.summaries.insert(address, Summary { loops: true, ..Summary::default() });
        let summary = self.read(address, depth);
        self.summaries.insert(address, summary.clone());
        summary
    }

    fn read(&mut self, address: u64, depth: usize) -> Summary {
        let Some(body) = self.subject.body(address) else { return Summary::default() };
        let mut summary = Summary { own: body.own, loops: body.loops, ..Summary::default() };
        let mut locks = Vec::new();
        for call in &body.calls {
            let hop = self.subject.hop(address, call.at, call.how);
            locks.extend(self.add_call(&mut summary, call, hop, depth));
        }
        // A function that does nothing but take or release one lock hands out that.
        if summary.own == 0 && summary.handed.is_empty() && summary.others.is_empty() && locks.len() == 1 {
            summary.handed = locks;
        }
        summary
    }

    /// Adds a call to a summary. Plumbing is not added, but returned if it is a GPL-only function that orders threads.
    fn add_call(&mut self, summary: &mut Summary, call: &Call, hop: Hop, depth: usize) -> Option<Handed> {
        let Some(callee) = call.callee else {
            summary.others.push("?".to_owned());
            return None;
        };
        let (name, standing) = self.known.standing_in(self.subject, callee);
        if is_plumbing(&name) {
            if standing != Standing::GplOnly || !orders_threads(&name) {
                return None;
            }
            return Some(Handed::by_call(name, standing, hop, call));
        }
        match (standing, callee) {
            (Standing::GplOnly, _) | (Standing::Unexported, Spot::Undefined(_)) => {
                summary.handed.push(Handed::by_call(name, standing, hop, call));
            }
            (Standing::Unexported, Spot::Address(address)) => {
                let inner = if depth < MAX_DEPTH { self.at_depth(address, depth + 1) } else { Summary::default() };
                if inner.is_thin() && !inner.handed.is_empty() {
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
