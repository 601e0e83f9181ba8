//! Findings about the system call and about reading the file.

use crate::report::topic::{Because, Heading, Wording};

pub(super) const NOT_PERMITTED: Heading =
    Heading::fixed("module loading is switched off", include_str!("../explain/not-permitted.md"));

pub(super) fn not_permitted(switch: &str) -> Wording {
    let because = Because::so(
        format!("the kernel runs with {switch}"),
        "it answers every attempt to load a module with EPERM, without looking at the file and without a line in the log",
    );
    Wording::new(because, format!("boot without {switch}; once set it cannot be taken back while the kernel runs"))
}

pub(super) const UNKNOWN_FLAGS: Heading = Heading::fixed("unknown flags", include_str!("../explain/unknown-flags.md"));

pub(super) fn unknown_flags(flags: u32) -> Wording {
    let because = Because::but(
        format!("finit_module is called with flags {flags:#x}"),
        "a kernel knows only 1 (ignore modversions), 2 (ignore vermagic) and, since 5.17, 4 (compressed file)",
    );
    Wording::new(because, "call finit_module with flags this kernel knows, or decompress the file first")
}

pub(super) const DECOMPRESSION: Heading =
    Heading::fixed("cannot decompress", include_str!("../explain/decompression.md"));

pub(super) fn decompression(found: &str, supported: &str) -> Wording {
    let because = Because::but(
        format!("the kernel is asked to decompress the file, which by its first bytes is {found}"),
        format!("this kernel's own decompressor reads {supported}"),
    );
    Wording::new(
        because,
        "decompress the file (xz -d, zstd -d or gzip -d) and load the plain .ko; modprobe does that by itself where it can",
    )
}

pub(super) const UNREADABLE_FILE: Heading =
    Heading::fixed("unreadable file", include_str!("../explain/unreadable-file.md"));

pub(super) fn unreadable_file(what: &str) -> Wording {
    Wording::new(
        Because::colon("the kernel cannot read the file", what),
        "give the kernel a regular, readable file that is not empty and not open for writing",
    )
}
