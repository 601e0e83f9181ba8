//! Reads an object that is not linked as a [`Program`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::code::{self, Code, LocalReference};
use super::place::Place;
use super::program::{Edge, NewEdge, Node, Program, Target, Undefined};
use super::references::{Reference, References, is_code, place_of};
use super::static_calls::ADDRESSABLE;
use super::symbols::Symbols;
use crate::elf::{Section, Symbol, SymbolKind, SymbolVisibility};
use crate::image::{ModuleElf, escaped};

/// The architecture's code is not decoded here, and functions share a section, so that calls may have no relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calls within a section are not decoded for this architecture; compile with -ffunction-sections")]
pub struct UndecodedCalls;

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
        let code: Vec<&Section> = sections.filter(|section| is_code(section)).collect();
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
            if self.elf.sections().get(place.section).is_some_and(is_code) {
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
