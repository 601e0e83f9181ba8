//! `gplok check`: would these modules load?

use std::sync::Arc;

use gplok::image::Image;
use gplok::load::{Insmod, ModuleInitFlags, check, check_in_order};
use gplok::report::{Entry, KernelSummary, Op, human, modules_document};
use gplok::why::explain;
use rayon::prelude::*;

use crate::arguments::CheckArguments;
use crate::output::print;
use crate::{Error, Exit};

pub fn run(arguments: &CheckArguments) -> Result<Exit, Error> {
    let (images, kernel) = rayon::join(
        || arguments.modules.par_iter().map(Image::open).collect::<Result<Vec<_>, _>>(),
        || arguments.kernel.open().map_err(|error| error.to_string()),
    );
    let (images, mut kernel) = (images?, kernel?);
    images.iter().for_each(|image| kernel.infer_release(image));
    let kernel = Arc::new(kernel);
    let force = [
        (arguments.force_vermagic, ModuleInitFlags::IGNORE_VERMAGIC),
        (arguments.force_modversion, ModuleInitFlags::IGNORE_MODVERSIONS),
    ];
    let flags = force.into_iter().filter(|(given, _)| *given).fold(ModuleInitFlags(0), |all, (_, flag)| all.with(flag));
    let insmod = Insmod { flags, ..Insmod::default() };
    let judge = if arguments.in_order { check_in_order } else { check };
    let mut verdicts = judge(&kernel, &arguments.kernel.cmdline(&kernel), &images, &insmod)?;
    let lookup = arguments.source.open(&kernel, images.len())?;
    let explained =
        verdicts.par_iter_mut().zip(&images).map(|(verdict, image)| explain(verdict, image, &kernel, &lookup));
    explained.collect::<Result<(), _>>()?;
    let paths: Vec<_> = arguments.modules.iter().map(|path| path.display().to_string()).collect();
    let entry = |(path, verdict)| Entry { op: Op::Insmod, path: Some(path), verdict };
    let entries: Vec<_> = paths.iter().map(String::as_str).zip(&verdicts).map(entry).collect();
    print(&entries, &KernelSummary::from(&*kernel), arguments.format, human, modules_document)
}
