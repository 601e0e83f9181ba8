//! Symbols that a module looks up by name at run time, although linking would refuse them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Call, Detail, Hop, How, Standing};
use crate::graph::{AddressSpace, Spot};

/// Functions of the kernel that look up symbols which are not exported. They have not been exported themselves since
/// 5.7.
const LOOKUPS: &[&str] = &[
    "find_symbol",
    "kallsyms_lookup_name",
    "kallsyms_on_each_match_symbol",
    "kallsyms_on_each_symbol",
    "module_kallsyms_lookup_name",
    "module_kallsyms_on_each_symbol",
];
/// The lookup functions that take the name as their first argument.
const BY_NAME: &[&str] = &["kallsyms_lookup_name", "module_kallsyms_lookup_name"];
/// Functions that place a probe at a symbol given by name. They also tell the caller its address.
const PROBES: &[&str] = &[
    "register_fprobe",
    "register_ftrace_function",
    "register_kprobe",
    "register_kprobes",
    "register_kretprobe",
    "register_kretprobes",
];
/// The file that lists all symbols.
const ALL_SYMBOLS: &str = "/proc/kallsyms";
/// Functions that open files.
const OPENERS: &[&str] = &["file_open_root", "filp_open", "kernel_read_file_from_path"];

/// Calls of `__symbol_get()` with the name of an export that is not GPL-only (refused since 6.6 and in stable kernels),
/// or of a symbol that the kernel has but does not export.
///
/// A name that the kernel does not have is no finding: 2 of its own tuners ask Debian's 6.1 for drivers that are not
/// built.
pub fn symbol_get(module: &Audited<'_>) -> Vec<AuditFinding> {
    let mut found = Vec::new();
    for (name, hop) in constants(module, module.calls_of("__symbol_get")) {
        let is_refused = match module.known.standing(&name) {
            Standing::Plain => true,
            Standing::Unexported => module.known.names(&name),
            Standing::GplOnly | Standing::Unknown => false,
        };
        if is_refused {
            found.push(AuditFinding {
                symbol_kind: module.known.kind(&name),
                symbol: Some(name),
                hops: vec![hop],
                ..module.finding(AuditCode::SymbolGet)
            });
        }
    }
    found
}

/// Uses of functions that look up names, imported or found through a probe, and of the file that lists all symbols.
pub fn kallsyms(module: &Audited<'_>) -> Vec<AuditFinding> {
    let mut found = Vec::new();
    for by in LOOKUPS.iter().filter(|by| module.imports(by)) {
        let calls = module.calls_of(by);
        let place = calls.first().map(|(start, call)| module.hop(*start, call.at, call.how));
        let names = if BY_NAME.contains(by) { constants(module, calls) } else { BTreeMap::new() };
        let before = found.len();
        for (name, hop) in names.into_iter().filter(|(name, _)| is_refused(module, name)) {
            found.push(lookup(module, by, Some(&name), Some(hop)));
        }
        if found.len() == before {
            found.push(lookup(module, by, Some(by), place));
        }
    }
    if let Some(probe) = PROBES.iter().find(|probe| module.imports(probe)) {
        let probed: Vec<_> = LOOKUPS.iter().filter_map(|by| Some((*by, referring(module, by)?))).collect();
        for (by, hop) in &probed {
            found.push(lookup(module, probe, Some(by), Some(hop.clone())));
        }
        if let Some((by, _)) = probed.iter().find(|(by, _)| BY_NAME.contains(by)) {
            found.extend(through_pointers(module, by));
        }
    }
    if OPENERS.iter().any(|opener| module.imports(opener))
        && let Some(hop) = referring(module, ALL_SYMBOLS)
    {
        found.push(lookup(module, ALL_SYMBOLS, None, Some(hop)));
    }
    found
}

/// The finding for a lookup by the function `by`.
fn lookup(module: &Audited<'_>, by: &str, symbol: Option<&str>, hop: Option<Hop>) -> AuditFinding {
    AuditFinding {
        symbol: symbol.map(str::to_owned),
        symbol_kind: symbol.and_then(|symbol| module.known.kind(symbol)),
        hops: hop.into_iter().collect(),
        detail: Detail::Lookup { by: by.to_owned() },
        ..module.finding(AuditCode::KallsymsLookup)
    }
}

/// Returns whether linking would refuse a symbol to this module. An unknown symbol counts as refused.
fn is_refused(module: &Audited<'_>, name: &str) -> bool {
    match module.known.standing(name) {
        Standing::Plain => false,
        Standing::GplOnly => !module.is_gpl_compatible(),
        Standing::Unexported | Standing::Unknown => true,
    }
}

/// The names that calls pass as their first argument, each with the first such call.
fn constants(module: &Audited<'_>, calls: impl IntoIterator<Item = (u64, Call)>) -> BTreeMap<String, Hop> {
    let mut names = BTreeMap::new();
    for (start, call) in calls {
        let name = call.first.and_then(|first| module.string(first)).filter(|name| is_identifier(name));
        if let Some(name) = name {
            names.entry(name).or_insert_with(|| module.hop(start, call.at, call.how));
        }
    }
    names
}

/// Returns whether a string can be the name of a symbol.
fn is_identifier(name: &str) -> bool {
    name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'))
}

/// The names that a module passes to functions called through unknown pointers. In a module that has found the address
/// of `by` through a probe, such a call may be a call of `by`. Only names that the kernel has count.
fn through_pointers(module: &Audited<'_>, by: &str) -> Vec<AuditFinding> {
    let mut calls = Vec::new();
    for (start, body) in module.bodies() {
        calls.extend(body.calls.into_iter().filter(|call| call.callee.is_none()).map(|call| (start, call)));
    }
    let names = constants(module, calls).into_iter();
    let refused = names.filter(|(name, _)| module.known.names(name) && is_refused(module, name));
    refused.map(|(name, hop)| lookup(module, by, Some(&name), Some(hop))).collect()
}

/// The code or the variable that refers to a string, such as `kp.symbol_name` of a `struct kprobe`; `None` if nothing
/// does.
fn referring(module: &Audited<'_>, text: &str) -> Option<Hop> {
    let space = &module.subject?.space;
    let string = [text.as_bytes(), b"\0"].concat();
    let is_string_at = |spot: Spot| {
        let at = spot.address();
        at.is_some_and(|at| space.bytes(at..at.saturating_add(string.len() as u64)) == Some(&*string))
    };
    let tables = name_tables(module);
    // PC-relative operands of x86 count from the end of the instruction, four bytes further on.
    let (at, _) = space.pointers(0..u64::MAX).into_iter().find(|(at, spot)| {
        (is_string_at(*spot) || is_string_at(spot.plus(4))) && tables.iter().all(|table| !table.contains(at))
    })?;
    let start = space.covering(at).map_or(at, |label| label.address);
    Some(module.hop(start, at, How::Address))
}

/// The address ranges of export tables and of descriptions of messages: both hold names of the module's own functions.
fn name_tables(module: &Audited<'_>) -> Vec<Range<u64>> {
    let mut tables = Vec::new();
    for section in module.elf.sections() {
        let name = module.elf.section_name(section).unwrap_or_default();
        if name.starts_with(b"__ksymtab") || name.starts_with(b"__dyndbg") {
            let start = AddressSpace::address(section.index, 0);
            tables.push(start..start.saturating_add(section.size));
        }
    }
    tables
}
