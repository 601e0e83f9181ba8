//! Findings: what is wrong with a module, or worth knowing about it, as data. `report` turns them into sentences.

use serde::Serialize;

use super::cause::{Cause, Code};
use super::line::LineText;
use super::stage::Stage;
use super::usage::{Candidate, Use};

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The stage that made it.
    pub stage: Stage,
    /// The cause, with its facts.
    pub cause: Cause,
    /// The line that the kernel prints for it, if it prints one.
    pub kernel_line: Option<LineText>,
    /// Whether the kernel reaches the stage; it does not when an earlier stage refuses.
    pub reached: bool,
    /// How the symbol got into the module; [`why`](crate::why) fills it.
    pub origin: Option<Box<Origin>>,
}

/// How a symbol got into a module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Origin {
    /// Where the module uses the symbol.
    pub uses: Vec<Use>,
    /// Inlines of the kernel's headers that may have brought the symbol in, the likeliest first. Empty where the chains in
    /// `uses` name the inline.
    pub candidates: Vec<Candidate>,
    /// The numbers of the known incidents that match, as `gplok explain incidents` lists them.
    pub incidents: Vec<u32>,
}

impl Finding {
    /// A finding of a stage that the kernel reaches, without a line in the kernel log.
    pub const fn new(stage: Stage, cause: Cause) -> Self {
        Self { stage, cause, kernel_line: None, reached: true, origin: None }
    }

    /// Where the module uses the symbol; empty if this was not looked up.
    pub fn uses(&self) -> &[Use] {
        self.origin.as_ref().map_or(&[], |origin| &origin.uses)
    }

    /// Inlines that may have brought the symbol in.
    pub fn candidates(&self) -> &[Candidate] {
        self.origin.as_ref().map_or(&[], |origin| &origin.candidates)
    }

    /// The numbers of the known incidents that match.
    pub fn incidents(&self) -> &[u32] {
        self.origin.as_ref().map_or(&[], |origin| &origin.incidents)
    }

    /// The code of the cause.
    pub const fn code(&self) -> Code {
        self.cause.code()
    }

    /// The symbol that the finding is about, if it is about one.
    pub fn symbol(&self) -> Option<&str> {
        self.cause.symbol()
    }

    /// Returns whether the kernel refuses the module for it. For other findings the kernel warns, taints or does nothing.
    pub const fn refuses(&self) -> bool {
        self.cause.refuses()
    }
}
