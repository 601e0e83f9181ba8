//! A kernel's own symbols, exported or not.

use std::fmt::Write as _;

use serde::Serialize;

use super::entry::KernelSummary;
use super::json::SCHEMA;
use super::wording::printable;
use crate::kernel::Kallsyms;

/// The symbols as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct SymbolsDocument<'a> {
    schema: &'static str,
    kernel: &'a KernelSummary,
    symbols: Vec<KernelSymbolItem<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct KernelSymbolItem<'a> {
    symbol: &'a str,
    kind: char,
    address: String,
    size: u64,
}

/// The document of `exports --system-map`.
pub fn symbols_document<'a>(symbols: &'a Kallsyms, kernel: &'a KernelSummary) -> SymbolsDocument<'a> {
    let item = |symbol: crate::kernel::KernelSymbol<'a>| KernelSymbolItem {
        symbol: symbol.name,
        kind: symbol.kind,
        address: format!("{:#x}", symbol.address),
        size: symbol.size,
    };
    SymbolsDocument { schema: SCHEMA, kernel, symbols: symbols.iter().map(item).collect() }
}

/// As `System.map` has them: address, kind, name.
pub fn system_map(symbols: &Kallsyms) -> String {
    let mut text = String::with_capacity(symbols.len() * 48);
    for symbol in symbols.iter() {
        let _ = writeln!(text, "{:016x} {} {}", symbol.address, symbol.kind, printable(symbol.name));
    }
    text
}
