//! What an attempt starts from and changes: the kernel's state, the assumptions made about unknown facts, and the module.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::elf::Section;
use crate::history::Calendar;
use crate::image::{ExportTable, Modinfo, ModuleElf, Versions};
use crate::load::loaded::LoadedModule;
use crate::terms::{Arch, Errno, License, Taints};
use crate::verdict::{KernelLine, Missing, Outcome, Stage};

/// Why a stage does not go on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stop {
    /// The kernel returns an error.
    Refused(Errno),
    /// The kernel touches what it must not.
    Crash(String),
    /// A fact is needed that nobody has given: the run is made again with both answers.
    Ask(Missing),
}

/// What a stage returns.
pub(crate) type StageResult<T = ()> = Result<T, Stop>;

/// Lines that are printed once a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Once {
    LockDebugging,
    VerificationFailed,
    Livepatch,
    NoSymbolVersion,
    NoExtendedSymbolVersion,
}

/// Those of them that have been printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Printed(u8);

impl Printed {
    pub const fn has(self, line: Once) -> bool {
        self.0 & (1 << line as u8) != 0
    }

    pub const fn add(&mut self, line: Once) {
        self.0 |= 1 << line as u8;
    }

    /// Those printed in one or the other.
    pub const fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The kernel's state: what loading changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub tainted: Taints,
    /// The newest first, as the kernel links them; worlds in which the same ones are loaded share the list.
    pub modules: Arc<Vec<Arc<LoadedModule>>>,
    pub once: Printed,
    /// How often a failed per-CPU allocation was complained of.
    pub percpu_warnings: u8,
    /// A line without newline, held back until the next one.
    pub held: Option<KernelLine>,
}

/// One consistent set of answers to what is not known, and the kernel's state under it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World {
    pub answers: Arc<BTreeMap<Missing, bool>>,
    pub calendar: Option<Calendar>,
    pub state: State,
    /// What earlier loads depended on, where worlds differ by it still.
    pub because: Arc<BTreeSet<Missing>>,
    /// How its last system call ended, until the next one.
    pub last: Option<Outcome>,
}

/// `struct load_info` and `struct module`, as far as they matter.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    pub elf: Arc<ModuleElf>,
    pub arch: Arch,
    /// `info->name`.
    pub name: Arc<str>,
    /// `mod->name`.
    pub mod_name: Arc<str>,
    /// The entries of `__versions`; `None` without that section, and when the caller wants it ignored.
    pub vers: Option<Arc<Versions>>,
    /// The pairs of `__version_ext_crcs` and `__version_ext_names`.
    pub vers_ext: Option<Arc<Versions>>,
    /// Index of `.gnu.linkonce.this_module`.
    pub this_module: usize,
    /// Index of the per-CPU section.
    pub percpu: Option<usize>,
    /// Indices of the sections that lose `SHF_ALLOC` before the module is laid out: those the loader has found itself.
    pub dropped: Vec<usize>,
    pub sig_ok: bool,
    pub taints: Taints,
    pub license: Option<License>,
    /// `.modinfo`, as this kernel sees it.
    pub modinfo: Arc<Modinfo>,
    /// The first GPL-only symbol resolved: `mod->using_gplonly_symbols`.
    pub using_gplonly_symbols: Option<String>,
    /// The module whose taint it has inherited.
    pub inherited_from: Option<String>,
    pub uses: Vec<Arc<str>>,
    /// Indices of weak symbols that nobody has: their value is 0.
    pub unresolved: HashSet<usize>,
    pub exports: Arc<Vec<ExportTable>>,
}

impl Info {
    /// Does a section still have `SHF_ALLOC` when the module is laid out?
    pub fn keeps_alloc(&self, section: &Section) -> bool {
        section.is_alloc() && !self.dropped.contains(&section.index)
    }
}

/// How far a module gets: is it loaded, and if not, the last stage it reaches.
pub(super) type Furthest = (bool, Option<Stage>);
