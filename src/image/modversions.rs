//! Symbol versions a module was built with.

use serde::Serialize;

/// An entry of `__versions`: `{ unsigned long crc; char name[64 - sizeof(long)]; }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The symbol.
    pub name: String,
    /// Its version, in the width of a `long`: the loader compares all of it.
    pub crc: u64,
}

/// A pair out of `__version_ext_names` and `__version_ext_crcs`, which stand in the same order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExtendedVersion {
    /// The symbol.
    pub name: String,
    /// Its version.
    pub crc: u32,
}
