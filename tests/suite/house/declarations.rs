//! Reads what a file declares publicly, as lines for the listing of the public face.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::{Attribute, Fields, ImplItem, Item, Meta, ReturnType, Signature, TraitItem, Type, Visibility};

use super::reader::{attributes, is_for_tests};

/// Something public in its module. `@` in the lines stands for the path that it is listed under.
#[derive(Debug)]
pub struct Declaration {
    pub module: Vec<String>,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Module {
        name: String,
    },
    Item {
        name: String,
        lines: Vec<String>,
    },
    /// An implementation for the type that is called so in this module.
    Implementation {
        of: Vec<String>,
        interface: Option<Vec<String>>,
        lines: Vec<String>,
    },
}

/// What the items of a file declare.
pub fn declarations(items: &[Item], module: &[String]) -> Vec<Declaration> {
    let mut reader = Reader { module: module.to_vec(), made: BTreeMap::new(), declarations: Vec::new() };
    reader.items(items);
    reader.declarations
}

struct Reader {
    module: Vec<String>,
    /// What the macros of this file say outright, by name.
    made: BTreeMap<String, Vec<Item>>,
    declarations: Vec<Declaration>,
}

impl Reader {
    fn items(&mut self, items: &[Item]) {
        for item in items.iter().filter(|item| !is_for_tests(attributes(item)) && !is_hidden(attributes(item))) {
            self.item(item);
        }
    }

    fn declare(&mut self, what: What) {
        self.declarations.push(Declaration { module: self.module.clone(), what });
    }

    fn declare_item(&mut self, name: &impl ToString, attributes: &[Attribute], lines: Vec<String>) {
        let name = name.to_string();
        let derived = derives(attributes);
        if !derived.is_empty() {
            let lines = vec![format!("derive({}) for @", derived.join(", "))];
            self.declare(What::Implementation { of: vec![name.clone()], interface: None, lines });
        }
        self.declare(What::Item { name, lines });
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Mod(item) => {
                if is_public(&item.vis) {
                    self.declare(What::Module { name: item.ident.to_string() });
                }
                if let Some((_, items)) = &item.content {
                    self.module.push(item.ident.to_string());
                    self.items(items);
                    self.module.pop();
                }
            }
            Item::Fn(item) if is_public(&item.vis) => {
                self.declare_item(&item.sig.ident, &[], vec![format!("pub {}", signature("@", &item.sig))]);
            }
            Item::Const(item) if is_public(&item.vis) => {
                self.declare_item(&item.ident, &[], vec![format!("pub const @: {}", text(&item.ty))]);
            }
            Item::Static(item) if is_public(&item.vis) => {
                self.declare_item(&item.ident, &[], vec![format!("pub static @: {}", text(&item.ty))]);
            }
            Item::Type(item) if is_public(&item.vis) => {
                let line = format!("pub type @{} = {}", generics(&item.generics), text(&item.ty));
                self.declare_item(&item.ident, &[], vec![line]);
            }
            Item::Struct(item) if is_public(&item.vis) => self.structure(item),
            Item::Enum(item) if is_public(&item.vis) => self.enumeration(item),
            Item::Trait(item) if is_public(&item.vis) => self.interface(item),
            Item::Impl(item) => self.implementation(item),
            Item::Macro(item) => self.macro_item(item),
            _ => {}
        }
    }

    fn structure(&mut self, item: &syn::ItemStruct) {
        let mark = non_exhaustive(&item.attrs);
        let head = format!("{mark}pub struct @{}", generics(&item.generics));
        let mut lines = Vec::new();
        match &item.fields {
            Fields::Named(fields) => {
                let is_whole = fields.named.iter().all(|field| is_public(&field.vis));
                lines.push(if is_whole { format!("{head} {{ .. }}") } else { format!("{head} {{ /* private */ }}") });
                for field in fields.named.iter().filter(|field| is_public(&field.vis)) {
                    let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                    lines.push(format!("pub @::{name}: {}", text(&field.ty)));
                }
            }
            Fields::Unnamed(fields) => {
                let types = fields.unnamed.iter().map(|field| match &field.vis {
                    Visibility::Public(_) => format!("pub {}", text(&field.ty)),
                    _ => "_".into(),
                });
                lines.push(format!("{head}({})", types.collect::<Vec<_>>().join(", ")));
            }
            Fields::Unit => lines.push(head),
        }
        self.declare_item(&item.ident, &item.attrs, lines);
    }

    fn enumeration(&mut self, item: &syn::ItemEnum) {
        let mut lines = vec![format!("{}pub enum @{}", non_exhaustive(&item.attrs), generics(&item.generics))];
        for variant in item.variants.iter().filter(|variant| !is_hidden(&variant.attrs)) {
            let fields = variant.fields.iter().map(|field| match &field.ident {
                Some(name) => format!("{name}: {}", text(&field.ty)),
                None => text(&field.ty),
            });
            let fields = fields.collect::<Vec<_>>().join(", ");
            let fields = match &variant.fields {
                Fields::Named(_) => format!(" {{ {fields} }}"),
                Fields::Unnamed(_) => format!("({fields})"),
                Fields::Unit => String::new(),
            };
            lines.push(format!("{}@::{}{fields}", non_exhaustive(&variant.attrs), variant.ident));
        }
        self.declare_item(&item.ident, &item.attrs, lines);
    }

    fn interface(&mut self, item: &syn::ItemTrait) {
        let above = text(&item.supertraits);
        let above = if above.is_empty() { above } else { format!(": {above}") };
        let mut lines = vec![format!("pub trait @{}{above}", generics(&item.generics))];
        for inner in &item.items {
            match inner {
                TraitItem::Fn(inner) => {
                    let provided = if inner.default.is_some() { " { .. }" } else { "" };
                    lines.push(signature(&format!("@::{}", inner.sig.ident), &inner.sig) + provided);
                }
                TraitItem::Const(inner) => lines.push(format!("const @::{}: {}", inner.ident, text(&inner.ty))),
                TraitItem::Type(inner) => lines.push(format!("type @::{}", inner.ident)),
                _ => {}
            }
        }
        self.declare_item(&item.ident, &item.attrs, lines);
    }

    fn implementation(&mut self, item: &syn::ItemImpl) {
        let Some(of) = self_path(&item.self_ty) else { return };
        let Some(name) = of.last() else { return };
        let parameters = text(&item.generics);
        let of_text = text(&item.self_ty).replacen(name.as_str(), "@", 1);
        let bounds = item.generics.where_clause.as_ref().map(|bounds| format!(" {}", text(bounds))).unwrap_or_default();
        let mut lines = Vec::new();
        let interface = item.trait_.as_ref().map(|(path, ..)| path);
        for inner in &item.items {
            match inner {
                ImplItem::Fn(inner) if interface.is_none() && is_public(&inner.vis) && !is_hidden(&inner.attrs) => {
                    lines.push(format!("pub {}", signature(&format!("@::{}", inner.sig.ident), &inner.sig)));
                }
                ImplItem::Const(inner) if interface.is_none() && is_public(&inner.vis) => {
                    lines.push(format!("pub const @::{}: {}", inner.ident, text(&inner.ty)));
                }
                ImplItem::Type(inner) if interface.is_some() => {
                    lines.push(format!(" {{ type {} = {} }}", inner.ident, text(&inner.ty)));
                }
                _ => {}
            }
        }
        if let Some(path) = interface {
            let head = format!("impl{parameters} {} for {of_text}{bounds}", text(path));
            lines = vec![head + &lines.concat()];
        }
        let interface = interface.map(|path| path.segments.iter().map(|part| part.ident.to_string()).collect());
        self.declare(What::Implementation { of, interface, lines });
    }

    /// A `macro_rules!` is remembered; a call of one declares what it makes.
    fn macro_item(&mut self, item: &syn::ItemMacro) {
        if let Some(name) = &item.ident {
            if let Some(TokenTree::Group(body)) = item.mac.tokens.clone().into_iter().filter(is_braces).last() {
                let file = syn::parse2::<syn::File>(outright(body.stream()));
                self.made.insert(name.to_string(), file.map(|file| file.items).unwrap_or_default());
            }
            return;
        }
        let called = item.mac.path.segments.last().map(|part| part.ident.to_string()).unwrap_or_default();
        let Some(made) = self.made.remove(&called) else { return };
        let name = made.iter().find_map(|item| match item {
            Item::Enum(item) if is_public(&item.vis) => Some(item.ident.to_string()),
            _ => None,
        });
        self.items(&made);
        self.made.insert(called.clone(), made);
        let Some(name) = name else { return };
        let lines = entries(item.mac.tokens.clone()).into_iter().map(|entry| format!("{called}! @: {entry}")).collect();
        self.declare(What::Implementation { of: vec![name], interface: None, lines });
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    let is_hidden = |list: &syn::MetaList| list.path.is_ident("doc") && list.tokens.to_string() == "hidden";
    attributes.iter().any(|attribute| matches!(&attribute.meta, Meta::List(list) if is_hidden(list)))
}

fn non_exhaustive(attributes: &[Attribute]) -> &'static str {
    let is_marked = attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive"));
    if is_marked { "#[non_exhaustive] " } else { "" }
}

fn derives(attributes: &[Attribute]) -> Vec<String> {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let paths = lists.filter_map(|attribute| {
        attribute.parse_args_with(syn::punctuated::Punctuated::<syn::Path, syn::Token![,]>::parse_terminated).ok()
    });
    let names = paths.flatten().filter_map(|path| Some(path.segments.last()?.ident.to_string()));
    let names = names.collect::<BTreeSet<_>>();
    names.into_iter().collect()
}

/// The path of the type that an implementation is for, references aside.
fn self_path(of: &Type) -> Option<Vec<String>> {
    match of {
        Type::Path(path) => Some(path.path.segments.iter().map(|part| part.ident.to_string()).collect()),
        Type::Reference(inner) => self_path(&inner.elem),
        _ => None,
    }
}

fn generics(generics: &syn::Generics) -> String {
    let bounds = generics.where_clause.as_ref().map(|bounds| format!(" {}", text(bounds))).unwrap_or_default();
    text(generics) + &bounds
}

fn signature(name: &str, signature: &Signature) -> String {
    let mut line = String::new();
    for (is_there, word) in [(signature.constness.is_some(), "const "), (signature.asyncness.is_some(), "async ")] {
        line += if is_there { word } else { "" };
    }
    let inputs = signature.inputs.iter().map(text).collect::<Vec<_>>().join(", ");
    let output = match &signature.output {
        ReturnType::Default => String::new(),
        ReturnType::Type(_, output) => format!(" -> {}", text(output)),
    };
    let bounds = signature.generics.where_clause.as_ref().map(|bounds| format!(" {}", text(bounds)));
    format!("{line}fn {name}{}({inputs}){output}{}", text(&signature.generics), bounds.unwrap_or_default())
}

/// The source of a part of the syntax, on one line.
fn text(part: &impl Spanned) -> String {
    one_line(&part.span().source_text().unwrap_or_default())
}

fn one_line(text: &str) -> String {
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (found, new) in [("( ", "("), (", )", ")"), (",)", ")"), (" )", ")"), ("< ", "<"), (", >", ">")] {
        text = text.replace(found, new);
    }
    text.strip_suffix(',').map(str::to_owned).unwrap_or(text)
}

fn is_braces(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// The body of a macro without what it repeats, `$( … )*` and its like, and without the `$` of its variables.
fn outright(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '$' => {
                if tokens.next_if(|next| matches!(next, TokenTree::Group(_))).is_some() {
                    let is_end =
                        |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if "*+?".contains(mark.as_char()));
                    tokens.by_ref().take_while(|token| !is_end(token)).for_each(drop);
                }
            }
            TokenTree::Group(group) => {
                let mut inner = proc_macro2::Group::new(group.delimiter(), outright(group.stream()));
                inner.set_span(group.span());
                kept.push(TokenTree::Group(inner));
            }
            token => kept.push(token),
        }
    }
    kept.into_iter().collect()
}

/// The parts between commas of a macro's arguments, without attributes and documentation.
fn entries(tokens: TokenStream) -> Vec<String> {
    let mut entries = vec![String::new()];
    for token in undocumented(tokens) {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == ',' => entries.push(String::new()),
            token => {
                let entry = entries.last_mut().expect("one is always there");
                *entry += " ";
                *entry += &token.to_string();
            }
        }
    }
    entries.retain(|entry| !entry.is_empty());
    entries.iter().map(|entry| spaced(entry)).collect()
}

/// Tokens with the blanks that rustfmt leaves between them, as far as fields need it.
fn spaced(tokens: &str) -> String {
    let mut text = tokens.trim().to_owned();
    for (found, new) in [(" : ", ": "), (" , ", ", "), (", }", " }"), (" < ", "<"), (" >", ">"), ("& ", "&")] {
        text = text.replace(found, new);
    }
    text
}

fn undocumented(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => drop(tokens.next()),
            TokenTree::Group(group) => {
                let inner = undocumented(group.stream()).into_iter().collect();
                kept.push(TokenTree::Group(proc_macro2::Group::new(group.delimiter(), inner)));
            }
            token => kept.push(token),
        }
    }
    kept
}
