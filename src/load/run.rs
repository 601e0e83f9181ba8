//! One attempt at one system call: what a stage may see, say and do.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use crate::history::{Behaviour, Calendar};
use crate::image::{Bytes, Image};
use crate::kernel::{ConfigOption, Kernel};
use crate::load::cache::memo::Memo;
use crate::load::cache::passed::Passed;
use crate::load::loaded::LoadedModule;
use crate::load::refused_exporter::RefusedExporter;
use crate::load::state::{Furthest, Info, Once, StageResult, Stop, World};
use crate::load::{Cmdline, Insmod};
use crate::terms::{Errno, Taint};
use crate::verdict::{Cause, Finding, KernelLine, LineText, LogLevel, Missing, Stage};

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
    pub fn ask(&self, missing: Missing) -> StageResult<bool> {
        match self.world.answers.get(&missing) {
            Some(answer) => Ok(*answer),
            None if self.surveying => Ok(true),
            None => Err(Stop::Ask(missing)),
        }
    }

    /// Reads memory around a place, which nobody knows: it goes well, or the kernel crashes.
    pub fn read_around(&self, place: &str, crash: impl Into<String>) -> StageResult {
        if self.insmod.as_rebuilt || self.ask(Missing::Memory(place.to_owned()))? {
            Ok(())
        } else {
            Err(Stop::Crash(crash.into()))
        }
    }

    /// Has this kernel a dated behaviour?
    pub fn has(&self, behaviour: Behaviour) -> StageResult<bool> {
        match self.world.calendar.and_then(|calendar| calendar.has(behaviour)) {
            Some(has) => Ok(has),
            None => self.ask(Missing::Behaviour(behaviour)),
        }
    }

    /// Is a configuration option set?
    pub fn config(&self, name: &'static str) -> StageResult<bool> {
        let option = ConfigOption(name);
        if let Some(config) = self.call.kernel.config() {
            return Ok(config.is_set(option));
        }
        let known = self.world.calendar.and_then(|calendar| calendar.distribution_config(name));
        known.map_or_else(|| self.ask(Missing::Config(option)), Ok)
    }

    /// Is `CONFIG_MODVERSIONS` set?
    pub fn modversions(&self) -> StageResult<bool> {
        match self.call.memo.modversions(self.call.kernel) {
            Some(set) => Ok(set),
            None => self.config("MODVERSIONS"),
        }
    }

    /// What the ELF checks have gathered. Stages behind them are run only when they have.
    pub fn info(&self) -> StageResult<&Info> {
        self.info.as_ref().ok_or_else(|| Stop::Crash("the module was not read".into()))
    }

    /// The same, to change.
    pub fn info_mut(&mut self) -> StageResult<&mut Info> {
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
    pub fn add_taint(&mut self, taint: Taint, lockdep_unreliable: bool) -> StageResult {
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
    pub fn add_taint_module(&mut self, taint: Taint, lockdep_unreliable: bool) -> StageResult {
        self.add_taint(taint, lockdep_unreliable)?;
        self.info_mut()?.taints.add(taint);
        Ok(())
    }

    /// Mirrors `try_to_force_load()` (kernel/module/main.c): the caller's finding says what was forced.
    pub fn try_to_force_load(&mut self, reason: &str, finding: impl FnOnce(bool) -> Cause) -> StageResult {
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
