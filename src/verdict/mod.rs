//! What the loader would do, as values: types only.

mod finding;
mod line;
mod missing;
mod stage;
mod usage;

pub use finding::{Cause, Code, Finding, Origin};
pub(crate) use line::OfSymbol;
pub use line::{KernelLine, LineText, LogLevel};
pub use missing::Missing;
pub use stage::Stage;
pub use usage::{Candidate, CandidateSource, Chain, DebugInfo, Declared, Frame, Inside, Use};

use serde::Serialize;

use crate::terms::{Errno, Taints};

/// The answer to "would it load?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// The kernel accepts it. What its init function then does is the module's own affair.
    Loads,
    /// The system call fails.
    Refused {
        /// The error number.
        errno: Errno,
        /// The first stage that refuses.
        stage: Stage,
    },
    /// The kernel itself would read or write where it must not.
    Crash {
        /// Where in the loader.
        stage: Stage,
        /// What it would touch.
        why: String,
    },
    /// It depends on facts that are not at hand: [`Verdict::missing`] names them.
    Undetermined,
}

impl Outcome {
    /// The word for it in JSON, for a load and for an unload alike.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Loads => "loaded",
            Self::Refused { .. } => "refused",
            Self::Crash { .. } => "crash",
            Self::Undetermined => "undetermined",
        }
    }

    /// The errno of a refusal.
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// The stage that refused or crashed.
    pub const fn stage(&self) -> Option<Stage> {
        match self {
            Self::Refused { stage, .. } | Self::Crash { stage, .. } => Some(*stage),
            _ => None,
        }
    }
}

/// What the kernel would do with one system call, and what is worth knowing about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The module's name as the loader's messages give it.
    pub name: String,
    /// The answer.
    pub outcome: Outcome,
    /// Every line the kernel log gains, in order.
    pub log: Vec<KernelLine>,
    /// The module's own taints once it is loaded, as `/proc/modules` shows them; empty when it is not.
    pub module_taints: Taints,
    /// `/proc/sys/kernel/tainted` afterwards.
    pub kernel_tainted: Taints,
    /// Everything found, in the order of the stages; also what lies behind the stage that refused.
    pub findings: Vec<Finding>,
    /// Facts that were not at hand and that the answer (or, with a certain outcome, a line or taint of it) depends on.
    pub missing: Vec<Missing>,
    /// With an undetermined outcome: does it not load in any case, and only the errno depends on what is missing?
    pub never_loads: bool,
    /// Facts that are not in the kernel's files but follow from others: what was taken for true, and why.
    pub inferred: Vec<String>,
    /// Where the lines of the source come from that findings name.
    pub debug_info: DebugInfo,
}

impl Verdict {
    /// An answer about which nothing else is known yet.
    pub fn new(name: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            name: name.into(),
            outcome,
            log: Vec::new(),
            module_taints: Taints::NONE,
            kernel_tainted: Taints::NONE,
            findings: Vec::new(),
            missing: Vec::new(),
            never_loads: false,
            inferred: Vec::new(),
            debug_info: DebugInfo::Unread,
        }
    }

    /// Adds that a module this one needs was refused.
    pub fn blame(&mut self, dependency: &Self) {
        if let Outcome::Refused { errno, stage } = &dependency.outcome {
            let cause = Cause::DependencyRefused { dependency: dependency.name.clone(), errno: *errno };
            self.findings.insert(0, Finding::new(*stage, cause));
        }
    }
}
