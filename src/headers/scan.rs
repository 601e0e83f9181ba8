//! Reads one header. Both branches of a condition are read, each with the state at the beginning of the condition. What
//! the kernel's coding style puts into the first column brings the reader back to file scope, so that a construct that
//! is not understood costs no more than one definition.

use super::attributes::{group, group_length};
use super::branches::Branches;
use super::declared::{Head, declared, function_head};
use super::mention::{Declaration, DefinitionKind, HeaderDefinition};
use super::names::WantedNames;
use super::tokens::{HeaderToken, Piece, Pieces};
use super::uses::uses;

/// The largest number of bodies in braces within one statement. Without a limit, time would grow with the square of the
/// text.
const BODIES: usize = 16;

/// One thing that a header says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFact {
    Declared(Declaration),
    Defined(HeaderDefinition),
    Used(HeaderDefinition),
}

/// Everything that a header says about the wanted names.
pub(crate) fn scan(file: &str, text: &str, names: &WantedNames<'_>) -> Vec<(String, HeaderFact)> {
    let mut scanner = Scanner {
        file,
        names,
        found: Vec::new(),
        branches: Branches::new(),
        statement: Vec::new(),
        brackets: 0,
        statements: 0,
        is_macro: false,
        bodies: 0,
        braces: 0,
        heads: Vec::new(),
        function: None,
        body: Vec::new(),
    };
    for piece in Pieces::new(text) {
        match piece {
            Piece::Directive(tokens) => scanner.directive(&tokens),
            Piece::Token(_) if scanner.branches.are_dead() => {}
            Piece::Token(token) if scanner.braces == 0 => scanner.outside(token),
            Piece::Token(token) => scanner.inside(token),
        }
    }
    scanner.leave_function();
    scanner.found
}

/// The state of the reader at the beginning of a condition.
#[derive(Clone, Copy)]
struct ScanState {
    braces: usize,
    brackets: usize,
    function: Option<usize>,
    /// The number of statements that have ended, and the number of tokens in the current one.
    statements: usize,
    length: usize,
}

struct Scanner<'s, 't> {
    file: &'s str,
    names: &'s WantedNames<'s>,
    found: Vec<(String, HeaderFact)>,
    branches: Branches<ScanState>,
    /// The current statement at file scope, without bodies in braces.
    statement: Vec<HeaderToken<'t>>,
    brackets: usize,
    statements: usize,
    /// Whether the statement begins like the call of a macro.
    is_macro: bool,
    /// The number of bodies in braces in the current statement.
    bodies: usize,
    braces: usize,
    heads: Vec<Head<'t>>,
    /// The function whose body is being read, as an index of `heads`.
    function: Option<usize>,
    body: Vec<HeaderToken<'t>>,
}

impl<'t> Scanner<'_, 't> {
    fn directive(&mut self, tokens: &[HeaderToken<'t>]) {
        let Some((first, rest)) = tokens.split_first() else { return };
        match first.text {
            "if" | "ifdef" | "ifndef" => {
                let state = ScanState {
                    braces: self.braces,
                    brackets: self.brackets,
                    function: self.function,
                    statements: self.statements,
                    length: self.statement.len(),
                };
                self.branches.begin(tokens, state);
            }
            "else" | "elif" => {
                if let Some(state) = self.branches.change() {
                    self.go_back(state);
                }
            }
            "endif" => self.branches.end(),
            "define" if !self.branches.are_dead() => self.define(rest),
            _ => {}
        }
    }

    /// Returns to the state at the beginning of the condition, to read the next branch.
    fn go_back(&mut self, state: ScanState) {
        self.leave_function();
        let kept = if self.statements == state.statements { state.length } else { 0 };
        // Each branch may have a head of its own for one body that follows the condition.
        let begun = self.statement.get(kept..).unwrap_or_default();
        if self.braces == 0 && self.brackets == 0 && begun.iter().any(|token| is_inline_word(token)) {
            let head = function_head(begun, self.names);
            self.enter_function(head);
            self.function = None;
        }
        self.statement.truncate(kept);
        (self.braces, self.brackets, self.function) = (state.braces, state.brackets, state.function);
    }

    /// Handles the rest of a `#define` line.
    fn define(&mut self, tokens: &[HeaderToken<'t>]) {
        let Some((name, rest)) = tokens.split_first() else { return };
        // `#define NAME NAME` only announces that an architecture has it. The names of trace systems and their files
        // are not code.
        let is_itself = rest.len() == 1 && rest.first().is_some_and(|only| only.is(name.text));
        if is_itself || name.text.starts_with("TRACE_SYSTEM") || name.is("TRACE_INCLUDE_FILE") {
            return;
        }
        let definition = self.definition(name.text, name.line, DefinitionKind::Macro);
        if self.names.has(name.text) {
            self.found.push((name.text.to_owned(), HeaderFact::Defined(definition.clone())));
        }
        // Brackets hold parameters only directly after the name.
        let touches = rest.first().is_some_and(|open| open.is("(") && open.touches(name));
        let (parameters, body) = if touches { rest.split_at(group_length(rest)) } else { (&[][..], rest) };
        let hidden: Vec<_> = parameters.iter().filter(|token| token.is_word()).map(|token| token.text).collect();
        self.use_names(body, &hidden, &definition);
    }

    /// Records the wanted names that a body uses.
    fn use_names(&mut self, body: &[HeaderToken<'t>], hidden: &[&'t str], user: &HeaderDefinition) {
        let used = uses(body, hidden, self.names);
        self.found.extend(used.into_iter().map(|name| (name.to_owned(), HeaderFact::Used(user.clone()))));
    }

    fn definition(&self, name: &str, line: u32, form: DefinitionKind) -> HeaderDefinition {
        HeaderDefinition { file: self.file.to_owned(), line, name: name.to_owned(), form }
    }

    /// Handles a token at file scope.
    fn outside(&mut self, token: HeaderToken<'t>) {
        if token.first && token.is_word() && (begins_statement(&token) || self.is_complete()) {
            self.end_statement();
        }
        if self.statement.is_empty() {
            self.is_macro = is_macro_like(&token);
        }
        let in_macro = self.brackets > 0 && self.is_macro;
        match token.text {
            "}" if !in_macro => self.end_statement(),
            ";" if !in_macro && self.brackets > 0 => self.drop_statement(),
            ";" if !in_macro => self.end_statement(),
            "{" if !in_macro => self.open(),
            text => {
                match text {
                    "(" => self.brackets += 1,
                    ")" => self.brackets = self.brackets.saturating_sub(1),
                    _ => {}
                }
                self.statement.push(token);
            }
        }
    }

    /// Handles a token within braces.
    fn inside(&mut self, token: HeaderToken<'t>) {
        if token.first && begins_statement(&token) {
            self.leave_function();
            self.drop_statement();
            self.braces = 0;
            return self.outside(token);
        }
        match token.text {
            "{" => self.braces += 1,
            "}" if token.first => self.braces = 0,
            "}" => self.braces -= 1,
            _ => {}
        }
        if self.braces == 0 {
            return self.close();
        }
        if self.function.is_some() {
            self.body.push(token);
        }
    }

    /// Handles the brace that opens a body. The brace of `extern "C"` opens none.
    fn open(&mut self) {
        if matches!(*self.statement.as_slice(), [storage, language] if storage.is("extern") && !language.is_word()) {
            return self.drop_statement();
        }
        self.braces = 1;
        let head = if self.brackets == 0 { function_head(&self.statement, self.names) } else { None };
        self.enter_function(head);
    }

    fn enter_function(&mut self, head: Option<Head<'t>>) {
        self.function = head.map(|head| {
            if self.names.has(head.name) {
                let definition = self.definition(head.name, head.line, DefinitionKind::Inline);
                self.found.push((head.name.to_owned(), HeaderFact::Defined(definition)));
            }
            self.heads.push(head);
            self.heads.len() - 1
        });
    }

    /// Handles the end of a body. What follows the body of a function is a new statement; what follows the body of a
    /// structure still belongs to the statement.
    fn close(&mut self) {
        let was_function = self.function.is_some();
        self.leave_function();
        let is_type = self.statement.iter().any(|token| matches!(token.text, "struct" | "union" | "enum" | "="));
        self.bodies += 1;
        if was_function || !is_type || self.bodies > BODIES {
            self.drop_statement();
        }
    }

    /// Records what the body of the current function uses.
    fn leave_function(&mut self) {
        let body = std::mem::take(&mut self.body);
        let head = self.function.take().and_then(|at| self.heads.get(at).cloned());
        if let Some(head) = head {
            let definition = self.definition(head.name, head.line, DefinitionKind::Inline);
            let mut hidden = head.hidden;
            hidden.push(head.name);
            self.use_names(&body, &hidden, &definition);
        }
    }

    fn drop_statement(&mut self) {
        self.statement.clear();
        self.statements += 1;
        self.brackets = 0;
        self.bodies = 0;
    }

    fn end_statement(&mut self) {
        let statement = std::mem::take(&mut self.statement);
        self.drop_statement();
        if let Some((called, arguments)) = statement.split_first().filter(|(called, _)| makes_inlines(called)) {
            let inner = group(arguments);
            if let Some((first, rest)) = inner.split_first() {
                let definition =
                    self.definition(&format!("{}({})", called.text, first.text), first.line, DefinitionKind::Inline);
                self.use_names(rest, &[], &definition);
            }
            return;
        }
        let declared = declared(self.file, &statement, self.names);
        self.found.extend(declared.into_iter().map(|(name, declaration)| (name, HeaderFact::Declared(declaration))));
    }

    /// Returns whether the statement is the call of a macro that has no semicolon.
    fn is_complete(&self) -> bool {
        self.brackets == 0 && self.is_macro && self.statement.last().is_some_and(|last| last.is(")"))
    }
}

/// Returns whether the token shows that a function has its body in a header.
fn is_inline_word(token: &HeaderToken<'_>) -> bool {
    matches!(token.text, "static" | "inline" | "__inline" | "__inline__" | "__always_inline")
}

/// Returns whether the token, in the first column, begins a new statement.
fn begins_statement(token: &HeaderToken<'_>) -> bool {
    matches!(token.text, "static" | "extern" | "typedef")
}

/// Returns whether the token is named like a macro that declares or defines something.
fn is_macro_like(token: &HeaderToken<'_>) -> bool {
    let of_macros = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    token.text.bytes().any(|byte| byte.is_ascii_uppercase()) && token.text.bytes().all(of_macros)
}

/// Returns whether the token is a macro that generates inline functions from its arguments (include/linux/cleanup.h).
fn makes_inlines(token: &HeaderToken<'_>) -> bool {
    let rest = token.text.strip_prefix("DEFINE_").or_else(|| token.text.strip_prefix("EXTEND_"));
    rest.is_some_and(|rest| matches!(rest, "FREE" | "CLASS") || rest.contains("GUARD"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The facts about `f`: `declared LINE TEXT`, `macro LINE`, `inline LINE`, `used by NAME LINE`.
    fn facts(text: &str) -> Vec<String> {
        let all = BTreeSet::from(["f"]);
        let show = |(_, fact)| match fact {
            HeaderFact::Declared(declaration) => format!("declared {} {}", declaration.line, declaration.text),
            HeaderFact::Defined(HeaderDefinition { line, form: DefinitionKind::Macro, .. }) => format!("macro {line}"),
            HeaderFact::Defined(HeaderDefinition { line, .. }) => format!("inline {line}"),
            HeaderFact::Used(place) => format!("used by {} {}", place.name, place.line),
        };
        scan("a.h", text, &WantedNames::new(&all)).into_iter().map(show).collect()
    }

    #[test]
    fn declarations_definitions_and_uses_are_distinguished() {
        let text = "extern int f(int a);\n#define f(a) g(a)\n#define f f\n#define h(x) \\\n\tf(x)\n\
            static inline int\nk(int b)\n{\n\tif (b) {\n\t\treturn f(b) + f(0);\n\t}\n\treturn 0;\n}\n\
            static __always_inline int f(int a) { return 0; }\n";
        assert_eq!(facts(text), ["declared 1 int f(int a)", "macro 2", "used by h 4", "used by k 7", "inline 14"]);
    }

    #[test]
    fn members_parameters_and_comments_do_not_count() {
        let text = "/* f(1) */ struct s { int (*f)(int); int f; };\nint g(int f);\n#define h(f) (f)\n\
            static inline int k(struct s *s, int f) { return f + s->f(1); }\nEXPORT_SYMBOL(f);\n\
            #define m \"f\"\ntypedef int f(void);\n#define n (f)\n#define TRACE_SYSTEM f\n";
        assert_eq!(facts(text), ["used by n 8"]);
    }

    #[test]
    fn each_branch_begins_with_the_state_of_its_condition() {
        let text = "#ifdef A\nstatic inline int g(int a)\n{\n#else\nstatic inline long g(int a)\n{\n#endif\n\treturn f(a);\n}\n\
            int f(void);\n#if 0\nint f(long);\n#else\nint f(int b);\n#endif\n\
            #ifdef B\nstatic inline int f(int c)\n#else\nstatic inline int f(int d, int e)\n#endif\n{\n}\nextern int f(char);\n";
        let expected = [
            "used by g 5",
            "declared 10 int f(void)",
            "declared 14 int f(int b)",
            "inline 17",
            "inline 19",
            "declared 23 int f(char)",
        ];
        assert_eq!(facts(text), expected);
    }

    #[test]
    fn assembly_branches_are_skipped() {
        let text = "#ifdef __ASSEMBLY__\n#define f 1\n.macro f\ncall f {\n#else\nint f(void);\n#endif\n";
        assert_eq!(facts(text), ["declared 6 int f(void)"]);
    }

    /// Each of these texts is broken, and `f` is still found after it.
    #[test]
    fn a_broken_definition_hides_nothing_after_it() {
        for broken in [
            "static inline int g(void)\n{\n\tif (x) {\n}\n",
            "struct s {\n\tint a;\n",
            "int g(int a;\n",
            "PAGEFLAG(A, a) TESTFLAG(B, b)\n\tCLEARFLAG(C, c)\n",
            "DEFINE_GUARD(mutex, struct mutex *, if (_T) { lock(_T); }, unlock(_T))\n",
            "TRACE_EVENT(a, TP_fast_assign(a = b; c = d;)\n",
            "}\n})\n",
            "#endif\n#else\n",
            "#ifdef __cplusplus\nextern \"C\" {\n#endif\n",
            "'\n\"\n",
            "typedef struct {\n\tint a;\n} s;\nstruct t {\n} __packed;\nenum { A = 1, B };\n",
            "SOME_MACRO(a)\n{\n}\n",
        ] {
            let text = format!("{broken}extern int f(void);\n");
            let line = broken.lines().count() + 1;
            assert_eq!(facts(&text), [format!("declared {line} int f(void)")], "{broken}");
        }
    }

    #[test]
    fn guards_use_the_names_in_their_arguments() {
        let text =
            "DEFINE_GUARD(mutex, struct mutex *, f(_T), g(_T))\nDEFINE_FREE(h, void *, if (_T) f(_T);)\nint f(int);\n";
        assert_eq!(facts(text), ["used by DEFINE_GUARD(mutex) 1", "used by DEFINE_FREE(h) 2", "declared 3 int f(int)"]);
    }

    /// A text may end anywhere.
    #[test]
    fn every_prefix_of_a_text_is_read() {
        let text = include_str!("scan.rs");
        let ends = text.char_indices().map(|(at, _)| at).take(4000);
        assert_eq!(ends.filter_map(|end| text.get(..end)).map(facts).count(), 4000);
    }
}
