//! `gplok inspect`: the facts of a module file, without judging it.

use gplok::kernel::Kernel;
use gplok::report::{inspect, printable_json};
use gplok::terms::Budget;

use crate::arguments::{FactsFormat, InspectArguments};
use crate::exit::{CommandError, Exit};
use crate::given::Given;
use crate::output::write;

pub fn run(arguments: &InspectArguments, budget: &Budget) -> Result<Exit, CommandError> {
    let (given, module) = Given::one(&arguments.module, budget)?;
    let mut kernel = Kernel::within(budget);
    given.tell(&mut kernel);
    let image = kernel.open_module(&module)?;
    let path = module.to_string_lossy().into_owned();
    let facts = image.facts().ok_or_else(|| format!("{path} is no ELF file: {} bytes", image.contents().len()))?;
    write(&match arguments.format {
        FactsFormat::Human => inspect(&path, &facts),
        FactsFormat::Json => printable_json(&facts)?,
    })?;
    Ok(Exit::Good)
}
