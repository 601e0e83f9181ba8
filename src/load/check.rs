//! Would each of these modules load, given the others and the kernel's own?

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::machine::ModprobeError;
use super::{Cmdline, Insmod, Machine};
use crate::history::Behaviour;
use crate::image::{Image, as_text};
use crate::kernel::Kernel;
use crate::verdict::{Outcome, Verdict};

/// Judges every module on a boot of its own, in which what it needs is loaded first: those of `images` that export it, and
/// modules of the kernel's tree. One verdict for each image, in their order.
///
/// Without a module tree, modules that `Module.symvers` names as exporters are taken for loaded.
///
/// # Errors
/// When a file of the tree that a module depends on cannot be read.
pub fn check(
    kernel: &Arc<Kernel>,
    cmdline: &Cmdline,
    images: &[Image],
    insmod: &Insmod,
) -> Result<Vec<Verdict>, ModprobeError> {
    check_on(machine(kernel, cmdline), images, insmod)
}

/// The same on a kernel whose loader has one behaviour otherwise: what that behaviour decides shows in the difference.
///
/// # Errors
/// As [`check`].
pub fn check_otherwise(
    kernel: &Arc<Kernel>,
    cmdline: &Cmdline,
    images: &[Image],
    insmod: &Insmod,
    behaviour: Behaviour,
) -> Result<Vec<Verdict>, ModprobeError> {
    check_on(machine(kernel, cmdline).otherwise(behaviour), images, insmod)
}

fn check_on(first: Machine, images: &[Image], insmod: &Insmod) -> Result<Vec<Verdict>, ModprobeError> {
    let needs = Needs::new(first.kernel(), images);
    let boots = Boots { first, images, insmod, needs, known: Mutex::default() };
    (0..images.len()).into_par_iter().map(|index| boots.judge(index)).collect()
}

/// Judges the modules on one boot, in the order given; what the kernel's tree can provide is loaded before each.
///
/// # Errors
/// As [`check`].
pub fn check_in_order(
    kernel: &Arc<Kernel>,
    cmdline: &Cmdline,
    images: &[Image],
    insmod: &Insmod,
) -> Result<Vec<Verdict>, ModprobeError> {
    let mut machine = machine(kernel, cmdline);
    let judge = |image| {
        let dependencies = machine.load_dependencies(image)?;
        Ok(blamed(machine.insmod(image, insmod), dependencies.iter()))
    };
    images.iter().map(judge).collect()
}

/// Which of the given modules each one needs itself, in order of need.
struct Needs(Vec<Vec<usize>>);

impl Needs {
    fn new(kernel: &Kernel, images: &[Image]) -> Self {
        let exports = |image: &Image| image.as_announced().map(|elf| Arc::clone(elf.exports())).unwrap_or_default();
        let exports: Vec<_> = images.par_iter().map(exports).collect();
        // The first that exports a symbol gives it.
        let mut givers = HashMap::new();
        for (index, exports) in exports.iter().enumerate() {
            for export in exports.iter() {
                givers.entry(export.name.as_str()).or_insert(index);
            }
        }
        let built_in = |name: &str| kernel.exports().is_some_and(|exports| exports.vmlinux(name).is_some());
        let needs = |image: &Image| {
            let (mut needs, mut seen) = (Vec::new(), HashSet::new());
            let Some(elf) = image.as_announced() else { return needs };
            for symbol in elf.undefined_symbols() {
                let name = as_text(elf.loose_name(symbol).unwrap_or_default());
                if let Some(giver) = givers.get(name.as_ref())
                    && !seen.contains(giver)
                    && !built_in(&name)
                {
                    seen.insert(*giver);
                    needs.push(*giver);
                }
            }
            needs
        };
        Self(images.par_iter().map(needs).collect())
    }

    /// The given modules that one needs, its own first needs first, and at last itself.
    fn chain(&self, index: usize) -> Vec<usize> {
        let (mut chain, mut met) = (Vec::new(), HashSet::from([index]));
        let mut open = vec![(index, 0)];
        while let Some((module, next)) = open.last_mut() {
            let need = self.0.get(*module).and_then(|needs| needs.get(*next)).copied();
            *next += 1;
            match need {
                Some(need) if met.insert(need) => open.push((need, 0)),
                Some(_) => {}
                None => {
                    chain.push(*module);
                    open.pop();
                }
            }
        }
        chain
    }
}

/// Boots on which the given modules are loaded one after another.
struct Boots<'a> {
    first: Machine,
    images: &'a [Image],
    insmod: &'a Insmod,
    needs: Needs,
    known: Mutex<Known>,
}

/// What is remembered of chains: most begin like others.
#[derive(Default)]
struct Known {
    /// What has come of a chain that is known by its number and goes on with a module; and the number of the two together.
    after: HashMap<(usize, usize), (usize, Arc<After>)>,
    /// Modules loaded in all that is remembered.
    loaded: usize,
}

/// What has come of a chain of modules.
#[derive(Clone)]
struct After {
    machine: Machine,
    /// The verdict on the last one.
    verdict: Verdict,
    /// Those that were refused, the last one too.
    refused: Vec<Arc<Verdict>>,
}

/// How many loaded modules are remembered, all chains together: a whole tree of a distribution has some ten thousand.
const MAX_LOADED: usize = 1 << 22;

impl Known {
    /// Remembers what a chain has come to, as long as there is room: its number, or that of whoever was quicker.
    fn keep(&mut self, begun: usize, module: usize, length: usize, after: &Arc<After>) -> Option<usize> {
        if self.loaded.saturating_add(length) > MAX_LOADED {
            return None;
        }
        self.loaded += length;
        let number = self.after.len() + 1;
        Some(self.after.entry((begun, module)).or_insert_with(|| (number, Arc::clone(after))).0)
    }
}

impl Boots<'_> {
    /// Loads what the module needs, and then itself.
    fn judge(&self, index: usize) -> Result<Verdict, ModprobeError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut begun, mut after) = (Some(0), None::<Arc<After>>);
        for (length, module) in (1..).zip(self.needs.chain(index)) {
            let Some(image) = self.images.get(module) else { continue };
            let met = begun.and_then(|begun| known().after.get(&(begun, module)).cloned());
            (begun, after) = match met {
                Some((number, next)) => (Some(number), Some(next)),
                None => {
                    let next = Arc::new(self.load(after.as_deref(), image)?);
                    (begun.and_then(|begun| known().keep(begun, module, length, &next)), Some(next))
                }
            };
        }
        let Some(after) = after else { return Ok(self.first.clone().rmmod("")) };
        let own = usize::from(matches!(after.verdict.outcome, Outcome::Refused { .. }));
        let before = after.refused.get(..after.refused.len().saturating_sub(own)).unwrap_or_default();
        Ok(blamed(after.verdict.clone(), before.iter().map(AsRef::as_ref)))
    }

    fn load(&self, before: Option<&After>, image: &Image) -> Result<After, ModprobeError> {
        let mut machine = before.map_or_else(|| self.first.clone(), |before| before.machine.clone());
        let mut refused = before.map(|before| before.refused.clone()).unwrap_or_default();
        let dependencies = machine.load_dependencies(image)?;
        let verdict = machine.insmod(image, self.insmod);
        let is_refused = |verdict: &&Verdict| matches!(verdict.outcome, Outcome::Refused { .. });
        let all = dependencies.iter().chain([&verdict]);
        refused.extend(all.filter(is_refused).cloned().map(Arc::new));
        Ok(After { machine, verdict, refused })
    }
}

fn machine(kernel: &Arc<Kernel>, cmdline: &Cmdline) -> Machine {
    let machine = Machine::boot(Arc::clone(kernel), cmdline.clone());
    if kernel.tree().is_some() { machine } else { machine.with_dependencies_loaded() }
}

/// A module that was refused names those it needed that were refused before it.
fn blamed<'a>(mut verdict: Verdict, before: impl DoubleEndedIterator<Item = &'a Verdict>) -> Verdict {
    if !matches!(verdict.outcome, Outcome::Loads) {
        before.rev().for_each(|dependency| verdict.blame(dependency));
    }
    verdict
}
