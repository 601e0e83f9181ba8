//! Errors when reading an inline map.

use crate::graph::{AssemblyError, DwarfError, UndecodedCalls};

/// Inline functions cannot be read from an object or from assembly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// Some calls could not be decoded, so edges may be missing.
    #[error(transparent)]
    Undecoded(#[from] UndecodedCalls),
    /// The debug information of the object is broken.
    #[error(transparent)]
    Dwarf(#[from] DwarfError),
    /// The section headers cannot be read. The compiler makes such objects of more functions than a header can count sections.
    #[error("the section headers of the object cannot be read; it may have more than 65,279 sections")]
    Sections,
    /// The assembly text is in a form that is not supported.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
}
