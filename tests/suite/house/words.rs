//! Names from files reach a stream and the text of an error only through `terms::Shown` and `report::Printable`.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Fields, ItemEnum, ItemStruct, Meta};

use super::rules::outside;
use super::source::{House, Source, files_below, root};
use super::{assert_found, assert_none};

/// The only file that writes to a stream. What it takes is safe to print.
const WRITER: &str = "bin/gplok/output.rs";

/// Places other than the writer that name a stream, print, or let clap print.
fn streams(house: &House) -> Vec<String> {
    let is_there = |source: &Source| !source.is_of_library() && source.path != WRITER;
    let names = ["anstream::stdout", "anstream::stderr", "std::io::stdout", "std::io::stderr"];
    let mut broken = outside(house, is_there, &names);
    for source in house.sources.iter().filter(|source| is_there(source)) {
        let printing = ["print", "println", "eprint", "eprintln", "dbg"];
        let macros = source.facts.macros.iter().filter(|spot| printing.contains(&spot.name.as_str()));
        broken.extend(macros.map(|spot| format!("src/{}:{}: {}", source.path, spot.line, spot.name)));
        let calls = source.facts.calls.iter().filter(|call| ["exit", "print"].contains(&call.method.as_str()));
        broken.extend(calls.map(|call| format!("src/{}:{}: .{}()", source.path, call.line, call.method)));
    }
    broken
}

#[test]
fn one_file_writes_to_streams() {
    assert_none(&streams(House::this()), "only src/bin/gplok/output.rs writes to a stream");
}

#[test]
fn a_second_writer_is_found() {
    let seed = |code: &str, text: &str| assert_found(streams, &[("bin/gplok/check.rs", code)], text);
    seed("fn f() { println!(\"{name}\") }", "println");
    seed("fn f() { writeln!(anstream::stderr(), \"{name}\") }", "anstream::stderr");
    seed("use std::io; fn f() { io::stdout().write_all(name) }", "std::io::stdout");
    seed("fn f(error: clap::Error) { error.exit() }", ".exit()");
    assert_none(&streams(&House::of(&[(WRITER, "fn f() { anstream::stdout() }")])), "the writer writes");
}

/// Calls of `Path::display`, which shows a path as it is.
fn displayed_paths(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    for source in &house.sources {
        let calls = source.facts.calls.iter().filter(|call| call.method == "display");
        broken.extend(calls.map(|call| format!("src/{}:{}: .display()", source.path, call.line)));
    }
    broken
}

#[test]
fn paths_are_shown() {
    assert_none(&displayed_paths(House::this()), "Shown::path() is for messages, and to_string_lossy() for data");
}

#[test]
fn a_displayed_path_is_found() {
    assert_found(displayed_paths, &[("kernel/open.rs", "fn f() { format!(\"{}\", path.display()) }")], ".display()");
}

/// Types of fields that hold text from files, arguments, programs or other crates.
const TEXTS: [&str; 6] = ["String", "PathBuf", "Cow", "io::Error", "serde_json::Error", "str"];

fn holds_text(kind: &str) -> bool {
    TEXTS.iter().any(|text| kind.contains(text)) && kind != "&'static str"
}

/// The `#[error(…)]` of a file that write such a field without `Shown`.
fn bare_texts(path: &str, source: &str) -> Vec<String> {
    let file = syn::parse_file(source).unwrap_or_else(|error| panic!("src/{path}: {error}"));
    let mut reader = ErrorReader { path, broken: Vec::new() };
    reader.visit_file(&file);
    reader.broken
}

struct ErrorReader<'a> {
    path: &'a str,
    broken: Vec<String>,
}

impl ErrorReader<'_> {
    fn read(&mut self, attributes: &[Attribute], fields: &Fields) {
        let texts: BTreeMap<String, bool> = fields
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
                (name, holds_text(&field.ty.span().source_text().unwrap_or_default()))
            })
            .collect();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("error")) {
            let Meta::List(list) = &attribute.meta else { continue };
            for name in bare(list.tokens.clone(), &texts) {
                self.broken.push(format!("src/{}: {name} in #[error({})]", self.path, list.tokens));
            }
        }
    }
}

impl<'ast> Visit<'ast> for ErrorReader<'_> {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.read(&item.attrs, &item.fields);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        for variant in &item.variants {
            self.read(&variant.attrs, &variant.fields);
        }
        visit::visit_item_enum(self, item);
    }
}

/// The fields with text that a format names, or an argument without `Shown`.
fn bare(tokens: TokenStream, texts: &BTreeMap<String, bool>) -> Vec<String> {
    let mut arguments = vec![Vec::new()];
    for token in tokens {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == ',' => arguments.push(Vec::new()),
            token => arguments.last_mut().expect("one is always there").push(token),
        }
    }
    let mut named = Vec::new();
    let format = arguments.first().into_iter().flatten().map(ToString::to_string).collect::<String>();
    for part in format.split('{').skip(1) {
        let (name, form) = part
            .split('}')
            .next()
            .and_then(|part| part.split_once(':'))
            .unwrap_or_else(|| (part.split('}').next().unwrap_or_default(), ""));
        // The debug format escapes.
        if !form.contains('?') {
            named.push(name.to_owned());
        }
    }
    for argument in arguments.iter().skip(1) {
        let words: Vec<String> = argument.iter().map(ToString::to_string).collect();
        if words.first().is_none_or(|word| word != "Shown") {
            named.extend(words.into_iter().map(|word| word.trim_start_matches('.').to_owned()));
        }
    }
    named.retain(|name| texts.get(name).copied().unwrap_or_default());
    named
}

#[test]
fn errors_show_names() {
    let src = root().join("src");
    let mut broken = Vec::new();
    for path in files_below(&src).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        broken.extend(bare_texts(path.strip_prefix(&src).expect("it lies there").to_str().expect("UTF-8"), &text));
    }
    assert_none(&broken, "an error writes text from files as Shown(…) or Shown::path(…)");
}

#[test]
fn an_error_with_a_bare_name_is_found() {
    let seed = |code: &str| {
        let broken = bare_texts("kernel/error.rs", code);
        assert_eq!(broken.len(), 1, "{code}: {broken:?}");
    };
    seed("#[error(\"cannot read {path}\")] struct E { path: String }");
    seed("#[error(\"{0}\")] struct E(std::io::Error);");
    seed("enum E { #[error(\"module {0} not found\")] NotFound(String) }");
    seed("enum E { #[error(\"{}\", names.join(\", \"))] Several { names: Vec<String> } }");
    seed("enum E { #[error(\"{}: {}\", Shown(part), what)] Part { part: String, what: String } }");
    let fine = [
        "#[error(\"line {line}: {what}: {text:?}\")] struct E { line: usize, what: &'static str, text: String }",
        "#[error(\"{}: {kind}\", Shown::path(path))] struct E { path: PathBuf, kind: Kind }",
        "enum E { #[error(\"{}\", Shown(.0))] Io(std::io::Error), #[error(transparent)] Other(#[from] Error) }",
    ];
    for code in fine {
        assert_none(&bare_texts("kernel/error.rs", code), "these show names");
    }
}
