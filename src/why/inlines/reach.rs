//! From an object in which inlines stand out of line to what each of them needs.

use std::collections::{HashMap, HashSet, VecDeque};

use rayon::prelude::*;

use super::{DroppedInline, Inline, InlineMap, MapError};
use crate::graph::{DebugSections, Dwarf, Place, Program, SourcePaths, Target};
use crate::image::ModuleElf;
use crate::kernel::Exports;
use crate::terms::ExportKind;

/// Symbols that every module is given by its own build.
const OF_THE_BUILD: [&str; 2] = ["__this_module", "_GLOBAL_OFFSET_TABLE_"];

impl InlineMap {
    /// Reads an object of inlines: local functions, one for each inline, compiled for the kernel that has these exports.
    ///
    /// With debug information, functions of other files than the kernel's headers are left out, and paths name the inlines
    /// that the compiler has inlined into others.
    ///
    /// # Errors
    /// When calls in it cannot be decoded, or its debug information is broken.
    pub fn of_object(elf: &ModuleElf, exports: &Exports) -> Result<Self, MapError> {
        let mut program = Program::read(elf)?;
        let Some(sections) = DebugSections::read(elf)? else {
            return Ok(Self::of_program(&program, exports, &|_| Vec::new()));
        };
        let (dwarf, paths) = (Dwarf::new(&sections)?, SourcePaths::read(&sections));
        program.declare(&dwarf.functions()?, &paths);
        // The innermost last, and without the function itself.
        let inlined = |at: Place| {
            let frames = dwarf.frames(at).unwrap_or_default();
            frames.into_iter().rev().skip(1).filter_map(|frame| frame.function).collect()
        };
        Ok(Self::of_program(&program, exports, &inlined))
    }

    /// Reads assembly text of inlines, compiled for the kernel that has these exports.
    ///
    /// Where it has lines, functions of other files than the kernel's headers are left out. What the compiler has inlined
    /// into others is not named on paths.
    ///
    /// # Errors
    /// When the text is none that is read.
    pub fn of_assembly(text: &str, exports: &Exports) -> Result<Self, MapError> {
        Ok(Self::of_program(&Program::of_assembly(text)?, exports, &|_| Vec::new()))
    }

    /// Reads the inlines out of a program. `inlined` tells which inlined functions a place belongs to, the outermost first.
    pub fn of_program(program: &Program, exports: &Exports, inlined: &dyn Fn(Place) -> Vec<String>) -> Self {
        let classes: Vec<SymbolAccess> =
            program.undefined.iter().map(|symbol| SymbolAccess::of(&symbol.name, symbol.internal, exports)).collect();
        let candidates: Vec<usize> = (0..program.nodes.len()).filter(|node| is_inline(program, *node)).collect();
        let reached: Vec<Reached> = candidates.par_iter().map(|node| reach(program, *node, &classes)).collect();
        let mut map = Self::default();
        for (node, reached) in candidates.into_iter().zip(reached) {
            let Some(node) = program.nodes.get(node) else { continue };
            let (file, line) =
                node.declared.clone().map_or((None, None), |declared| (Some(declared.file), declared.line));
            let name = node.name.clone();
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

    /// Adds what another object of the same kernel tells; what is known already stays.
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

/// What a symbol is to a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SymbolAccess {
    gpl_only: bool,
    unexported: bool,
    namespaced: bool,
    /// It is defined nowhere, to stop builds that use it.
    stops: bool,
    /// The build of every module provides it.
    provided: bool,
}

impl SymbolAccess {
    fn of(name: &str, internal: bool, exports: &Exports) -> Self {
        if internal || OF_THE_BUILD.contains(&name) {
            return Self { stops: internal, provided: !internal, ..Self::default() };
        }
        let mut rows = exports.named(name).peekable();
        let unexported = rows.peek().is_none();
        let mut class = Self { unexported, ..Self::default() };
        for row in rows {
            class.gpl_only |= matches!(row.kind, Some(ExportKind::Gpl | ExportKind::UnusedGpl));
            class.namespaced |= row.namespace.is_some();
        }
        class
    }

    const fn is_restricted(self) -> bool {
        self.gpl_only || self.unexported || self.namespaced
    }
}

/// Functions of the compiler's own making (`f.cold`, `f.part.0`) are parts of others.
fn is_inline(program: &Program, node: usize) -> bool {
    program.nodes.get(node).is_some_and(|node| {
        let header = !program.is_declared || node.declared.as_ref().is_some_and(|declared| declared.header);
        node.function && node.local && header && !node.name.contains('.') && !node.name.is_empty()
    })
}

/// What one function gets to, by the shortest way.
#[derive(Debug, Default)]
struct Reached {
    /// Undefined symbols in the order of distance.
    symbols: Vec<usize>,
    /// Those of them that are restricted, each with its class and the edges that lead to it.
    restricted: Vec<(usize, SymbolAccess, Vec<ChainLink>)>,
    stops: Option<usize>,
}

/// An edge of the graph: the node it leaves, and the place in its code.
#[derive(Clone, Copy, Debug)]
struct ChainLink {
    node: usize,
    at: Option<Place>,
}

fn reach(program: &Program, start: usize, classes: &[SymbolAccess]) -> Reached {
    let mut reached = Reached::default();
    let mut before: HashMap<usize, Option<ChainLink>> = HashMap::from([(start, None)]);
    let mut symbols = HashSet::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for edge in program.nodes.get(node).map_or(&[][..], |node| &node.edges) {
            let step = ChainLink { node, at: edge.at };
            match edge.to {
                Target::Node(next) => {
                    if let std::collections::hash_map::Entry::Vacant(place) = before.entry(next) {
                        place.insert(Some(step));
                        queue.push_back(next);
                    }
                }
                Target::Undefined(symbol) if symbols.insert(symbol) => {
                    let class = classes.get(symbol).copied().unwrap_or_default();
                    if class.stops {
                        reached.stops = reached.stops.or(Some(symbol));
                    } else if !class.provided {
                        reached.symbols.push(symbol);
                    }
                    if class.is_restricted() {
                        reached.restricted.push((symbol, class, way(&before, step)));
                    }
                }
                Target::Undefined(_) => {}
            }
        }
    }
    reached
}

/// The steps that lead to `last`, and it.
fn way(before: &HashMap<usize, Option<ChainLink>>, last: ChainLink) -> Vec<ChainLink> {
    let mut way = vec![last];
    let mut node = last.node;
    while let Some(Some(step)) = before.get(&node) {
        way.push(*step);
        node = step.node;
    }
    way.reverse();
    way
}

impl Reached {
    fn describe(self, program: &Program, inlined: &dyn Fn(Place) -> Vec<String>, mut inline: Inline) -> Inline {
        let name =
            |symbol: &usize| program.undefined.get(*symbol).map(|symbol| symbol.name.clone()).unwrap_or_default();
        let mut paths = Vec::new();
        for (symbol, class, way) in &self.restricted {
            let symbol = name(symbol);
            let lists = [
                (class.gpl_only, &mut inline.gpl_only),
                (class.unexported, &mut inline.unexported),
                (class.namespaced, &mut inline.namespaced),
            ];
            lists.into_iter().filter(|(listed, _)| *listed).for_each(|(_, list)| list.push(symbol.clone()));
            paths.push(path(program, inlined, way, symbol));
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

/// The names on the way, those of inlined functions and of what the compiler split off included, each once in a row.
fn path(program: &Program, inlined: &dyn Fn(Place) -> Vec<String>, way: &[ChainLink], symbol: String) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    for step in way {
        let own = program.nodes.get(step.node).map(|node| node.name.split('.').next().unwrap_or_default().to_owned());
        path.extend(own.filter(|name| !name.is_empty()));
        path.extend(step.at.map(inlined).unwrap_or_default());
    }
    path.push(symbol);
    path.dedup();
    path
}
