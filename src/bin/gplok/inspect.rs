//! `gplok inspect`: the facts of a module file, without judging it.

use gplok::kernel::Kernel;

use crate::arguments::{FactsFormat, InspectArguments};
use crate::exit::{CommandError, Exit};
use crate::given::Given;
use crate::output::write;

pub fn run(arguments: &InspectArguments) -> Result<Exit, CommandError> {
    let (given, module) = Given::one(&arguments.module)?;
    let mut kernel = Kernel::default();
    given.tell(&mut kernel);
    let image = kernel.open_module(&module)?;
    let path = module.display().to_string();
    let facts = image.facts().ok_or_else(|| format!("{path} is no ELF file: {} bytes", image.contents().len()))?;
    write(&match arguments.format {
        FactsFormat::Human => gplok::report::inspect(&path, &facts),
        FactsFormat::Json => serde_json::to_string_pretty(&facts)? + "\n",
    })?;
    Ok(Exit::Good)
}
