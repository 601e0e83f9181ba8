//! What an attempt starts from and changes: the kernel's state, the assumptions made about unknown facts, and the module.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::elf::Section;
use crate::history::{Behaviour, Calendar};
use crate::image::{ExportTable, Modinfo, ModuleElf, Versions};
use crate::kernel::ConfigOption;
use crate::load::loaded::LoadedModule;
use crate::terms::{Arch, Errno, License, Taints};
use crate::verdict::{KernelLine, Missing, Outcome, Stage};

/// Why a stage does not continue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stop {
    /// The kernel returns an error.
    Refused(Errno),
    /// The kernel accesses memory that it must not access, or panics.
    Crash(String),
    /// A fact is needed that no file tells. The call is attempted again with each answer.
    Ask(Missing),
}

/// Something of which the calendars of a world say different things. The call is attempted again, once for each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Differing {
    Behaviour(Behaviour),
    DistributionConfig(ConfigOption),
}

impl Differing {
    /// What one calendar says of it.
    pub fn answer(self, calendar: Calendar) -> Option<bool> {
        match self {
            Self::Behaviour(behaviour) => calendar.has(behaviour),
            Self::DistributionConfig(option) => calendar.distribution_config(option.0),
        }
    }
}

/// Why an attempt ended without a verdict.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Open {
    /// A fact is needed that no file tells.
    Question(Missing),
    /// The release decides, and more than one is possible.
    Release(Differing),
}

/// What a stage returns.
pub(crate) type StageResult<T = ()> = Result<T, Stop>;

/// The lines that the kernel prints only once in a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Once {
    LockDebugging,
    VerificationFailed,
    Livepatch,
    NoSymbolVersion,
    NoExtendedSymbolVersion,
    BtfMismatch,
}

/// The set of those lines that were printed already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Printed(u8);

impl Printed {
    /// All of these lines.
    pub const ALL: Self = Self(u8::MAX);

    /// Each line as the bit of its number.
    pub const fn bits(self) -> u8 {
        self.0
    }

    pub const fn has(self, line: Once) -> bool {
        self.0 & (1 << line as u8) != 0
    }

    pub const fn add(&mut self, line: Once) {
        self.0 |= 1 << line as u8;
    }

    /// Adds the lines printed in another state.
    pub const fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The part of the kernel's state that loading and unloading change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub tainted: Taints,
    /// The newest first, as the kernel links them. Worlds in which equal modules are loaded share the list.
    pub modules: Arc<Vec<Arc<LoadedModule>>>,
    pub once: Printed,
    /// How many failed per-CPU allocations were reported; the kernel stops after ten.
    pub percpu_warnings: u8,
    /// A line without newline, held back until the next one.
    pub held: Option<KernelLine>,
    /// Whether the modules that could not be read count as loaded, with every effect that they may have had.
    pub has_unread: bool,
}

/// One consistent set of answers to what no file tells, and the kernel's state under these answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World {
    pub answers: Arc<BTreeMap<Missing, bool>>,
    /// The calendar of the kernel. If its release is not known, those of all releases that are still possible, the newest first.
    pub calendars: Arc<[Calendar]>,
    pub state: State,
    /// The questions that earlier loads depended on, as long as worlds still differ by the answers.
    pub because: Arc<BTreeSet<Missing>>,
    /// How the last system call ended; forgotten at the next one.
    pub last: Option<Outcome>,
    /// The questions that the stages of this system call asked, in order; forgotten when the call is settled.
    pub asked: Vec<(Stage, Missing)>,
}

impl World {
    /// This world with each answer to a question: no, then yes.
    pub fn answered(self, question: &Missing) -> [Self; 2] {
        [self.clone().with_answer(question, false), self.with_answer(question, true)]
    }

    /// This world with an answer to a question.
    pub fn with_answer(mut self, question: &Missing, answer: bool) -> Self {
        Arc::make_mut(&mut self.answers).insert(question.clone(), answer);
        self
    }

    /// Divides the calendars by what they say of something. Returns one world for each answer.
    pub fn divided(&self, differing: Differing) -> Vec<Self> {
        let mut parts: Vec<(Option<bool>, Vec<Calendar>)> = Vec::new();
        for calendar in self.calendars.iter() {
            let answer = differing.answer(*calendar);
            match parts.iter_mut().find(|(known, _)| *known == answer) {
                Some((_, part)) => part.push(*calendar),
                None => parts.push((answer, vec![*calendar])),
            }
        }
        parts.into_iter().map(|(_, part)| Self { calendars: part.into(), ..self.clone() }).collect()
    }

    /// Returns whether two worlds are equal, whatever their calendars.
    pub fn differs_in_calendars_only(&self, other: &Self) -> bool {
        let Self { answers, calendars: _, state, because, last, asked: _ } = self;
        *answers == other.answers && *state == other.state && *because == other.because && *last == other.last
    }

    /// Joins another world that has the same state. Answers in which they differ are dropped.
    pub fn join(&mut self, other: Self) {
        self.add_calendars(&other);
        if self.answers != other.answers {
            Arc::make_mut(&mut self.answers).retain(|missing, answer| other.answers.get(missing) == Some(answer));
        } else if !other.because.is_subset(&self.because) {
            Arc::make_mut(&mut self.because).extend(other.because.iter().cloned());
        }
    }

    /// Returns whether this world has all calendars of another.
    pub fn has_calendars_of(&self, other: &Self) -> bool {
        other.calendars.iter().all(|calendar| self.calendars.contains(calendar))
    }

    /// Adds the calendars of another world that is equal in everything else.
    pub fn add_calendars(&mut self, other: &Self) {
        if self.calendars == other.calendars {
            return;
        }
        let mut all: Vec<_> = self.calendars.iter().chain(other.calendars.iter()).copied().collect();
        all.sort_by_key(|calendar| Reverse(calendar.version));
        all.dedup();
        self.calendars = all.into();
    }

    /// Loads a module of which only the name is known, with every effect that a module may have on the kernel's taints and on the
    /// lines that are printed once.
    pub fn load_unread(&mut self, name: &str) {
        self.state.has_unread = true;
        self.state.tainted = Taints::ALL;
        self.state.once = Printed::ALL;
        if !self.has_loaded(name) {
            Arc::make_mut(&mut self.state.modules).insert(0, Arc::new(LoadedModule::unread(name)));
        }
    }

    /// Returns whether a module of that name is loaded.
    pub fn has_loaded(&self, name: &str) -> bool {
        self.state.modules.iter().any(|module| *module.name == *name)
    }
}

/// The fields of `struct load_info` and `struct module` (kernel/module/internal.h, include/linux/module.h) that later stages
/// read.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    pub elf: Arc<ModuleElf>,
    pub arch: Arch,
    /// `info->name`.
    pub name: Arc<str>,
    /// `mod->name`.
    pub mod_name: Arc<str>,
    /// The entries of `__versions`; `None` without that section, and with `MODULE_INIT_IGNORE_MODVERSIONS`.
    pub vers: Option<Arc<Versions>>,
    /// The pairs of `__version_ext_crcs` and `__version_ext_names`.
    pub vers_ext: Option<Arc<Versions>>,
    /// Index of `.gnu.linkonce.this_module`.
    pub this_module: usize,
    /// Index of the per-CPU section.
    pub percpu: Option<usize>,
    /// Indices of the sections that lose `SHF_ALLOC` before the module is laid out, because the loader reads them itself.
    pub dropped: Vec<usize>,
    pub license: Option<License>,
    /// `.modinfo`, as this kernel sees it.
    pub modinfo: Arc<Modinfo>,
    /// The first GPL-only symbol resolved: `mod->using_gplonly_symbols`.
    pub using_gplonly_symbols: Option<String>,
    /// The module whose proprietary taint it inherited.
    pub inherited_from: Option<String>,
    /// The modules whose symbols it uses, without duplicates.
    pub uses: Uses,
    /// Indices of weak symbols that nothing exports: their value is 0.
    pub unresolved: HashSet<usize>,
    pub exports: Arc<Vec<ExportTable>>,
}

/// The names of the modules whose symbols a module uses, in the order in which they are met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    names: Vec<Arc<str>>,
    known: HashSet<Arc<str>>,
}

impl Uses {
    /// Adds a module, unless it is known.
    pub fn add(&mut self, name: &Arc<str>) {
        if self.names.last() != Some(name) && self.known.insert(Arc::clone(name)) {
            self.names.push(Arc::clone(name));
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.known.contains(name)
    }

    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }
}

impl Info {
    /// Returns whether a section still has `SHF_ALLOC` when the module is laid out.
    pub fn keeps_alloc(&self, section: &Section) -> bool {
        section.is_alloc() && !self.dropped.contains(&section.index)
    }
}

/// How far a module gets: whether it is loaded, and if not, the last stage that it reaches.
pub(super) type Furthest = (bool, Option<Stage>);
