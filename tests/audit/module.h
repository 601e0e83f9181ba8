/* What shapes.c and hmm.c need to look like kernel modules: types, plumbing, export tables, jump labels, static calls. */
#ifndef MODULE_H
#define MODULE_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef _Bool bool;
#define NULL ((void *)0)

#define noinline __attribute__((noinline))
#if defined(__clang__)
#define helper noinline
#else
#define helper __attribute__((__noinline__, noclone))
#endif
#define cold __attribute__((cold))
#define notrace __attribute__((no_instrument_function))
#define weak __attribute__((weak))
#define used __attribute__((used))
#define in_section(name) __attribute__((section(name)))
#define unlikely(x) __builtin_expect(!!(x), 0)
#define likely(x) __builtin_expect(!!(x), 1)
#define nearly_always(x) __builtin_expect_with_probability(!!(x), 1, 0.9999)
#define once(place) (*(volatile __typeof__(place) *)&(place))

/* Plumbing. */
struct mutex { u64 words[4]; };
struct spinlock { u32 word; };
void mutex_lock(struct mutex *);
void mutex_unlock(struct mutex *);
void _raw_spin_lock(struct spinlock *);
void _raw_spin_unlock(struct spinlock *);
void __rcu_read_lock(void);
void __rcu_read_unlock(void);
void rcu_read_unlock_strict(void);
cold int _printk(const char *, ...);
cold void __warn_printk(const char *, ...);

/* Export tables: value, name, namespace, each relative to itself. module.lds sorts the entries. */
#define EXPORT_IN(table, symbol)                                                                                                \
    __asm__(".pushsection \"__ksymtab_strings\", \"a\"\n"                                                                       \
            "__kstrtab_" #symbol ": .asciz \"" #symbol "\"\n"                                                                   \
            "__kstrtabns_" #symbol ": .asciz \"\"\n"                                                                            \
            ".popsection\n"                                                                                                     \
            ".pushsection \"___ksymtab" table "+" #symbol "\", \"a\"\n"                                                         \
            ".balign 4\n"                                                                                                       \
            "__ksymtab_" #symbol ": .long " #symbol " - .\n"                                                                    \
            ".long __kstrtab_" #symbol " - .\n"                                                                                 \
            ".long __kstrtabns_" #symbol " - .\n"                                                                               \
            ".popsection\n")
#define PLAIN(symbol) EXPORT_IN("", symbol)
#define GPL_ONLY(symbol) EXPORT_IN("_gpl", symbol)

/* Jump labels: an instruction that is nothing or a jump until it is patched, and where it is said. */
struct key { int enabled; const void *entries; };
#if defined(__x86_64__)
#define NOTHING ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
#define JUMP ".byte 0xe9\n.long %l[there] - (. + 4)\n"
#else
#define NOTHING "nop\n"
#define JUMP "b %l[there]\n"
#endif
#define BRANCH(name, instruction)                                                                                               \
    static inline __attribute__((always_inline)) bool name(struct key *const key, const bool branch)                            \
    {                                                                                                                           \
        __asm__ goto("1: " instruction                                                                                          \
                     ".pushsection __jump_table, \"aw\"\n"                                                                      \
                     ".balign 8\n"                                                                                              \
                     ".long 1b - ., %l[there] - .\n"                                                                            \
                     ".quad %c0 + %c1 - .\n"                                                                                    \
                     ".popsection\n"                                                                                            \
                     : : "i"(key), "i"(branch) : : there);                                                                      \
        return 0;                                                                                                               \
    there:                                                                                                                      \
        return 1;                                                                                                               \
    }
BRANCH(branch_nothing, NOTHING)
BRANCH(branch_jump, JUMP)
/* Which of the two, by what is expected and how the key starts. */
#define rarely_off(key) unlikely(branch_nothing(key, 0))
#define rarely_on(key) unlikely(branch_jump(key, 0))
#define mostly_on(key) likely(!branch_nothing(key, 1))
#define mostly_off(key) likely(!branch_jump(key, 1))

/* Static calls: a trampoline that jumps, x86 only. */
#if defined(__x86_64__)
#define TRAMPOLINE(name, jump, scope)                                                                                           \
    __asm__(".pushsection .static_call.text, \"ax\"\n"                                                                          \
            ".balign 4\n" scope                                                                                                 \
            "__SCT__" #name ": " jump "\n"                                                                                      \
            ".byte 0x0f, 0xb9, 0xcc\n"                                                                                          \
            ".type __SCT__" #name ", @function\n"                                                                               \
            ".size __SCT__" #name ", . - __SCT__" #name "\n"                                                                    \
            ".popsection\n")
/* By the jump's bytes, by its mnemonic; for this file, for others too. */
#define STATIC_CALL(name, target) TRAMPOLINE(name, ".byte 0xe9; .long " #target " - (. + 4)", "")
#define STATIC_CALL_MNEMONIC(name, target) TRAMPOLINE(name, "jmp " #target, "")
#define STATIC_CALL_GLOBAL(name, target) TRAMPOLINE(name, ".byte 0xe9; .long " #target " - (. + 4)", ".globl __SCT__" #name "\n")
#define static_call(name, target) __SCT__##name
#else
#define STATIC_CALL(name, target) __asm__("")
#define STATIC_CALL_MNEMONIC(name, target) __asm__("")
#define STATIC_CALL_GLOBAL(name, target) __asm__("")
#define static_call(name, target) target
#endif

/* The module itself: what it says, and where its name lies in struct module. */
#if defined(__x86_64__)
#define VERMAGIC "6.6.0 SMP preempt mod_unload "
#else
#define VERMAGIC "6.6.0 SMP preempt mod_unload aarch64"
#endif
#define MODINFO(tag, text) static const char modinfo_##tag[] used in_section(".modinfo") __attribute__((aligned(1))) = #tag "=" text
struct this_module { int state; const void *list[2]; char name[56]; char rest[0x400 - 80]; } __attribute__((aligned(64)));
#define MODULE(module)                                                                                                          \
    MODINFO(license, "GPL");                                                                                                    \
    MODINFO(depends, "");                                                                                                       \
    MODINFO(name, module);                                                                                                      \
    MODINFO(vermagic, VERMAGIC);                                                                                                \
    struct this_module __this_module in_section(".gnu.linkonce.this_module") = { .name = module }

#endif
