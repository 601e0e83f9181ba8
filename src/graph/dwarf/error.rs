//! Errors in debug information.

use crate::terms::Shown;

/// Why debug information cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DwarfError {
    /// The bytes are not valid DWARF.
    #[error("the debug information is broken: {0}")]
    Broken(#[source] gimli::Error),
    /// Entries are nested deeper than this.
    #[error("the debug information is nested more than {0} deep")]
    TooDeep(isize),
    /// Units share tables that are read for each of them, and are too long for that.
    #[error("so many units of the debug information share its tables that reading them would not end")]
    Shared,
    /// A section cannot be decompressed.
    #[error("section {}: {}", Shown(section), Shown(what))]
    Section {
        /// Its name.
        section: String,
        /// What is wrong.
        what: String,
    },
    /// A relocation of a type that does not occur in debug information.
    #[error(
        "section {}: relocation of type {kind} at offset {offset:#x}, which debug information has no use for",
        Shown(section)
    )]
    Relocation {
        /// The section it applies to.
        section: String,
        /// Its type.
        kind: u32,
        /// The offset in the section.
        offset: u64,
    },
}
