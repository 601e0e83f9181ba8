//! What can keep a map from being read.

use crate::graph::{AssemblyError, DwarfError, UndecodedCalls};

/// Inlines could not be read out of an object or out of assembly.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// Calls may be missing.
    #[error(transparent)]
    Undecoded(#[from] UndecodedCalls),
    /// The debug information of the object is broken.
    #[error(transparent)]
    Dwarf(#[from] DwarfError),
    /// The text is none that is read.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
}
