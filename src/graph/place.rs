//! Places in an object file.

/// The position of a byte in an object that is not linked. Every section begins at 0 there, so a position needs the
/// section too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The index of the section.
    pub section: usize,
    /// The offset in the section, in bytes.
    pub offset: u64,
}
