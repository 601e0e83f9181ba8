//! `gplok simulate`: a whole boot, step by step.

use std::io::Read as _;
use std::path::Path;

use gplok::image::Image;
use gplok::load::Machine;
use gplok::report::{Entry, Op, human_steps, steps_document};
use gplok::verdict::Verdict;

use crate::arguments::SimulateArguments;
use crate::output::{print, summary};
use crate::plan::{self, Step};
use crate::{Error, Exit};

pub fn run(arguments: &SimulateArguments) -> Result<Exit, Error> {
    let (path, text) = (&arguments.plan, read(&arguments.plan)?);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let steps = plan::parse(path, &text, folder)?;
    let kernel = arguments.kernel.open()?;
    let mut machine = Machine::boot(std::sync::Arc::clone(&kernel), arguments.kernel.cmdline());
    let mut results: Vec<(Op, Option<String>, Verdict)> = Vec::new();
    for step in steps {
        match step {
            Step::Insmod { path, insmod } => {
                let image = if insmod.raw { Image::open_raw(&path)? } else { Image::open(&path)? };
                results.push((Op::Insmod, Some(path.display().to_string()), machine.insmod(&image, &insmod)));
            }
            Step::Rmmod(name) => results.push((Op::Rmmod, None, machine.rmmod(&name))),
            Step::Modprobe(name) => {
                let verdicts = machine.modprobe(&name)?;
                results.extend(verdicts.into_iter().map(|verdict| (Op::Modprobe, None, verdict)));
            }
        }
    }
    let entries: Vec<_> =
        results.iter().map(|(op, path, verdict)| Entry { op: *op, path: path.as_deref(), verdict }).collect();
    print(&entries, &summary(&kernel), arguments.kernel.format, human_steps, steps_document)
}

fn read(path: &Path) -> Result<String, Error> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    Ok(std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?)
}
