//! `gplok inlines`: the symbols that the inline functions of a kernel's headers need, and how they differ in another
//! kernel.

use std::path::{Path, PathBuf};

use gplok::image::{Image, is_file};
use gplok::kernel::{Exports, KernelRequest};
use gplok::probe::{ProbeOptions, compile};
use gplok::report::{
    KernelSummary, human_inline_changes, human_inlines, inline_changes_document, inlines_document, printable_json,
};
use gplok::terms::{Budget, KernelRelease, Shown};
use gplok::why::inlines::{InlineChanges, InlineMap};

use crate::arguments::{FactsFormat, InlinesArguments};
use crate::exit::{CommandError, Exit};
use crate::map::read_map;
use crate::output::{palette, write};
use crate::progress::progress;

pub fn run(arguments: &InlinesArguments, budget: &Budget) -> Result<Exit, CommandError> {
    if let (Some(from), Some(to)) = (&arguments.from, &arguments.to) {
        let (from, earlier) = map(from, arguments, budget)?;
        let (to, later) = map(to, arguments, budget)?;
        let changes = InlineChanges::between(&from, &to);
        write(&match arguments.format {
            FactsFormat::Human => human_inline_changes(&changes, &earlier, &later, &palette(), arguments.all),
            FactsFormat::Json => printable_json(&inline_changes_document(&changes, &earlier, &later))?,
        })?;
        return Ok(if changes.became.is_empty() { Exit::Good } else { Exit::Refused });
    }
    let tree = arguments.tree.as_ref().ok_or("nothing to read: give a headers or build directory")?;
    let (map, kernel) = map(tree, arguments, budget)?;
    write(&match arguments.format {
        FactsFormat::Human => human_inlines(&map, &kernel, &palette(), arguments.all),
        FactsFormat::Json => printable_json(&inlines_document(&map, &kernel))?,
    })?;
    Ok(Exit::Good)
}

/// The inline map of a headers or build directory, or the map in a file.
fn map(path: &Path, arguments: &InlinesArguments, budget: &Budget) -> Result<(InlineMap, KernelSummary), CommandError> {
    if is_file(path) {
        return written(path, budget);
    }
    let sources: Vec<PathBuf> = arguments.kernel.iter().cloned().chain([path.to_owned()]).collect();
    let kernel = KernelRequest::of_paths(&sources).within(budget).open()?;
    let exports =
        kernel.exports().ok_or_else(|| format!("{} has no Module.symvers: give one with -k", Shown::path(path)))?;
    if !arguments.object.is_empty() {
        let mut map = InlineMap::default();
        for object in &arguments.object {
            map.merge(read_map(object, &kernel)?);
        }
        return Ok((map, KernelSummary::from(&kernel)));
    }
    let jobs = arguments.jobs.unwrap_or_else(processors);
    let options = ProbeOptions {
        make: arguments.make.clone(),
        jobs,
        keep: arguments.keep.clone(),
        trust_writable: arguments.trust_writable,
    };
    Ok((compiled(path, exports, &options)?, KernelSummary::from(&kernel)))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn compiled(path: &Path, exports: &Exports, options: &ProbeOptions) -> Result<InlineMap, CommandError> {
    let probe = compile(path, options, &progress())?;
    let map = InlineMap::of_probe(&probe, exports);
    Ok(map.map_err(|error| format!("cannot read what was compiled of {}: {error}", Shown::path(path)))?)
}

/// The inline map in a file, or the one compiled from a headers or build directory, which runs what is in there.
pub fn map_of(path: &Path, trust_writable: bool, budget: &Budget) -> Result<InlineMap, CommandError> {
    if is_file(path) {
        return Ok(written(path, budget)?.0);
    }
    let kernel = KernelRequest::of_paths(&[path.to_owned()]).within(budget).open()?;
    let exports = kernel.exports().ok_or_else(|| format!("{} has no Module.symvers", Shown::path(path)))?;
    let options = ProbeOptions { make: Vec::new(), jobs: processors(), keep: None, trust_writable };
    compiled(path, exports, &options)
}

/// The map in a file that `gplok inlines` wrote, and the kernel it belongs to.
fn written(path: &Path, budget: &Budget) -> Result<(InlineMap, KernelSummary), CommandError> {
    #[derive(serde::Deserialize)]
    struct WrittenMap {
        kernel: Option<WrittenKernel>,
        #[serde(flatten)]
        map: InlineMap,
    }
    #[derive(serde::Deserialize)]
    struct WrittenKernel {
        release: Option<String>,
    }
    let image = Image::open_within(path, budget)?;
    let written: WrittenMap = serde_json::from_slice(image.contents().whole())
        .map_err(|error| format!("cannot read {} as an inline map: {error}", Shown::path(path)))?;
    let release = written.kernel.and_then(|kernel| kernel.release).map(KernelRelease::new);
    Ok((written.map, KernelSummary { release, ..KernelSummary::default() }))
}
