//! Where a module uses a symbol, and through which inlines.

use serde::Serialize;

/// One use of a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Use {
    /// The section of code or data that contains it.
    pub section: String,
    /// The offset in the section of the operand or pointer that refers to the symbol.
    pub offset: u64,
    /// The section of the table, or of the out-of-line code, through which it was found; `None` where the reference is in place.
    pub via: Option<String>,
    /// The function or variable that contains it, by the symbol table; with debug information, also the field.
    pub inside: Option<Inside>,
    /// The inlined calls, from the innermost inline to the out-of-line function; empty for data. Without debug information only
    /// the function is known, without its file and line.
    pub chain: Chain,
}

impl Use {
    /// The chain in two parts: the inlines of the kernel's headers, the outermost last, and the module's own functions.
    pub fn divided(&self) -> (&[Frame], &[Frame]) {
        let inlines = self.chain.iter().take_while(|frame| frame.header).count();
        self.chain.split_at(inlines)
    }
}

/// A place in a function or variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inside {
    /// The name of the function or variable.
    pub name: String,
    /// The offset in the function or variable.
    pub offset: u64,
    /// The size of the function or variable in bytes; 0 where the symbol table does not say.
    pub size: u64,
    /// The field of the variable, such as `.open` or `[2].show`, if known.
    pub field: Option<String>,
    /// The type of the variable, if known.
    pub kind: Option<String>,
    /// Where the variable is declared, if known.
    pub declared: Option<Declared>,
}

/// A line of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Declared {
    /// The file: a header of the kernel relative to the kernel's tree, a file of the module's source relative to its folder.
    pub file: String,
    /// The line.
    pub line: Option<u32>,
}

/// A chain of inlined calls, innermost first.
pub type Chain = Vec<Frame>;

/// One frame of a chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Frame {
    /// The function.
    pub function: String,
    /// The source file, if known: a header of the kernel relative to the kernel's tree, a file of the module's source relative
    /// to its folder.
    pub file: Option<String>,
    /// The line of the call or use, if known.
    pub line: Option<u32>,
    /// Whether the file is one of the kernel's headers.
    pub header: bool,
}

/// An inline that may have brought a symbol in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Candidate {
    /// The inline.
    pub name: String,
    /// The header that defines it, if known.
    pub file: Option<String>,
    /// The line in the header, if known.
    pub line: Option<u32>,
    /// The calls from the inline to the symbol.
    pub path: Vec<String>,
    /// The source of the candidate.
    pub source: CandidateSource,
}

/// What names a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CandidateSource {
    /// The inline map of this kernel.
    InlineMap,
    /// A past incident.
    Incident,
}

/// The debug information of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DebugInfo {
    /// It was not looked for.
    #[default]
    Unread,
    /// The module has none.
    Absent,
    /// Lines and chains come from this file.
    Read {
        /// The module itself, or its detached debug file.
        file: String,
    },
    /// The module has some that cannot be read.
    Unusable {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
}
