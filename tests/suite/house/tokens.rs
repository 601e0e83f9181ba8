//! Finds paths, calls and indexes in tokens that do not parse as code: the bodies of `macro_rules!`, the arguments of macros
//! with a syntax of their own, attributes.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};

use super::facts::{Call, Spot};
use super::reader::Reader;

/// Words before a bracket that is an array or a pattern, not an index.
const KEYWORDS: [&str; 17] = [
    "as", "box", "break", "const", "dyn", "else", "for", "if", "impl", "in", "let", "match", "move", "mut", "ref",
    "return", "where",
];

/// Records what the tokens name.
pub fn walk(tokens: TokenStream, reader: &mut Reader) {
    Walk { tokens: tokens.into_iter().collect(), at: 0, has_paths_in_strings: false }.run(reader);
}

/// Records what the tokens of an attribute name. There, strings hold paths, too.
pub fn walk_with_strings(tokens: TokenStream, reader: &mut Reader) {
    Walk { tokens: tokens.into_iter().collect(), at: 0, has_paths_in_strings: true }.run(reader);
}

struct Walk {
    tokens: Vec<TokenTree>,
    at: usize,
    has_paths_in_strings: bool,
}

impl Walk {
    fn run(mut self, reader: &mut Reader) {
        while let Some(token) = self.tokens.get(self.at).cloned() {
            match token {
                TokenTree::Ident(name) => self.path(&name, reader),
                TokenTree::Group(group) => self.group(&group, reader),
                TokenTree::Literal(literal) if self.has_paths_in_strings => {
                    let text = literal.to_string();
                    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
                    let path = syn::parse_str::<syn::Path>(text).ok().filter(|path| path.segments.len() > 1);
                    let segments = path.iter().flat_map(|path| &path.segments).map(|segment| segment.ident.to_string());
                    reader.mention(literal.span(), segments.collect(), false);
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Whether the token there is this punctuation.
    fn is_mark(&self, at: usize, mark: char) -> bool {
        matches!(self.tokens.get(at), Some(TokenTree::Punct(found)) if found.as_char() == mark)
    }

    /// Whether `::` begins there.
    fn is_colons(&self, at: usize) -> bool {
        let is_joint =
            matches!(self.tokens.get(at), Some(TokenTree::Punct(found)) if found.spacing() == Spacing::Joint);
        is_joint && self.is_mark(at, ':') && self.is_mark(at + 1, ':')
    }

    /// A path that begins with this name, as far as it goes; `self.at` is left at its last token.
    fn path(&mut self, first: &Ident, reader: &mut Reader) {
        let start = self.at;
        let leading = start >= 2 && self.is_colons(start - 2);
        let mut path = vec![first.to_string()];
        while self.is_colons(self.at + 1) {
            match self.tokens.get(self.at + 3) {
                Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    branches(group, &path, leading, reader);
                    self.at += 3;
                    return;
                }
                _ => break,
            }
            self.at += 3;
        }
        let line = first.span().start().line;
        let name = path.last().cloned().unwrap_or_default();
        if name == "unsafe" {
            reader.facts.unsafes.push(line);
        }
        let is_member = start >= 1 && self.is_mark(start - 1, '.') && !(start >= 2 && self.is_mark(start - 2, '.'));
        let called = self.tokens.get(self.at + 1);
        if is_member {
            if matches!(called, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis) {
                let receiver = start.checked_sub(2).and_then(|at| self.tokens.get(at));
                let receiver = receiver.filter(|token| matches!(token, TokenTree::Ident(_))).map(TokenTree::to_string);
                reader.facts.calls.push(Call { line, receiver, method: name });
            } else {
                reader.facts.fields.push(Spot { line, name });
            }
            return;
        }
        let is_macro =
            self.is_mark(self.at + 1, '!') && matches!(self.tokens.get(self.at + 2), Some(TokenTree::Group(_)));
        if is_macro {
            reader.facts.macros.push(Spot { line, name: name.clone() });
        }
        if matches!(called, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace) {
            reader.facts.structs.push(Spot { line, name });
        }
        reader.mention(first.span(), path, leading);
    }

    fn group(&self, group: &Group, reader: &mut Reader) {
        if group.delimiter() == Delimiter::Bracket && self.is_value_before() && group.stream().to_string() != ".." {
            reader.facts.indexes.push(group.span_open().start().line);
        }
        let has_paths_in_strings = self.has_paths_in_strings || self.at >= 1 && self.is_mark(self.at - 1, '#');
        Walk { tokens: group.stream().into_iter().collect(), at: 0, has_paths_in_strings }.run(reader);
    }

    /// Whether the token before is the end of a value, so that a bracket behind it is an index.
    fn is_value_before(&self) -> bool {
        match self.at.checked_sub(1).and_then(|at| self.tokens.get(at)) {
            Some(TokenTree::Ident(name)) => !KEYWORDS.contains(&name.to_string().as_str()),
            Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Brace && !self.is_attribute(),
            _ => false,
        }
    }

    /// Whether the group before is an attribute: `#[…]` may stand before an array.
    fn is_attribute(&self) -> bool {
        self.at >= 2 && self.is_mark(self.at - 2, '#')
    }
}

/// The paths of a braced `use` inside of tokens: `crate::{a::b, c}`.
fn branches(group: &Group, before: &[String], leading: bool, reader: &mut Reader) {
    let tokens = group.stream().into_iter().collect::<Vec<_>>();
    for branch in tokens.split(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',')) {
        let mut path = before.to_vec();
        let mut span = group.span();
        let mut has_branches = false;
        for token in branch {
            match token {
                TokenTree::Ident(name) if name == "as" => break,
                TokenTree::Ident(name) => {
                    span = name.span();
                    path.push(name.to_string());
                }
                TokenTree::Group(inner) => {
                    branches(inner, &path, leading, reader);
                    has_branches = true;
                }
                _ => {}
            }
        }
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if !has_branches {
            reader.mention(span, path, leading);
        }
    }
}
