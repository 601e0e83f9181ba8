//! Finds the static functions with a body in a preprocessed text, nearly all of them inline.

use std::ops::Range;

use super::result::HeaderInline;
use super::tokens::{CToken, CTokenKind, CTokens};

/// A static function with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InlineDefinition {
    pub(super) name: String,
    pub(super) file: String,
    /// The line of its name.
    pub(super) line: u32,
    /// From its first specifier to the opening brace, in bytes of the text.
    pub(super) head: Range<usize>,
    /// From the opening brace to the closing one, in bytes of the text.
    pub(super) body: Range<usize>,
}

impl InlineDefinition {
    /// The function without its ranges in the text.
    pub(super) fn inline(&self) -> HeaderInline {
        HeaderInline { name: self.name.clone(), file: self.file.clone(), line: self.line }
    }
}

/// Words whose brackets do not hold the parameters of a function.
const NOT_NAMES: [&str; 10] = [
    "__attribute__",
    "__attribute",
    "__typeof__",
    "__typeof",
    "typeof",
    "__asm__",
    "asm",
    "_Alignas",
    "_Static_assert",
    "__extension__",
];

/// The declaration that is being read, as far as it is known.
#[derive(Default)]
struct OpenDeclaration<'t> {
    start: Option<usize>,
    is_static: bool,
    is_initialised: bool,
    name: Option<CToken<'t>>,
    last: Option<CToken<'t>>,
}

impl<'t> OpenDeclaration<'t> {
    /// Takes one token outside of all brackets.
    fn take(&mut self, token: CToken<'t>) {
        self.start.get_or_insert(token.range.start);
        match token.text {
            "static" => self.is_static = true,
            "=" => self.is_initialised = true,
            "(" if self.name.is_none() => {
                self.name =
                    self.last.take().filter(|last| last.kind == CTokenKind::Word && !NOT_NAMES.contains(&last.text));
            }
            _ => {}
        }
        self.last = Some(token);
    }

    fn is_function(&self) -> bool {
        self.name.is_some() && !self.is_initialised
    }

    fn definition(&self, body: Range<usize>) -> Option<InlineDefinition> {
        let name = self.name.as_ref().filter(|_| self.is_static && self.is_function())?;
        let head = self.start?..body.start;
        Some(InlineDefinition { name: name.text.to_owned(), file: name.file.to_owned(), line: name.line, head, body })
    }
}

/// All static functions with a body, in the order of the text.
pub(super) fn find(text: &str) -> Vec<InlineDefinition> {
    let mut found = Vec::new();
    let mut declaration = OpenDeclaration::default();
    let mut braces = 0usize;
    let mut brackets = 0usize;
    let mut opened = 0;
    for token in CTokens::new(text) {
        match token.kind {
            CTokenKind::Mark(b'{') if brackets == 0 => {
                if braces == 0 {
                    opened = token.range.start;
                }
                braces += 1;
            }
            CTokenKind::Mark(b'}') if brackets == 0 && braces > 0 => {
                braces -= 1;
                if braces == 0 && declaration.is_function() {
                    found.extend(declaration.definition(opened..token.range.end));
                    declaration = OpenDeclaration::default();
                }
            }
            _ if braces > 0 => {}
            CTokenKind::Mark(b'(') => {
                if brackets == 0 {
                    declaration.take(token);
                }
                brackets += 1;
            }
            CTokenKind::Mark(b')') => brackets = brackets.saturating_sub(1),
            _ if brackets > 0 => {}
            CTokenKind::Mark(b';') => declaration = OpenDeclaration::default(),
            _ => declaration.take(token),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, String, u32)> {
        find(text).into_iter().map(|found| (found.name, found.file, found.line)).collect()
    }

    /// The line is that of the name, which need not be the first line of the definition.
    #[test]
    fn a_definition_has_its_file_and_line() {
        let text = "# 1 \"u.h\"\nint x;\n# 10 \"include/linux/a.h\" 1\nstatic inline __attribute__((__unused__)) int\ntwice(int a)\n{\n return a + a;\n}\n";
        assert_eq!(names(text), [("twice".into(), "include/linux/a.h".into(), 11)]);
    }

    #[test]
    fn declarations_types_and_plain_functions_are_left_out() {
        let text = "static inline int declared(int);\nstruct s { int (*f)(int); };\nint plain(void) { return 0; }\n\
            static int (*table[])(void) = { 0 };\nstatic inline struct s *made(void) { return 0; }\n\
            static int once(void) { return 1; } static __inline__ int last(void) { if (1) { return 2; } return ({ 3; }); }\n";
        let found: Vec<_> = names(text).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(found, ["made", "once", "last"]);
    }

    #[test]
    fn head_and_body_are_ranges_of_the_text() {
        let text = "int x; static inline void f(char c) { c = '}'; }";
        let found = find(text);
        let only = found.first().expect("it is found");
        assert_eq!(text.get(only.head.clone()), Some("static inline void f(char c) "));
        assert_eq!(text.get(only.body.clone()), Some("{ c = '}'; }"));
    }
}
