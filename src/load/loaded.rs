//! Modules that are loaded.

use std::sync::Arc;

use crate::image::ExportTable;
use crate::terms::{ExportKind, ExportedSymbol, License, Taints, name_hash};

/// A module in state `MODULE_STATE_LIVE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadedModule {
    /// `mod->name`.
    pub name: Arc<str>,
    /// Its number among the modules that are judged together; `None` if it is judged otherwise.
    pub number: Option<usize>,
    /// Its license, for findings only.
    pub license: Option<License>,
    /// `mod->taints`.
    pub taints: Taints,
    /// Its export tables, in the order of search.
    pub exports: Arc<Vec<ExportTable>>,
    /// The modules whose symbols it uses, without duplicates.
    pub uses: Vec<Arc<str>>,
    /// `mod->init`.
    pub init: FunctionPointer,
    /// `mod->exit`.
    pub exit: FunctionPointer,
    /// Whether the kernel may stumble over its `struct module`, because the module has written over fields of it.
    pub is_overwritten: bool,
    /// Whether the module has written over what tells the versions and the kinds of its exports.
    pub is_export_data_overwritten: bool,
    /// Bytes of per-CPU data it holds.
    pub percpu: u64,
    /// The names of the symbols that stay in memory with it, each with a NUL behind it; `None` if they were not read.
    pub symbols: Option<Arc<[u8]>>,
    /// Of a live patch, the names of the modules that it may patch, each with a NUL behind it.
    pub patches: Option<Arc<[u8]>>,
}

/// What a module has where the kernel looks for the address of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionPointer {
    /// Null: the module has no such function.
    Null,
    /// The address of a function of the module.
    Function,
    /// Something else, which the kernel calls all the same.
    Other,
}

/// Mirrors `bsearch()` (lib/bsearch.c) over an export table sorted by name: what an unsorted table hides stays hidden.
pub(crate) fn bsearch<'t>(table: &'t ExportTable, name: &[u8]) -> Option<&'t ExportedSymbol> {
    let (mut base, mut count) = (0, table.entries.len());
    while count > 0 {
        let pivot = base + (count >> 1);
        let entry = table.entries.get(pivot)?;
        match name.cmp(entry.raw_name()) {
            std::cmp::Ordering::Equal => return Some(&entry.symbol),
            std::cmp::Ordering::Greater => {
                base = pivot + 1;
                count -= 1;
            }
            std::cmp::Ordering::Less => {}
        }
        count >>= 1;
    }
    None
}

impl LoadedModule {
    /// A module of which only the name is known. What it exports is asked apart from it.
    pub fn unread(name: &str) -> Self {
        Self {
            name: name.into(),
            number: None,
            license: None,
            taints: Taints::NONE,
            exports: Arc::default(),
            uses: Vec::new(),
            init: FunctionPointer::Function,
            exit: FunctionPointer::Function,
            is_overwritten: false,
            is_export_data_overwritten: false,
            percpu: 0,
            symbols: None,
            patches: None,
        }
    }

    /// Returns whether two modules are equal except for their taints.
    pub fn is_alike(&self, other: &Self) -> bool {
        let Self {
            name,
            number,
            license,
            taints: _,
            exports,
            uses,
            init,
            exit,
            is_overwritten,
            is_export_data_overwritten,
            percpu,
            symbols,
            patches,
        } = self;
        (name, number, license, exports) == (&other.name, &other.number, &other.license, &other.exports)
            && (symbols, patches) == (&other.symbols, &other.patches)
            && (uses, init, exit, percpu) == (&other.uses, &other.init, &other.exit, &other.percpu)
            && *is_overwritten == other.is_overwritten
            && *is_export_data_overwritten == other.is_export_data_overwritten
    }

    /// Returns whether this is a live patch that may patch a module of that name.
    pub fn may_patch(&self, name: &str) -> bool {
        let mut names = self.patches.iter().flat_map(|names| names.split(|byte| *byte == 0));
        !name.is_empty() && names.any(|patched| patched == name.as_bytes())
    }

    /// Looks up an export as `find_symbol()` does. Kinds for which `visible` is false are skipped.
    pub fn find(&self, name: &[u8], visible: impl Fn(ExportKind) -> bool) -> Option<&ExportedSymbol> {
        let hash = name_hash(name);
        let tables = self.exports.iter().filter(|table| table.may_have(hash));
        tables.filter_map(|table| bsearch(table, name)).find(|symbol| visible(symbol.kind))
    }
}
