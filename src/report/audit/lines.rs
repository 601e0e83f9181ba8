//! One finding: what stands on its line, and below.

use super::license::license;
use crate::audit::{Arguments, Audit, AuditCode, AuditFinding, AuditedObject, Detail, Hop, How, Thinness, Was};
use crate::kernel::VMLINUX;
use crate::report::wording::{count, many, thousands};
use crate::terms::License;

/// A finding in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FindingLine {
    /// Whose it is: an export, or a module.
    pub subject: String,
    /// What it does.
    pub about: String,
    /// Lines below.
    pub below: Vec<String>,
}

/// A finding in words. `among` says whether exports are told apart by whose they are.
pub(super) fn line(audit: &Audit, finding: &AuditFinding, was: Option<Was>, among: bool) -> FindingLine {
    let object = audit.objects.get(finding.object);
    let name = object.map_or("?", |object| object.name.as_str());
    let subject = match &finding.export {
        Some(export) if among => format!("{}: {export}", owner_of(audit, object, name)),
        Some(export) => export.clone(),
        None => name.to_owned(),
    };
    let (mut about, mut below) = about(finding, object, name);
    if let Some(was) = was.and_then(was_word) {
        about = format!("{about}; {was}");
    }
    below.extend(way(finding));
    FindingLine { subject, about, below }
}

/// Who exports: a module, or the kernel, by its release only where there are several.
fn owner_of<'a>(audit: &Audit, object: Option<&AuditedObject>, name: &'a str) -> &'a str {
    let alone = || audit.objects.iter().filter(|object| object.is_kernel).count() == 1;
    if object.is_some_and(|object| object.is_kernel) && alone() { VMLINUX } else { name }
}

const fn was_word(was: Was) -> Option<&'static str> {
    match was {
        Was::GplOnly => Some("was GPL-only"),
        Was::Absent => Some("is a new export"),
        Was::Plain => Some("was plain already"),
        Was::NoExport => None,
    }
}

fn about(finding: &AuditFinding, object: Option<&AuditedObject>, name: &str) -> (String, Vec<String>) {
    let symbol = finding.symbol.as_deref();
    let handed = symbol.unwrap_or("?");
    let thin = || finding.thinness.as_ref().map(thinness);
    let brackets = |parts: Vec<String>| {
        if parts.is_empty() { String::new() } else { format!("  ({})", parts.join("; ")) }
    };
    let one = |text: String| (text, Vec::new());
    match (finding.code, &finding.detail) {
        (AuditCode::LaundersGplOnly, _) => one(format!("→ {handed}{}", brackets(thin().into_iter().collect()))),
        (AuditCode::ExposesUnexported, _) => {
            let parts = thin().into_iter().chain(finding.users.map(users)).collect();
            one(format!("→ {handed}{}", brackets(parts)))
        }
        (AuditCode::ReachesGplOnly, _) => {
            let calls = match finding.hops.len() {
                0 | 1 => None,
                calls => Some(format!("{calls} calls away")),
            };
            one(format!("→ {handed}{}", brackets(calls.into_iter().chain(thin()).collect())))
        }
        (AuditCode::ReexportsProprietary, Detail::Exporter { module, license }) => {
            one(format!("→ {handed}  ({})", exporter(module, license, object)))
        }
        (AuditCode::ShadowsGplOnly, Detail::Definition { global: true }) => {
            one(format!("defines {handed}, which counts in the whole module"))
        }
        (AuditCode::ShadowsGplOnly, _) => one(format!("defines {handed}, which counts in its own source file")),
        (AuditCode::SymbolGet, _) => one(format!("asks for {}{}", named(finding), place(finding))),
        (AuditCode::KallsymsLookup, Detail::Lookup { by }) => {
            one(format!("looks up {}, with {by}{}", named(finding), place(finding)))
        }
        (AuditCode::OddLicense, Detail::License { text, oddity }) => license(name, text, *oddity),
        (AuditCode::ReservedModuleName, Detail::ModuleList { list, exports }) => {
            let such = symbol.map(|symbol| format!(", among them {symbol}")).filter(|_| *exports > 1);
            let exports = many(*exports, "export is", "exports are");
            one(format!("{exports} reserved for \"module:{list}\"{}", such.unwrap_or_default()))
        }
        // Findings without the detail that belongs to them.
        (_, _) => one(symbol.map(|symbol| format!("→ {symbol}")).unwrap_or_default()),
    }
}

/// The symbol that is asked for at run time, and how it is exported.
fn named(finding: &AuditFinding) -> String {
    match (&finding.symbol, finding.symbol_kind) {
        (None, _) => "a name that only running it would tell".to_owned(),
        (Some(symbol), Some(kind)) if kind.is_gpl_only() => format!("{symbol}, a GPL-only export"),
        (Some(symbol), Some(_)) => format!("{symbol}, a plain export"),
        (Some(symbol), None) => symbol.clone(),
    }
}

/// How little it does.
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

/// Whose symbol it is that is passed on, and on which side of the border.
fn exporter(module: &str, license: &str, object: Option<&AuditedObject>) -> String {
    if !License::new(license).is_gpl_compatible() {
        return format!("of {module}, which is proprietary: \"{license}\"");
    }
    let own = match object.and_then(|object| object.license.as_deref()) {
        Some(own) => format!("this module is proprietary: \"{own}\""),
        None => "this module has no licence".to_owned(),
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

/// The way with its places, where the line does not tell it: more than one step, or one that is not a plain call.
fn way(finding: &AuditFinding) -> Option<String> {
    let indirect = |hop: &Hop| matches!(hop.how, How::Pointer | How::Address);
    let told = matches!(finding.code, AuditCode::SymbolGet | AuditCode::KallsymsLookup);
    if finding.hops.len() < 2 && (told || !finding.hops.iter().any(indirect)) {
        return None;
    }
    let mut text = finding.hops.first().map(at)?;
    let nodes = finding.hops.iter().skip(1).map(at).chain(finding.symbol.clone());
    for (hop, node) in finding.hops.iter().zip(nodes) {
        // The note stands behind what the hop leads to.
        let note = match hop.how {
            How::Call | How::TailCall => "",
            How::Pointer => " (through a pointer)",
            How::Address => " (its address)",
        };
        text += &format!(" › {node}{note}");
    }
    Some(text)
}
