//! Reads the parameters of a prototype: where each ends, which token is its name, and its type without the name.

use super::attributes::{group, group_length, split_at_commas};
use super::tokens::{HeaderToken, HeaderTokenKind};

/// Words of types, which are never a name.
const TYPE_WORDS: &[&str] = &[
    "int", "long", "char", "short", "unsigned", "signed", "float", "double", "void", "bool", "_Bool", "__int128",
    "struct", "union", "enum",
];

/// Words that qualify a type.
const QUALIFIERS: &[&str] = &[
    "const",
    "volatile",
    "restrict",
    "__restrict",
    "__restrict__",
    "register",
    "__user",
    "__iomem",
    "__rcu",
    "__percpu",
    "__force",
    "__kernel",
    "__nocast",
];

/// The depth to which the parameters of parameters are read.
const DEPTH: usize = 8;

/// Returns whether a token, by itself, can be a name.
pub(super) fn can_be_name(token: &HeaderToken<'_>) -> bool {
    token.is_word() && !TYPE_WORDS.contains(&token.text) && !QUALIFIERS.contains(&token.text)
}

/// Returns whether the token is followed by the name of a structure.
pub(super) fn is_tag_word(token: &HeaderToken<'_>) -> bool {
    matches!(token.text, "struct" | "union" | "enum")
}

/// Returns whether the token is followed by a type or expression in brackets.
pub(super) fn is_typeof(token: &HeaderToken<'_>) -> bool {
    matches!(token.text, "typeof" | "__typeof__" | "__typeof" | "typeof_unqual" | "__typeof_unqual__" | "TYPEOF_UNQUAL")
}

/// The parameters in the brackets that the tokens begin with; empty for `()` and `(void)`.
pub(super) fn parameters<'a, 't>(tokens: &'a [HeaderToken<'t>]) -> Vec<&'a [HeaderToken<'t>]> {
    match group(tokens) {
        [] => Vec::new(),
        [only] if only.is("void") => Vec::new(),
        inner => split_at_commas(inner),
    }
}

/// The index of the first word after the stars that the tokens begin with.
pub(super) fn after_stars(tokens: &[HeaderToken<'_>]) -> Option<usize> {
    let at = tokens.iter().position(|token| !token.is("*") && !QUALIFIERS.contains(&token.text))?;
    tokens.get(at).filter(|token| token.is_word()).map(|_| at)
}

/// The index of the name of a parameter; `None` if it has only a type.
fn name_of(parameter: &[HeaderToken<'_>]) -> Option<usize> {
    let open = parameter.iter().position(|token| token.is("("));
    if let Some((before, after)) = open.and_then(|open| Some((parameter.get(..open)?, parameter.get(open + 1..)?)))
        && !before.last().is_some_and(is_typeof)
    {
        return if after.first().is_some_and(|token| token.is("*")) {
            after_stars(after).map(|at| before.len() + 1 + at)
        } else {
            before.len().checked_sub(1).filter(|at| *at > 0 && parameter.get(*at).is_some_and(can_be_name))
        };
    }
    let end = parameter.iter().position(|token| token.is("[")).unwrap_or(parameter.len());
    let (last, before) = parameter.get(..end)?.split_last()?;
    let has_type = before.iter().any(|token| !QUALIFIERS.contains(&token.text));
    let is_tag = before.last().is_some_and(is_tag_word);
    (can_be_name(last) && has_type && !is_tag).then_some(before.len())
}

/// The type of a parameter, without its name and without the names of its own parameters.
pub(super) fn without_name<'t>(parameter: &[HeaderToken<'t>]) -> Vec<HeaderToken<'t>> {
    stripped(parameter, DEPTH)
}

fn stripped<'t>(parameter: &[HeaderToken<'t>], depth: usize) -> Vec<HeaderToken<'t>> {
    let mut nameless = parameter.to_vec();
    if let Some(at) = name_of(parameter).filter(|at| *at < nameless.len()) {
        nameless.remove(at);
    }
    let list = own_list(&nameless).filter(|_| depth > 0);
    let Some((head, tail)) = list.and_then(|at| nameless.split_at_checked(at)) else { return nameless };
    let mut whole = head.to_vec();
    whole.extend(bracketed(&parameters(tail), |part| stripped(part, depth - 1)));
    whole.extend(tail.get(group_length(tail)..).unwrap_or_default());
    whole
}

/// The index at which the own parameters of a parameter without name begin: the last brackets of `int (*)(int a)`.
fn own_list(parameter: &[HeaderToken<'_>]) -> Option<usize> {
    let open = parameter.iter().position(|token| token.is("("))?;
    let group = parameter.get(open..)?;
    if group.get(1).is_some_and(|token| token.is("*")) {
        let end = open + group_length(group);
        return parameter.get(end).filter(|token| token.is("(")).map(|_| end);
    }
    let before = open.checked_sub(1).and_then(|before| parameter.get(before));
    before.filter(|before| !is_typeof(before)).map(|_| open)
}

/// The parts in brackets, separated by commas.
pub(super) fn bracketed<'t>(
    parts: &[&[HeaderToken<'t>]],
    shown: impl Fn(&[HeaderToken<'t>]) -> Vec<HeaderToken<'t>>,
) -> Vec<HeaderToken<'t>> {
    let mut tokens = vec![mark("(")];
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            tokens.push(mark(","));
        }
        tokens.extend(shown(part));
    }
    tokens.push(mark(")"));
    tokens
}

fn mark(text: &'static str) -> HeaderToken<'static> {
    HeaderToken { kind: HeaderTokenKind::Other, text, at: 0, line: 0, first: false }
}

/// Reduces types with two spellings to one: `unsigned int` to `unsigned`, `long int` to `long`.
pub(super) fn spelled_alike<'t>(tokens: &[HeaderToken<'t>]) -> Vec<HeaderToken<'t>> {
    let mut alike: Vec<HeaderToken<'t>> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let after_size = alike.last().is_some_and(|last| matches!(last.text, "unsigned" | "signed" | "long" | "short"));
        if !(after_size && token.is("int")) {
            alike.push(*token);
        }
    }
    alike
}

#[cfg(test)]
mod tests {
    use super::super::attributes::joined;
    use super::super::tokens::tokens;
    use super::*;

    #[test]
    fn the_name_is_separated_from_the_type() {
        for (parameter, expected) in [
            ("int a", "int"),
            ("unsigned int", "unsigned int"),
            ("unsigned flags", "unsigned"),
            ("gfp_t", "gfp_t"),
            ("const gfp_t", "const gfp_t"),
            ("gfp_t flags", "gfp_t"),
            ("struct page", "struct page"),
            ("struct page *", "struct page *"),
            ("struct page *page", "struct page *"),
            ("const char __user *const *argv", "const char __user *const *"),
            ("void __iomem *", "void __iomem *"),
            ("char name[16]", "char[16]"),
            ("...", "..."),
            ("va_list", "va_list"),
            ("int (*f)(void *data, int (*g)(int n))", "int (*)(void *, int (*)(int))"),
            ("int (*)(int a)", "int (*)(int)"),
            ("int f(int a)", "int(int)"),
            ("typeof(x) y", "typeof(x)"),
        ] {
            assert_eq!(joined(&without_name(&tokens(parameter))), expected, "{parameter}");
        }
    }

    #[test]
    fn an_empty_parameter_list_has_two_spellings() {
        assert_eq!(parameters(&tokens("()")).len(), 0);
        assert_eq!(parameters(&tokens("(void)")).len(), 0);
        assert_eq!(parameters(&tokens("(void *a, int (*f)(int, int))")).len(), 2);
    }

    #[test]
    fn nested_parameters_are_read_to_a_limited_depth() {
        let deep = "int (*f)(".repeat(1000);
        assert!(!without_name(&tokens(&deep)).is_empty());
    }
}
