//! `gplok check`: would these modules load?

use std::path::PathBuf;
use std::sync::Arc;

use gplok::history::eras;
use gplok::image::Image;
use gplok::kernel::ModuleTree;
use gplok::load::{Insmod, ModuleInitFlags, check_files, check_in_order};
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
    let said = |error: Error| error.to_string();
    let (paths, kernel) = rayon::join(|| given(arguments).map_err(said), || arguments.kernel.open().map_err(said));
    let (mut paths, mut kernel) = (paths?, kernel?);
    let whole_tree = arguments.tree.is_some() || paths.is_empty();
    if paths.is_empty() {
        let tree = kernel.tree().ok_or("no module was given, and the kernel has no module tree: add it with -k")?;
        paths = tree.modules().map(|module| module.path.clone()).collect();
    }
    if kernel.release().is_none() {
        let fits = |path: &PathBuf| Image::open(path).ok().filter(|image| kernel.release_by(image).is_some());
        let first = paths.par_iter().find_map_first(fits);
        first.iter().for_each(|image| kernel.infer_release(image));
    }
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
    let cmdline = arguments.kernel.cmdline(&kernel);
    let (images, mut verdicts) = if arguments.in_order {
        let images = paths.iter().map(|path| kernel.open_module(path)).collect::<Result<Vec<_>, _>>()?;
        let verdicts = check_in_order(&kernel, &cmdline, &images, &insmod)?;
        (images, verdicts)
    } else {
        check_files(&kernel, &cmdline, &paths, &insmod, || ())?
    };
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
    let exit = print(&entries, &summary, format, if page { human_many } else { human }, modules_document);
    // The program ends here: giving back what a whole tree takes, piece by piece, would take longer than reading a tenth of it.
    std::mem::forget((images, verdicts, kernel));
    exit
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
