//! Reads one file of Rust into the facts that the rules ask for: every path it writes, the names its modules define and
//! import, and the calls, macros and operators in its code. Items that exist only in tests are left out.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, BinOp, Expr, Item, Member, Meta, Pat, Token, UseTree, Visibility};

use super::facts::{Call, Facts, Import, Kind, Mention, Scope, Spot};
use super::{declarations, tokens};

/// Reads the text of the file that is the module `module`.
pub fn read(text: &str, module: &[String]) -> syn::Result<Facts> {
    let file = syn::parse_file(text)?;
    let mut reader = Reader { module: module.to_vec(), facts: Facts::default(), inline: HashSet::new() };
    reader.scope();
    reader.visit_file(&file);
    reader.facts.declarations = declarations::declarations(&file.items, module);
    Ok(reader.facts)
}

/// Whether the attributes keep an item for tests: `#[test]`, or a `cfg` that needs `test`.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<Meta>().is_ok_and(|condition| needs_test(&condition))
        }
        _ => false,
    })
}

fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
            if list.path.is_ident("all") {
                parts.iter().any(needs_test)
            } else {
                list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(needs_test)
            }
        }
        Meta::NameValue(_) => false,
    }
}

/// The attributes of an item.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name of an item that can be named by a path. Modules are not among them: they have scopes of their own.
fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// The last name of an expression: of a path, a field or a method.
fn last_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        Expr::Field(field) => match &field.member {
            Member::Named(name) => Some(name.to_string()),
            Member::Unnamed(_) => last_name(&field.base),
        },
        Expr::MethodCall(call) => Some(call.method.to_string()),
        Expr::Call(call) => last_name(&call.func),
        Expr::Reference(inner) => last_name(&inner.expr),
        Expr::Unary(inner) => last_name(&inner.expr),
        Expr::Paren(inner) => last_name(&inner.expr),
        Expr::Try(inner) => last_name(&inner.expr),
        Expr::Group(inner) => last_name(&inner.expr),
        _ => None,
    }
}

fn line(span: Span) -> usize {
    span.start().line
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// How a `use` is declared.
struct Use<'a> {
    visibility: &'a Visibility,
    leading: bool,
}

impl Use<'_> {
    fn is_private(&self) -> bool {
        matches!(self.visibility, Visibility::Inherited)
    }

    fn is_exported(&self) -> bool {
        matches!(self.visibility, Visibility::Public(_))
    }
}

/// Walks a file.
pub struct Reader {
    module: Vec<String>,
    pub facts: Facts,
    /// Inline paths already recorded, so that each is recorded once.
    inline: HashSet<(Vec<String>, Vec<String>, bool)>,
}

impl Reader {
    fn scope(&mut self) -> &mut Scope {
        self.facts.scopes.entry(self.module.clone()).or_default()
    }

    /// Records a path that is written in code.
    pub fn mention(&mut self, span: Span, path: Vec<String>, leading: bool) {
        if path.is_empty() || !self.inline.insert((self.module.clone(), path.clone(), leading)) {
            return;
        }
        let module = self.module.clone();
        self.facts.mentions.push(Mention { line: line(span), module, path, leading, kind: Kind::Inline });
    }

    /// Records every path of a `use` tree that follows the path `before`.
    fn import(&mut self, tree: &UseTree, before: &[String], declared: &Use<'_>) {
        let behind = |name: &Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &behind(&path.ident), declared),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before, declared)),
            UseTree::Name(name) if name.ident == "self" => {
                self.import_name(&name.ident, before.to_vec(), None, declared)
            }
            UseTree::Name(name) => self.import_name(&name.ident, behind(&name.ident), None, declared),
            UseTree::Rename(rename) => {
                let path = if rename.ident == "self" { before.to_vec() } else { behind(&rename.ident) };
                self.import_name(&rename.ident, path, Some(&rename.rename), declared);
            }
            UseTree::Glob(glob) => {
                let leading = declared.leading;
                let line = line(glob.star_token.span());
                let module = self.module.clone();
                self.facts.mentions.push(Mention { line, module, path: before.to_vec(), leading, kind: Kind::Glob });
                let is_exported = declared.is_exported();
                self.scope().globs.push(Import { path: before.to_vec(), leading, is_exported });
            }
        }
    }

    fn import_name(&mut self, written: &Ident, path: Vec<String>, new: Option<&Ident>, declared: &Use<'_>) {
        let leading = declared.leading;
        let kind = if declared.is_private() { Kind::Import } else { Kind::Reexport };
        let module = self.module.clone();
        let line = line(written.span());
        self.facts.mentions.push(Mention { line, module, path: path.clone(), leading, kind });
        let Some(name) = new.map(Ident::to_string).or_else(|| path.last().cloned()) else { return };
        if name != "_" {
            let is_exported = declared.is_exported();
            self.scope().imports.entry(name).or_insert(Import { path, leading, is_exported });
        }
    }

    /// Reads the tokens of a macro: as the expressions they are for most macros, else token by token.
    fn macro_tokens(&mut self, tokens: &TokenStream) {
        let expressions = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(expressions) = expressions.parse2(tokens.clone()) {
            expressions.iter().for_each(|expression| self.visit_expr(expression));
        } else if let Ok(matches) = syn::parse2::<Matches>(tokens.clone()) {
            self.visit_expr(&matches.value);
            self.visit_pat(&matches.pattern);
            matches.guard.iter().for_each(|guard| self.visit_expr(guard));
        } else if let Ok(repeat) = syn::parse2::<Repeat>(tokens.clone()) {
            self.visit_expr(&repeat.value);
            self.visit_expr(&repeat.count);
        } else {
            tokens::walk(tokens.clone(), self);
        }
    }
}

/// What `matches!` takes.
struct Matches {
    value: Expr,
    pattern: Pat,
    guard: Option<Expr>,
}

impl Parse for Matches {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let value = input.parse()?;
        input.parse::<Token![,]>()?;
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        let guard = input.parse::<Option<Token![if]>>()?.map(|_| input.parse()).transpose()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { value, pattern, guard })
    }
}

/// What `vec!` takes to repeat a value.
struct Repeat {
    value: Expr,
    count: Expr,
}

impl Parse for Repeat {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let value = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self { value, count: input.parse()? })
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes(item)) {
            if let Item::Mod(item) = item {
                self.facts.test_modules.push([&self.module[..], &[item.ident.to_string()]].concat());
            }
            return;
        }
        if let Some(name) = name(item) {
            self.scope().items.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_none() {
            return;
        }
        self.module.push(item.ident.to_string());
        self.scope();
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let declared = Use { visibility: &item.vis, leading: item.leading_colon.is_some() };
        self.import(&item.tree, &[], &declared);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let new = item.rename.as_ref().map(|(_, name)| name);
        let declared = Use { visibility: &item.vis, leading: true };
        self.import_name(&item.ident, vec![item.ident.to_string()], new, &declared);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if item.mac.path.is_ident("unstable")
            && let Ok(tree) = syn::parse2::<UseTree>(item.mac.tokens.clone())
            && let Ok(visibility) = syn::parse_str::<Visibility>("pub(crate)")
        {
            // Such names are no part of the promised face, even with the feature.
            self.import(&tree, &[], &Use { visibility: &visibility, leading: false });
        } else if item.ident.is_some() {
            tokens::walk(item.mac.tokens.clone(), self);
        } else {
            self.scope().is_opaque = true;
            visit::visit_item_macro(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.facts.unsafes.extend(item.unsafety.as_ref().map(|word| line(word.span)));
        visit::visit_item_impl(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.facts.unsafes.extend(item.unsafety.as_ref().map(|word| line(word.span)));
        visit::visit_item_trait(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'ast syn::ItemForeignMod) {
        self.facts.unsafes.push(line(item.span()));
        visit::visit_item_foreign_mod(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs[..],
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !is_for_tests(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !is_for_tests(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_stmt_macro(&mut self, statement: &'ast syn::StmtMacro) {
        if !is_for_tests(&statement.attrs) {
            visit::visit_stmt_macro(self, statement);
        }
    }

    fn visit_expr_block(&mut self, block: &'ast syn::ExprBlock) {
        if !is_for_tests(&block.attrs) {
            visit::visit_expr_block(self, block);
        }
    }

    /// The tokens of attributes name paths, and so do strings in them: `#[serde(with = "crate::a")]`.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::Path(path) => self.visit_path(path),
            Meta::List(list) => tokens::walk_with_strings(list.tokens.clone(), self),
            Meta::NameValue(_) => {}
        }
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let path = segments(&called.path);
        let name = path.last().cloned().unwrap_or_default();
        self.facts.macros.push(Spot { line: line(called.path.span()), name });
        self.mention(called.path.span(), path, called.path.leading_colon.is_some());
        self.macro_tokens(&called.tokens);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mention(path.span(), segments(path), path.leading_colon.is_some());
        visit::visit_path(self, path);
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        let name = segments(&literal.path).pop().unwrap_or_default();
        self.facts.structs.push(Spot { line: line(literal.path.span()), name });
        visit::visit_expr_struct(self, literal);
    }

    fn visit_pat_struct(&mut self, pattern: &'ast syn::PatStruct) {
        let name = segments(&pattern.path).pop().unwrap_or_default();
        self.facts.structs.push(Spot { line: line(pattern.path.span()), name });
        visit::visit_pat_struct(self, pattern);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let receiver = last_name(&call.receiver);
        self.facts.calls.push(Call { line: line(call.method.span()), receiver, method: call.method.to_string() });
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_field(&mut self, field: &'ast syn::ExprField) {
        if let Member::Named(name) = &field.member {
            self.facts.fields.push(Spot { line: line(name.span()), name: name.to_string() });
        }
        visit::visit_expr_field(self, field);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        use BinOp::{Eq, Ge, Gt, Le, Lt};
        if matches!(binary.op, Eq(_) | Lt(_) | Le(_) | Gt(_) | Ge(_)) {
            let names = [&binary.left, &binary.right].into_iter().filter_map(|side| last_name(side));
            let line = line(binary.op.span());
            self.facts.compared.extend(names.map(|name| Spot { line, name }));
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_index(&mut self, index: &'ast syn::ExprIndex) {
        let is_whole = matches!(&*index.index, Expr::Range(range) if range.start.is_none() && range.end.is_none());
        if !is_whole {
            self.facts.indexes.push(line(index.bracket_token.span.open()));
        }
        visit::visit_expr_index(self, index);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.facts.unsafes.push(line(block.unsafe_token.span));
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let syn::Safety::Unsafe(word) = &signature.safety {
            self.facts.unsafes.push(line(word.span));
        }
        visit::visit_signature(self, signature);
    }
}
