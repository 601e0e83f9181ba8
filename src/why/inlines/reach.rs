//! Determines which symbols each inline function needs, from an object that has them out of line.

use std::collections::{HashMap, HashSet, VecDeque};

use rayon::prelude::*;

use super::{DroppedInline, Inline, InlineMap, MapError};
use crate::graph::{DebugSections, Dwarf, Node, Place, Program, SourcePaths, Target};
use crate::image::ModuleElf;
use crate::kernel::Exports;
use crate::terms::ExportKind;

/// Symbols that the build of every module provides.
const OF_THE_BUILD: [&str; 2] = ["__this_module", "_GLOBAL_OFFSET_TABLE_"];

impl InlineMap {
    /// Reads an object of inline functions: local functions, one for each inline function, compiled for the kernel with
    /// these exports.
    ///
    /// With debug information, functions from files other than the kernel's headers are left out, and paths include the
    /// functions that the compiler inlined into others.
    ///
    /// # Errors
    /// When calls in the object cannot be decoded, or its debug information is broken.
    pub fn of_object(elf: &ModuleElf, exports: &Exports) -> Result<Self, MapError> {
        Self::of_probed(elf, exports, &RefusedFunctions::new())
    }

    /// Reads an object in which some functions are incomplete, because the compiler or the assembler refused them. Those
    /// that refer to them are dropped.
    pub(super) fn of_probed(
        elf: &ModuleElf,
        exports: &Exports,
        refused: &RefusedFunctions<'_>,
    ) -> Result<Self, MapError> {
        if elf.sections().is_empty() {
            return Err(MapError::Sections);
        }
        let mut program = Program::read(elf)?;
        let Some(sections) = DebugSections::read(elf)? else {
            return Ok(Self::of_refusing(&program, exports, &|_| Vec::new(), refused));
        };
        let dwarf = Dwarf::new(&sections)?;
        program.declare(&dwarf.functions()?, &SourcePaths::read(&sections));
        // The outermost first, without the function itself.
        let inlined = |at: Place| {
            let frames = dwarf.frames(at).unwrap_or_default();
            frames.into_iter().rev().skip(1).filter_map(|frame| frame.function).collect()
        };
        Ok(Self::of_refusing(&program, exports, &inlined, refused))
    }

    /// Reads assembly text of inline functions, compiled for the kernel with these exports.
    ///
    /// If the text has line information, functions from files other than the kernel's headers are left out. Paths do
    /// not include functions that the compiler inlined into others.
    ///
    /// # Errors
    /// When the text is in a form that is not supported.
    pub fn of_assembly(text: &str, exports: &Exports) -> Result<Self, MapError> {
        Ok(Self::of_program(&Program::of_assembly(text)?, exports, &|_| Vec::new()))
    }

    /// Reads the inline functions from a program. `inlined` returns the inlined functions that a place belongs to, the
    /// outermost first.
    pub fn of_program(program: &Program, exports: &Exports, inlined: &dyn Fn(Place) -> Vec<String>) -> Self {
        Self::of_refusing(program, exports, inlined, &RefusedFunctions::new())
    }

    fn of_refusing(
        program: &Program,
        exports: &Exports,
        inlined: &dyn Fn(Place) -> Vec<String>,
        refused: &RefusedFunctions<'_>,
    ) -> Self {
        let incomplete: Vec<bool> = program.nodes.iter().map(|node| is_refused(node, refused)).collect();
        let accesses: Vec<SymbolAccess> =
            program.undefined.iter().map(|symbol| SymbolAccess::of(&symbol.name, symbol.internal, exports)).collect();
        let candidates: Vec<usize> = (0..program.nodes.len()).filter(|node| is_inline(program, *node)).collect();
        let reached: Vec<Reached> =
            candidates.par_iter().map(|node| reach(program, *node, &accesses, &incomplete)).collect();
        let mut map = Self::default();
        for (node, reached) in candidates.into_iter().zip(reached) {
            let Some(node) = program.nodes.get(node) else { continue };
            let (file, line) =
                node.declared.clone().map_or((None, None), |declared| (Some(declared.file), declared.line));
            let name = node.name.clone();
            if let Some(incomplete) = reached.incomplete.and_then(|node| program.nodes.get(node)) {
                let why = format!("it needs {}, which does not compile alone", base_name(&incomplete.name));
                map.dropped.push(DroppedInline { name, file, line, why });
                continue;
            }
            match reached.stops {
                Some(symbol) => {
                    let symbol = program.undefined.get(symbol).map_or("", |symbol| &symbol.name);
                    let why = format!(
                        "it needs {symbol}, which only exists to stop a build: what it is given must be constant"
                    );
                    map.dropped.push(DroppedInline { name, file, line, why });
                }
                None => map.inlines.push(reached.describe(
                    program,
                    inlined,
                    Inline { name, file, line, ..Inline::default() },
                )),
            }
        }
        map.sort();
        map
    }

    /// Adds the inline functions of another object of the same kernel. Known ones are kept.
    pub fn merge(&mut self, other: Self) {
        let known: HashSet<_> = self.inlines.iter().map(|inline| (inline.name.clone(), inline.file.clone())).collect();
        let is_new = |name: &str, file: &Option<String>| !known.contains(&(name.to_owned(), file.clone()));
        self.inlines.extend(other.inlines.into_iter().filter(|inline| is_new(&inline.name, &inline.file)));
        self.dropped.extend(other.dropped.into_iter().filter(|dropped| is_new(&dropped.name, &dropped.file)));
        self.skipped.extend(other.skipped);
        self.sort();
    }

    pub(super) fn sort(&mut self) {
        self.inlines.sort_by(|a, b| (&a.file, a.line, &a.name).cmp(&(&b.file, b.line, &b.name)));
        self.inlines.dedup_by(|a, b| a.name == b.name && a.file == b.file);
        self.dropped.sort_by(|a, b| (&a.file, a.line, &a.name).cmp(&(&b.file, b.line, &b.name)));
        self.dropped.dedup();
        self.skipped.sort();
        self.skipped.dedup();
    }
}

/// Functions that are incomplete in an object, as their names and files.
pub(super) type RefusedFunctions<'a> = HashSet<(&'a str, &'a str)>;

/// Returns whether a node is a refused function or a part that the compiler split off one.
fn is_refused(node: &Node, refused: &RefusedFunctions<'_>) -> bool {
    let file = node.declared.as_ref().map(|declared| declared.file.as_str());
    let name = base_name(&node.name);
    node.function && refused.iter().any(|known| known.0 == name && file.is_none_or(|file| file == known.1))
}

/// The name of a function without what the compiler appends to the parts that it splits off.
fn base_name(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

/// How modules can use a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SymbolAccess {
    gpl_only: bool,
    unexported: bool,
    namespaced: bool,
    /// The symbol is defined nowhere, so that it stops builds that use it.
    stops: bool,
    /// The build of every module provides the symbol.
    provided: bool,
}

impl SymbolAccess {
    fn of(name: &str, internal: bool, exports: &Exports) -> Self {
        if internal || OF_THE_BUILD.contains(&name) {
            return Self { stops: internal, provided: !internal, ..Self::default() };
        }
        let mut rows = exports.named(name).peekable();
        let unexported = rows.peek().is_none();
        let mut access = Self { unexported, ..Self::default() };
        for row in rows {
            access.gpl_only |= matches!(row.kind, Some(ExportKind::Gpl | ExportKind::UnusedGpl));
            access.namespaced |= row.namespace.is_some();
        }
        access
    }

    const fn is_restricted(self) -> bool {
        self.gpl_only || self.unexported || self.namespaced
    }
}

/// Returns whether a node is an inline function. Functions that the compiler split off (`f.cold`, `f.part.0`) are parts
/// of others.
fn is_inline(program: &Program, node: usize) -> bool {
    program.nodes.get(node).is_some_and(|node| {
        let header = !program.is_declared || node.declared.as_ref().is_some_and(|declared| declared.header);
        node.function && node.local && header && !node.name.contains('.') && !node.name.is_empty()
    })
}

/// What one function reaches, each by the shortest way.
#[derive(Debug, Default)]
struct Reached {
    /// The undefined symbols, ordered by distance.
    symbols: Vec<usize>,
    /// The restricted symbols, each with its access and the chain of edges that leads to it.
    restricted: Vec<(usize, SymbolAccess, Vec<ChainLink>)>,
    stops: Option<usize>,
    /// The first function that is incomplete, so that what it needs is not known.
    incomplete: Option<usize>,
}

/// An edge of the graph: the node it leaves, and the place in that node's code.
#[derive(Clone, Copy, Debug)]
struct ChainLink {
    node: usize,
    at: Option<Place>,
}

/// Searches breadth-first for everything that `start` reaches.
fn reach(program: &Program, start: usize, accesses: &[SymbolAccess], incomplete: &[bool]) -> Reached {
    let mut reached = Reached::default();
    let mut before: HashMap<usize, Option<ChainLink>> = HashMap::from([(start, None)]);
    let mut symbols = HashSet::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for edge in program.nodes.get(node).map_or(&[][..], |node| &node.edges) {
            let link = ChainLink { node, at: edge.at };
            match edge.to {
                Target::Node(next) => {
                    if let std::collections::hash_map::Entry::Vacant(place) = before.entry(next) {
                        place.insert(Some(link));
                        queue.push_back(next);
                        if incomplete.get(next).is_some_and(|incomplete| *incomplete) {
                            reached.incomplete = reached.incomplete.or(Some(next));
                        }
                    }
                }
                Target::Undefined(symbol) if symbols.insert(symbol) => {
                    let access = accesses.get(symbol).copied().unwrap_or_default();
                    if access.stops {
                        reached.stops = reached.stops.or(Some(symbol));
                    } else if !access.provided {
                        reached.symbols.push(symbol);
                    }
                    if access.is_restricted() {
                        reached.restricted.push((symbol, access, chain_to(&before, link)));
                    }
                }
                Target::Undefined(_) => {}
            }
        }
    }
    reached
}

/// The links that lead to `last`, including `last`.
fn chain_to(before: &HashMap<usize, Option<ChainLink>>, last: ChainLink) -> Vec<ChainLink> {
    let mut chain = vec![last];
    let mut node = last.node;
    while let Some(Some(link)) = before.get(&node) {
        chain.push(*link);
        node = link.node;
    }
    chain.reverse();
    chain
}

impl Reached {
    fn describe(self, program: &Program, inlined: &dyn Fn(Place) -> Vec<String>, mut inline: Inline) -> Inline {
        let name =
            |symbol: &usize| program.undefined.get(*symbol).map(|symbol| symbol.name.clone()).unwrap_or_default();
        let mut paths = Vec::new();
        for (symbol, access, chain) in &self.restricted {
            let symbol = name(symbol);
            if access.gpl_only {
                inline.gpl_only.push(symbol.clone());
            }
            if access.unexported {
                inline.unexported.push(symbol.clone());
            }
            if access.namespaced {
                inline.namespaced.push(symbol.clone());
            }
            paths.push(path(program, inlined, chain, symbol));
        }
        if !paths.is_empty() {
            inline.needs = self.symbols.iter().map(name).collect();
            inline.needs.sort_unstable();
        }
        for list in [&mut inline.gpl_only, &mut inline.unexported, &mut inline.namespaced] {
            list.sort_unstable();
        }
        let first = inline.restricted().next().map(str::to_owned);
        let (mut first, mut others): (Vec<_>, Vec<_>) =
            paths.into_iter().partition(|path| path.last() == first.as_ref());
        inline.path = first.pop().unwrap_or_default();
        others.sort_by(|a, b| a.last().cmp(&b.last()));
        inline.other_paths = others;
        inline
    }
}

/// The names along a chain, including inlined functions and parts that the compiler split off, without consecutive
/// repetitions.
fn path(program: &Program, inlined: &dyn Fn(Place) -> Vec<String>, chain: &[ChainLink], symbol: String) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    for link in chain {
        let own = program.nodes.get(link.node).map(|node| base_name(&node.name).to_owned());
        path.extend(own.filter(|name| !name.is_empty()));
        path.extend(link.at.map(inlined).unwrap_or_default());
    }
    path.push(symbol);
    path.dedup();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The assembler refused a line of `inner`: what `inner` needs is not known, and so nothing of its caller.
    #[test]
    fn functions_that_need_an_incomplete_one_are_dropped() {
        let text = "\t.text\n\t.type\tinner, @function\ninner:\n\tret\n\t.size\tinner, .-inner\n\
            \t.type\touter, @function\nouter:\n\tcall\tinner\n\tret\n\t.size\touter, .-outer\n\
            \t.type\tother, @function\nother:\n\tcall\tkick\n\tret\n\t.size\tother, .-other\n";
        let program = Program::of_assembly(text).expect("it is assembly");
        let refused = RefusedFunctions::from([("inner", "include/linux/a.h")]);
        let map = InlineMap::of_refusing(&program, &Exports::default(), &|_| Vec::new(), &refused);
        let names: Vec<_> = map.inlines.iter().map(|inline| inline.name.as_str()).collect();
        assert_eq!(names, ["inner", "other"]);
        let dropped: Vec<_> = map.dropped.iter().map(|dropped| (dropped.name.as_str(), dropped.why.as_str())).collect();
        assert_eq!(dropped, [("outer", "it needs inner, which does not compile alone")]);
    }
}
