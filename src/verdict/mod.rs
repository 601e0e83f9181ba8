//! What the loader would do with a module, as plain values. This room holds types only; `load` makes them.
//!
//! A [`Verdict`] answers one system call: its [`Outcome`], the lines of the kernel log in order, the taints, and a
//! [`Finding`] for everything that was found, of which [`Cause`] holds the facts and [`Code`] is the stable name. Where the
//! outcome is [`Outcome::Undetermined`], [`Verdict::missing`] names the facts that decide. Verdicts are equal for equal
//! input, and serialize; the JSON of [`report`](crate::report) is the form with a schema.

mod cause;
mod finding;
mod line;
mod missing;
mod stage;
mod usage;

pub use cause::{Absent, Cause, Code};
pub use finding::{Finding, Origin};
pub(crate) use line::OfSymbol;
pub use line::{KernelLine, LineText, LogLevel};
pub use missing::Missing;
pub use stage::Stage;
pub use usage::{Candidate, CandidateSource, Chain, DebugInfo, Declared, Frame, Inside, Use};

use serde::Serialize;

use crate::terms::{Errno, Taints};

/// Whether the kernel would load the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// The kernel accepts the module. Its init function may still fail: it is not run here.
    Loads,
    /// The system call fails.
    Refused {
        /// The error number that the call returns.
        errno: Errno,
        /// The first stage that refuses.
        stage: Stage,
    },
    /// The kernel itself would read or write memory that it must not access.
    Crash {
        /// The stage of the loader.
        stage: Stage,
        /// What the kernel would access.
        why: String,
    },
    /// The answer depends on facts that are not known: [`Verdict::missing`] names them.
    Undetermined,
}

impl Outcome {
    /// The word in JSON, for loading and for unloading.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Loads => "loaded",
            Self::Refused { .. } => "refused",
            Self::Crash { .. } => "crash",
            Self::Undetermined => "undetermined",
        }
    }

    /// The error number of a refusal.
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

/// What the kernel would do with one system call, with every finding about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// The module's name, as the loader's messages print it.
    pub name: String,
    /// The answer.
    pub outcome: Outcome,
    /// The lines that the kernel prints to its log, in order.
    pub log: Vec<KernelLine>,
    /// The module's own taints after loading, as `/proc/modules` shows them; empty when the module is not loaded.
    pub module_taints: Taints,
    /// `/proc/sys/kernel/tainted` after the call.
    pub kernel_tainted: Taints,
    /// All findings, in the order of the stages, including those of stages after the one that refuses.
    pub findings: Vec<Finding>,
    /// Unknown facts that the outcome depends on; where the outcome is certain, that a line or taint depends on.
    pub missing: Vec<Missing>,
    /// Whether an undetermined outcome is a refusal in any case, of which only the errno depends on the missing facts.
    pub never_loads: bool,
    /// With [`never_loads`](Self::never_loads), the errnos that are possible, each once; empty if not all are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errnos: Vec<Errno>,
    /// Facts that are not in the kernel's files but inferred from others: each with the reason.
    pub inferred: Vec<String>,
    /// The debug information from which findings take the lines of the source.
    pub debug_info: DebugInfo,
}

impl Verdict {
    /// A verdict with an outcome and nothing else.
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
            errnos: Vec::new(),
            inferred: Vec::new(),
            debug_info: DebugInfo::Unread,
        }
    }

    /// Adds a first finding: the kernel refuses `dependency`, which this module needs. Does nothing if it is not refused.
    pub fn blame(&mut self, dependency: &Self) {
        if let Outcome::Refused { errno, stage } = &dependency.outcome {
            let cause = Cause::DependencyRefused { dependency: dependency.name.clone(), errno: *errno };
            self.findings.insert(0, Finding::new(*stage, cause));
        }
    }
}
