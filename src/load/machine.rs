//! One boot: the modules that are loaded, the taints, and the lines that were printed already.
//!
//! A machine keeps every state that the boot may be in, one [`World`] for each set of answers to what no file tells. A system
//! call is attempted in each of them.

use std::cell::Cell;
use std::sync::Arc;

use crate::history::{Behaviour, Calendar};
use crate::image::{Fault, Image, ModuleElf, TOO_MANY_EXPORTS};
use crate::kernel::{Kernel, UnreadFile, module_name_of};
use crate::load::busybox::{Reading, bb_init_module, busybox_for, open_zipped};
use crate::load::cache::memo::Memo;
use crate::load::cache::passed::Passed;
use crate::load::exporters::ExportersByName;
use crate::load::merge::{followed_in_part, furthest, join_equal, merge, older_than_known};
use crate::load::pipeline::{load_module, load_module_by};
use crate::load::refused_exporter::RefusedExporter;
use crate::load::run::forks::Forks;
use crate::load::run::{Call, Run};
use crate::load::stages::delete_module::{Kept, delete_module};
use crate::load::state::{Open, State, World};
use crate::load::unread_files::UnreadFiles;
use crate::load::{Cmdline, Insmod, SystemCall};
use crate::terms::{Errno, ExportedSymbol, Taints};
use crate::verdict::{Finding, Missing, Outcome, Stage, Verdict};

/// The result of loading a module that needs no other.
pub(crate) struct Judged {
    pub verdict: Verdict,
    /// The states that the boot may be in afterwards; none if the module exports nothing, because no other module needs it then.
    pub worlds: Vec<World>,
    pub exports: Arc<Vec<ExportedSymbol>>,
    /// Whether states were left out.
    pub in_part: bool,
}

impl Judged {
    /// Returns whether the module exports nothing, so that no other can depend on it.
    pub fn is_alone(&self) -> bool {
        self.exports.is_empty()
    }
}

/// The loader asked for bytes of a module that are not in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotInMemory;

/// The results of one system call, one for each way that it may go.
#[derive(Default)]
struct Attempts {
    results: Vec<(World, Verdict)>,
    too_many: bool,
}

/// How many sets of answers are followed at the same time.
pub(crate) const MAX_WORLDS: usize = 256;

/// How often one system call is attempted before sets of answers are left out.
const MAX_ATTEMPTS: usize = 1024;

/// How many questions an attempt answers and goes on from, and up to how many attempts it does so.
const MOST_FORKS: usize = 8;
const MAX_FORKING: usize = 64;

/// Returns whether one more set of answers can be followed. If not, results that differ in nothing are joined first. Sets
/// `too_many` if that does not make enough room; it is then not tried again.
fn has_room(results: &mut Vec<(World, Verdict)>, open: usize, too_many: &mut bool) -> bool {
    if results.len() + open < MAX_WORLDS {
        return true;
    }
    if !*too_many {
        join_equal(results);
        *too_many = results.len() + open >= MAX_WORLDS * 3 / 4;
    }
    !*too_many
}

/// A booted kernel, and the state that loading and unloading modules change.
///
/// It mirrors `load_module()` and `delete_module()` (kernel/module/main.c) one system call at a time.
#[derive(Clone, Debug)]
pub struct Machine {
    kernel: Arc<Kernel>,
    cmdline: Cmdline,
    comm: &'static str,
    dependencies_loaded: bool,
    worlds: Vec<World>,
    /// Whether there were more worlds than are followed. What the others do is then no certain answer.
    in_part: bool,
    refused: Vec<Arc<RefusedExporter>>,
    /// Where modules are judged together: the number of the module that is loaded next, and which of them export a name.
    number: Option<usize>,
    exporters: Option<Arc<ExportersByName>>,
    /// Files that could not be read. Any of them may have been loaded before.
    unread: Arc<UnreadFiles>,
    /// Whether the exports of the kernel's tree had been read when its files were added to these; `None` before that. More files may
    /// turn out to be unreadable when they are.
    unread_of_tree: Option<bool>,
    memo: Arc<Memo>,
}

impl Machine {
    /// Boots a kernel. No module is loaded yet, and the kernel is not tainted.
    pub fn boot(kernel: Arc<Kernel>, cmdline: Cmdline) -> Self {
        let worlds = vec![booted(&kernel)];
        Self {
            kernel,
            cmdline,
            comm: "insmod",
            dependencies_loaded: false,
            worlds,
            in_part: false,
            refused: Vec::new(),
            number: None,
            exporters: None,
            unread: Arc::default(),
            unread_of_tree: None,
            memo: Arc::default(),
        }
    }

    /// Counts the modules of the kernel's own tree that a module needs as loaded, because `modprobe` loads them first.
    #[must_use]
    pub fn with_dependencies_loaded(mut self) -> Self {
        self.dependencies_loaded = true;
        self
    }

    /// Computes every answer anew, without any cache. Call it before anything is loaded. The verdicts are equal, as tests prove.
    #[must_use]
    pub fn uncached(mut self) -> Self {
        self.memo = Arc::new(Memo::disabled());
        self
    }

    /// Inverts one behaviour of the kernel's loader. Call it before anything is loaded.
    #[must_use]
    pub(crate) fn otherwise(mut self, behaviour: Behaviour) -> Self {
        for world in &mut self.worlds {
            let inverted = |calendar: &Calendar| Calendar { otherwise: Some(behaviour), ..*calendar };
            world.calendars = world.calendars.iter().map(inverted).collect();
        }
        self
    }

    /// Disables loading and unloading until the next boot, as writing 1 to `/proc/sys/kernel/modules_disabled` does.
    pub fn disable_modules(&mut self) {
        self.cmdline.modules_disabled = Some("kernel.modules_disabled=1".to_owned());
    }

    /// The kernel that is booted.
    pub const fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Results that hold for every call on this kernel.
    pub(crate) fn memo(&self) -> &Memo {
        &self.memo
    }

    /// The names of the modules that are certainly loaded, the newest first.
    pub fn loaded(&self) -> Vec<String> {
        let [first, rest @ ..] = self.worlds.as_slice() else { return Vec::new() };
        let names = first.state.modules.iter().map(|module| &*module.name);
        names.filter(|name| rest.iter().all(|world| world.has_loaded(name))).map(str::to_owned).collect()
    }

    /// Returns whether a module is certainly loaded.
    pub(crate) fn is_loaded(&self, name: &str) -> bool {
        !self.worlds.is_empty() && self.worlds.iter().all(|world| world.has_loaded(name))
    }

    /// Reads from a module file what its verdict can depend on, whatever else is loaded. The module can then be judged without
    /// the file, except for what only a refused module asks. Returns the verdict if it depends on no other module.
    pub(crate) fn prepare(&self, image: &Image, insmod: &Insmod) -> Option<Judged> {
        if self.not_read(image, insmod).is_some() {
            return None;
        }
        let passed = Passed::default();
        let assumed = Cell::default();
        let call = Call { assumed: Some(&assumed), ..self.call(&passed) };
        let attempts = self.attempt(call, image, insmod);
        let elf = image.as_announced();
        // A module that is refused before the kernel reads these is asked for them later, when their bytes are gone.
        elf.iter().for_each(|elf| _ = (elf.loose_symbols(), elf.modinfo()));
        let exports = elf.map(|elf| Arc::clone(elf.exports())).unwrap_or_default();
        let attempts = attempts?;
        let mut machine = self.clone();
        let verdict = machine.conclude(image, attempts);
        let worlds = if exports.is_empty() { Vec::new() } else { machine.worlds };
        Some(Judged { verdict, worlds, exports, in_part: machine.in_part })
    }

    /// Counts files as not read: any of them may be loaded before the next module, and export anything.
    pub(crate) fn leave_unread(&mut self, mut files: Vec<UnreadFile>) {
        // The kernel refuses a damaged file, whatever it would export.
        files.retain(|file| !file.is_damaged);
        if !self.unread.has_all(&files) {
            Arc::make_mut(&mut self.unread).add(files);
        }
    }

    /// Counts the `files` of the kernel's tree as not read, unless they were counted since the exports of the tree were read, or not.
    pub(crate) fn leave_unread_of_tree(&mut self, has_read_exports: bool, files: impl FnOnce() -> Vec<UnreadFile>) {
        if self.unread_of_tree != Some(has_read_exports) {
            self.leave_unread(files());
            self.unread_of_tree = Some(has_read_exports);
        }
    }

    /// Counts a module as refused.
    pub(crate) fn refuse(&mut self, exporter: Arc<RefusedExporter>) {
        self.refused.push(exporter);
    }

    /// Gives the module that is loaded next its number among the modules that are judged together. `exporters` tells which of them
    /// export a name, if those that are loaded or refused already are to be found by it.
    #[must_use]
    pub(crate) fn numbered(mut self, number: usize, exporters: Option<Arc<ExportersByName>>) -> Self {
        self.number = Some(number);
        self.exporters = exporters;
        self
    }

    /// The states that the boot may be in.
    pub(crate) fn worlds(&self) -> &[World] {
        &self.worlds
    }

    /// The same machine in other states.
    pub(crate) fn in_states(&self, worlds: Vec<World>) -> Self {
        Self {
            kernel: Arc::clone(&self.kernel),
            cmdline: self.cmdline.clone(),
            comm: self.comm,
            dependencies_loaded: self.dependencies_loaded,
            worlds,
            in_part: self.in_part,
            refused: self.refused.clone(),
            number: self.number,
            exporters: self.exporters.clone(),
            unread: Arc::clone(&self.unread),
            unread_of_tree: self.unread_of_tree,
            memo: Arc::clone(&self.memo),
        }
    }

    /// The taints that the kernel has in every state that the boot may be in.
    pub(crate) fn certain_taints(&self) -> Taints {
        let all = self.worlds.iter().map(|world| world.state.tainted.number());
        Taints::from_number(all.reduce(|one, other| one & other).unwrap_or_default())
    }

    /// The first of the states that the boot may be in.
    pub(crate) fn first_world(&self) -> Option<&World> {
        self.worlds.first()
    }

    /// The states that the boot may be in, and whether some were left out.
    pub(crate) fn into_worlds(self) -> (Vec<World>, bool) {
        (self.worlds, self.in_part)
    }

    /// Reports how a real kernel ended the last system call, whose verdict was undetermined, and its taints afterwards. States
    /// that do not fit are dropped.
    pub fn observe(&mut self, errno: Option<Errno>, tainted: Taints) {
        let fits = |world: &World| {
            world.last.as_ref().is_some_and(|outcome| match outcome {
                // In this state a module that could not be read did nothing that was seen, loaded or not.
                Outcome::Undetermined => true,
                outcome => outcome.errno() == errno && (errno.is_some() || *outcome == Outcome::Loads),
            })
        };
        if self.worlds.iter().any(fits) {
            self.worlds.retain(fits);
        }
        self.worlds.iter_mut().for_each(|world| world.state.tainted = tainted);
    }

    /// What is equal for every attempt at one system call.
    fn call<'a>(&'a self, passed: &'a Passed) -> Call<'a> {
        Call {
            kernel: &self.kernel,
            cmdline: &self.cmdline,
            comm: self.comm,
            dependencies_loaded: self.dependencies_loaded,
            assumed: None,
            refused: &self.refused,
            number: self.number,
            exporters: self.exporters.as_deref(),
            unread: &self.unread,
            memo: &self.memo,
            passed,
        }
    }

    /// Forgets how the last call ended, and merges worlds that differ in nothing else.
    fn next_call(&mut self) {
        let mut worlds = std::mem::take(&mut self.worlds);
        let same_state = |world: &World, first: &World| world.state == first.state && world.answers == first.answers;
        if worlds.first().is_some_and(|first| worlds.iter().all(|world| same_state(world, first))) {
            worlds.iter_mut().for_each(|world| world.because = Arc::default());
        }
        for mut world in worlds {
            world.last = None;
            match self.worlds.iter_mut().find(|known| known.differs_in_calendars_only(&world)) {
                Some(known) => known.add_calendars(&world),
                None => self.worlds.push(world),
            }
        }
    }

    /// Loads a module. The verdict is undetermined if the image turns out not to be whole in memory.
    pub fn insmod(&mut self, image: &Image, insmod: &Insmod) -> Verdict {
        self.insmod_whole(image, insmod).unwrap_or_else(|NotInMemory| {
            let missing = vec![Missing::Unread(image.path().to_string_lossy().into_owned())];
            Verdict { missing, ..Verdict::new("", Outcome::Undetermined) }
        })
    }

    /// Loads a module, unless the loader asks for bytes of it that are not in memory; then nothing has happened.
    pub(crate) fn insmod_whole(&mut self, image: &Image, insmod: &Insmod) -> Result<Verdict, NotInMemory> {
        self.next_call();
        let why = self.not_read(image, insmod);
        if image.lacked() {
            return Err(NotInMemory);
        }
        if let Some(why) = why
            && self.cmdline.modules_disabled.is_none()
        {
            return Ok(self.leave_open(UnreadFile::new(image.path(), why)));
        }
        let passed = Passed::default();
        let results = self.attempt(self.call(&passed), image, insmod);
        if image.lacked() {
            return Err(NotInMemory);
        }
        Ok(self.conclude(image, results.unwrap_or_default()))
    }

    /// The verdict on a module of which it is not known what it does, as on one that could not be read. From now on it may be loaded
    /// or not, and what it exports is not known.
    ///
    /// Each state is followed twice: as it was, and with everything that such a module may have done. What happens in both, happens
    /// whatever the module is.
    pub(crate) fn leave_open(&mut self, file: UnreadFile) -> Verdict {
        self.next_call();
        // A folder, or a link that leads nowhere, may have no module's name.
        let name = module_name_of(&file.path).unwrap_or_else(|| file.path.to_string_lossy().into_owned());
        let missing = Missing::unread(&file, 0, false);
        let kernel_tainted = self.certain_taints();
        self.leave_unread(vec![file]);
        let has_both = self.worlds.iter().any(|world| world.state.has_unread);
        let mut worlds = Vec::new();
        for mut world in std::mem::take(&mut self.worlds) {
            Arc::make_mut(&mut world.because).insert(missing.clone());
            let mut loaded = World { last: Some(Outcome::Loads), ..world.clone() };
            loaded.load_unread(&name);
            if world.state.has_unread {
                worlds.push(loaded);
                continue;
            }
            worlds.push(World { last: Some(Outcome::Undetermined), ..world });
            if !has_both {
                worlds.push(loaded);
            }
        }
        self.worlds = worlds;
        Verdict { missing: vec![missing], kernel_tainted, ..Verdict::new(name, Outcome::Undetermined) }
    }

    /// Why it is not known what a file holds, as the program that loads modules reads it.
    fn not_read<'a>(&self, image: &'a Image, insmod: &Insmod) -> Option<&'a str> {
        not_read(image, insmod).or_else(|| {
            busybox_for(&self.kernel, insmod)?;
            match open_zipped(&self.kernel, image) {
                Reading::Open(why) => Some(why),
                _ => None,
            }
        })
    }

    /// Takes the states out in which the last system call ended in such a way, unless these are all.
    pub(crate) fn set_aside(&mut self, ends: impl Fn(&Outcome) -> bool) -> Vec<World> {
        let has_ended = |world: &World| world.last.as_ref().is_some_and(&ends);
        if self.worlds.iter().all(has_ended) {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.worlds);
        let (aside, others) = all.into_iter().partition(has_ended);
        self.worlds = others;
        aside
    }

    /// Puts states back that were set aside.
    pub(crate) fn put_back(&mut self, worlds: Vec<World>) {
        self.worlds.extend(worlds);
    }

    /// Attempts a system call in every world, with both answers to every question that a stage asks, and with every release that
    /// makes a difference. Returns `None` if a symbol was only taken for resolved.
    fn attempt(&self, call: Call<'_>, image: &Image, insmod: &Insmod) -> Option<Attempts> {
        let mut attempts = Attempts::default();
        let results = &mut attempts.results;
        let mut attempted = 0;
        let calls = bb_init_module(&self.kernel, image, insmod);
        for (position, world) in self.worlds.iter().enumerate() {
            let is_last = position + 1 == self.worlds.len();
            let mut open = vec![world.clone()];
            while let Some(world) = open.pop() {
                attempted += 1;
                let best = if self.memo.is_enabled() {
                    results.iter().map(|(_, verdict)| furthest(verdict)).max()
                } else {
                    None
                };
                let few = attempted < MAX_FORKING && results.len() + open.len() < MAX_FORKING;
                let forks = Forks::new(&world, if few && self.memo.is_enabled() { MOST_FORKS } else { 0 });
                let result = match &calls {
                    Some(calls) => load_module_by(calls, call, image, &world, &forks),
                    None => {
                        let run = Run::new(call, image, insmod, world.clone(), &forks).behind(best);
                        load_module(run.followed(!is_last || !open.is_empty()))
                    }
                };
                if call.assumed.is_some_and(Cell::get) {
                    return None;
                }
                let answers = forks.answers();
                let before = open.len();
                open.extend(forks.others(&world));
                attempted += open.len() - before;
                let world = World { answers, ..world };
                match result {
                    Ok(result) => results.push(result),
                    Err(_) if attempted >= MAX_ATTEMPTS || !has_room(results, open.len(), &mut attempts.too_many) => {
                        attempts.too_many = true;
                    }
                    // The newest releases are followed first.
                    Err(Open::Release(differing)) => open.extend(world.divided(differing).into_iter().rev()),
                    // The answer with which the module may load is followed first.
                    Err(Open::Question(missing)) => open.extend(world.answered(&missing)),
                }
            }
        }
        Some(attempts)
    }

    fn conclude(&mut self, image: &Image, attempts: Attempts) -> Verdict {
        let calendars = attempts.results.iter().flat_map(|(world, _)| world.calendars.iter());
        let old = calendars.copied().find(|calendar| calendar.is_before_table());
        let mut verdict = self.settle(attempts.results, attempts.too_many);
        if !matches!(verdict.outcome, Outcome::Loads) {
            let exports = image.as_announced().map(|elf| Arc::clone(elf.exports())).unwrap_or_default();
            self.refused.extend(RefusedExporter::new(&verdict.name, self.number, exports).map(Arc::new));
        }
        if let Some(old) = old {
            older_than_known(&mut verdict, old);
        }
        verdict
    }

    /// Merges the verdicts of all worlds into one, and keeps the worlds in which the kernel still runs.
    fn settle(&mut self, mut results: Vec<(World, Verdict)>, too_many: bool) -> Verdict {
        join_equal(&mut results);
        let mut verdict = merge(&mut results).unwrap_or_else(|| Verdict::new("", Outcome::Undetermined));
        self.in_part |= too_many;
        if self.in_part {
            followed_in_part(&mut verdict, std::iter::empty(), self.certain_taints());
        }
        results.retain(|(_, verdict)| !matches!(verdict.outcome, Outcome::Crash { .. }));
        if results.is_empty() {
            // The kernel crashed in every world. The next call happens after a reboot.
            self.worlds = vec![booted(&self.kernel)];
            self.in_part = false;
        } else {
            self.worlds = Vec::new();
            let several = results.len() > 1;
            self.in_part |= results.len() > MAX_WORLDS;
            for (mut world, verdict) in results.into_iter().take(MAX_WORLDS) {
                let of_this_load = world.answers.keys().filter(|question| question.is_of_one_load());
                if several {
                    Arc::make_mut(&mut world.because).extend(of_this_load.cloned());
                }
                if world.answers.keys().any(Missing::is_of_one_load) {
                    Arc::make_mut(&mut world.answers).retain(|question, _| !question.is_of_one_load());
                }
                world.last = Some(verdict.outcome);
                world.asked = Vec::new();
                self.worlds.push(world);
            }
        }
        verdict
    }

    /// Unloads a module, as `rmmod` does: mirrors `delete_module()` (kernel/module/main.c) with `O_NONBLOCK`.
    pub fn rmmod(&mut self, name: &str) -> Verdict {
        self.next_call();
        let passed = Passed::default();
        let call = self.call(&passed);
        let stage = Stage::DeleteModule;
        let mut results = Vec::new();
        let mut open: Vec<_> = self.worlds.iter().rev().cloned().collect();
        while let Some(mut world) = open.pop() {
            let (outcome, findings) = match delete_module(call, &mut world, name) {
                Ok(()) => (Outcome::Loads, Vec::new()),
                Err(Kept::Refused(errno, cause)) => {
                    (Outcome::Refused { errno, stage }, vec![Finding::new(stage, *cause)])
                }
                Err(Kept::Crash(why)) => (Outcome::Crash { stage, why }, Vec::new()),
                Err(Kept::Ask(missing)) => {
                    open.extend(world.answered(&missing));
                    continue;
                }
            };
            let kernel_tainted = world.state.tainted;
            results.push((world, Verdict { kernel_tainted, findings, ..Verdict::new(name, outcome) }));
        }
        self.settle(results, false)
    }
}

/// The state of a kernel that has just booted. If its release is not known, it has the calendar of each era of the loader.
fn booted(kernel: &Kernel) -> World {
    World {
        answers: Arc::default(),
        calendars: Calendar::candidates(kernel).into(),
        state: State::default(),
        because: Arc::default(),
        last: None,
        asked: Vec::new(),
    }
}

/// Why it is not known what the system call gets to see of a file, or why a verdict on it would take too much memory; `None` if it
/// can be judged.
fn not_read<'a>(image: &'a Image, insmod: &Insmod) -> Option<&'a str> {
    match image.fault() {
        Some(Fault::Unread(why)) => Some(why),
        // init_module() gets a buffer, which the program has filled.
        Some(Fault::TooLong(why)) if insmod.call == SystemCall::InitModule => Some(why),
        Some(Fault::TooLong(_) | Fault::Broken(_)) => None,
        None => image.as_announced().and_then(|elf| too_much_of(&elf)),
    }
}

/// Why a module is not judged of which too much would have to be said or kept; `None` if it is judged.
fn too_much_of(elf: &ModuleElf) -> Option<&'static str> {
    if elf.needs_too_many() {
        return Some(TOO_MANY_SYMBOLS);
    }
    elf.exports_too_many().then_some(TOO_MANY_EXPORTS)
}

/// Why a module is not judged whose findings would take more memory than its file.
const TOO_MANY_SYMBOLS: &str = "it needs so many symbols, or symbols with such long names, that what there is to say of them takes more \
                                than 128 MiB";
