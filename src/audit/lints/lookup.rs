//! Symbols that are looked up by name while the module runs, where linking would refuse them.

use std::collections::BTreeMap;

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Body, Call, Detail, Hop, How, Standing};
use crate::elf::Section;
use crate::graph::{AddressSpace, Spot};

/// The functions of the kernel that look up symbols which are exported to nobody; themselves exported to nobody since 5.7.
const LOOKUPS: &[&str] = &[
    "find_symbol",
    "kallsyms_lookup_name",
    "kallsyms_on_each_match_symbol",
    "kallsyms_on_each_symbol",
    "module_kallsyms_lookup_name",
    "module_kallsyms_on_each_symbol",
];
/// Those of them that are given a name.
const BY_NAME: &[&str] = &["kallsyms_lookup_name", "module_kallsyms_lookup_name"];
/// Functions that place a probe at a symbol given by name, and in passing tell where it is.
const PROBES: &[&str] = &[
    "register_fprobe",
    "register_ftrace_function",
    "register_kprobe",
    "register_kprobes",
    "register_kretprobe",
    "register_kretprobes",
];
/// The file with all symbols, and the functions that open files.
const ALL_SYMBOLS: &str = "/proc/kallsyms";
const OPENERS: &[&str] = &["file_open_root", "filp_open", "kernel_read_file_from_path"];

/// Calls of `__symbol_get()` with a name that is exported, but not GPL-only (refused since 6.6 and in stable kernels), or of
/// something that the kernel has and does not export.
///
/// What the kernel has not is no finding: 2 of its own tuners ask Debian's 6.1 for drivers that are not built.
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

/// Imports of functions that look up names; the same functions, found through a probe; and the file with all symbols.
pub fn kallsyms(module: &Audited<'_>) -> Vec<AuditFinding> {
    let mut found = Vec::new();
    for by in LOOKUPS.iter().filter(|by| module.imports(by)) {
        let calls = module.calls_of(by);
        let place = calls.first().map(|(start, call)| module.hop(*start, call.at, call.how));
        let named = if BY_NAME.contains(by) { constants(module, calls) } else { BTreeMap::new() };
        let before = found.len();
        let refused = named.into_iter().filter(|(name, _)| is_refused(module, name));
        found.extend(refused.map(|(name, hop)| lookup(module, by, Some(&name), Some(hop))));
        if found.len() == before {
            found.push(lookup(module, by, Some(by), place));
        }
    }
    if let Some(probe) = PROBES.iter().find(|probe| module.imports(probe)) {
        let tricks: Vec<_> = LOOKUPS.iter().filter_map(|by| Some((*by, referring(module, by)?))).collect();
        found.extend(tricks.iter().map(|(by, hop)| lookup(module, probe, Some(by), Some(hop.clone()))));
        let by_name = tricks.iter().find(|(by, _)| BY_NAME.contains(by));
        found.extend(by_name.into_iter().flat_map(|(by, _)| through_pointers(module, by)));
    }
    if OPENERS.iter().any(|opener| module.imports(opener))
        && let Some(hop) = referring(module, ALL_SYMBOLS)
    {
        found.push(lookup(module, ALL_SYMBOLS, None, Some(hop)));
    }
    found
}

fn lookup(module: &Audited<'_>, by: &str, symbol: Option<&str>, hop: Option<Hop>) -> AuditFinding {
    AuditFinding {
        symbol: symbol.map(str::to_owned),
        symbol_kind: symbol.and_then(|symbol| module.known.kind(symbol)),
        hops: hop.into_iter().collect(),
        detail: Detail::Lookup { by: by.to_owned() },
        ..module.finding(AuditCode::KallsymsLookup)
    }
}

/// Would linking refuse it to this module, as far as is known?
fn is_refused(module: &Audited<'_>, name: &str) -> bool {
    match module.known.standing(name) {
        Standing::Plain => false,
        Standing::GplOnly => !module.is_gpl_compatible(),
        Standing::Unexported | Standing::Unknown => true,
    }
}

/// The names that calls are given as their first argument, each with the first call.
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

fn is_identifier(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$');
    name.bytes().next().is_some_and(|first| !first.is_ascii_digit()) && name.bytes().all(allowed)
}

/// What a module that has got hold of `by` gives to functions that only running it would tell, where the kernel has something
/// of that name.
fn through_pointers(module: &Audited<'_>, by: &str) -> Vec<AuditFinding> {
    let unknown = |(start, body): (u64, Body)| {
        let calls = body.calls.into_iter().filter(|call| call.callee.is_none());
        calls.map(move |call| (start, call))
    };
    let names = constants(module, module.bodies().flat_map(unknown));
    let kernels = names.into_iter().filter(|(name, _)| module.known.names(name) && is_refused(module, name));
    kernels.map(|(name, hop)| lookup(module, by, Some(&name), Some(hop))).collect()
}

/// The code or the variable that refers to a string, if any does: `kp.symbol_name` of a `struct kprobe`.
fn referring(module: &Audited<'_>, text: &str) -> Option<Hop> {
    let space = &module.subject?.space;
    let string = [text.as_bytes(), b"\0"].concat();
    let stands_at = |at: u64| space.bytes(at..at.saturating_add(string.len() as u64)) == Some(&*string);
    // Operands of x86 count from the end of the instruction, four bytes behind.
    let is_it = |spot: Spot| [0, 4].into_iter().any(|distance| spot.plus(distance).address().is_some_and(stands_at));
    // Export tables, and descriptions of messages, hold names of the module's own functions.
    let is_table = |section: &&Section| {
        let name = module.elf.section_name(section).unwrap_or_default();
        name.starts_with(b"__ksymtab") || name.starts_with(b"__dyndbg")
    };
    let place = |table: &Section| {
        let start = AddressSpace::address(table.index, 0);
        start..start.saturating_add(table.size)
    };
    let tables: Vec<_> = module.elf.sections().iter().filter(is_table).map(place).collect();
    let pointers = space.pointers(0..u64::MAX).into_iter();
    let mut referring = pointers.filter(|(at, spot)| is_it(*spot) && tables.iter().all(|table| !table.contains(at)));
    let (at, _) = referring.next()?;
    let start = space.covering(at).map_or(at, |label| label.address);
    Some(module.hop(start, at, How::Address))
}
