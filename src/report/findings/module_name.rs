//! Findings about the module's name.

use crate::report::topic::{Because, Heading, Wording};

pub(super) const BLACKLISTED: Heading = Heading::fixed("blacklisted", include_str!("../explain/blacklisted.md"));

pub(super) fn blacklisted(name: &str) -> Wording {
    let because = Because::so(
        format!("module_blacklist= on the boot command line names {name}"),
        "the kernel refuses it with EPERM",
    );
    Wording::new(because, format!("boot without {name} in module_blacklist=, or find out why someone put it there"))
}

pub(super) const ALREADY_LOADED: Heading =
    Heading::fixed("already loaded", include_str!("../explain/already-loaded.md"));

pub(super) fn already_loaded(name: &str) -> Wording {
    Wording::new(
        Because::and(format!("a module named {name} is there already"), "a name can be loaded only once"),
        format!("rmmod {name} first, if it is another build of it; modprobe takes this answer for success"),
    )
}

pub(super) const RESERVED_NAME: Heading = Heading::fixed("reserved name", include_str!("../explain/reserved-name.md"));

pub(super) fn reserved_name(name: &str) -> Wording {
    Wording::new(
        Because::but(format!("the module is named {name}"), "livepatch keeps that name for the kernel itself"),
        "give the module another name (obj-m += NAME.o)",
    )
}

pub(super) const BUILTIN_NAME: Heading =
    Heading::fixed("name of something built in", include_str!("../explain/builtin-name.md"));

pub(super) fn builtin_name(name: &str) -> Wording {
    let because = Because::so(
        format!("/sys/module/{name} belongs to something built into the kernel"),
        "the kernel says \"module is already loaded\" and refuses with EINVAL",
    );
    Wording::new(
        because,
        format!("do not load {name}: this kernel has it built in; or build the module under another name"),
    )
}

pub(super) const SYSFS_NAME: Heading = Heading::fixed("unsuitable name", include_str!("../explain/sysfs-name.md"));

pub(super) fn sysfs_name(name: &str, what: &str) -> Wording {
    Wording::new(
        Because::colon(format!("the name {name} cannot become a directory in /sys/module"), what),
        "give the module another name (obj-m += NAME.o)",
    )
}
