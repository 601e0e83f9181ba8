//! Findings about GPL-only symbols and proprietary modules.

use std::collections::BTreeSet;

use crate::report::topic::{Because, Heading, Topic, Wording};
use crate::report::wording::{all, list};
use crate::terms::{ExportKind, License};
use crate::verdict::{Finding, Use};

/// How many inlines an instruction names.
const INLINES: usize = 4;

pub(super) const GPL_ONLY_SYMBOL: Heading =
    Heading::counted("GPL-only symbol", "GPL-only symbols", include_str!("../explain/gpl-only-symbol.md"));

pub(super) fn gpl_only_symbol(
    topic: &Topic<'_>,
    exporter: &str,
    kind: ExportKind,
    license: Option<&License>,
    inherited_from: Option<&str>,
) -> Wording {
    let Topic { names, module, .. } = topic;
    let why = match (inherited_from, license) {
        (Some(from), _) => format!("{module} counts as proprietary because it uses symbols of {from}"),
        (None, Some(license)) => format!("license \"{license}\" is not GPL-compatible"),
        (None, None) => format!("{module} names no license (there is no license= in its .modinfo)"),
    };
    let hides = names.pick("hides the symbol and calls it unknown", "hides the symbols and calls them unknown");
    let because = Because::and(
        format!("{names} {} exported by {exporter} with {kind}", names.is()),
        format!("{why}, so gplok is false: the kernel {hides}"),
    );
    let without = without(topic);
    let fix = match (inherited_from, license) {
        (Some(from), _) => format!(
            "{without}, or without the symbols of {from}: a module may use a proprietary module or GPL-only symbols, not both"
        ),
        (None, Some(license)) if claims_gpl(license) => format!(
            "if the code is under the GPL, say so in one of the kernel's words, for example MODULE_LICENSE(\"GPL\"): \"{license}\" \
             is none of {}; otherwise {without}",
            gpl_strings()
        ),
        _ => format!(
            "{without}; if all of it is under a GPL-compatible license, MODULE_LICENSE must be exactly one of {}",
            gpl_strings()
        ),
    };
    Wording::new(because, fix)
}

/// The license strings that the kernel takes for GPL-compatible, quoted.
pub(in crate::report) fn gpl_strings() -> String {
    let quoted = License::GPL_COMPATIBLE.map(|text| format!("\"{text}\""));
    all(&quoted)
}

/// Returns whether a license that is not GPL-compatible looks as if it was meant to be.
fn claims_gpl(license: &License) -> bool {
    let text = license.as_str().to_ascii_lowercase();
    text.contains("gpl") || text.contains("gnu general public")
}

/// What the source would have to do without: the inlines that bring the symbols in, where they are known; otherwise the
/// symbols, which the source need not mention by name.
fn without(topic: &Topic<'_>) -> String {
    let uses: Vec<&Use> = topic.group.iter().flat_map(|finding| finding.uses()).collect();
    let inlines: BTreeSet<String> =
        uses.iter().filter_map(|place| outermost_inline(place)).map(|name| format!("{name}()")).collect();
    let inlines: Vec<String> = inlines.into_iter().collect();
    if inlines.is_empty() {
        let it = topic.names.pick("it", "them");
        let them = topic.names.pick("the symbol", "the symbols");
        if !uses.is_empty() && uses.iter().all(|place| has_source(place)) {
            return format!("do without {them}: the module's own source names {it}");
        }
        return format!(
            "do without {them} (a name that the source never mentions comes from an inline function of a kernel header: look \
             where {} uses {it})",
            topic.module
        );
    }
    let named = list(&inlines, INLINES);
    if topic.group.iter().all(|finding| is_through_inlines(finding)) {
        return format!("call something other than {named} in the lines above");
    }
    format!("call something other than {named} in the lines above, and do without what the module's own source names")
}

/// The outermost inline of the kernel's headers that a use goes through.
fn outermost_inline(place: &Use) -> Option<&str> {
    place.divided().0.last().map(|frame| frame.function.as_str())
}

/// Returns whether the lines of the source are known for a use. Of data, only debug information tells.
fn has_source(place: &Use) -> bool {
    if place.chain.is_empty() {
        return place.inside.as_ref().is_some_and(|inside| inside.declared.is_some());
    }
    place.chain.iter().all(|frame| frame.file.is_some())
}

/// Returns whether every use of the symbol goes through an inline of the kernel's headers.
fn is_through_inlines(finding: &Finding) -> bool {
    let uses = finding.uses();
    !uses.is_empty() && uses.iter().all(|place| outermost_inline(place).is_some())
}

pub(super) const SEVERAL_LICENSES: Heading =
    Heading::fixed("several licenses", include_str!("../explain/several-licenses.md"));

pub(super) fn several_licenses(topic: &Topic<'_>, first: &License, others: &[License]) -> Wording {
    let counts = if first.is_gpl_compatible() { "GPL-compatible" } else { "proprietary" };
    let others: Vec<String> = others.iter().map(|other| format!("\"{other}\"")).collect();
    let because = Because::so(
        format!("the loader looks only at the first license, \"{first}\", and never at {}", all(&others)),
        format!(
            "{} counts as {counts}; modpost looks at all, and takes it for proprietary, because not all are compatible",
            topic.module
        ),
    );
    Wording::new(
        because,
        format!(
            "write one MODULE_LICENSE; GPL-compatible are {}, and a choice of two licenses is one of the \"Dual\" strings",
            gpl_strings()
        ),
    )
}

pub(super) const INHERITED_TAINT: Heading =
    Heading::fixed("proprietary by inheritance", include_str!("../explain/inherited-taint.md"));

pub(super) fn inherited_taint(topic: &Topic<'_>, exporter: &str, license: Option<&License>) -> Wording {
    let Topic { names, module, .. } = topic;
    let because = Because::so(
        format!("{module} uses {names} of {exporter}, {}", proprietary(license)),
        format!("{module} counts as proprietary too (taint P) and sees no GPL-only symbol from there on"),
    );
    Wording::new(
        because,
        format!("nothing, if {module} needs no GPL-only symbol; if it does, do without the symbols of {exporter}"),
    )
}

/// How a proprietary module is described.
fn proprietary(license: Option<&License>) -> String {
    match license {
        Some(license) => format!("whose license \"{license}\" is not GPL-compatible"),
        None => "which is proprietary".to_owned(),
    }
}

pub(super) const GPL_ONLY_WITH_PROPRIETARY: Heading = Heading::counted(
    "proprietary symbol beside GPL-only ones",
    "proprietary symbols beside GPL-only ones",
    include_str!("../explain/gpl-only-with-proprietary.md"),
);

pub(super) fn gpl_only_with_proprietary(
    topic: &Topic<'_>,
    exporter: &str,
    license: Option<&License>,
    gpl_only: &str,
) -> Wording {
    let Topic { names, module, .. } = topic;
    let because = Because::and(
        format!("{module} uses the GPL-only symbol {gpl_only}"),
        format!(
            "it also uses {names} of {exporter}, {}: the kernel allows either, not both, and hides the proprietary {}",
            proprietary(license),
            names.pick("one", "ones")
        ),
    );
    Wording::new(
        because,
        format!(
            "do without the symbols of {exporter}, or without GPL-only symbols; a shim module in between does not help, since \
             the taint spreads to it"
        ),
    )
}

pub(super) const GPL_FUTURE_SYMBOL: Heading = Heading::counted(
    "symbol soon to be GPL-only",
    "symbols soon to be GPL-only",
    include_str!("../explain/gpl-future-symbol.md"),
);

pub(super) fn gpl_future_symbol(topic: &Topic<'_>) -> Wording {
    let Topic { names, module, .. } = topic;
    let them = names.pick("the symbol", "the symbols");
    let because = Because::and(
        format!("{names} {} exported with EXPORT_SYMBOL_GPL_FUTURE", names.is()),
        format!("{module} is not GPL-compatible: the kernel lets it use {them} and warns"),
    );
    Wording::new(because, "look for another way: from the kernel that makes it GPL-only the module will not load")
}
