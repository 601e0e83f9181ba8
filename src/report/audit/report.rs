//! The input of the reports of an audit.

use crate::audit::{Audit, AuditBaseline, AuditDiff, AuditFinding, Was};
use crate::report::entry::KernelSummary;

/// An audit, and what it is compared with.
#[derive(Clone, Copy, Debug)]
pub struct AuditReport<'a> {
    /// The audit.
    pub audit: &'a Audit,
    /// The findings that are known already.
    pub baseline: &'a AuditBaseline,
    /// An earlier audit, and the differences from it.
    pub earlier: Option<(&'a Audit, &'a AuditDiff<'a>)>,
    /// The kernel whose exports tell the kinds of the symbols that modules import.
    pub kernel: Option<&'a KernelSummary>,
}

impl<'a> AuditReport<'a> {
    /// The new findings: those that are not in the baseline and, if there is an earlier audit, not in that either.
    pub fn news(&self) -> Vec<(&'a AuditFinding, Option<Was>)> {
        let all: Vec<_> = match self.earlier {
            Some((_, diff)) => diff.new.iter().map(|(finding, was)| (*finding, Some(*was))).collect(),
            None => self.audit.findings.iter().map(|finding| (finding, None)).collect(),
        };
        all.into_iter().filter(|(finding, _)| !self.is_known(finding)).collect()
    }

    /// Returns whether the baseline contains a finding of the audit.
    pub(super) fn is_known(&self, finding: &AuditFinding) -> bool {
        self.baseline.has(self.audit, finding)
    }

    /// The number of findings that would be new without the baseline.
    pub(super) fn known(&self) -> usize {
        match self.earlier {
            Some((_, diff)) => diff.new.iter().filter(|(finding, _)| self.is_known(finding)).count(),
            None => self.audit.findings.iter().filter(|finding| self.is_known(finding)).count(),
        }
    }
}
