//! Compares two kernels before an upgrade, and predicts what the later one does with modules.
//!
//! The exports of both kernels are compared row by row. The later kernel judges each module twice: the file as it is,
//! and a new build of its source. This room produces no text for people, and leaves every judgement of a module to
//! [`load`](crate::load).
//!
//! [`ExportDiff::between`] compares exports and cannot fail; what one of the lists does not record is named in
//! [`ExportDiff::uncompared`]. [`Upgrade::of`] judges modules and returns an error where a file of the later kernel's tree, or a
//! debug file that was asked for, cannot be read.
//!
//! ```
//! use gplok::impact::{ChangeClass, ExportDiff};
//! use gplok::kernel::Kernel;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/founding");
//! let from = Kernel::open(&[format!("{folder}/linux-4.18-rc")])?;
//! let to = Kernel::open(&[format!("{folder}/linux-4.18")])?;
//! let (Some(before), Some(after)) = (from.exports(), to.exports()) else { return Err("no exports".into()) };
//! let diff = ExportDiff::between(before, after);
//! assert_eq!(diff.totals().of(ChangeClass::BecamePlain), Some(2));
//! # Ok(())
//! # }
//! ```

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
