//! The findings of `audit` as a document in JSON.

use serde::Serialize;

use super::codes::wording;
use super::license::license_fix;
use super::report::AuditReport;
use crate::audit::{
    Arguments, Audit, AuditCode, AuditFinding, AuditedObject, Detail, Hop, How, LicenseOddity, Thinness, Was,
};
use crate::report::entry::KernelSummary;
use crate::report::json::SCHEMA;
use crate::report::unread::{UnreadItem, unread_items};
use crate::terms::{ExportKind, License};

/// An audit as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct AuditDocument<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<&'a KernelSummary>,
    objects: Vec<ObjectItem<'a>>,
    findings: Vec<FindingItem<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<UnreadItem>,
    #[serde(flatten)]
    compared: Option<Compared<'a>>,
}

/// The differences from an earlier audit.
#[derive(Clone, Debug, Serialize)]
struct Compared<'a> {
    earlier: Vec<ObjectItem<'a>>,
    new: Vec<NewFinding<'a>>,
    gone: Vec<FindingItem<'a>>,
    kinds: Vec<ChangedKind<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct ObjectItem<'a> {
    path: String,
    name: &'a str,
    kernel: bool,
    license: Option<&'a str>,
    exports: ExportCounts,
    unread: Option<&'a str>,
    unknown: &'a [String],
}

#[derive(Clone, Debug, Serialize)]
struct ExportCounts {
    plain: usize,
    gpl_only: usize,
}

#[derive(Clone, Debug, Serialize)]
struct FindingItem<'a> {
    code: AuditCode,
    object: String,
    export: Option<&'a str>,
    kind: Option<ExportKind>,
    symbol: Option<&'a str>,
    symbol_kind: Option<ExportKind>,
    path: Vec<&'a str>,
    evidence: Vec<PathStep<'a>>,
    thinness: Option<ThinnessItem>,
    users: Option<usize>,
    detail: Option<DetailItem<'a>>,
    fix: String,
    known: bool,
}

#[derive(Clone, Debug, Serialize)]
struct PathStep<'a> {
    function: &'a str,
    offset: u64,
    how: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct ThinnessItem {
    instructions: usize,
    calls: usize,
    arguments: &'static str,
    result: bool,
    score: u8,
}

/// The detail of a finding; `about` names its kind.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "about", rename_all = "kebab-case")]
enum DetailItem<'a> {
    License {
        text: &'a str,
        oddity: &'static str,
        nearest: Option<&'static str>,
        count: Option<usize>,
        loader_takes: bool,
        modpost_takes: bool,
    },
    #[serde(rename = "owner")]
    Exporter {
        module: &'a str,
        license: &'a str,
    },
    ModuleList {
        list: &'a str,
        exports: usize,
    },
    Lookup {
        by: &'a str,
    },
    Definition {
        global: bool,
    },
}

#[derive(Clone, Debug, Serialize)]
struct NewFinding<'a> {
    #[serde(flatten)]
    found: FindingItem<'a>,
    was: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
struct ChangedKind<'a> {
    export: &'a str,
    from: ExportKind,
    to: ExportKind,
}

/// The document of `audit`.
pub fn audit_document<'a>(report: &AuditReport<'a>) -> AuditDocument<'a> {
    let current = |finding: &'a AuditFinding| finding_item(report.audit, finding, report.is_known(finding));
    let compared = report.earlier.map(|(earlier, diff)| Compared {
        earlier: earlier.objects.iter().map(ObjectItem::from).collect(),
        new: diff.new.iter().map(|(finding, was)| NewFinding { found: current(finding), was: word(*was) }).collect(),
        gone: diff.gone.iter().map(|finding| finding_item(earlier, finding, false)).collect(),
        kinds: diff
            .kinds
            .iter()
            .map(|kind| ChangedKind { export: &kind.export, from: kind.from, to: kind.to })
            .collect(),
    });
    AuditDocument {
        schema: SCHEMA,
        kernel: report.kernel,
        objects: report.audit.objects.iter().map(ObjectItem::from).collect(),
        findings: report.audit.findings.iter().map(current).collect(),
        unread: unread_items(&report.audit.unread),
        compared,
    }
}

impl<'a> From<&'a AuditedObject> for ObjectItem<'a> {
    fn from(object: &'a AuditedObject) -> Self {
        let gpl_only = object.exports.iter().filter(|(_, kind)| kind.is_gpl_only()).count();
        Self {
            path: object.path.to_string_lossy().into_owned(),
            name: &object.name,
            kernel: object.is_kernel,
            license: object.license.as_deref(),
            exports: ExportCounts { plain: object.exports.len() - gpl_only, gpl_only },
            unread: object.unread.as_deref(),
            unknown: &object.unknown,
        }
    }
}

impl<'a> From<&'a Hop> for PathStep<'a> {
    fn from(hop: &'a Hop) -> Self {
        Self { function: &hop.function, offset: hop.offset, how: how(hop.how) }
    }
}

fn finding_item<'a>(audit: &'a Audit, finding: &'a AuditFinding, known: bool) -> FindingItem<'a> {
    FindingItem {
        code: finding.code,
        object: audit
            .objects
            .get(finding.object)
            .map(|object| object.path.to_string_lossy().into_owned())
            .unwrap_or_default(),
        export: finding.export.as_deref(),
        kind: finding.kind,
        symbol: finding.symbol.as_deref(),
        symbol_kind: finding.symbol_kind,
        path: finding.path(),
        evidence: finding.hops.iter().map(PathStep::from).collect(),
        thinness: finding.thinness.as_ref().map(thin),
        users: finding.users,
        detail: detail(&finding.detail),
        fix: fix(finding),
        known,
    }
}

/// What to do about a finding.
fn fix(finding: &AuditFinding) -> String {
    match &finding.detail {
        Detail::License { oddity, .. } => license_fix(*oddity),
        _ => wording(finding.code).fix.to_owned(),
    }
}

const fn how(how: How) -> &'static str {
    match how {
        How::Call => "call",
        How::TailCall => "tail-call",
        How::Pointer => "pointer",
        How::Address => "address",
    }
}

const fn thin(thinness: &Thinness) -> ThinnessItem {
    let arguments = match thinness.arguments {
        Arguments::Straight => "straight",
        Arguments::Arranged => "arranged",
        Arguments::Derived => "derived",
        Arguments::Bound => "bound",
        Arguments::Own => "own",
    };
    let Thinness { instructions, calls, result, .. } = *thinness;
    ThinnessItem { instructions, calls, arguments, result, score: thinness.score() }
}

fn detail(detail: &Detail) -> Option<DetailItem<'_>> {
    Some(match detail {
        Detail::None => return None,
        Detail::License { text, oddity } => {
            let (word, nearest, count, loader_takes, modpost_takes) = match *oddity {
                LicenseOddity::Misspelt { nearest } => {
                    let taken = License::new(text.as_str()).is_gpl_compatible();
                    ("misspelt", Some(nearest), None, taken, taken)
                }
                LicenseOddity::Several { count, first_taken, all_taken, nearest } => {
                    ("several", nearest, Some(count), first_taken, all_taken)
                }
                LicenseOddity::Absent => ("absent", None, None, false, false),
            };
            DetailItem::License { text, oddity: word, nearest, count, loader_takes, modpost_takes }
        }
        Detail::Exporter { module, license } => DetailItem::Exporter { module, license },
        Detail::ModuleList { list, exports } => DetailItem::ModuleList { list, exports: *exports },
        Detail::Lookup { by } => DetailItem::Lookup { by },
        Detail::Definition { global } => DetailItem::Definition { global: *global },
    })
}

/// How the export of a new finding was exported before; `None` if the finding is not about an export.
const fn word(was: Was) -> Option<&'static str> {
    match was {
        Was::Absent => Some("absent"),
        Was::GplOnly => Some("gpl-only"),
        Was::Plain => Some("plain"),
        Was::NoExport => None,
    }
}
