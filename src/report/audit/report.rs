//! What the reports of an audit are made from.

use crate::audit::{Audit, AuditBaseline, AuditDiff, AuditFinding, Was};
use crate::report::entry::KernelSummary;

/// What the reports of an audit are made from.
#[derive(Clone, Copy, Debug)]
pub struct AuditReport<'a> {
    /// The audit.
    pub audit: &'a Audit,
    /// What of it is known already.
    pub baseline: &'a AuditBaseline,
    /// An earlier audit, and how this one differs from it.
    pub earlier: Option<(&'a Audit, &'a AuditDiff<'a>)>,
    /// The kernel that was asked how the symbols that modules import are exported.
    pub kernel: Option<&'a KernelSummary>,
}

impl<'a> AuditReport<'a> {
    /// What is news: what the baseline does not know, and if there is an earlier audit, what that has not.
    pub fn news(&self) -> Vec<(&'a AuditFinding, Option<Was>)> {
        let all: Vec<_> = match self.earlier {
            Some((_, diff)) => diff.new.iter().map(|(finding, was)| (*finding, Some(*was))).collect(),
            None => self.audit.findings.iter().map(|finding| (finding, None)).collect(),
        };
        all.into_iter().filter(|(finding, _)| !self.is_known(finding)).collect()
    }

    /// Is a finding of the audit in the baseline?
    pub(super) fn is_known(&self, finding: &AuditFinding) -> bool {
        self.baseline.has(self.audit, finding)
    }

    /// How many findings would be news if there were no baseline.
    pub(super) fn known(&self) -> usize {
        match self.earlier {
            Some((_, diff)) => diff.new.iter().filter(|(finding, _)| self.is_known(finding)).count(),
            None => self.audit.findings.iter().filter(|finding| self.is_known(finding)).count(),
        }
    }
}
