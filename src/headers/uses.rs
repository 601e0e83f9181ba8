//! Finds the names that the body of a macro or inline function uses.

use std::collections::BTreeSet;

use super::names::WantedNames;
use super::tokens::HeaderToken;

/// Words that an expression follows. After any other word, a name is being declared.
const BEFORE_EXPRESSIONS: &[&str] = &["return", "else", "case", "do", "sizeof", "typeof", "__typeof__", "__force"];

/// Tokens before a name of another kind: a member, part of a name, a structure, a label.
const BEFORE_OTHERS: &[&str] = &[".", "->", "##", "struct", "union", "enum", "goto"];

/// The wanted names that a body uses. `hidden` are its parameters, which hide wanted names.
pub(super) fn uses<'t>(body: &[HeaderToken<'t>], hidden: &[&'t str], names: &WantedNames<'_>) -> BTreeSet<&'t str> {
    let mut hidden: BTreeSet<&str> = hidden.iter().copied().collect();
    let mut used = BTreeSet::new();
    for (at, token) in body.iter().enumerate() {
        if !token.is_word() || !names.has(token.text) || hidden.contains(token.text) {
            continue;
        }
        let before = |distance: usize| at.checked_sub(distance).and_then(|at| body.get(at));
        let next = body.get(at + 1);
        let is_part = next.is_some_and(|next| next.is("##"));
        if is_part || before(1).is_some_and(|previous| BEFORE_OTHERS.contains(&previous.text)) {
            continue;
        }
        if is_declared([before(3), before(2), before(1)], next) {
            // A prototype within a body declares the function that other bodies use.
            if !next.is_some_and(|next| next.is("(")) {
                hidden.insert(token.text);
            }
            continue;
        }
        used.insert(token.text);
    }
    used
}

/// Returns whether the tokens around a name declare it: `int name`, or `struct x *name =`.
fn is_declared(before: [Option<&HeaderToken<'_>>; 3], next: Option<&HeaderToken<'_>>) -> bool {
    let [third, second, first] = before;
    match first {
        Some(first) if first.is_word() => !BEFORE_EXPRESSIONS.contains(&first.text),
        Some(first) if first.is("*") => {
            let is_type = second.is_some_and(HeaderToken::is_word);
            let begins = third.is_none_or(|third| matches!(third.text, ";" | "{" | "}" | "struct" | "union" | "const"));
            is_type && begins && next.is_some_and(|next| matches!(next.text, "=" | ";" | ","))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    fn is_used(body: &str) -> bool {
        let all = BTreeSet::from(["f"]);
        !uses(&tokens(body), &[], &WantedNames::new(&all)).is_empty()
    }

    #[test]
    fn members_types_and_locals_do_not_count_as_uses() {
        for body in ["f(1);", "return f;", "x = *f;", "a ? f : 0", "&f", "if (x) f();", "extern int f(int); f(1);"] {
            assert!(is_used(body), "{body}");
        }
        for body in
            ["x->f(1)", "x.f = 1", "struct f *x;", "int f; f = 1;", "struct y *f = g(); f->x;", "f##x", "goto f;"]
        {
            assert!(!is_used(body), "{body}");
        }
        let all = BTreeSet::from(["f"]);
        assert!(uses(&tokens("f(1)"), &["f"], &WantedNames::new(&all)).is_empty());
    }
}
