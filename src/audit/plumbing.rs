//! Names of functions that are plumbing: code calls them to order threads, to trace or to print messages. A wrapper
//! that calls them besides is still a wrapper.
//!
//! The lists are by name alone: what a function does is not looked at.

use crate::graph::Register;

/// Prefixes of names: locks, preemption, tracing, checks that a configuration compiles in, and messages.
const PREFIXES: &[&str] = &[
    "__asan_",
    "__cond_resched",
    "__hwasan_",
    "__kasan_",
    "__kcsan_",
    "__kmsan_",
    "__lockdep_",
    "__might_",
    "__msan_",
    "__rcu_read_",
    "__sanitizer_",
    "__srcu_read_",
    "__stack_chk_",
    "__traceiter_",
    "__tsan_",
    "__ubsan_",
    "__warn",
    "_cond_resched",
    "_raw_read_",
    "_raw_spin_",
    "_raw_write_",
    "debug_lock",
    "dump_stack",
    "kasan_",
    "kcsan_",
    "kmsan_",
    "lock_acquire",
    "lock_release",
    "lock_is_held",
    "lockdep_",
    "might_",
    "mutex_lock",
    "mutex_trylock",
    "mutex_unlock",
    "__mutex_",
    "ww_mutex_",
    "preempt_",
    "__preempt_",
    "rcu_read_",
    "rt_mutex_",
    "rt_spin_",
    "rt_read_",
    "rt_write_",
    "rwsem_",
    "spin_",
    "srcu_",
    "trace_hardirqs_",
    "trace_preempt_",
    "__trace_",
    "warn_slowpath",
    "_warn",
    "down_read",
    "down_write",
    "up_read",
    "up_write",
    "percpu_down_",
    "percpu_up_",
    "local_bh_",
    "__local_bh_",
    "queued_",
    "native_queued_",
    "lock_sock",
    "release_sock",
    "static_key_",
    "__static_key_",
    "__SCT__might_resched",
    "__SCT__cond_resched",
    "__SCT__preempt_schedule",
    "__SCT__tp_func_",
    "__tracepoint_",
    "_dev_",
    "dev_printk",
    "dev_warn",
    "dev_err",
    "__dynamic_",
    "_printk",
    "printk",
    "___ratelimit",
    "__printk_ratelimit",
    "netdev_err",
    "netdev_warn",
    "__migrate_",
    "migrate_enable",
    "migrate_disable",
    "__get_task_comm",
    "context_tracking_",
    "__ct_user_",
    "tracing_",
    "__percpu_",
    "percpu_rwsem_",
    "__percpu_down",
    "add_taint",
    "kmemleak_",
    "__dump_",
    "ftrace_",
    "mcount",
    "_mcount",
    "__fentry__",
    "__x86_return_thunk",
    "__x86_indirect_",
    "srso_",
    "retbleed_",
    "entry_ibpb",
    "lockref_",
    "__sanitizer",
    "__refrigerator",
    "fortify_panic",
    "__fortify_panic",
    "__cfi_",
    "__kcfi_",
    "usercopy_abort",
    "panic",
    "__SCT__irqentry_",
    "ktime_get",
    "synchronize_rcu",
    "synchronize_srcu",
    "synchronize_net",
    "rcu_barrier",
    "get_state_synchronize_",
    "cpus_read_",
    "cpus_write_",
    "__static_call_return0",
    "smp_processor_id",
    "debug_smp_processor_id",
];

/// Returns whether a function is plumbing.
pub fn is_plumbing(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns whether a function is plumbing that orders threads: locks, barriers, preemption. A wrapper that does nothing
/// else hands out that function.
pub fn orders_threads(name: &str) -> bool {
    const MESSAGES: [&str; 8] =
        ["__asan", "kasan", "__kasan", "__warn", "_printk", "printk", "__ubsan", "__static_call"];
    is_plumbing(name) && !name.starts_with("__SC") && !MESSAGES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns whether a call of the function preserves all registers.
pub fn keeps_registers(name: &str) -> bool {
    matches!(name, "__fentry__" | "mcount" | "_mcount" | "ftrace_caller")
        || name.starts_with("__SCT__preempt_schedule")
        || name.starts_with("preempt_schedule")
        || name.starts_with("__preempt_schedule")
}

/// Returns whether a jump to the function is a return, as compilers write it against speculation.
pub fn is_return_thunk(name: &str) -> bool {
    matches!(name, "__x86_return_thunk" | "zen_untrain_ret" | "srso_return_thunk" | "retbleed_return_thunk")
}

/// The register that `__x86_indirect_thunk_REGISTER` jumps through (arch/x86/lib/retpoline.S).
pub fn indirect_thunk(name: &str) -> Option<Register> {
    const NAMES: [&str; 16] =
        ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
    let name = ["__x86_indirect_thunk_", "__x86_indirect_call_thunk_", "__x86_indirect_jump_thunk_"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))?;
    let number = NAMES.iter().position(|register| *register == name)?;
    u8::try_from(number).ok().map(Register)
}
