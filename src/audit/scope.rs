//! Which findings of an audit to keep, and the keys that identify findings across runs.

use super::finding::{Audit, AuditCode, AuditFinding};

/// Identifies a finding across runs: by code, export and symbol, and for a finding without an export also by the
/// module's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingKey<'a> {
    code: AuditCode,
    module: Option<&'a str>,
    export: Option<&'a str>,
    symbol: Option<&'a str>,
}

impl<'a> FindingKey<'a> {
    /// The key of a finding in the module with that name. `module` is `None` for a kernel, whose name changes with
    /// every release.
    pub fn new(code: AuditCode, module: Option<&'a str>, export: Option<&'a str>, symbol: Option<&'a str>) -> Self {
        Self { code, module: module.filter(|_| export.is_none()), export, symbol }
    }

    /// Code, module, export and symbol.
    pub(super) const fn parts(&self) -> (AuditCode, Option<&'a str>, Option<&'a str>, Option<&'a str>) {
        (self.code, self.module, self.export, self.symbol)
    }
}

impl AuditCode {
    /// The code with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// Returns whether findings with this code come from reading machine code. All others come from tables and modinfo
    /// tags.
    pub const fn reads_code(self) -> bool {
        !matches!(self, Self::ShadowsGplOnly | Self::OddLicense | Self::ReservedModuleName)
    }
}

impl Audit {
    /// The key of a finding of this audit.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn key<'a>(&'a self, finding: &'a AuditFinding) -> FindingKey<'a> {
        let object = self.objects.get(finding.object).filter(|object| !object.is_kernel);
        let module = object.map(|object| object.name.as_str());
        FindingKey::new(finding.code, module, finding.export.as_deref(), finding.symbol.as_deref())
    }

    /// Keeps only findings with these codes, or all if `codes` is empty. If none of the codes comes from reading
    /// machine code, what could not be read there is dropped as well.
    pub fn keep(&mut self, codes: &[AuditCode]) {
        if codes.is_empty() {
            return;
        }
        self.findings.retain(|finding| codes.contains(&finding.code));
        if !codes.iter().any(|code| code.reads_code()) {
            for object in &mut self.objects {
                // An object without exports is unread because its tables were not read either.
                if !object.exports.is_empty() {
                    object.unread = None;
                }
                object.unknown.clear();
            }
        }
    }

    /// Returns whether something is unknown that findings may depend on.
    pub fn is_undetermined(&self) -> bool {
        !self.unread.is_empty()
            || self.objects.iter().any(|object| object.unread.is_some() || !object.unknown.is_empty())
    }
}
