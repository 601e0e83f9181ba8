//! Symbols that no source names: compilers emit references to them. No module exports them, so there is none to load first.

use crate::verdict::Absent;

/// Why compilers refer to some symbols, and what to do where the kernel does not export them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CompilerSymbol {
    /// The symbols; a name that ends in `*` stands for all that begin with it.
    names: &'static [&'static str],
    /// What compilers use them for, as a relative clause.
    pub purpose: &'static str,
    /// What to do.
    pub fix: &'static str,
}

impl CompilerSymbol {
    /// What is known about a symbol; `None` for one that sources name.
    pub(super) fn of(symbol: &str) -> Option<&'static Self> {
        TABLE.iter().find(|row| row.names.iter().any(|name| matches(name, symbol)))
    }

    /// What compilers use a symbol for; `None` for one that sources name.
    pub(super) fn purpose_of(symbol: &str) -> Option<&'static str> {
        Self::of(symbol).map(|known| known.purpose)
    }
}

/// Why the tree does not give the exporter of a missing symbol. A guess does not count for a symbol that compilers emit, because no
/// module exports those.
pub(super) fn explaining<'a>(symbol: &str, absent: Option<&'a Absent>) -> Option<&'a Absent> {
    absent.filter(|absent| !absent.is_guess() || CompilerSymbol::of(symbol).is_none())
}

fn matches(name: &str, symbol: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => symbol.starts_with(start),
        None => name == symbol,
    }
}

/// Every architecture that gplok knows: the run-time functions of GCC and clang (libgcc, compiler-rt), and what their options for
/// hardening, tracing, profiling and sanitizing refer to. The first row that fits counts.
#[rustfmt::skip]
const TABLE: &[CompilerSymbol] = &[
    CompilerSymbol {
        names: &["__udivdi3", "__divdi3", "__umoddi3", "__moddi3", "__udivmoddi4", "__divmoddi4", "__aeabi_uldivmod", "__aeabi_ldivmod"],
        purpose: "which compilers call for a division of 64 bits on a 32-bit machine",
        fix: "divide with div_u64(), div64_u64() or do_div() of linux/math64.h instead of / and %",
    },
    CompilerSymbol {
        names: &[
            "__addvsi3", "__addvdi3", "__addvti3", "__subvsi3", "__subvdi3", "__subvti3", "__mulvsi3", "__mulvdi3", "__mulvti3", "__negvsi2",
            "__negvdi2", "__negvti2", "__absvsi2", "__absvdi2", "__absvti2", "__mulosi4", "__mulodi4", "__muloti4",
        ],
        purpose: "which compilers call to find overflows",
        fix: "compile without -ftrapv, as the kernel's own make does, and check with the functions of linux/overflow.h, such as \
              check_add_overflow(); __mulodi4 stands for a signed multiplication of 64 bits: multiply unsigned numbers, or of 32 bits",
    },
    CompilerSymbol {
        names: &["__udivti3", "__divti3", "__umodti3", "__modti3", "__udivmodti4", "__multi3", "__ashlti3", "__ashrti3", "__lshrti3"],
        purpose: "which compilers call for arithmetic with 128 bits",
        fix: "compute with 64 bits and the functions of linux/math64.h, such as mul_u64_u64_div_u64()",
    },
    CompilerSymbol {
        names: &[
            "__muldi3", "__ashldi3", "__ashrdi3", "__lshrdi3", "__cmpdi2", "__ucmpdi2", "__negdi2", "__aeabi_lmul", "__aeabi_llsl",
            "__aeabi_llsr", "__aeabi_lasr", "__aeabi_lcmp", "__aeabi_ulcmp",
        ],
        purpose: "which compilers call for arithmetic with 64 bits on a 32-bit machine",
        fix: "compile with the kernel's own make, which chooses the functions that this kernel exports; else compute with 32 bits there",
    },
    CompilerSymbol {
        names: &[
            "__divsi3", "__udivsi3", "__modsi3", "__umodsi3", "__mulsi3", "__aeabi_idiv", "__aeabi_uidiv", "__aeabi_idivmod",
            "__aeabi_uidivmod",
        ],
        purpose: "which compilers call where the machine has no instruction to multiply or divide",
        fix: "compile with the kernel's own make, which names the machine (-march) that the kernel is for",
    },
    CompilerSymbol {
        names: &[
            "__popcountsi2", "__popcountdi2", "__clzsi2", "__clzdi2", "__ctzsi2", "__ctzdi2", "__ffssi2", "__ffsdi2", "__paritysi2",
            "__paritydi2", "__clrsbsi2", "__clrsbdi2", "__bswapsi2", "__bswapdi2",
        ],
        purpose: "which compilers call for __builtin_popcount(), __builtin_clz() and the like",
        fix: "use the kernel's functions: hweight32(), hweight64(), fls(), __ffs(), swab32()",
    },
    CompilerSymbol {
        names: &["__morestack*", "__generic_morestack*", "__splitstack_*"],
        purpose: "which code compiled with -fsplit-stack uses",
        fix: "compile without -fsplit-stack: the stack of the kernel does not grow",
    },
    CompilerSymbol {
        names: &["__chkstk", "___chkstk_ms", "__probestack", "__rust_probestack", "__rustc_probestack"],
        purpose: "which compilers call where a function has many or large local variables",
        fix: "compile with the kernel's own make, for the kernel's target, and allocate large variables with kmalloc(): the stack of the \
              kernel is small",
    },
    CompilerSymbol {
        names: &["__clear_cache"],
        purpose: "which compilers call for __builtin___clear_cache(), and where the address of a nested function is taken",
        fix: "use flush_icache_range(), and functions that are not nested",
    },
    CompilerSymbol {
        names: &["__cpu_model", "__cpu_indicator_init", "__cpu_features2", "__aarch64_cpu_features", "__riscv_feature_bits"],
        purpose: "to which __builtin_cpu_supports() and target_clones refer",
        fix: "use the kernel's functions: boot_cpu_has() and static_cpu_has() on x86, cpus_have_cap() on arm64",
    },
    CompilerSymbol {
        names: &["__call_via_*", "__gnu_thumb1_case_*", "__ARM_call_via_*"],
        purpose: "which compilers call in Thumb code for old processors of arm",
        fix: "compile with the kernel's own make, which names the machine (-march) that the kernel is for",
    },
    CompilerSymbol {
        names: &["__safestack_*"],
        purpose: "which code compiled with -fsanitize=safe-stack uses",
        fix: "compile without -fsanitize=safe-stack: the kernel has no such stack",
    },
    CompilerSymbol {
        names: &[
            "__start_*", "__stop_*", "_etext", "etext", "__etext", "_edata", "edata", "_end", "end", "__bss_start", "__ehdr_start",
            "__executable_start", "__preinit_array_start", "__preinit_array_end", "__init_array_start", "__init_array_end",
            "__fini_array_start", "__fini_array_end", "__rela_iplt_start", "__rela_iplt_end",
        ],
        purpose: "which linkers define for a program, or for the kernel as a whole, at the ends of a section",
        fix: "the linker makes a module with -r, which defines no such symbols: reach the entries of the section in another way, such as an \
              array, or define the symbols in a linker script of the module's own (ldflags-y := -T SCRIPT)",
    },
    CompilerSymbol {
        names: &["_gfortran_*", "__gnat_*", "__objc_*", "objc_*", "__go_*", "_d_*"],
        purpose: "which the run-time library of another language has (Fortran, Ada, Objective-C, Go or D)",
        fix: "write the module in C, or in Rust where the kernel has it: the kernel has no run-time library of other languages",
    },
    CompilerSymbol {
        names: &["__stack_chk_fail", "__stack_chk_guard", "__stack_chk_fail_local", "__ref_stack_chk_guard", "__stack_smash_handler"],
        purpose: "which code compiled with -fstack-protector uses",
        fix: "compile with the kernel's own make and configuration: the kernel has no stack protector (CONFIG_STACKPROTECTOR), or \
              keeps its canary elsewhere, for instance in each task; by hand, compile with -fno-stack-protector",
    },
    CompilerSymbol {
        names: &[
            "__x86_indirect_thunk_*", "__x86_indirect_call_thunk_*", "__x86_indirect_jump_thunk_*", "__x86_indirect_thunk", "__x86_return_thunk",
            "__llvm_retpoline_*", "__llvm_external_retpoline_*", "__s390_indirect_jump_*",
        ],
        purpose: "through which compilers branch where the kernel is protected from Spectre",
        fix: "compile with the kernel's own make and configuration: the kernel has no such mitigation (CONFIG_MITIGATION_RETPOLINE, \
              CONFIG_MITIGATION_RETHUNK; CONFIG_RETPOLINE up to 6.8; CONFIG_EXPOLINE on s390), or its compiler names the thunks differently",
    },
    CompilerSymbol {
        names: &["__fentry__", "mcount", "_mcount", "__mcount", "__gnu_mcount_nc", "_mcleanup", "__xray_*", "__cyg_profile_func_enter", "__cyg_profile_func_exit"],
        purpose: "which compilers call at the beginning of each function for a tracer",
        fix: "compile with the kernel's own make and configuration: the kernel has no such tracer (CONFIG_FUNCTION_TRACER); by hand, \
              compile without -pg, -mfentry, -finstrument-functions and -fxray-instrument",
    },
    CompilerSymbol {
        names: &["__gcov_*", "gcov_*", "llvm_gcda_*", "llvm_gcov_*", "__llvm_profile_*", "__profc_*", "__profd_*"],
        purpose: "which code compiled for coverage or profiles uses",
        fix: "compile without --coverage, -fprofile-arcs and -fprofile-generate: the kernel has no CONFIG_GCOV_KERNEL",
    },
    CompilerSymbol {
        names: &["__asan_*", "___asan_*", "__hwasan_*", "__kasan_*"],
        purpose: "which code compiled with -fsanitize=kernel-address uses",
        fix: "compile with the kernel's own make and configuration: the kernel has no CONFIG_KASAN, or one of another mode; by hand, \
              compile without -fsanitize",
    },
    CompilerSymbol {
        names: &["__ubsan_*"],
        purpose: "which code compiled with -fsanitize=undefined uses",
        fix: "compile with the kernel's own make and configuration: the kernel has no CONFIG_UBSAN, or not this check; by hand, compile \
              without -fsanitize",
    },
    CompilerSymbol {
        names: &["__tsan_*", "__kcsan_*"],
        purpose: "which code compiled with -fsanitize=thread uses",
        fix: "compile with the kernel's own make and configuration: the kernel has no CONFIG_KCSAN; by hand, compile without -fsanitize",
    },
    CompilerSymbol {
        names: &["__msan_*", "__kmsan_*"],
        purpose: "which code compiled with -fsanitize=kernel-memory uses",
        fix: "compile with the kernel's own make and configuration: the kernel has no CONFIG_KMSAN; by hand, compile without -fsanitize",
    },
    CompilerSymbol {
        names: &["__sanitizer_cov_*", "__sancov_*"],
        purpose: "which code compiled with -fsanitize-coverage uses",
        fix: "compile with the kernel's own make and configuration: the kernel has no CONFIG_KCOV; by hand, compile without \
              -fsanitize-coverage",
    },
    CompilerSymbol {
        names: &["__cfi_*", "__kcfi_*"],
        purpose: "which code compiled with -fsanitize=cfi or -fsanitize=kcfi uses",
        fix: "compile with the kernel's own make and configuration: the kernel has no CONFIG_CFI (CONFIG_CFI_CLANG up to 6.17), or one of \
              another kind; by hand, compile without -fsanitize",
    },
    CompilerSymbol {
        names: &["_GLOBAL_OFFSET_TABLE_", "__gnu_local_gp", "_gp_disp"],
        purpose: "the table by which position-independent code finds its data",
        fix: "compile with -fno-pic -fno-pie (on mips also -mno-abicalls), as the kernel's own make does",
    },
    CompilerSymbol {
        names: &[
            "__memcpy_chk", "__memmove_chk", "__memset_chk", "__mempcpy_chk", "__strcpy_chk", "__stpcpy_chk", "__strncpy_chk",
            "__stpncpy_chk", "__strcat_chk", "__strncat_chk", "__strlcpy_chk", "__strlcat_chk", "__sprintf_chk", "__vsprintf_chk",
            "__snprintf_chk", "__vsnprintf_chk", "__printf_chk", "__fprintf_chk", "__vprintf_chk", "__chk_fail", "__fortify_fail",
        ],
        purpose: "which code compiled with the C library's headers and -D_FORTIFY_SOURCE calls",
        fix: "compile with the kernel's own make, which passes -nostdinc and the kernel's headers; by hand, without -D_FORTIFY_SOURCE",
    },
    CompilerSymbol {
        names: &[
            "malloc", "calloc", "realloc", "free", "printf", "vprintf", "fprintf", "vfprintf", "puts", "putchar", "fputs", "fputc", "fopen",
            "fclose", "fread", "fwrite", "fgets", "fflush", "fseek", "perror", "strerror", "stdin", "stdout", "stderr", "__errno_location",
            "__assert_fail", "__ctype_b_loc", "__libc_start_main", "__isoc99_*", "__isoc23_*", "exit", "atexit", "getenv", "atoi", "atol",
            "strtol", "strtoul", "strtoll", "strtoull", "strdup", "strtok", "qsort", "rand", "srand", "sleep", "usleep", "nanosleep",
            "gettimeofday", "clock_gettime", "errno", "environ", "alloca", "memmem", "bzero",
            "asprintf", "vasprintf", "strtod", "atof", "dlopen", "dlsym", "dlclose", "pthread_*", "setjmp", "longjmp",
        ],
        purpose: "which programs take from the C library",
        fix: "use what the kernel has: kmalloc() and kfree() for malloc() and free(), pr_info() for printf(), kthread_run() for \
              pthread_create(), kstrtol() for strtol(), msleep() for sleep(); an object that belongs to a program does not belong into \
              the module",
    },
    CompilerSymbol {
        names: &["__tls_get_addr", "___tls_get_addr", "__tls_get_offset", "__emutls_get_address", "__aeabi_read_tp"],
        purpose: "which compilers call for a thread-local variable",
        fix: "use DEFINE_PER_CPU() or a field of your own instead of __thread and _Thread_local: modules have no thread-local storage",
    },
    CompilerSymbol {
        names: &[
            "__aeabi_memcpy*", "__aeabi_memmove*", "__aeabi_memset*", "__aeabi_memclr*",
        ],
        purpose: "which clang calls instead of memcpy() and memset() on arm",
        fix: "compile with the kernel's own make, which passes -meabi gnu to clang",
    },
    CompilerSymbol {
        names: &["__aeabi_unwind_cpp_pr*"],
        purpose: "to which the unwind tables of arm refer",
        fix: "compile with the kernel's own make and configuration: the kernel has no CONFIG_ARM_UNWIND; by hand, compile with \
              -fno-asynchronous-unwind-tables -fno-unwind-tables",
    },
    CompilerSymbol {
        names: &[
            "__aeabi_f*", "__aeabi_d*", "__aeabi_i2f", "__aeabi_i2d", "__aeabi_ui2f", "__aeabi_ui2d", "__aeabi_l2f", "__aeabi_l2d",
            "__aeabi_ul2f", "__aeabi_ul2d", "__aeabi_cfcmp*", "__aeabi_cdcmp*", "__aeabi_h2f*", "__gnu_h2f_ieee", "__gnu_f2h_ieee",
            "__addsf3", "__subsf3", "__mulsf3", "__divsf3", "__negsf2", "__powisf2", "__adddf3", "__subdf3", "__muldf3", "__divdf3",
            "__negdf2", "__powidf2", "__addtf3", "__subtf3", "__multf3", "__divtf3", "__negtf2", "__eqsf2", "__nesf2", "__ltsf2",
            "__lesf2", "__gtsf2", "__gesf2", "__unordsf2", "__eqdf2", "__nedf2", "__ltdf2", "__ledf2", "__gtdf2", "__gedf2",
            "__unorddf2", "__eqtf2", "__netf2", "__lttf2", "__letf2", "__gttf2", "__getf2", "__unordtf2", "__cmpsf2", "__cmpdf2",
            "__fixsfsi", "__fixsfdi", "__fixunssfsi", "__fixunssfdi", "__fixdfsi", "__fixdfdi", "__fixunsdfsi", "__fixunsdfdi",
            "__fixtfsi", "__fixtfdi", "__fixunstfsi", "__fixunstfdi", "__floatsisf", "__floatdisf", "__floatunsisf", "__floatundisf",
            "__floatsidf", "__floatdidf", "__floatunsidf", "__floatundidf", "__floatsitf", "__floatditf", "__floatunsitf",
            "__floatunditf", "__extendsfdf2", "__extendsftf2", "__extenddftf2", "__extendhfsf2", "__truncdfsf2", "__trunctfsf2",
            "__trunctfdf2", "__truncsfhf2", "__truncdfhf2", "__muldc3", "__mulsc3", "__multc3", "__divdc3", "__divsc3",
            "__divtc3", "__fixsfti", "__fixdfti", "__fixtfti", "__fixunssfti", "__fixunsdfti", "__floattisf", "__floattidf", "__floattitf",
            "__floatuntisf", "__floatuntidf", "__mips16_*", "sqrt", "sqrtf", "sin", "sinf", "cos", "cosf", "tan", "tanf", "exp",
            "expf", "log", "logf", "pow", "powf", "floor", "floorf", "ceil", "ceilf", "round", "roundf", "fabs", "fabsf", "fmod", "fmodf",
        ],
        purpose: "which code with floating-point numbers calls",
        fix: "compute with integers or fixed-point numbers: the kernel has no library of floating-point functions",
    },
    CompilerSymbol {
        names: &["__aarch64_cas*", "__aarch64_swp*", "__aarch64_ldadd*", "__aarch64_ldclr*", "__aarch64_ldeor*", "__aarch64_ldset*",
            "__aarch64_have_lse_atomics"],
        purpose: "which GCC calls on arm64 for atomic operations",
        fix: "compile with -mno-outline-atomics, as the kernel's own make does, or use the kernel's atomic_t",
    },
    CompilerSymbol {
        names: &[
            "__atomic_load*", "__atomic_store*", "__atomic_exchange*", "__atomic_compare_exchange*", "__atomic_fetch_*",
            "__sync_fetch_and_*", "__sync_add_and_*", "__sync_sub_and_*", "__sync_and_and_*", "__sync_or_and_*", "__sync_xor_and_*",
            "__sync_bool_compare_and_swap*", "__sync_val_compare_and_swap*", "__sync_lock_test_and_set*", "__sync_synchronize",
        ],
        purpose: "which compilers call for atomic operations that the machine has no instruction for",
        fix: "use the kernel's atomic_t and atomic64_t instead of the compiler's __atomic and __sync functions",
    },
    CompilerSymbol {
        names: &[
            "_savegpr*", "_restgpr*", "_savefpr*", "_restfpr*", "_savevr*", "_restvr*", "_save32gpr*", "_rest32gpr*",
        ],
        purpose: "which compilers call on powerpc to save registers when they optimize for size",
        fix: "build with the kernel's own make, which links arch/powerpc/lib/crtsavres.o into each module",
    },
    CompilerSymbol {
        names: &["__riscv_save_*", "__riscv_restore_*"],
        purpose: "which compilers call on riscv to save registers when they optimize for size",
        fix: "compile with -mno-save-restore, as the kernel's own make does",
    },
    CompilerSymbol {
        names: &[
            "__gxx_personality_v0", "__gcc_personality_v0", "_Unwind_*", "__cxa_*", "__dso_handle", "_Znw*", "_Zna*", "_Zdl*", "_Zda*",
            "_ZSt*", "_ZTV*", "_ZTI*", "__register_frame_info*", "__deregister_frame_info*",
        ],
        purpose: "which C++ and exceptions need at run time",
        fix: "write the module in C: the kernel has no run-time library of C++; by hand, at least compile with -fno-exceptions -fno-rtti \
              -fno-threadsafe-statics",
    },
    CompilerSymbol {
        names: &["rust_eh_personality", "rust_begin_unwind", "__rust_alloc", "__rust_dealloc", "__rust_realloc", "__rust_alloc_zeroed"],
        purpose: "which Rust code needs from its panic handler or allocator",
        fix: "build the Rust code with the kernel's own make, which compiles it with panic=abort against the kernel's crates",
    },
    CompilerSymbol {
        names: &["__bad_udelay", "__bad_ndelay"],
        purpose: "which the kernel's headers name where udelay() or ndelay() gets a constant that is too large",
        fix: "use mdelay(), or better usleep_range() or msleep()",
    },
    CompilerSymbol {
        names: &["__compiletime_assert_*", "__compiletime_error_*"],
        purpose: "which the kernel's headers name where BUILD_BUG_ON() is not known to hold",
        fix: "compile with the kernel's own make, which optimizes (-O2); without optimization no such condition is decided",
    },
];

#[cfg(test)]
mod tests {
    use super::{CompilerSymbol, TABLE};

    /// Symbols of every kind and architecture, as bug reports name them.
    #[test]
    fn what_compilers_emit_is_known() {
        let fixes = [
            ("__udivdi3", "do_div()"),
            ("__aeabi_uldivmod", "do_div()"),
            ("__stack_chk_guard", "-fno-stack-protector"),
            ("__x86_indirect_thunk_rax", "CONFIG_MITIGATION_RETPOLINE"),
            ("__x86_return_thunk", "CONFIG_MITIGATION_RETHUNK"),
            ("__fentry__", "-pg"),
            ("__gnu_mcount_nc", "-pg"),
            ("__gcov_init", "CONFIG_GCOV_KERNEL"),
            ("__asan_load4_noabort", "CONFIG_KASAN"),
            ("__ubsan_handle_out_of_bounds", "CONFIG_UBSAN"),
            ("__tsan_read8", "CONFIG_KCSAN"),
            ("__cfi_slowpath_diag", "CONFIG_CFI"),
            ("_GLOBAL_OFFSET_TABLE_", "-fno-pic"),
            ("__memcpy_chk", "-nostdinc"),
            ("__aeabi_dmul", "integers"),
            ("__addsf3", "integers"),
            ("cosf", "integers"),
            ("__aeabi_unwind_cpp_pr1", "CONFIG_ARM_UNWIND"),
            ("__aarch64_ldadd4_acq_rel", "-mno-outline-atomics"),
            ("_restgpr0_29", "crtsavres.o"),
            ("__riscv_save_3", "-mno-save-restore"),
            ("__tls_get_addr", "DEFINE_PER_CPU()"),
            ("malloc", "kmalloc()"),
            ("errno", "kmalloc()"),
            ("__addvsi3", "-ftrapv"),
            ("__mulodi4", "linux/overflow.h"),
            ("__morestack_non_split", "-fsplit-stack"),
            ("__rust_probestack", "kmalloc()"),
            ("__clear_cache", "flush_icache_range()"),
            ("__cpu_model", "boot_cpu_has()"),
            ("__gnu_thumb1_case_uqi", "-march"),
            ("__start_my_section", "-r"),
            ("_gfortran_st_write", "Rust"),
            ("__muldc3", "integers"),
            ("_ZTVN10__cxxabiv117__class_type_infoE", "C++"),
            ("pthread_mutex_lock", "kthread_run()"),
        ];
        for (symbol, part) in fixes {
            let known = CompilerSymbol::of(symbol).unwrap_or_else(|| panic!("{symbol} is not known"));
            assert!(known.fix.contains(part), "{symbol}: {}", known.fix);
        }
        for symbol in [
            "printk",
            "memcpy",
            "__kmalloc",
            "fortify_panic",
            "exp_funnel",
            "synchronize_rcu",
            "__sync_dirty_buffer",
            "gcovr",
            "log_init",
            "end_page_writeback",
            "objcg_charge",
        ] {
            assert!(CompilerSymbol::of(symbol).is_none(), "{symbol}");
        }
    }

    /// Symbols of the C library are those that no kernel exports: many have a namesake there, such as memcpy and snprintf.
    #[test]
    fn no_kernel_exports_what_the_c_library_does() {
        let row = CompilerSymbol::of("malloc").expect("it is known");
        for kernel in ["5.10", "6.1", "6.12", "6.12-arm64", "7.3"] {
            let path = format!("{}/testdata/kernels/{kernel}/Module.symvers", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).expect("the fixture is there");
            let exported = text.lines().filter_map(|line| line.split('\t').nth(1));
            let found: Vec<_> = exported.filter(|symbol| CompilerSymbol::of(symbol) == Some(row)).collect();
            assert!(found.is_empty(), "{kernel}: {found:?}");
        }
    }

    #[test]
    fn no_name_is_in_two_rows() {
        for (index, row) in TABLE.iter().enumerate() {
            for name in row.names {
                let first = CompilerSymbol::of(name.trim_end_matches('*'));
                assert_eq!(first, TABLE.get(index), "{name}");
            }
        }
    }
}
