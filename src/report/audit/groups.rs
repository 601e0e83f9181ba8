//! What findings of one code have in common.

use crate::audit::{AuditCode, AuditFinding};
use crate::report::wording::many;

/// The headline of a group: how many, and what they do.
pub(super) fn headline(code: AuditCode, findings: &[&AuditFinding]) -> String {
    let mut subjects: Vec<_> = findings.iter().map(|finding| (finding.object, finding.export.as_deref())).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let number = subjects.len();
    let (one, several) = words(code);
    // An export may hand on to several symbols, and a module have several places.
    let ways = if findings.len() > number { format!(" ({})", places(code, findings.len())) } else { String::new() };
    format!("{}{ways}", many(number, one, several))
}

fn places(code: AuditCode, number: usize) -> String {
    match code {
        AuditCode::LaundersGplOnly
        | AuditCode::ExposesUnexported
        | AuditCode::ReexportsProprietary
        | AuditCode::ReachesGplOnly => many(number, "way", "ways"),
        AuditCode::ShadowsGplOnly => many(number, "definition", "definitions"),
        AuditCode::SymbolGet | AuditCode::KallsymsLookup => many(number, "place", "places"),
        AuditCode::OddLicense => many(number, "oddity", "oddities"),
        AuditCode::ReservedModuleName => many(number, "list", "lists"),
    }
}

const fn words(code: AuditCode) -> (&'static str, &'static str) {
    match code {
        AuditCode::LaundersGplOnly => (
            "plain export does nothing but hand on to a GPL-only symbol",
            "plain exports do nothing but hand on to GPL-only symbols",
        ),
        AuditCode::ExposesUnexported => (
            "plain export hands out a function that is exported to nobody",
            "plain exports hand out functions that are exported to nobody",
        ),
        AuditCode::ReexportsProprietary => (
            "export stands between a proprietary module and GPL-only symbols",
            "exports stand between proprietary modules and GPL-only symbols",
        ),
        AuditCode::ShadowsGplOnly => (
            "module defines a symbol under the name of a GPL-only export",
            "modules define symbols under the names of GPL-only exports",
        ),
        AuditCode::SymbolGet => (
            "module asks symbol_get() for what newer kernels do not give it",
            "modules ask symbol_get() for what newer kernels do not give them",
        ),
        AuditCode::KallsymsLookup => (
            "module looks up at run time what linking would refuse",
            "modules look up at run time what linking would refuse",
        ),
        AuditCode::OddLicense => (
            "module has a licence that is not what it looks like",
            "modules have licences that are not what they look like",
        ),
        AuditCode::ReservedModuleName => (
            "module has the name of one that exports are reserved for",
            "modules have the names of those that exports are reserved for",
        ),
        AuditCode::ReachesGplOnly => (
            "plain export comes to GPL-only symbols on its way, and does work of its own",
            "plain exports come to GPL-only symbols on their way, and do work of their own",
        ),
    }
}

/// What it means, in one line.
pub(super) const fn meaning(code: AuditCode) -> &'static str {
    match code {
        AuditCode::LaundersGplOnly => {
            "a module of any licence gets through them what the kernel gives to GPL-compatible modules alone"
        }
        AuditCode::ExposesUnexported => {
            "every module gets through them what was kept inside; nothing is wrong where that was meant so"
        }
        AuditCode::ReexportsProprietary => {
            "since 5.9 the loader lets the taint of a proprietary module spread to those that use it; before, nothing stops this"
        }
        AuditCode::ShadowsGplOnly => {
            "inlines of the kernel's headers then use the module's own, and nobody asks for its licence"
        }
        AuditCode::SymbolGet => {
            "since 6.6, and in late releases of 5.4, 5.10 and 6.1, it gives GPL-only exports alone, and NULL for these"
        }
        AuditCode::KallsymsLookup => "neither licence nor version nor namespace is looked at on this way",
        AuditCode::OddLicense => {
            "the loader compares the first licence with six strings, letter by letter; modpost looks at every one"
        }
        AuditCode::ReservedModuleName => {
            "the loader tells modules by their names alone, and gives them exports that were made for others"
        }
        AuditCode::ReachesGplOnly => "most exports of a kernel do; this is a map, and no reproach",
    }
}
