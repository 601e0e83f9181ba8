//! What a probe yields.

use serde::{Deserialize, Serialize};

/// The result of compiling the public headers of one configured kernel.
#[derive(Debug, Default)]
pub struct Probe {
    /// The objects that contain the functions.
    pub objects: Vec<Vec<u8>>,
    /// Every static function with a body in the preprocessed text, including those of the architecture's headers.
    pub functions: Vec<HeaderInline>,
    /// Functions that the compiler or the assembler refuses out of line. Some of them are partly in an object.
    pub dropped: Vec<RefusedInline>,
    /// Headers that compile in no unit.
    pub skipped: Vec<SkippedHeader>,
}

/// An inline function of a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderInline {
    /// Its name.
    pub name: String,
    /// The header, as the kernel's tree names it: `include/linux/mm.h`.
    pub file: String,
    /// The line of its name.
    pub line: u32,
}

/// An inline function that cannot be compiled alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedInline {
    /// Its name.
    pub name: String,
    /// The header.
    pub file: String,
    /// The line of its name.
    pub line: u32,
    /// The error message of the compiler or the assembler.
    pub why: String,
}

/// A header that does not compile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SkippedHeader {
    /// The name it is included by: `linux/mm.h`.
    pub header: String,
    /// The first error.
    pub why: String,
}
