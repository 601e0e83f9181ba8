//! The sentences that need more than a line: licences, versions and namespaces of symbols, and the version magic.

use std::collections::BTreeSet;

use super::cause::Because;
use super::sentence::Topic;
use super::wording::{Names, all, count, list};
use crate::terms::{License, Namespace};
use crate::verdict::{Cause, Use};

/// How many inlines an instruction names.
const INLINES: usize = 4;

/// Causes about symbols.
pub(super) fn because(topic: &Topic<'_>) -> Because {
    let Topic { cause, names, module, kernel, .. } = topic;
    let (is, release) = (names.is(), kernel.called());
    match cause {
        Cause::MissingSymbol { refused_exporter: Some(exporter), .. } => Because::but(
            format!("{names} {is} exported by {exporter}"),
            format!("the kernel refused to load {exporter} before"),
        ),
        Cause::GplOnlySymbol { exporter, kind, license, inherited_from, .. } => {
            let why = match (inherited_from, license) {
                (Some(from), _) => format!("{module} counts as proprietary because it uses symbols of {from}"),
                (None, Some(license)) => format!("license \"{license}\" is not GPL-compatible"),
                (None, None) => format!("{module} names no licence (there is no license= in its .modinfo)"),
            };
            let hides = names.pick("hides the symbol and calls it unknown", "hides the symbols and calls them unknown");
            Because::and(
                format!("{names} {is} exported by {exporter} with {kind}"),
                format!("{why}, so gplok is false: the kernel {hides}"),
            )
        }
        Cause::ExporterNotLoaded { exporter, .. } => {
            Because::but(format!("{names} {is} exported by {exporter}"), format!("{exporter} is not loaded"))
        }
        Cause::SymbolVersion { exporter, module: wanted, kernel: crc, .. } if names.one() => Because::so(
            format!("{names} has version {wanted:#010x} in {module} and {crc} in {}", place(exporter, release)),
            "its type, or a type it refers to, has changed since the module was built",
        ),
        Cause::SymbolVersion { .. } => {
            let exporters = topic.group.iter().filter_map(|finding| match &finding.cause {
                Cause::SymbolVersion { exporter, .. } => Some(&**exporter),
                _ => None,
            });
            let exporters = Names::new(exporters, true);
            Because::so(
                format!(
                    "{} of {exporters} have another version in {release} than in {module} ({names})",
                    count(names.len(), "symbol", "symbols")
                ),
                "types they refer to have changed: the module was built against another kernel",
            )
        }
        Cause::NoSymbolVersion { fatal, .. } => Because::and(
            format!("{names} {is} not in the module's version table"),
            match fatal {
                true => format!("{release} refuses that (Debian's kernels do; others warn)"),
                false => "the kernel warns, once a boot, and goes on without the check".to_owned(),
            },
        ),
        Cause::NamespaceNotImported { exporter, namespace, imported, allowed, module_list, .. } => Because::but(
            format!("{names} {is} exported by {exporter} in namespace {namespace}"),
            not_imported(module, namespace, imported, *module_list)
                + if *allowed { "; this kernel only warns" } else { "" },
        ),
        // Missing symbols without a refused exporter; other causes do not come here.
        _ => Because::but(
            format!("{module} needs {names}"),
            format!("neither {release} nor a module loaded before exports {}", names.pick("it", "them")),
        ),
    }
}

/// Where a symbol of that exporter is found.
fn place(exporter: &str, release: &str) -> String {
    if exporter == "vmlinux" { release.to_owned() } else { format!("{exporter} on {release}") }
}

fn not_imported(module: &str, namespace: &Namespace, imported: &[String], module_list: bool) -> String {
    if let Some(names) = namespace.module_list().filter(|_| module_list) {
        let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
        return format!("only {} may use it, and this module is {module}", all(&names));
    }
    let quoted = format!("\"{namespace}\"");
    if imported.contains(&quoted) {
        return format!("{module} imports {quoted} with the quotes as part of the name");
    }
    match imported {
        [] => format!("{module} imports no namespace"),
        imported => format!("{module} imports only {}", all(imported)),
    }
}

/// What to do about a namespace.
pub(super) fn import_line(
    topic: &Topic<'_>,
    namespace: &Namespace,
    imported: &[String],
    quoted: bool,
    list: bool,
) -> String {
    let (module, them) = (topic.module, topic.names.pick("the symbol", "the symbols"));
    if namespace.module_list().is_some() && list {
        return format!(
            "such a namespace cannot be imported: do without {them}, or ask the maintainers of the export to name {module} in \
             its EXPORT_SYMBOL_FOR_MODULES list"
        );
    }
    let line =
        if quoted { format!("MODULE_IMPORT_NS(\"{namespace}\");") } else { format!("MODULE_IMPORT_NS({namespace});") };
    let also = match (quoted, imported.contains(&format!("\"{namespace}\""))) {
        (false, true) => " in place of the quoted form, which is for 6.13 and later",
        _ => "",
    };
    format!("write {line} in the module's source{also} and rebuild it")
}

/// The licence strings that count, quoted.
pub(super) fn gpl_strings() -> String {
    let quoted = License::GPL_COMPATIBLE.map(|text| format!("\"{text}\""));
    all(&quoted)
}

/// What to do about GPL-only symbols.
pub(super) fn gpl_only(topic: &Topic<'_>, license: Option<&License>, inherited_from: Option<&str>) -> String {
    let without = without(topic);
    match (inherited_from, license) {
        (Some(from), _) => format!(
            "{without}, or without the symbols of {from}: a module may use a proprietary module or GPL-only symbols, not both"
        ),
        (None, Some(license)) if claims_gpl(license) => format!(
            "if the code is under the GPL, say so in one of the kernel's words, for example MODULE_LICENSE(\"GPL\"): \"{license}\" \
             is none of {}; otherwise {without}",
            gpl_strings()
        ),
        _ => format!(
            "{without}; if it all is under a GPL-compatible licence, MODULE_LICENSE must say one of {}, letter by letter",
            gpl_strings()
        ),
    }
}

/// What the source would have to do without: the inlines that bring the symbols in, where they are known; else the symbols,
/// whose names the source need not mention.
fn without(topic: &Topic<'_>) -> String {
    let outermost = |place: &Use| place.divided().0.last().map(|frame| frame.function.clone());
    let uses = || topic.group.iter().flat_map(|finding| finding.uses());
    // Of data, only debug information says that the source has it so.
    let is_known = |place: &Use| match place.chain.as_slice() {
        [] => place.inside.as_ref().is_some_and(|inside| inside.declared.is_some()),
        chain => chain.iter().all(|frame| frame.file.is_some()),
    };
    let lines_known = uses().next().is_some() && uses().all(is_known);
    let inlines: BTreeSet<String> = uses().filter_map(outermost).map(|name| format!("{name}()")).collect();
    let inlines: Vec<String> = inlines.into_iter().collect();
    let through_inlines = |uses: &[Use]| !uses.is_empty() && uses.iter().all(|place| outermost(place).is_some());
    let (it, them) = (topic.names.pick("it", "them"), topic.names.pick("the symbol", "the symbols"));
    match inlines.as_slice() {
        [] if lines_known => format!("do without {them}: the module's own source names {it}"),
        [] => format!(
            "do without {them} (a name that the source never mentions comes from an inline function of a kernel header: look \
             where {} uses {it})",
            topic.module
        ),
        inlines if topic.group.iter().all(|finding| through_inlines(finding.uses())) => {
            format!("call something else than {} in the lines above", list(inlines, INLINES))
        }
        inlines => format!(
            "call something else than {} in the lines above, and do without what the module's own source names",
            list(inlines, INLINES)
        ),
    }
}

/// Does a licence that does not count look as if it was meant to?
fn claims_gpl(license: &License) -> bool {
    let text = license.as_str().to_ascii_lowercase();
    text.contains("gpl") || text.contains("gnu general public")
}

/// Which words of two version magics differ.
///
/// Words behind the release always count; the release itself only where the module has no symbol versions.
pub(super) fn vermagic(module: &str, kernel: &str, with_release: bool) -> Because {
    fn tail(text: &str) -> &str {
        text.find(' ').and_then(|blank| text.get(blank..)).unwrap_or_default()
    }
    let (theirs, ours) = if with_release { (module, kernel) } else { (tail(module), tail(kernel)) };
    let (extra, missing) = (words_beyond(theirs, ours), words_beyond(ours, theirs));
    let why = match (extra.as_slice(), missing.as_slice()) {
        ([], []) => "the words are the same, but their order or the blanks between or behind them are not".to_owned(),
        (extra, []) => format!("only the module says {}", all(extra)),
        ([], missing) => format!("only the kernel says {}", all(missing)),
        (extra, missing) => format!("the module says {} where the kernel says {}", all(extra), all(missing)),
    };
    Because::colon(format!("the module's version magic is \"{module}\", and the kernel wants \"{kernel}\""), why)
}

/// The words of a text that another lacks.
fn words_beyond<'a>(text: &'a str, other: &str) -> Vec<&'a str> {
    text.split_whitespace().filter(|word| !other.split_whitespace().any(|known| known == *word)).collect()
}
