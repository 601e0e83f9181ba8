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

pub(super) const BAD_RELOCATION: Heading =
    Heading::counted("bad relocation", "bad relocations", include_str!("../explain/bad-relocation.md"));

pub(super) fn bad_relocation(topic: &Topic<'_>, section: &str, what: &str) -> Wording {
    Wording::new(Because::colon(format!("a relocation in {section} cannot be applied"), what), topic.rebuild())
}
