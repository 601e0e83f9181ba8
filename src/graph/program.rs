//! An object as functions and data that refer to each other, and to symbols it does not define.

use super::dwarf::{DeclaredFunctions, SourcePaths};
use super::place::Place;

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

/// The ends of a new edge: the node it leaves, and the edge itself.
pub(super) type NewEdge = (usize, Edge);

impl Program {
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
