//! Which functions reach which symbols, each by the shortest way.
//!
//! A function reaches what its callees reach, so to search from each function anew would take the square of their number. The graph
//! is walked from each symbol instead, against its edges. Of each function on the way only the edge is kept by which the shortest
//! way to the symbol begins.

use std::collections::{HashMap, VecDeque};

use super::Inline;
use super::access::SymbolAccess;
use crate::graph::{Edge, Place, Program, Target};

/// How many restricted symbols of one inline function are listed. Those of Linux 6.1 need up to 8.
const MAX_RESTRICTED: usize = 64;
/// How many symbols of any kind are listed of one that needs a restricted symbol. Those of Linux 6.1 need up to 13.
const MAX_NEEDS: usize = 256;
/// How many names a path has. Those of Linux 6.1 have up to 8.
const MAX_PATH: usize = 32;
/// When the paths of one inline function have as many names together, no other path is kept.
const MAX_NAMES: usize = 256;

/// Stands in a path for the functions that are left out.
const LEFT_OUT: &str = "…";

/// The name of a function without what the compiler appends to the parts that it splits off.
pub(super) fn base_name(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

/// The beginning of a name, as long as the kernel's names may be (`KSYM_NAME_LEN`): it may be repeated for every function.
fn shortened(name: &str) -> &str {
    let end = name.char_indices().nth(512).map(|(end, _)| end);
    end.and_then(|end| name.get(..end)).unwrap_or(name)
}

/// An inline function whose lists grow.
pub(super) struct Needs {
    inline: Inline,
    /// How many names its paths have.
    names: usize,
}

impl Needs {
    pub const fn new(inline: Inline) -> Self {
        Self { inline, names: 0 }
    }

    /// Adds a restricted symbol.
    fn add(&mut self, symbol: &str, access: SymbolAccess) {
        for (is_so, list) in [
            (access.gpl_only, &mut self.inline.gpl_only),
            (access.unexported, &mut self.inline.unexported),
            (access.namespaced, &mut self.inline.namespaced),
        ] {
            list.extend(is_so.then(|| symbol.to_owned()));
        }
    }

    /// Returns whether another path is kept.
    const fn has_room(&self) -> bool {
        self.names < MAX_NAMES
    }

    fn add_path(&mut self, path: Vec<String>) {
        self.names += path.len();
        if self.inline.path.is_empty() || self.inline.path.last() == path.last() {
            self.inline.path = path;
        } else {
            self.inline.other_paths.push(path);
        }
    }

    pub fn finish(self) -> Inline {
        let mut inline = self.inline;
        for list in [&mut inline.gpl_only, &mut inline.unexported, &mut inline.namespaced] {
            list.sort_unstable();
        }
        inline.other_paths.sort_by(|a, b| a.last().cmp(&b.last()));
        inline
    }
}

/// An edge: the node that it leaves, and its position among that node's edges.
type EdgeAt = (usize, usize);

/// How a node reaches what was walked from.
#[derive(Clone, Copy, Default)]
struct Hop {
    /// How many edges the shortest way has; 0 if there is no way.
    distance: usize,
    /// The position of the edge by which that way begins: of several, the first.
    edge: usize,
}

/// Walks through one program against its edges.
pub(super) struct Walks<'a> {
    program: &'a Program,
    /// The edges that lead to each node, and to each undefined symbol.
    to_nodes: Vec<Vec<EdgeAt>>,
    to_symbols: Vec<Vec<EdgeAt>>,
    hops: Vec<Hop>,
    /// The nodes that the current walk has met, the nearest first.
    met: Vec<usize>,
}

impl<'a> Walks<'a> {
    pub fn new(program: &'a Program) -> Self {
        let mut to_nodes = vec![Vec::new(); program.nodes.len()];
        let mut to_symbols = vec![Vec::new(); program.undefined.len()];
        for (node, edges) in program.nodes.iter().map(|node| &node.edges).enumerate() {
            for (position, edge) in edges.iter().enumerate() {
                let sources = match edge.to {
                    Target::Node(next) => to_nodes.get_mut(next),
                    Target::Undefined(symbol) => to_symbols.get_mut(symbol),
                };
                sources.into_iter().for_each(|sources| sources.push((node, position)));
            }
        }
        let hops = vec![Hop::default(); program.nodes.len()];
        Self { program, to_nodes, to_symbols, hops, met: Vec::new() }
    }

    /// Walks against the edges, from these edges on. Nodes that are left out are not met; what reaches one must be left out, too.
    fn walk(&mut self, from: &[EdgeAt], is_left_out: impl Fn(usize) -> bool) {
        for met in self.met.drain(..) {
            self.hops.get_mut(met).into_iter().for_each(|hop| *hop = Hop::default());
        }
        let mut queue = VecDeque::new();
        let mut sources = from;
        let mut distance = 1;
        loop {
            for (node, edge) in sources.iter().copied().filter(|(node, _)| !is_left_out(*node)) {
                let Some(hop) = self.hops.get_mut(node) else { continue };
                if hop.distance == 0 {
                    *hop = Hop { distance, edge };
                    self.met.push(node);
                    queue.push_back(node);
                } else if hop.distance == distance {
                    hop.edge = hop.edge.min(edge);
                }
            }
            let Some(next) = queue.pop_front() else { return };
            sources = self.to_nodes.get(next).map_or(&[], Vec::as_slice);
            distance = self.hops.get(next).map_or(0, |hop| hop.distance) + 1;
        }
    }

    /// Walks from an undefined symbol on.
    fn walk_from(&mut self, symbol: usize, is_left_out: impl Fn(usize) -> bool) {
        let from = self.to_symbols.get_mut(symbol).map(std::mem::take).unwrap_or_default();
        self.walk(&from, is_left_out);
        if let Some(sources) = self.to_symbols.get_mut(symbol) {
            *sources = from;
        }
    }

    /// The name of an undefined symbol.
    fn symbol_name(&self, symbol: usize) -> &'a str {
        self.program.undefined.get(symbol).map_or("", |symbol| shortened(&symbol.name))
    }

    /// The first edge of the shortest way from a node.
    fn edge(&self, node: usize) -> Option<Edge> {
        let hop = self.hops.get(node).filter(|hop| hop.distance > 0)?;
        self.program.nodes.get(node)?.edges.get(hop.edge).copied()
    }

    /// The edges of the shortest way from a node, each with the node that it leaves.
    fn way(&self, node: usize) -> impl Iterator<Item = (usize, Edge)> {
        let first = self.edge(node).map(|edge| (node, edge));
        std::iter::successors(first, |(node, edge)| {
            let is_last = self.hops.get(*node).is_none_or(|hop| hop.distance == 1);
            match edge.to {
                Target::Node(next) if !is_last => Some((next, self.edge(next)?)),
                _ => None,
            }
        })
    }

    /// Of each node that was met, what its shortest way ends at.
    fn ends(&self) -> Vec<(usize, Target)> {
        // The nearest were met first, so the end of the next node on the way is known.
        let mut ends: HashMap<usize, Target> = HashMap::with_capacity(self.met.len());
        for node in &self.met {
            let Some(edge) = self.edge(*node) else { continue };
            let is_last = self.hops.get(*node).is_none_or(|hop| hop.distance == 1);
            let end = match edge.to {
                Target::Node(next) if !is_last => ends.get(&next).copied(),
                to => Some(to),
            };
            ends.extend(end.map(|end| (*node, end)));
        }
        self.met.iter().filter_map(|node| Some((*node, *ends.get(node)?))).collect()
    }

    /// Adds to the inline functions the restricted symbols that they reach. `inlined` returns the inlined functions that a place
    /// belongs to, the outermost first.
    pub fn find_restricted(
        &mut self,
        accesses: &[SymbolAccess],
        inlined: &dyn Fn(Place) -> Vec<String>,
        needs: &mut [Option<Needs>],
    ) {
        let access = |symbol: usize| accesses.get(symbol).copied().unwrap_or_default();
        let mut restricted: Vec<usize> =
            (0..self.to_symbols.len()).filter(|symbol| access(*symbol).is_restricted()).collect();
        // In the order of `Inline::restricted`.
        restricted.sort_by_key(|symbol| {
            (
                !access(*symbol).gpl_only,
                !access(*symbol).unexported,
                self.program.undefined.get(*symbol).map(|s| &s.name),
            )
        });
        let mut found = vec![0; self.program.nodes.len()];
        let mut frames = HashMap::new();
        for symbol in restricted {
            self.walk_from(symbol, |node| found.get(node).is_some_and(|found| *found >= MAX_RESTRICTED));
            let name = self.symbol_name(symbol);
            for node in &self.met {
                found.get_mut(*node).into_iter().for_each(|found| *found += 1);
                if let Some(needs) = needs.get_mut(*node).and_then(Option::as_mut) {
                    needs.inline.in_part |= found.get(*node).is_some_and(|found| *found >= MAX_RESTRICTED);
                    needs.add(name, access(symbol));
                    if needs.has_room() {
                        let (path, is_whole) = self.path(*node, name, inlined, &mut frames);
                        needs.inline.in_part |= !is_whole;
                        needs.add_path(path);
                    } else {
                        needs.inline.in_part = true;
                    }
                }
            }
        }
    }

    /// Adds to the inline functions that reach restricted symbols all that they reach.
    pub fn find_needs(&mut self, accesses: &[SymbolAccess], needs: &mut [Option<Needs>]) {
        let counts = |symbol: &usize| accesses.get(*symbol).is_some_and(|access| !access.stops && !access.provided);
        let mut symbols: Vec<usize> = (0..self.to_symbols.len()).filter(counts).collect();
        symbols.sort_by_key(|symbol| self.program.undefined.get(*symbol).map(|symbol| &symbol.name));
        let mut found = vec![0; self.program.nodes.len()];
        for symbol in symbols {
            self.walk_from(symbol, |node| found.get(node).is_some_and(|found| *found >= MAX_NEEDS));
            let name = self.symbol_name(symbol);
            for node in &self.met {
                found.get_mut(*node).into_iter().for_each(|found| *found += 1);
                let needs = needs.get_mut(*node).and_then(Option::as_mut);
                if let Some(Needs { inline, .. }) = needs.filter(|needs| !needs.inline.path.is_empty()) {
                    inline.in_part |= found.get(*node).is_some_and(|found| *found >= MAX_NEEDS);
                    inline.needs.push(name.to_owned());
                }
            }
        }
    }

    /// The names along the shortest way from a node to the symbol that was walked from, including inlined functions and parts that the
    /// compiler split off, without consecutive repetitions; and whether none is left out. `frames` keeps what `inlined` returned.
    fn path(
        &self,
        node: usize,
        symbol: &str,
        inlined: &dyn Fn(Place) -> Vec<String>,
        frames: &mut HashMap<Place, Vec<String>>,
    ) -> (Vec<String>, bool) {
        let mut path: Vec<String> = Vec::new();
        for (node, edge) in self.way(node) {
            if path.len() >= MAX_PATH {
                break;
            }
            let own = self.program.nodes.get(node).map(|node| shortened(base_name(&node.name)).to_owned());
            path.extend(own.filter(|name| !name.is_empty()));
            if let Some(at) = edge.at {
                path.extend_from_slice(frames.entry(at).or_insert_with(|| inlined(at)));
            }
            path.dedup();
        }
        let is_whole = path.len() < MAX_PATH;
        if !is_whole {
            path.truncate(MAX_PATH - 2);
            path.push(LEFT_OUT.to_owned());
        }
        path.push(symbol.to_owned());
        path.dedup();
        (path, is_whole)
    }
}

/// Why nothing is known of the nodes that reach an incomplete function, or a symbol that stops builds.
pub(super) fn why_dropped(
    walks: &mut Walks<'_>,
    accesses: &[SymbolAccess],
    incomplete: &[bool],
) -> HashMap<usize, String> {
    let program = walks.program;
    let stops = (0..accesses.len()).filter(|symbol| accesses.get(*symbol).is_some_and(|access| access.stops));
    let to_stops: Vec<_> = stops.filter_map(|symbol| walks.to_symbols.get(symbol)).flatten().copied().collect();
    let mut why = HashMap::new();
    walks.walk(&to_stops, |_| false);
    for (node, end) in walks.ends() {
        let Target::Undefined(symbol) = end else { continue };
        let symbol = walks.symbol_name(symbol);
        let text = format!("it needs {symbol}, which only exists to stop a build: what it is given must be constant");
        why.insert(node, text);
    }
    let of_incomplete = |node: &usize| incomplete.get(*node).is_some_and(|incomplete| *incomplete);
    let nodes = (0..program.nodes.len()).filter(of_incomplete);
    let to_incomplete: Vec<_> = nodes.filter_map(|node| walks.to_nodes.get(node)).flatten().copied().collect();
    walks.walk(&to_incomplete, |_| false);
    for (node, end) in walks.ends() {
        // A function that reaches itself is asked for another that it reaches.
        let end = if end == Target::Node(node) { first_incomplete(program, node, incomplete) } else { Some(end) };
        if let Some(Target::Node(end)) = end
            && let Some(end) = program.nodes.get(end)
        {
            why.insert(node, format!("it needs {}, which does not compile alone", shortened(base_name(&end.name))));
        }
    }
    why
}

/// The nearest incomplete function that a function reaches, other than itself.
fn first_incomplete(program: &Program, start: usize, incomplete: &[bool]) -> Option<Target> {
    let mut met = vec![false; program.nodes.len()];
    let mut queue = VecDeque::from([start]);
    *met.get_mut(start)? = true;
    while let Some(node) = queue.pop_front() {
        for edge in program.nodes.get(node).map_or(&[][..], |node| &node.edges) {
            let Target::Node(next) = edge.to else { continue };
            if met.get(next).is_some_and(|met| !met) {
                met[next] = true;
                queue.push_back(next);
                if incomplete.get(next).is_some_and(|incomplete| *incomplete) {
                    return Some(edge.to);
                }
            }
        }
    }
    None
}
