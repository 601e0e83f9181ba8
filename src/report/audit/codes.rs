//! The words for every code of `audit`: its headline, what it means, and its page. A new code needs one row here.

use crate::audit::{AuditCode, AuditFinding};
use crate::report::wording::many;

/// What is said about findings of one code.
pub(in crate::report) struct AuditWording {
    /// The headline that follows the number of exports or modules: singular and plural.
    headline: (&'static str, &'static str),
    /// What is counted where an export or a module has more than one finding: for one, and for several.
    counted: (&'static str, &'static str),
    /// What the findings mean, in one line.
    pub meaning: &'static str,
    /// What to do about them, in one line; empty where each finding has an instruction of its own.
    pub fix: &'static str,
    /// The Markdown source of the page that `gplok explain` prints.
    pub page: &'static str,
}

/// The words for a code.
pub(in crate::report) const fn wording(code: AuditCode) -> AuditWording {
    match code {
        AuditCode::LaundersGplOnly => AuditWording {
            headline: (
                "plain export only passes calls on to a GPL-only symbol",
                "plain exports only pass calls on to GPL-only symbols",
            ),
            counted: ("way", "ways"),
            meaning: "through them a module of any license uses what the kernel exports to GPL-compatible modules only",
            fix: "mark the wrapper EXPORT_SYMBOL_GPL, or do without the GPL-only symbol in it",
            page: include_str!("../explain/audit/launders-gpl-only.md"),
        },
        AuditCode::ExposesUnexported => AuditWording {
            headline: (
                "plain export gives access to a function that is not exported",
                "plain exports give access to functions that are not exported",
            ),
            counted: ("way", "ways"),
            meaning: "through them every module uses what the kernel does not export; many are meant to do that",
            fix: "nothing if the export is meant as the interface; otherwise mark the wrapper EXPORT_SYMBOL_GPL, or do without the function that is not exported",
            page: include_str!("../explain/audit/exposes-unexported.md"),
        },
        AuditCode::ReexportsProprietary => AuditWording {
            headline: (
                "export stands between a proprietary module and GPL-only symbols",
                "exports stand between proprietary modules and GPL-only symbols",
            ),
            counted: ("way", "ways"),
            meaning: "since 5.9 the loader lets the taint of a proprietary module spread to those that use it; before, nothing \
                      stops this",
            fix: "mark the shim's export EXPORT_SYMBOL_GPL; in the proprietary module, use plain exports of the kernel",
            page: include_str!("../explain/audit/reexports-proprietary.md"),
        },
        AuditCode::ShadowsGplOnly => AuditWording {
            headline: (
                "module defines a symbol under the name of a GPL-only export",
                "modules define symbols under the names of GPL-only exports",
            ),
            counted: ("definition", "definitions"),
            meaning: "inlines of the kernel's headers then use the module's own symbol, and the loader does not check the license",
            fix: "do without the inline that needs the symbol, or ask for a plain export; rename the symbol if the name is the same by chance",
            page: include_str!("../explain/audit/shadows-gpl-only.md"),
        },
        AuditCode::SymbolGet => AuditWording {
            headline: (
                "module asks symbol_get() for what newer kernels do not give it",
                "modules ask symbol_get() for what newer kernels do not give them",
            ),
            counted: ("place", "places"),
            meaning: "since 6.6, and in late releases of 5.4, 5.10 and 6.1, it gives GPL-only exports alone, and NULL for these",
            fix: "link to the symbol as usual, or have it marked EXPORT_SYMBOL_GPL",
            page: include_str!("../explain/audit/symbol-get.md"),
        },
        AuditCode::KallsymsLookup => AuditWording {
            headline: (
                "module looks up at run time what linking would refuse",
                "modules look up at run time what linking would refuse",
            ),
            counted: ("place", "places"),
            meaning: "for a symbol found this way, neither license nor version nor namespace is checked",
            fix: "use what is exported, or ask for an export",
            page: include_str!("../explain/audit/kallsyms-lookup.md"),
        },
        AuditCode::OddLicense => AuditWording {
            headline: (
                "module has a license string that does not mean what it seems to",
                "modules have license strings that do not mean what they seem to",
            ),
            counted: ("oddity", "oddities"),
            meaning: "the loader accepts six strings, exactly as written, and checks only the first license; modpost checks all",
            fix: "",
            page: include_str!("../explain/audit/odd-license.md"),
        },
        AuditCode::ReservedModuleName => AuditWording {
            headline: (
                "module has a name that exports are reserved for",
                "modules have names that exports are reserved for",
            ),
            counted: ("list", "lists"),
            meaning: "the loader tells modules by their names alone, and gives them exports that were made for others",
            fix: "give the module another name, or ask for a place in the list of the export",
            page: include_str!("../explain/audit/reserved-module-name.md"),
        },
        AuditCode::ReachesGplOnly => AuditWording {
            headline: (
                "plain export calls GPL-only symbols, and does work of its own",
                "plain exports call GPL-only symbols, and do work of their own",
            ),
            counted: ("way", "ways"),
            meaning: "most exports of a kernel do: this is an overview, not a fault",
            fix: "nothing in general; where the way is short, mark the export EXPORT_SYMBOL_GPL, or do without the GPL-only symbol",
            page: include_str!("../explain/audit/reaches-gpl-only.md"),
        },
    }
}

impl AuditWording {
    /// The headline of findings: how many exports or modules, and what they do.
    pub(super) fn headline(&self, findings: &[&AuditFinding]) -> String {
        let mut subjects: Vec<_> = findings.iter().map(|finding| (finding.object, finding.export.as_deref())).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let headline = many(subjects.len(), self.headline.0, self.headline.1);
        // An export may hand on to several symbols, and a module may have several places.
        if findings.len() > subjects.len() {
            format!("{headline} ({})", many(findings.len(), self.counted.0, self.counted.1))
        } else {
            headline
        }
    }
}
