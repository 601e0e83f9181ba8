//! Finds ways around the license check: plain exports that only wrap GPL-only or unexported symbols, lookups of symbols
//! at run time, odd licenses, and more.
//!
//! Machine code is read, never run: a call whose target only running it would tell is not followed.
//!
//! [`open_objects`] finds modules, kernels and packages at paths, [`audit()`] reads them on all cores. Offsets are in bytes
//! from the beginning of a function; a score goes from 100, for a jump and nothing else, to 0. Both functions return an
//! [`AuditError`] for a path that cannot be read. An object whose code cannot be read is no error:
//! [`AuditedObject::unread`] says why.
//!
//! ```
//! use gplok::audit::{AuditCode, AuditOptions, audit, open_objects};
//! use gplok::kernel::Kernel;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/founding");
//! let kernel = Kernel::open(&[format!("{folder}/linux-4.18")])?;
//! let objects = open_objects(&[format!("{folder}/hmm.ko").into()])?;
//! let audit = audit(&objects, Some(&kernel), &AuditOptions::default(), || ())?;
//! let wrappers = audit.findings.iter().filter(|finding| finding.code == AuditCode::LaundersGplOnly);
//! assert_eq!(wrappers.count(), 9);
//! # Ok(())
//! # }
//! ```

mod baseline;
mod body;
mod compare;
mod exposed;
mod finding;
mod flow;
mod known;
mod lints;
mod open;
mod plumbing;
mod reach;
mod run;
mod scope;
mod state;
mod subject;
mod wrappers;

pub use baseline::{AuditBaseline, AuditBaselineError};
pub use body::{Arguments, How};
unstable!(body::{Body, Call});
pub use compare::{AuditDiff, KindChange, Was};
pub use finding::{Audit, AuditCode, AuditFinding, AuditedObject, Detail, Hop, LicenseOddity, Thinness};
unstable!(known::{KnownExport, KnownExports, KnownModule, Standing});
unstable!(lints::lints);
pub use open::{AuditError, Objects, open_objects, open_objects_within};
unstable!(plumbing::is_plumbing);
pub use run::{AuditOptions, audit};
unstable!(scope::FindingKey);
unstable!(subject::{Export, Subject});
unstable!(wrappers::{Handed, Summary, Wrappers});
