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
                "plain export does nothing but hand on to a GPL-only symbol",
                "plain exports do nothing but hand on to GPL-only symbols",
            ),
            counted: ("way", "ways"),
            meaning: "a module of any licence gets through them what the kernel gives to GPL-compatible modules alone",
            fix: "mark the wrapper EXPORT_SYMBOL_GPL, or do without the GPL-only symbol in it",
            page: include_str!("../explain/audit/launders-gpl-only.md"),
        },
        AuditCode::ExposesUnexported => AuditWording {
            headline: (
                "plain export hands out a function that is exported to nobody",
                "plain exports hand out functions that are exported to nobody",
            ),
            counted: ("way", "ways"),
            meaning: "every module gets through them what was kept inside; nothing is wrong where that was meant so",
            fix: "nothing where the export is the interface that was meant; else mark the wrapper EXPORT_SYMBOL_GPL, or do without the function that is not exported",
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
            meaning: "inlines of the kernel's headers then use the module's own, and nobody asks for its licence",
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
            meaning: "neither licence nor version nor namespace is looked at on this way",
            fix: "use what is exported, or ask for an export",
            page: include_str!("../explain/audit/kallsyms-lookup.md"),
        },
        AuditCode::OddLicense => AuditWording {
            headline: (
                "module has a licence that is not what it looks like",
                "modules have licences that are not what they look like",
            ),
            counted: ("oddity", "oddities"),
            meaning: "the loader compares the first licence with six strings, letter by letter; modpost looks at every one",
            fix: "",
            page: include_str!("../explain/audit/odd-license.md"),
        },
        AuditCode::ReservedModuleName => AuditWording {
            headline: (
                "module has the name of one that exports are reserved for",
                "modules have the names of those that exports are reserved for",
            ),
            counted: ("list", "lists"),
            meaning: "the loader tells modules by their names alone, and gives them exports that were made for others",
            fix: "give the module another name, or ask for a place in the list of the export",
            page: include_str!("../explain/audit/reserved-module-name.md"),
        },
        AuditCode::ReachesGplOnly => AuditWording {
            headline: (
                "plain export comes to GPL-only symbols on its way, and does work of its own",
                "plain exports come to GPL-only symbols on their way, and do work of their own",
            ),
            counted: ("way", "ways"),
            meaning: "most exports of a kernel do; this is a map, and no reproach",
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
