//! Before the upgrade: what another kernel does to modules.
//!
//! Two kernels' exports are compared, row by row. A module is judged by the later kernel twice: the file as it stands, and as
//! its source would be, built again. Nothing here words text, and nothing judges a module but [`load`](crate::load), which is
//! asked.

mod answer;
mod change;
mod diff;
mod fate;
mod judge;
mod kernels;
mod module;
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
pub use symbol::{Fate, Prototypes, Replacement, SymbolImpact, Wanting};
pub use upgrade::Upgrade;
