//! Which names the body of a macro or of an inline function uses.

use std::collections::BTreeSet;

use super::names::WantedNames;
use super::tokens::HeaderToken;

/// Words after which an expression follows: any other word before a name makes it a declaration.
const BEFORE_EXPRESSIONS: &[&str] = &["return", "else", "case", "do", "sizeof", "typeof", "__typeof__", "__force"];

/// What stands before a name that is something else's: a member, a part of a name, a structure, a label.
const BEFORE_OTHERS: &[&str] = &[".", "->", "##", "struct", "union", "enum", "goto"];

/// The names asked for that a body uses. Those in `hidden`, its parameters, are its own.
pub(super) fn uses<'t>(body: &[HeaderToken<'t>], hidden: &[&'t str], names: &WantedNames<'_>) -> BTreeSet<&'t str> {
    let mut hidden: BTreeSet<&str> = hidden.iter().copied().collect();
    let mut used = BTreeSet::new();
    for (at, token) in body.iter().enumerate() {
        if !token.is_word() || !names.has(token.text) || hidden.contains(token.text) {
            continue;
        }
        let around = |distance: usize| at.checked_sub(distance).and_then(|at| body.get(at));
        let next = body.get(at + 1);
        let is_part = next.is_some_and(|next| next.is("##"));
        if is_part || around(1).is_some_and(|previous| BEFORE_OTHERS.contains(&previous.text)) {
            continue;
        }
        if is_declared([around(3), around(2), around(1)], next) {
            // A prototype within a body declares the same function that others use.
            if !next.is_some_and(|next| next.is("(")) {
                hidden.insert(token.text);
            }
            continue;
        }
        used.insert(token.text);
    }
    used
}

/// Is a name declared here, by what stands around it? `int name`, or `struct x *name =`.
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
    fn members_types_and_locals_are_no_uses() {
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
