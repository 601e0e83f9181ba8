//! Exports that hand on what they should not: code read to tell what a plain export makes of GPL-only symbols and of those
//! exported to nobody, and other ways around the licence check.

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
pub use body::{Arguments, Body, Call, How};
pub use compare::{AuditDiff, KindChange, Was};
pub use finding::{AuditCode, AuditFinding, Detail, Hop, LicenseOddity, Thinness};
pub use known::{KnownExport, KnownExports, KnownModule, Standing};
pub use lints::lints;
pub use open::{AuditError, Objects, open_objects};
pub use plumbing::is_plumbing;
pub use run::{AuditOptions, audit};
pub use scope::FindingKey;
pub use subject::{Export, Subject};
pub use wrappers::{Handed, Summary, Wrappers};

use std::path::PathBuf;

use crate::terms::ExportKind;

/// One object that was audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedObject {
    /// Where it was read from.
    pub path: PathBuf,
    /// The module's name; of a kernel its release.
    pub name: String,
    /// Is it a kernel?
    pub is_kernel: bool,
    /// The first licence string; `None` of kernels, and of modules without one.
    pub license: Option<String>,
    /// What it exports and how, in order of name.
    pub exports: Vec<(String, ExportKind)>,
    /// Why its code could not be read, where it could not.
    pub unread: Option<String>,
    /// Symbols that its plain exports call and of which the files do not say how they are exported.
    pub unknown: Vec<String>,
}

/// What an audit comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// What was audited, in order of path.
    pub objects: Vec<AuditedObject>,
    /// What was found: by code, and within a code the plainest first.
    pub findings: Vec<AuditFinding>,
}
