//! The fields of `struct module`: what they hold before relocations are applied, and what the kernel does if they are written
//! over.

use crate::elf::SectionFlags;
use crate::image::ModuleElf;
use crate::load::run::Run;
use crate::load::state::Info;

/// What is known of a field, by the beginning of its path.
pub(super) struct Row {
    path: &'static str,
    /// What the loader has stored in it before `apply_relocations()`.
    pub before: Before,
    /// What `load_module()` does if a relocation writes over it then.
    pub after: After,
}

/// What the loader has stored in a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before {
    /// Nothing: it is zero.
    Zero,
    /// The address of something.
    Pointer,
    /// A small number that is not zero.
    Number,
    /// The address of one of these sections.
    Section(&'static [&'static str]),
    /// The number of entries of one of these sections.
    Count(&'static [&'static str]),
    /// A copy of this entry of `.modinfo`.
    Modinfo(&'static str),
    /// The size of the code, up to 6.3.
    Code,
    /// The address of the memory of a type (since 6.4).
    Memory(MemoryType),
    /// The size of that memory.
    MemorySize(MemoryType),
    /// The size of memory that every module has. It is a multiple of a page, so that its lowest byte is zero.
    Pages,
    /// The address or the size of the per-CPU data.
    Percpu,
    /// `using_gplonly_symbols`.
    GplOnly,
    /// `sig_ok`.
    Signed,
    /// `taints`.
    Taints,
    /// It is not known.
    Unknown,
}

/// Mirrors `enum mod_mem_type` (include/linux/module.h): the types of a module's memory since 6.4, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemoryType {
    Text,
    Data,
    RoData,
    RoAfterInit,
    InitText,
    InitData,
    InitRoData,
}

use MemoryType::{Data, InitData, InitRoData, InitText, RoAfterInit, RoData, Text};

/// What a field holds.
pub(super) enum Contents {
    Zero,
    /// An address.
    Pointer,
    /// A small number that is not zero.
    Number,
    /// A number that is not zero as a whole, of which no byte is known.
    Whole,
    Unknown,
}

/// What the kernel does with a field that was written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing that the load shows: it writes it anew, or does not look at it.
    Nothing,
    /// Nothing if the module has no parameters.
    NothingWithoutParameters,
    /// Nothing without the parameter `dyndbg`: `ddebug_add_module()` only notes the table.
    NothingWithoutDyndbg,
    /// Nothing if the module has no type information, of which the field is a part.
    NothingWithoutTypes,
    /// Nothing until it frees the module: it passes the field to `kfree()`.
    Freed,
    /// Nothing behind the NUL that ends the name. What the bytes before it become is the name of the directory in `/sys/module`.
    Named,
    /// It calls it.
    Called,
    /// It takes it for the length of a table that does not exist, and follows a null pointer.
    Crash,
    /// It is not known.
    Unknown,
}

use After::{
    Called, Crash, Freed, Named, Nothing, NothingWithoutDyndbg, NothingWithoutParameters, NothingWithoutTypes,
};
use Before::{
    Code, Count, GplOnly, Memory, MemorySize, Modinfo, Number, Pages, Percpu, Pointer, Section, Signed, Taints, Zero,
};

const fn at(path: &'static str, before: Before, after: After) -> Row {
    Row { path, before, after }
}

const UNKNOWN: Row = at("", Before::Unknown, After::Unknown);
const KSYMTAB: Before = Count(&["__ksymtab"]);
const CALLSITES: &[&str] = &["__mcount_loc", "__patchable_function_entries"];

/// The first row whose path begins a field's path counts. A path without a point at its end has to match in full.
const ROWS: &[Row] = &[
    // add_unformed_module() and module_unload_init() fill these.
    at("state", Number, After::Unknown),
    at("list.", Pointer, After::Unknown),
    at("source_list.", Pointer, After::Unknown),
    at("target_list.", Pointer, After::Unknown),
    at("refcnt.", Number, After::Unknown),
    at("taints", Taints, After::Unknown),
    // The file has these.
    at("name", Zero, Named),
    at("init", Zero, Called),
    at("exit", Zero, Nothing),
    // mod_sysfs_setup() writes these anew.
    at("mkobj.kobj.", Zero, Nothing),
    at("mkobj.mod", Zero, Nothing),
    at("mkobj.kobj_completion", Zero, Nothing),
    at("mkobj.", Zero, After::Unknown),
    at("modinfo_attrs", Zero, Nothing),
    at("holders_dir", Zero, Nothing),
    at("sect_attrs", Zero, Nothing),
    at("notes_attrs", Zero, Nothing),
    // setup_modinfo() copies these, and free_modinfo() frees them.
    at("version", Modinfo("version"), Freed),
    at("srcversion", Modinfo("srcversion"), Freed),
    at("imported_namespaces", Modinfo("import_ns"), Freed),
    // The first look at param_lock is that of a parameter.
    at("param_lock.wait_list.", Pointer, After::Unknown),
    at("param_lock.owner.", Zero, NothingWithoutParameters),
    at("param_lock.wait_lock.raw_lock", Zero, NothingWithoutParameters),
    at("param_lock.osq.", Zero, NothingWithoutParameters),
    at("param_lock.first_waiter", Zero, NothingWithoutParameters),
    at("using_gplonly_symbols", GplOnly, Nothing),
    at("sig_ok", Signed, Nothing),
    at("async_probe_requested", Zero, Nothing),
    // The memory of the module.
    at("core_layout.base", Pointer, After::Unknown),
    at("core_layout.size", Pages, After::Unknown),
    at("core_layout.text_size", Code, After::Unknown),
    at("core_layout.ro_size", Code, After::Unknown),
    at("core_layout.mtn.mod", Pointer, After::Unknown),
    at("mem[0].base", Memory(Text), After::Unknown),
    at("mem[0].size", MemorySize(Text), After::Unknown),
    at("mem[0].mtn.mod", Pointer, After::Unknown),
    at("mem[1].base", Memory(Data), After::Unknown),
    at("mem[1].size", MemorySize(Data), After::Unknown),
    at("mem[1].mtn.mod", Pointer, After::Unknown),
    at("mem[2].base", Memory(RoData), After::Unknown),
    at("mem[2].size", MemorySize(RoData), After::Unknown),
    at("mem[2].mtn.mod", Pointer, After::Unknown),
    at("mem[3].base", Memory(RoAfterInit), After::Unknown),
    at("mem[3].size", MemorySize(RoAfterInit), After::Unknown),
    at("mem[3].mtn.mod", Pointer, After::Unknown),
    at("mem[4].base", Memory(InitText), After::Unknown),
    at("mem[4].size", MemorySize(InitText), After::Unknown),
    at("mem[4].mtn.mod", Pointer, After::Unknown),
    at("mem[5].base", Memory(InitData), After::Unknown),
    at("mem[5].size", MemorySize(InitData), After::Unknown),
    at("mem[5].mtn.mod", Pointer, After::Unknown),
    at("mem[6].base", Memory(InitRoData), After::Unknown),
    at("mem[6].size", MemorySize(InitRoData), After::Unknown),
    at("mem[6].mtn.mod", Pointer, After::Unknown),
    // module_bug_finalize(), add_kallsyms(), strndup_user() and init_build_id() write these anew.
    at("num_bugs", Zero, Nothing),
    at("bug_list.", Zero, Nothing),
    at("bug_table", Zero, Nothing),
    at("kallsyms", Zero, Nothing),
    at("core_kallsyms.", Zero, Nothing),
    at("args", Zero, Nothing),
    at("build_id", Zero, Nothing),
    // find_module_sections(). The address of a table without entries is not followed.
    at("syms", Section(&["__ksymtab"]), Nothing),
    at("crcs", Section(&["__kcrctab"]), Nothing),
    at("flagstab", Section(&["__kflagstab"]), Nothing),
    at("num_syms", KSYMTAB, Crash),
    at("gpl_syms", Section(&["__ksymtab_gpl"]), Nothing),
    at("gpl_crcs", Section(&["__kcrctab_gpl"]), Nothing),
    at("num_gpl_syms", Count(&["__ksymtab_gpl"]), Crash),
    at("kp", Section(&["__param"]), Nothing),
    at("num_kp", Count(&["__param"]), Crash),
    at("extable", Section(&["__ex_table"]), Nothing),
    at("num_exentries", Count(&["__ex_table"]), Crash),
    at("noinstr_text_start", Section(&[".noinstr.text"]), Nothing),
    at("noinstr_text_size", Count(&[".noinstr.text"]), Nothing),
    at("tracepoints_ptrs", Section(&["__tracepoints_ptrs"]), Nothing),
    at("num_tracepoints", Count(&["__tracepoints_ptrs"]), After::Unknown),
    at("srcu_struct_ptrs", Section(&["___srcu_struct_ptrs"]), Nothing),
    at("num_srcu_structs", Count(&["___srcu_struct_ptrs"]), After::Unknown),
    at("bpf_raw_events", Section(&["__bpf_raw_tp_map"]), Nothing),
    at("num_bpf_raw_events", Count(&["__bpf_raw_tp_map"]), After::Unknown),
    at("btf_data", Section(&[".BTF"]), Nothing),
    at("btf_base_data", Section(&[".BTF.base"]), NothingWithoutTypes),
    at("jump_entries", Section(&["__jump_table"]), Nothing),
    at("num_jump_entries", Count(&["__jump_table"]), After::Unknown),
    at("trace_bprintk_fmt_start", Section(&["__trace_printk_fmt"]), Nothing),
    at("num_trace_bprintk_fmt", Count(&["__trace_printk_fmt"]), After::Unknown),
    at("trace_events", Section(&["_ftrace_events"]), Nothing),
    at("num_trace_events", Count(&["_ftrace_events"]), After::Unknown),
    at("trace_evals", Section(&["_ftrace_eval_map"]), Nothing),
    at("num_trace_evals", Count(&["_ftrace_eval_map"]), After::Unknown),
    at("ftrace_callsites", Section(CALLSITES), Nothing),
    at("num_ftrace_callsites", Count(CALLSITES), After::Unknown),
    at("kprobes_text_start", Section(&[".kprobes.text"]), Nothing),
    at("kprobes_text_size", Count(&[".kprobes.text"]), Nothing),
    at("kprobe_blacklist", Section(&["_kprobe_blacklist"]), Nothing),
    at("num_kprobe_blacklist", Count(&["_kprobe_blacklist"]), After::Unknown),
    at("static_call_sites", Section(&[".static_call_sites"]), Nothing),
    at("num_static_call_sites", Count(&[".static_call_sites"]), Crash),
    at("dyndbg_info.descs", Section(&["__dyndbg"]), Nothing),
    at("dyndbg_info.classes", Section(&["__dyndbg_classes"]), Nothing),
    at("dyndbg_info.num_descs", Count(&["__dyndbg"]), NothingWithoutDyndbg),
    at("dyndbg_info.num_classes", Count(&["__dyndbg_classes"]), NothingWithoutDyndbg),
    at("ei_funcs", Section(&["_error_injection_whitelist"]), Nothing),
    at("num_ei_funcs", Count(&["_error_injection_whitelist"]), After::Unknown),
    at("ctors", Section(&[".ctors", ".init_array"]), Nothing),
    at("num_ctors", Count(&[".ctors", ".init_array"]), After::Unknown),
    at("percpu", Percpu, After::Unknown),
    at("percpu_size", Percpu, After::Unknown),
    // Live patching: the load only copies the headers of the file, if the module counts as a live patch.
    at("klp", Modinfo("livepatch"), Nothing),
    at("klp_alive", Zero, Nothing),
    at("klp_info", Zero, Nothing),
    at("its_num_pages", Zero, After::Unknown),
    at("its_page_array", Zero, After::Unknown),
];

/// The row of a field.
pub(super) fn row(path: &str) -> &'static Row {
    let is_it = |row: &&Row| if row.path.ends_with('.') { path.starts_with(row.path) } else { path == row.path };
    ROWS.iter().find(is_it).unwrap_or(&UNKNOWN)
}

impl Row {
    /// Returns whether the loader sets the field, whatever the file has there, or never looks at it.
    pub fn is_set_anew(&self) -> bool {
        match self.before {
            // Only set, never cleared.
            GplOnly | Modinfo("livepatch") => false,
            Pointer | Section(_) | Count(_) | Modinfo(_) | Signed => true,
            // What `init` holds is looked at when it is called.
            _ => matches!(self.after, Nothing | Named | Called),
        }
    }
}

impl Before {
    /// Returns whether the field is about a table of the module, which lies in a section.
    pub const fn is_table(self) -> bool {
        matches!(self, Self::Section(_) | Self::Count(_))
    }

    /// Returns whether the field is about a section that the module has.
    pub fn is_in_use(self, info: &Info) -> bool {
        match self {
            Self::Section(names) | Self::Count(names) => has_section(&info.elf, names),
            _ => false,
        }
    }

    /// What the field holds in a module.
    pub fn holds(self, run: &Run<'_>, info: &Info) -> Contents {
        let either = |is_set, contents| if is_set { contents } else { Contents::Zero };
        match self {
            Self::Zero => Contents::Zero,
            Self::Pointer => Contents::Pointer,
            Self::Number => Contents::Number,
            Self::Section(names) => either(has_section(&info.elf, names), Contents::Pointer),
            // A section can be shorter than one entry.
            Self::Count(names) => either(has_section(&info.elf, names), Contents::Unknown),
            Self::Modinfo(name) => either(info.modinfo.get(name).is_some(), Contents::Pointer),
            Self::Code => {
                if Text.is_used(info) == Some(true) {
                    Contents::Whole
                } else {
                    Contents::Unknown
                }
            }
            Self::Memory(kind) => {
                kind.is_used(info).map_or(Contents::Unknown, |is_used| either(is_used, Contents::Pointer))
            }
            Self::MemorySize(kind) => {
                kind.is_used(info).map_or(Contents::Unknown, |is_used| either(is_used, Contents::Whole))
            }
            Self::Pages => Contents::Whole,
            Self::GplOnly => either(info.using_gplonly_symbols.is_some(), Contents::Number),
            Self::Signed => either(run.sig_ok(), Contents::Number),
            Self::Percpu => either(info.percpu.is_some(), Contents::Unknown),
            Self::Taints => either(!run.module_taints().is_empty(), Contents::Number),
            Self::Unknown => Contents::Unknown,
        }
    }
}

impl MemoryType {
    /// Returns whether a module has memory of this type, as `layout_sections()` (kernel/module/main.c) of x86-64 divides it; `None`
    /// if that is not known. Memory for data has at least `struct module`.
    fn is_used(self, info: &Info) -> Option<bool> {
        let has = |of: &dyn Fn(&crate::elf::Section, &str) -> bool| {
            info.elf.sections().iter().any(|section| {
                section.size > 0 && info.keeps_alloc(section) && of(section, &info.elf.section_text(section))
            })
        };
        let of_flags = |flags: u64, is_init: bool| {
            has(&|section, name| {
                // Code that is writable, too, is code.
                let kind = match section.flags & SectionFlags::EXECINSTR {
                    0 => section.flags & SectionFlags::WRITE,
                    code => code,
                };
                kind == flags && name.starts_with(".init") == is_init
            })
        };
        match self {
            Text => Some(of_flags(SectionFlags::EXECINSTR, false)),
            InitText => Some(of_flags(SectionFlags::EXECINSTR, true)),
            Data => Some(true),
            RoData => Some(of_flags(0, false)),
            InitRoData => Some(of_flags(0, true)),
            // Only some releases have static calls here.
            RoAfterInit if has(&|_, name| [".data..ro_after_init", "__jump_table"].contains(&name)) => Some(true),
            RoAfterInit => (!has(&|_, name| name == ".static_call_sites")).then_some(false),
            // With CONFIG_KALLSYMS the symbol table lies here until the module is initialized.
            InitData => of_flags(SectionFlags::WRITE, true).then_some(true),
        }
    }
}

/// Returns whether one of the sections exists and is not empty. An empty one is left out although it may have an address.
fn has_section(elf: &ModuleElf, names: &[&str]) -> bool {
    names.iter().any(|name| elf.sections_named(name).any(|section| section.size > 0))
}
