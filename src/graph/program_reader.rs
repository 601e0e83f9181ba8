//! Reads an object that is not linked as a [`Program`].
//!
//! Relocations give most references. Those that the assembler has resolved within a section are found by decoding the
//! code.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::code::{self, DecodedCode, LocalReference};
use super::place::Place;
use super::program::{Edge, NewEdge, Node, Program, Target, Undefined};
use super::references::{Reference, References, is_code, place_of};
use super::static_calls::ADDRESSABLE;
use super::symbols::Symbols;
use crate::elf::{Section, Symbol, SymbolKind, SymbolVisibility};
use crate::image::{ModuleElf, escaped};

/// Functions share a section, so that calls may have no relocation, but code of this architecture is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calls within a section are not decoded for this architecture; compile with -ffunction-sections")]
pub struct UndecodedCalls;

impl Program {
    /// Reads an object that is not linked.
    ///
    /// # Errors
    /// When calls within a section cannot be decoded, so that references would be missing.
    pub fn read(elf: &ModuleElf) -> Result<Self, UndecodedCalls> {
        let references = References::new(elf);
        let symbols = Symbols::new(elf);
        let mut reader =
            ProgramReader { elf, symbols, program: Self::default(), nodes: HashMap::new(), undefined: HashMap::new() };
        let decoded = reader.decode()?;
        let mut ends: HashMap<Place, u64> = HashMap::new();
        for (section, code) in &decoded {
            ends.extend(code.ends.iter().map(|(offset, end)| (Place { section: *section, offset: *offset }, *end)));
        }
        let mut edges: Vec<NewEdge> = Vec::new();
        for reference in references.all() {
            edges.extend(reader.edge(&references, &reference, ends.get(&reference.at).copied()));
        }
        for (section, code) in &decoded {
            edges.extend(code.local.iter().filter_map(|local| reader.local(*section, *local)));
        }
        reader.program.connect(edges);
        reader.program.add_static_call_keys(&reader.addressable());
        // Functions without references are added last, so that all other nodes keep the order of references.
        reader.add_functions();
        Ok(reader.program)
    }
}

/// Collects nodes and undefined symbols while edges are read.
struct ProgramReader<'a> {
    elf: &'a ModuleElf,
    symbols: Symbols<'a>,
    program: Program,
    /// Indices of nodes, by section and by symbol if one covers the place.
    nodes: HashMap<(usize, Option<usize>), usize>,
    /// Indices of undefined symbols, by index in the symbol table.
    undefined: HashMap<usize, usize>,
}

impl ProgramReader<'_> {
    /// Decodes the code of every section.
    fn decode(&self) -> Result<BTreeMap<usize, DecodedCode>, UndecodedCalls> {
        let sections = self.elf.sections().iter().skip(1);
        let code: Vec<&Section> = sections.filter(|section| is_code(section)).collect();
        let Some(machine) = self.elf.machine().filter(|machine| code::is_decoded(*machine)) else {
            // A function that has a section of its own has relocations for all its references.
            let alone = code.iter().all(|section| self.symbols.functions(section.index).len() <= 1);
            return if alone { Ok(BTreeMap::new()) } else { Err(UndecodedCalls) };
        };
        let mut decoded = BTreeMap::new();
        for section in code {
            let mut relocated: Vec<u64> =
                self.elf.relocations_of(section.index).iter().map(|relocation| relocation.offset).collect();
            relocated.sort_unstable();
            let functions = self.symbols.functions(section.index);
            decoded.insert(section.index, code::decode(machine, self.elf.contents(section), &functions, &relocated));
        }
        Ok(decoded)
    }

    /// Adds every function that is not a node yet.
    fn add_functions(&mut self) {
        let functions = self.elf.symbols().iter().filter(|symbol| symbol.kind() == SymbolKind::FUNC);
        for place in functions.filter_map(place_of) {
            if self.elf.sections().get(place.section).is_some_and(is_code) {
                self.node_at(place);
            }
        }
    }

    /// The undefined symbols that the object keeps pointers to in [`ADDRESSABLE`].
    fn addressable(&self) -> BTreeSet<String> {
        let sections = self.elf.sections_named(ADDRESSABLE);
        let relocations = sections.flat_map(|section| self.elf.relocations_of(section.index));
        let symbols =
            relocations.filter_map(|relocation| self.elf.symbols().get(usize::try_from(relocation.symbol).ok()?));
        symbols.filter(|symbol| symbol.is_undefined()).map(|symbol| self.elf.symbol_text(symbol)).collect()
    }

    /// The edge that a relocation makes. `end` is how far before the end of its instruction it is, if code was decoded
    /// there.
    fn edge(&mut self, references: &References<'_>, reference: &Reference, end: Option<u64>) -> Option<NewEdge> {
        let site = references.site(reference.at).place;
        let from = self.node_at(site);
        let symbol = self.elf.symbols().get(reference.symbol)?;
        let Some(start) = place_of(symbol) else {
            let to = Target::Undefined(self.undefined_at(reference.symbol)?);
            return Some((from, Edge { to, at: Some(site) }));
        };
        let addend = references.addend(reference)?;
        // An operand that counts from the end of the instruction has that distance subtracted from its addend.
        let counted = end.filter(|_| reference.relative).unwrap_or(0);
        let offset = start.offset.wrapping_add_signed(addend).wrapping_add(counted);
        self.edge_to(from, site, Place { section: start.section, offset })
    }

    /// The edge of a reference without a relocation.
    fn local(&mut self, section: usize, local: LocalReference) -> Option<NewEdge> {
        let at = Place { section, offset: local.at };
        let from = self.node_at(at);
        self.edge_to(from, at, Place { section, offset: local.target })
    }

    /// An edge to the node at a place; `None` for one within a node, and for one that a switch's jump table makes.
    fn edge_to(&mut self, from: usize, at: Place, place: Place) -> Option<NewEdge> {
        self.elf.sections().get(place.section)?;
        let to = self.node_at(place);
        // Nameless data that points into the middle of a function is the jump table of a switch in that function.
        let is_nameless = self.program.nodes.get(from).is_some_and(|node| {
            !node.function
                && node.place.is_none_or(|start| start.section == at.section && self.symbols.inside(at).is_none())
        });
        let target = self.program.nodes.get(to);
        let is_in_function = target.is_some_and(|node| node.function && node.place != Some(place));
        if from == to || (is_nameless && is_in_function) {
            return None;
        }
        Some((from, Edge { to: Target::Node(to), at: Some(at) }))
    }

    /// The index of the node that covers a place. It is added if it is new.
    fn node_at(&mut self, place: Place) -> usize {
        let symbol = self.symbols.inside(place).map(|inside| inside.symbol);
        let elf = self.elf;
        let symbols = &self.symbols;
        let nodes = &mut self.program.nodes;
        *self.nodes.entry((place.section, symbol)).or_insert_with(|| {
            let section = elf.sections().get(place.section);
            let entry = symbol.and_then(|symbol| symbols.get(symbol));
            let code = section.is_some_and(is_code);
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

    /// The index of an undefined symbol, by its index in the symbol table. It is added if it is new.
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
