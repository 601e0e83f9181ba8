//! An object as functions and data that refer to each other and to undefined symbols.

use super::dwarf::{DeclaredFunctions, SourcePaths};
use super::place::Place;

/// A function, or a piece of data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name. Bytes of a section that no symbol covers have the section's name.
    pub name: String,
    /// Whether it is a function.
    pub function: bool,
    /// Whether its symbol is local to the object (`STB_LOCAL`).
    pub local: bool,
    /// Where it is declared; `None` until [`Program::declare`] sets it.
    pub declared: Option<NodeDeclaration>,
    /// Where it begins; `None` if it was not read from an object.
    pub place: Option<Place>,
    /// What it refers to, each target once, in order of first reference.
    pub edges: Vec<Edge>,
}

/// Where a function is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDeclaration {
    /// The file. Paths of the kernel's headers are relative to its tree.
    pub file: String,
    /// The line in it.
    pub line: Option<u32>,
    /// Whether the file is one of the kernel's headers.
    pub header: bool,
}

/// A reference from one node to another node or to an undefined symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// What is referred to.
    pub to: Target,
    /// The first code or data that makes the reference; `None` if it was not read from an object.
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

/// A symbol that the object uses but does not define.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undefined {
    /// Its name.
    pub name: String,
    /// Whether it is marked `STV_INTERNAL`, so that no other object can define it.
    pub internal: bool,
}

/// The functions and data of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Its functions and data.
    pub nodes: Vec<Node>,
    /// The symbols it uses but does not define.
    pub undefined: Vec<Undefined>,
    /// Whether declarations are known. If they are, a function without one does not come from the source.
    pub is_declared: bool,
}

/// A new edge, with the node it starts from.
pub(super) type NewEdge = (usize, Edge);

impl Program {
    /// Sets where functions are declared.
    pub fn declare(&mut self, functions: &DeclaredFunctions<'_>, paths: &SourcePaths) {
        self.is_declared = true;
        for node in self.nodes.iter_mut().filter(|node| node.function) {
            let Some(declared) = node.place.and_then(|place| functions.at(place)) else { continue };
            let Some((file, header)) = declared.file.as_ref().map(|file| paths.name(file)) else { continue };
            node.declared = Some(NodeDeclaration { file, line: declared.line, header });
        }
    }

    /// Adds edges to their nodes. Of several with one target, a node gets the first; edges of a node to itself are left
    /// out.
    pub(super) fn connect(&mut self, mut edges: Vec<NewEdge>) {
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
