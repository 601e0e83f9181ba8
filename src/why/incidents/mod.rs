//! Known incidents: GPL-only symbols that came into modules through the kernel's own headers.
//!
//! Decides which incidents match a symbol and the evidence about it. Incidents are notes to a finding and never change
//! a verdict. An incident is not named if the evidence contradicts it, or if evidence that it requires is missing.

mod evidence;
mod incident;

pub use evidence::{IncidentEvidence, known};
pub use incident::{Incident, incidents};
