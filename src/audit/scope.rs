//! What an audit is asked about, and what tells its findings apart.

use super::finding::{Audit, AuditCode, AuditFinding};

/// What tells a finding from others, also in another run: code, export and symbol; where it is about a module and no export,
/// the module's name as well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingKey<'a> {
    code: AuditCode,
    module: Option<&'a str>,
    export: Option<&'a str>,
    symbol: Option<&'a str>,
}

impl<'a> FindingKey<'a> {
    /// Of a finding in a module of that name; `None` in a kernel, whose name is another with every release.
    pub fn new(code: AuditCode, module: Option<&'a str>, export: Option<&'a str>, symbol: Option<&'a str>) -> Self {
        Self { code, module: module.filter(|_| export.is_none()), export, symbol }
    }

    /// Code, module, export and symbol.
    pub(super) const fn parts(&self) -> (AuditCode, Option<&'a str>, Option<&'a str>, Option<&'a str>) {
        (self.code, self.module, self.export, self.symbol)
    }
}

impl AuditCode {
    /// The code of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// Is it found by reading code? Other findings come from tables and tags alone.
    pub const fn reads_code(self) -> bool {
        !matches!(self, Self::ShadowsGplOnly | Self::OddLicense | Self::ReservedModuleName)
    }
}

impl Audit {
    /// What tells a finding of this audit from others, also in another run.
    pub fn key<'a>(&'a self, finding: &'a AuditFinding) -> FindingKey<'a> {
        let object = self.objects.get(finding.object).filter(|object| !object.is_kernel);
        let module = object.map(|object| object.name.as_str());
        FindingKey::new(finding.code, module, finding.export.as_deref(), finding.symbol.as_deref())
    }

    /// Leaves only findings of these codes; of none given, all. What of the code is not known is passed over where no code
    /// that is asked for comes from there.
    pub fn keep(&mut self, codes: &[AuditCode]) {
        if codes.is_empty() {
            return;
        }
        self.findings.retain(|finding| codes.contains(&finding.code));
        if !codes.iter().any(|code| code.reads_code()) {
            for object in &mut self.objects {
                object.unread = None;
                object.unknown.clear();
            }
        }
    }

    /// Is something not known on which findings may hang?
    pub fn is_undetermined(&self) -> bool {
        self.objects.iter().any(|object| object.unread.is_some() || !object.unknown.is_empty())
    }
}
