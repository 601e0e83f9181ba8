//! Would each of these modules load, given the others and the kernel's own?

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::error::ModprobeError;
use crate::check::boots::{Boots, blamed};
use crate::check::needs::{Modules, of_each};
use crate::history::Behaviour;
use crate::image::Image;
use crate::kernel::Kernel;
use crate::load::Judged;
use crate::load::{Cmdline, Insmod, Machine};
use crate::verdict::Verdict;

/// A module file to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFile {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it has, as far as that is known: the largest are read first.
    pub size: u64,
}

/// What is of no use to anybody any more.
pub type Left = Box<dyn Send>;

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
    alone(check_on(machine(kernel, cmdline), images, insmod, Vec::new()))
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
    alone(check_on(machine(kernel, cmdline).otherwise(behaviour), images, insmod, Vec::new()))
}

/// The same for module files. Of each, once it was read, only what its verdict can depend on is kept in memory.
///
/// `progress` is told of each module when its file is read. What is returned last is what judging leaves behind: giving it back
/// takes a while, and whoever ends anyway need not.
///
/// # Errors
/// As [`check`], and when one of the files cannot be read.
pub fn check_files(
    kernel: &Arc<Kernel>,
    cmdline: &Cmdline,
    files: &[ModuleFile],
    insmod: &Insmod,
    progress: impl Fn() + Sync,
) -> Result<(Vec<Image>, Vec<Verdict>, Left), ModprobeError> {
    let first = machine(kernel, cmdline);
    let read = |path: &Path| {
        let image = kernel.open_module(path)?;
        let known = first.prepare(&image, insmod);
        progress();
        if let Some(fault) = image.fault() {
            return Err(ModprobeError::Image(fault));
        }
        let is_alone = known.as_ref().is_some_and(Judged::is_alone);
        Ok((if is_alone { image.forget_all() } else { image.forget() }, known))
    };
    // The largest first: while they are read, memory is still empty; and at the end no processor waits for one of them.
    let mut order: Vec<_> = files.iter().enumerate().collect();
    order.sort_by_key(|(_, file)| std::cmp::Reverse(file.size));
    let places: Vec<_> = files.iter().map(|_| OnceLock::new()).collect();
    of_each(&order, |(index, file)| places.get(*index).map(|place| place.set(read(&file.path)).is_ok()));
    let (mut images, mut known) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
    for read in places.into_iter().filter_map(OnceLock::into_inner) {
        let (image, judged) = read?;
        images.push(image);
        known.push(judged);
    }
    let (verdicts, left) = check_on(first, &images, insmod, known)?;
    Ok((images, verdicts, left))
}

fn check_on(
    first: Machine,
    images: &[Image],
    insmod: &Insmod,
    known: Vec<Option<Judged>>,
) -> Result<(Vec<Verdict>, Left), ModprobeError> {
    // What needs nothing and gives nothing is nobody's affair any more.
    let settle = |known: Option<Judged>| match known {
        Some(judged) if judged.is_alone() => (Some(judged.verdict), None),
        known => (None, known),
    };
    let (mut verdicts, known): (Vec<_>, Vec<_>) = known.into_iter().map(settle).unzip();
    verdicts.resize_with(images.len(), || None);
    let is_alone = |index: usize| verdicts.get(index).is_some_and(Option::is_some);
    let modules = Modules::new(first.kernel(), first.memo(), images, &is_alone)?;
    let rest: Vec<_> = (0..images.len()).filter(|index| !is_alone(*index)).collect();
    let boots = Boots::new(first, insmod, modules, known);
    for (index, verdict) in rest.iter().zip(of_each(&rest, |index| boots.judge(*index))) {
        if let Some(place) = verdicts.get_mut(*index) {
            *place = Some(verdict);
        }
    }
    let fault = images.iter().chain(boots.own()).find_map(Image::fault);
    let left = Box::new(boots.left());
    fault.map_or_else(
        || Ok((verdicts.into_iter().flatten().collect(), left as Left)),
        |fault| Err(ModprobeError::Image(fault)),
    )
}

/// The verdicts alone.
fn alone(checked: Result<(Vec<Verdict>, Left), ModprobeError>) -> Result<Vec<Verdict>, ModprobeError> {
    let (verdicts, left) = checked?;
    if verdicts.len() > 1 {
        // Nobody has to wait for that.
        rayon::spawn(move || drop(left));
    }
    Ok(verdicts)
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

fn machine(kernel: &Arc<Kernel>, cmdline: &Cmdline) -> Machine {
    let machine = Machine::boot(Arc::clone(kernel), cmdline.clone());
    if kernel.tree().is_some() { machine } else { machine.with_dependencies_loaded() }
}
