//! What is known of GPL-only symbols that came into modules through the kernel's own headers.
//!
//! It decides which of the known incidents fit a symbol and the evidence around it. They are notes to a finding; they
//! never change a verdict, and where the evidence speaks against an incident, or is missing and would be needed, it is
//! not named.

mod evidence;
mod incident;

pub use evidence::{IncidentEvidence, known};
pub use incident::{Incident, incidents};
