//! Finds ways around the license check: plain exports that only wrap GPL-only or unexported symbols, lookups of symbols
//! at run time, odd licenses, and more.
//!
//! Machine code is read, never run: a call whose target only running it would tell is not followed.

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
pub use open::{AuditError, Objects, open_objects};
unstable!(plumbing::is_plumbing);
pub use run::{AuditOptions, audit};
unstable!(scope::FindingKey);
unstable!(subject::{Export, Subject});
unstable!(wrappers::{Handed, Summary, Wrappers});
