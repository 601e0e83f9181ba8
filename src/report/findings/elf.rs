//! Findings about the ELF file and its sections.

use crate::compression::Compression;
use crate::report::topic::{Because, Heading, Topic, Wording};
use crate::report::wording::{bytes, count};
use crate::terms::ElfMachine;

pub(super) const INVALID_ELF: Heading = Heading::fixed("invalid ELF file", include_str!("../explain/invalid-elf.md"));

pub(super) fn invalid_elf(rule: &str, compressed: Option<Compression>) -> Wording {
    if let Some(kind) = compressed {
        let why = match kind {
            Compression::Gzip | Compression::Xz | Compression::Zstd => format!(
                "the kernel gets it as it is, because the program that loads modules does not undo {kind}: kmod undoes gzip, xz \
                 and, since 28, zstd, as far as it is built to; BusyBox gzip and xz"
            ),
            _ => format!(
                "the kernel gets it as it is: kmod undoes gzip, xz and zstd, and a kernel one of these; neither undoes {kind}"
            ),
        };
        return Wording::new(
            Because::but(format!("the file is {kind} data by its first bytes"), why),
            "decompress it and load the plain .ko, or compress that with gzip, xz --check=crc32 or zstd",
        );
    }
    Wording::new(
        Because::colon("the file is not an ELF object this kernel's loader accepts", rule),
        "build or fetch the module again: a file like this comes from a broken copy or a bad edit",
    )
}

pub(super) const WRONG_ARCHITECTURE: Heading =
    Heading::fixed("wrong architecture", include_str!("../explain/wrong-architecture.md"));

pub(super) fn wrong_architecture(machine: u16, kernel: &str) -> Wording {
    let module = match ElfMachine::from_e_machine(machine) {
        Some(known) => format!("{known} (e_machine {machine})"),
        None => format!("e_machine {machine}"),
    };
    Wording::new(
        Because::and(format!("the module is built for {module}"), format!("the kernel is {kernel}")),
        format!("build the module for {kernel}; when cross-building, set ARCH= and CROSS_COMPILE= to match it"),
    )
}

pub(super) const NO_SYMBOL_TABLE: Heading =
    Heading::fixed("no usable symbol table", include_str!("../explain/no-symbol-table.md"));

pub(super) fn no_symbol_table(tables: usize) -> Wording {
    if tables == 0 {
        let because = Because::and(
            "the module has no symbol table (it looks as if strip had been run without -g)",
            "without one the kernel cannot link it",
        );
        return Wording::new(because, "build it again and strip it with strip -g only, which keeps the symbol table");
    }
    let because = Because::and(
        format!("the module has {}", count(tables, "symbol table", "symbol tables")),
        "exactly one is allowed",
    );
    Wording::new(because, "link the module again: no usual tool chain writes two symbol tables")
}

pub(super) const BAD_THIS_MODULE: Heading =
    Heading::fixed("bad .gnu.linkonce.this_module", include_str!("../explain/bad-this-module.md"));

pub(super) fn bad_this_module(what: &str) -> Wording {
    let because = Because::colon(
        ".gnu.linkonce.this_module, the section that holds the module's struct module, is not as the kernel demands",
        what,
    );
    Wording::new(
        because,
        "build the module with the kernel's own make, so that modpost writes the .mod.c file that defines this section",
    )
}

pub(super) const STRUCT_MODULE_SIZE: Heading =
    Heading::fixed("another size of struct module", include_str!("../explain/struct-module-size.md"));

pub(super) fn struct_module_size(topic: &Topic<'_>, module: u64, kernel: Option<u64>) -> Wording {
    let size = match kernel {
        Some(size) => bytes(size),
        None => "another size".to_owned(),
    };
    let takes = if kernel.is_some() { "takes" } else { "has" };
    let release = topic.kernel.called();
    let because = Because::and(
        format!("struct module takes {} in the module's .gnu.linkonce.this_module", bytes(module)),
        format!("it {takes} {size} in {release}: the module was built with another version or configuration"),
    );
    Wording::new(because, topic.rebuild())
}

pub(super) const STRUCT_MODULE_LAYOUT: Heading =
    Heading::fixed("another layout of struct module", include_str!("../explain/struct-module-layout.md"));

pub(super) fn struct_module_layout(
    topic: &Topic<'_>,
    field: &str,
    module: u64,
    kernel: Option<u64>,
    refused: bool,
) -> Wording {
    let release = topic.kernel.called();
    let place = match kernel {
        Some(kernel) => format!("{release} has it at {kernel:#x}"),
        None => format!("{release} does not have this field"),
    };
    let consequence = match (refused, field) {
        (true, _) => "",
        (false, "init") => ": a kernel that loads it never calls its init function",
        (false, _) => ": a kernel that loads it never calls its exit function, and cannot unload it",
    };
    let compiled = "the module was compiled with another compiler or configuration than the kernel";
    let because = Because::so(
        format!("the module's struct module has {field} at {module:#x}, {place}"),
        format!("{compiled}{consequence}"),
    );
    Wording::new(because, topic.clean_rebuild())
}

pub(super) const BTF_MISMATCH: Heading =
    Heading::fixed("type information that does not fit", include_str!("../explain/btf-mismatch.md"));

pub(super) fn btf_mismatch(topic: &Topic<'_>, what: &str, header: bool, refused: bool) -> Wording {
    let release = topic.kernel.called();
    let fact = match (header, what) {
        (true, _) => format!("the header of the module's .BTF is none that {release} reads ({what})"),
        (false, "") => format!("the types in the module's .BTF do not fit those of {release}"),
        (false, _) => format!("the types in the module's .BTF do not fit those of {release} ({what})"),
    };
    let origin = if header {
        "the section is damaged, or of a later format"
    } else {
        "the module was built against another vmlinux, or the section is damaged"
    };
    let consequence = if refused {
        format!("{origin}, and CONFIG_MODULE_ALLOW_BTF_MISMATCH is not set")
    } else {
        format!("{origin}; the kernel loads the module without its type information")
    };
    let strip = "or take the types off: objcopy -R .BTF -R .BTF.base FILE, and sign the module again";
    Wording::new(Because::so(fact, consequence), format!("{}; {strip}", topic.clean_rebuild()))
}

pub(super) const WRITABLE_EXECUTABLE: Heading = Heading::counted(
    "writable and executable section",
    "writable and executable sections",
    include_str!("../explain/writable-executable.md"),
);

pub(super) fn writable_executable(topic: &Topic<'_>) -> Wording {
    let names = &topic.names;
    let because = Because::and(
        format!("{} {names} {} writable and executable at once", names.pick("section", "sections"), names.is()),
        "a kernel with CONFIG_STRICT_MODULE_RWX gives modules no such memory",
    );
    let them = names.pick("that section", "those sections");
    Wording::new(because, format!("give {them} code or data, not both: .section NAME,\"ax\" or \"aw\""))
}

pub(super) const ARCH_SECTIONS: Heading =
    Heading::fixed("unsuitable architecture sections", include_str!("../explain/arch-sections.md"));

pub(super) fn arch_sections(topic: &Topic<'_>, what: &str) -> Wording {
    Wording::new(
        Because::colon("a section the architecture's loader works on is not as it must be", what),
        format!("{}; that links with the architecture's own scripts/module.lds", topic.rebuild()),
    )
}

pub(super) const PERCPU_SPACE: Heading =
    Heading::fixed("not enough per-CPU space", include_str!("../explain/percpu-space.md"));

pub(super) fn percpu_space(size: u64, reserve: u64) -> Wording {
    let because = Because::but(
        format!("the module asks for {} of static per-CPU data", bytes(size)),
        format!("the kernel sets {} aside for all modules together", bytes(reserve)),
    );
    Wording::new(
        because,
        "allocate the data with alloc_percpu() at run time, unload other modules that use DEFINE_PER_CPU, or boot a kernel with \
         a larger reserve",
    )
}

pub(super) const PERCPU_ALIGNMENT: Heading =
    Heading::fixed("impossible per-CPU alignment", include_str!("../explain/percpu-alignment.md"));

pub(super) fn percpu_alignment(align: u64) -> Wording {
    let because = Because::but(
        format!("the section of static per-CPU data is aligned to {}", bytes(align)),
        "the kernel's allocator takes powers of two only",
    );
    Wording::new(
        because,
        "build the module again: no compiler writes such an alignment, so the file was changed or is damaged",
    )
}

pub(super) const CONSTRUCTORS: Heading =
    Heading::fixed("two kinds of constructors", include_str!("../explain/constructors.md"));

pub(super) fn constructors() -> Wording {
    let because = Because::but(
        "the module has both .ctors and .init_array",
        "the kernel runs constructors from one of them only and refuses a mixture",
    );
    Wording::new(because, "build all parts of the module with one compiler and one version of binutils")
}
