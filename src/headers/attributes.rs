//! Removes from declarations the attributes that do not change what a call compiles to.

use super::tokens::HeaderToken;

/// Attributes without arguments, and keywords that matter as little to a caller.
const WORDS: &[&str] = &[
    "inline",
    "__inline",
    "__inline__",
    "__always_inline",
    "noinline",
    "asmlinkage",
    "notrace",
    "noinstr",
    "__visible",
    "__must_check",
    "__pure",
    "__attribute_const__",
    "__cold",
    "__hot",
    "__weak",
    "__malloc",
    "__noreturn",
    "__used",
    "__maybe_unused",
    "__always_unused",
    "__deprecated",
    "__packed",
    "__latent_entropy",
    "__naked",
    "__nocfi",
    "__noclone",
    "__noscs",
    "__noipa",
    "__nonstring",
    "__noretpoline",
    "__flatten",
    "__retain",
    "__private",
    "__gnu_inline",
    "__init",
    "__exit",
    "__initdata",
    "__initconst",
    "__init_or_module",
    "__initdata_or_module",
    "__init_memblock",
    "__initdata_memblock",
    "__init_refok",
    "__meminit",
    "__meminitdata",
    "__memexit",
    "__cpuinit",
    "__cpuinitdata",
    "__devinit",
    "__devexit",
    "__net_init",
    "__net_exit",
    "__ref",
    "__refdata",
    "__head",
    "__sched",
    "__lockfunc",
    "__kprobes",
    "__bpf_kfunc",
    "__read_mostly",
    "__ro_after_init",
    "__jiffy_arch_data",
    "__cacheline_aligned",
    "__cacheline_aligned_in_smp",
    "____cacheline_aligned",
    "____cacheline_aligned_in_smp",
    "____cacheline_internodealigned_in_smp",
    "__page_aligned_data",
    "__page_aligned_bss",
    "__aligned_largest",
    "__designated_init",
    "__externally_visible",
    "__fix_address",
    "__no_sanitize_address",
    "__no_sanitize_thread",
    "__no_sanitize_undefined",
    "__no_sanitize_coverage",
    "__no_sanitize_memory",
    "__no_sanitize_or_inline",
    "__no_kcsan",
    "__no_kcsan_or_inline",
    "__no_kasan_or_inline",
    "__no_kmsan_checks",
    "__no_profile",
    "__no_stack_protector",
    "__no_randomize_layout",
    "__randomize_layout",
    "__no_caller_saved_registers",
    "__no_context_analysis",
    "__efi_runtime",
    "__entry_text",
    "__noendbr",
    "__overloadable",
    "__hyp_text",
    "__assume_kmalloc_alignment",
    "__assume_slab_alignment",
    "__assume_page_alignment",
    "__returns_nonnull",
    "fastcall",
    "__signed_wrap",
    "__extension__",
];

/// Attributes with arguments in brackets.
const CALLS: &[&str] = &[
    "__attribute__",
    "__attribute",
    "__printf",
    "__scanf",
    "__aligned",
    "__section",
    "__alloc_size",
    "__realloc_size",
    "__alias",
    "__malloc",
    "__deprecated",
    "__mode",
    "__copy",
    "__cleanup",
    "__assume_aligned",
    "__compiletime_error",
    "__compiletime_warning",
    "__diagnose_as",
    "__no_sanitize",
    "__nonnull",
    "__counted_by",
    "__guarded_by",
    "__pt_guarded_by",
    "__must_hold",
    "__must_hold_shared",
    "__must_not_hold",
    "__error",
    "__warning",
    "asm",
    "__asm__",
    "__asm",
    "_Alignas",
    "__acquires",
    "__acquires_shared",
    "__releases",
    "__releases_shared",
    "__releases_generic",
    "__cond_acquires",
    "__cond_acquires_shared",
    "__cond_releases",
    "__acquire_ret",
    "__acquires_ret",
    "__acquires_shared_ret",
    "ACPI_PRINTF_LIKE",
    "__no_context_analysis",
];

/// The statement without its attributes. A word for which `is_wanted` returns true is not an attribute.
pub(super) fn without_attributes<'t>(
    statement: &[HeaderToken<'t>],
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<HeaderToken<'t>> {
    let mut plain = Vec::with_capacity(statement.len());
    let mut rest = statement;
    while let Some((token, after)) = rest.split_first() {
        let has_arguments = after.first().is_some_and(|next| next.is("("));
        let can_be_attribute = token.is_word() && !is_wanted(token.text);
        rest = if can_be_attribute && has_arguments && CALLS.contains(&token.text) {
            after.get(group_length(after)..).unwrap_or_default()
        } else {
            if !(can_be_attribute && WORDS.contains(&token.text)) {
                plain.push(*token);
            }
            after
        };
    }
    plain
}

/// The number of tokens from the opening bracket at the beginning to its closing one, both included.
pub(super) fn group_length(tokens: &[HeaderToken<'_>]) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The tokens inside the brackets that `tokens` begins with.
pub(super) fn group<'a, 't>(tokens: &'a [HeaderToken<'t>]) -> &'a [HeaderToken<'t>] {
    let whole = tokens.get(..group_length(tokens)).unwrap_or_default();
    let inner = whole.get(1..).unwrap_or_default();
    inner.split_last().filter(|(last, _)| last.is(")")).map_or(inner, |(_, inner)| inner)
}

/// Splits the tokens at the commas that are outside of brackets.
pub(super) fn split_at_commas<'a, 't>(tokens: &'a [HeaderToken<'t>]) -> Vec<&'a [HeaderToken<'t>]> {
    let mut depth = 0usize;
    let parts = tokens.split(|token| {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.is(",")
    });
    parts.collect()
}

/// The tokens as one line of text, with blanks as in the kernel's coding style.
pub(super) fn joined(tokens: &[HeaderToken<'_>]) -> String {
    let mut text = String::new();
    let mut previous: Option<&HeaderToken<'_>> = None;
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        if previous.is_some_and(|previous| has_blank(previous, token, next)) {
            text.push(' ');
        }
        text.push_str(token.text);
        previous = Some(token);
    }
    text
}

/// Returns whether the kernel's coding style has a blank between two tokens.
fn has_blank(previous: &HeaderToken<'_>, token: &HeaderToken<'_>, next: Option<&HeaderToken<'_>>) -> bool {
    let ends_value = previous.is_word() || previous.text.ends_with(|c: char| c.is_alphanumeric() || c == '"');
    match token.text {
        "," | ")" | "[" | "]" | ";" => false,
        _ if matches!(previous.text, "," | "=") => true,
        "(" => ends_value && next.is_some_and(|next| next.is("*")),
        "*" | "=" => ends_value || matches!(previous.text, "]" | ")"),
        _ if token.is_word() || token.text.starts_with(|c: char| c.is_alphanumeric() || c == '"') => {
            ends_value || matches!(previous.text, ")" | "]")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    #[test]
    fn attributes_are_removed_unless_they_are_wanted() {
        let text = "extern __printf(1, 2) int __must_check f(char *a, ...) __attribute__((cold(x))) __used";
        let plain = without_attributes(&tokens(text), |_| false);
        assert_eq!(joined(&plain), "extern int f(char *a, ...)");
        let plain = without_attributes(&tokens("void __warning(int a)"), |word| word == "__warning");
        assert_eq!(joined(&plain), "void __warning(int a)");
    }

    #[test]
    fn blanks_follow_the_coding_style() {
        for text in ["int (*f)(void *, char **a, ...)", "char *const argv[4]", "struct x a[N + 1]", "u8 *f(int a)"] {
            let shown = joined(&tokens(&text.replace(" + ", "+").replace('*', " * ").replace('[', " [ ")));
            assert_eq!(shown, text.replace(" + ", "+"));
        }
    }

    #[test]
    fn unclosed_brackets_end_with_the_statement() {
        assert_eq!(joined(group(&tokens("(a, (b"))), "a, (b");
        assert_eq!(group_length(&tokens("(a) b")), 3);
        assert_eq!(split_at_commas(&tokens("a, (b, c), d")).len(), 3);
    }
}
