//! Findings about the kernel that the module was built for: its version magic, its symbol versions and its modinfo.

use crate::report::topic::{Because, Heading, Topic, Wording};
use crate::report::wording::all;
use crate::terms::Crc;

const FORCED: &str = "the kernel has CONFIG_MODULE_FORCE_LOAD and loads it unchecked, with taint F";
pub(super) const NOT_FORCED: &str =
    "the kernel does not force modules in (CONFIG_MODULE_FORCE_LOAD is off); it prints nothing for it";

/// The instruction for a module that the kernel loads unchecked.
pub(super) fn rebuild_unchecked(topic: &Topic<'_>) -> String {
    format!("nothing checks that the module fits: {}", topic.rebuild())
}

/// The instruction for a module that lacks symbol versions.
pub(super) fn rebuild_with_versions(topic: &Topic<'_>) -> String {
    format!("{}; the headers must have CONFIG_MODVERSIONS and a Module.symvers", topic.rebuild())
}

pub(super) const MODULE_LAYOUT: Heading =
    Heading::fixed("another version of module_layout", include_str!("../explain/module-layout.md"));

pub(super) fn module_layout(topic: &Topic<'_>, module: u64, kernel: Crc) -> Wording {
    let release = topic.kernel.called();
    let because = Because::so(
        format!("module_layout has version {module:#010x} in the module and {kernel} in {release}"),
        "struct module or a structure near it is laid out differently: the module was built against another kernel",
    );
    Wording::new(because, topic.rebuild())
}

pub(super) const NO_VERSIONS: Heading = Heading::fixed("no symbol versions", include_str!("../explain/no-versions.md"));

pub(super) fn no_versions(topic: &Topic<'_>, forced: bool) -> Wording {
    let because = Because::and(
        "the module has no symbol versions (no __versions section), although this kernel checks them",
        if forced { FORCED } else { NOT_FORCED },
    );
    Wording::new(because, if forced { rebuild_unchecked(topic) } else { rebuild_with_versions(topic) })
}

pub(super) const VERMAGIC: Heading = Heading::fixed("another version magic", include_str!("../explain/vermagic.md"));

/// The words of the version magic that differ.
///
/// Words after the release always count; the release itself only where the module has no symbol versions.
pub(super) fn vermagic(topic: &Topic<'_>, module: &str, kernel: &str, with_release: bool) -> Wording {
    let (module_release, module_tail) = split_release(module);
    let (kernel_release, kernel_tail) = split_release(kernel);
    let (theirs, ours) = if with_release { (module, kernel) } else { (module_tail, kernel_tail) };
    let extra = words_beyond(theirs, ours);
    let missing = words_beyond(ours, theirs);
    let why = match (extra.as_slice(), missing.as_slice()) {
        ([], []) => "the words are the same, but their order or the blanks between or behind them are not".to_owned(),
        (extra, []) => format!("only the module says {}", all(extra)),
        ([], missing) => format!("only the kernel says {}", all(missing)),
        (extra, missing) => format!("the module says {} where the kernel says {}", all(extra), all(missing)),
    };
    // A word after the release reflects the configuration.
    let fix = if module_release == kernel_release {
        format!("{}; the release is the same, so take care to use that kernel's own configuration", topic.rebuild())
    } else {
        topic.rebuild()
    };
    let what = format!("the module's version magic is \"{module}\", and the kernel wants \"{kernel}\"");
    Wording::new(Because::colon(what, why), fix)
}

/// The release at the start of a version magic, and the rest from the first blank on.
fn split_release(vermagic: &str) -> (&str, &str) {
    vermagic.split_at(vermagic.find(' ').unwrap_or(vermagic.len()))
}

/// The words of a text that another lacks.
fn words_beyond<'a>(text: &'a str, other: &str) -> Vec<&'a str> {
    text.split_whitespace().filter(|word| !other.split_whitespace().any(|known| known == *word)).collect()
}

pub(super) const NO_VERMAGIC: Heading = Heading::fixed("no version magic", include_str!("../explain/no-vermagic.md"));

pub(super) fn no_vermagic(topic: &Topic<'_>, forced: bool, by_flag: bool) -> Wording {
    let what = if by_flag {
        "the caller asked to ignore the version magic (modprobe --force-vermagic)"
    } else {
        "the module has no vermagic= in its .modinfo section"
    };
    let fix = match (forced, by_flag) {
        (true, _) => rebuild_unchecked(topic),
        (false, true) => format!("load it without --force-vermagic; if it is refused then, {}", topic.rebuild()),
        (false, false) => format!("{}; that writes vermagic= into .modinfo", topic.rebuild()),
    };
    Wording::new(Because::and(what, if forced { FORCED } else { NOT_FORCED }), fix)
}

pub(super) const LIVEPATCH_DISABLED: Heading =
    Heading::fixed("live patches are not supported", include_str!("../explain/livepatch-disabled.md"));

pub(super) fn livepatch_disabled() -> Wording {
    Wording::new(
        Because::but("the module is marked as a live patch", "this kernel is built without CONFIG_LIVEPATCH"),
        "use a kernel with CONFIG_LIVEPATCH=y",
    )
}

pub(super) const IMPORTS_MODULE_NAMESPACE: Heading =
    Heading::fixed("import of a module: namespace", include_str!("../explain/imports-module-namespace.md"));

pub(super) fn imports_module_namespace(topic: &Topic<'_>) -> Wording {
    let because = Because::but(
        format!("the module imports {} by name", topic.names),
        "a module: namespace lists the modules that may use a symbol and cannot be imported, not even by those on the list",
    );
    Wording::new(
        because,
        "delete that MODULE_IMPORT_NS line: a module on the list needs no import, and any other cannot use the symbol",
    )
}
