//! `gplok inspect`: the facts of a module file, without judging it.

use gplok::image::Image;

use crate::arguments::{FactsFormat, InspectArguments};
use crate::exit::{CommandError, Exit};
use crate::output::write;

pub fn run(arguments: &InspectArguments) -> Result<Exit, CommandError> {
    let image = Image::open(&arguments.module)?;
    let path = arguments.module.display().to_string();
    let facts = image.facts().ok_or_else(|| format!("{path} is no ELF file: {} bytes", image.contents().len()))?;
    write(&match arguments.format {
        FactsFormat::Human => gplok::report::inspect(&path, &facts),
        FactsFormat::Json => serde_json::to_string_pretty(&facts)? + "\n",
    })?;
    Ok(Exit::Good)
}
