//! Where a module uses a symbol, and through which inlines.

use serde::Serialize;

/// One use of a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The section of the code, or of the data.
    pub section: String,
    /// The offset in it, of the operand or the pointer that refers to the symbol.
    pub offset: u64,
    /// The section of the table, or of the code out of line, that it was found through; `None` where it stands in place.
    pub via: Option<String>,
    /// The function or variable it lies in, by the symbol table; with debug information, also the field.
    pub inside: Option<Inside>,
    /// From the innermost inline to the out-of-line function; empty for data. Without debug information only the function
    /// is known, and neither its file nor the line.
    pub chain: Chain,
}

impl Use {
    /// Its chain in two parts: the inlines of the kernel's headers that it ends in, the outermost last, and the module's own
    /// functions.
    pub fn divided(&self) -> (&[Frame], &[Frame]) {
        let inlines = self.chain.iter().take_while(|frame| frame.header).count();
        self.chain.split_at(inlines)
    }
}

/// A place in a function or variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inside {
    /// The name of the function or variable.
    pub name: String,
    /// The offset in it.
    pub offset: u64,
    /// Its size; 0 where the symbol table does not say.
    pub size: u64,
    /// The field of the variable, as `.open` or `[2].show`, if known.
    pub field: Option<String>,
    /// The type of the variable, if known.
    pub kind: Option<String>,
    /// Where the variable is declared, if known.
    pub declared: Option<Declared>,
}

/// A line of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Declared {
    /// The file: of the kernel's headers relative to its tree, of the module's own source relative to its folder.
    pub file: String,
    /// The line.
    pub line: Option<u32>,
}

/// A chain of inlined calls, innermost first.
pub type Chain = Vec<Frame>;

/// One frame of a chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Frame {
    /// The function.
    pub function: String,
    /// Its source file, if known: of the kernel's headers relative to its tree, of the module's own source relative to its
    /// folder.
    pub file: Option<String>,
    /// The line that is being executed, if known.
    pub line: Option<u32>,
    /// Is the file one of the kernel's headers?
    pub header: bool,
}

/// An inline that may have brought a symbol in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Candidate {
    /// The inline.
    pub name: String,
    /// The header it is in, if known.
    pub file: Option<String>,
    /// The line there.
    pub line: Option<u32>,
    /// From it to the symbol.
    pub path: Vec<String>,
    /// Who says so.
    pub source: CandidateSource,
}

/// Who names a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CandidateSource {
    /// The inline map of the very kernel.
    InlineMap,
    /// An incident of the past.
    Incident,
}

/// What is known of a module's source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum DebugInfo {
    /// Nobody has looked.
    #[default]
    Unread,
    /// There is none.
    Absent,
    /// Lines and chains come from this file.
    Read {
        /// The module itself, or its detached debug file.
        file: String,
    },
    /// There is some, but it cannot be read.
    Unusable {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
}
