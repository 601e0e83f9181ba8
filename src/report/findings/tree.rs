//! Findings about other modules that are loaded with the module.

use crate::report::topic::{Because, Heading, Topic, Wording};
use crate::report::wording::all;
use crate::terms::Errno;

pub(super) const DEPENDENCY_REFUSED: Heading =
    Heading::fixed("a dependency is refused", include_str!("../explain/dependency-refused.md"));

pub(super) fn dependency_refused(topic: &Topic<'_>, dependency: &str, errno: Errno) -> Wording {
    let because = Because::and(
        format!("{} depends on {dependency}", topic.module),
        format!("the kernel refuses {dependency} with {errno}"),
    );
    Wording::new(
        because,
        format!("first get {dependency} loaded: what the kernel says about {dependency} is the cause of this too"),
    )
}

pub(super) const DEPENDENCY_CYCLE: Heading =
    Heading::fixed("modules that need each other", include_str!("../explain/dependency-cycle.md"));

pub(super) fn dependency_cycle(modules: &[String]) -> Wording {
    let because = Because::so(
        format!("{} need each other's symbols", all(modules)),
        "whichever comes first finds unknown symbols, and modprobe does not try",
    );
    Wording::new(because, "move what both sides use into a module of its own, which needs none of them")
}

pub(super) const RIVAL_EXPORT: Heading = Heading::counted(
    "export that another module has, too",
    "exports that other modules have, too",
    include_str!("../explain/rival-export.md"),
);

pub(super) fn rival_export(topic: &Topic<'_>, other: &str) -> Wording {
    let Topic { names, module, .. } = topic;
    let because = Because::so(
        format!("{module} exports {names}, and {other} does, too"),
        "the kernel refuses whichever of the two is loaded second",
    );
    let them = names.pick("export", "exports");
    Wording::new(because, format!("load only one of {module} and {other}, or rename the {them}"))
}

pub(super) const SHADOWED_FILE: Heading =
    Heading::fixed("another file of the same name", include_str!("../explain/shadowed-file.md"));

pub(super) fn shadowed_file(file: &str, is_certain: bool) -> Wording {
    if !is_certain {
        let because = Because::and(
            format!("{file} has the same name"),
            "nothing tells which of the two modprobe takes: depmod has no order for their folders and takes the one that the \
             file system lists first or last",
        );
        return Wording::new(
            because,
            format!("remove {file} or this one, or name the order in /etc/depmod.d (search …)"),
        );
    }
    let because = Because::and(
        format!("{file} has the same name"),
        "modprobe takes this one: depmod looks into its folder first",
    );
    Wording::new(because, format!("remove {file} if it is a leftover; else name the order in /etc/depmod.d (search …)"))
}
