//! One finding in words: its line, and the lines below.

use super::license::license;
use crate::audit::{Arguments, Audit, AuditCode, AuditFinding, AuditedObject, Detail, Hop, How, Thinness, Was};
use crate::kernel::VMLINUX;
use crate::report::wording::{count, many, thousands};
use crate::terms::License;

/// A finding in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FindingLine {
    /// The export or module that the finding is about.
    pub subject: String,
    /// What the subject does.
    pub about: String,
    /// Lines below.
    pub below: Vec<String>,
}

/// A finding in words. With `among`, the exporter precedes an export, because there are several.
pub(super) fn line(audit: &Audit, finding: &AuditFinding, was: Option<Was>, among: bool) -> FindingLine {
    let object = audit.objects.get(finding.object);
    let name = object.map_or("?", |object| object.name.as_str());
    let subject = match &finding.export {
        Some(export) if among => format!("{}: {export}", exporter_name(audit, object, name)),
        Some(export) => export.clone(),
        None => name.to_owned(),
    };
    let (mut about, mut below) = about(finding, object, name);
    if let Some(was) = was.and_then(was_word) {
        about = format!("{about}; {was}");
    }
    below.extend(path(finding));
    FindingLine { subject, about, below }
}

/// The exporter: the module's name, or `vmlinux`; the kernel's release only where there are several kernels.
fn exporter_name<'a>(audit: &Audit, object: Option<&AuditedObject>, name: &'a str) -> &'a str {
    let is_kernel = object.is_some_and(|object| object.is_kernel);
    if is_kernel && audit.objects.iter().filter(|object| object.is_kernel).count() == 1 { VMLINUX } else { name }
}

const fn was_word(was: Was) -> Option<&'static str> {
    match was {
        Was::GplOnly => Some("was GPL-only"),
        Was::Absent => Some("is a new export"),
        Was::Plain => Some("was plain already"),
        Was::NoExport => None,
    }
}

/// What the subject of a finding does, and the lines below.
fn about(finding: &AuditFinding, object: Option<&AuditedObject>, name: &str) -> (String, Vec<String>) {
    let symbol = finding.symbol.as_deref();
    let handed = symbol.unwrap_or("?");
    let thin = finding.thinness.as_ref().map(thinness);
    let text = match (finding.code, &finding.detail) {
        (AuditCode::LaundersGplOnly, _) => format!("→ {handed}{}", brackets(thin)),
        (AuditCode::ExposesUnexported, _) => {
            format!("→ {handed}{}", brackets(thin.into_iter().chain(finding.users.map(users))))
        }
        (AuditCode::ReachesGplOnly, _) => {
            let calls = match finding.hops.len() {
                0 | 1 => None,
                calls => Some(format!("{calls} calls away")),
            };
            format!("→ {handed}{}", brackets(calls.into_iter().chain(thin)))
        }
        (AuditCode::ReexportsProprietary, Detail::Exporter { module, license }) => {
            format!("→ {handed}  ({})", exporter(module, license, object))
        }
        (AuditCode::ShadowsGplOnly, Detail::Definition { global: true }) => {
            format!("defines {handed}, which counts in the whole module")
        }
        (AuditCode::ShadowsGplOnly, _) => format!("defines {handed}, which counts in its own source file"),
        (AuditCode::SymbolGet, _) => format!("asks for {}{}", named(finding), place(finding)),
        (AuditCode::KallsymsLookup, Detail::Lookup { by }) => {
            format!("looks up {}, with {by}{}", named(finding), place(finding))
        }
        (AuditCode::OddLicense, Detail::License { text, oddity }) => return license(name, text, *oddity),
        (AuditCode::ReservedModuleName, Detail::ModuleList { list, exports }) => {
            let such = symbol.map(|symbol| format!(", among them {symbol}")).filter(|_| *exports > 1);
            let exports = many(*exports, "export is", "exports are");
            format!("{exports} reserved for \"module:{list}\"{}", such.unwrap_or_default())
        }
        // Findings without the detail that belongs to their code.
        (_, _) => symbol.map(|symbol| format!("→ {symbol}")).unwrap_or_default(),
    };
    (text, Vec::new())
}

/// The parts in brackets after two blanks; empty if there are none.
fn brackets(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    if parts.is_empty() { String::new() } else { format!("  ({})", parts.join("; ")) }
}

/// The symbol that the module looks up at run time, and how it is exported.
fn named(finding: &AuditFinding) -> String {
    match (&finding.symbol, finding.symbol_kind) {
        (None, _) => "a name that only running it would tell".to_owned(),
        (Some(symbol), Some(kind)) if kind.is_gpl_only() => format!("{symbol}, a GPL-only export"),
        (Some(symbol), Some(_)) => format!("{symbol}, a plain export"),
        (Some(symbol), None) => symbol.clone(),
    }
}

/// How little work of its own the export does.
fn thinness(thinness: &Thinness) -> String {
    let Thinness { instructions, calls, arguments, result } = *thinness;
    let mut parts = vec![match instructions {
        0 => "nothing of its own".to_owned(),
        number => count(number, "instruction", "instructions"),
    }];
    if calls > 1 {
        parts.push(format!("{calls} calls"));
    }
    parts.push(
        match arguments {
            Arguments::Straight => "arguments as they came",
            Arguments::Arranged => "arguments reordered or with constants",
            Arguments::Derived => "arguments out of what came",
            Arguments::Bound => "one argument fixed to something of its own",
            Arguments::Own => "arguments of its own",
        }
        .to_owned(),
    );
    if !result {
        parts.push("result not straight back".to_owned());
    }
    let straight = instructions <= 1 && calls <= 1 && arguments <= Arguments::Arranged;
    format!("{}{}", if straight { "straight on: " } else { "" }, parts.join(", "))
}

fn users(number: usize) -> String {
    match number {
        0 => "no other function uses it".to_owned(),
        1 => "used by 1 function".to_owned(),
        number => format!("used by {} functions", thousands(number)),
    }
}

/// The exporter of the symbol that is handed on, and which side is proprietary: the exporter, or this module.
fn exporter(module: &str, license: &str, object: Option<&AuditedObject>) -> String {
    if !License::new(license).is_gpl_compatible() {
        return format!("of {module}, which is proprietary: \"{license}\"");
    }
    let own = match object.and_then(|object| object.license.as_deref()) {
        Some(own) => format!("this module is proprietary: \"{own}\""),
        None => "this module has no license".to_owned(),
    };
    format!("of {module} (\"{license}\"), which uses GPL-only symbols; {own}")
}

/// `, in foo_init+0x12`.
fn place(finding: &AuditFinding) -> String {
    match finding.hops.as_slice() {
        [hop] => format!(", in {}", at(hop)),
        _ => String::new(),
    }
}

fn at(hop: &Hop) -> String {
    format!("{}+{:#x}", hop.function, hop.offset)
}

/// The path with its places, where the line does not tell it: more than one step, or a step that is not a plain call.
fn path(finding: &AuditFinding) -> Option<String> {
    let has_place = matches!(finding.code, AuditCode::SymbolGet | AuditCode::KallsymsLookup);
    let is_indirect = finding.hops.iter().any(|hop| matches!(hop.how, How::Pointer | How::Address));
    if finding.hops.len() < 2 && (has_place || !is_indirect) {
        return None;
    }
    let mut text = finding.hops.first().map(at)?;
    let nodes = finding.hops.iter().skip(1).map(at).chain(finding.symbol.clone());
    for (hop, node) in finding.hops.iter().zip(nodes) {
        // The note follows the node that the hop leads to.
        let note = match hop.how {
            How::Call | How::TailCall => "",
            How::Pointer => " (through a pointer)",
            How::Address => " (its address)",
        };
        text += &format!(" › {node}{note}");
    }
    Some(text)
}
