//! One boot: its modules, its taints, the lines it prints once.

use std::cell::Cell;
use std::sync::Arc;

use crate::history::{Behaviour, Calendar, eras};
use crate::image::Image;
use crate::kernel::Kernel;
use crate::load::cache::memo::Memo;
use crate::load::cache::passed::Passed;
use crate::load::merge::{furthest, join_equal, merge};
use crate::load::pipeline::load_module;
use crate::load::refused_exporter::RefusedExporter;
use crate::load::run::{Call, Run};
use crate::load::stages::delete_module::delete_module;
use crate::load::state::{State, World};
use crate::load::{Cmdline, Insmod};
use crate::terms::{Errno, ExportedSymbol, Taints};
use crate::verdict::{Finding, Missing, Outcome, Stage, Verdict};

/// A module that needs no other, loaded.
pub(crate) struct Judged {
    pub verdict: Verdict,
    /// The states a boot may be in behind it; none where it exports nothing, for then nobody comes behind it.
    pub worlds: Vec<World>,
    pub exports: Arc<Vec<ExportedSymbol>>,
}

impl Judged {
    /// Does it export nothing?
    pub fn is_alone(&self) -> bool {
        self.exports.is_empty()
    }
}

/// What came of the ways a system call may go.
#[derive(Default)]
struct Attempts {
    results: Vec<(World, Verdict)>,
    too_many: bool,
}

/// How many sets of answers are followed at once.
pub(crate) const MAX_WORLDS: usize = 256;

/// A booted kernel: the state that loading and unloading change, from its first module on.
#[derive(Clone, Debug)]
pub struct Machine {
    kernel: Arc<Kernel>,
    cmdline: Cmdline,
    comm: &'static str,
    dependencies_loaded: bool,
    worlds: Vec<World>,
    refused: Vec<Arc<RefusedExporter>>,
    memo: Arc<Memo>,
}

impl Machine {
    /// Boots a kernel. Nothing is loaded yet and nothing tainted.
    pub fn boot(kernel: Arc<Kernel>, cmdline: Cmdline) -> Self {
        let (comm, refused) = ("insmod", Vec::new());
        let worlds = worlds(&kernel);
        Self { kernel, cmdline, comm, dependencies_loaded: false, worlds, refused, memo: Arc::default() }
    }

    /// Takes the modules of the kernel's own tree that a module needs for loaded, as `modprobe` would see to it.
    #[must_use]
    pub fn with_dependencies_loaded(mut self) -> Self {
        self.dependencies_loaded = true;
        self
    }

    /// The same kernel as if one behaviour of its loader were otherwise, before anything is loaded.
    #[must_use]
    pub(crate) fn otherwise(mut self, behaviour: Behaviour) -> Self {
        for calendar in self.worlds.iter_mut().filter_map(|world| world.calendar.as_mut()) {
            calendar.otherwise = Some(behaviour);
        }
        self
    }

    /// Switches loading and unloading off for good, as writing 1 to `/proc/sys/kernel/modules_disabled` does.
    pub fn disable_modules(&mut self) {
        self.cmdline.modules_disabled = Some("kernel.modules_disabled=1".to_owned());
    }

    /// The kernel it runs.
    pub const fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// What is known of module files.
    pub(crate) fn memo(&self) -> &Memo {
        &self.memo
    }

    /// The names of the modules that are loaded for certain, the newest first.
    pub fn loaded(&self) -> Vec<String> {
        let [first, rest @ ..] = self.worlds.as_slice() else { return Vec::new() };
        let in_all =
            |name: &str| rest.iter().all(|world| world.state.modules.iter().any(|module| *module.name == *name));
        first.state.modules.iter().map(|module| module.name.to_string()).filter(|name| in_all(name)).collect()
    }

    /// Is a module loaded for certain?
    pub(crate) fn is_loaded(&self, name: &str) -> bool {
        let loaded = |world: &World| world.state.modules.iter().any(|module| *module.name == *name);
        !self.worlds.is_empty() && self.worlds.iter().all(loaded)
    }

    /// Finds out of a module file what its verdict depends on, whatever else is loaded: judging it then does not need the file
    /// any more, but for what only a module in trouble asks. Where nothing else matters, this is the verdict already.
    pub(crate) fn prepare(&self, image: &Image, insmod: &Insmod) -> Option<Judged> {
        let (passed, assumed) = (Passed::default(), Cell::default());
        let call = Call { assumed: Some(&assumed), ..self.call(&passed) };
        let attempts = self.attempt(call, image, insmod);
        let elf = image.as_announced();
        elf.iter().for_each(|elf| _ = elf.loose_symbols());
        let exports = elf.map(|elf| Arc::clone(elf.exports())).unwrap_or_default();
        let attempts = attempts?;
        let mut machine = self.clone();
        let verdict = machine.conclude(image, attempts);
        Some(Judged { verdict, worlds: if exports.is_empty() { Vec::new() } else { machine.worlds }, exports })
    }

    /// Takes a module for refused.
    pub(crate) fn refuse(&mut self, exporter: Arc<RefusedExporter>) {
        self.refused.push(exporter);
    }

    /// Takes other states for those it may be in; are there too many?
    pub(crate) fn with_worlds(&mut self, other: impl FnOnce(&[World]) -> (Vec<World>, bool)) -> bool {
        let (worlds, too_many) = other(&self.worlds);
        self.worlds = worlds;
        too_many
    }

    /// The first of the states it may be in.
    pub(crate) fn first_world(&self) -> Option<&World> {
        self.worlds.first()
    }

    /// The states it may be in.
    pub(crate) fn into_worlds(self) -> Vec<World> {
        self.worlds
    }

    /// Tells how a real kernel ended the last system call, where it was undetermined, and how it was tainted afterwards:
    /// only what fits goes on.
    pub fn observe(&mut self, errno: Option<Errno>, tainted: Taints) {
        let fits = |world: &World| {
            let last = world.last.as_ref();
            last.is_some_and(|outcome| outcome.errno() == errno && (errno.is_some() || *outcome == Outcome::Loads))
        };
        if self.worlds.iter().any(fits) {
            self.worlds.retain(fits);
        }
        self.worlds.iter_mut().for_each(|world| world.state.tainted = tainted);
    }

    /// What every attempt at a system call has in common.
    fn call<'a>(&'a self, passed: &'a Passed) -> Call<'a> {
        Call {
            kernel: &self.kernel,
            cmdline: &self.cmdline,
            comm: self.comm,
            dependencies_loaded: self.dependencies_loaded,
            assumed: None,
            refused: &self.refused,
            memo: &self.memo,
            passed,
        }
    }

    /// Forgets how the last call ended; worlds that differed only in that are one.
    fn next_call(&mut self) {
        let mut worlds = std::mem::take(&mut self.worlds);
        let same_state = |world: &World, first: &World| world.state == first.state && world.answers == first.answers;
        if worlds.first().is_some_and(|first| worlds.iter().all(|world| same_state(world, first))) {
            worlds.iter_mut().for_each(|world| world.because = Arc::default());
        }
        for mut world in worlds {
            world.last = None;
            if !self.worlds.contains(&world) {
                self.worlds.push(world);
            }
        }
    }

    /// Loads a module.
    pub fn insmod(&mut self, image: &Image, insmod: &Insmod) -> Verdict {
        self.next_call();
        let passed = Passed::default();
        let results = self.attempt(self.call(&passed), image, insmod);
        self.conclude(image, results.unwrap_or_default())
    }

    /// Every way a system call may go, in all the worlds there are; `None` where it was only assumed that a symbol resolves.
    fn attempt(&self, call: Call<'_>, image: &Image, insmod: &Insmod) -> Option<Attempts> {
        let mut attempts = Attempts::default();
        let results = &mut attempts.results;
        for world in &self.worlds {
            let mut open = vec![world.clone()];
            while let Some(world) = open.pop() {
                let best = results.iter().map(|(_, verdict)| furthest(verdict)).max();
                let result = load_module(Run::new(call, image, insmod, world.clone()).behind(best));
                if call.assumed.is_some_and(Cell::get) {
                    return None;
                }
                match result {
                    Ok(result) => results.push(result),
                    Err(_) if results.len() + open.len() >= MAX_WORLDS => attempts.too_many = true,
                    // The favourable answer is followed first.
                    Err(missing) => {
                        let mut other = world.clone();
                        Arc::make_mut(&mut other.answers).insert(missing.clone(), false);
                        open.push(other);
                        let mut world = world;
                        Arc::make_mut(&mut world.answers).insert(missing, true);
                        open.push(world);
                    }
                }
            }
        }
        Some(attempts)
    }

    fn conclude(&mut self, image: &Image, attempts: Attempts) -> Verdict {
        let verdict = self.settle(attempts.results, attempts.too_many);
        if !matches!(verdict.outcome, Outcome::Loads) {
            let exports = image.as_announced().map(|elf| Arc::clone(elf.exports())).unwrap_or_default();
            self.refused.extend(RefusedExporter::new(&verdict.name, exports).map(Arc::new));
        }
        verdict
    }

    /// Merges what the worlds say, and keeps those that go on.
    fn settle(&mut self, mut results: Vec<(World, Verdict)>, too_many: bool) -> Verdict {
        join_equal(&mut results);
        let mut verdict = merge(&mut results).unwrap_or_else(|| Verdict::new("", Outcome::Undetermined));
        if too_many {
            verdict.outcome = Outcome::Undetermined;
            verdict.missing.push(Missing::TooMany);
        }
        results.retain(|(_, verdict)| !matches!(verdict.outcome, Outcome::Crash { .. }));
        if results.is_empty() {
            // It crashed for certain: what follows happens on a machine started afresh.
            self.worlds = worlds(&self.kernel);
        } else {
            self.worlds = Vec::new();
            let several = results.len() > 1;
            for (mut world, verdict) in results.into_iter().take(MAX_WORLDS) {
                let of_this_load = world.answers.keys().filter(|question| question.is_of_one_load());
                if several {
                    Arc::make_mut(&mut world.because).extend(of_this_load.cloned());
                }
                if world.answers.keys().any(Missing::is_of_one_load) {
                    Arc::make_mut(&mut world.answers).retain(|question, _| !question.is_of_one_load());
                }
                world.last = Some(verdict.outcome);
                self.worlds.push(world);
            }
        }
        verdict
    }

    /// Unloads a module, as `rmmod` does.
    pub fn rmmod(&mut self, name: &str) -> Verdict {
        self.next_call();
        let passed = Passed::default();
        let call = self.call(&passed);
        let remove = |world: &World| {
            let mut world = world.clone();
            let (outcome, findings) = match delete_module(call, &mut world, name) {
                Ok(()) => (Outcome::Loads, Vec::new()),
                Err((errno, cause)) => {
                    let stage = Stage::DeleteModule;
                    (Outcome::Refused { errno, stage }, vec![Finding::new(stage, *cause)])
                }
            };
            let kernel_tainted = world.state.tainted;
            (world, Verdict { kernel_tainted, findings, ..Verdict::new(name, outcome) })
        };
        let results = self.worlds.iter().map(remove).collect();
        self.settle(results, false)
    }
}

/// The worlds a boot begins with: one, or one for every span of versions when the release is not known.
fn worlds(kernel: &Kernel) -> Vec<World> {
    let distribution = kernel.distribution();
    let world = |version, given| World {
        answers: Arc::default(),
        calendar: Some(Calendar::new(version, given, distribution)),
        state: State::default(),
        because: Arc::default(),
        last: None,
    };
    match kernel.version() {
        Some(version) => vec![world(version, kernel.is_version_given())],
        None => eras().into_iter().rev().map(|version| world(version, true)).collect(),
    }
}
