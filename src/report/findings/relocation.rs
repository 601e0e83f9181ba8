//! Findings about relocations.

use crate::report::topic::{Because, Heading, Topic, Wording};

pub(super) const RELOCATION_OVERFLOW: Heading =
    Heading::counted("relocation overflow", "relocation overflows", include_str!("../explain/relocation-overflow.md"));

pub(super) fn relocation_overflow(topic: &Topic<'_>, kind: u32, symbol: &str) -> Wording {
    let because = Because::so(
        format!("a relocation of type {kind} in {} refers to {symbol}", topic.names),
        "its value does not fit where it belongs: the code was compiled for another place in memory than the kernel's",
    );
    Wording::new(
        because,
        "compile with the kernel's own make, which sets the code model (-mcmodel=kernel on x86-64) and keeps code \
         position-dependent",
    )
}

pub(super) const UNKNOWN_RELOCATION: Heading =
    Heading::fixed("unknown relocation type", include_str!("../explain/unknown-relocation.md"));

pub(super) fn unknown_relocation(topic: &Topic<'_>, kind: u32) -> Wording {
    let names = &topic.names;
    let because = Because::but(
        format!("{names} {} relocations of type {kind}", names.pick("has", "have")),
        "this kernel cannot apply those",
    );
    Wording::new(
        because,
        "compile with the kernel's own make: GOT and PIC relocations come from a compiler run with -fPIC or -fPIE",
    )
}

pub(super) const RELOCATION_TARGET: Heading =
    Heading::fixed("relocation target is not zero", include_str!("../explain/relocation-target.md"));

pub(super) fn relocation_target(topic: &Topic<'_>, kind: u32, offset: u64) -> Wording {
    let names = &topic.names;
    let because = Because::but(
        format!("{names} {} a relocation of type {kind} at offset {offset:#x}", names.pick("has", "have")),
        "the bytes there are not zero: the file was relocated before, or is damaged",
    );
    Wording::new(because, "fetch or build the file again; it must be the plain output of ld -r")
}

pub(super) const RELOCATION_KIND: Heading =
    Heading::fixed("wrong kind of relocations", include_str!("../explain/relocation-kind.md"));

pub(super) fn relocation_kind(topic: &Topic<'_>) -> Wording {
    let names = &topic.names;
    let because = Because::but(
        format!("{names} {} relocations of the wrong kind, SHT_REL or SHT_RELA", names.pick("holds", "hold")),
        "the architecture's loader reads only the other one",
    );
    Wording::new(because, "use the tool chain of the kernel's architecture, unpatched")
}

pub(super) const LIVEPATCH_SYMBOL: Heading = Heading::counted(
    "livepatch symbol not found",
    "livepatch symbols not found",
    include_str!("../explain/livepatch-symbol.md"),
);

pub(super) fn livepatch_symbol(
    topic: &Topic<'_>,
    symbol: &str,
    object: &str,
    position: u64,
    found: Option<usize>,
) -> Wording {
    let kernel = topic.kernel.called();
    let which = if position == 0 {
        format!("{symbol} of {object}, which must be the only one of that name")
    } else {
        format!("symbol number {position} named {symbol} of {object}")
    };
    let why = match found {
        None => format!("no module named {object} is loaded"),
        Some(0) => format!("{object} has no symbol of that name in {kernel}"),
        Some(1) => format!("{object} has one such symbol in {kernel}, or hides it at address 0"),
        Some(many) => format!("{object} has {many} such symbols in {kernel}"),
    };
    let because = Because::and(format!("the live patch needs {which}"), why);
    Wording::new(
        because,
        format!(
            "build the live patch from the sources and the vmlinux of {kernel}; positions count in order of address"
        ),
    )
}

pub(super) const BAD_RELOCATION: Heading =
    Heading::counted("bad relocation", "bad relocations", include_str!("../explain/bad-relocation.md"));

pub(super) fn bad_relocation(topic: &Topic<'_>, section: &str, what: &str) -> Wording {
    Wording::new(Because::colon(format!("a relocation in {section} cannot be applied"), what), topic.rebuild())
}
