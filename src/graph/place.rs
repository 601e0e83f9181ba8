//! Places in an object file.

/// A byte of a section. In an object that is not linked every section begins at 0, so an address needs both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The index of the section.
    pub section: usize,
    /// The offset in it.
    pub offset: u64,
}
