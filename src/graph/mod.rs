//! One object file as a graph: what its code and data refer to, and which source lines they come from.
//!
//! Facts only. References come from relocations, including those of tables whose entries belong to code elsewhere (jump
//! labels, static calls, alternatives, exceptions). Names come from the symbol table; source lines and chains of
//! inlined calls from DWARF. What a reference means for a module is for other parts of the crate to decide.

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
