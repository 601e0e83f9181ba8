//! What an audit finds, as data. `report` makes the sentences.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::body::{Arguments, How};
use crate::terms::ExportKind;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// The stable name of a kind of finding of an audit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AuditCode {
            $($(#[$doc])* $variant),*
        }

        impl AuditCode {
            /// Every code there is, in the order of pages.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name that `gplok explain` takes and JSON carries.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

codes! {
    /// A plain export that does nothing but hand on to a GPL-only one.
    LaundersGplOnly = "launders-gpl-only",
    /// A plain export that hands out a function which is exported to nobody.
    ExposesUnexported = "exposes-unexported",
    /// A module passes on what a proprietary module exports, or a proprietary one what a GPL module has made of GPL-only symbols.
    ReexportsProprietary = "reexports-proprietary",
    /// A module defines a symbol with the name of a GPL-only export.
    ShadowsGplOnly = "shadows-gpl-only",
    /// `symbol_get()` of a name that the kernel will not give, because it is not GPL-only.
    SymbolGet = "symbol-get",
    /// Looks up at run time what linking would refuse.
    KallsymsLookup = "kallsyms-lookup",
    /// A licence string that is nearly one that the kernel knows, or that is given twice.
    OddLicense = "odd-license",
    /// A module has the name of one that an export is reserved for.
    ReservedModuleName = "reserved-module-name",
    /// A plain export that comes to a GPL-only one on its way, and does work of its own.
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

/// How little a wrapper does besides handing on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thinness {
    /// Instructions that read, write, compute or compare something, in all functions on the way; what puts up frames, moves
    /// arguments, locks, traces or complains is not counted.
    pub instructions: usize,
    /// What it calls, locks and messages left out.
    pub calls: usize,
    /// How the arguments of the symbol come from those of the export.
    pub arguments: Arguments,
    /// Does the export give back what the symbol gives?
    pub result: bool,
}

impl Thinness {
    /// From 100, a jump to the symbol and nothing else, down to 0.
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
    /// The function that refers.
    pub function: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// How.
    pub how: How,
}

/// More, where a code has more to tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Nothing.
    None,
    /// A licence string, and what is odd about it.
    License {
        /// As the file has it; with its blanks.
        text: String,
        /// What is odd.
        oddity: LicenseOddity,
    },
    /// The module that a symbol comes from, and its licence.
    Exporter {
        /// Its name.
        module: String,
        /// Its licence.
        license: String,
    },
    /// The list of modules that an export is reserved for, as its namespace has it; and how many exports are.
    ModuleList {
        /// Behind `module:`.
        list: String,
        /// How many exports it stands at.
        exports: usize,
    },
    /// The name that is looked up, and by which function.
    Lookup {
        /// The function that looks up: `kallsyms_lookup_name`, `register_kprobe`.
        by: String,
    },
    /// Is the definition seen outside of its own source file?
    Definition {
        /// So that it takes the export's place in the whole module.
        global: bool,
    },
}

/// What is odd about a licence string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LicenseOddity {
    /// It means the GPL, and the loader does not take it: the one that it would.
    Misspelt {
        /// The nearest that is taken.
        nearest: &'static str,
    },
    /// There are several; the loader reads only the first, and modpost all of them.
    Several {
        /// How many.
        count: usize,
        /// Does the loader take the first?
        first_taken: bool,
        /// Does modpost take all?
        all_taken: bool,
    },
    /// There is none.
    Absent,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AuditFinding {
    /// What it is.
    pub code: AuditCode,
    /// The object it is found in: its place in [`Audit::objects`].
    pub object: usize,
    /// The export that hands on; `None` where it is about a module.
    pub export: Option<String>,
    /// How that is exported.
    pub kind: Option<ExportKind>,
    /// The symbol that it is about.
    pub symbol: Option<String>,
    /// How that is exported; `None`: to nobody, or it is not known.
    pub symbol_kind: Option<ExportKind>,
    /// From the export to the symbol.
    pub hops: Vec<Hop>,
    /// Of wrappers.
    pub thinness: Option<Thinness>,
    /// Of `exposes-unexported`: by how many functions of the kernel the symbol is used.
    pub users: Option<usize>,
    /// More.
    pub detail: Detail,
}

impl AuditFinding {
    /// A finding of which only this much is known.
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

    /// The functions from the export to the symbol, both included. What compilers put out of a function's way belongs to it.
    pub fn path(&self) -> Vec<&str> {
        let functions = self.hops.iter().filter_map(|hop| hop.function.split(".cold").next());
        functions.chain(self.symbol.as_deref()).collect()
    }
}

/// One object that was audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedObject {
    /// Where it was read from.
    pub path: PathBuf,
    /// The module's name; of a kernel its release.
    pub name: String,
    /// Is it a kernel?
    pub is_kernel: bool,
    /// The first licence string; `None` of kernels, and of modules without one.
    pub license: Option<String>,
    /// What it exports and how, in order of name.
    pub exports: Vec<(String, ExportKind)>,
    /// Why its code could not be read, where it could not.
    pub unread: Option<String>,
    /// Symbols that its plain exports call and of which the files do not say how they are exported.
    pub unknown: Vec<String>,
}

/// What an audit comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// What was audited, in order of path.
    pub objects: Vec<AuditedObject>,
    /// What was found: by code, and within a code the plainest first.
    pub findings: Vec<AuditFinding>,
}
