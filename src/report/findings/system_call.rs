//! Findings about the system call and about reading the file.

use crate::report::topic::{Because, Heading, Wording};

pub(super) const NO_MODULES: Heading =
    Heading::fixed("kernel without loadable modules", include_str!("../explain/no-modules.md"));

pub(super) fn no_modules() -> Wording {
    let because = Because::so(
        "the kernel is built without CONFIG_MODULES",
        "it has no system calls for modules, and answers every attempt with ENOSYS",
    );
    Wording::new(because, "use a kernel with CONFIG_MODULES=y, or build the driver into this one")
}

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

pub(super) fn decompression(found: &str, supported: Option<&str>, fault: Option<&str>, refused: bool) -> Wording {
    let Some(fault) = fault else {
        let because = match supported {
            Some("nothing") => "this kernel decompresses no modules: CONFIG_MODULE_DECOMPRESS is not set".to_owned(),
            Some(kind) => format!("this kernel's own decompressor reads {kind}"),
            None => "which kind this kernel's own decompressor reads is not known without its configuration".to_owned(),
        };
        return Wording::new(
            Because::but(
                format!("the kernel is asked to decompress the file, which by its first bytes is {found}"),
                because,
            ),
            "decompress the file (xz -d, zstd -d or gzip -d) and load the plain .ko; modprobe does that by itself where it can",
        );
    };
    let because = if refused {
        Because::colon("the kernel is to decompress the file and cannot", format!("the {found} data {fault}"))
    } else {
        Because::colon(
            "the module can only be loaded by a program that decompresses the file itself, as kmod 30 and earlier do; kmod 31 \
             and later let the kernel decompress it, which answers EINVAL",
            format!("the {found} data {fault}"),
        )
    };
    let again = match found {
        "xz" => "compress it again with xz --check=crc32 --lzma2=dict=1MiB, as the kernel's build does",
        "gzip" => "compress it again with gzip -n, as the kernel's build does",
        _ => "compress it again with zstd, as the kernel's build does",
    };
    Wording::new(because, format!("{again}, or load the plain .ko; if it is damaged, take it from its package again"))
}

pub(super) const UNREADABLE_FILE: Heading =
    Heading::fixed("unreadable file", include_str!("../explain/unreadable-file.md"));

pub(super) fn unreadable_file(what: &str) -> Wording {
    Wording::new(
        Because::colon("the kernel cannot read the file", what),
        "give the kernel a regular, readable file that is not empty, not longer than 2 GiB and not open for writing; fetch or build a damaged one again",
    )
}
