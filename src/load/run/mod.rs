//! One attempt at one system call: what a stage may see, print and change.
//!
//! Everything that can differ between two attempts is private here. The accessors record what they return to a stage (see
//! [`Premises`](crate::load::cache::premise::Premises)), so a cache knows what its results depended on.

pub(in crate::load) mod forks;
mod output;
mod recorded;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::history::Behaviour;
use crate::image::{Bytes, Image, as_text};
use crate::kernel::{ConfigOption, Kernel};
use crate::load::cache::memo::Memo;
use crate::load::cache::passed::Passed;
use crate::load::cache::premise::{Question, Recording};
use crate::load::exporters::ExportersByName;
use crate::load::found_symbol::Searches;
use crate::load::loaded::LoadedModule;
use crate::load::refused_exporter::RefusedExporter;
use crate::load::run::forks::Forks;
use crate::load::state::{Differing, Furthest, Info, Open, StageResult, Stop, World};
use crate::load::unread_files::UnreadFiles;
use crate::load::{Cmdline, Insmod};
use crate::terms::{ByNumber, Taint, Taints};
use crate::verdict::{Finding, KernelLine, Missing, Stage};

/// What is equal for every attempt at one system call.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub kernel: &'a Kernel,
    pub cmdline: &'a Cmdline,
    /// `current->comm`, which lockdown prints.
    pub comm: &'a str,
    /// Modules of the kernel's own tree count as loaded although they are not: `modprobe` would have loaded them.
    pub dependencies_loaded: bool,
    /// Where a stage notes that it took a symbol for resolved. Set while a file is read ahead, when no other module is known.
    pub assumed: Option<&'a Cell<bool>>,
    /// ExportersByName that were refused before, for findings.
    pub refused: &'a [Arc<RefusedExporter>],
    /// Where modules are judged together: the number of this one, and which of them export a name.
    pub number: Option<usize>,
    pub exporters: Option<&'a ExportersByName>,
    /// Files of the kernel's tree, or among the modules given, that could not be read. Any of them may have been loaded before.
    pub unread: &'a UnreadFiles,
    /// Results that hold for every call on this kernel.
    pub memo: &'a Memo,
    /// Stages passed by other attempts at this call.
    pub passed: &'a Passed,
}

/// One attempt.
pub(crate) struct Run<'a> {
    pub call: Call<'a>,
    pub image: &'a Image,
    pub insmod: &'a Insmod,
    pub stage: Stage,
    pub log: Vec<KernelLine>,
    pub findings: Vec<Finding>,
    pub inferred: Vec<String>,
    /// What is inferred, to look it up. Filled where that is much.
    assumptions: HashSet<String>,
    /// How far other attempts got. Stages past a refusal are surveyed only if this attempt gets further.
    best: Option<Furthest>,
    /// The module is refused already: stages go on to find more, but print nothing and ask nothing.
    surveying: bool,
    world: World,
    /// The answers to questions, which take the place of those of `world`.
    forks: &'a Forks,
    bytes: Bytes,
    sig_ok: bool,
    /// Whether the bytes were changed by the program that loads the module, to force it.
    mangled: bool,
    taints: Taints,
    info: Option<Arc<Info>>,
    recording: RefCell<Recording>,
    /// Whether other attempts at this call follow, which may skip the stages that this one passes.
    has_followers: Cell<bool>,
    /// The questions that each stage asked.
    asked: RefCell<Vec<(Stage, Missing)>>,
    /// Something that was asked, and of which the calendars of the world say different things.
    differing: Cell<Option<Differing>>,
    /// The places of the loaded modules and of the refused exporters in their lists, by number. Filled where there are many.
    loaded_places: OnceCell<Option<Places>>,
    /// The names of the modules that are loaded or were refused. Filled where there are many.
    judged: OnceCell<HashSet<String>>,
    pub(in crate::load) searches: Searches,
    refused_places: OnceCell<Option<Places>>,
}

/// The places of modules in a list, by their numbers.
type Places = HashMap<usize, usize, ByNumber>;

/// The places of modules with these numbers; `None` if one has none.
fn places(numbers: impl Iterator<Item = Option<usize>>) -> Option<Places> {
    numbers.enumerate().map(|(place, number)| Some((number?, place))).collect()
}

impl<'a> Run<'a> {
    pub fn new(call: Call<'a>, image: &'a Image, insmod: &'a Insmod, world: World, forks: &'a Forks) -> Self {
        let bytes = if insmod.raw { image.stored() } else { image.contents() };
        Self {
            call,
            image,
            insmod,
            stage: Stage::FinitModule,
            log: Vec::new(),
            findings: Vec::new(),
            inferred: call.kernel.inferred.clone(),
            assumptions: HashSet::new(),
            best: None,
            surveying: false,
            world,
            forks,
            bytes: bytes.clone(),
            sig_ok: false,
            mangled: false,
            taints: Taints::NONE,
            info: None,
            recording: RefCell::default(),
            has_followers: Cell::new(true),
            asked: RefCell::default(),
            differing: Cell::default(),
            loaded_places: OnceCell::new(),
            judged: OnceCell::new(),
            searches: Searches::default(),
            refused_places: OnceCell::new(),
        }
    }

    /// Tells this attempt how far others got.
    pub const fn behind(mut self, best: Option<Furthest>) -> Self {
        self.best = best;
        self
    }

    /// Tells this attempt whether others at this call follow. If not, it does not keep the stages that it passes.
    pub fn followed(self, has_followers: bool) -> Self {
        self.has_followers.set(has_followers);
        self
    }

    /// Returns whether the stages past a refusal are worth surveying.
    pub fn surveys(&self) -> bool {
        self.best.is_none_or(|best| (false, Some(self.stage)) > best)
    }

    /// The answer to a question about a fact that no file tells.
    pub fn ask(&self, missing: Missing) -> StageResult<bool> {
        let answer = match self.forks.answer(&missing) {
            Some(answer) => answer,
            None if self.surveying => {
                self.record(|premises| premises.add_question(Question::Assumed(missing)));
                return Ok(true);
            }
            None if self.forks.meet(&missing) => {
                if !self.has_followers.replace(true) {
                    // What this stage was asked before was not recorded.
                    self.recording.borrow_mut().is_in_part = true;
                }
                true
            }
            None => return Err(Stop::Ask(missing)),
        };
        self.note_asked(&missing);
        self.record(|premises| premises.add_question(Question::Answered(missing, answer)));
        Ok(answer)
    }

    /// Notes that the stage depends on the answer to a question.
    fn note_asked(&self, missing: &Missing) {
        let mut asked = self.asked.borrow_mut();
        let is_known = |(stage, known): &(Stage, Missing)| *stage == self.stage && known == missing;
        if !self.surveying && !asked.iter().rev().any(is_known) {
            asked.push((self.stage, missing.clone()));
        }
    }

    /// Reads memory around a place, whose contents no file tells: it goes well, or the kernel crashes.
    pub fn read_around(&self, place: &str, crash: impl Into<String>) -> StageResult {
        if self.insmod.as_rebuilt || self.ask(Missing::Memory(place.to_owned()))? {
            Ok(())
        } else {
            Err(Stop::Crash(crash.into()))
        }
    }

    /// Returns whether all calendars of the world give this answer.
    fn all_say(&self, wanted: Differing, answer: Option<bool>) -> bool {
        self.world.calendars.iter().all(|calendar| wanted.answer(*calendar) == answer)
    }

    /// What the calendars of the world say. If they differ, the attempt ends without a verdict, and the answer does not matter.
    /// Past a refusal the answer is that of the newest release.
    fn calendars_say(&self, wanted: Differing) -> Option<bool> {
        let answer = self.world.calendars.first().and_then(|calendar| wanted.answer(*calendar));
        if self.world.calendars.len() > 1
            && !self.surveying
            && self.differing.get().is_none()
            && !self.all_say(wanted, answer)
        {
            self.differing.set(Some(wanted));
        }
        answer
    }

    /// Ends the attempt if the calendars of the world differ in what was asked. It is called after every stage.
    pub(in crate::load) fn releases_agree(&self) -> Result<(), Open> {
        self.differing.get().map_or(Ok(()), |differing| Err(Open::Release(differing)))
    }

    /// Whether this kernel has a dated behaviour, as far as the calendar tells.
    pub fn known(&self, behaviour: Behaviour) -> Option<bool> {
        if let Some(has) = self.recording.borrow().premises.behaviour(behaviour) {
            return has;
        }
        let has = self.calendars_say(Differing::Behaviour(behaviour));
        self.record(|premises| premises.add_behaviour(behaviour, has));
        has
    }

    /// Returns whether this kernel has a dated behaviour.
    pub fn has(&self, behaviour: Behaviour) -> StageResult<bool> {
        match self.known(behaviour) {
            Some(has) => Ok(has),
            None => self.ask(Missing::Behaviour(behaviour)),
        }
    }

    /// Returns whether a configuration option is set.
    pub fn config(&self, name: &'static str) -> StageResult<bool> {
        let option = ConfigOption(name);
        if let Some(is_set) = self.call.memo.option(self.call.kernel, option) {
            return Ok(is_set);
        }
        let known = self.calendars_say(Differing::DistributionConfig(option));
        self.record(|premises| premises.add_question(Question::DistributionConfig(option, known)));
        known.map_or_else(|| self.ask(Missing::Config(option)), Ok)
    }

    /// Returns whether `CONFIG_MODVERSIONS` is set.
    pub fn modversions(&self) -> StageResult<bool> {
        match self.call.memo.modversions(self.call.kernel) {
            Some(set) => Ok(set),
            None => self.config("MODVERSIONS"),
        }
    }

    /// Returns whether `CONFIG_MODULE_SIG` is set. Old kernels do not have the option.
    pub fn module_sig(&self) -> StageResult<bool> {
        Ok(self.has(Behaviour::SigModules)? && self.config("MODULE_SIG")?)
    }

    /// The modules that are loaded, the newest first.
    pub fn modules(&self) -> &[Arc<LoadedModule>] {
        let modules = &self.world.state.modules;
        self.record(|premises| _ = premises.modules.get_or_insert_with(|| Arc::clone(modules)));
        modules
    }

    /// Returns whether a module with that name is loaded, or was refused before.
    pub fn is_judged(&self, name: &str) -> bool {
        let (loaded, refused) = (self.modules(), self.call.refused);
        if loaded.len() + refused.len() <= ExportersByName::FEW {
            return loaded.iter().any(|module| *module.name == *name)
                || refused.iter().any(|module| *module.name == *name);
        }
        let names = || {
            let refused = refused.iter().map(|module| module.name.to_string());
            loaded.iter().map(|module| module.name.to_string()).chain(refused).collect()
        };
        self.judged.get_or_init(names).contains(name)
    }

    /// The loaded modules that may export a symbol, the newest first. `raw` is its name as it is in a string table.
    pub fn exporters(&self, raw: &[u8]) -> impl Iterator<Item = &Arc<LoadedModule>> {
        let modules = self.modules();
        let few = self.call.exporters.filter(|_| modules.len() > ExportersByName::FEW).and_then(|exporters| {
            let numbers = || places(modules.iter().map(|module| module.number));
            let places = self.loaded_places.get_or_init(numbers).as_ref()?;
            let mut places: Vec<_> = exporters.of(&as_text(raw)).filter_map(|number| places.get(&number)).collect();
            places.sort_unstable();
            Some(places)
        });
        let all = if few.is_none() { modules } else { &[] };
        let few = few.unwrap_or_default().into_iter().filter_map(|place| modules.get(*place));
        few.chain(all)
    }

    /// The first of the modules that were refused before which exports a symbol.
    pub fn refused_exporter(&self, symbol: &str) -> Option<&Arc<RefusedExporter>> {
        let refused = self.call.refused;
        let Some(exporters) = self.call.exporters.filter(|_| refused.len() > ExportersByName::FEW) else {
            return RefusedExporter::of_symbol(refused, symbol);
        };
        let numbers = || places(refused.iter().map(|refused| refused.number));
        match self.refused_places.get_or_init(numbers) {
            Some(places) => {
                let places = exporters.of(symbol).filter_map(|number| places.get(&number));
                let all = places.filter(|place| refused.get(**place).is_some_and(|refused| refused.exports(symbol)));
                refused.get(*all.min()?)
            }
            None => RefusedExporter::of_symbol(refused, symbol),
        }
    }

    /// The bytes of the file, as far as the loader still has them.
    pub fn bytes(&self) -> &Bytes {
        self.record(|premises| _ = premises.len.get_or_insert(self.bytes.len()));
        &self.bytes
    }

    /// Replaces the bytes: without the signature, or decompressed.
    pub fn set_bytes(&mut self, bytes: Bytes) {
        self.recording.get_mut().changed_kernel = true;
        self.bytes = bytes;
    }

    /// Returns whether the module is refused already.
    pub fn is_surveying(&self) -> bool {
        self.record(|premises| _ = premises.surveying.get_or_insert(self.surveying));
        self.surveying
    }

    /// Begins to survey the stages past a refusal.
    pub(in crate::load) const fn survey(&mut self) {
        self.surveying = true;
    }

    /// `info->sig_ok`.
    pub fn sig_ok(&self) -> bool {
        self.record(|premises| _ = premises.sig_ok.get_or_insert(self.sig_ok));
        self.sig_ok
    }

    /// Sets `info->sig_ok`.
    pub fn set_sig_ok(&mut self) {
        self.recording.get_mut().changed_kernel = true;
        self.sig_ok = true;
    }

    /// Returns whether the program that loads the module took its versions or its version magic off, which the signature covers.
    pub fn is_mangled(&self) -> bool {
        self.record(|premises| _ = premises.mangled.get_or_insert(self.mangled));
        self.mangled
    }

    /// Notes that the program that loads the module took its versions or its version magic off.
    pub fn set_mangled(&mut self) {
        self.recording.get_mut().changed_kernel = true;
        self.mangled = true;
    }

    /// `mod->taints`.
    pub fn module_taints(&self) -> Taints {
        if !self.recording.borrow().owns_taints {
            self.record(|premises| _ = premises.module_taints.get_or_insert(self.taints));
        }
        self.taints
    }

    /// Returns whether the module counts as proprietary.
    pub fn is_proprietary(&self) -> bool {
        let has = self.taints.has(Taint::ProprietaryModule);
        if !self.recording.borrow().owns_taints {
            self.record(|premises| _ = premises.is_proprietary.get_or_insert(has));
        }
        has
    }

    /// Sets `mod->taints`.
    pub fn set_module_taints(&mut self, taints: Taints) {
        self.module_taints();
        self.recording.get_mut().owns_taints = true;
        self.taints = taints;
    }

    fn read_info(&self) -> Option<&Arc<Info>> {
        let info = self.info.as_ref();
        if !self.recording.borrow().owns_info {
            self.record(|premises| _ = premises.info.get_or_insert_with(|| info.cloned()));
        }
        info
    }

    /// What the ELF checks gathered. Later stages run only when they have.
    pub fn info(&self) -> StageResult<&Info> {
        self.read_info().map(AsRef::as_ref).ok_or_else(not_read)
    }

    /// What the ELF checks gathered, shared.
    pub fn shared_info(&self) -> StageResult<&Arc<Info>> {
        self.read_info().ok_or_else(not_read)
    }

    /// What the ELF checks gathered, to change it.
    pub fn info_mut(&mut self) -> StageResult<&mut Info> {
        self.read_info();
        self.recording.get_mut().owns_info = true;
        self.info.as_mut().map(Arc::make_mut).ok_or_else(not_read)
    }

    /// Sets what the ELF checks gathered.
    pub fn set_info(&mut self, info: Info) {
        self.read_info();
        self.recording.get_mut().owns_info = true;
        self.info = Some(Arc::new(info));
    }

    /// What the ELF checks gathered, for the scheduler, which records nothing.
    pub(in crate::load) fn unrecorded_info(&self) -> Option<&Arc<Info>> {
        self.info.as_ref()
    }

    /// The world, for the scheduler, which records nothing.
    pub(in crate::load) fn unrecorded_world(&self) -> World {
        World { answers: self.forks.answers(), ..self.world.clone() }
    }

    /// Ends the attempt: the world it leaves, the module's information and taints, and what was printed and found.
    pub(in crate::load) fn end(self) -> Ended {
        let Self { world, forks, info, taints, log, findings, inferred, asked, .. } = self;
        let world = World { answers: forks.answers(), ..world };
        Ended { world, info, taints, log, findings, inferred, asked: asked.into_inner() }
    }

    /// `info->name`, for messages.
    pub fn info_name(&self) -> Arc<str> {
        self.read_info().map(|info| Arc::clone(&info.name)).unwrap_or_default()
    }

    /// `mod->name`, for messages.
    pub fn mod_name(&self) -> Arc<str> {
        self.read_info().map(|info| Arc::clone(&info.mod_name)).unwrap_or_default()
    }
}

/// What an attempt leaves.
pub(in crate::load) struct Ended {
    pub world: World,
    pub info: Option<Arc<Info>>,
    pub taints: Taints,
    pub log: Vec<KernelLine>,
    pub findings: Vec<Finding>,
    pub inferred: Vec<String>,
    pub asked: Vec<(Stage, Missing)>,
}

fn not_read() -> Stop {
    Stop::Crash("the module was not read".into())
}
