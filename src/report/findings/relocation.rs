//! Findings about relocations.

use crate::elf::relocation_name;
use crate::report::topic::{Because, Heading, Topic, Wording};

pub(super) const RELOCATION_OVERFLOW: Heading =
    Heading::counted("relocation overflow", "relocation overflows", include_str!("../explain/relocation-overflow.md"));

pub(super) fn relocation_overflow(topic: &Topic<'_>, kind: u32, symbol: &str) -> Wording {
    let because = Because::so(
        format!("a relocation of {} in {} refers to {symbol}", called(topic, kind), topic.names),
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

pub(super) fn unknown_relocation(topic: &Topic<'_>, kind: u32, name: Option<&str>) -> Wording {
    let names = &topic.names;
    let what = match name {
        Some(name) => format!("type {kind}, {name}"),
        None => format!("type {kind}, which the processor's ABI does not name"),
    };
    let (origin, fix) = origin(name.unwrap_or_default(), names.names());
    let because = Because::but(
        format!("{names} {} relocations of {what}: {origin}", names.pick("has", "have")),
        "this kernel cannot apply those",
    );
    Wording::new(because, fix)
}

/// Where relocations of a type in these sections come from, and what to do.
fn origin<'a>(name: &str, mut sections: impl Iterator<Item = &'a str>) -> (&'static str, String) {
    let is_any = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let has_label_arithmetic = is_any(&["_ADD", "_SUB", "_SET", "ULEB128"]) && !is_any(&["TPREL"]);
    let newer = if name.starts_with("R_RISCV_") {
        ", or use a kernel with commit 8fd6c5142395 (6.7 has it), which applies every type that riscv modules have"
    } else {
        ""
    };
    if name.is_empty() {
        return ("a damaged file, or a tool chain of other rules", "build or fetch the module again".to_owned());
    }
    if sections.all(|section| matches!(section, ".eh_frame" | ".debug_frame" | ".sframe")) {
        let fix = format!(
            "compile with -fno-asynchronous-unwind-tables -fno-unwind-tables, as the kernel's own make does, or with the binutils that \
             the kernel was built with{newer}"
        );
        return ("unwind tables, which newer compilers and binutils write into this section", fix);
    }
    if is_any(&["TLS", "TPREL", "DTPMOD", "DTPREL", "TPOFF", "DTPOFF"]) {
        let fix = "use DEFINE_PER_CPU() or a field of your own instead of __thread and _Thread_local";
        return ("thread-local variables, which modules cannot have", fix.to_owned());
    }
    if is_any(&["COPY", "GLOB_DAT", "JUMP_SLOT", "JUMP_SLO", "JMP_SLOT", "JMP_IREL", "RELATIVE", "IRELATIVE"]) {
        return (
            "the work of a dynamic linker, so the file was linked as a shared object or program",
            "link with ld -r, as the kernel's own make does".to_owned(),
        );
    }
    if name == "R_X86_64_PLT32" {
        let fix = "build the module with binutils older than 2.31, or use a kernel since 4.16, which applies this type";
        return ("calls as binutils write them since 2.31", fix.to_owned());
    }
    if is_any(&["GOT", "PLT", "TOC", "CALL_PLT"]) {
        return (
            "position-independent code, from a compiler run with -fPIC or -fPIE",
            "compile with -fno-pic -fno-pie, as the kernel's own make does".to_owned(),
        );
    }
    if is_any(&["RELAX", "ALIGN", "DELETE"]) {
        let fix = format!("compile with -mno-relax, as the kernel's own make does{newer}");
        return ("left for a linker that relaxes code", fix);
    }
    if has_label_arithmetic {
        let fix = format!("compile with the flags of the kernel's own make and without -mrelax{newer}");
        return ("differences between labels that a linker may still move", fix);
    }
    if is_any(&["PCREL", "PREL", "REL"]) && !newer.is_empty() {
        let fix = format!("compile with the kernel's own make and the binutils that the kernel was built with{newer}");
        return ("references relative to their own place", fix);
    }
    (
        "code or data of a form that the kernel's own build does not have",
        "compile with the kernel's own make, which chooses the code model and the instructions; look at prebuilt objects and assembler"
            .to_owned(),
    )
}

/// A relocation type by number, and by name where it has one.
fn called(topic: &Topic<'_>, kind: u32) -> String {
    match topic.kernel.arch.and_then(|arch| relocation_name(arch.machine, kind)) {
        Some(name) => format!("type {kind}, {name},"),
        None => format!("type {kind}"),
    }
}

pub(super) const RELOCATION_TARGET: Heading =
    Heading::fixed("relocation target is not zero", include_str!("../explain/relocation-target.md"));

pub(super) fn relocation_target(topic: &Topic<'_>, kind: u32, offset: u64) -> Wording {
    let names = &topic.names;
    let because = Because::but(
        format!("{names} {} a relocation of {} at offset {offset:#x}", names.pick("has", "have"), called(topic, kind)),
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
