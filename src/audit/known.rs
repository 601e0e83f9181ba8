//! How everything that is known of is exported, by whom, and under which licence.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::subject::Subject;
use crate::graph::Spot;
use crate::kernel::{Exports, Kallsyms, Kernel, VMLINUX};
use crate::terms::{ExportKind, License, Namespace};

/// How a symbol stands to modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Exported to every module.
    Plain,
    /// Exported, but only to modules under a licence compatible with the GPL.
    GplOnly,
    /// Exported to none.
    Unexported,
    /// The files do not say.
    Unknown,
}

/// One export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownExport {
    /// How.
    pub kind: ExportKind,
    /// The name of the module that exports it, or `vmlinux`.
    pub exporter: Box<str>,
    /// Its namespace.
    pub namespace: Option<Namespace>,
}

/// What is known of a module besides its exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownModule {
    /// The first licence string, which is the one the loader reads.
    pub license: Option<License>,
    /// Does it import a GPL-only symbol?
    pub uses_gpl_only: bool,
    /// Does it say that it is one of the kernel's own (`intree=Y`)?
    pub intree: bool,
}

/// All exports and modules that are known of.
#[derive(Debug, Default)]
pub struct KnownExports {
    exported: HashMap<Box<str>, KnownExport>,
    /// By name, with `_` for `-`.
    modules: BTreeMap<Box<str>, KnownModule>,
    /// Is nothing exported but what is known of?
    complete: bool,
    /// Names that are exported, nobody says how.
    unsaid: HashSet<Box<str>>,
    /// Names of the kernel's own functions and data, and whether more than one source file of it sees them: what of those is not
    /// known to be exported, is not.
    internal: HashMap<Box<str>, bool>,
}

impl KnownExports {
    /// Adds what the files of a kernel tell of its exports. What was added before counts before it.
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
                    let export =
                        KnownExport { kind, exporter: module_of(row.exporter).into(), namespace: row.namespace };
                    self.add(row.name, export);
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

    /// Adds an export. Of two of one name the first counts.
    pub fn add(&mut self, name: &str, export: KnownExport) {
        if !self.exported.contains_key(name) {
            self.exported.insert(name.into(), export);
        }
    }

    /// Adds a module.
    pub fn add_module(&mut self, name: &str, module: KnownModule) {
        self.modules.entry(name.replace('-', "_").into()).or_insert(module);
    }

    /// The module of that name.
    pub fn module(&self, name: &str) -> Option<&KnownModule> {
        self.modules.get(&*name.replace('-', "_"))
    }

    /// The export of a symbol.
    pub fn export(&self, name: &str) -> Option<&KnownExport> {
        self.exported.get(name)
    }

    /// All exports, in no order.
    pub fn exports(&self) -> impl Iterator<Item = (&str, &KnownExport)> {
        self.exported.iter().map(|(name, export)| (&**name, export))
    }

    /// How a symbol is exported.
    pub fn kind(&self, name: &str) -> Option<ExportKind> {
        self.export(name).map(|export| export.kind)
    }

    /// Is there something of that name, exported or not?
    pub fn names(&self, name: &str) -> bool {
        self.exported.contains_key(name) || self.internal.contains_key(name)
    }

    /// How a symbol stands to modules.
    pub fn standing(&self, name: &str) -> Standing {
        match self.kind(name) {
            Some(kind) if kind.is_gpl_only() => Standing::GplOnly,
            Some(_) => Standing::Plain,
            None if self.unsaid.contains(name) => Standing::Unknown,
            // What only one source file of the kernel has under this name, a module may export.
            None if self.complete || self.internal.get(name) == Some(&true) => Standing::Unexported,
            None => Standing::Unknown,
        }
    }

    /// The name of what lies at a spot of an object, and how it stands to modules. What the object defines itself is exported
    /// where it exports it, whatever else has its name.
    pub fn standing_in(&self, subject: &Subject<'_>, spot: Spot) -> (String, Standing) {
        let Spot::Address(address) = spot else {
            let name = subject.name(spot).unwrap_or_default();
            return (name.to_owned(), self.standing(name));
        };
        let named = subject.space.names(address).iter().filter_map(|label| subject.export(&label.name));
        // Another source file may have a function of an export's name for itself.
        let exported = named.filter(|export| export.address == address);
        // Of several names of one place the plain one opens it.
        match exported.min_by_key(|export| export.kind.is_gpl_only()) {
            Some(export) if export.kind.is_gpl_only() => (export.name.clone(), Standing::GplOnly),
            Some(export) => (export.name.clone(), Standing::Plain),
            None => (subject.name(spot).unwrap_or("?").to_owned(), Standing::Unexported),
        }
    }
}

/// The name of a module by the path that `KnownModule.symvers` has.
fn module_of(exporter: &str) -> String {
    if exporter == VMLINUX {
        return exporter.to_owned();
    }
    exporter.rsplit('/').next().unwrap_or(exporter).replace('-', "_")
}
