//! Findings about `delete_module`.

use crate::report::topic::{Because, Heading, Wording};
use crate::report::wording::all;

pub(super) const NOT_LOADED: Heading = Heading::fixed("not loaded", include_str!("../explain/not-loaded.md"));

pub(super) fn not_loaded(name: &str) -> Wording {
    Wording::new(
        Because::so(format!("no module named {name} is loaded"), "there is nothing to unload"),
        "look for its name in /proc/modules; there it is written with _ and never with -",
    )
}

pub(super) const IN_USE: Heading = Heading::fixed("in use", include_str!("../explain/in-use.md"));

pub(super) fn in_use(name: &str, users: &[String]) -> Wording {
    let why = "the kernel does not let it go";
    if users.is_empty() {
        return Wording::new(
            Because::so(format!("{name} is in use"), why),
            format!("stop what holds {name}: an open file, a mount, a device in use"),
        );
    }
    let users = all(users);
    Wording::new(
        Because::so(format!("{name} is in use by {users}"), why),
        format!("unload {users} first, or stop what holds {name}"),
    )
}

pub(super) const NO_EXIT: Heading = Heading::fixed("no exit function", include_str!("../explain/no-exit.md"));

pub(super) fn no_exit(name: &str) -> Wording {
    let because = Because::so(
        format!("{name} has an init function and no exit function"),
        "it can be loaded, but never unloaded",
    );
    Wording::new(because, "reboot to be rid of it, or give the module a module_exit function")
}
