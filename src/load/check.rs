//! Would each of these modules load, given the others and the kernel's own?

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::machine::ModprobeError;
use super::{Cmdline, Insmod, Machine};
use crate::image::Image;
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
    let givers = Givers::new(images);
    (0..images.len()).into_par_iter().map(|index| judge(kernel, cmdline, images, insmod, &givers, index)).collect()
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
        Ok(blamed(machine.insmod(image, insmod), &dependencies))
    };
    images.iter().map(judge).collect()
}

/// Which of the given modules exports a symbol: the first that does.
struct Givers {
    exporter: HashMap<String, usize>,
}

impl Givers {
    fn new(images: &[Image]) -> Self {
        let mut exporter = HashMap::new();
        for (index, image) in images.iter().enumerate() {
            for export in image.as_announced().map(|elf| elf.exports()).unwrap_or_default() {
                exporter.entry(export.name).or_insert(index);
            }
        }
        Self { exporter }
    }

    /// The given modules that one needs, its own first needs first.
    fn needs(&self, kernel: &Kernel, images: &[Image], index: usize) -> Vec<usize> {
        let (mut order, mut open) = (Vec::new(), vec![index]);
        self.visit(kernel, images, index, &mut open, &mut order);
        order
    }

    fn visit(&self, kernel: &Kernel, images: &[Image], index: usize, open: &mut Vec<usize>, order: &mut Vec<usize>) {
        let Some(elf) = images.get(index).and_then(Image::as_announced) else { return };
        for symbol in elf.symbols().iter().skip(1).filter(|symbol| symbol.is_undefined()) {
            let name = elf.symbol_text(symbol);
            let Some(giver) = self.exporter.get(&name).copied() else { continue };
            let built_in = kernel.exports().is_some_and(|exports| exports.vmlinux(&name).is_some());
            if built_in || order.contains(&giver) || open.contains(&giver) {
                continue;
            }
            open.push(giver);
            self.visit(kernel, images, giver, open, order);
            open.pop();
            order.push(giver);
        }
    }
}

fn machine(kernel: &Arc<Kernel>, cmdline: &Cmdline) -> Machine {
    let machine = Machine::boot(Arc::clone(kernel), cmdline.clone());
    if kernel.tree().is_some() { machine } else { machine.with_dependencies_loaded() }
}

fn judge(
    kernel: &Arc<Kernel>,
    cmdline: &Cmdline,
    images: &[Image],
    insmod: &Insmod,
    givers: &Givers,
    index: usize,
) -> Result<Verdict, ModprobeError> {
    let mut machine = machine(kernel, cmdline);
    let mut before = Vec::new();
    for given in givers.needs(kernel, images, index).into_iter().filter_map(|given| images.get(given)) {
        before.extend(machine.load_dependencies(given)?);
        before.push(machine.insmod(given, insmod));
    }
    let Some(image) = images.get(index) else { return Ok(machine.rmmod("")) };
    before.extend(machine.load_dependencies(image)?);
    Ok(blamed(machine.insmod(image, insmod), &before))
}

/// A module that was refused names those it needed that were refused before it.
fn blamed(mut verdict: Verdict, before: &[Verdict]) -> Verdict {
    if !matches!(verdict.outcome, Outcome::Loads) {
        before.iter().rev().for_each(|dependency| verdict.blame(dependency));
    }
    verdict
}
