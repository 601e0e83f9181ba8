//! A kernel's own symbols, exported or not: as a document, and as `System.map`.

use serde::Serialize;

use super::entry::KernelSummary;
use super::json::SCHEMA;
use super::printable::Printable;
use crate::kernel::{Kallsyms, KernelSymbol};

/// The symbols as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct SymbolsDocument<'a> {
    schema: &'static str,
    kernel: &'a KernelSummary,
    symbols: Vec<KernelSymbolItem<'a>>,
}

/// One symbol; the address is hexadecimal, the size in bytes.
#[derive(Clone, Debug, Serialize)]
struct KernelSymbolItem<'a> {
    symbol: &'a str,
    kind: char,
    address: String,
    size: u64,
}

impl<'a> From<KernelSymbol<'a>> for KernelSymbolItem<'a> {
    fn from(symbol: KernelSymbol<'a>) -> Self {
        Self { symbol: symbol.name, kind: symbol.kind, address: format!("{:#x}", symbol.address), size: symbol.size }
    }
}

/// The document of `exports --system-map`.
pub fn symbols_document<'a>(symbols: &'a Kallsyms, kernel: &'a KernelSummary) -> SymbolsDocument<'a> {
    SymbolsDocument { schema: SCHEMA, kernel, symbols: symbols.iter().map(KernelSymbolItem::from).collect() }
}

/// The symbols in the format of `System.map`: address, kind, name.
pub fn system_map(symbols: &Kallsyms) -> Printable {
    let mut text = Printable::default();
    for symbol in symbols.iter() {
        text.line(format_args!("{:016x} {} {}", symbol.address, symbol.kind, symbol.name));
    }
    text
}
