//! The findings of an audit, as data. `report` words them.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::body::{Arguments, How};
use crate::kernel::UnreadFile;
use crate::terms::ExportKind;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// The stable name of a kind of finding of an audit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum AuditCode {
            $($(#[$doc])* $variant),*
        }

        impl AuditCode {
            /// Every code, in the order of the explain pages.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name that `gplok explain` takes and JSON carries.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

codes! {
    /// A plain export that does nothing but call a GPL-only one.
    LaundersGplOnly = "launders-gpl-only",
    /// A plain export that hands out a function which is not exported.
    ExposesUnexported = "exposes-unexported",
    /// A GPL module uses symbols of a proprietary one, or a proprietary module those of a GPL module that uses GPL-only
    /// symbols.
    ReexportsProprietary = "reexports-proprietary",
    /// A module defines a symbol with the name of a GPL-only export.
    ShadowsGplOnly = "shadows-gpl-only",
    /// `symbol_get()` of a symbol that the kernel refuses, because it is not GPL-only.
    SymbolGet = "symbol-get",
    /// A symbol is looked up at run time that linking would refuse.
    KallsymsLookup = "kallsyms-lookup",
    /// A license string that is nearly one that the kernel knows, or several that disagree, or none.
    OddLicense = "odd-license",
    /// A module from outside the kernel has a name that an export is reserved for.
    ReservedModuleName = "reserved-module-name",
    /// A plain export that reaches a GPL-only one through calls, and does work of its own.
    ReachesGplOnly = "reaches-gpl-only",
}

impl fmt::Display for AuditCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for AuditCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How little a wrapper does besides passing its arguments on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thinness {
    /// How many instructions read, write, compute or compare something, in all functions on the path. Those that set up
    /// stack frames, move arguments, lock, trace or print messages do not count.
    pub instructions: usize,
    /// How many calls it makes, apart from locks and messages.
    pub calls: usize,
    /// Where the arguments of the symbol come from.
    pub arguments: Arguments,
    /// Whether the export returns the result of the symbol.
    pub result: bool,
}

impl Thinness {
    /// A score from 100, for a jump to the symbol and nothing else, down to 0.
    pub const fn score(&self) -> u8 {
        let arguments = match self.arguments {
            Arguments::Straight => 0,
            Arguments::Arranged => 2,
            Arguments::Derived => 6,
            Arguments::Bound => 25,
            Arguments::Own => 40,
        };
        let result = if self.result { 0 } else { 4 };
        let calls = self.calls.saturating_sub(1).saturating_mul(8);
        let work = self.instructions.saturating_mul(3).saturating_add(calls).saturating_add(arguments + result);
        if work < 100 { 100 - work as u8 } else { 0 }
    }
}

/// One step from an export to a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    /// The function that contains the reference.
    pub function: String,
    /// The offset in it, in bytes.
    pub offset: u64,
    /// How it refers to the next function.
    pub how: How,
}

/// What a code tells besides the common fields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Nothing.
    None,
    /// A license string, and what is odd about it.
    License {
        /// The string as it is in the file, with its blanks.
        text: String,
        /// What is odd.
        oddity: LicenseOddity,
    },
    /// The module that exports a symbol, and its license.
    Exporter {
        /// Its name.
        module: String,
        /// Its license.
        license: String,
    },
    /// A list of modules that exports are reserved for, and how many exports have it.
    ModuleList {
        /// The list as the namespace has it, after `module:`.
        list: String,
        /// How many exports have this list.
        exports: usize,
    },
    /// The function that a name is looked up by.
    Lookup {
        /// The function that looks up: `kallsyms_lookup_name`, `register_kprobe`.
        by: String,
    },
    /// A definition that shadows an export.
    Definition {
        /// Whether it is global, so that it replaces the export in the whole module and not only in its source file.
        global: bool,
    },
}

/// What is odd about a license string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LicenseOddity {
    /// It means the GPL, but the loader does not take it for compatible.
    Misspelt {
        /// The nearest string that the loader takes.
        nearest: &'static str,
    },
    /// There are several that disagree. The loader reads only the first, modpost reads all of them.
    Several {
        /// How many.
        count: usize,
        /// Whether the first is compatible with the GPL.
        first_taken: bool,
        /// Whether all are compatible with the GPL.
        all_taken: bool,
        /// The nearest string that the loader takes, for the first string that means the GPL and is not taken.
        nearest: Option<&'static str>,
    },
    /// There is none.
    Absent,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AuditFinding {
    /// The kind of finding.
    pub code: AuditCode,
    /// The object it is about, by its place in [`Audit::objects`].
    pub object: usize,
    /// The export that it is about; `None` if it is about a whole module.
    pub export: Option<String>,
    /// How the export is exported.
    pub kind: Option<ExportKind>,
    /// The symbol that the export hands out, or that the module uses or defines.
    pub symbol: Option<String>,
    /// How the symbol is exported; `None` if it is not exported, or if that is unknown.
    pub symbol_kind: Option<ExportKind>,
    /// The path from the export to the symbol.
    pub hops: Vec<Hop>,
    /// How thin a wrapper is; `None` for other findings.
    pub thinness: Option<Thinness>,
    /// For `exposes-unexported` in a kernel: how many functions of the kernel use the symbol.
    pub users: Option<usize>,
    /// What the code tells besides.
    pub detail: Detail,
}

impl AuditFinding {
    /// A finding with all other fields empty.
    pub const fn new(code: AuditCode, object: usize) -> Self {
        Self {
            code,
            object,
            export: None,
            kind: None,
            symbol: None,
            symbol_kind: None,
            hops: Vec::new(),
            thinness: None,
            users: None,
            detail: Detail::None,
        }
    }

    /// The functions from the export to the symbol, both included. A cold piece is named by the function it belongs to.
    pub fn path(&self) -> Vec<&str> {
        let functions = self.hops.iter().filter_map(|hop| hop.function.split(".cold").next());
        functions.chain(self.symbol.as_deref()).collect()
    }
}

/// One object that was audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedObject {
    /// The file it was read from.
    pub path: PathBuf,
    /// The module's name, or a kernel's release.
    pub name: String,
    /// Whether it is a kernel.
    pub is_kernel: bool,
    /// The first license string; `None` for kernels, and for modules without one.
    pub license: Option<String>,
    /// Its exports and their kinds, in order of name.
    pub exports: Vec<(String, ExportKind)>,
    /// Why its code could not be read; `None` if it was read.
    pub unread: Option<String>,
    /// Symbols that its plain exports call and whose kind of export is unknown.
    pub unknown: Vec<String>,
}

/// The result of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The audited objects: kernels first, then modules in order of path.
    pub objects: Vec<AuditedObject>,
    /// The findings, sorted by code, and within a code the most important first.
    pub findings: Vec<AuditFinding>,
    /// Files of the module tree of the kernel that tells how symbols are exported, which could not be read.
    pub unread: Vec<UnreadFile>,
}
