//! `gplok check`: would these modules load?

use std::path::PathBuf;
use std::sync::Arc;

use gplok::history::eras;
use gplok::image::Image;
use gplok::kernel::ModuleTree;
use gplok::load::{Insmod, ModuleInitFlags, check, check_in_order};
use gplok::report::{Entry, KernelSummary, Op, depmod, human, human_many, modules_document};
use gplok::terms::KernelRelease;
use gplok::why::explain;
use rayon::prelude::*;

use crate::arguments::{CheckArguments, CheckFormat, Format};
use crate::output::{print, write};
use crate::{Error, Exit};

pub fn run(arguments: &CheckArguments) -> Result<Exit, Error> {
    if let Some(jobs) = arguments.jobs {
        rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global()?;
    }
    let given = given(arguments)?;
    let (images, kernel) = rayon::join(
        || given.par_iter().map(Image::open).collect::<Result<Vec<_>, _>>(),
        || arguments.kernel.open().map_err(|error| error.to_string()),
    );
    let (mut images, mut kernel) = (images?, kernel?);
    let whole_tree = arguments.tree.is_some() || given.is_empty();
    if given.is_empty() {
        images =
            kernel.own_modules().ok_or("no module was given, and the kernel has no module tree: add it with -k")??;
    }
    images.iter().for_each(|image| kernel.infer_release(image));
    if arguments.format == CheckFormat::Depmod && kernel.version().is_none() {
        // Symbols are looked up alike by all releases, and nothing else is printed: one will do.
        let newest = eras().last().map(ToString::to_string).unwrap_or_default();
        kernel = kernel.with_release(KernelRelease::new(&newest));
    }
    let kernel = Arc::new(kernel);
    let force = [
        (arguments.force_vermagic, ModuleInitFlags::IGNORE_VERMAGIC),
        (arguments.force_modversion, ModuleInitFlags::IGNORE_MODVERSIONS),
    ];
    let flags = force.into_iter().filter(|(given, _)| *given).fold(ModuleInitFlags(0), |all, (_, flag)| all.with(flag));
    let insmod = Insmod { flags, ..Insmod::default() };
    let judge = if arguments.in_order { check_in_order } else { check };
    let mut verdicts = judge(&kernel, &arguments.kernel.cmdline(&kernel), &images, &insmod)?;
    let page = whole_tree && !arguments.list && arguments.format == CheckFormat::Human;
    // Neither a page of many modules nor depmod says where in a module symbols are used.
    if !page && arguments.format != CheckFormat::Depmod {
        let lookup = arguments.source.open(&kernel, images.len())?;
        let explained =
            verdicts.par_iter_mut().zip(&images).map(|(verdict, image)| explain(verdict, image, &kernel, &lookup));
        explained.collect::<Result<(), _>>()?;
    }
    let paths: Vec<_> = images.iter().map(|image| image.path().display().to_string()).collect();
    let entry = |(path, verdict)| Entry { op: Op::Insmod, path: Some(path), verdict };
    let entries: Vec<_> = paths.iter().map(String::as_str).zip(&verdicts).map(entry).collect();
    let summary = KernelSummary::from(&*kernel);
    let format = match arguments.format {
        CheckFormat::Depmod => {
            let warnings = depmod(&entries);
            write(&warnings)?;
            return Ok(if warnings.is_empty() { Exit::Good } else { Exit::Refused });
        }
        CheckFormat::Human => Format::Human,
        CheckFormat::Json => Format::Json,
        CheckFormat::Dmesg => Format::Dmesg,
    };
    print(&entries, &summary, format, if page { human_many } else { human }, modules_document)
}

/// The modules given, one by one or by their directory.
fn given(arguments: &CheckArguments) -> Result<Vec<PathBuf>, Error> {
    let mut given = arguments.modules.clone();
    if let Some(tree) = &arguments.tree {
        let found = ModuleTree::open(tree)?;
        given.extend(found.modules().map(|module| module.path.clone()));
        if given.is_empty() {
            return Err(format!("no module lies below {}", tree.display()).into());
        }
    }
    Ok(given)
}
