//! `gplok why`: which lines of a module need a symbol.

use std::path::Path;
use std::sync::Arc;

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Insmod, check};
use gplok::report::{Entry, KernelSummary, Op, human_why, why_document};
use gplok::why::{elsewhere, explain, undefined, uses};

use crate::arguments::{FactsFormat, WhyArguments};
use crate::output::{exit, palette, write};
use crate::{CommandError, Exit};

pub fn run(arguments: &WhyArguments) -> Result<Exit, CommandError> {
    let image = [Image::open(&arguments.module)?];
    let mut kernel = arguments.kernel.open()?;
    kernel.infer_release(&image[0]);
    let kernel = Arc::new(kernel);
    let others = arguments.compare.iter().map(|path| Kernel::open(&[path])).collect::<Result<Vec<_>, _>>()?;
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
                asked = Some(found.ok_or_else(|| not_used(&arguments.module, &image, symbol))?);
            }
        }
    }
    let pairs = verdict.findings.iter().flat_map(|finding| others.iter().map(move |other| (finding, other)));
    let elsewhere: Vec<_> = pairs.filter_map(|(finding, other)| elsewhere(finding, &kernel, other)).collect();
    let (path, summary) = (arguments.module.display().to_string(), KernelSummary::from(&*kernel));
    let entry = Entry { op: Op::Insmod, path: Some(&path), verdict: &verdict };
    write(&match arguments.format {
        FactsFormat::Human => human_why(&entry, asked.as_ref(), &elsewhere, &summary, &palette()),
        FactsFormat::Json => {
            serde_json::to_string_pretty(&why_document(&entry, asked.as_ref(), &elsewhere, &summary))? + "\n"
        }
    })?;
    Ok(exit(&[entry]))
}

fn not_used(path: &Path, image: &Image, symbol: &str) -> String {
    let names: Vec<String> = image.as_announced().iter().flat_map(|elf| undefined(elf).collect::<Vec<_>>()).collect();
    let near = |name: &&String| name.contains(symbol) || (symbol.contains(name.as_str()) && name.len() > 3);
    let near: Vec<&str> = names.iter().filter(near).map(String::as_str).take(5).collect();
    let path = path.display();
    match near.as_slice() {
        [] => format!("{path} does not leave {symbol:?} undefined: no kernel has to provide it"),
        near => format!("{path} does not leave {symbol:?} undefined; did you mean {}?", near.join(", ")),
    }
}
