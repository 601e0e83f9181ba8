//! Rewrites assembly statements that require a constant which only a caller can pass.
//!
//! A function such as the test of a static key passes its own parameter to an operand that must be a constant. Inlined,
//! it compiles; out of line, it stops the compiler, which gives up at the first such error. The statement is rewritten
//! to take the value in a register and to emit nothing. The code then refers to what the value refers to, in place of a
//! separate table, with the same inline chain.

use std::ops::Range;

use super::definitions::InlineDefinition;
use super::source::Edit;
use super::tokens::{CToken, CTokenKind, CTokens};

/// Constraint letters that accept only constants, on at least one architecture.
const CONSTANT: &str = "insEFIJKLMNOPYeZ";

/// The words that begin an assembly statement.
const ASM: [&str; 3] = ["asm", "__asm__", "__asm"];

/// The edits that let this function compile out of line. With `always`, every constant operand is assumed to fail.
pub(super) fn loosen(text: &str, definition: &InlineDefinition, always: bool) -> Vec<Edit> {
    let body: Vec<CToken<'_>> = CTokens::within(text, definition.body.clone()).collect();
    if !body.iter().any(|token| ASM.contains(&token.text)) {
        return Vec::new();
    }
    let parameters = parameters(text, &definition.head);
    let mut edits = Vec::new();
    for (at, _) in body.iter().enumerate().filter(|(_, token)| ASM.contains(&token.text)) {
        let Some(statement) = Statement::read(body.get(at + 1..).unwrap_or_default()) else { continue };
        let mut constants = statement.constants.iter();
        let fails = constants.any(|operand| always || operand.names.iter().any(|name| parameters.contains(name)));
        if fails {
            edits.push(Edit { range: statement.template, with: "\"\"" });
            let constants = statement.constants.into_iter();
            edits.extend(constants.map(|operand| Edit { range: operand.constraint, with: "\"r\"" }));
        }
    }
    edits
}

/// The names of the parameters: every last word before a comma or the closing bracket.
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
    /// Reads a statement from the tokens after its first word.
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
                // Two colons without a blank between them are two tokens, and so begin two sections.
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

/// The operand that is being read.
#[derive(Default)]
struct Constraint<'t> {
    letters: String,
    range: Range<usize>,
    names: Vec<&'t str>,
    /// Whether the previous token makes the next one a member of something.
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

    /// Ends the current operand, and returns it if it must be a constant.
    fn operand(&mut self) -> Option<Operand<'t>> {
        let done = std::mem::take(self);
        let must_be_constant = !done.letters.is_empty() && done.letters.chars().all(|letter| CONSTANT.contains(letter));
        must_be_constant.then_some(Operand { constraint: done.range, names: done.names })
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

    /// The operand is a key that the caller knows: the statement emits nothing but still refers to the key.
    #[test]
    fn a_constant_from_a_parameter_goes_into_a_register() {
        let text = "static inline int key_is_on(struct key *key, int on) { asm goto(\"1: nop\" \".quad %c0\" \
            : : \"i\" (&((char *)key)[on]), [x] \"rm\" (on) : \"memory\" : yes); return 0; yes: return 1; }";
        let expected = "static inline int key_is_on(struct key *key, int on) { asm goto(\"\" \
            : : \"r\" (&((char *)key)[on]), [x] \"rm\" (on) : \"memory\" : yes); return 0; yes: return 1; }";
        assert_eq!(loosened(text, false), expected);
    }

    #[test]
    fn a_constant_that_is_no_parameter_stays() {
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
