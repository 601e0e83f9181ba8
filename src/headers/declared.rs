//! Reads what one statement at file scope declares, and the name and parameters of the function it begins.

use super::attributes::{group, group_length, joined, split_at_commas, without_attributes};
use super::mention::Declaration;
use super::names::WantedNames;
use super::parameters::{after_stars, bracketed, can_be_name, is_tag_word, is_typeof, parameters};
use super::parameters::{spelled_alike, without_name};
use super::tokens::HeaderToken;

/// The largest number of words in a type that several names share. Without a limit, time would grow with the square of
/// the text.
const MAX_TYPE_WORDS: usize = 64;

/// The head of a function: everything before its body.
#[derive(Clone, Debug)]
pub(super) struct Head<'t> {
    pub(super) name: &'t str,
    pub(super) line: u32,
    /// The words of its parameters, which hide other names in the body.
    pub(super) hidden: Vec<&'t str>,
}

/// A statement without attributes and storage classes.
struct PlainStatement<'t> {
    /// The remaining tokens.
    tokens: Vec<HeaderToken<'t>>,
    is_extern: bool,
    /// Whether it is static, or a typedef, and so declares nothing to the linker.
    is_local: bool,
}

fn plain<'t>(statement: &[HeaderToken<'t>], names: &WantedNames<'_>) -> PlainStatement<'t> {
    let all = without_attributes(statement, |word| names.has(word));
    let has = |word: &str| all.iter().any(|token| token.is(word));
    let is_extern = has("extern");
    let is_local = has("static") || has("typedef");
    let tokens = all.iter().filter(|token| !token.is("extern") && !token.is("static")).copied().collect();
    PlainStatement { tokens, is_extern, is_local }
}

/// The function that begins with these tokens, just before its body; `None` if the body belongs to something else.
pub(super) fn function_head<'t>(statement: &[HeaderToken<'t>], names: &WantedNames<'_>) -> Option<Head<'t>> {
    let PlainStatement { tokens, .. } = plain(statement, names);
    let at = name_at(&tokens)?;
    let name = tokens.get(at)?;
    let after = tokens.get(at + 1..)?;
    let is_function = after.first().is_some_and(|token| token.is("(")) && !tokens.iter().any(|token| token.is("="));
    let words = group(after).iter().filter(|token| token.is_word() && names.has(token.text));
    is_function.then(|| Head { name: name.text, line: name.line, hidden: words.map(|token| token.text).collect() })
}

/// The wanted names that a statement declares to the linker.
pub(super) fn declared(
    file: &str,
    statement: &[HeaderToken<'_>],
    names: &WantedNames<'_>,
) -> Vec<(String, Declaration)> {
    if !statement.iter().any(|token| token.is_word() && names.has_or_makes(token.text)) {
        return Vec::new();
    }
    let PlainStatement { mut tokens, is_extern, is_local } = plain(statement, names);
    if is_local {
        return Vec::new();
    }
    // ACPI's prototypes are in brackets, and have bodies for kernels without ACPI (include/acpi/acpixf.h).
    if tokens.first().is_some_and(|called| called.text.contains("_RETURN_")) {
        tokens = group(tokens.get(1..).unwrap_or_default()).to_vec();
    }
    if let [name, open, next, ..] = tokens.as_slice()
        && name.is_word()
        && !is_typeof(name)
        && open.is("(")
        && !next.is("*")
    {
        return declared_by_macro(file, &tokens, names);
    }
    let pieces = split_at_commas(&tokens);
    let base = pieces.first().and_then(|first| {
        let before = first.get(..name_at(first)?)?;
        let stars = before.iter().rev().take_while(|token| token.is("*") || token.is("(")).count();
        before.get(..before.len() - stars).filter(|base| base.len() <= MAX_TYPE_WORDS)
    });
    let mut found = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let whole = match base {
            Some(base) if number > 0 => [base, piece].concat(),
            _ => piece.to_vec(),
        };
        let declaration = name_at(&whole).filter(|at| whole.get(*at).is_some_and(|name| names.has(name.text)));
        found.extend(declaration.and_then(|at| declaration_of(file, &whole, at, is_extern)));
    }
    found
}

/// The index of the declared name: the token before the parameters, the token after the star of a pointer to a
/// function, or the last token outside of brackets. A declaration needs a type, so the name is never the first token.
fn name_at(tokens: &[HeaderToken<'_>]) -> Option<usize> {
    let mut at = 0;
    let mut last = None;
    while let Some(token) = tokens.get(at) {
        let rest = tokens.get(at..).unwrap_or_default();
        match token.text {
            "=" | "[" | ":" => break,
            "(" => {
                let previous = at.checked_sub(1).and_then(|at| tokens.get(at));
                let inner = rest.get(1..).unwrap_or_default();
                let after = rest.get(group_length(rest)..).unwrap_or_default();
                if previous.is_some_and(is_typeof) {
                    last = None;
                } else if inner.first().is_some_and(|token| token.is("*")) {
                    return after_stars(inner).map(|behind| at + 1 + behind);
                } else if !matches!(after, [name, open, ..] if name.is_word() && open.is("("))
                    && previous.is_some_and(can_be_name)
                    && at > 1
                {
                    return Some(at - 1);
                }
                at += group_length(rest);
                continue;
            }
            _ if can_be_name(token) => last = Some(at),
            _ => last = None,
        }
        at += 1;
    }
    let is_tag = |at: usize| at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(is_tag_word);
    last.filter(|at| *at >= 1 && !is_tag(*at))
}

fn declaration_of(file: &str, tokens: &[HeaderToken<'_>], at: usize, is_extern: bool) -> Option<(String, Declaration)> {
    let name = tokens.get(at)?;
    let (head, rest) = tokens.split_at_checked(at + 1)?;
    let list = rest.first().is_some_and(|token| token.is("(")).then(|| parameters(rest));
    let (text, shape) = match &list {
        Some(list) => {
            // What follows the parameters is an unknown attribute, or the rest of the pointer that the function
            // returns.
            let tail = rest.get(group_length(rest)..).filter(|tail| tail.first().is_some_and(|token| token.is(")")));
            let with = |shown: &dyn Fn(&[HeaderToken<'_>]) -> String| {
                let list: Vec<_> = list.iter().map(|parameter| shown(parameter)).collect();
                format!("({}){}", list.join(", "), joined(tail.unwrap_or_default()))
            };
            let nothing = if list.is_empty() { "(void)".to_owned() } else { String::new() };
            let named = if list.is_empty() { nothing } else { with(&|parameter| joined(parameter)) };
            let nameless = with(&|parameter| joined(&spelled_alike(&without_name(parameter))));
            (joined(head) + &named, joined(&spelled_alike(head)) + &nameless)
        }
        None => {
            let end = tokens.iter().position(|token| token.is("=")).unwrap_or(tokens.len());
            let whole = tokens.get(..end).unwrap_or_default();
            let storage = if is_extern { "extern " } else { "" };
            (format!("{storage}{}", joined(whole)), joined(&spelled_alike(whole)))
        }
    };
    let parameters = list.map(|list| list.into_iter().map(joined).collect());
    let declaration = Declaration { file: file.to_owned(), line: name.line, text, parameters, shape };
    Some((name.text.to_owned(), declaration))
}

/// What a macro declares for the names it is given: data of its own kind, static calls or tracepoints.
fn declared_by_macro(file: &str, tokens: &[HeaderToken<'_>], names: &WantedNames<'_>) -> Vec<(String, Declaration)> {
    let (Some(called), Some(rest)) = (tokens.first(), tokens.get(1..)) else { return Vec::new() };
    let traces = ["TRACE_EVENT", "DEFINE_EVENT", "DECLARE_TRACE"].iter().any(|family| called.text.starts_with(family));
    let calls = called.text.starts_with("DECLARE_STATIC_CALL");
    let data = called.text.contains("DECLARE_") || matches!(called.text, "ACPI_GLOBAL" | "ACPI_INIT_GLOBAL");
    if !traces && !data {
        return Vec::new();
    }
    let arguments = split_at_commas(group(rest));
    let prototype = arguments.iter().find(|argument| argument.first().is_some_and(|word| word.is("TP_PROTO")));
    let mut found = Vec::new();
    for argument in arguments.iter().take(if calls { 1 } else { arguments.len() }) {
        let ([name] | [name, ..]) = *argument else { continue };
        if !name.is_word() || argument.get(1).is_some_and(|next| !next.is("[")) {
            continue;
        }
        let text = if traces {
            let shown: Vec<_> = std::iter::once(argument).chain(prototype).copied().collect();
            format!("{}{}", called.text, joined(&bracketed(&shown, <[_]>::to_vec)))
        } else {
            joined(tokens)
        };
        let is_made = |made: &&&str| if calls { made.starts_with("__SC") } else { traces };
        let made = names.made_of(name.text).iter().filter(is_made).copied();
        let own = (!calls && !traces && names.has(name.text)).then_some(name.text);
        for declared in made.chain(own) {
            let declaration = Declaration {
                file: file.to_owned(),
                line: name.line,
                text: text.clone(),
                parameters: None,
                shape: text.clone(),
            };
            found.push((declared.to_owned(), declaration));
        }
        // A macro declares only one thing. Finding out more would take a preprocessor.
        if !found.is_empty() {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tokens::tokens;
    use super::*;

    fn of(statement: &str, name: &str) -> Option<Declaration> {
        let all = BTreeSet::from([name]);
        let names = WantedNames::new(&all);
        declared("a.h", &tokens(statement), &names).into_iter().next().map(|(_, declaration)| declaration)
    }

    fn text(statement: &str, name: &str) -> String {
        of(statement, name).map(|declaration| declaration.text).unwrap_or_default()
    }

    #[test]
    fn prototypes_are_read_with_their_parameters() {
        let found = of("extern __printf(2, 3) int __must_check\nf(struct x * p, const char *fmt, ...) __used", "f");
        let found = found.expect("it is declared");
        assert_eq!(found.text, "int f(struct x *p, const char *fmt, ...)");
        assert_eq!(
            found.parameters.as_deref(),
            Some(&["struct x *p".into(), "const char *fmt".into(), "...".into()][..])
        );
        assert_eq!(found.line, 2);
        assert_eq!(of("void f(void)", "f").and_then(|found| found.parameters), Some(vec![]));
        assert_eq!(text("void f(void)", "f"), "void f(void)");
        assert_eq!(text("void *(*f(int a))(int)", "f"), "void *(*f(int a))(int)");
        assert_eq!(text("int a(int), *f(long)", "f"), "int *f(long)");
        assert_eq!(text("ACPI_EXTERNAL_RETURN_STATUS(acpi_status f(u32 a))", "f"), "acpi_status f(u32 a)");
        // An unknown attribute stays, except after the parameters.
        assert_eq!(text("int __strange(1) f(int a) __unheard_of", "f"), "int __strange(1) f(int a)");
    }

    #[test]
    fn data_has_no_parameters() {
        for (statement, expected) in [
            ("extern struct net f", "extern struct net f"),
            ("extern unsigned long volatile __cacheline_aligned_in_smp f", "extern unsigned long volatile f"),
            ("extern int (*f)(int a)", "extern int (*f)(int a)"),
            ("extern const char *a, * const f[]", "extern const char *const f[]"),
            ("extern char a[3], f[4]", "extern char f[4]"),
            ("DECLARE_PER_CPU(struct x, f)", "DECLARE_PER_CPU(struct x, f)"),
            ("DECLARE_STATIC_KEY_FALSE(f)", "DECLARE_STATIC_KEY_FALSE(f)"),
            ("extern typeof(a) f", "extern typeof(a) f"),
            ("ACPI_INIT_GLOBAL(u8, f, 0)", "ACPI_INIT_GLOBAL(u8, f, 0)"),
        ] {
            let found = of(statement, "f").expect(statement);
            assert_eq!((found.text.as_str(), found.parameters), (expected, None));
        }
    }

    #[test]
    fn other_statements_do_not_declare_the_name() {
        for statement in [
            "int g(int f)",
            "struct f",
            "struct f *g(void)",
            "typedef int f(int)",
            "static int f(int)",
            "EXPORT_SYMBOL(f)",
            "DECLARE_PER_CPU(struct f, g)",
            "extern int (*g)(int f)",
            "static_assert(f)",
            "DECLARE_STATIC_CALL(f, g)",
            "int g = f",
        ] {
            assert_eq!(of(statement, "f"), None, "{statement}");
        }
    }

    #[test]
    fn static_calls_and_tracepoints_are_declared_by_their_stems() {
        assert_eq!(text("DECLARE_STATIC_CALL(might, f)", "__SCT__might"), "DECLARE_STATIC_CALL(might, f)");
        let event = "TRACE_EVENT(hit, TP_PROTO(int a, int b), TP_ARGS(a, b), TP_fast_assign(x = a; y = b;))";
        assert_eq!(text(event, "__tracepoint_hit"), "TRACE_EVENT(hit, TP_PROTO(int a, int b))");
        assert_eq!(
            text("DEFINE_EVENT(class, hit, TP_PROTO(int a))", "__SCT__tp_func_hit"),
            "DEFINE_EVENT(hit, TP_PROTO(int a))"
        );
    }

    #[test]
    fn shapes_ignore_names_and_storage() {
        let same = |a: &str, b: &str| {
            let (a, b) = (of(a, "f").expect(a), of(b, "f").expect(b));
            a.same_shape(&b) && b.same_shape(&a)
        };
        assert!(same("extern int f(struct x *a, unsigned int b)", "int __must_check f(struct x *, unsigned c)"));
        assert!(same("extern int f", "int f"));
        assert!(!same("int f(struct x *a)", "int f(struct y *a)"));
        assert!(!same("int f(void __user *a)", "int f(void *a)"));
        assert!(!same("int f(int a)", "void f(int a)"));
        assert!(!same("int f(int a)", "int f(int a, int b)"));
    }
}
