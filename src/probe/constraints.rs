//! Assembly statements that want a constant which only a caller can give.
//!
//! A function such as the test of a static key hands its own parameter to an operand that must be a constant. Inlined
//! it compiles; kept out of line it stops the compiler, and with the first such error the compiler gives up the rest.
//! Such a statement is rewritten to take the value in a register and to say nothing. What the value refers to is then
//! referred to from the code in place of a table of its own, with the same inline chain.

use std::ops::Range;

use super::definitions::InlineDefinition;
use super::source::Edit;
use super::tokens::{CToken, CTokenKind, CTokens};

/// Letters of constraints that take nothing but constants, on one architecture or another.
const CONSTANT: &str = "insEFIJKLMNOPYeZ";

/// The words an assembly statement begins with.
const ASM: [&str; 3] = ["asm", "__asm__", "__asm"];

/// The edits that let this function stand alone. With `always`, every constant operand is taken for one that fails.
pub(super) fn loosen(text: &str, definition: &InlineDefinition, always: bool) -> Vec<Edit> {
    let body: Vec<CToken<'_>> = CTokens::within(text, definition.body.clone()).collect();
    if !body.iter().any(|token| ASM.contains(&token.text)) {
        return Vec::new();
    }
    let parameters = parameters(text, &definition.head);
    let mut edits = Vec::new();
    for (at, _) in body.iter().enumerate().filter(|(_, token)| ASM.contains(&token.text)) {
        if let Some(statement) = Statement::read(body.get(at + 1..).unwrap_or_default()) {
            let fails = |operand: &Operand<'_>| always || operand.names.iter().any(|name| parameters.contains(name));
            if statement.constants.iter().any(fails) {
                edits.push(Edit { range: statement.template, with: "\"\"" });
                edits.extend(
                    statement.constants.into_iter().map(|operand| Edit { range: operand.constraint, with: "\"r\"" }),
                );
            }
        }
    }
    edits
}

/// The names of the parameters: each last word before a comma or the closing bracket.
fn parameters<'t>(text: &'t str, head: &Range<usize>) -> Vec<&'t str> {
    let tokens: Vec<CToken<'t>> = CTokens::within(text, head.clone()).collect();
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let follows = tokens.get(at + 1).map(|next| next.text);
        if token.kind == CTokenKind::Word && matches!(follows, Some("," | ")" | "[")) && token.text != "void" {
            names.push(token.text);
        }
    }
    names
}

/// An operand that must be a constant.
struct Operand<'t> {
    constraint: Range<usize>,
    names: Vec<&'t str>,
}

/// The parts of `asm goto("template" : outputs : inputs : clobbers : labels)` that matter here.
struct Statement<'t> {
    template: Range<usize>,
    constants: Vec<Operand<'t>>,
}

impl<'t> Statement<'t> {
    /// Reads it from behind its first word.
    fn read(tokens: &[CToken<'t>]) -> Option<Self> {
        let open = tokens.iter().position(|token| token.text == "(")?;
        let mut depth = 0usize;
        let mut section = 0;
        let mut statement = Self { template: 0..0, constants: Vec::new() };
        let mut constraint = Constraint::default();
        for token in tokens.get(open..)? {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.checked_sub(1)?,
                // Two colons without a blank are two sections, as they are two tokens.
                ":" if depth == 1 => {
                    statement.constants.extend(constraint.operand().filter(|_| section == 2));
                    section += 1;
                }
                "," if depth == 1 => statement.constants.extend(constraint.operand().filter(|_| section == 2)),
                _ if section == 0 && depth == 1 => statement.template = joined(&statement.template, &token.range),
                _ if section == 2 => constraint.take(token, depth),
                _ => {}
            }
            constraint.is_member = matches!(token.text, "." | ">");
            if depth == 0 {
                statement.constants.extend(constraint.operand().filter(|_| section == 2));
                break;
            }
        }
        (section > 1 && depth == 0).then_some(statement)
    }
}

/// The operand being read.
#[derive(Default)]
struct Constraint<'t> {
    letters: String,
    range: Range<usize>,
    names: Vec<&'t str>,
    /// The token before was one that makes the next a member of something.
    is_member: bool,
}

impl<'t> Constraint<'t> {
    fn take(&mut self, token: &CToken<'t>, depth: usize) {
        if depth == 1 && token.kind == CTokenKind::Quoted {
            self.letters += token.text.trim_matches('"');
            self.range = joined(&self.range, &token.range);
        } else if depth > 1 && token.kind == CTokenKind::Word && !self.is_member {
            self.names.push(token.text);
        }
    }

    /// What was read, if it must be a constant; the next begins.
    fn operand(&mut self) -> Option<Operand<'t>> {
        let done = std::mem::take(self);
        let must = !done.letters.is_empty() && done.letters.chars().all(|letter| CONSTANT.contains(letter));
        must.then_some(Operand { constraint: done.range, names: done.names })
    }
}

fn joined(range: &Range<usize>, next: &Range<usize>) -> Range<usize> {
    if range.is_empty() { next.clone() } else { range.start..next.end }
}

#[cfg(test)]
mod tests {
    use super::super::definitions::find;
    use super::super::source::edited;
    use super::*;

    fn loosened(text: &str, always: bool) -> String {
        let mut edits: Vec<Edit> = find(text).iter().flat_map(|found| loosen(text, found, always)).collect();
        edited(text, &mut edits)
    }

    /// A key that the caller knows: the statement falls silent, but still refers to the key.
    #[test]
    fn a_constant_made_of_a_parameter_goes_into_a_register() {
        let text = "static inline int key_is_on(struct key *key, int on) { asm goto(\"1: nop\" \".quad %c0\" \
            : : \"i\" (&((char *)key)[on]), [x] \"rm\" (on) : \"memory\" : yes); return 0; yes: return 1; }";
        let expected = "static inline int key_is_on(struct key *key, int on) { asm goto(\"\" \
            : : \"r\" (&((char *)key)[on]), [x] \"rm\" (on) : \"memory\" : yes); return 0; yes: return 1; }";
        assert_eq!(loosened(text, false), expected);
    }

    #[test]
    fn a_constant_of_its_own_stays() {
        let text = "static inline int f(int flags) { asm volatile(\"call %P1\" : \"=r\" (flags) : \"i\" (p.flags), \"i\" (q->flags)); }";
        assert_eq!(loosened(text, false), text);
        assert!(loosened(text, true).contains("asm volatile(\"\" : \"=r\" (flags) : \"r\" (p.flags)"));
    }

    #[test]
    fn statements_without_operands_stay() {
        let text = "static inline void f(int a) { asm(\"nop\"); asm volatile(\"\" : : : \"memory\"); }";
        assert_eq!(loosened(text, true), text);
    }
}
