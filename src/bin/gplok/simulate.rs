//! `gplok simulate`: a whole boot, step by step.

use std::path::Path;
use std::sync::Arc;

use gplok::check::{DamagedFiles, name_absent};
use gplok::image::{Image, read_regular_text, read_stream_text};
use gplok::kernel::Kernel;
use gplok::load::Machine;
use gplok::report::{Entry, KernelSummary, Op, human_steps, steps_document};
use gplok::terms::{Budget, Shown};
use gplok::verdict::Verdict;
use gplok::why::explain;

use crate::arguments::SimulateArguments;
use crate::exit::{CommandError, Exit};
use crate::given::Given;
use crate::output::print;
use crate::plan::{self, PlanStep};

pub fn run(arguments: &SimulateArguments, budget: &Budget) -> Result<Exit, CommandError> {
    let path = &arguments.plan;
    let text = read(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let at = |line: usize, error: &dyn std::fmt::Display| format!("{}: line {line}: {error}", Shown::path(path));
    let mut steps = Vec::new();
    for (line, step) in plan::parse(path, &text, folder)? {
        let image = open(&step, budget).map_err(|error| at(line, &error))?;
        steps.push((line, step, image));
    }
    let mut kernel = arguments.loader.tell(arguments.kernel.open(budget)?);
    for image in steps.iter().filter_map(|(.., image)| image.as_ref()) {
        kernel.infer_release(image);
    }
    let kernel = Arc::new(kernel);
    let mut machine = Machine::boot(Arc::clone(&kernel), arguments.kernel.cmdline(&kernel));
    if arguments.uncached {
        machine = machine.uncached();
    }
    let lookup = arguments.source.open(&kernel, steps.len())?;
    let mut results: Vec<(Op, Option<String>, Verdict)> = Vec::new();
    for (line, step, image) in &steps {
        match (step, image) {
            (PlanStep::Insmod { insmod, .. }, Some(image)) => {
                let mut verdict = machine.insmod(image, insmod);
                explain(&mut verdict, image, &kernel, &lookup)?;
                results.push((Op::Insmod, Some(image.path().to_string_lossy().into_owned()), verdict));
            }
            (PlanStep::Insmod { .. }, None) => {}
            (PlanStep::Rmmod(name), _) => results.push((Op::Rmmod, None, machine.rmmod(name))),
            (PlanStep::Modprobe(name), _) => {
                let verdicts = machine.modprobe(name).map_err(|error| at(*line, &error))?;
                results.extend(verdicts.into_iter().map(|verdict| (Op::Modprobe, None, verdict)));
            }
        }
    }
    let unread = kernel.unread();
    let damaged = DamagedFiles::among(&unread);
    results.iter_mut().for_each(|(.., verdict)| name_absent(verdict, &kernel, kernel.tree(), &damaged));
    let entries: Vec<_> =
        results.iter().map(|(op, path, verdict)| Entry { op: *op, path: path.as_deref(), verdict }).collect();
    print(&entries, &KernelSummary::from(&*kernel), arguments.format, human_steps, steps_document)
}

/// The module that a step loads. All files are opened before anything is simulated, so a missing file does not stop a
/// boot halfway.
fn open(step: &PlanStep, budget: &Budget) -> Result<Option<Image>, CommandError> {
    let PlanStep::Insmod { path, insmod } = step else { return Ok(None) };
    let (given, file) = Given::one(path, budget)?;
    let mut files = Kernel::within(budget);
    given.tell(&mut files);
    Ok(Some(if insmod.raw { files.open_module_raw(&file)? } else { files.open_module_to_judge(&file)? }))
}

fn read(path: &Path) -> Result<String, CommandError> {
    if path == Path::new("-") {
        let text = read_stream_text(std::io::stdin().lock());
        return Ok(text.map_err(|error| format!("cannot read standard input: {error}"))?);
    }
    Ok(read_regular_text(path).map_err(|error| format!("cannot read {}: {error}", Shown::path(path)))?)
}
