//! Compares two kernels before an upgrade, and predicts what the later one does with modules.
//!
//! The exports of both kernels are compared row by row. The later kernel judges each module twice: the file as it is,
//! and a new build of its source. This room produces no text for people, and leaves every judgement of a module to
//! [`load`](crate::load).

mod answer;
mod change;
mod diff;
mod fate;
mod judge;
mod kernels;
mod module;
#[cfg(not(feature = "unstable"))]
pub(crate) mod policy;
#[cfg(feature = "unstable")]
pub mod policy;
mod successor;
mod symbol;
mod upgrade;

pub use answer::Answer;
pub use change::{ChangeClass, Classes, ExportChange};
pub use diff::{ExportDiff, Totals, Uncompared};
pub use kernels::Kernels;
pub use module::{Circumstances, ModuleImpact};
pub use successor::Successor;
pub use symbol::{Fate, Prototypes, SymbolImpact, SymbolReplacement, Wanting};
pub use upgrade::Upgrade;
