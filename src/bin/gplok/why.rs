//! `gplok why`: the lines of a module that need a symbol.

use std::path::Path;
use std::sync::Arc;

use gplok::check::check;
use gplok::image::Image;
use gplok::kernel::{Kernel, KernelRequest};
use gplok::load::Insmod;
use gplok::report::{Entry, KernelSummary, Op, human_why, printable_json, why_document};
use gplok::terms::{Budget, Shown};
use gplok::why::{elsewhere as look_up, explain, undefined, uses};

use crate::arguments::{FactsFormat, WhyArguments};
use crate::exit::{CommandError, Exit};
use crate::given::Given;
use crate::output::{exit, palette, write};

pub fn run(arguments: &WhyArguments, budget: &Budget) -> Result<Exit, CommandError> {
    let (given, module) = Given::one(&arguments.module, budget)?;
    let mut kernel = arguments.loader.tell(arguments.kernel.open(budget)?);
    given.tell(&mut kernel);
    let image = [kernel.open_module_to_judge(&module)?];
    kernel.infer_release(&image[0]);
    let kernel = Arc::new(kernel);
    let mut others: Vec<Kernel> = Vec::new();
    for path in &arguments.compare {
        others.push(KernelRequest::of_paths(std::slice::from_ref(path)).within(budget).open()?);
    }
    let lookup = arguments.source.open(&kernel, 1)?;
    let mut verdict = check(&kernel, &arguments.kernel.cmdline(&kernel), &image, &Insmod::default())?.remove(0);
    let [image] = image;
    explain(&mut verdict, &image, &kernel, &lookup)?;
    let mut asked = None;
    match &arguments.symbol {
        None => verdict.findings.retain(|finding| finding.symbol().is_some()),
        Some(symbol) => {
            verdict.findings.retain(|finding| finding.symbol() == Some(symbol));
            if verdict.findings.is_empty() {
                let found = uses(&image, symbol, &kernel, &lookup)?;
                asked = Some(found.ok_or_else(|| not_used(&module, &image, symbol))?);
            }
        }
    }
    let mut elsewhere = Vec::new();
    for finding in &verdict.findings {
        elsewhere.extend(others.iter().filter_map(|other| look_up(finding, &kernel, other)));
    }
    let path = module.to_string_lossy().into_owned();
    let summary = KernelSummary::from(&*kernel);
    let entry = Entry { op: Op::Insmod, path: Some(&path), verdict: &verdict };
    write(&match arguments.format {
        FactsFormat::Human => human_why(&entry, asked.as_ref(), &elsewhere, &summary, &palette()),
        FactsFormat::Json => printable_json(&why_document(&entry, asked.as_ref(), &elsewhere, &summary))?,
    })?;
    Ok(exit(&[entry]))
}

/// The error for a symbol that the module does not use, with similar symbols that it uses.
fn not_used(path: &Path, image: &Image, symbol: &str) -> String {
    let names: Vec<String> = image.as_announced().iter().flat_map(|elf| undefined(elf).collect::<Vec<_>>()).collect();
    let is_similar = |name: &&str| name.contains(symbol) || (symbol.contains(*name) && name.len() > 3);
    let similar: Vec<&str> = names.iter().map(String::as_str).filter(is_similar).take(5).collect();
    let path = Shown::path(path);
    match similar.as_slice() {
        [] => format!("{path} does not leave {symbol:?} undefined: no kernel has to provide it"),
        similar => format!("{path} does not leave {symbol:?} undefined; did you mean {}?", similar.join(", ")),
    }
}
