//! What can keep debug information from being read.

/// Debug information could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DwarfError {
    /// The bytes are not what DWARF says they must be.
    #[error("the debug information is broken: {0}")]
    Broken(#[source] gimli::Error),
    /// A section is compressed in a way gplok cannot undo.
    #[error("section {section}: {what}")]
    Section {
        /// Its name.
        section: String,
        /// What is wrong.
        what: String,
    },
    /// A relocation that is none of debug information.
    #[error(
        "section {section}: relocation of type {kind} at offset {offset:#x}, which debug information has no use for"
    )]
    Relocation {
        /// The section it applies to.
        section: String,
        /// Its type.
        kind: u32,
        /// Where.
        offset: u64,
    },
}
