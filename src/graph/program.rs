//! An object as functions and data that refer to each other, and to symbols it does not define.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::code::{self, Code, LocalReference};
use super::references::place_of;
use super::static_calls::ADDRESSABLE;
use super::{DeclaredFunctions, Place, Reference, References, SourcePaths, Symbols};
use crate::elf::{Section, Symbol, SymbolKind, SymbolVisibility};
use crate::image::{ModuleElf, escaped};

/// A function, or a piece of data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name; of the bytes of a section that have none, the section's.
    pub name: String,
    /// Is it a function?
    pub function: bool,
    /// Is its name the object's own affair (`STB_LOCAL`)?
    pub local: bool,
    /// Where it is declared, once [`Program::declare`] has said so.
    pub declared: Option<NodeDeclaration>,
    /// Where it begins; `None` where it was not read from an object.
    pub place: Option<Place>,
    /// What it refers to, each once, in the order of first reference.
    pub edges: Vec<Edge>,
}

/// Where a function is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDeclaration {
    /// The file: of the kernel's headers relative to its tree.
    pub file: String,
    /// The line there.
    pub line: Option<u32>,
    /// Is it one of the kernel's headers?
    pub header: bool,
}

/// A reference of one node to another, or to a symbol that is not defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// What is referred to.
    pub to: Target,
    /// The code or data that refers first; `None` where it was not read from an object.
    pub at: Option<Place>,
}

/// What is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A node, by index.
    Node(usize),
    /// An undefined symbol, by index.
    Undefined(usize),
}

/// A symbol that is used and not defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undefined {
    /// Its name.
    pub name: String,
    /// Is it marked `STV_INTERNAL`? Nothing outside could define it then.
    pub internal: bool,
}

/// The functions and data of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Its functions and data.
    pub nodes: Vec<Node>,
    /// What it uses and does not define.
    pub undefined: Vec<Undefined>,
    /// Is it known where functions are declared? One without a declaration is then none of the source's.
    pub is_declared: bool,
}

/// The architecture's code is not decoded here, and functions share a section, so that calls may have no relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calls within a section are not decoded for this architecture; compile with -ffunction-sections")]
pub struct UndecodedCalls;

/// The ends of a new edge: the node it leaves, and the edge itself.
type NewEdge = (usize, Edge);

impl Program {
    /// Reads an object that is not linked.
    ///
    /// # Errors
    /// When calls within its sections cannot be decoded: references would be missing.
    pub fn read(elf: &ModuleElf) -> Result<Self, UndecodedCalls> {
        let references = References::new(elf);
        let symbols = Symbols::new(elf);
        let mut reader =
            ProgramReader { elf, symbols, program: Self::default(), nodes: HashMap::new(), undefined: HashMap::new() };
        let decoded = reader.decode()?;
        let ends: HashMap<Place, u64> = decoded
            .iter()
            .flat_map(|(section, code)| {
                code.ends.iter().map(|(offset, end)| (Place { section: *section, offset: *offset }, *end))
            })
            .collect();
        let mut edges: Vec<NewEdge> = Vec::new();
        for reference in references.all() {
            edges.extend(reader.edge(&references, &reference, ends.get(&reference.at).copied()));
        }
        for (section, code) in &decoded {
            edges.extend(code.local.iter().filter_map(|local| reader.local(*section, *local)));
        }
        reader.program.connect(edges);
        reader.program.add_static_call_keys(&reader.addressable());
        // Last, so that those that refer to something keep their order: functions that refer to nothing are functions too.
        reader.functions();
        Ok(reader.program)
    }

    /// Says where functions are declared.
    pub fn declare(&mut self, functions: &DeclaredFunctions<'_>, paths: &SourcePaths) {
        self.is_declared = true;
        for node in self.nodes.iter_mut().filter(|node| node.function) {
            let Some(declared) = node.place.and_then(|place| functions.at(place)) else { continue };
            let Some((file, header)) = declared.file.as_ref().map(|file| paths.name(file)) else { continue };
            node.declared = Some(NodeDeclaration { file, line: declared.line, header });
        }
    }

    /// Adds edges, of several between the same two only the first.
    fn connect(&mut self, mut edges: Vec<NewEdge>) {
        edges.sort_by_key(|(from, edge)| (*from, edge.to, edge.at));
        edges.dedup_by_key(|(from, edge)| (*from, edge.to));
        edges.sort_by_key(|(from, edge)| (*from, edge.at, edge.to));
        for (from, edge) in edges {
            if let Some(node) = self.nodes.get_mut(from).filter(|_| edge.to != Target::Node(from)) {
                node.edges.push(edge);
            }
        }
    }
}

struct ProgramReader<'a> {
    elf: &'a ModuleElf,
    symbols: Symbols<'a>,
    program: Program,
    /// By section and, where one is known, symbol.
    nodes: HashMap<(usize, Option<usize>), usize>,
    undefined: HashMap<usize, usize>,
}

impl ProgramReader<'_> {
    /// Decodes the code of every section.
    fn decode(&self) -> Result<BTreeMap<usize, Code>, UndecodedCalls> {
        let sections = self.elf.sections().iter().skip(1);
        let code: Vec<&Section> = sections.filter(|section| super::references::is_code(section)).collect();
        let Some(machine) = self.elf.machine().filter(|machine| code::is_decoded(*machine)) else {
            // Where every function has a section of its own, all its references have relocations.
            let alone = code.iter().all(|section| self.symbols.functions(section.index).len() <= 1);
            return if alone { Ok(BTreeMap::new()) } else { Err(UndecodedCalls) };
        };
        let decode = |section: &Section| {
            let mut relocated: Vec<u64> =
                self.elf.relocations_of(section.index).iter().map(|relocation| relocation.offset).collect();
            relocated.sort_unstable();
            code::decode(machine, self.elf.contents(section), &self.symbols.functions(section.index), &relocated)
        };
        Ok(code.iter().map(|section| (section.index, decode(section))).collect())
    }

    fn functions(&mut self) {
        let functions = self.elf.symbols().iter().filter(|symbol| symbol.kind() == SymbolKind::FUNC);
        for place in functions.filter_map(place_of) {
            if self.elf.sections().get(place.section).is_some_and(super::references::is_code) {
                self.node_at(place);
            }
        }
    }

    /// The undefined symbols that the object only keeps pointers to.
    fn addressable(&self) -> BTreeSet<String> {
        let sections = self.elf.sections_named(ADDRESSABLE);
        let relocations = sections.flat_map(|section| self.elf.relocations_of(section.index));
        let symbols =
            relocations.filter_map(|relocation| self.elf.symbols().get(usize::try_from(relocation.symbol).ok()?));
        symbols.filter(|symbol| symbol.is_undefined()).map(|symbol| self.elf.symbol_text(symbol)).collect()
    }

    fn edge(&mut self, references: &References<'_>, reference: &Reference, end: Option<u64>) -> Option<NewEdge> {
        let site = references.site(reference.at).place;
        let from = self.node_at(site);
        let symbol = self.elf.symbols().get(reference.symbol)?;
        let Some(start) = place_of(symbol) else {
            let to = Target::Undefined(self.undefined_at(reference.symbol)?);
            return Some((from, Edge { to, at: Some(site) }));
        };
        let addend = references.addend(reference)?;
        // Operands that count from the end of the instruction have that distance taken off their addend.
        let counted = end.filter(|_| reference.relative).unwrap_or(0);
        let offset = start.offset.wrapping_add_signed(addend).wrapping_add(counted);
        self.lead(from, site, Place { section: start.section, offset })
    }

    fn local(&mut self, section: usize, local: LocalReference) -> Option<NewEdge> {
        let at = Place { section, offset: local.at };
        let from = self.node_at(at);
        self.lead(from, at, Place { section, offset: local.target })
    }

    fn lead(&mut self, from: usize, at: Place, place: Place) -> Option<NewEdge> {
        self.elf.sections().get(place.section)?;
        let to = self.node_at(place);
        let known = |node: usize| self.program.nodes.get(node);
        // A label inside a function that nameless data points to is a case of a switch, in the function that reads the data.
        let nameless = known(from).is_some_and(|node| {
            !node.function
                && node.place.is_none_or(|start| start.section == at.section && self.symbols.inside(at).is_none())
        });
        let label = known(to).is_some_and(|node| node.function && node.place != Some(place));
        (from != to && !(nameless && label)).then_some((from, Edge { to: Target::Node(to), at: Some(at) }))
    }

    fn node_at(&mut self, place: Place) -> usize {
        let symbol = self.symbols.inside(place).map(|inside| inside.symbol);
        let (elf, symbols, nodes) = (self.elf, &self.symbols, &mut self.program.nodes);
        *self.nodes.entry((place.section, symbol)).or_insert_with(|| {
            let section = elf.sections().get(place.section);
            let entry = symbol.and_then(|symbol| symbols.get(symbol));
            let code = section.is_some_and(super::references::is_code);
            nodes.push(Node {
                name: symbol.map_or_else(
                    || section.map(|section| elf.section_text(section)).unwrap_or_default(),
                    |symbol| symbols.name(symbol),
                ),
                function: code && entry.is_some_and(|symbol| symbol.kind() != SymbolKind::OBJECT),
                local: entry.is_some_and(Symbol::is_local),
                declared: None,
                place: Some(entry.and_then(place_of).unwrap_or(Place { section: place.section, offset: 0 })),
                edges: Vec::new(),
            });
            nodes.len() - 1
        })
    }

    fn undefined_at(&mut self, symbol: usize) -> Option<usize> {
        let entry = self.elf.symbols().get(symbol).filter(|symbol| symbol.is_undefined())?;
        let undefined = &mut self.program.undefined;
        Some(*self.undefined.entry(symbol).or_insert_with(|| {
            let name = escaped(self.elf.symbol_name(entry).unwrap_or_default());
            undefined.push(Undefined { name, internal: entry.visibility() == SymbolVisibility::INTERNAL });
            undefined.len() - 1
        }))
    }
}
