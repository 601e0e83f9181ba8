//! One attempt at one system call: what a stage may see, say and do.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::loaded::LoadedModule;
use super::memo::Memo;
use super::merge::Furthest;
use super::passed::Passed;
use super::refused_exporter::RefusedExporter;
use super::{Cmdline, Insmod};
use crate::elf::Section;
use crate::history::{Behaviour, Calendar};
use crate::image::{Bytes, ExportTable, Image, Modinfo, ModuleElf, Versions};
use crate::kernel::{ConfigOption, Kernel};
use crate::terms::{Arch, Errno, License, Taint, Taints};
use crate::verdict::{Cause, Finding, KernelLine, LineText, LogLevel, Missing, Outcome, Stage};

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
pub(crate) type Step<T = ()> = Result<T, Stop>;

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

/// What is the same for every attempt at one system call.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub kernel: &'a Kernel,
    pub cmdline: &'a Cmdline,
    /// `current->comm`, which lockdown prints.
    pub comm: &'a str,
    /// Modules of the kernel's own tree that are not loaded yet count as loaded: `modprobe` would have seen to it.
    pub dependencies_loaded: bool,
    /// Where it is noted that a symbol was taken for resolved, because only what hangs on the file is to be found out.
    pub assumed: Option<&'a Cell<bool>>,
    /// Exporters that were refused before, for findings.
    pub refused: &'a [Arc<RefusedExporter>],
    /// What is known of module files from earlier loads.
    pub memo: &'a Memo,
    /// What other attempts at the same call have gone through in silence.
    pub passed: &'a Passed,
}

/// What comes of resolving a module's symbols.
#[derive(Clone, Debug)]
pub(crate) struct Resolution {
    pub key: ResolutionKey,
    pub using_gplonly_symbols: Option<String>,
    pub uses: Vec<Arc<str>>,
    pub unresolved: HashSet<usize>,
}

/// What that depends on.
#[derive(Clone, Debug)]
pub(crate) struct ResolutionKey {
    pub calendar: Option<Calendar>,
    pub answers: Vec<(Missing, bool)>,
    /// The loaded modules.
    pub modules: Arc<Vec<Arc<LoadedModule>>>,
    /// Was a line said that is said once?
    pub once: bool,
    pub is_proprietary: bool,
    pub surveying: bool,
}

impl PartialEq for ResolutionKey {
    fn eq(&self, other: &Self) -> bool {
        let same = |one: &Self| (one.calendar, one.once, one.is_proprietary, one.surveying);
        same(self) == same(other)
            && self.answers == other.answers
            && self.modules.len() == other.modules.len()
            && self.modules.iter().zip(other.modules.iter()).all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

/// One attempt.
pub(crate) struct Run<'a> {
    pub call: Call<'a>,
    pub image: &'a Image,
    pub insmod: &'a Insmod,
    pub world: World,
    pub stage: Stage,
    pub log: Vec<KernelLine>,
    pub findings: Vec<Finding>,
    pub inferred: Vec<String>,
    /// How far other attempts have got: nobody looks on behind a stage that is not beyond it.
    pub best: Option<Furthest>,
    /// Behind the stage that refused: look on, print nothing, ask nothing.
    pub surveying: bool,
    pub bytes: Bytes,
    pub sig_ok: bool,
    pub info: Option<Info>,
}

impl<'a> Run<'a> {
    pub fn new(call: Call<'a>, image: &'a Image, insmod: &'a Insmod, world: World) -> Self {
        let bytes = if insmod.raw { image.stored() } else { image.contents() };
        Self {
            call,
            image,
            insmod,
            world,
            stage: Stage::FinitModule,
            log: Vec::new(),
            findings: Vec::new(),
            inferred: call.kernel.inferred.clone(),
            best: None,
            surveying: false,
            bytes: bytes.clone(),
            sig_ok: false,
            info: None,
        }
    }

    /// After others that have got so far.
    pub const fn behind(mut self, best: Option<Furthest>) -> Self {
        self.best = best;
        self
    }

    /// Is it worth while to look on behind the stage that it is at, which has refused?
    pub fn surveys(&self) -> bool {
        self.best.is_none_or(|best| (false, Some(self.stage)) > best)
    }

    /// The answer to a question about what no file tells.
    pub fn ask(&self, missing: Missing) -> Step<bool> {
        match self.world.answers.get(&missing) {
            Some(answer) => Ok(*answer),
            None if self.surveying => Ok(true),
            None => Err(Stop::Ask(missing)),
        }
    }

    /// Reads memory around a place, which nobody knows: it goes well, or the kernel crashes.
    pub fn read_around(&self, place: &str, crash: impl Into<String>) -> Step {
        if self.insmod.as_rebuilt || self.ask(Missing::Memory(place.to_owned()))? {
            Ok(())
        } else {
            Err(Stop::Crash(crash.into()))
        }
    }

    /// Has this kernel a dated behaviour?
    pub fn has(&self, behaviour: Behaviour) -> Step<bool> {
        match self.world.calendar.and_then(|calendar| calendar.has(behaviour)) {
            Some(has) => Ok(has),
            None => self.ask(Missing::Behaviour(behaviour)),
        }
    }

    /// Is a configuration option set?
    pub fn config(&self, name: &'static str) -> Step<bool> {
        let option = ConfigOption(name);
        if let Some(config) = self.call.kernel.config() {
            return Ok(config.is_set(option));
        }
        let known = self.world.calendar.and_then(|calendar| calendar.distribution_config(name));
        known.map_or_else(|| self.ask(Missing::Config(option)), Ok)
    }

    /// Is `CONFIG_MODVERSIONS` set?
    pub fn modversions(&self) -> Step<bool> {
        match self.call.memo.modversions(self.call.kernel) {
            Some(set) => Ok(set),
            None => self.config("MODVERSIONS"),
        }
    }

    /// What the ELF checks have gathered. Stages behind them are run only when they have.
    pub fn info(&self) -> Step<&Info> {
        self.info.as_ref().ok_or_else(|| Stop::Crash("the module was not read".into()))
    }

    /// The same, to change.
    pub fn info_mut(&mut self) -> Step<&mut Info> {
        self.info.as_mut().ok_or_else(|| Stop::Crash("the module was not read".into()))
    }

    /// `info->name`, for messages.
    pub fn info_name(&self) -> Arc<str> {
        self.info.as_ref().map(|info| Arc::clone(&info.name)).unwrap_or_default()
    }

    /// `mod->name`, for messages.
    pub fn mod_name(&self) -> Arc<str> {
        self.info.as_ref().map(|info| Arc::clone(&info.mod_name)).unwrap_or_default()
    }

    fn flush(&mut self) {
        self.log.extend(self.world.state.held.take());
    }

    /// Prints a line; one held back before comes out first. A line too long for a record is cut, and so loses its newline.
    pub fn printk(&mut self, level: LogLevel, text: impl Into<LineText>) {
        let text = text.into();
        let long = self.world.calendar.and_then(|calendar| calendar.has(Behaviour::LogLongRecord)) != Some(false);
        // LOG_LINE_MAX less the two bytes of the level and the NUL.
        let room = if long { 1024 - 3 } else { 992 - 3 };
        if text.len() > room {
            let mut cut = text.to_string();
            cut.truncate(room);
            return self.printk_held(level, cut);
        }
        if !self.surveying {
            self.flush();
            self.log.push(KernelLine::new(level, text));
        }
    }

    /// Prints without a newline: the line is held back until the next one.
    pub fn printk_held(&mut self, level: LogLevel, text: impl Into<LineText>) {
        if !self.surveying {
            self.flush();
            self.world.state.held = Some(KernelLine::new(level, text));
        }
    }

    pub fn err(&mut self, text: impl Into<LineText>) {
        self.printk(LogLevel::Err, text);
    }

    pub fn warn(&mut self, text: impl Into<LineText>) {
        self.printk(LogLevel::Warn, text);
    }

    pub fn notice(&mut self, text: impl Into<LineText>) {
        self.printk(LogLevel::Notice, text);
    }

    /// Is it the first time this boot?
    pub fn once(&mut self, line: Once) -> bool {
        let once = &mut self.world.state.once;
        let first = !self.surveying && !once.has(line);
        if first {
            once.add(line);
        }
        first
    }

    /// Records a finding; `line` is what the kernel prints for it.
    pub fn find(&mut self, cause: Cause, line: Option<LineText>) {
        let reached = !self.surveying;
        if self.findings.is_empty() {
            // Most modules have one, and all are kept.
            self.findings.reserve_exact(1);
        }
        self.findings.push(Finding { kernel_line: line, reached, ..Finding::new(self.stage, cause) });
    }

    /// Records a finding and prints its line.
    pub fn say(&mut self, cause: Cause, level: LogLevel, line: impl Into<LineText>) {
        let line = line.into();
        let printed = (!self.surveying).then(|| line.clone());
        self.find(cause, Some(line));
        if let Some(line) = printed {
            self.printk(level, line);
        }
    }

    /// Is the kernel tainted so? Mirrors `test_taint()`.
    pub const fn test_taint(&self, taint: Taint) -> bool {
        self.world.state.tainted.has(taint)
    }

    /// Mirrors `add_taint()` (kernel/panic.c). `lockdep_unreliable` is its second argument.
    pub fn add_taint(&mut self, taint: Taint, lockdep_unreliable: bool) -> Step {
        if lockdep_unreliable && self.once(Once::LockDebugging) {
            self.warn("Disabling lock debugging due to kernel taint");
        }
        if !self.surveying {
            self.world.state.tainted.add(taint);
            if self.call.cmdline.panic_on_taint & (1 << taint as u8) != 0 {
                return Err(Stop::Crash(format!("panic_on_taint is set for taint {}", taint.letter())));
            }
        }
        Ok(())
    }

    /// Mirrors `add_taint_module()` (kernel/module/main.c).
    pub fn add_taint_module(&mut self, taint: Taint, lockdep_unreliable: bool) -> Step {
        self.add_taint(taint, lockdep_unreliable)?;
        self.info_mut()?.taints.add(taint);
        Ok(())
    }

    /// Mirrors `try_to_force_load()` (kernel/module/main.c): the caller's finding says what was forced.
    pub fn try_to_force_load(&mut self, reason: &str, finding: impl FnOnce(bool) -> Cause) -> Step {
        if !self.config("MODULE_FORCE_LOAD")? {
            self.find(finding(false), None);
            return Err(Stop::Refused(Errno::ENOEXEC));
        }
        let line = format!("{}: {reason}: kernel tainted.", self.mod_name());
        let first = !self.test_taint(Taint::ForcedModule);
        self.find(finding(true), first.then(|| line.clone().into()));
        if first {
            self.warn(line);
        }
        self.add_taint_module(Taint::ForcedModule, true)
    }
}
