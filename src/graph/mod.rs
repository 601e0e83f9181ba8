//! One object file as a graph: what its code and data refer to, and where in the source they stand.
//!
//! Facts only. References come from relocations, also from those in tables that stand for code elsewhere (jump labels,
//! static calls, alternatives, exceptions); names of places from the symbol table; source lines and chains of inlined
//! calls from DWARF. What a reference means for a module is said by those who come after.

mod assembly;
mod code;
mod dwarf;
mod place;
mod program;
mod program_reader;
mod references;
mod space;
mod static_calls;
mod steps;
mod symbols;
mod tables;

pub use assembly::AssemblyError;
pub use dwarf::{
    DataPlace, DebugSections, DeclaredFunctions, Dwarf, DwarfError, InlinedFunction, SourceDeclaration, SourceFrame,
    SourcePaths, SplitUnit,
};
pub use place::Place;
pub use program::{Edge, Node, NodeDeclaration, Program, Target, Undefined};
pub use program_reader::UndecodedCalls;
pub use references::{Reference, References, Site};
pub use space::{AddressSpace, Label};
pub use steps::{Action, Convention, Register, Relocated, Spot, Step, Table, Way, convention, steps};
pub use symbols::{Inside, Symbols};
