//! A baseline: the findings of an earlier run, read from its JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::finding::{Audit, AuditCode, AuditFinding};
use super::scope::FindingKey;

use crate::terms::Shown;

/// The findings of an earlier run, which need not be reported again.
#[derive(Clone, Debug, Default)]
pub struct AuditBaseline(BTreeSet<Known>);

/// A [`FindingKey`] with owned names: code, module, export, symbol.
type Known = (&'static str, Option<String>, Option<String>, Option<String>);

/// Why a text cannot be read as a baseline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditBaselineError {
    /// It is not JSON, or a field is missing.
    #[error("this is no JSON that audit printed: {}", Shown(.0))]
    Json(#[from] serde_json::Error),
    /// It has another schema.
    #[error("its schema is {schema:?}, and not \"gplok/1\"")]
    Schema {
        /// The schema it has.
        schema: String,
    },
}

/// The fields that are read of the document. All others are ignored.
#[derive(Deserialize)]
struct Written {
    schema: String,
    objects: Vec<WrittenObject>,
    findings: Vec<WrittenFinding>,
}

#[derive(Deserialize)]
struct WrittenObject {
    path: String,
    name: String,
    kernel: bool,
}

#[derive(Deserialize)]
struct WrittenFinding {
    code: String,
    object: String,
    export: Option<String>,
    symbol: Option<String>,
}

impl AuditBaseline {
    /// Reads the JSON of an audit. Findings with unknown codes, from later versions, are ignored.
    pub fn parse(text: &str) -> Result<Self, AuditBaselineError> {
        let written: Written = serde_json::from_str(text)?;
        if written.schema != "gplok/1" {
            return Err(AuditBaselineError::Schema { schema: written.schema });
        }
        let modules = written.objects.iter().filter(|object| !object.kernel);
        let modules: BTreeMap<_, _> = modules.map(|object| (&*object.path, &*object.name)).collect();
        let known = written.findings.iter().filter_map(|finding| {
            let code = AuditCode::from_name(&finding.code)?;
            let module = modules.get(&*finding.object).copied();
            Some(known(&FindingKey::new(code, module, finding.export.as_deref(), finding.symbol.as_deref())))
        });
        Ok(Self(known.collect()))
    }

    /// Returns whether the baseline has a finding.
    pub fn has(&self, audit: &Audit, finding: &AuditFinding) -> bool {
        !self.0.is_empty() && self.0.contains(&known(&audit.key(finding)))
    }
}

fn known(key: &FindingKey<'_>) -> Known {
    let (code, module, export, symbol) = key.parts();
    (code.name(), module.map(str::to_owned), export.map(str::to_owned), symbol.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_json_is_rejected() {
        for text in ["", "[]", "{\"schema\":\"gplok/1\",\"kernel\":{},\"modules\":[]}"] {
            assert!(matches!(AuditBaseline::parse(text), Err(AuditBaselineError::Json(_))), "{text}");
        }
        let text = "{\"schema\":\"gplok/9\",\"objects\":[],\"findings\":[]}";
        assert!(matches!(AuditBaseline::parse(text), Err(AuditBaselineError::Schema { .. })));
    }

    /// A finding about a module matches that module alone; a finding about an export matches it in every file.
    #[test]
    fn the_module_is_part_of_the_key_only_without_an_export() {
        let text = r#"{"schema":"gplok/1","objects":[{"path":"foo.ko","name":"foo","kernel":false}],"findings":[
            {"code":"odd-license","object":"foo.ko","export":null,"symbol":null},
            {"code":"launders-gpl-only","object":"foo.ko","export":"a","symbol":"b"},
            {"code":"of-next-year","object":"foo.ko","export":"a","symbol":"b"}]}"#;
        let baseline = AuditBaseline::parse(text).expect("a good one");
        let object = |name: &str| crate::audit::AuditedObject {
            path: format!("x/{name}.ko").into(),
            name: name.into(),
            is_kernel: false,
            license: None,
            exports: Vec::new(),
            unread: None,
            unknown: Vec::new(),
        };
        let audit = Audit { objects: vec![object("bar"), object("foo")], findings: Vec::new(), unread: Vec::new() };
        let license = |object| AuditFinding::new(AuditCode::OddLicense, object);
        assert!(!baseline.has(&audit, &license(0)) && baseline.has(&audit, &license(1)));
        let mut launders = AuditFinding::new(AuditCode::LaundersGplOnly, 0);
        launders.export = Some("a".into());
        launders.symbol = Some("b".into());
        assert!(baseline.has(&audit, &launders));
        launders.symbol = Some("c".into());
        assert!(!baseline.has(&audit, &launders));
    }
}
