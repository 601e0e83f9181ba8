//! Findings about symbols that the module exports.

use super::modinfo::{NOT_FORCED, rebuild_unchecked, rebuild_with_versions};
use crate::report::topic::{Because, Heading, Topic, Wording};
use crate::report::wording::{all, count};

pub(super) const NO_EXPORT_FLAGS: Heading =
    Heading::fixed("exports without flags", include_str!("../explain/no-export-flags.md"));

pub(super) fn no_export_flags(topic: &Topic<'_>, exports: usize) -> Wording {
    let because = Because::but(
        format!("the module exports {} without a __kflagstab section", count(exports, "symbol", "symbols")),
        "this kernel (since 7.1) reads there which exports are GPL-only: the module was built for an older one",
    );
    Wording::new(because, topic.rebuild())
}

pub(super) const OBSOLETE_EXPORT_TABLE: Heading =
    Heading::fixed("obsolete export table", include_str!("../explain/obsolete-export-table.md"));

pub(super) fn obsolete_export_table(topic: &Topic<'_>, section: &str, symbols: &[String]) -> Wording {
    let them = if symbols.len() == 1 { "that symbol" } else { "those symbols" };
    let because = Because::so(
        format!("the module exports {} in {section}, which this kernel (since 7.1) ignores", all(symbols)),
        format!("{} loads, but for other modules {them} will not exist", topic.module),
    );
    Wording::new(because, topic.rebuild())
}

pub(super) const NO_EXPORT_VERSIONS: Heading =
    Heading::fixed("exports without versions", include_str!("../explain/no-export-versions.md"));

pub(super) fn no_export_versions(topic: &Topic<'_>, forced: bool) -> Wording {
    let why = if forced {
        "the kernel has CONFIG_MODULE_FORCE_LOAD and loads the module all the same, with taint F"
    } else {
        NOT_FORCED
    };
    let because = Because::and(
        format!("the exports in {} have no versions (no __kcrctab), although this kernel checks them", topic.names),
        why,
    );
    Wording::new(because, if forced { rebuild_unchecked(topic) } else { rebuild_with_versions(topic) })
}

pub(super) const DUPLICATE_EXPORT: Heading =
    Heading::counted("duplicate export", "duplicate exports", include_str!("../explain/duplicate-export.md"));

/// `exporter` is `kernel` for the kernel itself.
pub(super) fn duplicate_export(topic: &Topic<'_>, exporter: &str) -> Wording {
    let Topic { names, module, .. } = topic;
    let by_kernel = exporter == "kernel";
    let because = Because::but(
        format!("{module} exports {names}"),
        format!(
            "{} exports {} already",
            if by_kernel { "the kernel itself" } else { exporter },
            names.pick("that name", "those names")
        ),
    );
    let them = names.pick("export", "exports");
    let fix = if by_kernel {
        format!("do not load {module} if what it does is there already; or rename the {them}")
    } else {
        format!("load only one of {module} and {exporter}, or rename the {them}")
    };
    Wording::new(because, fix)
}
