//! What the search for an exported symbol finds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::kernel::VMLINUX;
use crate::load::loaded::LoadedModule;
use crate::load::state::StageResult;
use crate::terms::{Crc, ExportKind, Namespace};
use crate::verdict::Stage;

/// The output fields of `struct find_symbol_arg` (kernel/module/internal.h).
#[derive(Clone, Debug)]
pub(in crate::load) struct FoundSymbol {
    pub kind: ExportKind,
    /// The version of the symbol; `None` if the exporter has no CRC table.
    pub crc: Option<Crc>,
    pub namespace: Option<Namespace>,
    pub exporter: Exporter,
}

/// The exporter of a symbol.
#[derive(Clone, Debug)]
pub(in crate::load) enum Exporter {
    /// The kernel itself.
    Vmlinux,
    /// A module that gplok has loaded.
    Module(Arc<LoadedModule>),
    /// A module of the kernel's own tree, which counts as loaded.
    InTree(String),
}

impl Exporter {
    /// Its name for messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Vmlinux => VMLINUX,
            Self::Module(module) => &module.name,
            Self::InTree(name) => name,
        }
    }

    /// The module, if gplok has loaded it.
    pub fn module(&self) -> Option<&LoadedModule> {
        match self {
            Self::Module(module) => Some(module),
            _ => None,
        }
    }
}

/// Where a symbol is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::load) enum Place {
    /// The rows of the kernel itself.
    Vmlinux,
    /// The rows of the modules of its tree.
    Tree,
}

/// What is searched, and by whom: the stage, whether the module may see GPL-only symbols, the place and the symbol.
type Search = (Stage, bool, Place, String);

/// What one attempt found among very many rows of one symbol. A module may name such a symbol very many times.
#[derive(Debug, Default)]
pub(in crate::load) struct Searches {
    found: RefCell<HashMap<Search, Option<FoundSymbol>>>,
    /// Of symbols in very many namespaces, the first that the module does not import.
    open: RefCell<HashMap<String, Option<Namespace>>>,
}

impl Searches {
    /// The result of a search, which is made once.
    pub fn once(
        &self,
        (stage, gplok, place, symbol): (Stage, bool, Place, &str),
        search: impl FnOnce() -> StageResult<Option<FoundSymbol>>,
    ) -> StageResult<Option<FoundSymbol>> {
        let key = (stage, gplok, place, symbol.to_owned());
        if let Some(found) = self.found.borrow().get(&key) {
            return Ok(found.clone());
        }
        let found = search()?;
        self.found.borrow_mut().insert(key, found.clone());
        Ok(found)
    }

    /// The first namespace of a symbol that the module does not import, which is looked for once.
    pub fn open_namespace(&self, symbol: &str, find: impl FnOnce() -> Option<Namespace>) -> Option<Namespace> {
        if let Some(open) = self.open.borrow().get(symbol) {
            return open.clone();
        }
        let open = find();
        self.open.borrow_mut().insert(symbol.to_owned(), open.clone());
        open
    }
}
