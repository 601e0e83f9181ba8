//! What an audit knows of all exports and modules: how each symbol is exported, by which module, and under which
//! license.
//!
//! The files may not tell everything: a symbol whose kind of export is in none of them is [`Standing::Unknown`].

use std::collections::{BTreeMap, HashMap, HashSet};

use super::subject::Subject;
use crate::graph::Spot;
use crate::kernel::{Exports, Kallsyms, Kernel};
use crate::terms::{ExportKind, License, ModuleName, Namespace};

/// Which modules may use a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Every module: it is exported.
    Plain,
    /// Modules under a license compatible with the GPL: it is exported GPL-only.
    GplOnly,
    /// No module: it is not exported.
    Unexported,
    /// The files do not say.
    Unknown,
}

/// One export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownExport {
    /// How it is exported.
    pub kind: ExportKind,
    /// The module that exports it, or `vmlinux`.
    pub exporter: ModuleName,
    /// Its namespace.
    pub namespace: Option<Namespace>,
}

/// What is known of a module besides its exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownModule {
    /// The first license string, which is the one that the loader reads.
    pub license: Option<License>,
    /// Whether it imports a GPL-only symbol.
    pub uses_gpl_only: bool,
    /// Whether it is marked as one of the kernel's own modules (`intree=Y`).
    pub intree: bool,
}

/// All known exports and modules.
#[derive(Debug, Default)]
pub struct KnownExports {
    exported: HashMap<Box<str>, KnownExport>,
    modules: BTreeMap<ModuleName, KnownModule>,
    /// Whether all exports are known, so that any other symbol is not exported.
    complete: bool,
    /// Names that are exported in an unknown way.
    unsaid: HashSet<Box<str>>,
    /// Names of the kernel's own functions and data, and whether the name is global there. A global name that is not
    /// known to be exported is not exported.
    internal: HashMap<Box<str>, bool>,
}

impl KnownExports {
    /// Adds the exports that the files of a kernel tell of. Exports that were added before take precedence.
    pub fn add_kernel(&mut self, kernel: &Kernel) {
        if let Some(symbols) = kernel.symbols() {
            self.add_symbols(symbols);
        }
        if let Some(exports) = kernel.all_exports() {
            self.add_exports(&exports);
        }
    }

    /// Adds a list of exports.
    pub fn add_exports(&mut self, exports: &Exports) {
        for row in exports.rows() {
            match row.kind {
                Some(kind) => {
                    let exporter = ModuleName::of_exporter(row.exporter);
                    self.add(row.name, KnownExport { kind, exporter, namespace: row.namespace });
                }
                None => _ = self.unsaid.insert(row.name.into()),
            }
        }
        self.complete |= exports.covers_modules();
    }

    /// Adds the names of a kernel's own functions and data.
    pub fn add_symbols(&mut self, symbols: &Kallsyms) {
        for symbol in symbols.iter() {
            let global = self.internal.entry(symbol.name.into()).or_default();
            *global |= symbol.kind.is_ascii_uppercase();
        }
    }

    /// Adds an export. Of several exports with one name, the first counts.
    pub fn add(&mut self, name: &str, export: KnownExport) {
        if !self.exported.contains_key(name) {
            self.exported.insert(name.into(), export);
        }
    }

    /// Adds a module. Of several modules with one name, the first counts.
    pub fn add_module(&mut self, name: ModuleName, module: KnownModule) {
        self.modules.entry(name).or_insert(module);
    }

    /// The module with that name.
    pub fn module(&self, name: &ModuleName) -> Option<&KnownModule> {
        self.modules.get(name)
    }

    /// The export of a symbol.
    pub fn export(&self, name: &str) -> Option<&KnownExport> {
        self.exported.get(name)
    }

    /// All exports, in no particular order.
    pub fn exports(&self) -> impl Iterator<Item = (&str, &KnownExport)> {
        self.exported.iter().map(|(name, export)| (&**name, export))
    }

    /// How a symbol is exported.
    pub fn kind(&self, name: &str) -> Option<ExportKind> {
        self.export(name).map(|export| export.kind)
    }

    /// Returns whether a symbol with that name exists, exported or not.
    pub fn names(&self, name: &str) -> bool {
        self.exported.contains_key(name) || self.internal.contains_key(name)
    }

    /// Which modules may use a symbol.
    pub fn standing(&self, name: &str) -> Standing {
        match self.kind(name) {
            Some(kind) if kind.is_gpl_only() => Standing::GplOnly,
            Some(_) => Standing::Plain,
            None if self.unsaid.contains(name) => Standing::Unknown,
            // A name that is static in the kernel may still be exported by a module.
            None if self.complete || self.internal.get(name) == Some(&true) => Standing::Unexported,
            None => Standing::Unknown,
        }
    }

    /// The name of the function or data at a spot of an object, and which modules may use it. For symbols that the
    /// object defines, only its own exports count, whatever other symbols have the name.
    pub fn standing_in(&self, subject: &Subject<'_>, spot: Spot) -> (String, Standing) {
        let Spot::Address(address) = spot else {
            let name = subject.name(spot).unwrap_or_default();
            return (name.to_owned(), self.standing(name));
        };
        let named = subject.space.names(address).iter().filter_map(|label| subject.export(&label.name));
        // Another source file may have a static function with the name of an export.
        let exported = named.filter(|export| export.address == address);
        // Of several exports at one address, a plain one opens it to every module.
        match exported.min_by_key(|export| export.kind.is_gpl_only()) {
            Some(export) if export.kind.is_gpl_only() => (export.name.clone(), Standing::GplOnly),
            Some(export) => (export.name.clone(), Standing::Plain),
            None => (subject.name(spot).unwrap_or("?").to_owned(), Standing::Unexported),
        }
    }
}
