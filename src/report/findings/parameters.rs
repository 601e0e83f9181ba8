//! Findings about the module's parameters.

use crate::report::topic::{Because, Heading, Topic, Wording};

pub(super) const UNKNOWN_PARAMETER: Heading =
    Heading::counted("unknown parameter", "unknown parameters", include_str!("../explain/unknown-parameter.md"));

pub(super) fn unknown_parameter(topic: &Topic<'_>) -> Wording {
    let Topic { names, module, .. } = topic;
    let because = Because::so(
        format!("{module} has no {} {names}", names.pick("parameter", "parameters")),
        "the kernel warns, ignores what was given and goes on",
    );
    Wording::new(
        because,
        format!(
            "see modinfo -p {module}.ko for the parameters there are, and options lines in /etc/modprobe.d for who gives this one"
        ),
    )
}

pub(super) const INVALID_PARAMETER: Heading =
    Heading::counted("invalid parameter", "invalid parameters", include_str!("../explain/invalid-parameter.md"));

pub(super) fn invalid_parameter(topic: &Topic<'_>, parameter: &str, value: &str) -> Wording {
    let because = Because::but(
        format!("the parameter {parameter} is given the value \"{value}\""),
        "the module does not accept it",
    );
    Wording::new(because, format!("see modinfo -p {}.ko for the type it wants", topic.module))
}
